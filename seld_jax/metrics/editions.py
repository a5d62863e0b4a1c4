"""How each edition of the challenge counts and scores."""

import dataclasses
from collections.abc import Callable
from typing import Any

from seld_jax.errors import InputError
from seld_jax.metrics import dcase2019, dcase2020, dcase2021, dcase2024


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
  count_each = _one_by_one(dcase2021.count)
  return Edition(count_each, score, dcase2021.errors_alone)


EDITIONS = {
  '2019': Edition(
    _one_by_one(dcase2019.count),
    dcase2019.score,
    dcase2019.errors_alone,
  ),
  '2020': Edition(
    dcase2020.count_each, dcase2020.score, dcase2020.errors_alone
  ),
  '2021': _segments(dcase2021.score_2021),
  '2022': _segments(dcase2021.score_2022),
  '2023': _segments(dcase2021.score_2022),
  '2024': Edition(
    _one_by_one(dcase2024.count),
    dcase2024.score,
    dcase2024.errors_alone,
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
