"""Events: who sounds from where in each frame, as rows or as dense arrays."""

import dataclasses

import numpy as np

from seld_jax.errors import InputError

FRAMES_PER_SECOND = 10


def count_frames(num_samples: int, sample_rate: int) -> int:
  """Label frames of a recording; the last one may be cut short.

  Args:
    num_samples: Samples in each channel.
    sample_rate: Samples per second.

  Returns:
    The number of frames of 0.1 s.
  """
  return -(-num_samples * FRAMES_PER_SECOND // sample_rate)


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
  """Which class sounds from where, one row per frame and source.

  Attributes:
    frame: Label frame, 10 a second, int64 with shape `[n]`.
    class_index: Class, int64 with shape `[n]`.
    track: Number that tells simultaneous sources apart, int64 with shape `[n]`.
    xyz: Direction as unit vector, float64 with shape `[n, 3]`.
    distance: Distance where the labels have one, float64 with shape `[n]`.
  """

  frame: np.ndarray
  class_index: np.ndarray
  track: np.ndarray
  xyz: np.ndarray
  distance: np.ndarray | None = None


def no_events() -> Events:
  """The events of a silent recording."""
  empty = np.zeros(0, np.int64)
  return Events(empty, empty.copy(), empty.copy(), np.zeros((0, 3)))


def from_dense(
  activity: np.ndarray, doa: np.ndarray, *, threshold: float = 0.5
) -> Events:
  """Events of a network's output, or of its targets.

  Args:
    activity: Probability that a class sounds, with shape `[frames, classes]`.
    doa: Its direction, a vector of any length, with shape
      `[frames, classes, 3]`. A class that sounds with a zero vector stays an
      event and points to the front, (1, 0, 0): leaving it out would change
      what was detected.
    threshold: A class sounds where its activity is greater than this.

  Returns:
    Events by frame, then class, all with track 0 and unit vectors.

  Raises:
    InputError: The shapes do not fit, or a class that sounds has a direction
      that is not finite.
  """
  activity, doa = np.asarray(activity), np.asarray(doa)
  if activity.ndim != 2 or doa.shape != (*activity.shape, 3):
    raise InputError(
      'from_dense needs activity of shape [frames, classes] and doa of shape '
      f'[frames, classes, 3], got {activity.shape} and {doa.shape}.'
    )
  frame, class_index = np.nonzero(activity > threshold)
  xyz = doa[frame, class_index].astype(np.float64)
  wrong = np.flatnonzero(~np.isfinite(xyz).all(axis=-1))
  if wrong.size:
    raise InputError(
      'from_dense needs finite directions, got '
      f'{xyz[wrong[0]].tolist()} for class {class_index[wrong[0]]} in frame '
      f'{frame[wrong[0]]}.'
    )
  # By the largest component first, so that squares neither vanish nor overflow.
  largest = np.abs(xyz).max(axis=-1, initial=0)
  xyz[largest == 0] = (1, 0, 0)
  xyz /= np.where(largest == 0, 1, largest)[:, None]
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  return Events(
    frame.astype(np.int64),
    class_index.astype(np.int64),
    np.zeros(len(frame), np.int64),
    xyz,
  )


def to_dense(
  events: Events, *, num_frames: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Training targets: one direction per class and frame.

  Args:
    events: Events; where a class occurs twice in a frame, the later row wins.
    num_frames: Label frames of the recording, 10 a second.
    num_classes: Number of classes.

  Returns:
    Activity, float32 zeros and ones with shape `[frames, classes]`, and unit
    vectors where active and zeros elsewhere, float32 with shape
    `[frames, classes, 3]`.

  Raises:
    InputError: An event lies outside of the frames or the classes.
  """
  frame, class_index = events.frame, events.class_index
  for name, values, size in (
    ('frame', frame, num_frames),
    ('class', class_index, num_classes),
  ):
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
      raise InputError(
        f'The labels name {name} {outside[0]}, but there are {size} '
        f'({name} 0 to {size - 1}).'
      )
  # In a narrow type, the product would wrap around.
  key = frame.astype(np.int64) * num_classes + class_index.astype(np.int64)
  # NumPy does not promise which of two assignments to one place stays.
  _, from_the_end = np.unique(key[::-1], return_index=True)
  last = len(key) - 1 - from_the_end
  activity = np.zeros((num_frames, num_classes), np.float32)
  doa = np.zeros((num_frames, num_classes, 3), np.float32)
  activity[frame[last], class_index[last]] = 1
  doa[frame[last], class_index[last]] = events.xyz[last]
  return activity, doa
