"""The threshold of each class with the best F-score."""

from collections.abc import Callable, Sequence

import numpy as np

from seld_jax import labels, metrics
from seld_jax.evaluate.predictions import evaluate_predictions

# The thresholds that are tried.
CANDIDATES: tuple[float, ...] = tuple(k / 20 for k in range(2, 19))


def best_thresholds(
  find: Callable[[float], Sequence[labels.Events]],
  references: Sequence[labels.Events],
  *,
  names: Sequence[str],
  num_frames: Sequence[int],
  class_names: Sequence[str],
  edition: str = '2020',
  default: float = 0.5,
) -> dict[str, float]:
  """Finds the threshold of each class with the best F20 on some recordings.

  Each threshold from 0.1 to 0.9, in steps of 0.05, is tried for all classes at
  once. This tells the best one of each class, because the events of a class do
  not depend on the thresholds of the others.

  Args:
    find: A function from a threshold to the events of each recording.
    references: The labelled events of each recording.
    names: Name of each recording.
    num_frames: Number of label frames of each recording.
    class_names: Name of each class.
    edition: The edition of the challenge whose F20 is used.
    default: The threshold of classes without labelled events, in [0.01, 0.999].
      Of several equally good thresholds, the one closest to it is taken.

  Returns:
    Thresholds by the name of the class.

  Raises:
    InputError: Events are out of range.

  Example:
    >>> from seld_jax import evaluate, labels, outputs
    >>> format = outputs.ClassWise(num_classes=1)
    >>> doa = np.full((600, 1, 3), [1.0, 0, 0])
    >>> activity = np.repeat([[0.35]] * 6, 100, axis=0)  # weak but true
    >>> activity[300:] = 0.2  # false
    >>> reference = labels.from_dense(activity > 0.3, doa)
    >>> evaluate.best_thresholds(
    ...   lambda t: [format.events({'sed': activity, 'doa': doa}, t)],
    ...   [reference],
    ...   names=['mix1'],
    ...   num_frames=[600],
    ...   class_names=['alarm'],
    ... )
    {'alarm': 0.3}
  """
  lengths = dict(zip(names, map(int, num_frames), strict=True))
  score, scores = metrics.f_score(edition), []
  for threshold in CANDIDATES:
    result = evaluate_predictions(
      zip(names, references, find(threshold), strict=True),
      edition=edition,
      num_frames=lengths,
      num_classes=len(class_names),
      class_names=class_names,
    )
    groups = [result['per_class'][name] for name in class_names]
    scores.append([group[score] for group in groups])
  best = {}
  for name, column in zip(class_names, zip(*scores, strict=True), strict=True):
    values = np.array([-1.0 if one is None else one for one in column])
    tied = [
      threshold
      for threshold, value in zip(CANDIDATES, values, strict=True)
      if value >= values.max() - 1e-9
    ]
    best[name] = (
      min(tied, key=lambda one: abs(one - default))
      if values.max() > 0
      else default
    )
  return best
