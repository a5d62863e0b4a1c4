"""Calibrates the thresholds of a trained run on its validation recordings."""

import dataclasses
import os
from typing import Any

import jax
import numpy as np

from seld_jax import devices, evaluate, inference, runs
from seld_jax.dataset import placement
from seld_jax.train import prepare, run_recordings, scoring, snapshot


@dataclasses.dataclass(frozen=True)
class Calibration:
  """Thresholds of a run, and what they change.

  Attributes:
    step: The step of the checkpoint.
    thresholds: Thresholds by the name of the class.
    before: Scores of the validation recordings with the threshold of the
      config, as `evaluate.evaluate_predictions` returns them.
    after: The scores with the thresholds of each class. They are too good,
      because the thresholds were chosen on these recordings.

  Example:
    >>> from seld_jax import train
    >>> found = train.Calibration(100, {'alarm': 0.4}, before={}, after={})
    >>> found.thresholds['alarm']
    0.4
  """

  step: int
  thresholds: dict[str, float]
  before: dict[str, Any]
  after: dict[str, Any]


def calibrate(
  workdir: str | os.PathLike[str],
  *,
  edition: str | None = None,
  data: str | os.PathLike[str] | None = None,
) -> Calibration:
  """Finds the thresholds of a run, and writes them into its directory.

  Every later reader of the run uses them: predictions, exports and shared
  folders. The scores that the training wrote do not change.

  Args:
    workdir: The run directory; its dataset is needed.
    edition: The edition of the challenge whose F-score is used; None for that
      of the run.
    data: The folder of the dataset, if it was moved after the training.

  Returns:
    The thresholds, and the scores of the validation recordings.

  Raises:
    InputError: The run has no validation recordings with labels, its dataset is
      missing, or a recording of the training is now one of the validation.

  Example:
    >>> from seld_jax import train
    >>> found = train.calibrate('runs/quick')  # doctest: +SKIP
    >>> found.thresholds['piano']  # doctest: +SKIP
    0.35
  """
  trained = snapshot.read(workdir)
  config = trained.config
  config.eval.class_thresholds = ()
  if data is not None:
    config.data.root = os.fspath(data)
  fold = prepare.load_validation(config)
  run_recordings.check_unseen(workdir, fold.names, root=config.data.root)
  # One device suffices, and eval.batch_size need not be a multiple of more.
  mesh = devices.make_mesh(devices=jax.devices()[:1])
  outputs = inference.predict_fold(
    scoring.make_predict_step(config, mesh),
    {
      name: trained.variables[name]
      for name in trained.variables
      if name != 'statistics'
    },
    trained.variables['statistics'],
    fold,
    source=placement.streamed(mesh, fold.features),
    window=config.eval.window,
    batch_size=config.eval.batch_size,
  )
  spec = snapshot.spec_of(config)
  find = lambda threshold: [
    spec.events(output, threshold=threshold) for output in outputs
  ]
  best = evaluate.best_thresholds(
    find,
    fold.references,
    names=fold.names,
    num_frames=fold.num_label_frames.tolist(),
    class_names=tuple(config.data.classes),
    edition=edition or config.eval.edition,
    # Runs of earlier versions may have any.
    default=float(np.clip(config.eval.threshold, *runs.THRESHOLD_RANGE)),
  )
  before, after = (
    scoring.score_events(config, fold, find(threshold), edition=edition)
    for threshold in (config.eval.threshold, np.array([*best.values()]))
  )
  runs.write_thresholds(workdir, best, step=trained.step)
  return Calibration(trained.step, best, before, after)
