"""Unpacks an archive into a folder, as far as it is not there yet."""

import errno
import os
import pathlib
import shutil
import zlib
from collections.abc import Mapping

from seld_jax import files, progress
from seld_jax.errors import InputError
from seld_jax.tau2020 import split_zip

# What macOS adds to archives.
_LITTER = '__MACOSX'


def unpack(
  path: str | os.PathLike[str],
  out: str | os.PathLike[str],
  *,
  folder: str,
  noted: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, tuple[int, int]]:
  """Unpacks an archive; each file appears whole and checked, or not at all.

  Files that are there already stay as they are, and nothing is read that need
  not be: those in `noted` are known by their size, others by their CRC-32.

  Args:
    path: The last or only part of the archive, `*.zip`.
    out: Where to unpack to.
    folder: Folder in `out` for the files. Where the archive has a folder of
      this name, its files go there, and those beside it go beside it; where it
      has none, all files go there, without their folders.
    noted: What an earlier call returned: files that may be replaced where they
      have changed since.

  Returns:
    Size in bytes and CRC-32 of each file of the archive, by its path below
    `out`.

  Raises:
    InputError: The archive is damaged or no zip archive; a file is there with
      other contents; or there is too little space on the disk.
  """
  out = pathlib.Path(out)
  archive = split_zip.read(path)
  members = place(archive.members, folder=folder)
  noted = noted or {}
  missing = sum(
    member.size
    for name, member in members.items()
    if _size(out / name) != member.size
  )
  check_space(out, missing)
  total = sum(member.size for member in members.values())
  with progress.bar(
    f'{archive.path.name}, unpacking', total / 1e6, unit='MB'
  ) as advance:
    for name, member in members.items():
      target = out / name
      if not _is_there(target, member, noted.get(name)):
        if target.exists() and name not in noted:
          raise InputError(
            f'{target} is there already and differs from that in '
            f'{archive.path.name}: move it away and start again.'
          )
        _extract(archive, member, target, missing)
        missing -= member.size
      advance(member.size / 1e6)
  return {name: (member.size, member.crc) for name, member in members.items()}


def place(
  members: tuple[split_zip.Member, ...], *, folder: str
) -> dict[str, split_zip.Member]:
  """Where each file of an archive goes.

  Args:
    members: The files of the archive.
    folder: As for `unpack`.

  Returns:
    The files by their paths, with `/`. What operating systems put into
    archives for themselves is left out.

  Raises:
    InputError: Two files have the same place.
  """
  placed: dict[str, split_zip.Member] = {}
  paths = {member.name: member.name.split('/') for member in members}
  has_folder = any(folder in path[:-1] for path in paths.values())
  for member in members:
    path = paths[member.name]
    if _LITTER in path or path[-1].startswith('.'):
      continue
    if folder in path[:-1]:
      # The folder may lie in others, as those of the one who made it.
      name = '/'.join(path[path.index(folder) :])
    elif has_folder:
      name = path[-1]
    else:
      name = f'{folder}/{path[-1]}'
    if name in placed:
      raise InputError(
        f'{placed[name].name} and {member.name} of one archive would both be '
        f'unpacked to {name}.'
      )
    placed[name] = member
  return placed


def check_space(
  folder: str | os.PathLike[str], needed: float, *, advice: str = ''
) -> None:
  """Refuses to begin what cannot end for want of space.

  Args:
    folder: Folder on the disk in question.
    needed: Bytes that will be written.
    advice: What else can be done, in the imperative.

  Raises:
    InputError: The disk has less space.
  """
  free = shutil.disk_usage(folder).free
  if free < needed:
    raise InputError(
      f'{folder} needs {gigabytes(needed)} more, but its disk has '
      f'{gigabytes(free)} left: free {gigabytes(needed - free)}{advice}.'
    )


def gigabytes(count: float) -> str:
  """A number of bytes for people, e.g. `'12.3 GB'`."""
  return f'{count / 1e9:.3g} GB'


def _size(path: pathlib.Path) -> int | None:
  return path.stat().st_size if path.is_file() else None


def _is_there(
  path: pathlib.Path, member: split_zip.Member, noted: tuple[int, int] | None
) -> bool:
  """Whether a file need not be unpacked again."""
  if _size(path) != member.size:
    return False
  if noted is not None and tuple(noted) == (member.size, member.crc):
    return True
  crc = 0
  with path.open('rb') as file:
    while block := file.read(split_zip.BLOCK):
      crc = zlib.crc32(block, crc)
  return crc == member.crc


def _extract(
  archive: split_zip.Archive,
  member: split_zip.Member,
  target: pathlib.Path,
  missing: int,
) -> None:
  with files.atomic(target) as temporary:
    try:
      with temporary.open('wb') as file:
        for chunk in split_zip.chunks(archive, member):
          file.write(chunk)
    except OSError as error:
      if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise
      raise InputError(
        f'{target} could not be written: the disk that holds {target.parent} '
        f'is full; free {gigabytes(missing)} and start again, which continues '
        'what is unpacked so far.'
      ) from error
