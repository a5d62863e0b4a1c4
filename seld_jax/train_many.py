"""Trains many configurations, some at a time, each in a process of its own."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seld_jax import config as config_lib
from seld_jax import metric_writer, prepare, progress, run_folder, train
from seld_jax.compilation import use_persistent_cache
from seld_jax.errors import InputError
from seld_jax.signals import Signals

LOG = 'log.txt'

_POLL_SECONDS = 1.0


def train_many(
  configs: Mapping[str, config_lib.Config],
  workdir: str | os.PathLike[str],
  *,
  jobs: int = 1,
  say: Callable[[str], None] = print,
) -> dict[str, str]:
  """Trains every configuration that is not yet trained.

  Each run has a process of its own and leaves in `workdir/NAME` what
  `train.train_and_evaluate` leaves, and what it said in `log.txt`. Stopped and
  started again, all resume. Runs at the same time share the processors, or the
  GPUs that CUDA_VISIBLE_DEVICES names, among them.

  Args:
    configs: The configurations by the name of their run.
    workdir: The folder of all runs.
    jobs: How many run at the same time.
    say: Called with each line that tells how it goes.

  Returns:
    What went wrong by the names of the runs that failed; the others are done.

  Raises:
    InputError: The folder holds a run of such a name with another
      configuration, or the dataset cannot be used.
    SystemExit: A signal stopped the runs, which have saved their states.
  """
  workdir = pathlib.Path(workdir)
  for name, config in configs.items():
    run_folder.claim(workdir / name, config)
  to_do = {
    name: config
    for name, config in configs.items()
    if not is_complete(workdir / name)
  }
  if len(to_do) < len(configs):
    say(f'{len(configs) - len(to_do)} of {len(configs)} runs are complete.')
  if not to_do:
    return {}
  failed: dict[str, str] = {}
  waiting = list(to_do)
  running: dict[int, _Child] = {}
  steps = _Steps(workdir, to_do)
  with Signals() as signals:
    _extract_features(workdir, to_do, signals)
    with progress.bar(
      'runs', steps.total, unit='steps', initial=steps.done()
    ) as advance:
      shown = steps.done()
      while (waiting or running) and signals.received is None:
        for slot in sorted(set(range(jobs)) - set(running)):
          if waiting:
            name = waiting.pop(0)
            running[slot] = _start(
              _train, workdir / name, to_do[name], slot=slot, jobs=jobs
            )
        time.sleep(_POLL_SECONDS)
        for slot, child in list(running.items()):
          if child.process.exitcode is None:
            continue
          del running[slot]
          if child.process.exitcode:
            failed[child.name] = child.last_words()
            say(f'{child.name} failed: {failed[child.name]}')
        done = steps.done()
        advance(done - shown, ', '.join(c.name for c in running.values()))
        shown = done
    if signals.received is not None:
      _stop(running.values(), signals.received, say)
  return failed


def is_complete(workdir: pathlib.Path) -> bool:
  """Whether a run directory holds a run that was trained and tested."""
  return (workdir / 'scores.json').is_file()


@dataclasses.dataclass(frozen=True)
class _Child:
  """A run under way."""

  workdir: pathlib.Path
  process: Any

  @property
  def name(self) -> str:
    return self.workdir.name

  def last_words(self) -> str:
    """The last line of the log, which tells why a run ended."""
    lines = (self.workdir / LOG).read_text(errors='replace').split('\n')
    words = [line for line in lines if line.strip()]
    return words[-1] if words else f'exit status {self.process.exitcode}'


class _Steps:
  """Counts the steps of all runs, by what they have written down."""

  def __init__(self, workdir, configs):
    self._paths = {
      workdir / name / metric_writer.METRICS: config.train.num_steps
      for name, config in configs.items()
    }
    # Without a number of steps, the epochs tell: as many as the paper has.
    self._guess = 6 * max(c.train.num_epochs for c in configs.values())
    self.total = sum(steps or self._guess for steps in self._paths.values())

  def done(self) -> int:
    return sum(map(_last_step, self._paths))


def _last_step(path: pathlib.Path) -> int:
  try:
    with path.open('rb') as file:
      file.seek(max(0, path.stat().st_size - 4096))
      lines = file.read().split(b'\n')
    return json.loads(lines[-2])['step']
  except (OSError, IndexError, ValueError):
    return 0


def _start(
  target: Callable[..., None],
  workdir: pathlib.Path,
  config: config_lib.Config,
  *,
  slot: int,
  jobs: int,
) -> _Child:
  """Starts a process that has its share of processors and GPUs."""
  process = multiprocessing.get_context('spawn').Process(
    target=_in_child,
    args=(target, config_lib.to_dict(config), str(workdir), slot, jobs),
  )
  with _processors(slot, jobs):
    process.start()
  return _Child(workdir, process)


@contextlib.contextmanager
def _processors(slot: int, jobs: int) -> Iterator[None]:
  """Keeps what is started in this block to its share of the processors."""
  # Two runs of one thread each do more than two of two threads in turns.
  if not hasattr(os, 'sched_setaffinity'):
    yield
    return
  everyone = os.sched_getaffinity(0)
  share = sorted(everyone)[slot::jobs] or everyone
  os.sched_setaffinity(0, share)
  try:
    yield
  finally:
    os.sched_setaffinity(0, everyone)


def _in_child(
  target: Callable[..., None],
  values: dict[str, Any],
  folder: str,
  slot: int,
  jobs: int,
) -> None:
  """What the process does: `target`, with all it says in the log."""
  visible = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
  if len(visible) >= jobs > 1:
    os.environ['CUDA_VISIBLE_DEVICES'] = ','.join(visible[slot::jobs])
  workdir = pathlib.Path(folder)
  workdir.mkdir(parents=True, exist_ok=True)
  log = (workdir / LOG).open('a', encoding='utf-8', buffering=1)
  for stream in sys.stdout, sys.stderr:
    stream.flush()
    os.dup2(log.fileno(), stream.fileno())
  use_persistent_cache()
  try:
    target(config_lib.from_dict(values), workdir)
  except (InputError, FloatingPointError) as error:
    print(f'error: {error}', file=sys.stderr, flush=True)
    sys.exit(1)


def _train(config: config_lib.Config, workdir: pathlib.Path) -> None:
  train.train_and_evaluate(config, workdir)


def _extract(config: config_lib.Config, workdir: pathlib.Path) -> None:
  del workdir  # the features lie beside the dataset
  prepare.extract_features(config)


def _extract_features(workdir, configs, signals) -> None:
  """Computes the features first, which runs at the same time would share."""
  kinds = {
    json.dumps(
      [values['features'], values['data']['root'], values['data']['cache']]
    ): config
    for config in configs.values()
    for values in [config_lib.to_dict(config)]
  }
  for config in kinds.values():
    # Away from the folders of the runs, which it does not begin.
    child = _start(_extract, workdir / 'features', config, slot=0, jobs=1)
    while child.process.exitcode is None:
      child.process.join(_POLL_SECONDS)
      if signals.received is not None:
        # Features are written whole or not at all, and those done are kept.
        child.process.terminate()
        child.process.join()
        raise SystemExit(128 + signals.received)
    if child.process.exitcode:
      raise InputError(child.last_words().removeprefix('error: '))


def _stop(children, number: int, say: Callable[[str], None]) -> None:
  """Lets every run save its state, and leaves."""
  for child in children:
    if child.process.exitcode is None:
      os.kill(child.process.pid, signal.SIGTERM)
  for child in children:
    child.process.join()
  say(
    f'{signal.Signals(number).name}: all runs are saved; the same command '
    'resumes.'
  )
  raise SystemExit(128 + number)
