"""Direction errors of a system, and how they depend on other quantities."""

from collections.abc import Mapping

import numpy as np
from matplotlib import axes, lines
from matplotlib.figure import Figure

from seld_jax import evaluate
from seld_jax.errors import InputError
from seld_jax.figures import style


def plot_direction_errors(
  profiles: Mapping[str, evaluate.Profile],
  *,
  frontal: bool = False,
  dark: bool = False,
) -> Figure:
  """Draws angular errors and detection rates as functions of quantities.

  Each profile has a column. Its upper panel shows the median and the quartiles
  of the angular error in degrees, and its lower panel the percentage of rows
  of the reference whose class was detected.

  Args:
    profiles: Profiles from `evaluate.profile`, by the label of the quantity
      that the errors depend on.
    frontal: Whether azimuths are from -90 to 90 degrees, as those of stereo
      are.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: There is no profile.

  Example:
    >>> from seld_jax import evaluate, figures
    >>> errors = np.array([3.0, 8.0, np.nan])
    >>> profile = evaluate.profile(
    ...   np.array([10.0, 80.0, 95.0]), errors, edges=[0, 60, 120]
    ... )
    >>> figure = figures.plot_direction_errors({'azimuth (°)': profile})
    >>> len(figure.axes)
    2
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
      _label_azimuth(below, frontal=frontal)
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


def _label_azimuth(panel: axes.Axes, *, frontal: bool) -> None:
  names = {-180: 'back', -90: 'right', 0: 'front', 90: 'left', 180: 'back'}
  if frontal:
    names = {-90: 'right', -45: '', 0: 'front', 45: '', 90: 'left'}
  edge = 95 if frontal else 190
  panel.set_xlim(-edge, edge)
  panel.set_xticks(
    list(names),
    [f'{angle}\n{name}'.replace('-', '−') for angle, name in names.items()],
  )
