"""Systems side by side: their curves over training, and over a weight."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import lines
from matplotlib.figure import Figure

from seld_jax.errors import InputError
from seld_jax.figures import style

# The panels of Figure 2 of the paper (MSE loss, CE loss, DOA error and SED
# error), the loss of the directions, and the score of all.
PANELS = {
  'sed_mse': 'SED: squared error',
  'sed_cross_entropy': 'SED: cross-entropy (nats)',
  'doa_masked_mse': 'DOA: squared error',
  'LE_CD': 'DOA error: LE_CD (°)',
  'ER20': 'SED error: ER20',
  'seld_score': 'seld_score',
}

# Splits in the records: how they are drawn, and how the legend calls them.
_SPLITS: dict[str, dict[str, Any]] = {
  'test': {'linestyle': '-', 'label': 'test recordings'},
  'train_fold': {'linestyle': ':', 'label': 'training recordings'},
}
_MARKERS = 'osD^v'

Records = Sequence[Mapping[str, Any]]


def plot_systems(
  runs: Mapping[str, Sequence[Records]], *, dark: bool = False
) -> Figure:
  """Losses and errors of systems over training, as in the paper's Figure 2.

  Lines are means over seeds, areas reach from the lowest to the highest; every
  loss is shown for every system, whether it is trained on it or not.

  Args:
    runs: For each system by its label, the lines of metrics.jsonl of a run for
      each seed. Drawn are those with the splits `'test'` and `'train_fold'`.
    dark: Light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: No run has such a record.
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
  """Scores over the weight of the directions, and the balance of gradients.

  Args:
    curves: For each combination of losses by its label, points with `weight`,
      `seld_score`, `ER20`, `LE_CD` and `gradient_ratio` (the norm of the
      gradient of directions by that of activity).
    dark: Light on dark instead of dark on light.

  Returns:
    The figure: each score against the weight, and against the ratio.
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
    ('weight of the directions', 'gradient norm, directions by activity'),
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
  """Steps that all seeds have, and values with shape `[seeds, steps]`."""
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
