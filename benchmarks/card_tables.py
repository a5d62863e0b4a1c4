"""The tables of a model card: scores by class, by overlap and by noise.

python -m benchmarks.card_tables --root=DIR --predictions=DIR

DIR is a set of scenes and the folder of the predictions for it. The command
prints DCASE 2020 scores with 95% intervals over recordings: in all, by class,
by the largest number of simultaneous events, and by the SNR of the recordings
in steps of 10 dB; and the classes that are most often taken for another one.
"""

import collections
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from benchmarks import shared_flags, studies
from seld_jax import commands, evaluate, labels, metrics, scenes

_SCORES = ('ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score')
_MOST = 8
_STEP = 10


def row(
  name: str,
  scores: Mapping[str, Any],
  intervals: Mapping[str, tuple[float, float] | None],
) -> list[str]:
  """The cells of a line: its name, and each score with its interval."""
  cells = [name]
  for metric in _SCORES:
    text = evaluate.tables.number(metric, scores[metric])
    ends = intervals[metric]
    if ends is not None and not np.isnan(ends).any():
      low, high = (evaluate.tables.number(metric, end) for end in ends)
      text += f' ({low} to {high})'
    cells.append(text)
  return cells


def by_class(
  found: evaluate.Folders, per_class: Mapping[str, Mapping[str, Any]]
) -> list[list[str]]:
  """A line for each class that the reference has.

  Args:
    found: From `evaluate.read_folders`.
    per_class: The scores of each class, in their order.

  Returns:
    The lines.
  """
  lengths = found.num_frames
  if isinstance(lengths, Mapping):
    lengths = [lengths[name] for name in found.names]
  counts = metrics.counts_each(
    zip(found.references, found.predictions, strict=True),
    edition=found.edition,
    num_frames=lengths,
    num_classes=found.num_classes,
  )
  return [
    row(
      name,
      scores,
      metrics.jackknife([metrics.of_class(one, index) for one in counts]),
    )
    for index, (name, scores) in enumerate(per_class.items())
    if scores['reference_segments']
  ]


def by_overlap(found: evaluate.Folders) -> list[list[str]]:
  """A line for each largest number of simultaneous events."""

  def group_of(name):
    parts = labels.parse_name(name)
    return (parts and parts.overlap) or 'other'

  return _by_group(found, group_of, lambda group, _: group)


def by_noise(
  found: evaluate.Folders, conditions: Mapping[str, Any]
) -> list[list[str]]:
  """A line for the recordings of each 10 dB of SNR.

  Args:
    found: From `evaluate.read_folders`.
    conditions: From `evaluate.read_conditions`.

  Returns:
    The lines. Recordings without events have no SNR, and are left out.
  """

  def group_of(name):
    rows = conditions.get(name)
    return int(float(rows[0]['snr_db']) // _STEP) if rows else None

  return _by_group(
    found,
    group_of,
    lambda step, count: f'{_STEP * step} to {_STEP * (step + 1)} dB ({count})',
  )


def _by_group(
  found: evaluate.Folders,
  group_of: Callable[[str], Any],
  title: Callable[[Any, int], str],
) -> list[list[str]]:
  """A line for each group of recordings; those of the group None have none."""
  groups: dict[Any, list[tuple[Any, ...]]] = collections.defaultdict(list)
  for one in zip(found.names, found.references, found.predictions, strict=True):
    group = group_of(one[0])
    if group is not None:
      groups[group].append(one)
  lines = []
  for group, some in sorted(groups.items()):
    scores = evaluate.evaluate_predictions(
      some, num_frames=found.num_frames, num_classes=found.num_classes
    )
    lines.append(row(title(group, len(some)), scores, scores['intervals']))
  return lines


def confusions(
  found: evaluate.Folders, names: Sequence[str]
) -> list[list[str]]:
  """The pairs of classes that are most often confused, most frequent first."""
  counts, segments = evaluate.confusion_matrix(
    zip(found.references, found.predictions, strict=True),
    num_classes=found.num_classes,
  )
  share = counts[:, :-1] / np.maximum(segments, 1)[:, None]
  np.fill_diagonal(share, 0)
  order = np.argsort(share, axis=None)[::-1][:_MOST]
  lines = []
  for place in order.tolist():
    truth, other = divmod(place, share.shape[1])
    lines.append(
      [names[truth], names[other], f'{100 * share[truth, other]:.0f} %']
    )
  return lines


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  shared_flags.define_predictions(values)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the tables."""
  commands.refuse_arguments(arguments)
  root = pathlib.Path(values.root)
  found = evaluate.read_folders(
    root / 'metadata_dev', values.predictions, evaluate.FolderOptions()
  )
  names = scenes.classes_of(root)
  scores = evaluate.score_folders(found, class_names=names)
  heads = ['recordings', *_SCORES]
  print(
    studies.markdown(heads, [row('all', scores, scores['intervals'])]),
    studies.markdown(['class', *_SCORES], by_class(found, scores['per_class'])),
    studies.markdown(
      ['simultaneous events', *_SCORES],
      by_overlap(found) if scores['per_overlap'] else [],
    ),
    studies.markdown(
      ['SNR (recordings)', *_SCORES],
      by_noise(found, evaluate.read_conditions(root / 'scenes.csv')),
    ),
    studies.markdown(
      ['class', 'taken for', 'seconds'], confusions(found, names)
    ),
    sep='\n',
  )


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('root', 'predictions'),
  )
