"""Activity and places of a reference and a prediction over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import axes, lines
from matplotlib.figure import Figure

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.figures import spectrogram, style

# The number of markers and the number of colours (7) are coprime, so that the
# first 56 classes have different pairs of marker and colour.
_MARKERS = 'osD^vPX*'

# Consecutive directions with a larger angle in degrees are not connected.
_JUMP = 45.0


def plot_tracks(
  reference: labels.Events,
  prediction: labels.Events | None,
  *,
  classes: Sequence[str],
  num_frames: int,
  audio: np.ndarray | spectrogram.Spectrogram | None = None,
  sample_rate: int = 24000,
  frontal: bool = False,
  dark: bool = False,
) -> Figure:
  """Draws activity and directions of a reference and a prediction over time.

  The panels from the top are: the spectrogram of the first channel, if there is
  audio; activity, with a row for each class that occurs; azimuth; elevation
  (not with `frontal`); distance, if there are distances. The reference is grey;
  the prediction has a colour and a marker for each class. Every track of a
  class has its own line.
  Lines are interrupted when a track is inactive, and when the azimuth wraps
  from 180 to -180 degrees.

  Args:
    reference: Events of the reference. Distances are in metres.
    prediction: Events of the system; None to draw only the reference, in
      colours.
    classes: Name of each class.
    num_frames: Number of label frames to draw, 10 per second.
    audio: The recording, with shape `[channels, samples]`, or its spectrogram
      from `measure_spectrogram`, which needs less memory.
    sample_rate: The sample rate of a recording in Hz.
    frontal: Whether all directions are on the front half of the horizon, as
      those of stereo are: azimuths are drawn from -90 to 90 degrees, and
      elevations are not drawn.
    dark: Whether the figure is light on dark instead of dark on light.

  Returns:
    The figure.

  Raises:
    InputError: There is no frame, a class has no name, or audio has another
      shape.

  Example:
    >>> from seld_jax import figures, labels
    >>> frame = np.arange(20)
    >>> dog = labels.Events(
    ...   frame, 0 * frame, 0 * frame, np.tile([1.0, 0.0, 0.0], (20, 1))
    ... )
    >>> figure = figures.plot_tracks(dog, None, classes=['dog'], num_frames=50)
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['activity', 'azimuth', 'elevation']
  """
  compared = prediction is not None
  if prediction is None:
    reference, prediction = labels.no_events(), reference
  shown = np.union1d(reference.class_index, prediction.class_index)
  if num_frames < 1 or (shown.size and shown[-1] >= len(classes)):
    raise InputError(
      'plot_tracks needs at least one frame and a name for each class, got '
      f'{num_frames} frames and {len(classes)} names for classes up to '
      f'{max(shown, default=0)}.'
    )
  if audio is not None and not isinstance(audio, spectrogram.Spectrogram):
    if np.ndim(audio) != 2 or not np.size(audio):
      raise InputError(
        'plot_tracks needs audio of shape [channels, samples], got shape '
        f'{np.shape(audio)}.'
      )
    channel = np.asarray(audio)[0]
    audio = spectrogram.measure_spectrogram(
      [channel], num_samples=len(channel), sample_rate=sample_rate
    )
  theme = style.DARK if dark else style.LIGHT
  heights = [0.3 + 0.27 * max(len(shown), 1), 2.5]
  if not frontal:
    heights.append(1.7)
  farthest = _farthest(reference, prediction)
  if farthest is not None:
    heights.append(1.4)
  places = len(heights) - 1
  if audio is not None:
    heights.insert(0, 1.8)
  figure = style.new_figure(theme, 11, sum(heights) + 1.1)
  panels = figure.subplots(len(heights), sharex=True, height_ratios=heights)
  for panel in panels:
    style.style_axes(panel, theme)

  activity, *drawn = panels[-1 - places :]
  of_columns = dict(
    zip(_columns(frontal, farthest is not None), drawn, strict=True)
  )
  if audio is not None:
    spectrogram.draw_spectrogram(panels[0], audio)
  _draw_activity(activity, reference, prediction, shown, classes, theme)
  every = max(1, num_frames // 60)
  for index in shown:
    time, lines_of, _ = _track_lines(reference, index, every)
    look = _reference_look(theme)
    for column, values in lines_of.items():
      if column in of_columns:
        of_columns[column].plot(time, values, gid=f'reference {index}', **look)
  for index in shown:
    time, lines_of, marked = _track_lines(prediction, index, every)
    look = _class_look(index, theme) | {'markevery': marked}
    for column, values in lines_of.items():
      if column in of_columns:
        of_columns[column].plot(time, values, gid=f'prediction {index}', **look)

  _label_azimuth(of_columns['azimuth'], frontal=frontal)
  if 'elevation' in of_columns:
    highest = _highest(reference, prediction)
    _label_elevation(of_columns['elevation'], highest)
  if 'distance' in of_columns:
    of_columns['distance'].set_ylim(0, 1.1 * max(farthest or 0, 0.1))
    of_columns['distance'].set_ylabel('distance (m)')
  panels[-1].set_xlim(0, num_frames / labels.FRAMES_PER_SECOND)
  panels[-1].set_xlabel('time (s)')
  figure.align_ylabels(panels)
  if compared:
    of_reference = lines.Line2D([], [], **_reference_look(theme))
    of_reference.set_label('reference')
    of_prediction = lines.Line2D([], [], **_class_look(0, theme))
    of_prediction.set(
      label='prediction (colour and marker: class)', color=theme.ink
    )
    style.add_legend(figure, theme, [of_reference, of_prediction])
  return figure


def class_mark(index: int, theme: style.Theme) -> tuple[str, str]:
  """Returns the Matplotlib marker and the colour of a class.

  Args:
    index: Index of the class.
    theme: The theme of the figure.

  Example:
    >>> from seld_jax import figures
    >>> figures.class_mark(0, figures.LIGHT)
    ('o', '#0072B2')
  """
  return (
    _MARKERS[index % len(_MARKERS)],
    theme.palette[index % len(theme.palette)],
  )


def _columns(frontal: bool, has_distances: bool) -> list[str]:
  """The columns of events that have a panel, from the top."""
  columns = ['azimuth', 'elevation', 'distance'][: 2 + has_distances]
  return [one for one in columns if not frontal or one != 'elevation']


def _label_azimuth(azimuth: axes.Axes, *, frontal: bool) -> None:
  ticks = {
    -180: '−180° back',
    -90: '−90° right',
    0: '0° front',
    90: '90° left',
    180: '180° back',
  }
  if frontal:
    ticks = {key: ticks[key] for key in (-90, 0, 90)} | {-45: '−45°', 45: '45°'}
  edge = 95 if frontal else 190
  azimuth.set_ylim(-edge, edge)
  azimuth.set_yticks(list(ticks), list(ticks.values()))
  azimuth.set_ylabel('azimuth')


def _label_elevation(elevation: axes.Axes, highest: int) -> None:
  elevation.set_ylim(-highest, highest)
  ticks = range(-60, 61, 30) if highest > 60 else range(-40, 41, 20)
  elevation.set_yticks(ticks, [f'{_minus(tick)}°' for tick in ticks])
  elevation.set_ylabel('elevation')


def _reference_look(theme: style.Theme) -> dict[str, Any]:
  return {
    'color': theme.reference,
    'linewidth': 4.5,
    'solid_capstyle': 'butt',
  }


def _class_look(index: int, theme: style.Theme) -> dict[str, Any]:
  marker, color = class_mark(index, theme)
  return {
    'color': color,
    'linewidth': 1.2,
    'marker': marker,
    'markersize': 5,
    'markeredgecolor': theme.ink,
    'markeredgewidth': 0.5,
  }


def _track_lines(
  events: labels.Events, index: int, every: int
) -> tuple[np.ndarray, dict[str, np.ndarray], list[int]]:
  """Returns the lines of a class, and their marked points.

  The lines are time, and azimuth, elevation, and distance if there is one.

  NaN separates the pieces of a line. A piece extends to the end of its last
  frame, so that a piece of a single frame is visible.
  """
  rows = np.flatnonzero(events.class_index == index)
  rows = rows[np.lexsort((events.frame[rows], events.track[rows]))]
  frame, xyz = events.frame[rows], events.xyz[rows]
  azimuth, elevation = geometry.to_polar(xyz)
  columns = [frame, azimuth, elevation]
  if events.distance is not None:
    columns.append(events.distance[rows])
  table = np.stack(columns, axis=-1)
  end = np.zeros((1, len(columns)))
  end[0, 0] = 1
  breaks = (
    (np.diff(events.track[rows]) != 0)
    | (np.diff(frame) != 1)
    | (np.abs(np.diff(azimuth)) > 180)
    | (geometry.angular_distance(xyz[1:], xyz[:-1]) > _JUMP)
  )
  points, marked = [np.empty((0, len(columns)))], []
  position = 0
  for piece in np.split(np.arange(len(rows)), np.flatnonzero(breaks) + 1):
    if not piece.size:
      continue
    line = table[piece]
    marked += range(position, position + len(line), every)
    points += [line, line[-1:] + end, np.full_like(end, np.nan)]
    position += len(line) + 2
  time, *values = np.concatenate(points).T
  names: list[str] = ['azimuth', 'elevation', 'distance']
  lines_of = dict(zip(names, values, strict=False))
  return time / labels.FRAMES_PER_SECOND, lines_of, marked


def _draw_activity(
  panel: axes.Axes,
  reference: labels.Events,
  prediction: labels.Events,
  shown: np.ndarray,
  classes: Sequence[str],
  theme: style.Theme,
) -> None:
  """Draws a row per class: a wide grey reference with the prediction in it."""
  for row, index in enumerate(shown):
    look = _class_look(index, theme)
    for events, height, color, line in (
      (reference, 0.8, theme.reference, 0.0),
      # With an outline, because some colours look like the reference in grey.
      (prediction, 0.36, look['color'], 0.5),
    ):
      bars = _bars(events.frame[events.class_index == index])
      panel.broken_barh(
        bars,
        (row - height / 2, height),
        facecolors=color,
        edgecolors=theme.ink,
        linewidths=line,
      )
    panel.plot(
      [-0.01],
      [row],
      transform=panel.get_yaxis_transform(),
      clip_on=False,
      **look,
    )
  names = [style.short_name(classes[int(index)]) for index in shown]
  panel.set_yticks(range(len(shown)), names, parse_math=False)
  panel.tick_params(axis='y', length=0, pad=14)
  panel.set_ylim(max(len(shown), 1) - 0.4, -0.6)
  panel.grid(visible=False, axis='y')
  panel.set_ylabel('activity')
  if not shown.size:
    panel.text(
      0.5,
      0.5,
      'no events',
      transform=panel.transAxes,
      ha='center',
      va='center',
      color=theme.ink,
    )


def _bars(frames: np.ndarray) -> list[tuple[float, float]]:
  """Returns start and length in seconds of every run of frames."""
  frames = np.unique(frames)
  runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
  rate = labels.FRAMES_PER_SECOND
  return [(run[0] / rate, len(run) / rate) for run in runs if run.size]


def _highest(*events: labels.Events) -> int:
  elevations = [np.abs(geometry.to_polar(one.xyz)[1]) for one in events]
  return 60 if np.max(np.concatenate(elevations), initial=0) <= 55 else 95


def _farthest(*events: labels.Events) -> float | None:
  """The largest distance; None if there are no distances."""
  distances = [one.distance for one in events if one.distance is not None]
  joined = np.concatenate([*distances, np.zeros(0)])
  return float(joined.max()) if joined.size else None


def _minus(number: int) -> str:
  return str(number).replace('-', '−')
