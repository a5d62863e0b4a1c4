"""Scores as tables of a page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax.evaluate import BREAKDOWNS
from seld_jax.evaluate import tables as score_tables
from seld_jax.report import page

# What the scores of a run are, in the order of the tables.
COLUMNS = ('ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score')

_HIGHER_IS_BETTER = ('F', 'LR', 'frame_recall')


def results_table(
  results: Sequence[tuple[str, str, Mapping[str, Any] | None]],
) -> str:
  """A row with the scores of 2020 and their intervals for each result.

  Args:
    results: Name, what it is about, and scores of each; None without labels.

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
  """A row with its interval for each score of one result of any edition.

  Args:
    result: As `evaluate.evaluate_folders` gives it.

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
  """A table by class, overlap, room and fold, of those that tell something.

  Args:
    result: As `evaluate.evaluate_predictions` gives it.

  Returns:
    HTML; nothing where there is only one group of each.
  """
  names = [name for name in COLUMNS if name in result]
  if result.get('edition', '2020') != '2020':
    # What is over all classes together would be too much for a page.
    names = [one for one in result['intervals'] if not one.endswith('_micro')]
  unit = score_tables.UNITS.get(result.get('edition', '2020'), 'seconds')
  tables = []
  for kind, key in BREAKDOWNS.items():
    groups = result.get(key, {})
    # One group has the scores of the whole.
    if len(groups) > 1:
      rows = [
        [(group, '')]
        + [(_number(name, part.get(name)), '') for name in names]
        + [(f'{part["reference_segments"]:,}', '')]
        for group, part in groups.items()
      ]
      tables.append(f'<h3>By {page.escape(kind)}</h3>')
      tables.append(page.table([kind, *names, unit], rows))
  return '\n'.join(tables)


def _number(name: str, value: float | None) -> str:
  if value is None or not math.isfinite(value):
    return '–'
  return score_tables.number(name, value)


def _interval(name: str, ends: Sequence[float] | None) -> str:
  if ends is None:
    return ''
  return ' to '.join(_number(name, end) for end in ends)
