"""The directions that were found, and the label frames in which they count."""

import dataclasses
from collections.abc import Sequence

import numpy as np

# Levels below the loudest label frame, in dB, that are all alike: digital
# silence would otherwise have no level.
_RANGE = 120.0


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
  """Directions of the strongest sources in each label frame.

  Attributes:
    xyz: Unit vectors, float32 with shape `[label_frames, sources, 3]`, the
      strongest source first; 10 label frames per second.
    strength: Share of the sound that comes from each direction, in [0, 1],
      float32 with shape `[label_frames, sources]`. It is 1 for a single plane
      wave, near 0 in a diffuse field, and the same at any level.
    level: Level of each label frame in dB between the lowest and the highest
      frequency that were used, float64 with shape `[label_frames]`: 0 dB is a
      mean square of 1; -inf is digital silence.

  Example:
    >>> from seld_jax import localization
    >>> noise = np.random.default_rng(0).normal(size=24000)
    >>> front = np.stack([noise, 0 * noise, 0 * noise, noise])  # W, Y, Z, X
    >>> found = localization.intensity_directions(front, sample_rate=24000)
    >>> found.xyz.shape, found.strength.shape, found.activity.shape
    ((10, 2, 3), (10, 2), (10, 2))
  """

  xyz: np.ndarray
  strength: np.ndarray
  level: np.ndarray

  def __len__(self) -> int:
    return len(self.level)

  def part(self, start: int, stop: int) -> 'Directions':
    """The label frames from `start` to before `stop`."""
    cut = slice(start, stop)
    return Directions(self.xyz[cut], self.strength[cut], self.level[cut])

  @property
  def activity(self) -> np.ndarray:
    """Strength where a label frame is `audible`, else 0.

    Float32 with shape `[label_frames, sources]`.
    """
    return np.where(audible(self.level)[:, None], self.strength, 0)


def nothing(num_sources: int) -> Directions:
  """The directions of no label frames.

  Args:
    num_sources: Number of sources.

  Returns:
    Directions that can be joined with others.
  """
  return Directions(
    np.zeros((0, num_sources, 3), np.float32),
    np.zeros((0, num_sources), np.float32),
    np.zeros(0),
  )


def join(parts: Sequence[Directions]) -> Directions:
  """Joins the directions of consecutive label frames.

  Args:
    parts: At least one part of a recording, all with the same number of
      sources.

  Returns:
    The directions of all label frames.

  Example:
    >>> from seld_jax import localization
    >>> audio = np.random.default_rng(0).normal(size=(4, 24000))
    >>> one = localization.intensity_directions(audio, sample_rate=24000)
    >>> len(localization.join([one, one]))
    20
  """
  return Directions(
    *(
      np.concatenate([getattr(part, field.name) for part in parts])
      for field in dataclasses.fields(Directions)
    )
  )


def audible(
  level: np.ndarray,
  *,
  margin: float = 3.0,
  quiet: float = 10.0,
  reach: float = 20.0,
) -> np.ndarray:
  """The label frames that are louder than the noise floor of a recording.

  The noise floor is the level that a small share of the label frames stays
  below, but at least `reach` dB below the loudest one. So all of a sound counts
  that never pauses.

  Args:
    level: Level of each label frame in dB, with shape `[label_frames]`; -inf is
      digital silence.
    margin: Distance from the noise floor in dB above which a frame is audible.
    quiet: Percentage of label frames whose levels are below the noise floor.
    reach: Least distance from the noise floor to the loudest label frame in dB.

  Returns:
    Whether each label frame is audible, bool with shape `[label_frames]`. None
    is in digital silence.

  Example:
    >>> from seld_jax import localization
    >>> localization.audible(np.array([-60.0, -59, -20, -61, -30])).tolist()
    [False, False, True, False, True]
    >>> localization.audible(np.array([-21.0, -20, -20])).tolist()
    [True, True, True]
  """
  loudest = level.max(initial=-np.inf)
  if loudest == -np.inf:
    return np.zeros(level.shape, bool)
  level = np.maximum(level, loudest - _RANGE)
  floor = min(np.percentile(level, quiet), loudest - reach)
  return level > floor + margin
