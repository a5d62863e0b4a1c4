"""The editions of the challenge, each with the functions that score it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from seld_jax.errors import InputError
from seld_jax.metrics import (
  batches,
  dcase2019,
  dcase2020,
  dcase2021,
  dcase2024,
)


@dataclasses.dataclass(frozen=True)
class Edition:
  """The functions of an edition.

  Attributes:
    count: Maps a batch of recordings to the counts of each of them.
    score: Maps counts to scores.
    totals_alone: Maps the counts of a single class to the fields that are sums
      over all classes, as if there were no other class.
  """

  count: Callable[[batches.Batch], list[Any]]
  score: Callable[[Any], Any]
  totals_alone: Callable[[Any], dict[str, Any]]


def _tracks(score: Callable[[Any], Any]) -> Edition:
  """An edition that counts tracks in segments, as all do from 2021 to 2023."""
  return Edition(dcase2021.count, score, dcase2021.totals_alone)


EDITIONS = {
  '2019': Edition(dcase2019.count, dcase2019.score, dcase2019.totals_alone),
  '2020': Edition(dcase2020.count, dcase2020.score, dcase2020.totals_alone),
  '2021': _tracks(dcase2021.score_2021),
  '2022': _tracks(dcase2021.score_2022),
  '2023': _tracks(dcase2021.score_2022),
  '2024': Edition(dcase2024.count, dcase2024.score, dcase2024.totals_alone),
}


def edition_of(name: str) -> Edition:
  """Looks up an edition by its year.

  Args:
    name: A key of `EDITIONS`.

  Returns:
    The edition.

  Raises:
    InputError: The edition is unknown.
  """
  if name not in EDITIONS:
    raise InputError(
      f'There are no scores for edition {name!r}; the editions are '
      f'{", ".join(EDITIONS)}.'
    )
  return EDITIONS[name]
