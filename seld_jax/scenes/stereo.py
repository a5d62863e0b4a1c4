"""Stereo clips of Ambisonics: sound, labels, and what is on the screen.

The clips of the challenge of 2025 are made like this from STARSS23: five
seconds of a recording, seen by a camera that looks in a random direction. The
sound of left and right is a pair of cardioids that look to both sides.

References:
  Shimada et al., `Stereo Sound Event Localization and Detection with
  Onscreen/offscreen Classification <https://arxiv.org/abs/2507.12042>`_, 2025.
  Wilkins et al., `Two vs. Four-Channel Sound Event Localization and Detection
  <https://arxiv.org/abs/2309.13343>`_, 2023, on W + Y and W - Y.
"""

import dataclasses
import math
import os

import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError

SAMPLE_RATE = 24000
CLIP_SECONDS = 5
CLIP_FRAMES = CLIP_SECONDS * labels.FRAMES_PER_SECOND
# Horizontal field of view of the camera in degrees, and height over width of
# its picture.
FIELD_OF_VIEW = 100.0
_PICTURE = 360 / 640
# Directions on the border of the picture are in it, in spite of rounding.
_BORDER = 1e-9


@dataclasses.dataclass(frozen=True)
class Clip:
  """Five seconds of a recording.

  Attributes:
    name: File name without suffix.
    start: First label frame in the recording.
    heading: Degrees by which the camera is turned to the right, 0 to 359.
  """

  name: str
  start: int
  heading: int


def foa_to_stereo(
  audio: np.ndarray, events: labels.Events, *, heading: float
) -> tuple[np.ndarray, labels.Events]:
  """Converts first-order Ambisonics and its labels to stereo.

  The camera turns to the right by `heading`, so all sources turn to the left: a
  source at azimuth a is seen at a + heading. Then L = W + Y and R = W - Y. A
  plane wave from azimuth a on the horizon has the gains 1 + sin(a) and
  1 - sin(a), 0 to 2: samples of FOA below 0.5 cannot clip. Front and back
  sound the same, so azimuths behind the camera are folded to the front.

  Args:
    audio: FOA with the channels W, Y, Z, X and the gains 1, sin(az) cos(el),
      sin(el), cos(az) cos(el), with shape `[4, samples]`.
    events: Events of this sound, with shape `[n]`.
    heading: Degrees by which the camera is turned to the right (clockwise from
      above).

  Returns:
    Left and right, with shape `[2, samples]`; and the events: directions on the
    horizon with azimuths in [-90, 90], distances as they were, and `onscreen`,
    which is True for sources in the picture of a camera with a horizontal field
    of view of 100 degrees and a picture of 16 to 9.

  Raises:
    InputError: The audio does not have four channels.

  Example:
    >>> from seld_jax import labels, scenes
    >>> left = np.array([[1.0], [1.0], [0.0], [0.0]])  # W and Y only
    >>> stereo, _ = scenes.foa_to_stereo(left, labels.no_events(), heading=0)
    >>> stereo.tolist()
    [[2.0], [0.0]]
  """
  audio = np.asarray(audio)
  if audio.ndim != 2 or len(audio) != 4:
    raise InputError(
      'foa_to_stereo needs first-order Ambisonics of shape [4, samples] (W, Y, '
      f'Z, X), got shape {audio.shape}.'
    )
  w, y, _, x = audio
  cosine = _exact(math.cos(math.radians(heading)))
  sine = _exact(math.sin(math.radians(heading)))
  turned = sine * x + cosine * y
  return np.stack([w + turned, w - turned]), _turn(events, heading)


def is_on_screen(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
  """Whether directions are in the picture of the camera.

  Args:
    azimuth: Degrees to the left of the direction that the camera looks in.
    elevation: Degrees above the horizon.

  Returns:
    True where a direction is in a picture of 100 degrees from left to right and
    of 16 to 9, bool of the same shape. The published flags are from a picture
    with pixels of one degree that is interpolated; they differ from these only
    within 1.5 degrees of the border.
  """
  x, y, z = np.moveaxis(geometry.to_cartesian(azimuth, elevation), -1, 0)
  side = math.tan(math.radians(FIELD_OF_VIEW / 2)) * x + _BORDER
  return (x > 0) & (np.abs(y) <= side) & (np.abs(z) <= _PICTURE * side)


def cut_sound(audio: np.ndarray, first: int) -> np.ndarray:
  """The sound of a clip that begins at a label frame, at 24 kHz."""
  hop = SAMPLE_RATE // labels.FRAMES_PER_SECOND
  return audio[:, first * hop : (first + CLIP_FRAMES) * hop]


def cut_events(events: labels.Events, first: int) -> labels.Events:
  """The events of a clip, whose frames count from its first one."""
  inside = (events.frame >= first) & (events.frame < first + CLIP_FRAMES)
  chosen = labels.choose_rows(events, inside)
  return dataclasses.replace(chosen, frame=chosen.frame - first)


def num_frames(seconds: float) -> int:
  """The number of whole label frames in a recording."""
  return math.floor(seconds * labels.FRAMES_PER_SECOND + 1e-6)


def draw_clips(
  rng: np.random.Generator, name: str, *, num_frames: int, count: int
) -> tuple[Clip, ...]:
  """Draws clips of a recording, no two of them the same.

  Args:
    rng: Determines the clips.
    name: Name of the recording.
    num_frames: Number of label frames of the recording, `CLIP_FRAMES` or more.
    count: Number of clips. There are at most 360 for each start.

  Returns:
    The clips in the order of their draws. Starts and headings are uniform.
  """
  starts = num_frames - CLIP_FRAMES + 1
  drawn = rng.choice(360 * starts, min(count, 360 * starts), replace=False)
  return tuple(
    Clip(f'{name}_deg{heading:03d}_start{start:04d}', int(start), int(heading))
    for start, heading in (divmod(one, 360) for one in drawn)
  )


def write_labels(path: str | os.PathLike[str], events: labels.Events) -> None:
  """Writes the label file of a clip, with distances in whole centimetres.

  Args:
    path: The file.
    events: Events as of `foa_to_stereo`, with distances in metres.

  Raises:
    InputError: The events have no distances, or the file cannot be written.
  """
  unit = labels.DISTANCE_UNITS['stereo']
  if events.distance is not None:
    whole = np.rint(events.distance / unit)
    events = dataclasses.replace(events, distance=whole)
  labels.write_csv(path, events, edition='2025')


def _turn(events: labels.Events, heading: float) -> labels.Events:
  """The labels of stereo for labels of FOA."""
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  azimuth = geometry.wrap_degrees(azimuth + heading)
  folded = geometry.fold_to_front(azimuth)
  return dataclasses.replace(
    events,
    xyz=geometry.to_cartesian(folded, np.zeros(len(folded))),
    onscreen=is_on_screen(azimuth, elevation),
  )


def _exact(value: float) -> float:
  """Sines and cosines of right angles without rounding."""
  return float(round(value)) if abs(value - round(value)) < 1e-15 else value
