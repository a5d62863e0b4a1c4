"""The common style of all figures: colours, axes, legend, PNG files.

The figures use Matplotlib without its global state (pyplot and rcParams).
Colour-blind readers can distinguish the colours, which are those of Okabe and
Ito. In grey, markers and line styles show the same as the colours.
"""

import dataclasses
import io
from collections.abc import Iterable, Sequence

from matplotlib import axes, lines
from matplotlib.backends import backend_agg
from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Theme:
  """Colours of a figure.

  Attributes:
    background: Colour of the page.
    ink: Colour of text.
    faint: Colour of grids and frames.
    reference: Colour of the reference labels.
    palette: Colours of lines, which are clearly visible on `background`.

  Example:
    >>> from seld_jax import figures
    >>> figures.LIGHT.background
    '#ffffff'
  """

  background: str
  ink: str
  faint: str
  reference: str
  palette: tuple[str, ...]


# Longer names of classes are cut.
_LONGEST_NAME = 24

_OKABE_ITO = ('#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00')
LIGHT = Theme(
  background='#ffffff',
  ink='#222222',
  faint='#dddddd',
  reference='#b4b4b4',
  palette=(*_OKABE_ITO, '#000000'),
)
DARK = Theme(
  background='#16181d',
  ink='#e4e4e4',
  faint='#3a3d45',
  reference='#7d7d7d',
  palette=(*_OKABE_ITO, '#F0E442'),
)


def new_figure(theme: Theme, width: float, height: float) -> Figure:
  """Returns an empty figure; width and height are in inches."""
  figure = Figure(
    figsize=(width, height), layout='constrained', facecolor=theme.background
  )
  # A figure needs a canvas to be saved by other functions than to_png.
  backend_agg.FigureCanvasAgg(figure)
  return figure


def style_axes(panel: axes.Axes, theme: Theme) -> None:
  """Sets colours, font sizes and the grid of axes."""
  panel.set_facecolor(theme.background)
  panel.tick_params(colors=theme.ink, labelsize=10)
  panel.xaxis.label.set(color=theme.ink, fontsize=11)
  panel.yaxis.label.set(color=theme.ink, fontsize=11)
  panel.grid(color=theme.faint, linewidth=0.6)
  panel.set_axisbelow(True)
  for spine in panel.spines.values():
    spine.set_color(theme.faint)


def add_legend(
  figure: Figure,
  theme: Theme,
  handles: Sequence[lines.Line2D],
  *,
  columns: int | None = None,
) -> None:
  """Adds a legend above all axes, in one row or with so many columns."""
  legend = figure.legend(
    handles=list(handles),
    loc='outside upper right',
    ncols=min(columns or len(handles), len(handles)),
    frameon=False,
    fontsize=11,
    labelcolor=theme.ink,
  )
  for text in legend.get_texts():
    text.set_parse_math(False)  # names may have dollar signs


def short_name(name: str) -> str:
  """Shortens the name of a class that is too long for a figure."""
  if len(name) <= _LONGEST_NAME:
    return name
  return f'{name[: _LONGEST_NAME - 1]}…'


def short_names(names: Iterable[str]) -> list[str]:
  """Shortens names for a legend, in the middle where the ends differ."""
  names = list(names)
  short = [short_name(name) for name in names]
  half = (_LONGEST_NAME - 1) // 2
  return [
    f'{name[:half]}…{name[-half:]}' if short.count(one) > 1 else one
    for name, one in zip(names, short, strict=True)
  ]


def to_png(figure: Figure, *, dpi: int = 120) -> bytes:
  r"""Converts a figure to a PNG file; equal figures give equal bytes.

  Args:
    figure: The figure.
    dpi: Resolution in pixels per inch.

  Returns:
    The contents of the file.

  Example:
    >>> from seld_jax import figures, labels
    >>> figure = figures.plot_tracks(
    ...   labels.no_events(), None, classes=['dog'], num_frames=50
    ... )
    >>> figures.to_png(figure, dpi=40)[:4]
    b'\x89PNG'
  """
  buffer = io.BytesIO()
  canvas = backend_agg.FigureCanvasAgg(figure)
  canvas.print_figure(buffer, dpi=dpi, metadata={'Software': None})
  return buffer.getvalue()
