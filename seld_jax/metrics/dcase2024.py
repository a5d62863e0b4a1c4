"""DCASE 2024: directions and distances, frame by frame."""

import dataclasses
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import batches, matching

# A source predicted at twice its distance has a relative error of exactly 1,
# which must not exceed a threshold of 1 because of rounding.
_DISTANCE_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the frames of one or more recordings.

  Attributes:
    edition: The edition whose rules were used.
    reference: Rows of the reference, `[classes]`.
    true_positives: Pairs whose angle and distance error are both within their
      thresholds, `[classes]`.
    too_far: All other pairs, `[classes]`.
    false_positives: Predicted rows without a partner, `[classes]`.
    false_negatives: Rows of the reference without a partner, `[classes]`.
    angles: Sum of the angles of all pairs in degrees, `[classes]`.
    distances: Sum of the relative distance errors of all pairs, `[classes]`.
    as_published: Whether they were counted as the published code does.
  """

  edition: str
  reference: np.ndarray
  true_positives: np.ndarray
  too_far: np.ndarray
  false_positives: np.ndarray
  false_negatives: np.ndarray
  angles: np.ndarray
  distances: np.ndarray
  as_published: bool = False


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of 2024: means over classes, and micro averages.

  Attributes:
    seld_score: Mean over classes of the mean of 1 - F20, DOAE / 180 and RDE.
      As in the published code, a class that was never found has 1 - F20 alone.
      Lower is better.
    F20: Mean over classes of the F-score of detections within 20 degrees and
      with a relative distance error of at most 1.
    DOAE: Mean angle in degrees, averaged over the classes that were found; NaN
      if none was.
    RDE: Mean relative distance error, averaged over the same classes; NaN if
      there are none.
    seld_score_micro: Like `seld_score`, over all classes together.
    F20_micro: Like `F20`, over all classes together.
    DOAE_micro: Like `DOAE`, over all classes together.
    RDE_micro: Like `RDE`, over all classes together.
  """

  seld_score: float
  F20: float
  DOAE: float
  RDE: float
  seld_score_micro: float
  F20_micro: float
  DOAE_micro: float
  RDE_micro: float


@dataclasses.dataclass(frozen=True)
class Pairs:
  """The pairs of a batch, in any order.

  Attributes:
    reference: Their rows of the references.
    predictions: Their rows of the predictions.
    angle: Angles in degrees, float64 with shape `[pairs]`.
    relative: Relative distance errors, float64 with shape `[pairs]`.
    wrong: Whether one of both exceeds its threshold, bool with shape `[pairs]`.
  """

  reference: batches.Rows
  predictions: batches.Rows
  angle: np.ndarray
  relative: np.ndarray
  wrong: np.ndarray


def count(batch: batches.Batch) -> list[Counts]:
  """Counts rows frame by frame; see `metrics.counts`.

  In each frame the directions of a class are paired so that the sum of their
  angles is smallest; distances do not influence the pairing. A pair is a true
  positive when its angle and its relative distance error are both within their
  thresholds; otherwise it adds 1 to the denominator of F20.
  """
  return batch.split(Counts, sums(batch, pair(batch)))


def pair(batch: batches.Batch) -> Pairs:
  """Pairs the rows of the same frame and class, and compares them."""
  reference, predictions, rules = (
    batch.reference,
    batch.predictions,
    batch.rules,
  )
  rows, columns, angle = batch.paired(
    (batch.key(reference), batch.key(predictions))
  )
  true = reference.distance[rows]
  relative = np.abs(true - predictions.distance[columns])
  relative = relative / (true + matching.EPSILON)
  tolerance = 0.0 if rules.as_published else _DISTANCE_TOLERANCE
  wrong = angle > rules.largest_angle
  wrong |= relative > rules.distance_threshold + tolerance
  return Pairs(
    reference.chosen(rows), predictions.chosen(columns), angle, relative, wrong
  )


def sums(batch: batches.Batch, found: Pairs) -> dict[str, np.ndarray]:
  """The fields of `Counts`, each with shape `[recordings, classes]`."""
  partners = found.reference
  num_reference, num_predicted = map(
    batch.by_class, (batch.reference, batch.predictions)
  )
  pairs, far = map(batch.by_class, (partners, partners.chosen(found.wrong)))
  return {
    'reference': num_reference,
    'true_positives': pairs - far,
    'too_far': far,
    'false_positives': num_predicted - pairs,
    'false_negatives': num_reference - pairs,
    'angles': batch.by_class(partners, values=found.angle),
    'distances': batch.by_class(partners, values=found.relative),
  }


def score(counts: Counts) -> Scores:
  """Computes the scores of 2024 from counts."""
  return Scores(*means(counts), *means(over_classes(counts)))


def over_classes(counts: Any) -> Any:
  """The counts of all classes together, as if they were one class."""
  return dataclasses.replace(
    counts,
    **{
      name: np.sum(value, keepdims=True)
      for name, value in vars(counts).items()
      if isinstance(value, np.ndarray)
    },
  )


def totals_alone(counts: Counts) -> dict[str, int]:
  """No totals: this edition counts nothing over all classes together."""
  del counts
  return {}


def means(counts: Any) -> tuple[float, float, float, float]:
  """Means over classes of SELD score, F20, DOAE and RDE.

  Args:
    counts: Counts of 2024, or of another edition with the same fields.

  Returns:
    The four numbers; DOAE and RDE are NaN if no class was found.
  """
  hits, half = (
    counts.true_positives,
    0.5 * (counts.false_positives + counts.false_negatives),
  )
  f20 = hits / (matching.EPSILON + hits + counts.too_far + half)
  pairs = hits + counts.too_far
  found = pairs > 0
  angle = counts.angles / np.maximum(pairs, 1)
  distance = counts.distances / np.maximum(pairs, 1)
  seld = np.where(found, (1 - f20 + angle / 180 + distance) / 3, 1 - f20)
  errors = (np.nan, np.nan)
  if found.any():
    errors = (float(angle[found].mean()), float(distance[found].mean()))
  return float(seld.mean()), float(f20.mean()), *errors


def check_distances(what: str, events: Any, edition: str) -> None:
  """Raises InputError for events whose distances are unusable.

  Args:
    what: What the message calls the events, such as `'reference'`.
    events: Events.
    edition: The edition whose scores are computed, for the message.

  Raises:
    InputError: Distances are missing, negative or not finite.
  """
  distance = getattr(events, 'distance', None)
  if distance is None:
    if len(events.frame):
      raise InputError(
        f'The {what} has no distances, but the scores of {edition} need them.'
      )
  elif not np.isfinite(distance).all() or np.any(distance < 0):
    raise InputError(
      f'The {what} has a distance that is negative, NaN or infinite.'
    )
