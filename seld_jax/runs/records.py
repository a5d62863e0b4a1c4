"""The records of a run, one JSON object per line.

metrics.jsonl has losses and scores, which depend on configuration, seed and
step only: a run that was stopped and resumed writes the same bytes as a run
that was not. Times and rates are in timings.jsonl.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import files, json_files
from seld_jax.errors import InputError, shown

# A run of a million steps with a record for each has about 300 MB.
_MOST_BYTES = 2_000_000_000

# Larger integers have no float of their own.
_MOST_STEPS = 2**53

METRICS = 'metrics.jsonl'
TIMINGS = 'timings.jsonl'


def append_record(
  path: str | os.PathLike[str], record: Mapping[str, Any]
) -> None:
  """Appends a record to a file; it is on disk when the function returns.

  Args:
    path: The file; it is created if it is missing.
    record: A JSON object with the field `step`.

  Raises:
    InputError: The file cannot be written or the disk is full.

  Example:
    >>> from seld_jax import runs
    >>> runs.append_record(runs.METRICS, {'step': 100, 'loss': 0.5})
    >>> runs.read_records(runs.METRICS)
    [{'step': 100, 'loss': 0.5}]
  """
  with (
    files.explained(path),
    pathlib.Path(path).open('a', encoding='utf-8') as file,
  ):
    file.write(json.dumps(record) + '\n')
    file.flush()
    os.fsync(file.fileno())


def read_records(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Reads the records of a file.

  Args:
    path: The file.

  Returns:
    The records, without a last line that a crash has cut off; an empty list if
    there is no file.

  Raises:
    InputError: The file cannot be read, or another line is not a JSON object
      with a step.

  Example:
    >>> from seld_jax import runs
    >>> runs.read_records('missing.jsonl')
    []
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  if not path.is_file():
    kind = 'a folder' if path.is_dir() else 'a pipe or a device'
    raise InputError(f'{path} must be a file with records, but is {kind}.')
  if path.stat().st_size > _MOST_BYTES:
    raise InputError(
      f'{path} has {path.stat().st_size / 1e9:.1f} GB, more than the '
      f'{_MOST_BYTES / 1e9:.0f} GB that are read; is it the file of a run?'
    )
  *lines, rest = path.read_bytes().split(b'\n')
  del rest  # empty, or an incomplete line
  return [_parse(path, number, line) for number, line in enumerate(lines, 1)]


def rewind_records(
  path: str | os.PathLike[str], step: int, *, evaluated: bool = True
) -> None:
  """Drops the records after a step; a resumed run writes them again.

  Args:
    path: The file; nothing happens when it is missing.
    step: Records of this step and earlier ones are kept.
    evaluated: Whether scores of this step are kept as well; with False, only
      its training losses are.

  Example:
    >>> from seld_jax import runs
    >>> for step in 1, 2, 3:
    ...   runs.append_record(runs.METRICS, {'step': step, 'split': 'train'})
    >>> runs.rewind_records(runs.METRICS, 2)
    >>> [record['step'] for record in runs.read_records(runs.METRICS)]
    [1, 2]
  """
  path = pathlib.Path(path)
  if not path.exists():
    return
  kept = [
    record
    for record in read_records(path)
    if record['step'] < step
    or record['step'] == step
    and (evaluated or record.get('split') == 'train')
  ]
  files.write_text(path, ''.join(json.dumps(record) + '\n' for record in kept))


def _parse(path: pathlib.Path, number: int, line: bytes) -> dict[str, Any]:
  source = f'{path}, line {number},'
  remedy = 'Delete the line to resume or show the run without this record.'
  try:
    record = json_files.parse(line, source)
  except InputError as error:
    raise InputError(f'{error} {remedy}') from error
  step = record.get('step') if isinstance(record, dict) else None
  if (
    isinstance(step, bool)
    or not isinstance(step, int)
    or not 0 <= step <= _MOST_STEPS
  ):
    raise InputError(
      f'{source} needs a JSON object with an integer step of 0 or more, got '
      f'{shown(record)}. {remedy}'
    )
  return record
