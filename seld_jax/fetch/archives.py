"""Fetches archives into a folder: downloads, checks and unpacks them."""

import contextlib
import dataclasses
import json
import logging
import math
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import files, json_files
from seld_jax.errors import InputError
from seld_jax.fetch import download, record, unpack

# Folder for the archives until they are unpacked.
ARCHIVES_FOLDER = 'archives'
# Approximate size of unpacked audio, relative to its archive.
_EXPANSION = 1.7
# Suffixes of the recordings and label files of all published datasets.
_SUFFIXES = ('.wav', '.csv')
# The dataset of notes that do not name one.
_FIRST_DATASET = 'tau2020'
_log = logging.getLogger(__name__)
# Lists the unpacked files, with their sizes and checksums.
MANIFEST = '.fetched.json'


@dataclasses.dataclass(frozen=True)
class Archive:
  """An archive to fetch, whole or in parts.

  Attributes:
    folder: The folder for its files. The archive has the same name.
    checksums: The MD5 of each part by file name, in order. Empty texts stand
      for checksums that only the publisher's record knows.
    names: Files that the folder must contain afterwards, if they are known.
    num_files: Number of recordings or label files according to the publisher;
      0 if it is unknown.
    unpacked_bytes: Approximate size of all its files in bytes; 0 if unknown.
    sizes: The sizes of the parts in bytes, as far as they are known.
    record: Number of the publisher's record.

  Example:
    >>> from seld_jax import fetch
    >>> fetch.Archive('foa_dev', {'foa_dev.zip': ''}, num_files=168).folder
    'foa_dev'
  """

  folder: str
  checksums: Mapping[str, str]
  names: tuple[str, ...] = ()
  num_files: int = 0
  unpacked_bytes: int = 0
  sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
  record: int = 0


def fetch(
  out: str | os.PathLike[str],
  archives: Sequence[Archive],
  *,
  dataset: str,
  url: str,
  record_url: str = '',
  keep_archives: bool = False,
  retries: int = 5,
  pause: float = 2.0,
) -> list[str]:
  """Downloads, checks and unpacks archives; skips steps that are done.

  Args:
    out: Folder to unpack to. It may contain other files, but the folders of
      the archives must be empty, missing, or written by this function.
    archives: The archives to fetch.
    dataset: Name of the dataset. Only one can be in a folder.
    url: Address of the parts. `{name}` stands for the file name of a part; if
      it does not occur, the name is appended after a slash. `{record}` stands
      for the number of the record.
    record_url: Address of the list of the files of a record in JSON, which is
      read for unknown checksums. `{record}` stands for its number.
    keep_archives: Whether to keep the archives in `OUT/archives` after they
      are unpacked.
    retries: See `download.download`.
    pause: See `download.download`.

  Returns:
    The folders that were incomplete before. The list is empty when everything
    was there already.

  Raises:
    InputError: A download fails, a file has unexpected contents or cannot be
      written, or the disk has too little space.
  """
  out = pathlib.Path(out)
  try:
    out.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(
      f'{out} cannot be used as a folder: {error.strerror}; choose another '
      '--out.'
    ) from error
  busy = (
    f'Another command is fetching to {out}: wait until it is done, or stop it.'
  )
  with files.lock(
    out / '.fetching.lock', busy=lambda holder: busy, remove=True
  ):
    manifest = _read_manifest(out)
    files.remove_fragments(out, of=(MANIFEST,))
    _refuse_other_dataset(out, manifest, dataset)
    todo = [a for a in archives if not _is_complete(out, manifest, a)]
    _refuse_foreign_files(out, manifest, todo)
    # With few retries: without a network, the user should learn it soon.
    asking = {'retries': min(retries, 2), 'pause': pause}
    todo, unread = _with_checksums(todo, record_url, asking)
    sizes = _part_sizes(out, todo, url, asking)
    if todo:
      for reason in unread:
        _log.warning(
          'the checksums of some archives are unknown (%s); these archives are '
          'checked by their sizes, and each file in them by its CRC-32',
          reason.rstrip('.'),
        )
      _announce(out, todo, sizes, keep_archives)
      _begin(out, manifest, todo, dataset, keep_archives)
    pending = {archive.folder: archive for archive in todo}
    for archive in archives:
      if archive.folder in pending:
        archive = pending[archive.folder]
        for name in archive.checksums:
          _download(out, archive, name, sizes[name], url, retries, pause)
        _unpack(out, manifest, archive, dataset, keep_archives)
      if not manifest[archive.folder]['kept']:
        _remove(out, archive)
  return [archive.folder for archive in todo]


def num_files(out: str | os.PathLike[str], folder: str) -> int:
  """Counts the files that were unpacked to a folder, whatever is there now.

  Args:
    out: See `fetch`.
    folder: The folder of an archive.

  Returns:
    Their number, with those in folders within it; 0 if there are none.
  """
  entry = _read_manifest(pathlib.Path(out)).get(folder, {'files': {}})
  return sum(name.startswith(f'{folder}/') for name in entry['files'])


def _with_checksums(
  archives: Sequence[Archive], record_url: str, asking: Mapping[str, Any]
) -> tuple[list[Archive], list[str]]:
  """Asks the records of archives for the checksums that are unknown.

  Args:
    archives: The archives.
    record_url: See `fetch`.
    asking: Options of the requests.

  Returns:
    The archives with their checksums, and why some of them are still unknown.
  """
  completed: list[Archive] = []
  listed: dict[str, dict[str, record.File]] = {}
  unread: list[str] = []
  for archive in archives:
    if '' in archive.checksums.values():
      address = record_url.replace('{record}', str(archive.record))
      if address not in listed:
        try:
          listed[address] = record.read(address, **asking)
        except InputError as error:
          # A mirror may have the archives, but not the record.
          listed[address] = {}
          unread.append(str(error))
      if listed[address]:
        known = record.missing(archive.checksums, listed[address], address)
        archive = dataclasses.replace(
          archive,
          checksums={
            name: known[name].md5 if name in known else checksum
            for name, checksum in archive.checksums.items()
          },
          sizes={
            **archive.sizes,
            **{name: file.size for name, file in known.items()},
          },
        )
    completed.append(archive)
  return completed, unread


def _part_sizes(
  out: pathlib.Path,
  archives: Sequence[Archive],
  url: str,
  asking: Mapping[str, Any],
) -> dict[str, int | None]:
  """The sizes of all parts, to announce them; None where nobody knows it.

  The server is not asked for a part that is there already: it is checked by
  its checksum later.
  """
  sizes: dict[str, int | None] = {}
  for archive in archives:
    for name in archive.checksums:
      path = out / ARCHIVES_FOLDER / name
      if name in archive.sizes:
        sizes[name] = archive.sizes[name]
      elif path.is_file():
        sizes[name] = path.stat().st_size
      else:
        address = _address(url, archive, name)
        sizes[name] = download.file_size(address, **asking)
  return sizes


def _download(
  out: pathlib.Path,
  archive: Archive,
  name: str,
  reported: int | None,
  url: str,
  retries: int,
  pause: float,
) -> None:
  """Downloads a part of an archive; `reported` is from `_part_sizes`."""
  path = out / ARCHIVES_FOLDER / name
  if path.is_file():
    reported = None  # the size of that file, which may be cut off
  checksum, size = archive.checksums[name], archive.sizes.get(name)
  if not checksum and size is None:
    size = reported
  known = [] if reported is None else [reported]
  if archive.unpacked_bytes:
    # Compression can only make it smaller; sizes of files are approximate.
    known.append(2 * archive.unpacked_bytes + 10**6)
  download.download(
    _address(url, archive, name),
    path,
    checksum=f'md5:{checksum}' if checksum else '',
    size=size,
    most=min(known, default=None),
    retries=retries,
    pause=pause,
  )


def _address(url: str, archive: Archive, name: str) -> str:
  url = url.replace('{record}', str(archive.record))
  if '{name}' in url:
    return url.replace('{name}', name)
  return f'{url.rstrip("/")}/{name}'


def _read_manifest(out: pathlib.Path) -> dict[str, Any]:
  """Returns the manifest, with an entry for each folder.

  Its keys are `done`, `kept`, `files`, `dataset` and `unpacking`: whether files
  may be there already. Version 0.1 knew one dataset, and wrote no entry before
  it unpacked.
  """
  path = out / MANIFEST
  if not path.exists():
    return {}
  try:
    return {
      folder: {
        'done': entry['done'],
        'kept': entry['kept'],
        'files': {k: (size, crc) for k, (size, crc) in entry['files'].items()},
        'dataset': str(entry.get('dataset', _FIRST_DATASET)),
        'unpacking': bool(entry.get('unpacking', True)),
      }
      for folder, entry in json_files.read(path).items()
    }
  except (ValueError, LookupError, TypeError, AttributeError) as error:
    raise InputError(
      f'{path} was not written by this command, or is damaged: remove it '
      'together with the folders that were unpacked beside it.'
    ) from error


def _is_complete(
  out: pathlib.Path, manifest: Mapping[str, Any], archive: Archive
) -> bool:
  entry = manifest.get(archive.folder)
  if entry is None or not entry['done']:
    return False
  for name, (size, _) in entry['files'].items():
    path = out / name
    if not path.is_file() or path.stat().st_size != size:
      return False
  return True


def _refuse_other_dataset(
  out: pathlib.Path, manifest: dict[str, Any], dataset: str
) -> None:
  """Raises InputError when the folder has files of another dataset.

  The archives of all datasets have the same names. A dataset of which nothing
  was received yet is forgotten.
  """
  for folder, entry in list(manifest.items()):
    other = entry['dataset']
    if other == dataset:
      continue
    if entry['unpacking']:
      raise InputError(
        f'{out} holds {other}, which would mix with {dataset}: choose another '
        '--out.'
      )
    parts = (out / ARCHIVES_FOLDER).glob(f'{folder}.*')
    if any(part.stat().st_size for part in parts):
      raise InputError(
        f'{out / ARCHIVES_FOLDER} holds archives of {other}: delete them, or '
        f'choose another --out for {dataset}.'
      )
    del manifest[folder]


def _refuse_foreign_files(
  out: pathlib.Path, manifest: Mapping[str, Any], todo: Sequence[Archive]
) -> None:
  """Raises InputError when a folder has files that this command did not write.

  They are neither replaced nor mixed with the files of an archive.
  """
  for archive in todo:
    folder = out / archive.folder
    entry = manifest.get(archive.folder)
    known = entry is not None and entry['unpacking']
    if not known and any(folder.glob('*')):
      raise InputError(
        f'{folder} contains files that this command did not write: move them '
        'away, or choose another --out.'
      )


def _announce(
  out: pathlib.Path,
  todo: Sequence[Archive],
  sizes: Mapping[str, int | None],
  keep_archives: bool,
) -> None:
  """Prints what will be downloaded; refuses when the disk is too small."""
  download_bytes = used = peak = 0
  for archive in todo:
    for name in archive.checksums:
      path = out / ARCHIVES_FOLDER / name
      there = sum(
        one.stat().st_size
        for one in (path, path.with_name(f'{name}.part'))
        if one.exists()
      )
      missing = max(0, (sizes[name] or 0) - there)
      download_bytes += missing
      used += missing
    packed = sum(sizes[name] or 0 for name in archive.checksums)
    unpacked = archive.unpacked_bytes or math.ceil(packed * _EXPANSION)
    there = sum(
      one.stat().st_size
      for one in (out / archive.folder).rglob('*')
      if one.is_file()
    )
    used += max(0, unpacked - there)
    peak = max(peak, used)
    if not keep_archives:
      used -= packed
  # On standard error like the progress bars: it is not the command's result.
  print(
    f'{unpack.gigabytes(download_bytes)} to download; including the unpacked '
    f'files, {out} will need {unpack.gigabytes(peak)}.',
    file=sys.stderr,
  )
  unpack.check_space(out, peak, advice=', or fetch less')


def _begin(
  out: pathlib.Path,
  manifest: dict[str, Any],
  archives: Sequence[Archive],
  dataset: str,
  keep_archives: bool,
) -> None:
  """Notes of which dataset the archives are that will be downloaded."""
  for archive in archives:
    entry = {'done': False, 'kept': keep_archives, 'files': {}}
    entry.update(dataset=dataset, unpacking=False)
    manifest.setdefault(archive.folder, entry)
  _write_manifest(out, manifest)


def _unpack(
  out: pathlib.Path,
  manifest: dict[str, Any],
  archive: Archive,
  dataset: str,
  keep_archives: bool,
) -> None:
  """Unpacks an archive and checks that none of its files is missing."""
  noted = manifest.get(archive.folder, {}).get('files', {})
  entry = {'done': False, 'kept': keep_archives, 'files': noted}
  entry.update(dataset=dataset, unpacking=True)
  manifest[archive.folder] = entry
  _write_manifest(out, manifest)
  for folder, _, _ in os.walk(out / archive.folder):
    files.remove_fragments(folder)
  path = out / ARCHIVES_FOLDER / list(archive.checksums)[-1]
  found = unpack.unpack(path, out, folder=archive.folder, noted=noted)
  lost = [n for n in archive.names if f'{archive.folder}/{n}' not in found]
  if lost:
    raise InputError(
      f'{path} lacks {len(lost)} of {len(archive.names)} files; the first one '
      f'is {lost[0]}.'
    )
  count = sum(
    name.startswith(f'{archive.folder}/') and name.lower().endswith(_SUFFIXES)
    for name in found
  )
  if not count and not archive.names:
    raise InputError(f'{path} has no recordings or label files.')
  if archive.num_files not in (0, count):
    _log.warning(
      '%s has %d files (%s), but its publisher speaks of %d',
      out / archive.folder,
      count,
      ', '.join(_SUFFIXES),
      archive.num_files,
    )
  entry.update(done=True, files=found)
  _write_manifest(out, manifest)


def _write_manifest(out: pathlib.Path, manifest: Mapping[str, Any]) -> None:
  files.write_text(out / MANIFEST, json.dumps(manifest) + '\n')


def _remove(out: pathlib.Path, archive: Archive) -> None:
  """Deletes an archive, and the folder of archives when it is empty then."""
  for name in archive.checksums:
    (out / ARCHIVES_FOLDER / name).unlink(missing_ok=True)
  with contextlib.suppress(OSError):
    (out / ARCHIVES_FOLDER).rmdir()
