"""Files that contradict each other, or the edition whose scores are asked."""

import collections
import logging
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from seld_jax import labels, metrics
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

# Two medians of distances that differ by more than this factor are taken for
# different units: centimetres and metres differ by 100, and errors of systems
# are much smaller.
_OTHER_UNIT = 20

# Submissions of 2019 have four columns, although its labels have seconds.
_ALSO = {('2019', 'submission')}

# A first line is not longer than so many bytes.
_START = 1000
_SEPARATOR = re.compile('[,;\t]')
# Names of columns that only the header of one form has.
_HEADERS = {
  'start_time': 'seconds',
  'onscreen': 'stereo',
  'on_screen': 'stereo',
  'start': 'l3das',
}


def check_units(
  references: Sequence[labels.Events], predictions: Sequence[labels.Events]
) -> None:
  """Refuses metres against centimetres: relative errors would be meaningless.

  Raises:
    InputError: The medians of the distances differ by a factor of more than 20.
  """
  middle = []
  for part in references, predictions:
    distances = [one.distance for one in part if one.distance is not None]
    joined = np.concatenate([*distances, np.zeros(0)])
    middle.append(float(np.median(joined)) if joined.size else 0.0)
  if min(middle) > 0 and max(middle) > _OTHER_UNIT * min(middle):
    raise InputError(
      f'The reference has distances around {middle[0]:.3g} and the predictions '
      f'around {middle[1]:.3g}, which looks like centimetres and metres; state '
      'the units with --reference_unit and --predictions_unit.'
    )


def tell_other_edition(
  edition: str,
  read: Iterable[tuple[str | os.PathLike[str] | None, labels.Events]],
) -> None:
  """Warns about files whose form exists in other editions only.

  Args:
    edition: The edition whose scores are computed.
    read: The path and the events of each file; files without events and None
      are left out.
  """
  paths: dict[str, list[str | os.PathLike[str]]] = collections.defaultdict(list)
  for path, events in read:
    if path is None or not len(events.frame):
      continue
    form = form_of(path, events)
    if form and form not in labels.EDITIONS[edition]:
      paths[form].append(path)
  for form, some in paths.items():
    editions = [one for one, forms in labels.EDITIONS.items() if form in forms]
    if not editions or (edition, form) in _ALSO:
      continue
    scored = set(editions) & set(metrics.EDITIONS)
    _log.warning(
      '%s%s the columns of edition %s (%s), but the scores are those of %s '
      '(%s).',
      some[0],
      f' and {len(some) - 1} more files have' if len(some) > 1 else ' has',
      f'{editions[0]} to {editions[-1]}'
      if len(editions) > 2
      else ' or '.join(editions),
      ','.join(labels.FORMS[form]),
      edition,
      '--edition' if scored else f'{editions[0]} has none here',
    )


def form_of(path: str | os.PathLike[str], events: labels.Events) -> str | None:
  """The form of a file that was read; None if its columns have several."""
  with open(path, 'rb') as file:
    start = file.read(_START).decode('utf-8-sig', errors='replace')
  first = start.lstrip().split('\n', 1)[0]
  cells = [cell.strip(' "\r\n').casefold() for cell in _SEPARATOR.split(first)]
  for cell in cells:
    if form := _HEADERS.get(cell):
      return form
  has_distance = events.distance is not None
  fitting = [
    form
    for form in ('submission', 'polar', 'cartesian', 'polar_distance')
    if len(cells) == len(labels.FORMS[form])
    and has_distance == ('distance' in labels.FORMS[form])
  ]
  if not fitting and len(cells) == len(labels.FORMS['cartesian_distance']):
    fitting = ['cartesian_distance']
  return fitting[0] if len(fitting) == 1 else None
