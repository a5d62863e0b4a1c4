"""Players: the tracks, the sound and a map of directions of a recording."""

import functools
import importlib.resources
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seld_jax import audio, figures, files, geometry, labels
from seld_jax.errors import InputError
from seld_jax.report import error_sections, page, sound
from seld_jax.report.choice import Recording

# Limits that keep a page quick to open: seconds that are shown of a recording,
# and bytes of sound in a page.
_MAX_SECONDS = 120
_MAX_SOUND_BYTES = 2_700_000

_NOTE = (
  'From the top: spectrogram, activity, azimuth, {elevation}and distance if '
  'there are distances, on one time axis. The reference is wide and grey; the '
  'prediction has a colour and a marker for each class. Click into the tracks '
  'to move the cursor; the arrow keys move it by a second (with Shift by 0.1 '
  's), and the space bar plays. '
  'The map below shows {shown}. Rings are the reference and markers the '
  'prediction; solid lines show their paths within the last second, dashed '
  'lines join the two.'
)


_SPHERE = {
  'elevation': 'elevation, ',
  'shown': 'all directions at the time of the cursor, as seen from the array: '
  'the front is in the middle, left is on the left',
}
_FRONT = {
  'elevation': '',
  'shown': 'the front half of the horizon at the time of the cursor, as seen '
  'from above: the front is at the top, left is on the left',
}


def sections(
  recordings: Sequence[Recording],
  *,
  chosen: Sequence[tuple[Recording, str]],
  classes: Sequence[str],
  folder: str | os.PathLike[str],
  scenes: str | os.PathLike[str],
  first_channel: str = 'first channel',
  frontal: bool = False,
) -> str:
  """Makes players of some recordings, and sections on the errors of all.

  Args:
    recordings: All recordings, at least one.
    chosen: The recordings to play, each with the reason why it was chosen.
    classes: Name of each class.
    folder: Folder that gets all figures as PNG files.
    scenes: The scenes.csv with noise and motion, which may be missing.
    first_channel: Name of the first channel, which is played.
    frontal: Whether all directions are on the front half of the horizon, as
      those of stereo are.

  Returns:
    HTML.

  Raises:
    InputError: scenes.csv cannot be read, or a figure cannot be written.
  """
  write_figures(chosen, classes=classes, folder=folder, frontal=frontal)
  confused = error_sections.confusion_section(
    recordings, classes=classes, folder=folder
  )
  directions = error_sections.directions_section(
    recordings,
    classes=classes,
    folder=folder,
    scenes=scenes,
    frontal=frontal,
  )
  return '\n'.join(
    [
      players(
        chosen, classes=classes, first_channel=first_channel, frontal=frontal
      ),
      f'<h2>Confusion of classes</h2>\n{confused}',
      f'<h2>Direction errors</h2>\n{directions}',
    ]
  )


def players(
  chosen: Sequence[tuple[Recording, str]],
  *,
  classes: Sequence[str],
  first_channel: str = 'first channel',
  frontal: bool = False,
) -> str:
  """Makes players, which work in a page with `script()` and `style()`.

  Args:
    chosen: At least one recording, each with the reason why it was chosen.
    classes: Name of each class.
    first_channel: Name of the first channel, which is played.
    frontal: As for `sections`.

  Returns:
    HTML: the tracks, the sound and a map of directions of each recording. If
    a sound file cannot be read, a sentence says so.
  """
  words = _FRONT if frontal else _SPHERE
  parts = [page.paragraph(_NOTE.format(**words), note=True)]
  left = _MAX_SOUND_BYTES
  for recording, reason in chosen:
    seconds = recording.num_frames / labels.FRAMES_PER_SECOND
    seconds = min(seconds, _MAX_SECONDS)
    remarks = []
    if seconds * labels.FRAMES_PER_SECOND < recording.num_frames:
      remarks.append(f'Its first {seconds:g} s are shown.')
    channel, sample_rate, problem = _sound(recording, seconds)
    element = ''
    if channel is None:
      remarks.append(f'There is no sound: {problem}')
    else:
      content, media_type = sound.compress(channel, sample_rate)
      remarks.append(f'Spectrogram and sound are of the {first_channel}.')
      if len(content) <= left:
        left -= len(content)
        element = (
          '<audio controls preload="auto" '
          f'src="{page.address(content, media_type)}" '
          f'aria-label="{page.escape(recording.name)}"></audio>'
        )
      else:
        remarks[-1] = 'Its sound is left out, to keep the page small.'
    value = _describe(recording, classes, seconds, channel, sample_rate)
    value['frontal'] = frontal
    section = (
      '<section class="recording">\n'
      f'{page.paragraph(" ".join(remarks))}\n{page.data(value)}\n'
      f'<div class="bar">{element}</div>\n</section>'
    )
    parts.append(page.fold(reason, section, opened=len(parts) == 1))
  parts.append(
    '<noscript><p>The players need JavaScript. Pictures of their tracks are in '
    'the folder of figures beside this page.</p></noscript>'
  )
  return '\n'.join(parts)


def script() -> str:
  """Reads the JavaScript that a page with players needs."""
  return _resource('player.js')


def style() -> str:
  """Reads the CSS that a page with players needs."""
  return _resource('player.css')


def write_figures(
  chosen: Sequence[tuple[Recording, str]],
  *,
  classes: Sequence[str],
  folder: str | os.PathLike[str],
  frontal: bool = False,
) -> None:
  """Writes the tracks of recordings as PNG files, for slides and papers.

  Args:
    chosen: At least one recording, each with the reason why it was chosen.
    classes: Name of each class.
    folder: Folder that gets `tracks.png` of the first recording,
      `tracks_NAME.png` of the others, and versions for dark pages.
    frontal: As for `sections`.

  Raises:
    InputError: A file cannot be written.
  """
  for number, (recording, _) in enumerate(chosen):
    seconds = recording.num_frames / labels.FRAMES_PER_SECOND
    plot = functools.partial(
      figures.plot_tracks,
      recording.reference,
      recording.prediction,
      classes=classes,
      num_frames=recording.num_frames,
      audio=_spectrogram(recording, seconds),
      frontal=frontal,
    )
    page.write_figure(
      lambda dark, plot=plot: plot(dark=dark),
      folder=folder,
      name=_figure_name(recording.name) if number else 'tracks',
    )


def _sound(
  recording: Recording, seconds: float
) -> tuple[np.ndarray | None, int, str]:
  """The first channel, its sample rate in Hz, or why it cannot be read."""
  if recording.audio is None:
    return None, 24000, 'no folder of sound files was given.'
  try:
    header = audio.info(recording.audio)
    shown = _count_samples(header, seconds)
    parts = [*_first_channel(recording.audio, shown)]
  except InputError as error:
    return None, 24000, str(error)
  return np.concatenate(parts), header.sample_rate, ''


def _spectrogram(
  recording: Recording, seconds: float
) -> figures.Spectrogram | None:
  """The spectrogram of the first channel, or None if it cannot be read."""
  if recording.audio is None:
    return None
  try:
    header = audio.info(recording.audio)
    shown = _count_samples(header, seconds)
    return figures.measure_spectrogram(
      _first_channel(recording.audio, shown),
      num_samples=shown,
      sample_rate=header.sample_rate,
    )
  except InputError:
    return None


def _count_samples(header: audio.AudioInfo, seconds: float) -> int:
  """Number of samples of a recording that are shown."""
  return min(header.num_samples, max(1, round(seconds * header.sample_rate)))


def _first_channel(
  path: str | os.PathLike[str], num_samples: int
) -> Iterator[np.ndarray]:
  """Reads the first samples of the first channel block by block."""
  left = num_samples
  for block in audio.blocks(path):
    # A copy, so that the other channels can be freed.
    yield block[0, :left].copy()
    left -= block.shape[-1]
    if left <= 0:
      return


def _describe(
  recording: Recording,
  classes: Sequence[str],
  seconds: float,
  channel: np.ndarray | None,
  sample_rate: int,
) -> dict[str, Any]:
  """The data of a recording that player.js reads."""
  events = recording.reference, recording.prediction
  shown = np.union1d(*(one.class_index for one in events))
  themes = figures.LIGHT, figures.DARK
  described: dict[str, Any] = {
    'name': recording.name,
    'rate': labels.FRAMES_PER_SECOND,
    'seconds': seconds,
    'soundSeconds': 0 if channel is None else len(channel) / sample_rate,
    'spectrogram': None,
    'frequencies': {},
    'classes': [
      {
        'name': classes[index],
        'marker': figures.class_mark(index, themes[0])[0],
        'colors': [figures.class_mark(index, one)[1] for one in themes],
      }
      for index in shown
    ],
    'looks': [
      {
        'ink': one.ink,
        'paper': one.background,
        'faint': one.faint,
        'reference': one.reference,
      }
      for one in themes
    ],
  }
  for name, one in zip(('reference', 'prediction'), events, strict=True):
    described[name] = _rows(one, shown, seconds)
  distances = [one.distance for one in events if one.distance is not None]
  described['farthest'] = max((d.max(initial=0) for d in distances), default=0)
  if channel is not None:
    png = figures.spectrogram_png(channel, sample_rate)
    described['spectrogram'] = page.address(png, 'image/png')
    described['frequencies'] = figures.frequency_places(sample_rate)
  return described


def _rows(
  events: labels.Events, shown: np.ndarray, seconds: float
) -> list[list[float]]:
  """Frame, index of the class in `shown`, track, azimuth, elevation, distance.

  Rows of events without distances end with the elevation.
  """
  order = np.lexsort((events.frame, events.track, events.class_index))
  order = order[events.frame[order] < seconds * labels.FRAMES_PER_SECOND]
  azimuth, elevation = geometry.to_polar(events.xyz[order])
  columns = [
    events.frame[order],
    np.searchsorted(shown, events.class_index[order]),
    events.track[order],
    # Tenths of a degree keep slow motion smooth.
    np.round(azimuth, 1) + 0.0,
    np.round(elevation, 1) + 0.0,
  ]
  if events.distance is not None:
    columns.append(np.round(events.distance[order], 2) + 0.0)
  return [list(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _resource(name: str) -> str:
  folder = importlib.resources.files('seld_jax.report')
  return (folder / name).read_text(encoding='utf-8')


def _figure_name(name: str) -> str:
  return files.shortened(f'tracks_{name}', extra=len('_dark.png'))
