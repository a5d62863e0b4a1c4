"""Downloads and unpacks TAU-NIGENS Spatial Sound Events 2020.

python -m seld_jax.tau2020 --out=DIR

The same as `python -m seld_jax.fetch tau2020`. An interrupted run continues
when the command is started again. When all files are there, the command does
nothing.
"""

from collections.abc import Mapping

from absl import flags

from seld_jax import commands, fetch
from seld_jax.fetch import command, recording_names

__all__ = [
  'CHECKSUMS',
  'FORMATS',
  'SPLITS',
  'URL',
  'define_flags',
  'main',
  'recording_names',
  'select',
]

# What this module offered before there was `fetch`.
CHECKSUMS = {
  name: checksum
  for archive in fetch.DATASETS['tau2020'].archives
  for name, checksum in archive.checksums.items()
}
FORMATS: Mapping[str, tuple[str, ...]] = {
  'foa': ('foa',),
  'mic': ('mic',),
  'both': ('foa', 'mic'),
}
SPLITS: Mapping[str, tuple[str, ...]] = {
  'dev': ('dev',),
  'eval': ('eval',),
  'both': ('dev', 'eval'),
}
URL = 'https://zenodo.org/records/4064792/files/{name}?download=1'


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  command.define_flags(values)
  define = commands.Define(values)
  define.enum(
    'formats',
    'both',
    list(FORMATS),
    'First-order Ambisonics (foa), the microphone array (mic), or both.',
  )
  define.string(
    'url',
    URL,
    'Address of the archives, such as a mirror; {name} stands for the file '
    'name of an archive.',
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Fetches the archives that the flags select."""
  commands.refuse_arguments(argv)
  selected = select(formats=values.formats, splits=values.splits)
  command.fetch_dataset('tau2020', selected, values, url=values.url)


def select(
  *, formats: str = 'both', splits: str = 'both'
) -> list[fetch.Archive]:
  """The same as `fetch.select('tau2020', ...)`.

  Args:
    formats: `'foa'`, `'mic'` or `'both'`.
    splits: `'dev'`, `'eval'` or `'both'`.

  Returns:
    The archives, in the order in which they are fetched.

  Example:
    >>> from seld_jax import tau2020
    >>> archives = tau2020.select(formats='foa', splits='dev')
    >>> list(archives[1].checksums)
    ['foa_dev.z01', 'foa_dev.z02', 'foa_dev.zip']
  """
  return fetch.select('tau2020', formats=formats, splits=splits)


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',), resumes=True)
