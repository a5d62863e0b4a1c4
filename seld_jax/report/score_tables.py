"""Tables of scores in HTML."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax.evaluate import BREAKDOWNS, tables
from seld_jax.report import page

# The scores of a run, in the order of the columns.
COLUMNS = ('ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score')

_HIGHER_IS_BETTER = ('F', 'LR', 'frame_recall')


def results_table(
  results: Sequence[tuple[str, str, Mapping[str, Any] | None]],
) -> str:
  """Makes a table of the 2020 scores and their intervals, a row for a result.

  Args:
    results: Name, description and scores of each result. The scores are None
      if there are no labels.

  Returns:
    HTML.
  """
  rows = []
  for name, about, found in results:
    scores = found or {}
    intervals = scores.get('intervals', {})
    rows.append(
      [(name, about)]
      + [
        (_number(one, scores.get(one)), _interval(one, intervals.get(one)))
        for one in COLUMNS
      ]
    )
  return page.table(['', *COLUMNS], rows)


def scores_table(result: Mapping[str, Any]) -> str:
  """Makes a table of one result of any edition, a row for each score.

  Args:
    result: From `evaluate.evaluate_folders`.

  Returns:
    HTML.
  """
  rows = [
    [
      (name, ''),
      (_number(name, result[name]), ''),
      (_interval(name, ends) or '–', ''),
      ('higher' if name.startswith(_HIGHER_IS_BETTER) else 'lower', ''),
    ]
    for name, ends in result['intervals'].items()
  ]
  return page.table(['score', 'value', '95% interval', 'better is'], rows)


def breakdown_tables(result: Mapping[str, Any]) -> str:
  """Makes tables of the scores by class, overlap, room and fold.

  Args:
    result: From `evaluate.evaluate_predictions` or `evaluate_folders`.

  Returns:
    HTML. A table with only one group is left out, because that group has the
    scores of the whole result.
  """
  names = [name for name in COLUMNS if name in result]
  if result.get('edition', '2020') != '2020':
    # Scores over all classes together would make the table too wide.
    names = [one for one in result['intervals'] if not one.endswith('_micro')]
  unit = tables.UNITS.get(result.get('edition', '2020'), 'seconds')
  parts = []
  for kind, key in BREAKDOWNS.items():
    groups = result.get(key, {})
    if len(groups) > 1:
      rows = [
        [(group, '')]
        + [(_number(name, scores.get(name)), '') for name in names]
        + [(f'{scores["reference_segments"]:,}', '')]
        for group, scores in groups.items()
      ]
      parts.append(f'<h3>By {page.escape(kind)}</h3>')
      parts.append(page.table([kind, *names, unit], rows))
  return '\n'.join(parts)


def _number(name: str, value: float | None) -> str:
  if value is None or not math.isfinite(value):
    return '–'
  return tables.number(name, value)


def _interval(name: str, ends: Sequence[float] | None) -> str:
  if ends is None:
    return ''
  return ' to '.join(_number(name, end) for end in ends)
