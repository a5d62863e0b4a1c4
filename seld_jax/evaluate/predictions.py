"""Scores of recordings in memory: total, and by class, overlap, room, fold."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import labels, metrics
from seld_jax.errors import InputError, printable
from seld_jax.evaluate.lengths import length_of

# The kinds of groups for which a result has scores, and their keys in it.
BREAKDOWNS = {
  'class': 'per_class',
  'overlap': 'per_overlap',
  'room': 'per_room',
  'fold': 'per_fold',
}


def evaluate_predictions(
  recordings: Iterable[tuple[str, labels.Events, labels.Events]],
  *,
  edition: str = '2020',
  num_frames: int | Mapping[str, int] | None = None,
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
  as_published: bool = False,
) -> dict[str, Any]:
  """Scores the predictions for some recordings.

  Args:
    recordings: Name, reference events and predicted events of each recording.
      Names such as `fold1_room2_mix003_ov1` contain fold, room and overlap.
    edition: The edition of the challenge whose scores are computed, or
      `metrics.CLASSLESS` for those of directions whatever their class.
    num_frames: Label frames of every recording, or of each by its name. None
      means 600 up to 2021 and 50 in 2025; the editions between and
      `metrics.CLASSLESS` need a value, unless `as_published` is set.
    num_classes: Number of classes. None means that of the edition, or the 14 of
      2020 if a reference has a higher class index.
    class_names: Names of the classes for the breakdown, or None for numbers.
    as_published: Whether to follow the published code of the edition where it
      differs; see `metrics.counts`.

  Returns:
    A dictionary that can be written as JSON:

    - `edition`, `recordings` (their number), `num_classes` (1 without classes);
    - `num_frames`: label frames of a recording, or the smallest and the largest
      number if they differ;
    - `length_rule`: where these come from, a key of `tables.LENGTH_RULES`;
    - `as_published`: sentences that say what follows the published code, from
      `metrics.published_rules`; none if nothing does;
    - each score by its name; None where it is not defined;
    - `intervals`: lower and upper end of the 95% interval of each score; None
      where there is none, as for a single recording;
    - `estimates`, only with `as_published` and from 2022 on: each score without
      the bias that the jackknife estimates; None where there is no interval;
    - `per_class`, `per_overlap`, `per_room` and `per_fold`: for each group, its
      scores and `reference_segments`. This is the number of segments with a
      class in the reference, summed over classes (tracks in segments from 2021
      to 2023, rows in 2024 and 2025, directions in frames without classes). If
      it is 0, the scores are None. There are no classes in `per_class` for
      `metrics.CLASSLESS`.
      Recordings whose name lacks the part belong to the group `other`; if all
      names lack it, there are no groups.

  Raises:
    InputError: There are no recordings, one has no length, or its events are
      out of range.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> front = labels.from_dense(np.ones((600, 1)), np.full((600, 1, 3), 1.0))
    >>> result = evaluate.evaluate_predictions([('mix1', front, front)])
    >>> result['ER20'], result['per_class']['0']['reference_segments']
    (0.0, 60)
  """
  recordings = list(recordings)
  if edition == metrics.CLASSLESS:
    num_classes, class_names = 1, None
  if num_classes is None:
    num_classes = default_num_classes(
      edition, [one for _, one, _ in recordings]
    )
  if class_names is not None:
    check_class_names(class_names)
    if len(class_names) != num_classes:
      raise InputError(
        f'class_names needs {num_classes} names, one for each class, got '
        f'{len(class_names)}.'
      )
  names = [name for name, _, _ in recordings]
  lengths = None
  if num_frames is not None:
    lengths = [length_of(num_frames, name) for name in names]
  counts = metrics.counts_each(
    [(reference, prediction) for _, reference, prediction in recordings],
    names=names,
    edition=edition,
    num_frames=lengths,
    num_classes=num_classes,
    as_published=as_published,
  )
  if not counts:
    raise InputError('There are no recordings to score.')
  rule = 'given'
  if lengths is None:
    rule, lengths = 'default', [metrics.DEFAULT_NUM_FRAMES.get(edition, 0)]
    if as_published:
      rule = 'as_published'
      lengths = [
        metrics.published_num_frames(edition, reference)
        for _, reference, _ in recordings
      ]

  total = metrics.merge(counts)
  shortest, longest = min(lengths), max(lengths)
  result: dict[str, Any] = {
    'edition': edition,
    'recordings': len(counts),
    'num_classes': num_classes,
    'num_frames': shortest if shortest == longest else [shortest, longest],
    'length_rule': rule,
    'as_published': [],
    **_scores(total),
    'intervals': {
      name: None if np.isnan(interval).any() else list(interval)
      for name, interval in metrics.jackknife(counts).items()
    },
    'per_class': {
      str(index if class_names is None else class_names[index]): _part(
        metrics.of_class(total, index)
      )
      for index in range(num_classes)
      if edition != metrics.CLASSLESS
    },
  }
  if as_published:
    result['as_published'] = metrics.published_rules(
      edition, own_length=num_frames is not None
    )
    if edition >= '2022':  # earlier code has no jackknife
      result['estimates'] = {
        name: None if np.isnan(value) else value
        for name, value in metrics.jackknife_estimates(counts).items()
      }
  for kind in ('overlap', 'room', 'fold'):
    result[BREAKDOWNS[kind]] = _groups(names, counts, kind)
  return result


def check_class_names(names: Sequence[str]) -> None:
  """Raises InputError if classes have no name, or one of another class."""
  if len({*names}) < len(names) or not all(name.strip() for name in names):
    raise InputError(
      'The names of the classes (--class_names) must differ, and none may be '
      f'empty, got {", ".join(map(printable, names))}.'
    )


def default_num_classes(
  edition: str, references: Iterable[labels.Events]
) -> int:
  """The classes of the edition; those of 2020 if a reference has more."""
  usual = len(labels.BY_EDITION.get(edition, labels.TAU2020_CLASSES))
  highest = max(
    (int(one.class_index.max(initial=0)) for one in references), default=0
  )
  return usual if highest < usual else len(labels.TAU2020_CLASSES)


def _scores(counts: Any) -> dict[str, float | None]:
  """Scores by name, with None instead of NaN, which JSON does not have."""
  scores = dataclasses.asdict(metrics.scores(counts))
  return {
    name: None if np.isnan(value) else value for name, value in scores.items()
  }


def _part(counts: Any) -> dict[str, Any]:
  """The scores of a group, and how much of the reference belongs to it."""
  segments = int(counts.reference.sum())
  scores = _scores(counts)
  if not segments:
    scores = dict.fromkeys(scores)
  return {**scores, 'reference_segments': segments}


def _groups(
  names: Sequence[str], counts: Sequence[Any], kind: str
) -> dict[str, dict[str, Any]]:
  """Scores of the recordings with the same overlap, room or fold."""
  groups: dict[str, list[Any]] = {}
  for name, one in zip(names, counts, strict=True):
    parts = labels.parse_name(name)
    group = 'other'
    if kind == 'fold' and labels.fold_of(name) is not None:
      group = name.partition('_')[0]
    elif parts and (found := getattr(parts, kind)):
      group = f'{parts.fold}_{found}' if kind == 'room' else found
    groups.setdefault(group, []).append(one)
  if list(groups) == ['other']:
    return {}
  return {
    group: _part(metrics.merge(groups[group])) for group in sorted(groups)
  }
