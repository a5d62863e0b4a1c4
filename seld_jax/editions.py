"""How each edition of the challenge counts and scores."""

import dataclasses
from collections.abc import Callable
from typing import Any

from seld_jax import metrics_2019, metrics_2020, metrics_2024, metrics_segments
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Edition:
  """The functions of an edition.

  Attributes:
    count_each: Maps references, predictions and `matching.Rules` of recordings
      to the counts of each.
    score: Maps counts to scores.
    errors_alone: Maps the counts of a single class to the errors that it makes
      when there is no other.
  """

  count_each: Callable[..., list[Any]]
  score: Callable[[Any], Any]
  errors_alone: Callable[[Any], dict[str, Any]]


def _one_by_one(count: Callable[..., Any]) -> Callable[..., list[Any]]:
  """Counts recordings by a function that counts one."""
  return lambda *recordings: [
    count(*one) for one in zip(*recordings, strict=True)
  ]


def _segments(score: Callable[[Any], Any]) -> Edition:
  count_each = _one_by_one(metrics_segments.count)
  return Edition(count_each, score, metrics_segments.errors_alone)


EDITIONS = {
  '2019': Edition(
    _one_by_one(metrics_2019.count),
    metrics_2019.score,
    metrics_2019.errors_alone,
  ),
  '2020': Edition(
    metrics_2020.count_each, metrics_2020.score, metrics_2020.errors_alone
  ),
  '2021': _segments(metrics_segments.score_2021),
  '2022': _segments(metrics_segments.score_2022),
  '2023': _segments(metrics_segments.score_2022),
  '2024': Edition(
    _one_by_one(metrics_2024.count),
    metrics_2024.score,
    metrics_2024.errors_alone,
  ),
}


def edition_of(name: str) -> Edition:
  """An edition by its year.

  Args:
    name: One of `EDITIONS`.

  Returns:
    The edition.

  Raises:
    InputError: There is none of that name.
  """
  if name not in EDITIONS:
    raise InputError(
      f'Scores of edition {name!r} are not known; the editions are '
      f'{", ".join(EDITIONS)}.'
    )
  return EDITIONS[name]
