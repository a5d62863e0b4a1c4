"""Draws the features of one synthetic scene, for docs/features.md.

Run `python docs/pictures.py` after a change of features. It writes
docs/features_foa.png and docs/features_mic.png, each also for dark pages.
"""

import pathlib
import tempfile
from typing import NamedTuple

import numpy as np
from matplotlib import figure as mpl
from PIL import Image

from seld_jax import audio, features, figures, geometry, labels, scenes

DOCS = pathlib.Path(__file__).parent
SECONDS = 8
SALSA = {
  'kind': 'salsa',
  'n_fft': 512,
  'hop_length': 300,
  'win_length': 512,
  'pad_mode': 'reflect',
}
LITE = {'kind': 'salsa_lite', 'n_fft': 512, 'win_length': 512}


class Panel(NamedTuple):
  """One channel of features.

  Attributes:
    title: What the panel shows.
    options: Options of the features.
    channel: Number of the channel.
    is_signed: Whether 0 has the colour of the page.
    vertical: Name of the vertical axis.
  """

  title: str
  options: dict
  channel: int
  is_signed: bool = True
  vertical: str = 'mel band'


PANELS = {
  'foa': (
    Panel('log-mel of W', {}, 0, False),
    Panel('intensity, Y: red is left, blue is right', {}, 4),
    Panel('intensity, Z: red is up, blue is down', {}, 5),
    Panel('intensity, X: red is front, blue is back', {}, 6),
    Panel(
      'SALSA, Y: 0 (white) without one clear source', SALSA, 4, True, 'bin'
    ),
  ),
  'mic': (
    Panel('log-mel of microphone 1', {}, 0, False),
    Panel(
      'GCC-PHAT of microphones 1 and 3: a peak at the lag',
      *({}, 5, True, 'lag'),
    ),
    Panel(
      'SALSA-Lite of microphone 3: difference of path lengths',
      *(LITE, 5, True, 'bin'),
    ),
  ),
}


def make_scene(folder: pathlib.Path) -> pathlib.Path:
  """Renders the scene in both formats; returns its labels."""
  scenes.synthesize(
    folder,
    recordings=1,
    formats=('foa', 'mic'),
    seconds=SECONDS,
    seed=27,
    num_workers=0,
    style=scenes.Style(
      moving=0.3, snr_db=(25, 25), rt60=(0.3, 0.3), max_overlap=1
    ),
  )
  (path,) = (folder / 'metadata_dev').glob('*.csv')
  return path


def draw(
  sound: np.ndarray, events: labels.Events, format: str, *, dark: bool
) -> mpl.Figure:
  """The features of a recording, and the directions of its labels below."""
  theme = figures.DARK if dark else figures.LIGHT
  panels = PANELS[format]
  drawing = mpl.Figure(
    figsize=(8, 1.15 * len(panels) + 1.6),
    layout='constrained',
    facecolor=theme.background,
  )
  axes = drawing.subplots(len(panels) + 1, sharex=True)
  for place, panel in zip(axes, panels, strict=False):
    x = np.asarray(features.compute(sound, format=format, **panel.options))
    image = x[:, :, panel.channel].T
    bottom = 0
    if panel.vertical == 'lag':  # the middle: the array has a radius of 4 cm
      bottom = -12
      image = image[len(image) // 2 - 12 : len(image) // 2 + 12]
    elif panel.is_signed:  # bands that have directions
      image = image[
        : features.num_direction_bands(format=format, **panel.options)
      ]
    limit = np.quantile(abs(image), 0.99) if panel.is_signed else None
    place.imshow(
      image,
      origin='lower',
      aspect='auto',
      interpolation='antialiased',
      extent=(0, SECONDS, bottom, bottom + len(image)),
      cmap=('berlin' if dark else 'RdBu_r') if panel.is_signed else 'magma',
      vmin=-limit if limit is not None else None,
      vmax=limit,
    )
    place.set_title(panel.title, color=theme.ink, fontsize=10)
    place.set_ylabel(panel.vertical, color=theme.ink)
  azimuth, elevation = geometry.to_polar(events.xyz)
  for values, color, name in (
    (azimuth, theme.palette[0], 'azimuth'),
    (elevation, theme.palette[1], 'elevation'),
  ):
    axes[-1].plot(
      events.frame / 10, values, '.', color=color, label=name, markersize=4
    )
  axes[-1].set(ylim=(-180, 180), yticks=(-180, -90, 0, 90, 180))
  axes[-1].set_facecolor(theme.background)
  axes[-1].grid(color=theme.faint)
  axes[-1].set_title('labels, in degrees', color=theme.ink, fontsize=10)
  axes[-1].set_xlabel('seconds', color=theme.ink)
  axes[-1].legend(
    ncols=2, loc='upper right', labelcolor=theme.ink, framealpha=0, fontsize=8
  )
  for place in axes:
    place.tick_params(colors=theme.ink, labelsize=8)
    for spine in place.spines.values():
      spine.set_color(theme.faint)
  return drawing


def write(drawing: mpl.Figure, path: pathlib.Path) -> None:
  """Writes a figure with 96 colours, which keeps the file small."""
  drawing.savefig(path, dpi=80)
  with Image.open(path) as picture:
    small = picture.convert('RGB').quantize(96, dither=Image.Dither.NONE)
  small.save(path, optimize=True)


def main() -> None:
  """Writes all pictures."""
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    path = make_scene(folder)
    events = labels.read_csv(path)
    for format in PANELS:
      sound = audio.read(folder / f'{format}_dev' / f'{path.stem}.wav')
      for dark in False, True:
        target = DOCS / f'features_{format}{"_dark" * dark}.png'
        write(draw(sound, events, format, dark=dark), target)


if __name__ == '__main__':
  main()
