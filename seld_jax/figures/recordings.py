"""A picture of a recording, from its files."""

import os
import pathlib

from seld_jax import audio, files, labels
from seld_jax.figures import style, tracks


def write_recording(
  recording: tuple[str | os.PathLike[str], str | os.PathLike[str]],
  *,
  folder: str | os.PathLike[str],
  sample_rate: int = 24000,
) -> pathlib.Path:
  """Draws what sounds when and where in a recording, by its labels.

  Args:
    recording: The sound file and the CSV file with its labels.
    folder: Where the picture goes, under the name of the sound file.
    sample_rate: Samples a second that the sound file must have.

  Returns:
    The path of the picture, a PNG file.

  Raises:
    InputError: A file cannot be read or the picture not be written.
  """
  sound_file, table = map(pathlib.Path, recording)
  sound = audio.read(sound_file, sample_rate=sample_rate)
  step = sample_rate // labels.FRAMES_PER_SECOND
  figure = tracks.plot_tracks(
    labels.read_csv(table, edition='2020'),
    None,
    classes=labels.TAU2020_CLASSES,
    num_frames=-(-sound.shape[-1] // step),
    audio=sound,
    sample_rate=sample_rate,
  )
  path = pathlib.Path(folder) / f'{sound_file.stem}.png'
  with files.atomic(path) as temporary:
    temporary.write_bytes(style.to_png(figure))
  return path
