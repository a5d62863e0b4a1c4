"""Where a system errs: classes taken for others, directions that are off."""

from collections.abc import Mapping, Sequence

import matplotlib.colors
import numpy as np
from matplotlib import axes, lines
from matplotlib.figure import Figure

from seld_jax import evaluate
from seld_jax.errors import InputError
from seld_jax.figures import style

# With more classes than these, numbers in the cells could not be read.
_MOST_NUMBERS = 20
_LONGEST_NAME = 24


def plot_confusion(
  counts: np.ndarray,
  segments: np.ndarray,
  *,
  classes: Sequence[str],
  dark: bool = False,
) -> Figure:
  """A heat map of what was detected where one class sounded alone.

  Args:
    counts: As `confusion.confusion_matrix` gives them, with shape
      `[classes, classes + 1]`.
    segments: Segments of each row, with shape `[classes]`.
    classes: Name of each class.
    dark: Light on dark instead of dark on light.

  Returns:
    The figure: percent of the segments of each row, for the classes that sound
    alone or are detected there, and a last column for no detection.

  Raises:
    InputError: No class ever sounds alone, or a class has no name.
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
    raise InputError('plot_confusion needs a class that sounds alone.')
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
  names = [_short(name) for name in classes]
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
  panel.set_ylabel('sounding alone')
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


def plot_direction_errors(
  profiles: Mapping[str, evaluate.Profile], *, dark: bool = False
) -> Figure:
  """Errors of directions and shares of what is found, by what they depend on.

  Args:
    profiles: By the label of what they depend on, at least one.
    dark: Light on dark instead of dark on light.

  Returns:
    The figure: a column for each profile, the median angle with its quartiles
    above the share of rows whose class was detected.

  Raises:
    InputError: There is no profile.
  """
  if not profiles:
    raise InputError('plot_direction_errors needs at least one profile.')
  theme = style.DARK if dark else style.LIGHT
  figure = style.new_figure(theme, 12.5, 5.4)
  grid = figure.subplots(2, len(profiles), squeeze=False, sharex='col')
  angle_color = theme.palette[4 if dark else 0]
  angle_look = {'color': angle_color, 'marker': 'o', 'markersize': 4}
  found_look = {
    'color': theme.palette[5],
    'marker': 's',
    'markersize': 4,
    'linestyle': '--',
  }
  for (label, one), (above, below) in zip(
    profiles.items(), grid.T, strict=True
  ):
    low, middle, high = one.quartiles
    for panel in (above, below):
      style.style_axes(panel, theme)
    above.fill_between(one.value, low, high, color=angle_color, alpha=0.25)
    above.plot(one.value, middle, gid='median', **angle_look)
    share = np.full(len(one.rows), np.nan)
    np.divide(100 * one.found, one.rows, out=share, where=one.rows > 0)
    below.plot(one.value, share, gid='found', **found_look)
    below.set_xlabel(label)
    below.set_ylim(-4, 104)
    if label.startswith('azimuth'):
      _label_azimuth(below)
  highest = max(panel.get_ylim()[1] for panel in grid[0])
  for panel in grid[0]:
    panel.set_ylim(-0.03 * highest, highest)
  for panel in grid[:, 1:].flat:
    panel.tick_params(labelleft=False)
  grid[0, 0].set_ylabel('angle to the reference (°)')
  grid[1, 0].set_ylabel('class detected (% of frames)')
  style.add_legend(
    figure,
    theme,
    [
      lines.Line2D([], [], label='median, quartiles shaded', **angle_look),
      lines.Line2D([], [], label='frames whose class is found', **found_look),
    ],
  )
  return figure


def _label_azimuth(panel: axes.Axes) -> None:
  panel.set_xlim(-190, 190)
  names = ['back', 'right', 'front', 'left', 'back']
  panel.set_xticks(
    [-180, -90, 0, 90, 180],
    [
      f'{angle}\n{name}'.replace('-', '−')
      for angle, name in zip((-180, -90, 0, 90, 180), names, strict=True)
    ],
  )


def _short(name: str) -> str:
  if len(name) <= _LONGEST_NAME:
    return name
  return f'{name[: _LONGEST_NAME - 1]}…'


# From few to many, by themes: the lightness alone tells, too.
_SHADES = {
  False: ('#56B4E9', '#0072B2', '#00324f'),
  True: ('#0072B2', '#bfe3f7'),
}
