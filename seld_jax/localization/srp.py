"""Directions from microphones: steered response power with phase transform."""

import functools
import itertools
from collections.abc import Callable, Hashable, Iterator

import numpy as np

from seld_jax.errors import InputError, shown
from seld_jax.localization import spectra, sphere
from seld_jax.localization.directions import Directions, join, nothing

# Maps unit vectors `[n, 3]` and frequencies in Hz `[f]` to the gains of the
# microphones for plane waves, complex with shape `[microphones, n, f]`.
Steering = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Directions that are tried, about 5 degrees apart.
_POINTS = 1500
# Angle in degrees around a peak within which its map gives the direction.
_CONE = 15.0
# Steps towards the middle of a peak.
_STEPS = 3
_TINY = np.finfo(np.float32).tiny


def srp_directions(
  audio: np.ndarray,
  *,
  sample_rate: int,
  steering: Steering,
  num_sources: int = 2,
  low: float = 400.0,
  high: float = 5000.0,
  min_angle: float = 30.0,
  context: int = 1,
) -> Directions:
  """Finds the directions of sounds that an array of microphones records.

  Steered response power with phase transform (SRP-PHAT): for each direction of
  a grid, the phases between all pairs of microphones are compared with those of
  a plane wave from there, all frequencies alike. The highest peak of this map
  is the first source. The second one is the highest peak of what the first
  source does not explain. The map around a peak gives the direction between the
  points of the grid.

  Microphones in a plane cannot tell a direction from its mirror image at that
  plane, such as up from down, and microphones on a line hear all directions of
  a cone alike: which of these directions is returned is then left to chance.

  Args:
    audio: The microphones, with shape `[microphones, samples]`, at any level.
    sample_rate: Sample rate in Hz.
    steering: Gains of the microphones for plane waves: a function of unit
      vectors towards the sources `[n, 3]` and frequencies in Hz `[f]`, which
      returns complex numbers with shape `[microphones, n, f]`. Only differences
      of their phases matter. `free_field` makes one from positions.
    num_sources: Largest number of sources in a label frame, 1 or 2.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz. Above half the speed of sound over the
      distance of two microphones, their phases are ambiguous.
    min_angle: Least angle between two sources in degrees.
    context: Label frames before and after a label frame that are averaged with
      it.

  Returns:
    The directions in each label frame of 0.1 s; the last may be cut short. The
    strength is the mean of cos(d) over pairs and frequencies, at least 0, where
    d is the difference of the measured phase from that of a plane wave.

  Raises:
    InputError: There are less than two microphones or not as many as `steering`
      has, `steering` is no function, the audio is not finite, or an option is
      out of range.

  References:
    DiBiase et al., `Robust Localization in Reverberant Rooms
    <https://doi.org/10.1007/978-3-662-04619-7_8>`_, 2001

  Example:
    >>> from seld_jax import geometry, localization
    >>> noise = np.random.default_rng(0).normal(size=24010)
    >>> delays = [0, 7, 7, 7]  # in samples: the first is 10 cm closer
    >>> audio = np.stack([noise[10 - d : 24010 - d] for d in delays])
    >>> steering = localization.free_field(0.1 * np.eye(4, 3))
    >>> found = localization.srp_directions(
    ...   audio, sample_rate=24000, steering=steering
    ... )
    >>> front = np.array([1, 0, 0])
    >>> bool(geometry.angular_distance(found.xyz[5, 0], front) < 3)
    True
  """
  audio, peak = spectra.checked(
    audio, num_channels=None, sample_rate=sample_rate
  )
  sample_rate = int(sample_rate)
  spectra.check_options(
    num_sources=num_sources,
    low=low,
    high=high,
    sample_rate=sample_rate,
    min_angle=min_angle,
    context=context,
  )
  if len(audio) < 2:
    raise InputError(
      f'Two microphones at least are needed, got {len(audio)} channels.'
    )
  if not callable(steering):
    raise InputError(
      'steering must be a function, such as free_field(positions), got '
      f'{shown(steering)}.'
    )
  steered = _steered
  if not isinstance(steering, Hashable):
    steered = _steered.__wrapped__  # without the cache
  gains, response = steered(steering, sample_rate, low, high)
  if len(gains) != len(audio):
    raise InputError(
      f'The audio has {len(audio)} channels, but steering has {len(gains)} '
      'microphones.'
    )
  found = [nothing(num_sources)]
  for spectrum, kept in spectra.pieces(
    audio, sample_rate=sample_rate, low=low, high=high, context=context
  ):
    amplitude = np.abs(spectrum)
    level = spectra.levels(
      (amplitude**2).sum(axis=-1).mean(axis=(0, -1)),
      sample_rate=sample_rate,
      peak=peak,
    )
    # Smaller amplitudes have no phase: they are rounding errors.
    phases = spectrum / np.where(amplitude > _TINY, amplitude, 1)
    power = _power(phases, gains, context)[kept]
    xyz, strength = _sources(power, response, num_sources, min_angle)
    found.append(Directions(xyz, strength, level[kept]))
  return join(found)


def free_field(
  positions: np.ndarray, *, speed_of_sound: float = 343.0
) -> Steering:
  """The gains of microphones for plane waves, with nothing between them.

  Args:
    positions: Positions x, y, z in metres, with shape `[microphones, 3]`; their
      origin does not matter.
    speed_of_sound: Speed of sound in m/s.

  Returns:
    The function that `srp_directions` takes as `steering`.

  Raises:
    InputError: The positions have another shape or are not finite, or the speed
      is not above 0.

  Example:
    >>> from seld_jax import localization
    >>> steering = localization.free_field([[0.1, 0, 0], [-0.1, 0, 0]])
    >>> gains = steering(np.array([[0.0, 1, 0]]), np.array([500.0]))
    >>> gains.shape, gains[:, 0, 0].tolist()  # from the left, at the same time
    ((2, 1, 1), [(1+0j), (1+0j)])
  """
  positions = np.asarray(positions, np.float64)
  if positions.ndim != 2 or positions.shape[1] != 3:
    raise InputError(
      'The positions of microphones must have shape [microphones, 3], got '
      f'shape {positions.shape}.'
    )
  if not np.isfinite(positions).all():
    raise InputError('The positions of microphones must be finite.')
  if not 0 < speed_of_sound < np.inf:
    raise InputError(f'speed_of_sound must be above 0, got {speed_of_sound}.')

  def gains(directions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    earlier = positions @ directions.T / speed_of_sound
    return np.exp(2j * np.pi * earlier[..., None] * frequencies)

  return gains


@functools.lru_cache(maxsize=4)
def _steered(
  steering: Steering, sample_rate: int, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
  """Phases of plane waves, and the map of a plane wave from each point.

  Returns:
    Complex64 with shape `[microphones, points, bins]`, and float32 with shape
    `[points, points]`.
  """
  _, frequencies = spectra.frequencies(sample_rate, low=low, high=high)
  points = sphere.points(_POINTS).astype(np.float64)
  gains = np.asarray(steering(points, frequencies))
  needed = len(points), len(frequencies)
  if gains.ndim != 3 or gains.shape[1:] != needed:
    raise InputError(
      'steering must return gains with shape [microphones, '
      f'{needed[0]}, {needed[1]}] for {needed[0]} directions and {needed[1]} '
      f'frequencies, got shape {gains.shape}.'
    )
  if not np.isfinite(gains).all():
    raise InputError('The gains of steering must be finite.')
  amplitude = np.abs(gains)
  gains = (gains / np.where(amplitude > 0, amplitude, 1)).astype(np.complex64)
  response = np.zeros((_POINTS, _POINTS), np.float32)
  for steered in _pairs(gains):
    response += _product(steered, steered)
  count = len(gains) * (len(gains) - 1) // 2 * len(frequencies)
  return gains, response / count


def _pairs(phases: np.ndarray) -> Iterator[np.ndarray]:
  """Differences of the phases of all pairs, each with shape `[..., bins]`."""
  for i, j in itertools.combinations(range(len(phases)), 2):
    yield phases[i] * phases[j].conj()


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Re(a b*), summed over bins: `[n, bins]` and `[m, bins]` to `[n, m]`."""
  return np.real(a) @ np.real(b).T + np.imag(a) @ np.imag(b).T


def _power(phases: np.ndarray, gains: np.ndarray, context: int) -> np.ndarray:
  """The maps of label frames, with shape `[label_frames, points]`.

  Args:
    phases: Spectra of norm 1, or 0 in digital silence, with shape
      `[microphones, label_frames, times, bins]`.
    gains: From `_steered`.
    context: Label frames before and after that are averaged.
  """
  power = np.zeros((phases.shape[1], gains.shape[1]), np.float32)
  count = np.zeros(phases.shape[1])
  for measured, steered in zip(_pairs(phases), _pairs(gains), strict=True):
    count += (measured != 0).sum(axis=(-2, -1))
    measured = spectra.with_context(measured.sum(axis=-2), context)
    power += _product(measured, steered)
  count = spectra.with_context(count, context)
  return power / np.maximum(count, 1)[:, None].astype(np.float32)


def _sources(
  power: np.ndarray, response: np.ndarray, num_sources: int, min_angle: float
) -> tuple[np.ndarray, np.ndarray]:
  """Directions and strengths of the peaks of maps."""
  directions = sphere.points(_POINTS)
  xyz, strength = [], []
  for index, height, rest in sphere.peaks(
    power, response, directions, num_sources=num_sources, min_angle=min_angle
  ):
    xyz.append(_between(rest, height, directions[index]))
    strength.append(np.clip(height, 0, 1).astype(np.float32))
  return np.stack(xyz, axis=1), np.stack(strength, axis=1)


def _between(
  power: np.ndarray, height: np.ndarray, centres: np.ndarray
) -> np.ndarray:
  """Directions of peaks that lie between the points: means of their vicinity.

  Args:
    power: Maps, with shape `[label_frames, points]`.
    height: Heights of the peaks, with shape `[label_frames]`.
    centres: The points of the peaks, with shape `[label_frames, 3]`.
  """
  directions = sphere.points(_POINTS)
  upper = np.maximum(power - height[:, None] / 2, 0)
  for _ in range(_STEPS):
    # The window moves with the mean and fades out, so that it does not matter
    # which points are just within it.
    window = np.maximum(centres @ directions.T - np.cos(np.radians(_CONE)), 0)
    centres = sphere.unit((upper * window) @ directions, centres)
  return centres
