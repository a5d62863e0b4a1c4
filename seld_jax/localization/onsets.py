"""Directions in FOA recordings that are roughly known, made more exact.

In a room, the sound of a source comes from its direction at first, and then
from all sides. So the active intensity points to the source when a frequency
becomes louder. `OnsetHistograms` collects these intensities, and
`refine_directions` finds their mean near each direction that a network has
predicted.
"""

import numpy as np

from seld_jax.errors import InputError
from seld_jax.localization import spectra, sphere

# Label frames before and after a label frame that add to its histogram.
_CONTEXT = 4
# Points of the histograms, about 6 degrees apart.
_POINTS = 1000
# Spectra in each label frame.
_PER_FRAME = 10
# Decibels by which reverberation becomes softer in a second, at least.
_DECAY = 60.0
# Largest rise: the natural logarithm of how much more energy a frequency has
# than what the sound before has left.
_MOST = 3.0
# Energies below are silence; full scale is 1.
_LEAST_ENERGY = 1e-30
# Largest sample: energies of larger ones would overflow.
_LARGEST = 1e9
# Label frames that are computed together, so that memory is limited.
_PIECE = 50


class OnsetHistograms:
  """Histograms of the directions of onsets, for audio that arrives in blocks.

  Each time and frequency has an intensity vector Re(W* (X, Y, Z)), divided by
  its energy. Its weight is the square of its rise, which is the logarithm of
  how much more energy it has than the reverberation of the sound before, times
  its length, which is small where sound comes from several sides. So levels do
  not matter.

  Results do not depend on the sizes of the blocks. Memory does not depend on
  the length of the recording.

  Attributes:
    latency: Largest delay in seconds between a sound and the histogram of its
      label frame.

  References:
    Litovsky et al., `The precedence effect
    <https://doi.org/10.1121/1.427914>`_, 1999 (hearing does the same); Nadiri
    and Rafaely, `Localization of Multiple Speakers under High Reverberation
    using a Spherical Microphone Array and the Direct-Path Dominance Test
    <https://doi.org/10.1109/TASLP.2014.2337846>`_, 2014

  Example:
    >>> from seld_jax import geometry, localization
    >>> noise = np.random.default_rng(0).normal(size=24000)
    >>> x, y, z = geometry.to_cartesian(40.0, 20.0)
    >>> wave = noise * np.array([[1], [y], [z], [x]])  # W, Y, Z, X
    >>> onsets = localization.OnsetHistograms(sample_rate=24000)
    >>> histograms = np.concatenate([onsets.push(wave), onsets.flush()])
    >>> histograms.shape
    (10, 1000, 3)
    >>> roughly = geometry.to_cartesian(np.array([50.0]), np.array([10.0]))
    >>> found = localization.refine_directions(
    ...   histograms, frame=np.array([5]), xyz=roughly
    ... )
    >>> azimuth, elevation = geometry.to_polar(found[0])
    >>> print(round(float(azimuth)), round(float(elevation)))
    40 20
  """

  latency: float = (_CONTEXT + 2) / spectra.FRAMES_PER_SECOND

  def __init__(
    self, *, sample_rate: int, low: float = 200.0, high: float = 5000.0
  ):
    """Starts a recording.

    Args:
      sample_rate: Sample rate in Hz.
      low: Lowest frequency in Hz.
      high: Highest frequency in Hz. Microphone arrays of a few centimetres have
        no first-order Ambisonics at much higher frequencies.

    Raises:
      InputError: The sample rate is no positive integer, or there is no
        frequency between `low` and `high`.
    """
    spectra.check_rate(sample_rate)
    self._rate = int(sample_rate)
    spectra.check_frequencies(self._rate, low=low, high=high)
    self._used, frequencies = spectra.frequencies(
      self._rate, low=low, high=high
    )
    self._audio = np.zeros((4, 0), np.float32)
    self._begin = 0  # index of the first sample in self._audio
    self._next = 0  # first label frame that is not in self._known
    # Energy that the sound before leaves at each frequency.
    self._reverberation = np.zeros(len(frequencies), np.float32)
    # Histograms of label frames alone. The first ones are returned already.
    self._known = np.zeros((0, _POINTS, 3), np.float32)
    self._returned = 0

  def push(self, block: np.ndarray) -> np.ndarray:
    """Adds the next samples of the recording.

    Args:
      block: FOA in ACN order (W, Y, Z, X) with SN3D normalisation, with shape
        `[4, samples]`, at any level up to 1e9 times full scale.

    Returns:
      The histograms of the label frames that later audio cannot change: sums of
      weighted vectors x, y, z near each of 1000 directions, float32 with shape
      `[label_frames, 1000, 3]`. A label frame is a tenth of a second; its
      histogram also contains the 4 label frames before it and the 4 after it.

    Raises:
      InputError: The block has another shape, or samples are NaN, infinite or
        larger than 1e9.
    """
    block = spectra.check_audio(block, num_channels=4)
    largest = float(np.abs(block).max(initial=0))
    if largest > _LARGEST:
      raise InputError(
        f'Samples must not be larger than {_LARGEST:g}, where 1 is full scale, '
        f'got {largest:g}: scale the audio.'
      )
    block = block.astype(np.float32)
    self._audio = np.concatenate([self._audio, block], axis=-1)
    return self._advance(is_end=False)

  def flush(self) -> np.ndarray:
    """Ends the recording.

    Returns:
      The histograms of the remaining label frames. All together are
      `ceil(10 * seconds)`.
    """
    return self._advance(is_end=True)

  def _advance(self, *, is_end: bool) -> np.ndarray:
    """Computes the label frames whose samples are known."""
    end = self._begin + self._audio.shape[-1]
    # A label frame is complete one later, when its last window has ended.
    total = max(0, end * spectra.FRAMES_PER_SECOND // self._rate - 1)
    if is_end:
      total = -(-end * spectra.FRAMES_PER_SECOND // self._rate)
    parts = [self._known]
    for first in range(self._next, total, _PIECE):
      parts.append(self._histograms(first, min(first + _PIECE, total)))
    self._known = np.concatenate(parts)
    stop = len(self._known) - (0 if is_end else _CONTEXT)
    if stop <= self._returned:
      return self._known[:0]
    sums = spectra.with_context(self._known, _CONTEXT)
    result = sums[self._returned : stop]
    unused = max(0, stop - _CONTEXT)
    self._known, self._returned = self._known[unused:], stop - unused
    return result

  def _histograms(self, first: int, last: int) -> np.ndarray:
    """Histograms of some label frames alone; forgets their samples."""
    spectrum = spectra.spectra_of(
      self._audio,
      sample_rate=self._rate,
      first=first,
      last=last,
      per_frame=_PER_FRAME,
      begin=self._begin,
    )[..., self._used]
    self._next = last
    starts = spectra.window_starts(
      self._rate, first=first, last=last + 1, per_frame=_PER_FRAME
    )
    # The end of a recording is no onset, but it has the spectrum of one.
    end = self._begin + self._audio.shape[-1]
    is_complete = (
      starts[:-_PER_FRAME] + spectra.window_length(self._rate) <= end
    )
    unused = max(0, int(starts[-_PER_FRAME]) - self._begin)
    self._audio, self._begin = self._audio[:, unused:], self._begin + unused
    square = np.real(spectrum) ** 2 + np.imag(spectrum) ** 2
    energy = np.maximum(square.sum(axis=0) / 2, _LEAST_ENERGY)
    intensity = np.real(spectrum[0].conj() * spectrum[[3, 1, 2]]) / energy
    length = np.sqrt((intensity**2).sum(axis=0))
    rise = np.log(energy) - np.log(self._left_before(energy))
    weight = length * np.clip(rise, 0, _MOST) ** 2 * is_complete[:, None]
    vectors = intensity * weight
    by_frame = vectors.reshape(3, last - first, -1)
    return sphere.histograms(by_frame, _POINTS)[0]

  def _left_before(self, energy: np.ndarray) -> np.ndarray:
    """What the sound before each spectrum has left at each frequency."""
    times_per_second = spectra.FRAMES_PER_SECOND * _PER_FRAME
    decay = np.float32(10 ** (-_DECAY / 10 / times_per_second))
    left = np.empty_like(energy)
    for time, now in enumerate(energy):
      left[time] = self._reverberation
      self._reverberation = decay * np.maximum(self._reverberation, now)
    return np.maximum(left, _LEAST_ENERGY)


def refine_directions(
  histograms: np.ndarray,
  *,
  frame: np.ndarray,
  xyz: np.ndarray,
  cone: float = 30.0,
  iterations: int = 3,
) -> np.ndarray:
  """Moves directions to the mean of the onsets around them.

  Each direction moves to the mean of the vectors that are within a cone around
  it, and nearer to it than to the other directions of the same label frame;
  then again from there (mean shift).

  Args:
    histograms: From `OnsetHistograms`, with shape `[label_frames, 1000, 3]`.
    frame: The label frame of each direction, integers with shape `[n]`.
    xyz: Directions as vectors that are not 0, with shape `[n, 3]`.
    cone: Half the opening angle of the cone in degrees, 1 to 90.
    iterations: How often directions move, 0 or more.

  Returns:
    Unit vectors, float32 with shape `[n, 3]`. A direction without onsets
    around it stays.

  Raises:
    InputError: Shapes differ, a frame is none of the histograms or no integer,
      a direction is NaN or infinite, or an option is out of range.

  Example:
    >>> from seld_jax import localization
    >>> silence = np.zeros((10, 1000, 3))
    >>> localization.refine_directions(
    ...   silence, frame=np.array([3]), xyz=np.array([[0.0, 2.0, 0.0]])
    ... )
    array([[0., 1., 0.]], dtype=float32)
  """
  histograms, frame, xyz = map(np.asarray, (histograms, frame, xyz))
  if (
    histograms.shape[1:] != (_POINTS, 3)
    or frame.ndim != 1
    or xyz.shape != (len(frame), 3)
  ):
    raise InputError(
      f'Histograms must have shape [label_frames, {_POINTS}, 3], frame [n] and '
      f'xyz [n, 3], got {list(histograms.shape)}, {list(frame.shape)} and '
      f'{list(xyz.shape)}.'
    )
  if frame.size and frame.dtype.kind not in 'iu':
    raise InputError(f'Frames must be integers, got {frame.dtype}.')
  frame = frame.astype(np.int64)
  if not np.isfinite(xyz).all():
    raise InputError('Directions must be finite, got NaN or infinity.')
  if len(frame) and not 0 <= frame.min() <= frame.max() < len(histograms):
    raise InputError(
      f'Frames must be those of the {len(histograms)} histograms, got '
      f'{frame.min()} to {frame.max()}.'
    )
  spectra.check_range('cone', cone, (1, 90))
  if not isinstance(iterations, int | np.integer) or iterations < 0:
    raise InputError(
      f'iterations must be an integer of 0 or more, got {iterations}.'
    )
  found = sphere.unit(xyz, xyz)
  order = np.argsort(frame, kind='stable')
  # A few label frames at a time, because each direction gets a histogram.
  cuts = np.searchsorted(frame[order], np.arange(0, len(histograms), _PIECE))
  for rows in np.split(order, cuts[1:]):
    if rows.size:
      found[rows] = _refined(
        histograms,
        frame[rows],
        found[rows],
        np.cos(np.radians(cone)),
        iterations,
      )
  return found


def _refined(
  histograms: np.ndarray,
  frame: np.ndarray,
  xyz: np.ndarray,
  least: float,
  iterations: int,
) -> np.ndarray:
  """Moves directions, sorted by label frame; see `refine_directions`."""
  is_first = np.diff(frame, prepend=frame[0] - 1) > 0
  firsts, group = np.flatnonzero(is_first), np.cumsum(is_first) - 1
  for _ in range(iterations):
    cosine = xyz @ sphere.points(_POINTS).T
    nearest = np.maximum.reduceat(cosine, firsts, axis=0)[group]
    is_own = (cosine >= nearest) & (cosine >= least)
    sums = np.einsum('np,npc->nc', is_own, histograms[frame])
    xyz = sphere.unit(sums, xyz)
  return xyz
