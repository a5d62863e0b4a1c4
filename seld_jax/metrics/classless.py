"""Directions without classes: where sounds are, whatever they are.

Systems that predict no classes can be compared with those that do. The frame
recall, and the pairs of the DOA error, are those of 2019.

References:
  Adavanne et al., `Sound Event Localization and Detection of Overlapping
  Sources Using Convolutional Recurrent Neural Networks
  <https://arxiv.org/abs/1807.00129>`_, 2018
"""

import dataclasses

import numpy as np

from seld_jax.metrics import batches, matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the label frames of one or more recordings.

  Attributes:
    edition: `'classless'`.
    reference: Number of directions in the reference, with shape `[1]`.
    predicted: Number of predicted directions, with shape `[1]`.
    pairs: Number of pairs of a reference and a predicted direction, `[1]`.
    hits: Pairs that are at most `doa_threshold` apart, `[1]`.
    angles: Sum of the angles of pairs in degrees, `[1]`.
    good_frames: Frames with the right number of directions, `[1]`.
    frames: Number of frames, `[1]`.
    as_published: Always False.
  """

  edition: str
  reference: np.ndarray
  predicted: np.ndarray
  pairs: np.ndarray
  hits: np.ndarray
  angles: np.ndarray
  good_frames: np.ndarray
  frames: np.ndarray
  as_published: bool = False


@dataclasses.dataclass(frozen=True)
class Scores:
  """Scores of directions, whatever their class.

  A score is NaN if nothing is there of which it is a share or a mean.

  Attributes:
    LE: Mean angle of the pairs in degrees.
    recall: Share of the reference directions that have a partner, at any angle.
    precision: Share of the predicted directions that have a partner.
    recall20: Share of the reference directions whose partner is at most 20
      degrees away.
    precision20: The same share of the predicted directions.
    F20: The harmonic mean of both.
    frame_recall: Share of frames in which as many directions were predicted as
      the reference has.
  """

  LE: float
  recall: float
  precision: float
  recall20: float
  precision20: float
  F20: float
  frame_recall: float


def count(batch: batches.Batch) -> list[Counts]:
  """Counts the directions of each frame; see `metrics.counts`.

  The directions of a frame are paired so that the sum of their angles is
  smallest (Hungarian assignment), whatever their class.
  """
  reference, predictions = batch.reference, batch.predictions
  rows, _, angle = batch.paired((reference.frame, predictions.frame))
  recordings = len(batch.num_frames)
  total = int(batch.first[-1]) * batch.rules.segment_frames

  def sums(recording: np.ndarray, values: np.ndarray | int) -> np.ndarray:
    added = matching.add_at((recordings,), (recording,), values=values)
    return added[:, None]

  # Frames of all recordings of the batch are numbered one after another.
  surplus = np.bincount(predictions.frame, minlength=total) - np.bincount(
    reference.frame, minlength=total
  )
  wrong = np.flatnonzero(surplus) // batch.rules.segment_frames
  owner = np.searchsorted(batch.first, wrong, side='right') - 1
  paired = reference.recording[rows]
  is_hit = angle <= batch.rules.largest_angle
  return batch.split(
    Counts,
    {
      'reference': sums(reference.recording, 1),
      'predicted': sums(predictions.recording, 1),
      'pairs': sums(paired, 1),
      'hits': sums(paired[is_hit], 1),
      'angles': sums(paired, angle),
      'good_frames': batch.num_frames[:, None] - sums(owner, 1),
      'frames': batch.num_frames[:, None],
    },
  )


def score(counts: Counts) -> Scores:
  """Computes the scores from counts."""

  def ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part[0] / whole[0]) if whole[0] else float('nan')

  both = counts.reference + counts.predicted
  return Scores(
    LE=ratio(counts.angles, counts.pairs),
    recall=ratio(counts.pairs, counts.reference),
    precision=ratio(counts.pairs, counts.predicted),
    recall20=ratio(counts.hits, counts.reference),
    precision20=ratio(counts.hits, counts.predicted),
    F20=ratio(2 * counts.hits, both),
    frame_recall=ratio(counts.good_frames, counts.frames),
  )


def totals_alone(counts: Counts) -> dict[str, int]:
  """There are no classes, and so no totals over them."""
  del counts
  return {}
