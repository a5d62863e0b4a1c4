"""Unpacks an archive into a folder; skips files that exist already."""

import logging
import os
import pathlib
import shutil
import zlib
from collections.abc import Mapping

from seld_jax import files, progress
from seld_jax.errors import InputError
from seld_jax.fetch import split_zip

_log = logging.getLogger(__name__)

# Folder that macOS adds to archives.
_MACOS_FOLDER = '__MACOSX'


def unpack(
  path: str | os.PathLike[str],
  out: str | os.PathLike[str],
  *,
  folder: str,
  noted: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, tuple[int, int]]:
  """Unpacks an archive; each file appears whole and checked, or not at all.

  Files that are there already stay as they are. They are recognised by their
  size if they are in `noted`, and by their CRC-32 otherwise.

  Args:
    path: The last or only part of the archive, `*.zip`.
    out: Folder to unpack to.
    folder: Folder in `out` for the files. If the archive has a folder of this
      name, the files in that folder go there, and all others go to `out`. If
      not, all files go there, without the folders that hold all of them.
    noted: The result of an earlier call: these files may be replaced when
      they have changed since.

  Returns:
    Size in bytes and CRC-32 of each file of the archive, by its path in `out`.
    Files beside `folder` are left out if others of their names are there.

  Raises:
    InputError: The archive is damaged or is not a zip archive, a file is there
      with other contents, or the disk has too little space.
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
  left_out: set[str] = set()
  with progress.bar(
    f'{archive.path.name}, unpacking', total / 1e6, unit='MB'
  ) as advance:
    for name, member in members.items():
      target = out / name
      if not _is_there(target, member, noted.get(name)):
        if target.exists() and name not in noted:
          if '/' not in name:
            # No recording, but a note beside the folder, which the archives
            # of a dataset can have in different versions.
            _log.warning(
              '%s of %s is not unpacked: %s is there already, and differs',
              member.name,
              archive.path.name,
              target,
            )
            left_out.add(name)
            continue
          raise InputError(
            f'{target} is there already and differs from the file in '
            f'{archive.path.name}: move it away and start again.'
          )
        _extract(archive, member, target, missing)
        missing -= member.size
      advance(member.size / 1e6)
  return {
    name: (member.size, member.crc)
    for name, member in members.items()
    if name not in left_out
  }


def place(
  members: tuple[split_zip.Member, ...], *, folder: str
) -> dict[str, split_zip.Member]:
  """Decides the path of each file of an archive.

  Args:
    members: The files of the archive.
    folder: See `unpack`.

  Returns:
    The files by path, with `/` between folders. Hidden files and files that
    macOS adds are left out.

  Raises:
    InputError: Two files would get the same path.
  """
  placed: dict[str, split_zip.Member] = {}
  paths = {member.name: _steps(member.name) for member in members}
  paths = {name: path for name, path in paths.items() if not _is_hidden(path)}
  has_folder = any(folder in path[:-1] for path in paths.values())
  above = len(os.path.commonprefix([path[:-1] for path in paths.values()]))
  for member in members:
    if (path := paths.get(member.name)) is None:
      continue
    if folder in path[:-1]:
      # The folder can be inside others, such as the publisher's own.
      name = '/'.join(path[path.index(folder) :])
    elif has_folder:
      name = path[-1]
    else:
      name = '/'.join([folder, *path[above:]])
    if name in placed:
      raise InputError(
        f'{placed[name].name} and {member.name} of the same archive would both '
        f'be unpacked to {name}.'
      )
    placed[name] = member
  return placed


def _steps(name: str) -> list[str]:
  """The folders and the file of a path, without empty ones and `.`."""
  return [step for step in name.split('/') if step not in ('', '.')]


def _is_hidden(path: list[str]) -> bool:
  return any(step == _MACOS_FOLDER or step.startswith('.') for step in path)


def check_space(
  folder: str | os.PathLike[str], needed: float, *, advice: str = ''
) -> None:
  """Raises InputError when a disk has too little space.

  Args:
    folder: A folder on the disk.
    needed: Bytes that will be written.
    advice: Another remedy for the message, such as `', or fetch less'`.

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
  """Formats a number of bytes, e.g. `'12.3 GB'`."""
  return f'{count / 1e9:.3g} GB'


def _size(path: pathlib.Path) -> int | None:
  return path.stat().st_size if path.is_file() else None


def _is_there(
  path: pathlib.Path, member: split_zip.Member, noted: tuple[int, int] | None
) -> bool:
  """Whether a file is there with the contents that it has in the archive."""
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
  archive: split_zip.SplitZip,
  member: split_zip.Member,
  target: pathlib.Path,
  missing: int,
) -> None:
  """Unpacks one file; `missing` is the space that is still needed, in bytes."""
  hint = 'start again: unpacking will resume'
  with (
    files.atomic(target) as temporary,
    files.explained(target, needed=gigabytes(missing), hint=hint),
    temporary.open('wb') as file,
  ):
    for chunk in split_zip.chunks(archive, member):
      file.write(chunk)
