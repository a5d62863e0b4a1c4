"""Scores of some recordings: of all, and by class, overlap, room and fold."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import labels, metrics
from seld_jax.errors import InputError

# What breaks scores down, and where a result has it.
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
) -> dict[str, Any]:
  """Scores a system on some recordings.

  Args:
    recordings: Name, reference and prediction of each recording. Names such as
      `fold1_room2_mix003_ov1` tell its fold, room and overlap.
    edition: The edition of the challenge whose scores to compute.
    num_frames: Label frames of every recording, or of each by its name; when
      None, 600 up to 2021, and an error after.
    num_classes: Number of classes; when None, those of the edition, or the 14
      of 2020 where a reference names a class beyond them.
    class_names: Their names for the breakdown, or None for their numbers.

  Returns:
    A dictionary that JSON can hold: `edition`, `recordings` (their number),
    `num_classes`, `num_frames` (shortest and longest where they differ),
    `length_rule` (how they were told: one of `score_tables.LENGTH_RULES`), each
    score by name (None where it is not defined), `intervals` (low and high end
    at 95% of each score, None for a single recording), and the breakdowns
    `per_class`,
    `per_overlap`, `per_room` (of a fold) and `per_fold`: by name, the scores
    and `reference_segments`, the seconds that have the class in the reference
    summed over classes (from 2021 on the tracks in them, in 2024 the rows);
    without any, the scores are None. Recordings whose name tells nothing are
    left to the group `other`, or to none where no name does.

  Raises:
    InputError: There are no recordings, one has no length, or its events are
      out of range.
  """
  recordings = list(recordings)
  if num_classes is None:
    num_classes = default_num_classes(
      edition, [one for _, one, _ in recordings]
    )
  if class_names is not None and len(class_names) != num_classes:
    raise InputError(
      f'{num_classes} classes need as many names, got {len(class_names)}.'
    )
  names = [name for name, _, _ in recordings]
  lengths = None
  if num_frames is not None:
    lengths = [_length(num_frames, name) for name in names]
  counts = metrics.counts_each(
    [(reference, prediction) for _, reference, prediction in recordings],
    names=names,
    edition=edition,
    num_frames=lengths,
    num_classes=num_classes,
  )
  if not counts:
    raise InputError('There are no recordings to score.')
  lengths = lengths or [metrics.DEFAULT_NUM_FRAMES[edition]]

  total = metrics.merge(counts)
  shortest, longest = min(lengths), max(lengths)
  result: dict[str, Any] = {
    'edition': edition,
    'recordings': len(counts),
    'num_classes': num_classes,
    'num_frames': shortest if shortest == longest else [shortest, longest],
    'length_rule': 'default' if num_frames is None else 'given',
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
    },
  }
  for kind in ('overlap', 'room', 'fold'):
    result[BREAKDOWNS[kind]] = _groups(names, counts, kind)
  return result


def default_num_classes(
  edition: str, references: Iterable[labels.Events]
) -> int:
  """Those of the edition, or of 2020 where a reference names more."""
  usual = len(labels.BY_EDITION.get(edition, labels.TAU2020_CLASSES))
  highest = max(
    (int(one.class_index.max(initial=0)) for one in references), default=0
  )
  return usual if highest < usual else len(labels.TAU2020_CLASSES)


def _length(num_frames: int | Mapping[str, int], name: str) -> int:
  if not isinstance(num_frames, Mapping):
    return num_frames
  if name not in num_frames:
    raise InputError(f'The number of frames of {name} is not given.')
  return num_frames[name]


def _scores(counts: Any) -> dict[str, float | None]:
  """Scores by name; JSON has no NaN."""
  scores = dataclasses.asdict(metrics.scores(counts))
  return {
    name: None if np.isnan(value) else value for name, value in scores.items()
  }


def _part(counts: Any) -> dict[str, Any]:
  segments = int(counts.reference.sum())
  scores = _scores(counts)
  if not segments:
    scores = dict.fromkeys(scores)
  return {**scores, 'reference_segments': segments}


def _groups(
  names: Sequence[str], counts: Sequence[Any], kind: str
) -> dict[str, dict[str, Any]]:
  """Scores of the recordings that share what their names tell."""
  groups: dict[str, list[Any]] = {}
  for name, one in zip(names, counts, strict=True):
    parts = labels.parse_name(name)
    group = 'other'
    if parts and (found := getattr(parts, kind)):
      group = f'{parts.fold}_{found}' if kind == 'room' else found
    groups.setdefault(group, []).append(one)
  if list(groups) == ['other']:
    return {}
  return {
    group: _part(metrics.merge(groups[group])) for group in sorted(groups)
  }
