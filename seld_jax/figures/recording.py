"""A figure of a recording and its labels, from their files."""

import os
import pathlib
from collections.abc import Sequence

from seld_jax import audio, files, labels
from seld_jax.figures import style, tracks


def write_recording(
  recording: tuple[str | os.PathLike[str], str | os.PathLike[str]],
  *,
  folder: str | os.PathLike[str],
  sample_rate: int = 24000,
  csv_edition: str | None = None,
  classes: Sequence[str] = labels.TAU2020_CLASSES,
) -> pathlib.Path:
  """Draws the labels of a recording below its spectrogram, into a file.

  Args:
    recording: The sound file, and the CSV file with its labels.
    folder: The folder for the figure, which is named after the sound file.
    sample_rate: Sample rate in Hz that the sound file must have.
    csv_edition: Edition whose form the CSV file has; None for any form that can
      be recognised. Distances have the unit that its label files have.
    classes: Class names by index.

  Returns:
    The path of the figure, a PNG file.

  Raises:
    InputError: A file cannot be read, or the figure cannot be written.

  Example:
    >>> from seld_jax import audio, figures, labels
    >>> audio.write('mix001.wav', np.zeros((4, 24000), np.float32))
    >>> labels.write_csv('mix001.csv', labels.no_events(), edition='2020')
    >>> path = figures.write_recording(
    ...   ('mix001.wav', 'mix001.csv'), folder='plots'
    ... )
    >>> path.name
    'mix001.png'

  See Also:
    `plot_tracks` draws events that are already in memory.
  """
  sound_file, table = map(pathlib.Path, recording)
  sound = audio.read(
    sound_file,
    sample_rate=sample_rate,
    num_channels=audio.info(sound_file).num_channels,
  )
  step = sample_rate // labels.FRAMES_PER_SECOND
  figure = tracks.plot_tracks(
    labels.read_csv(table, edition=csv_edition, distance_scale=None),
    None,
    classes=classes,
    num_frames=-(-sound.shape[-1] // step),
    audio=sound,
    sample_rate=sample_rate,
  )
  path = pathlib.Path(folder) / f'{sound_file.stem}.png'
  with files.atomic(path) as temporary:
    temporary.write_bytes(style.to_png(figure))
  return path
