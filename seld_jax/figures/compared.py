"""Learning curves of several runs on one axis."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import lines
from matplotlib.figure import Figure

from seld_jax.errors import InputError
from seld_jax.figures import curves, style

# The panels: the name of the value, the splits that have it, and a title.
_PANELS = (
  ('seld_score', ('validation', 'test'), 'seld_score: lower is better'),
  ('loss', ('train',), 'training loss'),
)
_LINES: dict[str, Any] = {'validation': '-', 'test': ':', 'train': '-'}
_MARKERS = 'osD^v'

# Names in a row of the legend.
_COLUMNS = 4


def plot_runs(
  runs: Mapping[str, Sequence[Mapping[str, Any]]], *, dark: bool = False
) -> Figure:
  """Draws the learning curves of several runs on one axis.

  Args:
    runs: The lines of the metrics.jsonl of each run by its name. The
      `seld_score` of the splits `'validation'` and `'test'` is drawn, and the
      `loss` of the split `'train'`. If a step and split occur several times,
      the last one is drawn. None and infinite values are not drawn.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure, with a panel for each of both; one that no run has is left out.

  Raises:
    InputError: No run has any of them.

  Example:
    >>> from seld_jax import figures
    >>> one, two = (
    ...   [{'step': 100, 'split': 'validation', 'seld_score': score}]
    ...   for score in (0.5, 0.4)
    ... )
    >>> figure = figures.plot_runs({'one': one, 'two': two})
    >>> figure.axes[0].get_title()
    'seld_score: lower is better'
  """
  panels = _panels(runs)
  if not panels:
    raise InputError('plot_runs got no seld_score and no training loss.')
  theme = style.DARK if dark else style.LIGHT
  rows = -(-len(runs) // _COLUMNS)
  figure = style.new_figure(theme, 12.5, 4.2 + 0.25 * rows)
  looks: list[dict[str, Any]] = [
    {
      'color': theme.palette[number % len(theme.palette)],
      'marker': _MARKERS[number % len(_MARKERS)],
      'markersize': 4,
    }
    for number in range(len(runs))
  ]
  found = set()
  grid = figure.subplots(1, len(panels), squeeze=False)[0]
  for panel, (title, drawn) in zip(grid, panels, strict=True):
    style.style_axes(panel, theme)
    panel.set_title(title, fontsize=11, color=theme.ink)
    for number, split, points in drawn:
      every = max(1, len(points) // curves.MOST_MARKERS)
      panel.plot(
        *zip(*points, strict=True),
        **looks[number],
        linestyle=_LINES[split],
        markevery=every,
      )
      found.add(split)
    panel.set_xlim(left=0)
    panel.set_xlabel('step')
  handles = [
    lines.Line2D([], [], label=name, **look)
    for name, look in zip(style.short_names(runs), looks, strict=True)
  ]
  if 'test' in found:
    handles += [
      lines.Line2D(
        [], [], color=theme.ink, linestyle=_LINES[split], label=split
      )
      for split in ('validation', 'test')
      if split in found
    ]
  style.add_legend(figure, theme, handles, columns=_COLUMNS)
  return figure


def has_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
  """Whether `plot_runs` has something to draw.

  Args:
    runs: The lines of the metrics.jsonl of each run by its name.

  Returns:
    True or False.

  Example:
    >>> from seld_jax import figures
    >>> figures.has_curves({'one': []})
    False
  """
  return bool(_panels(runs))


def _panels(
  runs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[tuple[str, list[tuple[int, str, list[tuple[int, float]]]]]]:
  """The title of each panel, and its curves: number of the run, split, points.

  Panels without curves are left out.
  """
  panels = []
  for name, splits, title in _PANELS:
    drawn = [
      (number, split, points)
      for number, records in enumerate(runs.values())
      for split in splits
      if (points := _points(records, split, name))
    ]
    if drawn:
      panels.append((title, drawn))
  return panels


def _points(
  records: Sequence[Mapping[str, Any]], split: str, name: str
) -> list[tuple[int, float]]:
  """The steps and values of a curve; empty if no value can be drawn."""
  by_step = {
    record['step']: curves.drawn(record[name])
    for record in records
    if record['split'] == split and name in record
  }
  points = sorted(by_step.items())
  return points if any(value == value for _, value in points) else []
