"""The confusion matrix of a system as a heat map."""

from collections.abc import Sequence

import matplotlib.colors
import numpy as np
from matplotlib.figure import Figure

from seld_jax.errors import InputError
from seld_jax.figures import style

# Cells have numbers up to this many columns; smaller cells are not readable.
_MOST_NUMBERS = 20
# Colours from low to high percentages, by `dark`. Their lightness is monotonic,
# so that they can also be read in grey.
_SHADES = {
  False: ('#56B4E9', '#0072B2', '#00324f'),
  True: ('#0072B2', '#bfe3f7'),
}


def plot_confusion(
  counts: np.ndarray,
  segments: np.ndarray,
  *,
  classes: Sequence[str],
  dark: bool = False,
) -> Figure:
  """Draws what was detected in segments where one class was active alone.

  A cell shows the percentage of the segments of its row. Classes that neither
  are active alone nor are detected in such a segment are left out.

  Args:
    counts: Counts from `evaluate.confusion_matrix`, with shape
      `[classes, classes + 1]`; the last column is for no detection.
    segments: Number of segments of each row, with shape `[classes]`.
    classes: Name of each class.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: No class is ever active alone, or a class has no name.

  Example:
    >>> from seld_jax import figures
    >>> counts = np.array([[8, 2, 0], [0, 3, 1]])
    >>> figure = figures.plot_confusion(
    ...   counts, np.array([10, 4]), classes=['dog', 'piano']
    ... )
    >>> figure.axes[0].get_xlabel()
    'detected'
  """
  num_classes = len(segments)
  if len(classes) != num_classes or counts.shape != (
    num_classes,
    num_classes + 1,
  ):
    raise InputError(
      'plot_confusion needs counts of shape [classes, classes + 1] and a name '
      f'for each class, got {counts.shape} and {len(classes)} names.'
    )
  rows = np.flatnonzero(segments)
  if not rows.size:
    raise InputError('plot_confusion needs a class that is active alone.')
  columns = np.flatnonzero(counts[rows].sum(axis=0))
  columns = np.union1d(np.union1d(columns, rows), [num_classes])
  percent = 100 * counts[rows][:, columns] / segments[rows, None]
  theme = style.DARK if dark else style.LIGHT
  shades = matplotlib.colors.LinearSegmentedColormap.from_list(
    'shades', [theme.background, *_SHADES[dark]]
  )
  size = 0.52 if len(columns) <= _MOST_NUMBERS else 0.26
  figure = style.new_figure(
    theme, max(10.0, size * len(columns) + 4.2), size * len(rows) + 2.3
  )
  panel = figure.subplots()
  style.style_axes(panel, theme)
  image = panel.imshow(percent, cmap=shades, vmin=0, vmax=100, aspect='auto')
  names = [style.short_name(name) for name in classes]
  panel.set_xticks(
    range(len(columns)),
    [*(names[i] for i in columns[:-1]), 'nothing'],
    rotation=45,
    ha='right',
    rotation_mode='anchor',
    parse_math=False,
  )
  panel.set_yticks(
    range(len(rows)),
    [f'{names[row]} ({segments[row]:,} s)' for row in rows],
    parse_math=False,
  )
  panel.set_xlabel('detected')
  panel.set_ylabel('the only active class')
  panel.grid(visible=False)
  if len(columns) <= _MOST_NUMBERS:
    for row, column in np.argwhere(percent >= 0.5):
      value = percent[row, column]
      panel.text(
        column,
        row,
        f'{value:.0f}',
        ha='center',
        va='center',
        fontsize=9,
        color=theme.ink if value < 50 else theme.background,
      )
  bar = figure.colorbar(image, ax=panel, fraction=0.04, pad=0.02)
  bar.outline.set_edgecolor(theme.faint)
  bar.ax.tick_params(colors=theme.ink, labelsize=10)
  bar.set_label('% of the seconds of the row', color=theme.ink)
  return figure
