"""Shoebox rooms: size, reverberation, and places for arrays and sources."""

import dataclasses

import numpy as np

SPEED_OF_SOUND = 343.0
OCTAVES = np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])
# Smallest distance of sources and of arrays from the walls, in metres.
SOURCE_MARGIN = 0.2
ARRAY_MARGIN = 1.35


@dataclasses.dataclass(frozen=True)
class Room:
  """A shoebox room with the same absorption on all walls.

  Attributes:
    size: Length, width and height in metres.
    rt60: Reverberation time in seconds per band of `OCTAVES`.
  """

  size: tuple[float, float, float]
  rt60: tuple[float, ...]

  @property
  def volume(self) -> float:
    """Volume in cubic metres."""
    return float(np.prod(self.size))

  @property
  def mid_rt60(self) -> float:
    """Mean reverberation time of the bands at 500 and 1000 Hz, as reported."""
    return (self.rt60[2] + self.rt60[3]) / 2


def draw_room(
  rng: np.random.Generator,
  *,
  rt60: tuple[float, float] = (0.2, 1.2),
) -> Room:
  """Draws a room of random size, proportions and reverberation.

  Args:
    rng: Determines the room.
    rt60: Range of the reverberation time at 500 to 1000 Hz, in seconds.

  Returns:
    The room: 3.6 to 10 m by 3.4 to 8 m by 2.6 to 4 m. The reverberation time
    of the lowest octave is 0.9 to 1.3 times that of the middle ones, and that
    of the highest octave 0.5 to 0.9 times.
  """
  size = rng.uniform([3.6, 3.4, 2.6], [10.0, 8.0, 4.0])
  middle = np.exp(rng.uniform(*np.log(rt60)))
  low, high = rng.uniform([0.9, 0.5], [1.3, 0.9])
  knots = [np.log2(OCTAVES[0]), np.log2(750.0), np.log2(OCTAVES[-1])]
  shape = np.interp(np.log2(OCTAVES), knots, [low, 1.0, high])
  shape = shape * np.exp(rng.normal(0.0, 0.04, OCTAVES.size))
  shape = shape / (shape[2] + shape[3]) * 2
  length, width, height = map(float, size)
  return Room((length, width, height), tuple(map(float, middle * shape)))


def place_array(rng: np.random.Generator, room: Room) -> np.ndarray:
  """Draws a position for the array, in metres, with shape `[3]`.

  A source at a distance of 1 m fits into the room in every direction between
  -45 and 45 degrees of elevation.
  """
  low = np.array([ARRAY_MARGIN, ARRAY_MARGIN, 1.2])
  length, width, _ = room.size
  return rng.uniform(low, [length - ARRAY_MARGIN, width - ARRAY_MARGIN, 1.55])


def free_distance(
  room: Room, array: np.ndarray, directions: np.ndarray
) -> np.ndarray:
  """The largest distance that a source can have in each direction.

  Args:
    room: The room.
    array: Position of the array in metres, with shape `[3]`.
    directions: Unit vectors, with shape `[..., 3]`.

  Returns:
    Distances in metres, with shape `[...]`; sources keep a margin of 0.2 m
    from the walls.
  """
  ahead = np.asarray(room.size) - SOURCE_MARGIN - array
  behind = array - SOURCE_MARGIN
  reach = np.where(directions > 0, ahead, behind)
  return np.min(reach / np.maximum(np.abs(directions), 1e-9), axis=-1)


def absorption(room: Room) -> np.ndarray:
  """Energy absorption of the walls per octave, by Eyring's formula.

  Returns:
    Coefficients in (0, 1), with shape `[octaves]`.
  """
  length, width, height = room.size
  surface = 2 * (length * width + length * height + width * height)
  time_constant = 24 * np.log(10) / SPEED_OF_SOUND * room.volume / surface
  return 1.0 - np.exp(-time_constant / np.asarray(room.rt60))
