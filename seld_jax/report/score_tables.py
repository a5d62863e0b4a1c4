"""Tables of scores in HTML."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import metrics
from seld_jax.evaluate import BREAKDOWNS, tables
from seld_jax.report import page

# The scores of a run with the edition 2020, in the order of the columns.
COLUMNS = metrics.main_scores('2020')

_HIGHER_IS_BETTER = ('F', 'LR', 'frame_recall', 'onscreen')

# What the scores of a run mean.
_WITHIN_20 = (
  'ER20 (lower is better) and F20 (higher is better): error rate and F-score '
  'of detections within 20 degrees. LE_CD: mean angle between reference and '
  'detection of the same class, in degrees (lower is better). '
)
_MEAN = (
  ' seld_score: mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD (lower is '
  'better).'
)
_RECALL = (
  'LR_CD: share of the tracks of the reference that were found at any angle '
  '(higher is better).'
)
_OVER_CLASSES = (
  f'{_WITHIN_20}{_RECALL} F20, LE_CD and LR_CD are means over classes.{_MEAN}'
)
_MEANINGS = {
  '2019': 'ER (lower is better) and F (higher is better): error rate and '
  'F-score of the classes by the second. DOA_error: sum of the angles of '
  'paired directions, divided by the number of predicted directions, in '
  'degrees (lower is better). frame_recall: share of the frames with the right '
  'number of directions (higher is better). seld_score: mean of ER, 1 - F, '
  'DOA_error / 180 and 1 - frame_recall (lower is better).',
  '2020': f'{_WITHIN_20}LR_CD: F-score of the classes at any angle, as '
  f'published for the 2020 edition (higher is better).{_MEAN}',
  '2021': f'{_WITHIN_20}{_RECALL}{_MEAN}',
  '2022': _OVER_CLASSES,
  '2023': _OVER_CLASSES,
  '2024': 'F20: F-score of detections within 20 degrees and with a relative '
  'distance error of at most 1, mean over classes (higher is better). DOAE, '
  'in degrees, and RDE: angle and relative distance error of detections of the '
  'same class, mean over the classes that were found (lower is better). '
  'seld_score: mean over classes of the mean of 1 - F20, DOAE / 180 and RDE, '
  'or of 1 - F20 for a class that was never found (lower is better).',
  '2025': 'All directions are azimuths folded to the front. F20: F-score of '
  'detections within 20 degrees and with a relative distance error of at most '
  '1, mean over classes (higher is better). DOAE, in degrees, and RDE: angle '
  'and relative distance error of detections of the same class, mean over the '
  'classes that were found (lower is better). onscreen_accuracy: share of '
  'these detections that are right about being on screen, mean over the same '
  'classes; F20_onscreen: F20 of detections that are (higher is better); a '
  'dash where the network or the labels do not say what is on screen. '
  'seld_score: 1 - F20 (lower is better).',
}
# What `reference_segments` counts, by the unit.
_UNITS = {
  'seconds': 'the number of seconds with the class in the reference.',
  'tracks': 'the number of tracks of the class in the reference, added up over '
  'seconds.',
  'rows': 'the number of rows of the class in the reference.',
}


def results_table(
  results: Sequence[tuple[str, str, Mapping[str, Any] | None]],
  *,
  edition: str = '2020',
) -> str:
  """Makes a table of scores and their intervals, a row for a result.

  Args:
    results: Name, description and scores of each result. The scores are None
      if there are no labels.
    edition: The edition of the challenge whose scores they are.

  Returns:
    HTML.
  """
  columns = metrics.main_scores(edition)
  rows = []
  for name, about, found in results:
    scores = found or {}
    intervals = scores.get('intervals', {})
    rows.append(
      [(name, about)]
      + [
        (_number(one, scores.get(one)), _interval(one, intervals.get(one)))
        for one in columns
      ]
    )
  return page.table(['', *columns], rows)


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
      (better(name), ''),
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
  edition = result.get('edition', '2020')
  names = metrics.main_scores(edition)
  unit = tables.UNITS.get(edition, 'seconds')
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


def better(name: str) -> str:
  """Whether higher or lower is better for a score: `'higher'` or `'lower'`."""
  return 'higher' if name.startswith(_HIGHER_IS_BETTER) else 'lower'


def legend(edition: str) -> str:
  """Describes the scores of a run.

  Args:
    edition: The edition of the challenge whose scores they are.

  Returns:
    Sentences.
  """
  return (
    f'{_MEANINGS[edition]} With each score is its 95% confidence interval '
    '(jackknife over the recordings).'
  )


def breakdown_legend(edition: str) -> str:
  """Describes the last column of `breakdown_tables` in a sentence."""
  unit = tables.UNITS.get(edition, 'seconds')
  return f'{unit}: {_UNITS[unit]}'


def _number(name: str, value: float | None) -> str:
  if value is None or not math.isfinite(value):
    return '–'
  return tables.number(name, value)


def _interval(name: str, ends: Sequence[float] | None) -> str:
  if ends is None:
    return ''
  return ' to '.join(_number(name, end) for end in ends)
