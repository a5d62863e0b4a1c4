"""Fetches TAU-NIGENS Spatial Sound Events 2020 as published.

python -m seld_jax.tau2020 --out=DIR

What was interrupted continues when the command is run again; when everything is
there, it does nothing.
"""

from absl import flags

from seld_jax import commands
from seld_jax.tau2020 import archives
from seld_jax.tau2020.published import FORMATS, SPLITS, URL, select


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string('out', None, 'Folder to unpack to.', flag_values=values)
  flags.DEFINE_enum(
    'formats',
    'both',
    list(FORMATS),
    'First-order Ambisonics (foa), the microphone array (mic), or both.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'splits',
    'both',
    list(SPLITS),
    'Development recordings (dev), evaluation recordings (eval), or both; '
    'each with its labels.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'url',
    URL,
    'Where the archives are, as a mirror of them; {name} stands for the name '
    'of each.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'keep_archives',
    False,
    'Keep the archives when they are unpacked, in OUT/archives.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'retries',
    5,
    'How often a broken download is taken up again before giving up.',
    lower_bound=0,
    flag_values=values,
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Fetches what the flags ask for."""
  commands.refuse_arguments(argv)
  selected = select(formats=values.formats, splits=values.splits)
  fetched = archives.fetch(
    values.out,
    selected,
    url=values.url,
    keep_archives=values.keep_archives,
    retries=values.retries,
  )
  if not fetched:
    print('Everything was there already.')
  for archive in selected:
    print(f'{values.out}/{archive.folder}: {len(archive.names)} files')


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',), resumes=True)
