"""Trains many configurations, several at a time, each in its own process."""

import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import logging
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from seld_jax import commands, progress, runs, stopping, streams
from seld_jax import config as config_lib
from seld_jax.devices import compilation, large_pages, traced_steps
from seld_jax.errors import InputError
from seld_jax.train import loop, prepare
from seld_jax.train.signals import Signals

_log = logging.getLogger(__name__)

LOG = 'log.txt'

_POLL_SECONDS = 1.0


def train_many(
  configs: Mapping[str, config_lib.Config],
  workdir: str | os.PathLike[str],
  *,
  jobs: int = 1,
) -> dict[str, str]:
  """Trains all configurations whose runs are not complete.

  Each run is trained by `train.train_and_evaluate` in its own process, in the
  run directory `workdir/NAME`; its output goes to `log.txt` there. The same
  call resumes runs that were stopped. Runs at the same time share the
  CPU cores and the GPUs. If this process is killed, the runs save their states
  and end.

  Args:
    configs: The configurations by the name of their run.
    workdir: The folder of all runs.
    jobs: Number of runs at the same time.

  Returns:
    The error message of each run that failed, by name; the others are complete.

  Raises:
    InputError: A run directory holds a run with another configuration, the
      dataset cannot be used, or there are fewer GPUs than jobs.
    SystemExit: A signal stopped the runs; their states are saved.
  """
  workdir = pathlib.Path(workdir)
  configs = {
    name: config_lib.resolve(config) for name, config in configs.items()
  }
  for name, config in configs.items():
    runs.check(workdir / name, config)
  to_do = {
    name: config
    for name, config in configs.items()
    if not runs.is_complete(workdir / name)
  }
  if len(to_do) < len(configs):
    complete = len(configs) - len(to_do)
    _log.info('%d of %d runs are complete.', complete, len(configs))
  if not to_do:
    return {}
  gpus = _gpus()
  if 0 < len(gpus) < jobs:
    raise InputError(
      f'{jobs} jobs at the same time need {jobs} GPUs, but there are '
      f'{len(gpus)}; lower --jobs.'
    )
  with Signals() as signals:
    _extract_features(workdir, to_do, signals)
    return _train_all(workdir, to_do, signals, jobs=jobs, gpus=gpus)


@dataclasses.dataclass(frozen=True)
class _Child:
  """A process that trains a run.

  Attributes:
    workdir: The run directory.
    process: The process.
    log_start: Bytes of log.txt before the process was started.
  """

  workdir: pathlib.Path
  process: Any
  log_start: int

  @property
  def name(self) -> str:
    return self.workdir.name

  def last_words(self) -> str:
    """Why the process ended: its error, its signal, or its last line."""
    text = ''
    with contextlib.suppress(OSError), (self.workdir / LOG).open('rb') as file:
      file.seek(self.log_start)
      text = file.read().decode(errors='replace')
    _, found, error = text.rpartition('error: ')
    if found:
      return ' '.join(error.split())
    if self.process.exitcode < 0:
      name = signal.Signals(-self.process.exitcode).name
      return f'the process was stopped by {name}'
    lines = [line for line in text.split('\n') if line.strip()]
    return lines[-1] if lines else f'exit status {self.process.exitcode}'

  def share_done(self) -> float:
    """The share of the steps that are done, from 0 to 1."""
    try:
      last = runs.read_records(self.workdir / runs.TIMINGS)[-1]
      return last['step'] / last['num_steps']
    except (InputError, LookupError, TypeError, ZeroDivisionError):
      return 0.0  # nothing is recorded, or the run itself reports the damage


def _train_all(
  workdir: pathlib.Path,
  configs: Mapping[str, config_lib.Config],
  signals: Signals,
  *,
  jobs: int,
  gpus: Sequence[str],
) -> dict[str, str]:
  """Trains runs, `jobs` at the same time; returns the errors by name."""
  failed: dict[str, str] = {}
  waiting = list(configs)
  running: dict[int, _Child] = {}
  with progress.bar('training', len(configs), unit='runs') as advance:
    shown = 0.0
    while (waiting or running) and signals.received is None:
      for slot in sorted(set(range(jobs)) - set(running)):
        if waiting:
          name = waiting.pop(0)
          running[slot] = _start(
            _train,
            workdir / name,
            configs[name],
            processors=(slot, jobs),
            gpus=gpus[slot::jobs],
          )
      time.sleep(_POLL_SECONDS)
      for slot, child in list(running.items()):
        if child.process.exitcode is not None:
          del running[slot]
          if child.process.exitcode:
            failed[child.name] = child.last_words()
            _log.info('%s failed: %s', child.name, failed[child.name])
      ended = len(configs) - len(waiting) - len(running)
      parts = [child.share_done() for child in running.values()]
      # Rounded for the log; a resumed run must not move the bar backwards.
      done = max(shown, round(ended + sum(parts), 2))
      advance(done - shown, ', '.join(c.name for c in running.values()))
      shown = done
  if signals.received is not None:
    _stop(running.values(), signals.received)
  return failed


def _gpus() -> list[str]:
  """Numbers of the GPUs that JAX would use, found without starting JAX."""
  platforms = os.environ.get('JAX_PLATFORMS', '')
  if platforms and not {'cuda', 'gpu'} & {*platforms.split(',')}:
    return []
  plugins = importlib.metadata.entry_points(group='jax_plugins')
  if not any('cuda' in one.name for one in plugins):
    return []  # JAX was installed for the CPU
  named = os.environ.get('CUDA_VISIBLE_DEVICES')
  if named is not None:
    # CUDA ignores what comes after a number that is no GPU, such as -1.
    entries = [entry.strip() for entry in named.split(',') if entry.strip()]
    return [*itertools.takewhile(lambda one: one[0] != '-', entries)]
  try:
    listed = subprocess.run(
      ['nvidia-smi', '-L'], capture_output=True, text=True, check=True
    )
  except (OSError, subprocess.CalledProcessError):
    return []
  lines = [one for one in listed.stdout.splitlines() if one.startswith('GPU ')]
  return [str(index) for index in range(len(lines))]


def _start(
  target: Callable[..., None],
  workdir: pathlib.Path,
  config: config_lib.Config,
  *,
  processors: tuple[int, int] = (0, 1),
  gpus: Sequence[str] = (),
) -> _Child:
  """Starts a process with its share of the processors and GPUs."""
  process = multiprocessing.get_context('spawn').Process(
    target=_in_child,
    args=(target, config_lib.to_dict(config), str(workdir), gpus),
  )
  log = workdir / LOG
  log_start = log.stat().st_size if log.exists() else 0
  with (
    _processors(*processors),
    large_pages.for_children(),
    stopping.for_workers(),
  ):
    process.start()
  return _Child(workdir, process, log_start)


@contextlib.contextmanager
def _processors(slot: int, jobs: int) -> Iterator[None]:
  """Processes that are started in this block use a share of the processors."""
  # Two runs with one thread each are faster than two that share both cores.
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
  gpus: Sequence[str],
) -> None:
  """Runs `target` in the new process, with all output in the log."""
  if hasattr(os, 'setpgrp'):
    # Ctrl-C on a terminal then reaches the parent only, which sends SIGTERM.
    os.setpgrp()
  if gpus:
    os.environ['CUDA_VISIBLE_DEVICES'] = ','.join(gpus)
  workdir = pathlib.Path(folder)
  workdir.mkdir(parents=True, exist_ok=True)
  log = (workdir / LOG).open('a', encoding='utf-8', buffering=1)
  for name in 'stdout', 'stderr':
    stream = getattr(sys, name)
    if stream is None:  # closed
      setattr(sys, name, log)
    else:
      stream.flush()
      os.dup2(log.fileno(), stream.fileno())
  # A log that cannot be written stops no training.
  with streams.tolerant(), stopping.interruptions() as interruptions:
    try:
      with interruptions.raised(), commands.log_to_terminal():
        target(config_lib.from_dict(values), workdir)
    except stopping.Terminated:
      sys.exit(128 + signal.SIGTERM)
    except (InputError, FloatingPointError) as error:
      print(f'error: {error}', file=sys.stderr, flush=True)
      sys.exit(1)


def _train(config: config_lib.Config, workdir: pathlib.Path) -> None:
  traces = traced_steps.kept_in(compilation.use_persistent_cache())
  loop.train_and_evaluate(config, workdir, traces=traces)


def _extract(config: config_lib.Config, workdir: pathlib.Path) -> None:
  del workdir  # features are kept beside the dataset
  compilation.use_persistent_cache()
  prepare.extract_features(config)


def _extract_features(workdir, configs, signals) -> None:
  """Extracts all features first, since several runs need the same ones."""
  kinds: dict[str, config_lib.Config] = {}
  for config in configs.values():
    values = config_lib.to_dict(config)
    key = [values['features'], values['data']['root'], values['data']['cache']]
    union = kinds.setdefault(json.dumps(key), config_lib.from_dict(values))
    data = config.data
    folds = {*data.train_folds, *data.validation_folds, *data.test_folds}
    union.data.train_folds = tuple(sorted({*union.data.train_folds, *folds}))
    union.data.evaluation |= data.evaluation
  for union in kinds.values():
    union.data.validation_folds = union.data.test_folds = ()
    # All recordings of the folds, whatever their purpose.
    union.data.validation_rooms, union.data.validation_share = (), 0.0
    # Not in the run directory of a run, which is not started yet.
    child = _start(_extract, workdir / 'features', union)
    while child.process.exitcode is None:
      child.process.join(_POLL_SECONDS)
      if signals.received is not None:
        # Nothing is lost: features are written whole or not at all.
        child.process.terminate()
        child.process.join()
        raise SystemExit(128 + signals.received)
    if child.process.exitcode:
      raise InputError(child.last_words())


def _stop(children, number: int) -> None:
  """Sends SIGTERM to all runs, waits until they are saved, and exits."""
  for child in children:
    if child.process.exitcode is None:
      os.kill(child.process.pid, signal.SIGTERM)
  for child in children:
    child.process.join()
  _log.info(
    '%s: all runs are saved; the same command resumes.',
    signal.Signals(number).name,
  )
  raise SystemExit(128 + number)
