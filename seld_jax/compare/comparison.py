"""Scores of several systems on the same recordings, and their differences."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import evaluate, labels, metrics, progress, runs
from seld_jax.errors import InputError
from seld_jax.labels import classes

# Directions and distances of two copies of a label file differ by less.
_SAME = 1e-3

# So many scores of samples take several seconds, so that progress is shown.
_MANY = 20_000


@dataclasses.dataclass(frozen=True)
class System:
  """A system that is compared.

  Attributes:
    name: Its name in tables and figures.
    found: Its recordings with references and predictions, as
      `evaluate.read_folders` returns them; None for a run without scores.
    training: The settings and learning curves of the run that it is; None for
      a folder of CSV files.
    about: Where its predictions come from, as a phrase.
    note: A sentence to show with its scores, or empty.

  Example:
    >>> from seld_jax import compare
    >>> compare.System('baseline').found is None
    True
  """

  name: str
  found: evaluate.Folders | None = None
  training: runs.Training | None = None
  about: str = ''
  note: str = ''


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Several systems, compared on the same recordings.

  Attributes:
    systems: All systems, in their order.
    edition: The edition of the challenge whose scores they have; None if no
      system has predictions.
    class_names: Names of the classes.
    recordings: Names of the compared recordings.
    left_out: Number of recordings that only some systems have.
    results: The scores of each system with predictions by its name, from
      `evaluate.score_folders`.
    differences: For each of these systems but the first, the differences of its
      scores minus those of the first: of all classes, and then of each class,
      from `metrics.paired_differences`.
    resamples: Number of resamples of the bootstrap.
    seed: Seed of their draws.

  Example:
    >>> from seld_jax import compare
    >>> found = compare.compare_systems([compare.System('run')])
    >>> found.edition, found.results
    (None, {})
  """

  systems: tuple[System, ...]
  edition: str | None
  class_names: tuple[str, ...]
  recordings: tuple[str, ...]
  left_out: int
  results: Mapping[str, Mapping[str, Any]]
  differences: Mapping[str, Sequence[Mapping[str, metrics.Difference]]]
  resamples: int
  seed: int

  @property
  def baseline(self) -> str | None:
    """Name of the first system with predictions; None if there is none."""
    return next(iter(self.results), None)


def compare_systems(
  systems: Sequence[System],
  *,
  class_names: Sequence[str] | None = None,
  common: bool = False,
  resamples: int = 1000,
  seed: int = 0,
) -> Comparison:
  """Scores systems on the same recordings, and compares each with the first.

  Args:
    systems: The systems. Those without predictions are only named.
    class_names: Names of the classes. None for those of the edition, or for
      `class 0`, `class 1`, ... if it has another number of classes.
    common: Whether to compare the recordings that all systems have, if they
      differ; otherwise such systems are refused.
    resamples: Number of resamples of the bootstrap; 0 leaves it out.
    seed: Seed of their draws, which are the same for all systems.

  Returns:
    The comparison.

  Raises:
    InputError: The systems differ in edition, classes, recordings, or in the
      labels or length of one of them; or the recordings cannot be scored, or
      are scored without classes.

  Example:
    >>> from seld_jax import compare, evaluate, labels
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> perfect, deaf = (
    ...   evaluate.Folders(
    ...     '2020', ['mix1', 'mix2'], [front] * 2, [one] * 2, 14, 10, None
    ...   )
    ...   for one in (front, labels.no_events())
    ... )
    >>> found = compare.compare_systems(
    ...   [compare.System('perfect', perfect), compare.System('deaf', deaf)]
    ... )
    >>> round(found.results['deaf']['ER20'], 6)
    1.0
    >>> round(found.differences['deaf'][0]['F20'].value, 6)
    -1.0
  """
  names = [system.name for system in systems]
  for name in names:
    if names.count(name) > 1:
      raise InputError(
        f'Two systems have the name {name!r}: give each a name of its own with '
        '--names.'
      )
  scored = {
    system.name: system.found for system in systems if system.found is not None
  }
  if not scored:
    return Comparison(tuple(systems), None, (), (), 0, {}, {}, resamples, seed)
  if any(found.classless for found in scored.values()):
    raise InputError(
      'Scores without classes cannot be compared: read the folders with '
      'classless=False.'
    )
  _check_settings(scored)
  recordings, left_out = _same_recordings(scored, common=common)
  scored = {name: _chosen(found, recordings) for name, found in scored.items()}
  first, *others = scored
  for other in others:
    _check_references((first, scored[first]), (other, scored[other]))
  edition, count = scored[first].edition, scored[first].num_classes
  if class_names is None:
    class_names = classes.names_of(edition, count)
  if class_names is None:
    class_names = [f'class {index}' for index in range(count)]
  results = {
    name: evaluate.score_folders(found, class_names=class_names)
    for name, found in scored.items()
  }
  drawn = metrics.draw_recordings(
    np.random.default_rng(seed), len(recordings), resamples=resamples
  )
  differences = {}
  if others:
    counts = {
      name: evaluate.count_folders(found) for name, found in scored.items()
    }
    samples = (len(recordings) + resamples) * (1 + count) * len(others)
    shown = len(others) if samples > _MANY else 0
    with progress.bar('comparing', shown, unit='systems') as advance:
      for other in others:
        differences[other] = metrics.paired_differences(
          counts[first],
          counts[other],
          drawn=drawn,
          class_indices=range(count),
        )
        advance()
  return Comparison(
    tuple(systems),
    edition,
    tuple(class_names),
    recordings,
    left_out,
    results,
    differences,
    resamples,
    seed,
  )


def _check_settings(scored: Mapping[str, evaluate.Folders]) -> None:
  """Refuses systems with other editions or numbers of classes."""
  first = next(iter(scored))
  for name, found in scored.items():
    for what, flag, here, there in (
      ('edition', 'edition', found.edition, scored[first].edition),
      ('number of classes', 'classes', found.num_classes)
      + (scored[first].num_classes,),
    ):
      if here != there:
        raise InputError(
          f'{first} and {name} cannot be compared: their {what} is {there} and '
          f'{here}; state one for both with --{flag}.'
        )


def _same_recordings(
  scored: Mapping[str, evaluate.Folders], *, common: bool
) -> tuple[tuple[str, ...], int]:
  """The recordings to compare, and how many others there are."""
  first = next(iter(scored))
  sets = {name: set(found.names) for name, found in scored.items()}
  every = set().union(*sets.values())
  both = set.intersection(*sets.values())
  shared = tuple(name for name in scored[first].names if name in both)
  if not shared:
    raise InputError(
      f'{" and ".join(scored)} have no recording in common; systems are '
      'compared on the same recordings.'
    )
  if len(shared) < len(every) and not common:
    for name, known in sets.items():
      lost = sorted(every - known)
      if lost:
        owner = next(other for other, of in sets.items() if lost[0] in of)
        raise InputError(
          f'{name} has no predictions for {lost[0]}, but {owner} has; systems '
          f'are compared on the same recordings ({len(shared)} of '
          f'{len(every)} are in all of them): --common compares only these.'
        )
  return shared, len(every) - len(shared)


def _chosen(
  found: evaluate.Folders, recordings: Sequence[str]
) -> evaluate.Folders:
  """Some of the recordings, in the given order."""
  place = {name: index for index, name in enumerate(found.names)}
  rows = [place[name] for name in recordings]
  return dataclasses.replace(
    found,
    names=list(recordings),
    references=[found.references[row] for row in rows],
    predictions=[found.predictions[row] for row in rows],
  )


def _check_references(
  first: tuple[str, evaluate.Folders], other: tuple[str, evaluate.Folders]
) -> None:
  """Refuses systems that were given other labels or lengths of a recording."""
  (name, one), (other_name, two) = first, other
  for index, recording in enumerate(one.names):
    lengths = [_length(found, recording) for found in (one, two)]
    if lengths[0] != lengths[1]:
      raise InputError(
        f'{name} and {other_name} cannot be compared: {recording} has '
        f'{lengths[0]} label frames in one and {lengths[1]} in the other; were '
        'they tested on the same sound files?'
      )
    labelled = [
      (found.references[index], found.distance_unit) for found in (one, two)
    ]
    if not _are_equal(*labelled):
      raise InputError(
        f'{name} and {other_name} cannot be compared: they have different '
        f'labels for {recording}; compare systems on the same dataset.'
      )


def _length(found: evaluate.Folders, name: str) -> int | None:
  if isinstance(found.num_frames, Mapping):
    return found.num_frames[name]
  return found.num_frames


def _are_equal(*labelled: tuple[labels.Events, float]) -> bool:
  """Whether label files say the same, in any order of their rows.

  Args:
    *labelled: The events of two files, each with the metres of their unit of
      distances.

  Returns:
    Whether they are the same.
  """
  tables = []
  for events, unit in labelled:
    distance = events.distance
    if distance is None:
      distance = np.zeros(len(events.frame))
    distance = distance * unit
    table = np.column_stack(
      [events.frame, events.class_index, events.xyz, distance]
    )
    order = np.lexsort(np.round(table, 2).T[::-1])
    tables.append(table[order])
  return tables[0].shape == tables[1].shape and np.allclose(
    *tables, rtol=_SAME, atol=_SAME
  )
