"""How often single sounds are found: their class, and their direction.

python -m benchmarks.single_events --root=DIR --predictions=DIR

DIR is a set of scenes without overlap, and the folder of the predictions for
it. An event counts by its own label frames: its class is the one that most of
them are predicted to have, and is wrong if nothing is predicted. Its direction
error is the median over the label frames with a prediction of any class. The
command prints the shares of all events, of those of each class, and of those at
some distances if the set has a scenes.csv, with 95% intervals (Wilson) over
events.
"""

import collections
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from absl import flags
from scipy import stats

from benchmarks import shared_flags, studies
from seld_jax import commands, geometry, labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import scenes_csv

_NEAR = 10.0
# The ends of the ranges of distances, in metres.
_DISTANCES = (1.5, 2.5, 3.5)
_HOP = 0.1  # seconds of a label frame


class Judged(NamedTuple):
  """What was found of an event.

  Attributes:
    class_index: Its class.
    right: Whether its class is right.
    error: Its direction error in degrees, infinite if nothing is predicted.
    frame: Its first label frame.
  """

  class_index: int
  right: bool
  error: float
  frame: int


def judge(reference: labels.Events, predicted: labels.Events) -> list[Judged]:
  """Compares the events of a recording with its predictions.

  Args:
    reference: Labels without overlap. Consecutive frames of a class are an
      event.
    predicted: The predictions.

  Returns:
    What was found of each event.
  """
  found = []
  breaks = (np.diff(reference.frame) > 1) | (
    np.diff(reference.class_index) != 0
  )
  for rows in np.split(
    np.arange(len(reference.frame)), np.flatnonzero(breaks) + 1
  ):
    if not rows.size:
      continue
    index = int(reference.class_index[rows[0]])
    votes: collections.Counter[int] = collections.Counter()
    errors = []
    for row in rows:
      same = np.flatnonzero(predicted.frame == reference.frame[row])
      votes.update(predicted.class_index[same].tolist())
      if same.size:
        angles = geometry.angular_distance(
          predicted.xyz[same], reference.xyz[row]
        )
        errors.append(float(np.min(angles)))
    right = bool(votes) and votes.most_common(1)[0][0] == index
    error = float(np.median(errors or [np.inf]))
    found.append(Judged(index, right, error, int(reference.frame[rows[0]])))
  return found


def by_class(
  judged: Sequence[Judged], names: Sequence[str]
) -> dict[str, list[Judged]]:
  """All events, and those of each class, by the name in the table."""
  groups = {'all': [*judged]}
  for index, name in enumerate(names):
    groups[name] = [one for one in judged if one.class_index == index]
  return groups


def by_distance(
  judged: Sequence[Judged], distances: Sequence[float]
) -> dict[str, list[Judged]]:
  """The events of each range of distances, by the name in the table."""
  groups = {}
  low = 0.0
  for high in (*_DISTANCES, np.inf):
    name = f'{low:g} to {high:g} m' if high < np.inf else f'above {low:g} m'
    groups[name] = [
      one
      for one, distance in zip(judged, distances, strict=True)
      if low < distance <= high
    ]
    low = high
  return groups


def distances_of(
  judged: Sequence[Judged], rows: Sequence[Mapping[str, str]]
) -> list[float]:
  """The distance of each event in metres, from the rows of scenes.csv.

  Args:
    judged: The events of a recording.
    rows: Its rows in scenes.csv.

  Returns:
    The distance of the last source that began before the end of the first label
    frame of each event.
  """
  found = []
  for one in judged:
    end = (one.frame + 1) * _HOP
    begun = [row for row in rows if float(row['onset']) < end]
    row = max(begun, key=lambda row: float(row['onset']))
    found.append(float(row['distance']))
  return found


def table(groups: Mapping[str, Sequence[Judged]], *, head: str) -> str:
  """The shares of each group as a table in Markdown; none of empty ones."""
  lines = []
  for name, some in groups.items():
    if not some:
      continue
    cells = [name, str(len(some))]
    for count in (
      sum(one.right for one in some),
      sum(one.error <= _NEAR for one in some),
    ):
      found = stats.binomtest(count, len(some)).proportion_ci(method='wilson')
      share = f'{count / len(some):.0%}'
      text = f'{share} ({found.low:.0%} to {found.high:.0%})'
      cells.append(text.replace('%', ' %'))
    median = np.median([one.error for one in some])
    lines.append([*cells, f'{median:.1f}°'])
  heads = [head, 'events', 'class right', 'within 10°', 'median error']
  return studies.markdown(heads, lines)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  shared_flags.define_predictions(values)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the table."""
  commands.refuse_arguments(arguments)
  root = pathlib.Path(values.root)
  judged: list[Judged] = []
  distances: list[float] = []
  scene_rows = scenes_csv.read(root / 'scenes.csv')
  paths = sorted((root / 'metadata_dev').glob('*.csv'))
  if not paths:
    raise InputError(f'{root}/metadata_dev has no label files.')
  for path in paths:
    reference = labels.read_csv(path, edition='2020')
    if len(np.unique(reference.frame)) < len(reference.frame):
      raise InputError(
        f'{path} has simultaneous events; render scenes with --max_overlap=1.'
      )
    predicted = labels.read_csv(
      pathlib.Path(values.predictions, path.name), edition='2020'
    )
    found = judge(reference, predicted)
    judged += found
    if scene_rows:
      distances += distances_of(found, scene_rows[path.stem])
  print(table(by_class(judged, scenes.classes_of(root)), head='class'))
  if distances:
    print(table(by_distance(judged, distances), head='distance'))


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('root', 'predictions'),
  )
