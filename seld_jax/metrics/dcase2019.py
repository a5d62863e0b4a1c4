"""DCASE 2019: classes per segment, and directions per frame."""

import dataclasses

import numpy as np

from seld_jax.metrics import batches, matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the segments and frames of one or more recordings.

  The scores compare directions of all classes together. The fields `class_...`
  compare the directions of one class only; `metrics.of_class` needs them.

  Attributes:
    edition: The edition whose rules were used.
    reference: Segments in which the reference has the class, `[classes]`.
    predicted: Segments in which the prediction has the class, `[classes]`.
    true_positives: Segments in which both have the class, `[classes]`.
    class_errors: Segments in which only one of them has it, `[classes]`.
    class_directions: Number of predicted directions, `[classes]`.
    class_angles: Sum of the angles of pairs in degrees, `[classes]`.
    class_good_frames: Frames with the right number of directions, `[classes]`.
    class_frames: Number of frames, `[classes]`.
    errors: Substitutions, deletions and insertions over all classes.
    directions: Number of predicted directions of all classes.
    angles: Sum of the angles of pairs in degrees, over all classes.
    good_frames: Frames with the right number of directions of all classes.
    frames: Number of frames.
    as_published: Whether they were counted as the published code does.
  """

  edition: str
  reference: np.ndarray
  predicted: np.ndarray
  true_positives: np.ndarray
  class_errors: np.ndarray
  class_directions: np.ndarray
  class_angles: np.ndarray
  class_good_frames: np.ndarray
  class_frames: np.ndarray
  errors: int
  directions: int
  angles: float
  good_frames: int
  frames: int
  as_published: bool = False


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of 2019, over all classes together.

  Attributes:
    seld_score: Mean of ER, 1 - F, DOA_error / 180 and 1 - frame_recall; lower
      is better.
    ER: Error rate of the classes detected per segment; lower is better.
    F: F-score of the classes detected per segment.
    DOA_error: Sum of the angles of paired directions divided by the number of
      predicted directions, in degrees; 180 if nothing was predicted.
    frame_recall: Share of frames in which as many directions were predicted as
      the reference has.
  """

  seld_score: float
  ER: float
  F: float
  DOA_error: float
  frame_recall: float


def count(batch: batches.Batch) -> list[Counts]:
  """Counts classes per segment, directions per frame; see `metrics.counts`.

  The directions of a frame are paired so that the sum of their angles is
  smallest, whatever their class. Directions without a partner add no angle.
  """
  both = batch.reference, batch.predictions
  last = batch.rules.segment_frames - 1
  present = []
  for rows in both:
    there = np.zeros(batch.shape, bool)
    segment, class_index = batch.segments(rows)
    if batch.rules.as_published:  # without the last frame of each segment
      early = rows.frame % batch.rules.segment_frames < last
      segment, class_index = segment[early], class_index[early]
    there[segment, class_index] = True
    present.append(there)
  miss, alarm = present[0] & ~present[1], present[1] & ~present[0]

  count = len(batch.num_frames)
  frames = batch.num_frames
  classes = batch.rules.num_classes
  angles, wrong = _compare(batch, 1)
  class_angles, class_wrong = _compare(batch, classes)
  num_directions = batch.by_class(batch.predictions)
  return batch.split(
    Counts,
    {
      'reference': batch.sums(present[0]),
      'predicted': batch.sums(present[1]),
      'true_positives': batch.sums(present[0] & present[1]),
      'class_errors': batch.sums(miss | alarm),
      'class_directions': num_directions,
      'class_angles': class_angles,
      'class_good_frames': frames[:, None] - class_wrong,
      'class_frames': np.broadcast_to(frames[:, None], (count, classes)),
      'errors': batch.sums(np.maximum(miss.sum(axis=1), alarm.sum(axis=1))),
      'directions': num_directions.sum(axis=1),
      'angles': angles[:, 0],
      'good_frames': frames - wrong[:, 0],
      'frames': frames,
    },
  )


def _compare(
  batch: batches.Batch, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Compares the directions of each frame and class.

  Args:
    batch: The recordings.
    num_classes: Number of classes; 1 to compare all classes together.

  Returns:
    The sum of the angles of pairs, and the number of frames with a wrong number
    of directions, both with shape `[recordings, num_classes]`.
  """
  both = batch.reference, batch.predictions
  keys = tuple(rows.frame for rows in both)
  if num_classes > 1:
    keys = tuple(map(batch.key, both))
  rows, _, angle = batch.paired((keys[0], keys[1]))

  def by_class(key: np.ndarray, values: np.ndarray | int) -> np.ndarray:
    frame, class_index = np.divmod(key, num_classes)
    segment = frame // batch.rules.segment_frames
    recording = np.searchsorted(batch.first, segment, side='right') - 1
    shape = len(batch.num_frames), num_classes
    return matching.add_at(shape, (recording, class_index), values=values)

  # A key is wrong if reference and predictions have different numbers of rows
  # with it. Rows count as 1 and -1, so that the sum of a key is the difference.
  key, place = np.unique(np.concatenate(keys), return_inverse=True)
  sign = np.repeat([1, -1], [len(one) for one in keys])
  wrong = key[np.bincount(place, sign, minlength=len(key)) != 0]
  return by_class(keys[0][rows], angle), by_class(wrong, 1)


def score(counts: Counts) -> Scores:
  """Computes the scores of 2019 from counts."""
  reference, predicted = counts.reference.sum(), counts.predicted.sum()
  error_rate = counts.errors / (reference + matching.EPSILON)
  f = matching.f_score(counts.true_positives.sum(), predicted, reference)
  angle = counts.angles / counts.directions if counts.directions else 180.0
  recall = counts.good_frames / (counts.frames + matching.EPSILON)
  return Scores(
    seld_score=float((error_rate + 1 - f + angle / 180 + 1 - recall) / 4),
    ER=float(error_rate),
    F=float(f),
    DOA_error=float(angle),
    frame_recall=float(recall),
  )


def totals_alone(counts: Counts) -> dict[str, int | float]:
  """The totals over all classes if there is only one class."""
  return {
    'errors': int(counts.class_errors.sum()),
    'directions': int(counts.class_directions.sum()),
    'angles': float(counts.class_angles.sum()),
    'good_frames': int(counts.class_good_frames.sum()),
    'frames': int(counts.class_frames.sum()),
  }
