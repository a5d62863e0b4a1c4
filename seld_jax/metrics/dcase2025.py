"""DCASE 2025: azimuths of stereo, distances and what is on screen, by frame."""

import dataclasses

import numpy as np

from seld_jax.metrics import batches, dcase2024, matching


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Counts(dcase2024.Counts):
  """Sums over the frames of one or more recordings.

  They are those of 2024, and two of what is on screen, which are NaN if a
  recording has rows that do not say it.

  Attributes:
    onscreen: Pairs of which both are on screen, or neither is, float64 with
      shape `[classes]`.
    true_positives_onscreen: True positives among these pairs, float64 with
      shape `[classes]`.
  """

  onscreen: np.ndarray
  true_positives_onscreen: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of 2025: means over classes, and micro averages.

  Attributes:
    seld_score: 1 - F20, because the challenge ranks systems by F20, and its
      code selects the network by it. Lower is better.
    F20: Mean over classes of the F-score of detections within 20 degrees and
      with a relative distance error of at most 1.
    DOAE: Mean angle in degrees, averaged over the classes that were found; NaN
      if none was.
    RDE: Mean relative distance error, averaged over the same classes; NaN if
      there are none.
    onscreen_accuracy: Share of the pairs of which both are on screen, or
      neither is, averaged over the same classes; NaN if there are none, or if
      reference or predictions do not say what is on screen.
    F20_onscreen: Like `F20`, of detections that also agree in what is on
      screen; NaN if reference or predictions do not say it.
    seld_score_micro: Like `seld_score`, over all classes together.
    F20_micro: Like `F20`, over all classes together.
    DOAE_micro: Like `DOAE`, over all classes together.
    RDE_micro: Like `RDE`, over all classes together.
    onscreen_accuracy_micro: Like `onscreen_accuracy`, over all classes
      together.
    F20_onscreen_micro: Like `F20_onscreen`, over all classes together.
  """

  seld_score: float
  F20: float
  DOAE: float
  RDE: float
  onscreen_accuracy: float
  F20_onscreen: float
  seld_score_micro: float
  F20_micro: float
  DOAE_micro: float
  RDE_micro: float
  onscreen_accuracy_micro: float
  F20_onscreen_micro: float


def count(batch: batches.Batch) -> list[Counts]:
  """Counts rows frame by frame; see `metrics.counts`.

  Rows are paired and compared as in 2024, but by azimuths alone, which
  `batches` folded to the front. It also sorted the rows, so that their order in
  the files decides nothing. Neither distances nor what is on screen influence
  the pairing, unless azimuths are equal.
  """
  pairs = dcase2024.pair(batch)
  # NaN, where nobody says what is on screen, equals nothing.
  agree = pairs.reference.onscreen == pairs.predictions.onscreen
  unknown = np.zeros(len(batch.num_frames), bool)
  for rows in (batch.reference, batch.predictions):
    unknown[rows.recording[np.isnan(rows.onscreen)]] = True

  def agreed(chosen: np.ndarray) -> np.ndarray:
    rows = pairs.reference.chosen(chosen)
    return np.where(unknown[:, None], np.nan, batch.by_class(rows))

  fields = dcase2024.sums(batch, pairs)
  fields['onscreen'] = agreed(agree)
  fields['true_positives_onscreen'] = agreed(agree & ~pairs.wrong)
  return batch.split(Counts, fields)


def score(counts: Counts) -> Scores:
  """Computes the scores of 2025 from counts."""
  return Scores(*_means(counts), *_means(dcase2024.over_classes(counts)))


def totals_alone(counts: Counts) -> dict[str, int]:
  """No totals: this edition counts nothing over all classes together."""
  del counts
  return {}


def _means(counts: Counts) -> tuple[float, ...]:
  """Means over classes: SELD score, F20, DOAE, RDE, accuracy, F20_onscreen."""
  _, f20, angle, distance = dcase2024.means(counts)
  pairs = counts.true_positives + counts.too_far
  accuracy = float('nan')
  if (found := pairs > 0).any():
    accuracy = float(np.mean(counts.onscreen[found] / pairs[found]))
  half = 0.5 * (counts.false_positives + counts.false_negatives)
  # A pair that disagrees is like one that is too far away.
  onscreen = counts.true_positives_onscreen / (matching.EPSILON + pairs + half)
  return 1 - f20, f20, angle, distance, accuracy, float(onscreen.mean())
