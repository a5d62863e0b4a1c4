"""Comparisons of systems: over training, and over a weight of the loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import lines
from matplotlib.figure import Figure

from seld_jax.errors import InputError
from seld_jax.figures import style

# Titles of the panels: those of Figure 2 of the paper (MSE loss, CE loss, DOA
# error and SED error), the DOA loss, and the overall score.
PANELS = {
  'sed_mse': 'SED: squared error',
  'sed_cross_entropy': 'SED: cross-entropy (nats)',
  'doa_masked_mse': 'DOA: squared error',
  'LE_CD': 'DOA error: LE_CD (°)',
  'ER20': 'SED error: ER20',
  'seld_score': 'seld_score',
}

# The splits in the records: their lines, and their names in the legend.
_SPLITS: dict[str, dict[str, Any]] = {
  'test': {'linestyle': '-', 'label': 'test recordings'},
  'train_fold': {'linestyle': ':', 'label': 'training recordings'},
}
_MARKERS = 'osD^v'

Records = Sequence[Mapping[str, Any]]


def plot_systems(
  runs: Mapping[str, Sequence[Records]], *, dark: bool = False
) -> Figure:
  """Draws losses and errors of systems over training, as the paper does.

  The figure follows Figure 2 of the paper. Lines are means over seeds; areas
  extend from the minimum to the maximum. All losses are drawn for all systems,
  also those that a system is not trained on.

  Args:
    runs: The systems by label. For each one, a run per seed: the lines of its
      metrics.jsonl. The splits `'test'` and `'train_fold'` are drawn.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: No run has a record of these splits.

  Example:
    >>> from seld_jax import figures
    >>> one, two = (
    ...   [{'step': 100, 'split': 'test', 'LE_CD': error}]
    ...   for error in (20.0, 24.0)
    ... )
    >>> figure = figures.plot_systems({'baseline': [one, two]})
    >>> len(figure.axes)
    6
  """
  theme = style.DARK if dark else style.LIGHT
  figure = style.new_figure(theme, 12.5, 6.6)
  panels = list(figure.subplots(2, 3).flat)
  handles, splits = [], set()
  for number, (system, seeds) in enumerate(runs.items()):
    color = theme.palette[number % len(theme.palette)]
    marker = _MARKERS[number % len(_MARKERS)]
    look: dict[str, Any] = {
      'color': color,
      'marker': marker,
      'markersize': 3.5,
    }
    handles.append(lines.Line2D([], [], label=system, **look))
    for split in _SPLITS:
      for panel, name in zip(panels, PANELS, strict=True):
        steps, values = _by_step(seeds, split, name)
        if not steps:
          continue
        splits.add(split)
        means = values.mean(axis=0)
        panel.plot(steps, means, **look, linestyle=_SPLITS[split]['linestyle'])
        panel.fill_between(
          steps, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15
        )
  if not splits:
    raise InputError(
      'plot_systems got no records of the splits test and train_fold; runs '
      "write them with config.eval.watch = ('train', 'test')."
    )
  for panel, title in zip(panels, PANELS.values(), strict=True):
    style.style_axes(panel, theme)
    panel.set_title(title, fontsize=11, color=theme.ink)
    panel.set_ylim(bottom=0)
    panel.set_xlim(left=0)
    panel.set_xlabel('step')
  for split in _SPLITS:
    if split in splits:
      handles.append(lines.Line2D([], [], color=theme.ink, **_SPLITS[split]))
  style.add_legend(figure, theme, handles)
  return figure


def plot_weights(
  curves: Mapping[str, Sequence[Mapping[str, float]]], *, dark: bool = False
) -> Figure:
  """Draws scores over the weight of the DOA loss.

  The upper panels show each score over the weight, and the lower panels over
  the ratio of the gradient norms of the DOA loss and the SED loss.

  Args:
    curves: The combinations of losses by label. For each one, points with
      `weight`, `gradient_ratio`, `seld_score`, `ER20` and `LE_CD`.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Example:
    >>> from seld_jax import figures
    >>> scores = {'seld_score': 0.4, 'ER20': 0.5, 'LE_CD': 20.0}
    >>> points = [
    ...   {'weight': weight, 'gradient_ratio': weight / 10, **scores}
    ...   for weight in (1.0, 10.0)
    ... ]
    >>> figure = figures.plot_weights({'mse': points})
    >>> len(figure.axes)
    6
  """
  theme = style.DARK if dark else style.LIGHT
  figure = style.new_figure(theme, 12.5, 6.6)
  grid = figure.subplots(2, 3, sharey='col')
  handles = []
  for number, (name, points) in enumerate(curves.items()):
    look: dict[str, Any] = {
      'color': theme.palette[number % len(theme.palette)],
      'marker': _MARKERS[number % len(_MARKERS)],
    }
    handles.append(lines.Line2D([], [], label=name, **look))
    for row, x in zip(grid, ('weight', 'gradient_ratio'), strict=True):
      ordered = sorted(points, key=lambda point, x=x: point[x])
      for panel, y in zip(row, ('seld_score', 'ER20', 'LE_CD'), strict=True):
        panel.plot([p[x] for p in ordered], [p[y] for p in ordered], **look)
  for row, x in zip(
    grid,
    ('weight of the directions', 'ratio of gradient norms, DOA / SED'),
    strict=True,
  ):
    for panel, y in zip(row, ('seld_score', 'ER20', 'LE_CD (°)'), strict=True):
      style.style_axes(panel, theme)
      panel.set_xscale('log')
      panel.set_xlabel(x)
      panel.set_ylabel(y)
  style.add_legend(figure, theme, handles)
  return figure


def _by_step(
  seeds: Sequence[Records], split: str, name: str
) -> tuple[list[int], np.ndarray]:
  """Returns steps that all seeds have, and their values `[seeds, steps]`."""
  found = [
    {
      record['step']: record[name]
      for record in records
      if record['split'] == split and record.get(name) is not None
    }
    for records in seeds
  ]
  steps = sorted(set.intersection(*map(set, found))) if found else []
  values = [[by_step[step] for step in steps] for by_step in found]
  return steps, np.array(values, float)
