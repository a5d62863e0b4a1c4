"""Scores of a network on the folds, during and after training."""

import functools
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import (
  dataset,
  devices,
  evaluate,
  files,
  inference,
  labels,
  metrics,
)
from seld_jax.dataset import placement
from seld_jax.devices import compilation, processes
from seld_jax.train import parameter_average, snapshot
from seld_jax.train.run import Run
from seld_jax.train.step import TrainState, make_model
from seld_jax.train.step_metrics import loss_sums

_log = logging.getLogger(__name__)


class Programs(NamedTuple):
  """What all evaluators of a run compile once.

  Attributes:
    predict: The network, for `inference.predict_fold`.
    loss_sums: Maps outputs and targets to sums and counts of losses by name.
  """

  predict: Callable[..., dict[str, jax.Array]]
  loss_sums: Callable[..., dict[str, tuple[jax.Array, jax.Array]]]


def make_programs(
  config: config_lib.Config, mesh: jax.sharding.Mesh
) -> Programs:
  """The programs of the evaluators of a config."""
  return Programs(
    make_predict_step(config, mesh),
    jax.jit(functools.partial(loss_sums, config)),
  )


class Evaluator:
  """Scores states on one fold.

  Args:
    config: The configuration.
    mesh: The devices.
    fold: The recordings.
    programs: From `make_programs`.
    resident: Whether their features are kept on the devices; otherwise windows
      are read from memory or disk when they are needed.
  """

  def __init__(
    self,
    config: config_lib.Config,
    mesh: jax.sharding.Mesh,
    fold: dataset.Fold,
    *,
    programs: Programs,
    resident: bool = True,
  ):
    self.fold = fold
    self._resident = resident
    self._config = config
    self._mesh = mesh
    # Made at first use: the test folds need no device memory before the end.
    self._source: placement.Source | None = None
    self._programs = programs

  def __call__(
    self, state: TrainState, window: int
  ) -> tuple[dict[str, Any] | None, dict[str, float], list[labels.Events]]:
    """Scores a state.

    Args:
      state: The state.
      window: Feature frames of a segment.

    Returns:
      Scores as `evaluate.evaluate_predictions` returns them (None without
      labels), losses by name, and the predicted events of each recording.
    """
    config, fold = self._config, self.fold
    if self._source is None:
      self._source = (
        placement.resident(self._mesh, fold.features, fold.offsets * fold.pool)
        if self._resident
        else placement.streamed(self._mesh, fold.features)
      )
    outputs = inference.predict_fold(
      self._programs.predict,
      parameter_average.variables_of(state),
      state.statistics,
      fold,
      source=self._source,
      window=window,
      batch_size=config.eval.batch_size,
    )
    spec = snapshot.spec_of(config)
    events = [spec.events(output) for output in outputs]
    if not fold.is_labelled:
      return None, {}, events
    scores = score_events(config, fold, events)
    return scores, self._losses(outputs), events

  def _losses(self, outputs: list[inference.Outputs]) -> dict[str, float]:
    fold = self.fold
    keep = np.concatenate(
      [
        np.arange(start, start + length)
        for start, length in zip(
          fold.offsets[:-1], fold.num_label_frames, strict=True
        )
      ]
    )
    targets = {name: values[keep] for name, values in fold.targets.items()}
    sums = jax.device_get(
      self._programs.loss_sums(inference.join_outputs(outputs), targets)
    )
    return {
      name: float(value) / max(float(count), 1)
      for name, (value, count) in sums.items()
    }


def make_predict_step(
  config: config_lib.Config, mesh: jax.sharding.Mesh
) -> Callable[..., dict[str, jax.Array]]:
  """The compiled network of a config for `inference.predict_fold`."""
  return inference.make_predict_step(
    make_model(config),
    out_shardings=devices.replicated(mesh),
    compiler_options=compilation.compiler_options(),
  )


def score_events(
  config: config_lib.Config,
  fold: dataset.Fold,
  events: Sequence[labels.Events],
  *,
  edition: str | None = None,
) -> dict[str, Any]:
  """Scores the predicted events of a fold.

  Args:
    config: The configuration.
    fold: The recordings, with labels.
    events: The predicted events of each recording.
    edition: The edition of the scores; None for that of the config.

  Returns:
    Scores as `evaluate.evaluate_predictions` returns them.
  """
  return evaluate.evaluate_predictions(
    zip(fold.names, fold.references, events, strict=True),
    edition=edition or config.eval.edition,
    num_frames=dict(
      zip(fold.names, map(int, fold.num_label_frames), strict=True)
    ),
    num_classes=len(config.data.classes),
    class_names=tuple(config.data.classes),
  )


def make_evaluators(run: Run) -> dict[str, Evaluator]:
  """One evaluator for each fold that a run scores.

  Args:
    run: The run.

  Returns:
    Evaluators by the name of the split in metrics.jsonl: `validation`, `test`
    and `evaluation` as far as the run has them, and `train_fold` (some of the
    training recordings) when `eval.watch` contains `train`.
  """
  config, data = run.config, run.data
  folds = {
    'validation': data.validation,
    'test': data.test,
    'evaluation': data.evaluation,
  }
  if data.watched is not None:
    folds['train_fold'] = data.watched
  purpose = {'train_fold': 'train'}
  programs = make_programs(config, run.mesh)
  return {
    name: Evaluator(
      config,
      run.mesh,
      fold,
      programs=programs,
      resident=purpose.get(name, name) in run.resident,
    )
    for name, fold in folds.items()
    if fold is not None
  }


def record_scores(
  run: Run, state: TrainState, evaluators: Mapping[str, Evaluator]
) -> float | None:
  """Scores a state during training, and writes a line to metrics.jsonl.

  The recordings that select the checkpoint are scored, and the splits of
  `eval.watch`, each in a line of its own.

  Args:
    run: The run.
    state: The state.
    evaluators: From `make_evaluators`.

  Returns:
    The `seld_score` of `eval.edition` that ranks checkpoints: that of the
    validation, or of the test folds with `eval.select_on_test`; None without
    either.
  """
  config = run.config
  step, seld_score = int(state.step), None
  names = metrics.main_scores(config.eval.edition)
  watched = {'train': 'train_fold', 'test': 'test'}
  selecting = 'test' if config.eval.select_on_test else 'validation'
  splits = (selecting, *(watched[name] for name in config.eval.watch))
  for split in dict.fromkeys(splits):
    if split not in evaluators:
      continue
    scores, losses, _ = evaluators[split](state, config.eval.window)
    if scores is None:
      continue
    curves = {name: scores[name] for name in names}
    run.record({'step': step, 'split': split, **losses, **curves})
    if split == selecting:
      seld_score = scores['seld_score']
      _log.info(
        'step %d: %s %s',
        step,
        split,
        ', '.join(
          f'{name} {evaluate.tables.number(name, scores[name]).rstrip("°")}'
          for name in (names[-1], *names[:-1])
        ),
      )
  return seld_score


def final_results(
  run: Run, state: TrainState, evaluators: Mapping[str, Evaluator]
) -> list[dict[str, Any]]:
  """Scores the selected state, and writes its predictions.

  The CSV files of each result go to `predictions/NAME` in the run directory.

  Args:
    run: The run.
    state: The selected state.
    evaluators: From `make_evaluators`.

  Returns:
    The `results` of scores.json: one entry for each purpose and window. Its
    `scores` are None when the recordings have no labels.
  """
  config = run.config
  results = []
  tests = tuple(config.eval.test_windows)
  for purpose, folds, windows in (
    ('validation', config.data.validation_folds, (config.eval.window,)),
    ('test', config.data.test_folds, tests),
    ('evaluation', (), tests),
  ):
    if purpose not in evaluators:
      continue
    evaluator = evaluators[purpose]
    fold = evaluator.fold
    is_selecting = purpose == 'test' and config.eval.select_on_test
    is_by_rooms = purpose == 'validation' and not folds
    for number, window in enumerate(windows):
      seconds = (
        window * config.features.hop_length / config.features.sample_rate
      )
      name = purpose if number == 0 else f'{purpose}_{seconds:g}s'
      scores, _, events = evaluator(state, window)
      folder = pathlib.Path('predictions') / name
      if processes.is_first():
        files.remove_fragments(run.workdir / folder)
        for recording, prediction in zip(fold.names, events, strict=True):
          labels.write_csv(
            run.workdir / folder / f'{recording}.csv',
            prediction,
            edition=None,
            distance_scale=None,
          )
        # A former test may have been one of other recordings.
        written = {f'{recording}.csv' for recording in fold.names}
        for path in (run.workdir / folder).glob('*.csv'):
          if path.name not in written:
            path.unlink(missing_ok=True)
      rooms = dataset.rooms_of(fold.names) if is_by_rooms else ()
      results.append(
        {
          'name': name,
          'folds': list(folds),
          **({'rooms': list(rooms)} if rooms else {}),
          **({'selected_on': True} if is_selecting else {}),
          'window_seconds': seconds,
          'num_recordings': len(fold.names),
          'predictions': str(folder),
          'scores': scores,
        }
      )
  return results


def describe_selection(run: Run) -> str:
  """How the tested checkpoint is selected, as scores.json says it."""
  data, where = run.config.data, 'lowest seld_score on'
  if run.config.eval.select_on_test:
    return (
      f'{where} the test {_folds(data.test_folds)}, whose scores are therefore '
      'too good (eval.select_on_test)'
    )
  if run.data.validation is None:
    return 'last snapshot'
  if data.validation_folds:
    return f'{where} {_folds(data.validation_folds)}'
  return f'{where} {", ".join(dataset.rooms_of(run.data.validation.names))}'


def _folds(folds: Sequence[int]) -> str:
  """Folds by their numbers."""
  return f'fold{"s" if len(folds) > 1 else ""} {", ".join(map(str, folds))}'
