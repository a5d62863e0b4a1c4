"""The files of checkpoints, checked before Orbax opens any of them.

Anyone may have written them. Orbax and TensorStore would wait for a pipe
forever, and read a device until the memory is full.
"""

import os
import pathlib
import stat

from seld_jax.errors import InputError

# Files that Orbax reads at once, and their limit. Those of a network of
# seld_jax have less than 1 MB. The arrays are in files of other names.
_READ_AT_ONCE = ('metrics', '_METADATA', '_CHECKPOINT_METADATA', '_sharding')
_MOST_BYTES = 64_000_000

# Files and folders below a folder of checkpoints; a network has some dozens.
_MOST_ENTRIES = 100_000


def refuse_strange(folder: str | os.PathLike[str]) -> None:
  """Refuses checkpoints that hold something that cannot be read to its end.

  Symbolic links are followed. Files that vanish meanwhile are left out, because
  a training may delete a checkpoint at the same time.

  Args:
    folder: The folder of checkpoints, which may be missing.

  Raises:
    InputError: Something below the folder is neither a file nor a folder, a
      file that is read at once is too large, or there are too many files.
  """
  folder = pathlib.Path(folder)
  waiting, seen, count = [folder], set(), 0
  while waiting:
    inside = waiting.pop()
    try:
      names = sorted(os.listdir(inside))
      status = inside.stat()
    except OSError:  # missing or not readable, which its reader reports
      continue
    if (status.st_dev, status.st_ino) in seen:  # a loop of links
      continue
    seen.add((status.st_dev, status.st_ino))
    count += len(names)
    if count > _MOST_ENTRIES:
      raise InputError(
        f'{folder} has more than {_MOST_ENTRIES:,} files; is it the folder of '
        'the checkpoints of a run?'
      )
    for name in names:
      path = inside / name
      try:
        status = path.stat()
      except OSError:
        continue
      if stat.S_ISDIR(status.st_mode):
        waiting.append(path)
      elif not stat.S_ISREG(status.st_mode):
        _refuse(folder, path, 'is not a regular file')
      elif status.st_size > _MOST_BYTES and (
        name in _READ_AT_ONCE
        or path.suffix == '.json'
        or inside.name == 'array_metadatas'
      ):
        _refuse(folder, path, f'has more than {_MOST_BYTES // 10**6} MB')


def _refuse(folder: pathlib.Path, path: pathlib.Path, why: str) -> None:
  checkpoint = folder / path.relative_to(folder).parts[0]
  raise InputError(
    f'{path} {why}, so it is no file of a checkpoint; delete {checkpoint}, and '
    'the same command uses another checkpoint.'
  )
