"""A run from configuration to scores: data, training, selection, test."""

import contextlib
import json
import logging
import os
import pathlib
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import devices, files, progress, runs
from seld_jax import model as model_lib
from seld_jax.dataset import sampling
from seld_jax.devices import processes, traced_steps
from seld_jax.train import checkpoint, fine_tuning, prepare, scoring, stepping
from seld_jax.train.optimizer import make_schedule, total_steps
from seld_jax.train.signals import Signals
from seld_jax.train.step import (
  TrainState,
  create_state,
  make_train_step,
  state_maker,
  zero_metrics,
)
from seld_jax.train.step_metrics import check_finite, mean_metrics

_log = logging.getLogger(__name__)

__all__ = [
  'TrainState',
  'create_state',
  'make_train_step',
  'train_and_evaluate',
]


def train_and_evaluate(
  config: config_lib.Config,
  workdir: str | os.PathLike[str],
  *,
  init_from: str = '',
  traces: traced_steps.Traces | None = None,
) -> dict[str, Any]:
  """Trains, selects, tests and writes everything into a run directory.

  Started again in the same directory it resumes from the latest checkpoint, and
  ends with the same parameters and metrics as a run that was never stopped.
  SIGTERM and Ctrl-C save a checkpoint and leave.

  Args:
    config: The configuration.
    workdir: The run directory, made when missing.
    init_from: Run directory, export, or `'demo'`, whose layers are taken over
      where they fit before the first step; empty: all parameters are random.
    traces: Where the traced step is kept for the next start, as commands have
      it; not for programs that replace functions at run time.

  Returns:
    What scores.json holds.

  Raises:
    InputError: The configuration or the data cannot work, or `workdir` holds
      another run, or one that is under way, or the disk is full.
    FloatingPointError: The loss or gradient was not finite.
    SystemExit: A signal stopped the run; its state is saved.
  """
  workdir = pathlib.Path(workdir)
  mesh = devices.make_mesh()
  config_lib.validate(config, num_devices=mesh.size)
  with contextlib.ExitStack() as stack:

    def claim() -> bool:
      stack.enter_context(runs.lock(workdir))
      runs.claim(workdir, config)
      return runs.is_complete(workdir)

    if processes.first(claim):
      _log.info('The run in %s is complete.', workdir)
      return files.read_json(workdir / 'scores.json')
    return _train_and_evaluate(config, workdir, mesh, init_from, traces)


def _train_and_evaluate(
  config, workdir, mesh, init_from, traces
) -> dict[str, Any]:
  """The run in a directory that is its own."""
  data = prepare.load_data(config)
  num_train = len(data.train.names)
  crop = config.train.crop_frames // data.train.pool
  num_segments = len(sampling.all_segments(data.train.offsets, crop))
  config_lib.validate(
    config,
    num_devices=mesh.size,
    num_recordings=num_train,
    num_segments=num_segments,
  )
  examples = {'crops': num_train, 'segments': num_segments}
  steps_per_epoch = examples[config.train.sampler] // config.train.batch_size
  num_steps = total_steps(config, steps_per_epoch=steps_per_epoch)
  create, arguments = state_maker(config, statistics=data.statistics)
  template = create.eval_shape(*arguments)
  _log.info(
    f'{model_lib.count_parameters(template.params):,} parameters, {num_train} '
    f'training recordings, {num_steps} steps of {config.train.batch_size} '
    f'crops on {mesh.size} {jax.default_backend()} device'
    f'{"" if mesh.size == 1 else "s"}'
    + (f' of {processes.count()} processes' if processes.count() > 1 else '')
  )
  kept = prepare.resident(config, data, num_devices=mesh.size)
  with (
    checkpoint.open_manager(workdir / 'checkpoints') as manager,
    stepping.stepper(
      config,
      mesh,
      data.train,
      # The step, if any is left, compiles while the state is made or restored.
      template=template if (manager.latest_step() or 0) < num_steps else None,
      traces=traces,
      resident='train' in kept,
      num_steps=num_steps,
      steps_per_epoch=steps_per_epoch,
    ) as run_steps,
  ):
    state = devices.put_replicated(mesh, create(*arguments))
    # Not read from the state, which is yet to be computed in a fresh run.
    start = 0
    restored = checkpoint.restore_latest(manager, state)
    if restored is not None:
      start, state = restored
      _log.info('resuming after step %d', start)
      processes.first(lambda: runs.note(workdir, config))
    state = fine_tuning.begin(
      state,
      init_from,
      config=config,
      workdir=workdir,
      is_resumed=restored is not None,
    )
    evaluated = bool(processes.first(lambda: _rewind(workdir, start)))
    state = devices.put_replicated(mesh, state)
    evaluators = scoring.make_evaluators(config, mesh, data)
    state = _train(
      config,
      workdir,
      mesh,
      state,
      run_steps,
      evaluators,
      manager,
      make_schedule(config, steps_per_epoch=steps_per_epoch),
      start=start,
      num_steps=num_steps,
      evaluated=evaluated,
    )
    checkpoint.wait(manager)
    selected, state = checkpoint.restore_best(manager, state)
  state = devices.put_replicated(mesh, state)
  scores = {
    'selected_step': selected,
    'num_steps': num_steps,
    'num_parameters': model_lib.count_parameters(state.params),
    'selection': scoring.selection(config),
    'results': scoring.final_results(config, workdir, state, evaluators),
  }
  # Last, since its presence says that the run is complete.
  text = json.dumps(scores, indent=2)
  processes.first(lambda: files.write_text(workdir / 'scores.json', text))
  return scores


def _rewind(workdir: pathlib.Path, start: int) -> bool:
  """Drops records after the step to start from; tells if it was evaluated."""
  runs.rewind_records(workdir / runs.TIMINGS, start)
  # A signal in an evaluation leaves a state that is yet to be evaluated.
  times = runs.read_records(workdir / runs.TIMINGS)
  evaluated = start == 0 or any(record['step'] == start for record in times)
  runs.rewind_records(workdir / runs.METRICS, start, evaluated=evaluated)
  return evaluated


def _train(
  config,
  workdir: pathlib.Path,
  mesh,
  state: TrainState,
  run_steps: stepping.Advance,
  evaluators: Mapping[str, scoring.Evaluator],
  manager: checkpoint.Manager,
  schedule: Callable[[int], Any],
  *,
  start: int,
  num_steps: int,
  evaluated: bool,
) -> TrainState:
  """The loop. Leaves checkpoints and records up to the last step behind."""
  train = config.train
  ballot = processes.Ballot()
  pending: tuple[int, Any] | None = None
  started = time.monotonic()
  busy = 0.0  # seconds in evaluation and saving, which are not steps
  step = start

  def record(name: str, values: dict[str, Any]) -> None:
    if processes.is_first():
      runs.append_record(workdir / name, values)

  def write_pending() -> str:
    nonlocal pending
    if pending is None:
      return ''
    at, metrics = pending
    pending = None
    means = mean_metrics(jax.device_get(metrics))
    rate = float(np.asarray(schedule(at - 1)))
    record(
      runs.METRICS,
      {'step': at, 'split': 'train', **means, 'learning_rate': rate},
    )
    return f'loss {means["loss"]:.4f}'

  def evaluate_and_save() -> None:
    nonlocal busy
    paused = time.monotonic()
    score, is_done = None, False
    with signals.interrupting():
      score = scoring.record_scores(config, workdir, state, evaluators)
      is_done = True
    if not is_done:
      return
    checkpoint.save(manager, step, state, seld_score=score)
    seconds = paused - started - busy
    busy += time.monotonic() - paused
    record(
      runs.TIMINGS,
      {
        'step': step,
        'num_steps': num_steps,
        'seconds': round(seconds, 3),
        'steps_per_second': round((step - start) / seconds, 4),
        'evaluation_seconds': round(time.monotonic() - paused, 3),
      },
    )

  with (
    Signals(may_interrupt=processes.count() == 1) as signals,
    progress.bar('training', num_steps, unit='steps', initial=step) as advance,
  ):
    while step < num_steps or not evaluated:
      if evaluated:
        state, done = run_steps(state, step)
        step += done
        if step % train.log_every == 0 or step == num_steps:
          # Fetched one interval late, so that the device never waits for it.
          note = write_pending()
          pending = (step, state.metrics)
          state = state.replace(
            metrics=devices.put_replicated(mesh, zero_metrics(config))
          )
          advance(0, note)
          checkpoint.check(manager)
        advance(done)
      if step % train.evaluate_every == 0 or step == num_steps:
        write_pending()
        evaluate_and_save()
      evaluated = True
      asked = ballot(signals.received or 0)
      if asked:
        checkpoint.wait(manager)
        if manager.latest_step() != step:
          write_pending()
          check_finite(jax.device_get(state.metrics))
          checkpoint.save(manager, step, state)
          checkpoint.wait(manager)
        _log.info(
          '%s: saved step %d; the same command resumes.',
          signal.Signals(asked).name,
          step,
        )
        raise SystemExit(128 + asked)
  return state
