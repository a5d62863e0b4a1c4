"""A figure as files and within a page."""

import os
import pathlib
from collections.abc import Callable

from matplotlib.figure import Figure

from seld_jax import figures, files
from seld_jax.report import page


def write_and_embed(
  plot: Callable[[bool], Figure],
  *,
  folder: str | os.PathLike[str],
  name: str,
  caption: str,
  alt: str,
) -> str:
  """Writes a figure for light and for dark pages, and embeds both.

  Args:
    plot: Draws the figure; its argument tells whether the page is dark.
    folder: Folder that gets `NAME.png` and `NAME_dark.png`.
    name: The name of the files.
    caption: What stands below the figure in the page.
    alt: What the figure shows, for those who cannot see it.

  Returns:
    HTML that shows the one that suits the reader's preference.

  Raises:
    InputError: A file cannot be written.
  """
  images = []
  for suffix, dark in (('', False), ('_dark', True)):
    images.append(figures.to_png(plot(dark)))
    with files.atomic(pathlib.Path(folder, f'{name}{suffix}.png')) as path:
      path.write_bytes(images[-1])
  return page.figure(*images, caption=caption, alt=alt)
