"""Downloads and unpacks TAU-NIGENS Spatial Sound Events 2020.

python -m seld_jax.tau2020 --out=DIR

An interrupted run continues when the command is started again. When all files
are there, the command does nothing.
"""

from absl import flags

from seld_jax import commands
from seld_jax.fetch import fetch
from seld_jax.tau2020.published import FORMATS, SPLITS, URL, select


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string('out', None, 'Folder for the unpacked dataset.')
  define.enum(
    'formats',
    'both',
    list(FORMATS),
    'First-order Ambisonics (foa), the microphone array (mic), or both.',
  )
  define.enum(
    'splits',
    'both',
    list(SPLITS),
    'Development recordings (dev), evaluation recordings (eval), or both. '
    'Their labels are always included.',
  )
  define.string(
    'url',
    URL,
    'Address of the archives, such as a mirror; {name} stands for the file '
    'name of an archive.',
  )
  define.bool(
    'keep_archives',
    False,
    'Keep the archives in OUT/archives after they are unpacked.',
  )
  define.integer(
    'retries',
    5,
    'How often a download is retried in a row without receiving any data '
    'before the command gives up.',
    lower_bound=0,
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Fetches the archives that the flags select."""
  commands.refuse_arguments(argv)
  selected = select(formats=values.formats, splits=values.splits)
  fetched = fetch.fetch(
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
