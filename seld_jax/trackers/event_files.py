"""TensorBoard: the event files of a run, by tensorboardX."""

import importlib
import pathlib
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

# In the run directory.
FOLDER = 'tensorboard'

_PREFIX = 'events.out.tfevents.'


class EventFiles:
  """Writes the records of a run to an event file.

  Each record is one event, which is on disk when `write` returns. The number
  of records is that of the events that are there, also after a crash.

  Args:
    folder: The run directory.
    is_new: Whether event files that are there belong to another run; their
      names change, so that TensorBoard does not show them.
    settings: The configuration, by the name of each field.

  Attributes:
    written: Number of records in the event files.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    *,
    is_new: bool,
    settings: Mapping[str, Any],
  ):
    tensorboardx = importlib.import_module('tensorboardX')
    summary = importlib.import_module('tensorboardX.summary')
    self._event: Any = _event_type()
    folder = folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(folder.glob(f'{_PREFIX}*'))
    if is_new:
      for path in paths:
        path.rename(path.with_name(path.name.replace('tfevents', 'earlier')))
      paths = []
    self.written: int | None = sum(
      any(value.HasField('simple_value') for value in event.summary.value)
      for path in paths
      for event in _events(path)
    )
    # The number, because two files of a second would have the same name.
    name = f'{int(time.time())}.{socket.gethostname()}.{len(paths)}'
    self._writer = tensorboardx.RecordWriter(str(folder / f'{_PREFIX}{name}'))
    self._add(file_version='brain.Event:2')
    if not paths:
      plain = {
        name: value if isinstance(value, bool | int | float) else str(value)
        for name, value in settings.items()
      }
      # Without an experiment, TensorBoard finds the metrics by itself.
      _, start, _ = summary.hparams(plain, {})
      lines = (f'| {name} | {value} |' for name, value in plain.items())
      table = '\n'.join(('| field | value |', '|---|---|', *lines))
      self._add(summary=start)
      self._add(summary=summary.text('config', table))

  def write(self, index: int, step: int, values: Mapping[str, float]) -> None:
    """Writes a record; see `mirroring.Tracker`."""
    del index
    scalars = [
      {'tag': name, 'simple_value': value} for name, value in values.items()
    ]
    self._add(step=step, summary={'value': scalars})

  def close(self, *, is_complete: bool) -> None:
    """Ends the file; see `mirroring.Tracker`."""
    if is_complete:
      summary = importlib.import_module('tensorboardX.summary')
      _, _, end = summary.hparams({}, {})
      self._add(summary=end)
    self._writer.close()

  def _add(self, **fields: Any) -> None:
    event = self._event(wall_time=time.time(), **fields)
    self._writer.write(event.SerializeToString())
    self._writer.flush()


def _event_type() -> Any:
  return importlib.import_module('tensorboardX.proto.event_pb2').Event


def _events(path: pathlib.Path) -> Iterator[Any]:
  """The events of a file, up to one that a crash has cut off."""
  parse = _event_type().FromString
  with path.open('rb') as file:
    # Length, its checksum, the event, its checksum.
    while len(head := file.read(12)) == 12:
      (length,) = struct.unpack('<Q', head[:8])
      content = file.read(length + 4)
      if len(content) < length + 4:
        return
      yield parse(content[:-4])
