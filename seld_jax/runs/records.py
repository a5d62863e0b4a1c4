"""The records of a run: metrics.jsonl and timings.jsonl.

metrics.jsonl holds only what configuration, seed and step determine, so that a
run which was stopped and resumed writes the same bytes as one that was not;
times and rates go to timings.jsonl.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import files

METRICS = 'metrics.jsonl'
TIMINGS = 'timings.jsonl'


def append_record(
  path: str | os.PathLike[str], record: Mapping[str, Any]
) -> None:
  """Adds a record to a file, on disk when this returns.

  Args:
    path: The file, made when missing.
    record: What JSON can hold; it should have a `step`.

  Raises:
    InputError: The file cannot be written or the disk is full.
  """
  with (
    files.explained(path),
    pathlib.Path(path).open('a', encoding='utf-8') as file,
  ):
    file.write(json.dumps(record) + '\n')
    file.flush()
    os.fsync(file.fileno())


def read_records(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Reads the records of a file; none where there is no file.

  A last line that was cut off by a crash is left out.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  *lines, rest = path.read_text(encoding='utf-8').split('\n')
  del rest  # empty, or a line without its end
  return [json.loads(line) for line in lines]


def rewind_records(
  path: str | os.PathLike[str], step: int, *, evaluated: bool = True
) -> None:
  """Drops the records after a step, which the resumed run will write again.

  Args:
    path: The file; nothing happens when it is missing.
    step: Records of this step and before are kept.
    evaluated: Whether those of the evaluation of this step are kept, too.
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
