"""Flags and work of the commands that fetch a dataset."""

from collections.abc import Sequence

from absl import flags

from seld_jax import commands
from seld_jax.fetch import archives, published


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags that do not depend on the dataset.

  Args:
    values: Where the flags are defined.
  """
  define = commands.Define(values)
  define.string('out', None, 'Folder for the unpacked dataset.')
  define.enum(
    'splits',
    'both',
    list(published.SPLITS),
    'Development recordings (dev), evaluation recordings (eval), or both. '
    'Their labels are always included.',
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


def fetch_dataset(
  name: str,
  selected: Sequence[archives.Archive],
  values: flags.FlagValues,
  *,
  url: str,
  record_url: str = published.RECORD_URL,
) -> None:
  """Fetches archives of a dataset, and prints what is there.

  Args:
    name: Name of the dataset.
    selected: Its archives to fetch, from `published.select`.
    values: The flags of `define_flags`.
    url: Address of the archives, as for `archives.fetch`.
    record_url: Address of the records, as for `archives.fetch`.

  Raises:
    InputError: The archives cannot be fetched.
  """
  fetched = archives.fetch(
    values.out,
    selected,
    dataset=name,
    url=url,
    record_url=record_url,
    keep_archives=values.keep_archives,
    retries=values.retries,
  )
  if not fetched:
    print('Everything was there already.')
  for archive in selected:
    count = len(archive.names) or archives.num_files(values.out, archive.folder)
    print(f'{values.out}/{archive.folder}: {count} files')
