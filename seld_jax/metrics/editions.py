"""The editions of the challenge, each with the functions that score it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from seld_jax.errors import InputError
from seld_jax.metrics import (
  batches,
  classless,
  dcase2019,
  dcase2020,
  dcase2021,
  dcase2024,
  dcase2025,
)


@dataclasses.dataclass(frozen=True)
class Edition:
  """The functions of an edition.

  Attributes:
    count: Maps a batch of recordings to the counts of each of them.
    score: Maps counts to scores.
    totals_alone: Maps the counts of a single class to the fields that are sums
      over all classes, as if there were no other class.
    scores: The dataclass of the scores.
  """

  count: Callable[[batches.Batch], list[Any]]
  score: Callable[[Any], Any]
  totals_alone: Callable[[Any], dict[str, Any]]
  scores: type


def _tracks(score: Callable[[Any], Any], scores: type) -> Edition:
  """An edition that counts tracks in segments, as all do from 2021 to 2023."""
  return Edition(dcase2021.count, score, dcase2021.totals_alone, scores)


def _own(module: Any) -> Edition:
  """An edition whose functions are all in one module."""
  return Edition(module.count, module.score, module.totals_alone, module.Scores)


EDITIONS = {
  '2019': _own(dcase2019),
  '2020': _own(dcase2020),
  '2021': _tracks(dcase2021.score_2021, dcase2021.Scores2021),
  '2022': _tracks(dcase2021.score_2022, dcase2021.Scores2022),
  '2023': _tracks(dcase2021.score_2022, dcase2021.Scores2022),
  '2024': _own(dcase2024),
  '2025': _own(dcase2025),
}
# The scores of directions whatever their class, which are of no edition.
CLASSLESS = 'classless'
# The editions that need distances.
WITH_DISTANCES = ('2024', '2025')


def edition_of(name: str) -> Edition:
  """Looks up an edition by its year.

  Args:
    name: A key of `EDITIONS`, or `CLASSLESS`.

  Returns:
    The edition, or the scores without classes.

  Raises:
    InputError: The edition is unknown.
  """
  if name == CLASSLESS:
    return _own(classless)
  if name not in EDITIONS:
    raise InputError(
      f'There are no scores for edition {name!r}; the editions are '
      f'{", ".join(EDITIONS)}.'
    )
  return EDITIONS[name]


def f_score(edition: str) -> str:
  """The name of the F-score of an edition.

  Args:
    edition: A key of `EDITIONS`, or `CLASSLESS`.

  Returns:
    The name of the field.

  Raises:
    InputError: The edition is unknown.

  Example:
    >>> from seld_jax import metrics
    >>> metrics.f_score('2019'), metrics.f_score('2024')
    ('F', 'F20')
  """
  names = main_scores(edition)
  return 'F' if 'F' in names else 'F20'


def main_scores(edition: str) -> tuple[str, ...]:
  """Names of the scores by which systems are compared.

  Left out are averages over all classes together where an edition has means
  over classes (`_micro`), and the recall that 2020 has beside its `LR_CD`.

  Args:
    edition: A key of `EDITIONS`, or `CLASSLESS`, of which it is all scores.

  Returns:
    The names in the order of the challenge; the last one is `seld_score`.

  Raises:
    InputError: The edition is unknown.

  Example:
    >>> from seld_jax import metrics
    >>> metrics.main_scores('2024')
    ('F20', 'DOAE', 'RDE', 'seld_score')
  """
  names = [
    field.name for field in dataclasses.fields(edition_of(edition).scores)
  ]
  if edition == CLASSLESS:
    return tuple(names)
  left_out = 'seld_score', 'LR_CD_recall'
  return (
    *(
      name
      for name in names
      if name not in left_out and not name.endswith('_micro')
    ),
    'seld_score',
  )
