"""What all figures share: colours, axes, the legend, PNG.

Matplotlib without its global state: nothing here touches pyplot or rcParams.
Colours are those of Okabe and Ito, which the colour-blind tell apart, and
markers and line styles tell the same in grey.
"""

import dataclasses
import io
from collections.abc import Sequence

from matplotlib import axes, lines
from matplotlib.backends import backend_agg
from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Theme:
  """Colours of a figure; `palette` is chosen to stand out on `background`."""

  background: str
  ink: str
  faint: str
  reference: str
  palette: tuple[str, ...]


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
  """An empty figure of this size in inches."""
  figure = Figure(
    figsize=(width, height), layout='constrained', facecolor=theme.background
  )
  # Also where a figure is saved, rather than passed to to_png.
  backend_agg.FigureCanvasAgg(figure)
  return figure


def style_axes(panel: axes.Axes, theme: Theme) -> None:
  """Gives axes their colours, font sizes and grid."""
  panel.set_facecolor(theme.background)
  panel.tick_params(colors=theme.ink, labelsize=10)
  panel.xaxis.label.set(color=theme.ink, fontsize=11)
  panel.yaxis.label.set(color=theme.ink, fontsize=11)
  panel.grid(color=theme.faint, linewidth=0.6)
  panel.set_axisbelow(True)
  for spine in panel.spines.values():
    spine.set_color(theme.faint)


def add_legend(
  figure: Figure, theme: Theme, handles: Sequence[lines.Line2D]
) -> None:
  """A legend above all axes, as wide as it needs."""
  figure.legend(
    handles=list(handles),
    loc='outside upper right',
    ncols=len(handles),
    frameon=False,
    fontsize=11,
    labelcolor=theme.ink,
  )


def to_png(figure: Figure, *, dpi: int = 120) -> bytes:
  """The figure as a PNG file, the same bytes for the same figure."""
  buffer = io.BytesIO()
  canvas = backend_agg.FigureCanvasAgg(figure)
  canvas.print_figure(buffer, dpi=dpi, metadata={'Software': None})
  return buffer.getvalue()
