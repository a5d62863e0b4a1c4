"""Scores of a state on a fold, during training and at its end."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from seld_jax import (
  compilation,
  dataset,
  evaluate,
  inference,
  labels,
  sharding,
)
from seld_jax import config as config_lib
from seld_jax.train_step import TrainState, loss_sums, make_model


class Evaluator:
  """Scores states on one fold, whose features it keeps on the devices."""

  def __init__(
    self,
    config: config_lib.Config,
    mesh: jax.sharding.Mesh,
    fold: dataset.Fold,
  ):
    self.fold = fold
    self._config = config
    self._model = make_model(config)
    self._mesh = mesh
    self._features = sharding.put_replicated(mesh, fold.features)
    self._predict_steps: dict[int, Callable[..., Any]] = {}

  def __call__(
    self, state: TrainState, window: int
  ) -> tuple[dict[str, Any], dict[str, float], list[labels.Events]]:
    """Scores a state.

    Args:
      state: The state.
      window: Frames that the network sees at once.

    Returns:
      Scores as `evaluate.evaluate_predictions` gives them, losses by name, and
      the predicted events of each recording.
    """
    config, fold = self._config, self.fold
    if window not in self._predict_steps:
      self._predict_steps[window] = inference.make_predict_step(
        self._model,
        window=window,
        pool=fold.pool,
        out_shardings=sharding.replicated(self._mesh),
        compiler_options=compilation.compiler_options(),
      )
    outputs = inference.predict_fold(
      self._predict_steps[window],
      {'params': state.params, 'batch_stats': state.batch_stats},
      state.statistics,
      self._features,
      fold,
      window=window,
      batch_size=config.eval.batch_size,
      place=lambda starts: jax.device_put(starts, sharding.divided(self._mesh)),
    )
    events = [
      labels.from_dense(
        output['sed'], output['doa'], threshold=config.eval.threshold
      )
      for output in outputs
    ]
    scores = evaluate.evaluate_predictions(
      zip(fold.names, fold.references, events, strict=True),
      num_frames=dict(
        zip(fold.names, map(int, fold.num_label_frames), strict=True)
      ),
      num_classes=len(config.data.classes),
      class_names=tuple(config.data.classes),
    )
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
    targets = {'activity': fold.activity[keep], 'doa': fold.doa[keep]}
    sums = jax.device_get(
      _jitted_loss_sums(inference.join_outputs(outputs), targets)
    )
    return {
      name: float(value) / max(float(count), 1)
      for name, (value, count) in sums.items()
    }


_jitted_loss_sums = jax.jit(loss_sums)


def final_results(
  config: config_lib.Config,
  workdir: pathlib.Path,
  mesh: jax.sharding.Mesh,
  state: TrainState,
  validator: Evaluator | None,
  test: dataset.Fold | None,
) -> list[dict[str, Any]]:
  """Scores the selected state and writes its predictions.

  Args:
    config: The configuration.
    workdir: The run directory; predictions go to `predictions/NAME` in it.
    mesh: The devices.
    state: The selected state.
    validator: What scored the validation fold during training, if any did.
    test: The test fold, if there is one.

  Returns:
    The `results` of scores.json: one entry for each fold and window.
  """
  results = []
  tester = test and Evaluator(config, mesh, test)
  for purpose, evaluator, windows in (
    ('validation', validator, (config.eval.window,)),
    ('test', tester, tuple(config.eval.test_windows)),
  ):
    if evaluator is None:
      continue
    fold = evaluator.fold
    for number, window in enumerate(windows):
      seconds = (
        window * config.features.hop_length / config.features.sample_rate
      )
      name = purpose if number == 0 else f'{purpose}_{seconds:g}s'
      scores, _, events = evaluator(state, window)
      folder = pathlib.Path('predictions') / name
      for recording, prediction in zip(fold.names, events, strict=True):
        labels.write_csv(workdir / folder / f'{recording}.csv', prediction)
      results.append(
        {
          'name': name,
          'folds': list(config.data[f'{purpose}_folds']),
          'window_seconds': seconds,
          'num_recordings': len(fold.names),
          'predictions': str(folder),
          'scores': scores,
        }
      )
  return results


def selection(config: config_lib.Config) -> str:
  """How the tested snapshot was chosen, for the report."""
  folds = tuple(config.data.validation_folds)
  if not folds:
    return 'last snapshot'
  named = ', '.join(map(str, folds))
  return f'lowest seld_score on fold{"s" if len(folds) > 1 else ""} {named}'
