"""A run from configuration to scores: data, training, selection, test."""

import contextlib
import json
import logging
import os
import pathlib
import signal
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import (
  devices,
  files,
  progress,
  runs,
  trackers,
)
from seld_jax import model as model_lib
from seld_jax.devices import processes, traced_steps
from seld_jax.train import (
  checkpoint,
  fine_tuning,
  memory,
  rendering,
  run_recordings,
  scoring,
  step_metrics,
  stepping,
)
from seld_jax.train.optimizer import make_schedule
from seld_jax.train.run import Run, prepare_run
from seld_jax.train.signals import Signals
from seld_jax.train.step import TrainState, state_maker
from seld_jax.train.step_metrics import check_finite, mean_metrics

_log = logging.getLogger(__name__)


def train_and_evaluate(
  config: config_lib.Config,
  workdir: str | os.PathLike[str],
  *,
  init_from: str = '',
  traces: traced_steps.Traces | None = None,
) -> dict[str, Any]:
  """Trains, selects and tests a network, and fills a run directory.

  The same call resumes a run from its latest checkpoint, and ends with the same
  parameters and metrics as a run that was never stopped. SIGTERM and Ctrl-C
  save a checkpoint and stop the run. Progress is logged to the logger
  `seld_jax` at the level INFO.

  Args:
    config: The configuration.
    workdir: The run directory; it is created if it is missing.
    init_from: Run directory, export, or `'demo'` to fine-tune from: layers of
      the same name and shape are copied before the first step. When empty, all
      parameters are random.
    traces: Where the traced training step is kept for the next start, see
      `devices.traced_steps`. Leave it out in a program that replaces functions
      of seld_jax at run time.

  Returns:
    The content of scores.json.

  Raises:
    InputError: The configuration or the dataset cannot be used, the run needs
      more than `train.memory_limit`, `workdir` holds another run or is in use,
      a tracker of `log.to` is not installed or cannot be started, or the disk
      is full.
    FloatingPointError: The loss or gradient is not finite.
    SystemExit: A signal stopped the run; its state is saved.

  Example:
    >>> from seld_jax import config, train
    >>> settings = config.systems.make('mse', format='foa', scale='quick')
    >>> settings.data.root = 'data/quick'
    >>> scores = train.train_and_evaluate(  # doctest: +SKIP
    ...   settings, 'runs/quick'
    ... )
    >>> scores['results'][0]['scores']['seld_score']  # doctest: +SKIP
    0.47
  """
  workdir = pathlib.Path(workdir)
  config = config_lib.resolve(config)
  mesh = devices.make_mesh()
  config_lib.validate(config, num_devices=mesh.size)
  processes.first(lambda: trackers.check_installed(config.log.to))
  processes.together(lambda: memory.check(config, mesh))
  with contextlib.ExitStack() as stack:
    if processes.first(lambda: _claim(stack, workdir, config)):
      _log.info('The run in %s is complete.', workdir)
      scores = runs.read_scores(workdir)
      processes.first(lambda: _warn_of_evaluation(workdir, config, scores))
      return scores
    copies: list[trackers.Mirror] = []
    if set(config.log.to) != {trackers.JSONL}:
      processes.first(lambda: copies.append(_track(stack, workdir, config)))
    run = prepare_run(config, workdir, mesh, copies=next(iter(copies), None))
    processes.first(lambda: _keep_recordings(run))
    step, state, evaluators = _train(run, init_from=init_from, traces=traces)
    return _test(run, step, state, evaluators)


class TrainingLoop:
  """Takes the steps of a run, with its evaluations, checkpoints and records.

  Args:
    run: The run.
    manager: Its checkpoints.
    run_steps: Takes steps, from `stepping.stepper`.
    evaluators: From `scoring.make_evaluators`.
    state: The state to start from. It is donated: do not use it afterwards.
    step: The step of that state.
    is_evaluated: Whether that state is already evaluated.
    scenes: The scenes that are rendered for the training, if it has such.
  """

  def __init__(
    self,
    run: Run,
    manager: checkpoint.Manager,
    run_steps: stepping.Advance,
    evaluators: Mapping[str, scoring.Evaluator],
    *,
    state: TrainState,
    step: int,
    is_evaluated: bool,
    scenes: rendering.Generations | None = None,
  ):
    self._run = run
    self._manager = manager
    self._run_steps = run_steps
    self._evaluators = evaluators
    self._state = state
    self._start = self._step = step
    self._is_evaluated = is_evaluated
    self._scenes = scenes
    self._schedule = make_schedule(
      run.config, steps_per_epoch=run.steps_per_epoch
    )
    self._signals = Signals(may_interrupt=processes.count() == 1)
    self._ballot = processes.Ballot()
    # Step and sums of losses that are not yet written to metrics.jsonl.
    self._pending: tuple[int, Any] | None = None
    self._started = time.monotonic()
    # Seconds of evaluations and saves, which do not count as training.
    self._paused = 0.0

  def train(self) -> TrainState:
    """Takes all steps that are left.

    Returns:
      The state after the last step.

    Raises:
      FloatingPointError: The loss or gradient of a step is not finite.
      InputError: The disk is full, or a process that renders scenes ended.
      SystemExit: A signal stopped the run; its state is saved.
    """
    run, config = self._run, self._run.config.train
    with contextlib.ExitStack() as stack:
      stack.enter_context(self._signals)
      self._await_scenes()  # it has a bar of its own
      advance = stack.enter_context(
        progress.bar(
          'training', run.num_steps, unit='steps', initial=self._step
        )
      )
      while self._step < run.num_steps or not self._is_evaluated:
        if self._is_evaluated:
          self._await_scenes()
          self._state, done = self._run_steps(self._state, self._step)
          self._step += done
          if self._is_due(config.log_every):
            advance(0, self._take_losses())
          advance(done)
        if self._is_due(config.evaluate_every):
          self._write_losses()
          self._evaluate_and_save()
        self._is_evaluated = True
        number = self._ballot(self._signals.received or 0)
        if number:
          self._save_and_leave(signal.Signals(number))
    return self._state

  def _await_scenes(self) -> None:
    """Waits until the scenes of the next step are rendered."""
    if self._scenes is None or self._step >= self._run.num_steps:
      return
    is_there = self._scenes.wait(
      self._step, is_stopped=lambda: self._signals.received is not None
    )
    if not is_there:
      self._save_and_leave(signal.Signals(self._signals.received or 0))

  def _is_due(self, interval: int) -> bool:
    """Whether the step is a multiple of the interval, or the last one."""
    return self._step % interval == 0 or self._step == self._run.num_steps

  def _take_losses(self) -> str:
    """Resets the sums of losses to 0; returns a note for the progress bar."""
    # Written one interval later, so that the device never waits for Python.
    note = self._write_losses()
    self._pending = self._step, self._state.metrics
    zero = step_metrics.zero_metrics(self._run.config)
    self._state = self._state.replace(
      metrics=devices.put_replicated(self._run.mesh, zero)
    )
    checkpoint.check(self._manager)
    return note

  def _write_losses(self) -> str:
    """Writes the pending losses; returns a note for the progress bar."""
    if self._pending is None:
      return ''
    step, metrics = self._pending
    self._pending = None
    means = mean_metrics(jax.device_get(metrics))
    rate = float(np.asarray(self._schedule(step - 1)))
    self._run.record(
      {'step': step, 'split': 'train', **means, 'learning_rate': rate}
    )
    note = f'loss {means["loss"]:.4f}'
    if self._scenes is not None:
      share = self._scenes.waited / (time.monotonic() - self._started)
      note += f', {share:.0%} of the time waiting for scenes'
    return note

  def _evaluate_and_save(self) -> None:
    """Scores the state and saves it; does neither when a signal interrupts."""
    began = time.monotonic()
    score, is_done = None, False
    with self._signals.interrupting():
      score = scoring.record_scores(self._run, self._state, self._evaluators)
      is_done = True
    if not is_done:
      return
    checkpoint.save(self._manager, self._step, self._state, seld_score=score)
    seconds = began - self._started - self._paused
    self._paused += time.monotonic() - began
    if self._step == self._start:
      return  # a resumed run that first repeats an evaluation has no rate yet
    record = {
      'step': self._step,
      'num_steps': self._run.num_steps,
      'seconds': round(seconds, 3),
      'steps_per_second': round((self._step - self._start) / seconds, 4),
      'evaluation_seconds': round(time.monotonic() - began, 3),
    }
    if self._scenes is not None:
      record['waiting_seconds'] = round(self._scenes.waited, 3)
    if processes.is_first():
      runs.append_record(self._run.workdir / runs.TIMINGS, record)

  def _save_and_leave(self, number: signal.Signals) -> None:
    """Saves the state unless it is saved already, and ends the process."""
    checkpoint.wait(self._manager)
    if self._manager.latest_step() != self._step:
      self._write_losses()
      check_finite(jax.device_get(self._state.metrics))
      checkpoint.save(self._manager, self._step, self._state)
      checkpoint.wait(self._manager)
    _log.info(
      '%s: saved step %d; the same command resumes.', number.name, self._step
    )
    raise SystemExit(128 + number)


def _claim(
  stack: contextlib.ExitStack, workdir: pathlib.Path, config: config_lib.Config
) -> bool:
  """Locks a run directory for this run; returns whether the run is complete."""
  stack.enter_context(runs.lock(workdir))
  runs.claim(workdir, config)
  return runs.is_complete(workdir)


def _track(
  stack: contextlib.ExitStack, workdir: pathlib.Path, config: config_lib.Config
) -> trackers.Mirror:
  """Opens the trackers of a run until the stack ends."""
  settings = config_lib.to_dict(config)
  del settings['log']
  return stack.enter_context(
    trackers.mirror(
      workdir,
      config.log.to,
      project=config.log.project,
      settings=config_lib.flatten(settings),
      has_checkpoint=runs.has_run(workdir),
    )
  )


def _warn_of_evaluation(
  workdir: pathlib.Path, config: config_lib.Config, scores: Mapping[str, Any]
) -> None:
  """Says if a complete run was not tested on evaluation recordings."""
  names = [one['name'] for one in scores['results']]
  folder = pathlib.Path(config.data.root) / f'{config.features.format}_eval'
  if (
    config.data.evaluation
    and folder.is_dir()
    and not any(name.startswith('evaluation') for name in names)
  ):
    _log.warning(
      'The run in %s was not tested on the evaluation recordings in %s: delete '
      '%s and start again to repeat its test with them.',
      workdir,
      folder,
      workdir / 'scores.json',
    )


def _keep_recordings(run: Run) -> None:
  """Notes the recordings of a run; refuses to resume with other ones."""
  data = run.data
  names = {
    'training': data.train.names,
    'validation': data.validation.names if data.validation else (),
  }
  is_noted = (run.workdir / run_recordings.NOTE).is_file()
  if is_noted and runs.has_run(run.workdir):
    run_recordings.check(run.workdir, **names, root=run.config.data.root)
  else:
    run_recordings.write(run.workdir, **names)


def _train(
  run: Run, *, init_from: str, traces: traced_steps.Traces | None
) -> tuple[int, TrainState, dict[str, scoring.Evaluator]]:
  """Trains to the last step.

  Returns:
    Step and state of the best checkpoint, and the evaluators for its test.
  """
  create, arguments = state_maker(run.config, statistics=run.data.statistics)
  template = create.eval_shape(*arguments)
  if run.config.train.log_gradient_norms:
    model_lib.last_shared_layer(template.params)  # refuses before it is traced
  _log.info(_describe(run, template))
  with (
    checkpoint.open_manager(run.workdir / 'checkpoints') as manager,
    rendering.rendered(
      run.scenes,
      first_step=manager.latest_step() or 0,
      num_steps=run.num_steps,
      steps_per_epoch=run.steps_per_epoch,
    ) as scenes,
    stepping.stepper(
      run.config,
      run.mesh,
      run.data.train,
      fold_at=None if scenes is None else scenes.fold_at,
      # Compiles while the state is made or restored, if any steps are left.
      template=(
        template if (manager.latest_step() or 0) < run.num_steps else None
      ),
      traces=traces,
      resident='train' in run.resident,
      num_steps=run.num_steps,
      steps_per_epoch=run.steps_per_epoch,
    ) as run_steps,
  ):
    state = devices.put_replicated(run.mesh, create(*arguments))
    step, state = _restore(run, manager, state, init_from)
    is_evaluated = processes.first(lambda: _rewind(run, step))
    evaluators = scoring.make_evaluators(run)
    loop = TrainingLoop(
      run,
      manager,
      run_steps,
      evaluators,
      state=devices.put_replicated(run.mesh, state),
      step=step,
      is_evaluated=bool(is_evaluated),
      scenes=scenes,
    )
    state = loop.train()
    checkpoint.wait(manager)
    step, state = checkpoint.restore_best(manager, state)
  return step, devices.put_replicated(run.mesh, state), evaluators


def _describe(run: Run, state: TrainState) -> str:
  """The size of a run in one line."""
  size, count = run.mesh.size, processes.count()
  recordings = f'{len(run.data.train.names)} training recordings'
  if run.scenes is not None:
    recordings = run.scenes.describe()
  return (
    f'{model_lib.count_parameters(state.params):,} parameters, '
    f'{recordings}, {run.num_steps} steps '
    f'of {run.config.train.batch_size} crops on {size} '
    f'{jax.default_backend()} device{"" if size == 1 else "s"}'
    + (f' of {count} processes' if count > 1 else '')
  )


def _restore(
  run: Run, manager: checkpoint.Manager, state: TrainState, init_from: str
) -> tuple[int, TrainState]:
  """Replaces the random state by the latest checkpoint, or by another network.

  Returns:
    Step and state to start from.
  """
  # The step is not read from the state, which may not be computed yet.
  step = 0
  restored = checkpoint.restore_latest(manager, state)
  if restored is not None:
    step, state = restored
    _log.info('resuming after step %d', step)
    processes.first(lambda: runs.write_config(run.workdir, run.config))
  return step, fine_tuning.begin(
    run, state, init_from, is_resumed=restored is not None
  )


def _rewind(run: Run, step: int) -> bool:
  """Drops the records after a step; returns whether the step was evaluated."""
  workdir = run.workdir
  runs.rewind_records(workdir / runs.TIMINGS, step)
  # A signal during an evaluation leaves a checkpoint without an evaluation.
  times = runs.read_records(workdir / runs.TIMINGS)
  is_evaluated = step == 0 or any(record['step'] == step for record in times)
  runs.rewind_records(workdir / runs.METRICS, step, evaluated=is_evaluated)
  if run.mirror is not None:
    run.mirror.follow(runs.read_records(workdir / runs.METRICS))
  return is_evaluated


def _test(
  run: Run,
  step: int,
  state: TrainState,
  evaluators: Mapping[str, scoring.Evaluator],
) -> dict[str, Any]:
  """Tests the selected state, and writes and returns scores.json."""
  scores = {
    'selected_step': step,
    'num_steps': run.num_steps,
    'num_parameters': model_lib.count_parameters(state.params),
    'selection': scoring.describe_selection(run),
    'edition': run.config.eval.edition,
    'results': scoring.final_results(run, state, evaluators),
  }
  if run.mirror is not None:
    results = {
      result['name']: result['scores'] or {} for result in scores['results']
    }
    run.mirror.finish(results, step=step)
  # Written last: a run that has scores.json is complete.
  text = json.dumps(scores, indent=2)
  processes.first(lambda: files.write_text(run.workdir / 'scores.json', text))
  return scores
