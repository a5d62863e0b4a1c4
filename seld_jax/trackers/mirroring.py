"""Trackers as mirrors of metrics.jsonl: each record once, also after a crash.

A run that is stopped and resumed writes the same records in the same order.
Therefore the number of records that a tracker has says what it lacks. The file
`STATE` in the run directory holds these numbers, and the name of the run.
"""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NotRequired, Protocol, TypedDict

import msgspec

from seld_jax import files, json_files
from seld_jax.errors import InputError
from seld_jax.trackers.event_files import EventFiles
from seld_jax.trackers.packages import JSONL, check_installed
from seld_jax.trackers.trackio_run import TrackioRun
from seld_jax.trackers.wandb_run import WandbRun

_log = logging.getLogger(__name__)

STATE = 'trackers.json'

# The split of the final scores, which are no record of metrics.jsonl.
FINAL = 'final'


class _State(TypedDict):
  """The content of `STATE`."""

  name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
  project: NotRequired[str]
  settings: str
  written: dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**53)]]
  # The names of the final results that each tracker has.
  final: NotRequired[dict[str, list[str]]]


class Tracker(Protocol):
  """What a tracker does; each method may raise any exception.

  Attributes:
    written: Number of records that it has; None if it does not know.
  """

  written: int | None

  def write(self, index: int, step: int, values: Mapping[str, float]) -> None:
    """Writes a record.

    Args:
      index: Its number, from 0.
      step: Its step.
      values: Numbers by name, such as `train/loss`.
    """

  def close(self, *, is_complete: bool) -> None:
    """Writes what is left.

    Args:
      is_complete: Whether the run has its final scores.
    """


class Mirror:
  """The trackers of a run, to which its records are copied.

  A tracker that fails is left out from then on, with one warning: the training
  goes on, and metrics.jsonl has all records. `mirror` makes this object.

  Args:
    path: The file `STATE` of the run.
    state: Its content.
    opened: The trackers by name.

  Example:
    >>> from seld_jax import trackers
    >>> with trackers.mirror(
    ...   'run', ['jsonl'], project='test', settings={'seed': 0}
    ... ) as copies:
    ...   copies.follow([{'step': 100, 'split': 'train', 'loss': 0.5}])
    ...   copies.finish({'test': {'seld_score': 0.4}}, step=100)
  """

  def __init__(
    self, path: pathlib.Path, state: _State, opened: Mapping[str, Tracker]
  ):
    self._path, self._state, self._opened = path, state, dict(opened)
    self._position = 0
    self._is_complete = False

  def follow(self, records: Sequence[Mapping[str, Any]]) -> None:
    """Starts after the records of metrics.jsonl; writes those that are missing.

    Args:
      records: All records, once the run was rewound to its checkpoint.
    """
    self._position = 0
    for record in records:
      self._copy(record)
    self.save()

  def write(self, record: Mapping[str, Any]) -> None:
    """Copies a record that was appended to metrics.jsonl.

    Args:
      record: The record. Trackers that have it from before do not get it again.
    """
    if self._copy(record):
      self.save()

  def finish(
    self, results: Mapping[str, Mapping[str, Any]], *, step: int
  ) -> None:
    """Copies the final scores, as `final/RESULT/SCORE`.

    Args:
      results: The scores of each result by its name. Trackers that have a
        result from before do not get it again.
      step: The step that was tested.
    """
    have = self._state.setdefault('final', {})
    for name in list(self._opened):
      index = max(self._state['written'].get(name, 0), self._position)
      # Earlier versions did not write down which results they had sent.
      sent = have.setdefault(name, [*results] if index > self._position else [])
      new = [result for result in results if result not in sent]
      if not new:
        continue
      flat = {
        f'{result}/{score}': value
        for result in new
        for score, value in results[result].items()
      }
      record = {'step': step, 'split': FINAL, **flat}
      with self._guarded(name):
        self._opened[name].write(index, step, scalars(record))
        self._state['written'][name] = index + 1
        sent += new
    self.save()
    self._is_complete = True

  def close(self) -> None:
    """Ends all trackers."""
    for name in list(self._opened):
      with self._guarded(name):
        self._opened[name].close(is_complete=self._is_complete)
    self._opened.clear()

  def _copy(self, record: Mapping[str, Any]) -> bool:
    """Copies a record to trackers that lack it; returns if there are any."""
    index = self._position
    self._position += 1
    is_copied = False
    for name in list(self._opened):
      if self._state['written'].get(name, 0) > index:
        continue
      with self._guarded(name):
        self._opened[name].write(index, record['step'], scalars(record))
        self._state['written'][name] = index + 1
        is_copied = True
    return is_copied

  def save(self) -> None:
    """Writes the file `STATE`; if it cannot, all trackers are left out."""
    if not self._opened:
      return
    try:
      files.write_text(self._path, json.dumps(self._state, indent=2))
    except Exception as error:
      for name in list(self._opened):
        self._leave_out(name, error)

  @contextlib.contextmanager
  def _guarded(self, name: str) -> Iterator[None]:
    """Leaves a tracker out if the block fails."""
    try:
      yield
    except Exception as error:
      self._leave_out(name, error)

  def _leave_out(self, name: str, error: Exception) -> None:
    del self._opened[name]
    _log.warning(
      '%s failed and gets no more records (%s); the training goes on, and '
      'metrics.jsonl has all of them.',
      name,
      _reason(error),
    )


@contextlib.contextmanager
def mirror(
  workdir: str | os.PathLike[str],
  names: Sequence[str],
  *,
  project: str,
  settings: Mapping[str, Any],
  has_checkpoint: bool = False,
) -> Iterator[Mirror]:
  """Opens the trackers of a run, and closes them at the end.

  Args:
    workdir: The run directory.
    names: Trackers, any of `NAMES`. `jsonl` is the run's own file, which is
      written in any case.
    project: The project of trackio and wandb.
    settings: The configuration, by the name of each field.
    has_checkpoint: Whether the run is resumed from a checkpoint. Without one,
      it has the same run in each tracker only if the settings are the same.

  Yields:
    The mirror. Call `follow` before its other methods.

  Raises:
    InputError: A package is missing, a tracker cannot be opened for the first
      time, or the file `trackers.json` is damaged.

  Example:
    >>> from seld_jax import trackers
    >>> record = {'step': 100, 'split': 'train', 'loss': 0.5}
    >>> with trackers.mirror(
    ...   'run', ['jsonl'], project='test', settings={'seed': 0}
    ... ) as copies:
    ...   copies.follow([])
    ...   copies.write(record)
  """
  workdir = pathlib.Path(workdir)
  names = [name for name in names if name != JSONL]
  check_installed(names)
  path = workdir / STATE
  state = _read(path) if names and path.is_file() else None
  text = json.dumps(settings, sort_keys=True, default=str)
  digest = hashlib.sha256(text.encode()).hexdigest()
  if state is None or not (has_checkpoint or state['settings'] == digest):
    name = f'{workdir.resolve().name[:80]}-{secrets.token_hex(4)}'
    state = _State(name=name, settings=digest, written={})
  if state.get('project', project) != project:
    # Another project has none of the records; the event files have no project.
    for copied in state['written'], state.get('final', {}):
      for name in [*copied]:
        if name != 'tensorboard':
          del copied[name]
  state['project'] = project
  opened: dict[str, Tracker] = {}
  with contextlib.ExitStack() as stack:
    for name in names:
      try:
        opened[name] = _open(
          name, workdir, state, project=project, settings=settings
        )
      except Exception as error:
        if name not in state['written']:
          Mirror(path, state, opened).close()
          raise InputError(
            f'{name} cannot be started ({_reason(error)}); see '
            'docs/training.md for its settings, or remove it from '
            'config.log.to.'
          ) from error
        _log.warning(
          '%s cannot be started and gets no records (%s); the training goes '
          'on, and metrics.jsonl has all of them.',
          name,
          _reason(error),
        )
        continue
      known = opened[name].written
      state['written'].setdefault(name, 0)
      if known is not None:
        state['written'][name] = known
    copies = Mirror(path, state, opened)
    stack.callback(copies.close)
    copies.save()
    yield copies


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
  """The numbers of a record, by the names that all trackers show.

  Args:
    record: A record of metrics.jsonl.

  Returns:
    Numbers by `SPLIT/NAME`; texts and missing values are left out.

  Example:
    >>> from seld_jax import trackers
    >>> trackers.scalars({'step': 100, 'split': 'train', 'loss': 0.5})
    {'train/loss': 0.5}
  """
  split = record.get('split', 'train')
  return {
    f'{split}/{name}': float(value)
    for name, value in record.items()
    if name != 'step'
    and isinstance(value, int | float)
    and not isinstance(value, bool)
  }


def _open(
  name: str,
  workdir: pathlib.Path,
  state: _State,
  *,
  project: str,
  settings: Mapping[str, Any],
) -> Tracker:
  if name == 'tensorboard':
    is_new = name not in state['written']
    return EventFiles(workdir, is_new=is_new, settings=settings)
  kind = {'trackio': TrackioRun, 'wandb': WandbRun}[name]
  return kind(workdir, project=project, name=state['name'], settings=settings)


def _read(path: pathlib.Path) -> _State:
  try:
    return json_files.check(json_files.read(path), _State, path)
  except InputError as error:
    raise InputError(
      f'{error} Delete the file to resume; the trackers then get a new run.'
    ) from error


def _reason(error: Exception) -> str:
  """The type of an error and its first line."""
  lines = str(error).strip().splitlines() or ['no reason given']
  return f'{type(error).__name__}: {lines[0].rstrip(".")}'
