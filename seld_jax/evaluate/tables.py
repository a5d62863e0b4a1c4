"""Tables of scores for the terminal."""

from collections.abc import Mapping
from typing import Any

import rich.table

from seld_jax import metrics
from seld_jax.evaluate.predictions import BREAKDOWNS

# Where the lengths of the recordings come from. Scores of two systems can be
# compared only if their lengths come from the same place.
LENGTH_RULES = {
  'default': 'the default of the edition',
  'given': 'as given',
  'audio': 'from the audio',
  'last_reference': 'up to the last frame of the reference',
  'as_published': 'as in the published code',
}

_ANGLES = ('LE', 'LE_CD', 'LE_CD_micro', 'DOAE', 'DOAE_micro', 'DOA_error')
CAPTIONS = {
  '2019': 'ER, F: of classes by the second; DOA_error, frame_recall: by frame',
  '2020': 'LR_CD: the F-score published in 2020',
  '2021': 'over all classes together; LR_CD: recall',
  '2022': 'means over classes; _micro: over all classes together',
  '2023': 'means over classes; _micro: over all classes together',
  '2024': 'means over classes; _micro: over all classes together',
  '2025': 'azimuths folded to the front; means over classes; _micro: over all '
  'classes together',
  metrics.CLASSLESS: 'directions in frames, whatever their class; 20: at most '
  '20 degrees off',
}
# The unit of `reference_segments`, where it is not segments.
UNITS = {
  '2021': 'tracks',
  '2022': 'tracks',
  '2023': 'tracks',
  '2024': 'rows',
  '2025': 'rows',
  metrics.CLASSLESS: 'rows',
}


def table(result: Mapping[str, Any]) -> rich.table.Table:
  """Makes a table of scores and their intervals.

  Args:
    result: The result of `evaluate_predictions` or `evaluate_folders`.

  Returns:
    The table.
  """
  frames = result['num_frames']
  if isinstance(frames, list):
    frames = ' to '.join(map(str, frames))
  subject = f'DCASE {result["edition"]}'
  if result['edition'] == metrics.CLASSLESS:
    subject = 'Directions without classes'
  shown = rich.table.Table(
    min_width=64,
    title=f'{subject}, {result["recordings"]} '
    f'recording{"s" * (result["recordings"] != 1)} of {frames} frames',
    caption='\n'.join(
      [
        CAPTIONS[result['edition']],
        f'length of recordings: {LENGTH_RULES[result["length_rule"]]}',
        *(_averaging(one, result) for one in result.get('averaging', [])),
      ]
    ),
  )
  shown.add_column('score')
  shown.add_column('value', justify='right')
  shown.add_column('95% interval', justify='right')
  estimates = result.get('estimates', {})
  if estimates:
    shown.add_column('jackknife', justify='right')
  for name, interval in result['intervals'].items():
    ends = '-'
    if interval is not None:
      ends = ' to '.join(number(name, end) for end in interval)
    row = [name, number(name, result[name]), ends]
    if estimates:
      row.append(number(name, estimates[name]))
    shown.add_row(*row)
  return shown


def _averaging(entry: Mapping[str, Any], result: Mapping[str, Any]) -> str:
  """Says which predictions are averages of what."""
  count, every = entry['recordings'], result['recordings']
  which = '' if count == every else f' ({count} of {every} recordings)'
  return f'predictions{which}: {entry["text"]}'


def published_notes(result: Mapping[str, Any]) -> str:
  """Says what follows the published code.

  Args:
    result: The result of `evaluate_predictions` or `evaluate_folders`.

  Returns:
    Lines of text; empty if nothing does.
  """
  rules = result.get('as_published')
  if not rules:
    return ''
  title = f'As in the published code of {result["edition"]}:'
  return '\n'.join([title, *(f'- {rule}' for rule in rules)])


def breakdown_table(result: Mapping[str, Any], kind: str) -> rich.table.Table:
  """Makes a table of the scores of groups.

  Args:
    result: The result of `evaluate_predictions` or `evaluate_folders`.
    kind: A key of `BREAKDOWNS`.

  Returns:
    The table, with a row for each group.
  """
  # With the micro averages, lines would be too long.
  names = [name for name in result['intervals'] if not name.endswith('_micro')]
  shown = rich.table.Table(title=f'By {kind}')
  shown.add_column(kind, no_wrap=True)
  for name in (*names, UNITS.get(result['edition'], 'segments')):
    shown.add_column(name, justify='right')
  for group, part in result[BREAKDOWNS[kind]].items():
    shown.add_row(
      group,
      *(number(name, part[name]) for name in names),
      str(part['reference_segments']),
    )
  return shown


def number(name: str, value: float | None) -> str:
  """Formats a score.

  Args:
    name: Name of the score; angles get a degree sign.
    value: The score, or None.

  Returns:
    The text; `-` for None.
  """
  if value is None:
    return '-'
  if name in _ANGLES:
    return f'{value:.1f}°'
  return f'{value:.3f}' if abs(value) < 1000 else f'{value:.2g}'
