"""Learning curves: losses and scores over the steps of a run."""

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib import lines
from matplotlib.figure import Figure

from seld_jax.errors import InputError
from seld_jax.figures import style

# The scores of a validation, of all editions, and whether higher is better.
SCORES = {
  'ER20': False,
  'F20': True,
  'ER': False,
  'F': True,
  'LE_CD': False,
  'LR_CD': True,
  'DOA_error': False,
  'frame_recall': True,
  'DOAE': False,
  'RDE': False,
  'onscreen_accuracy': True,
  'F20_onscreen': True,
  'seld_score': False,
}
_ANGLES = ('LE_CD', 'DOA_error', 'DOAE')

# The splits in the records, and their names in the legend.
SPLITS = {
  'train': 'train',
  'validation': 'validation',
  'test': 'test',
  'train_fold': 'train (evaluated)',
}

# Values are drawn up to here. The range of an axis must itself be finite.
_LARGEST = 1e100

# Approximate largest number of markers on a line.
MOST_MARKERS = 25

# Values in metrics.jsonl that are neither losses nor scores.
_NEITHER = {
  'step',
  'split',
  'learning_rate',
  'gradient_norm',
  'sed_shared_gradient',
  'doa_shared_gradient',
}


def plot_learning_curves(
  records: Iterable[Mapping[str, Any]],
  *,
  selected_step: int | None = None,
  dark: bool = False,
) -> Figure:
  """Draws losses and scores over the steps of a run, with a panel for each.

  Args:
    records: Lines of metrics.jsonl: `step`, `split` (`'train'`,
      `'validation'`, `'test'` or `'train_fold'`) and numbers by name. If a step
      and split occur several times, the last one is drawn. None and infinite
      values are not drawn; values beyond 1e100 are drawn there. A score that is
      None in all lines has no panel.
    selected_step: The step whose checkpoint was selected, which is marked.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: The records contain neither a loss nor a score.

  Example:
    >>> from seld_jax import figures
    >>> records = [
    ...   {'step': 100, 'split': 'train', 'loss': 0.9},
    ...   {'step': 200, 'split': 'train', 'loss': 0.4},
    ... ]
    >>> figure = figures.plot_learning_curves(records, selected_step=200)
    >>> figure.axes[0].get_title()
    'loss'
  """
  splits: dict[str, dict[int, Mapping[str, Any]]] = {
    split: {} for split in SPLITS
  }
  for record in records:
    splits[record['split']][record['step']] = record
  names = dict.fromkeys(
    itertools.chain.from_iterable(
      record for split in splits.values() for record in split.values()
    )
  )
  # Networks without video have no scores of what is on screen.
  known = {
    name
    for split in splits.values()
    for record in split.values()
    for name, value in record.items()
    if value is not None
  }
  rows = [
    [name for name in names if name not in {*_NEITHER, *SCORES}],
    [name for name in SCORES if name in known],
  ]
  rows = [row for row in rows if row]
  if not rows:
    raise InputError('plot_learning_curves got no losses and no scores.')

  theme = style.DARK if dark else style.LIGHT
  figure = style.new_figure(theme, 12.5, 2.5 * len(rows) + 0.5)
  columns = max(map(len, rows))
  grid = figure.subplots(len(rows), columns, squeeze=False)
  looks = {
    'train': {'color': theme.palette[4 if dark else 0], 'linestyle': '-'},
    'validation': {
      'color': theme.palette[5],
      'linestyle': '--',
      'marker': 'o',
      'markersize': 3.5,
    },
    'test': {
      'color': theme.palette[2],
      'linestyle': '-.',
      'marker': 's',
      'markersize': 3.5,
    },
    'train_fold': {
      'color': theme.palette[3],
      'linestyle': ':',
      'marker': '^',
      'markersize': 3.5,
    },
  }
  selected = {
    'color': theme.ink,
    'linestyle': ':',
    'linewidth': 1.2,
  }
  for row, panels in zip(rows, grid, strict=True):
    for panel in panels[len(row) :]:
      panel.remove()
    for name, panel in zip(row, panels, strict=False):
      style.style_axes(panel, theme)
      panel.set_title(_title(name), fontsize=10, color=theme.ink)
      for split, look in looks.items():
        points = sorted(
          (step, drawn(record[name]))
          for step, record in splits[split].items()
          if name in record
        )
        if points:
          every = max(1, len(points) // MOST_MARKERS)
          panel.plot(
            *zip(*points, strict=True), label=split, markevery=every, **look
          )
      if selected_step is not None:
        panel.axvline(selected_step, label='selected', **selected)
      bottom, top = panel.get_ylim()
      panel.set_ylim(min(0.0, bottom), 1.0 if SCORES.get(name) else top)
      panel.set_xlim(left=0)
      panel.locator_params(axis='x', nbins=4)
      panel.set_xlabel('step')
  handles = [
    lines.Line2D([], [], label=SPLITS[split], **look)
    for split, look in looks.items()
    if splits[split]
  ]
  if selected_step is not None:
    label = f'selected step {selected_step}'
    handles.append(lines.Line2D([], [], label=label, **selected))
  style.add_legend(figure, theme, handles)
  return figure


def drawn(value: float | None) -> float:
  """A value as it is drawn; NaN if it is not."""
  if value is None or math.isinf(value):
    return np.nan
  return min(max(value, -_LARGEST), _LARGEST)


def _title(name: str) -> str:
  if name not in SCORES:
    return name
  unit = ' (°)' if name in _ANGLES else ''
  return f'{name}{unit}: {"higher" if SCORES[name] else "lower"} is better'
