"""The classes `SELDMetrics` of the published code, with the same arguments.

    from seld_jax.metrics import SELDMetrics2023 as SELDMetrics

is the import to change; each edition has its own arguments and results. The
scores are those of the published code, computed by the functions of this
package. `evaluate.ComputeSELDResults` scores folders of files.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import counting, dictionaries, results


class _Metrics:
  """Adds up the counts of recordings, and returns scores."""

  def __init__(self, options: results.Options):
    self._options = options
    silence = dictionaries.of_frames({}, 0, options.num_classes)
    (self._sums,) = results.count_each([(silence, silence)], [0], options)

  def compute_seld_scores(self) -> tuple[Any, ...]:
    """Computes the scores of all recordings so far.

    Returns:
      The scores in the order of the published class; the docstring of the class
      lists them.
    """
    return results.returned(self._sums, self._options)

  def _add(
    self, pair: tuple[Any, Any], num_frames: int, **changes: Any
  ) -> None:
    options = dataclasses.replace(self._options, **changes)
    self._sums = counting.merge(
      [self._sums, *results.count_each([pair], [num_frames], options)]
    )


class _SegmentMetrics(_Metrics):
  """Counts dictionaries of segments of one second."""

  # The numbers of a row that are no coordinates: before and after them.
  _margins = 1, 0

  def update_seld_scores(self, pred: Any, gt: Any) -> None:
    """Counts a recording.

    Args:
      pred: Predictions: `pred[segment][class]` is a list whose only entry has
        two lists: frames within the segment, and the rows of each frame.
      gt: The reference, in the same form, with all segments of the recording.

    Raises:
      InputError: The reference lacks a segment, or a row has another number of
        columns than the edition has.
    """
    length = dictionaries.length_of(gt, 'segments')
    size = dictionaries.segment_frames(gt, pred)
    events = [
      dictionaries.of_segments(
        one, size, self._options.num_classes, margins=self._margins
      )
      for one in (gt, pred)
    ]
    self._add(
      (events[0], events[1]),
      length * size,
      # As in the published code, the reference decides about the formula.
      polar=events[0].polar,
      segment_frames=size,
    )


class _EarlyMetrics(_SegmentMetrics):
  """Has four scores over all classes, as in 2020 and 2021."""

  _edition: str

  def __init__(self, doa_threshold: float = 20, nb_classes: int = 11):
    super().__init__(
      results.Options(self._edition, nb_classes, doa_threshold=doa_threshold)
    )

  def compute_seld_scores(self) -> tuple[float, ...]:
    """Computes ER, F, LE_CD and LR_CD of all recordings so far."""
    return super().compute_seld_scores()[:4]


class SELDMetrics2020(_EarlyMetrics):
  """The class `SELDMetrics` of 2020.

  Its scores are ER, F, LE_CD (180 if nothing was found) and LR_CD, the F-score
  of localization of that year. Rows are azimuth and elevation in degrees.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    nb_classes: Number of classes.

  Example:
    >>> from seld_jax import metrics
    >>> segments = {0: {3: [[[0, 1], [[[30, 0]], [[32, 0]]]]]}, 1: {}}
    >>> found = metrics.SELDMetrics2020(nb_classes=14)
    >>> found.update_seld_scores(segments, segments)
    >>> [round(value, 3) for value in found.compute_seld_scores()]
    [0.0, 1.0, 0.0, 1.0]
  """

  _edition = '2020'
  _margins = 0, 0

  def update_seld_scores_xyz(self, pred: Any, gt: Any) -> None:
    """Counts a recording whose rows are x, y and z; see `update_seld_scores`.

    Args:
      pred: Predictions.
      gt: The reference.
    """
    self.update_seld_scores(pred, gt)


class SELDMetrics2021(_EarlyMetrics):
  """The class `SELDMetrics` of 2021.

  Its scores are ER, F, LE_CD (180 if nothing was found) and LR_CD. Rows are
  azimuth and elevation in degrees, or x, y and z, and then the track.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    nb_classes: Number of classes.

  Example:
    >>> from seld_jax import metrics
    >>> segments = {0: {3: [[[0, 1], [[[30, 0, 0]], [[32, 0, 0]]]]]}, 1: {}}
    >>> found = metrics.SELDMetrics2021(nb_classes=12)
    >>> found.update_seld_scores(segments, segments)
    >>> [round(value, 3) for value in found.compute_seld_scores()]
    [0.0, 1.0, 0.0, 1.0]
  """

  _edition = '2021'
  _margins = 0, 1


class SELDMetrics2022(_SegmentMetrics):
  """The class `SELDMetrics` of 2022 and 2023.

  Its scores are ER, F, LE_CD, LR_CD and the SELD score, and then an array of
  these of each class, with shape `[5, classes]`, or an empty list for
  `average='micro'`. Rows are the track, and then azimuth and elevation in
  degrees, or x, y and z.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    nb_classes: Number of classes.
    average: `'macro'` for means over classes, or `'micro'`.

  Raises:
    InputError: `average` is another word.

  Example:
    >>> from seld_jax import metrics
    >>> segments = {0: {0: [[[0, 1], [[[0, 30, 0]], [[0, 32, 0]]]]]}}
    >>> found = metrics.SELDMetrics2022(nb_classes=1)
    >>> found.update_seld_scores(segments, segments)
    >>> *scores, table = found.compute_seld_scores()
    >>> [round(value, 3) for value in scores], table.shape
    ([0.0, 1.0, 0.0, 1.0, 0.0], (5, 1))
  """

  def __init__(
    self,
    doa_threshold: float = 20,
    nb_classes: int = 11,
    average: str = 'macro',
  ):
    super().__init__(
      results.Options(
        '2022', nb_classes, doa_threshold=doa_threshold, average=average
      )
    )


SELDMetrics2023 = SELDMetrics2022


class SELDMetricsSegmentLevel(_SegmentMetrics):
  """The class `SELDMetricsSegmentLevel` of 2024: the rules of 2023.

  Its scores are those of `SELDMetrics2022`. Rows are the track, x, y and z, and
  a distance or not.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    nb_classes: Number of classes.
    average: `'macro'` for means over classes, or `'micro'`.

  Raises:
    InputError: `average` is another word.

  Example:
    >>> from seld_jax import metrics
    >>> segments = {0: {0: [[[0, 1], [[[0, 1, 0, 0]], [[0, 0, 1, 0]]]]]}}
    >>> found = metrics.SELDMetricsSegmentLevel(nb_classes=1)
    >>> found.update_seld_scores(segments, segments)
    >>> round(found.compute_seld_scores()[1], 3)
    1.0
  """

  def __init__(
    self,
    doa_threshold: float = 20,
    nb_classes: int = 11,
    average: str = 'macro',
  ):
    super().__init__(
      results.Options(
        '2024',
        nb_classes,
        doa_threshold=doa_threshold,
        average=average,
        by_segment=True,
      )
    )

  def update_seld_scores(
    self, pred: Any, gt: Any, eval_dist: bool = False
  ) -> None:
    """Counts a recording.

    Args:
      pred: Predictions: `pred[segment][class]` is a list whose only entry has
        two lists: frames within the segment, and the rows of each frame.
      gt: The reference, in the same form, with all segments of the recording.
      eval_dist: Must be False: segments are compared without distances.

    Raises:
      InputError: Distances are to be evaluated, the reference lacks a segment,
        or a row has another number of columns.
    """
    if eval_dist:
      raise InputError(
        'Segments have no scores of distances: set evaluate_distance or '
        'segment_based_metrics to False.'
      )
    super().update_seld_scores(pred, gt)


class SELDMetrics2024(_Metrics):
  """The class `SELDMetrics` of 2024.

  Its scores are ER, F, AngE, DistE, RelDistE, LR and the SELD score with
  distances, and ER, F, AngE, LR and the SELD score without. Then an array of
  these of each class follows, with shape `[scores, classes]`, or an empty list
  for `average='micro'`. Scores that are not defined are NaN.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    dist_threshold: Its largest distance error, in the unit of the distances.
    reldist_threshold: Its largest relative distance error.
    nb_classes: Number of classes.
    eval_dist: Whether distances are evaluated.
    average: `'macro'` for means over classes, or `'micro'`.

  Raises:
    InputError: `average` is another word.

  Example:
    >>> from seld_jax import metrics
    >>> gt = {0: {0: {0: [1, 0, 0, 2.0]}}, 1: {}}
    >>> pred = {0: {0: {0: [1, 0, 0, 3.0]}}, 1: {}}
    >>> found = metrics.SELDMetrics2024(nb_classes=1, reldist_threshold=1)
    >>> found.update_seld_scores(pred, gt, eval_dist=True)
    >>> ER, F, AngE, DistE, RelDistE, LR, SELD, table = (
    ...   found.compute_seld_scores()
    ... )
    >>> round(F, 3), DistE, RelDistE, table.shape
    (1.0, 1.0, 0.5, (7, 1))
  """

  def __init__(
    self,
    doa_threshold: float = 20,
    dist_threshold: float = np.inf,
    reldist_threshold: float = np.inf,
    nb_classes: int = 11,
    eval_dist: bool = True,
    average: str = 'macro',
  ):
    super().__init__(
      results.Options(
        '2024',
        nb_classes,
        doa_threshold=doa_threshold,
        distance_threshold=dist_threshold,
        relative_threshold=reldist_threshold,
        with_distances=eval_dist,
        average=average,
      )
    )

  def update_seld_scores(
    self, pred: Any, gt: Any, eval_dist: bool = False
  ) -> None:
    """Counts a recording.

    Args:
      pred: Predictions: `pred[frame][class][track]` is x, y and z, and then the
        distance, if distances are evaluated.
      gt: The reference, in the same form, with all frames of the recording.
      eval_dist: Whether the distances of this recording count.

    Raises:
      InputError: The reference lacks a frame, or distances are to be evaluated
        and missing.
    """
    size = dictionaries.length_of(gt, 'frames')
    classes = self._options.num_classes
    pair = (
      dictionaries.of_frames(gt, size, classes),
      dictionaries.of_frames(pred, size, classes),
    )
    self._add(pair, size, with_distances=eval_dist)


class SELDMetrics2025(_Metrics):
  """The class `SELDMetrics` of 2025.

  Its scores are F, AngE, DistE, RelDistE and OnscreenAq, and then an array of
  these of each class, with shape `[5, classes]`, or an empty list for
  `average='micro'`. Scores that are not defined are NaN.

  Args:
    doa_threshold: Largest angle of a true positive, in degrees.
    dist_threshold: Its largest distance error, in the unit of the distances.
    reldist_threshold: Its largest relative distance error.
    req_onscreen: Whether it must be right about what is on screen.
    nb_classes: Number of classes.
    average: `'macro'` for means over classes, or `'micro'`.

  Raises:
    InputError: `average` is another word.

  Example:
    >>> from seld_jax import metrics
    >>> gt = {0: {0: {0: [30, 200, 1]}}, 1: {}}
    >>> pred = {0: {0: {0: [40, 300, 0]}}, 1: {}}
    >>> found = metrics.SELDMetrics2025(nb_classes=1, req_onscreen=False)
    >>> found.update_seld_scores(pred, gt)
    >>> F, AngE, DistE, RelDistE, OnscreenAq, table = (
    ...   found.compute_seld_scores()
    ... )
    >>> round(F, 3), AngE, DistE, RelDistE, OnscreenAq
    (1.0, 10.0, 100.0, 0.5, 0.0)
  """

  def __init__(
    self,
    doa_threshold: float = 20,
    dist_threshold: float = np.inf,
    reldist_threshold: float = np.inf,
    req_onscreen: bool = True,
    nb_classes: int = 13,
    average: str = 'macro',
  ):
    super().__init__(
      results.Options(
        '2025',
        nb_classes,
        doa_threshold=doa_threshold,
        distance_threshold=dist_threshold,
        relative_threshold=reldist_threshold,
        require_onscreen=req_onscreen,
        average=average,
      )
    )

  def update_seld_scores(self, pred: Any, gt: Any) -> None:
    """Counts a recording.

    Args:
      pred: Predictions: `pred[frame][class][track]` is the azimuth in degrees,
        the distance, and whether the source is on screen.
      gt: The reference, in the same form, with all frames of the recording.

    Raises:
      InputError: The reference lacks a frame, or a row has another number of
        columns.
    """
    size = dictionaries.length_of(gt, 'frames')
    classes = self._options.num_classes
    pair = (
      dictionaries.of_stereo_frames(gt, size, classes),
      dictionaries.of_stereo_frames(pred, size, classes),
    )
    self._add(pair, size)


def early_stopping_metric(
  sed_error: Sequence[float], doa_error: Sequence[float]
) -> float:
  """The SELD score of 2020 and 2021, as their published function computes it.

  Args:
    sed_error: Error rate and F-score.
    doa_error: Localization error in degrees, and localization recall.

  Returns:
    The mean of the error rate, 1 - F, the error / 180, and 1 - recall.

  Example:
    >>> from seld_jax import metrics
    >>> metrics.early_stopping_metric([0.5, 0.5], [90.0, 0.5])
    0.5
  """
  (rate, f_score), (angle, recall) = sed_error, doa_error
  return float(np.mean([rate, 1 - f_score, angle / 180, 1 - recall]))
