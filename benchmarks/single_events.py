"""How often single sounds are found: their class, and their direction.

python -m benchmarks.single_events --root=DIR --predictions=DIR

DIR is a set of scenes without overlap, and the folder of the predictions for
it. An event counts by its own label frames: its class is the one that most of
them are predicted to have, and is wrong if nothing is predicted. Its direction
error is the median over the label frames with a prediction of any class. The
command prints the shares of all events, and of those of each class, with 95%
intervals (Wilson) over events.
"""

import collections
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import flags
from scipy import stats

from benchmarks import shared_flags, studies
from seld_jax import commands, geometry, labels, scenes
from seld_jax.errors import InputError

_NEAR = 10.0


def judge(
  reference: labels.Events, predicted: labels.Events
) -> list[tuple[int, bool, float]]:
  """Compares the events of a recording with its predictions.

  Args:
    reference: Labels without overlap. Consecutive frames of a class are an
      event.
    predicted: The predictions.

  Returns:
    For each event its class, whether its class is right, and its direction
    error in degrees, infinite if nothing is predicted.
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
    found.append((index, right, float(np.median(errors or [np.inf]))))
  return found


def table(
  judged: Sequence[tuple[int, bool, float]], names: Sequence[str]
) -> str:
  """The shares as a table in Markdown, by class and in all."""
  lines = []
  groups = [(name, {k}) for k, name in enumerate(names)]
  for name, members in [('all', set(range(len(names)))), *groups]:
    some = [one for one in judged if one[0] in members]
    if not some:
      continue
    cells = [name, str(len(some))]
    for count in (
      sum(right for _, right, _ in some),
      sum(error <= _NEAR for _, _, error in some),
    ):
      found = stats.binomtest(count, len(some)).proportion_ci(method='wilson')
      share = f'{count / len(some):.0%}'
      text = f'{share} ({found.low:.0%} to {found.high:.0%})'
      cells.append(text.replace('%', ' %'))
    median = np.median([error for _, _, error in some])
    lines.append([*cells, f'{median:.1f}°'])
  heads = ['class', 'events', 'class right', 'within 10°', 'median error']
  return studies.markdown(heads, lines)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  shared_flags.define_predictions(values)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the table."""
  commands.refuse_arguments(arguments)
  root = pathlib.Path(values.root)
  judged = []
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
    judged += judge(reference, predicted)
  print(table(judged, scenes.classes_of(root)))


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('root', 'predictions'),
  )
