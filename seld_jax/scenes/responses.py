"""Room responses: image sources for early sound, diffuse noise for late sound.

The early part of a response is the sum of all image sources up to about 40 ms,
with exact fractional delays (Allen and Berkley, 1979). The late part is noise
that decays with the RT60 of the room (Polack's model); its power per octave
continues that of the images. The two parts are crossfaded.

Several arrays at the same place record the same images and the same diffuse
field, so that the formats of a scene can be compared.
"""

import functools
from collections.abc import Sequence

import numpy as np

from seld_jax.scenes import arrays as arrays_lib
from seld_jax.scenes import fourier, rooms
from seld_jax.scenes.arrays import MicArray

# The crossfade from images to noise, in seconds after emission.
SEAM = (0.032, 0.044)
# Length of the tail as a multiple of RT60, and of its fade-out in seconds.
_TAIL_LENGTH = 1.05
_TAIL_FADE = 0.02


def image_sources(
  size: tuple[float, float, float],
  sources: np.ndarray,
  receiver: np.ndarray,
  *,
  max_distance: float,
) -> tuple[np.ndarray, np.ndarray]:
  """All image sources in mirror cells within a distance of the receiver.

  The space around a room is divided into cells, which are copies of the room
  mirrored at the walls; each contains one image of a source.

  Args:
    size: Length, width and height of the room in metres.
    sources: Positions of the source in metres, with shape `[positions, 3]`.
    receiver: Position of the receiver in metres, with shape `[3]`.
    max_distance: Distance in metres. Cells whose nearest point is farther from
      the receiver are left out.

  Returns:
    The positions of the images, with shape `[positions, images, 3]`, and the
    number of reflections of each, with shape `[images]`.
  """
  lengths = np.asarray(size, np.float64)
  # In the worst direction, this many reflections reach `max_distance`.
  max_order = int(np.ceil(max_distance * np.linalg.norm(1 / lengths))) + 3
  cells = _mirror_cells(max_order)
  lower = cells * lengths - receiver
  nearest = np.maximum(np.maximum(lower, -(lower + lengths)), 0.0)
  cells = cells[np.sum(nearest**2, axis=-1) < max_distance**2]
  odd = cells % 2
  images = (1 - 2 * odd) * sources[:, None] + (cells + odd) * lengths
  return images, np.sum(np.abs(cells), axis=-1)


@functools.lru_cache(maxsize=64)
def _mirror_cells(max_order: int) -> np.ndarray:
  """The mirror cells of up to a number of reflections.

  A cell has three integer indices n, one per axis; (0, 0, 0) is the room. In a
  room of length L, the image of a source at s is at n L + s for even n and at
  (n + 1) L - s for odd n. The number of reflections is the sum of the absolute
  values of the three indices.

  Args:
    max_order: Largest number of reflections.

  Returns:
    Indices of the cells in lexicographic order, with shape `[cells, 3]`.
  """
  one_axis = np.arange(-max_order, max_order + 1)
  cells = np.stack(np.meshgrid(*[one_axis] * 3, indexing='ij'), -1)
  cells = cells.reshape(-1, 3)
  return cells[np.abs(cells).sum(axis=-1) <= max_order]


def early_responses(
  room: rooms.Room,
  receiver: np.ndarray,
  sources: np.ndarray,
  arrays: Sequence[MicArray],
  *,
  sample_rate: int = 24000,
) -> np.ndarray:
  """Direct sound and reflections up to the crossfade, per source position.

  The direct sound has an amplitude of 1 at a distance of 1 m. A delay of 0 is
  the moment of emission. Wave fronts are approximated as plane at the array.

  Args:
    room: The room.
    receiver: Position of the arrays in metres, with shape `[3]`.
    sources: Positions of the source in metres, with shape `[positions, 3]`.
    arrays: The arrays.
    sample_rate: Sample rate in Hz.

  Returns:
    Responses with shape `[positions, channels of all arrays, samples]`,
    float32.
  """
  num_samples = fourier.fast_size(int((SEAM[1] + 0.005) * sample_rate))
  frequencies = fourier.frequencies(num_samples, sample_rate)
  images, orders = image_sources(
    room.size, sources, receiver, max_distance=SEAM[1] * rooms.SPEED_OF_SOUND
  )
  reflection = _log_reflection(room, frequencies)
  decay = np.exp(np.arange(orders.max() + 1)[:, None] * reflection)
  decay = (decay * _low_pass(frequencies, sample_rate)).astype(np.float32)
  series = [(array, array.weights(frequencies)) for array in arrays]
  spectra = np.stack(
    [
      _early_spectrum(points - receiver, orders, decay, frequencies, series)
      for points in images
    ]
  )
  return fourier.irfft(spectra, num_samples)


def late_tail(
  rng: np.random.Generator,
  room: rooms.Room,
  arrays: Sequence[MicArray],
  *,
  sample_rate: int = 24000,
) -> np.ndarray:
  """Draws a realisation of the late reverberation of a room.

  At the crossfade its power is that of the image sources, averaged over
  directions. In a cubic room this is the power of a diffuse field, which is
  4 pi c / V 10^(-6 t / RT60) per second for a source with an amplitude of 1 at
  a distance of 1 m.

  Args:
    rng: Determines the noise.
    room: The room.
    arrays: Arrays at the same place.
    sample_rate: Sample rate in Hz.

  Returns:
    The response from the moment of emission until it has decayed by 60 dB,
    with shape `[channels of all arrays, samples]`, float32. It is 0 before the
    crossfade.
  """
  rt60 = np.asarray(room.rt60)
  num_samples = fourier.fast_size(
    int((SEAM[1] + _TAIL_LENGTH * rt60.max()) * sample_rate)
  )
  frequencies = fourier.frequencies(num_samples, sample_rate)
  spectrum = diffuse_spectrum(rng, arrays, num_samples, sample_rate)
  spectrum *= _low_pass(frequencies, sample_rate)
  bands = fourier.irfft(
    spectrum * octave_masks(frequencies)[:, None], num_samples
  )
  time = np.arange(num_samples) / sample_rate
  power = _seam_power(room)[:, None] / sample_rate
  power = power * 10 ** (-6 * (time - SEAM[0]) / rt60[:, None])
  fade_in = np.sqrt(1 - early_fade(time) ** 2)
  fade_out = np.clip((time[-1] - time) / _TAIL_FADE, 0, 1)
  envelope = (np.sqrt(power) * fade_in * fade_out).astype(np.float32)
  return np.einsum('bcn,bn->cn', bands, envelope)


def diffuse_spectrum(
  rng: np.random.Generator,
  arrays: Sequence[MicArray],
  num_samples: int,
  sample_rate: int,
) -> np.ndarray:
  """Spectrum of white noise with equal power from all directions.

  The channels of an array do not depend on the arrays after it.

  Args:
    rng: Determines the noise.
    arrays: Arrays at the same place.
    num_samples: Length of the noise.
    sample_rate: Sample rate in Hz.

  Returns:
    Spectra with shape `[channels of all arrays, num_samples // 2 + 1]`,
    complex64, for a pressure of unit power.
  """
  count = sum(array.num_channels for array in arrays)
  noise = rng.standard_normal((count, num_samples), np.float32)
  return fourier.mix(
    functools.partial(arrays_lib.diffuse_mixing, arrays),
    fourier.rfft(noise),
    fourier.frequencies(num_samples, sample_rate),
  )


def early_fade(time: np.ndarray) -> np.ndarray:
  """Amplitude of the images in the crossfade, at a time after emission."""
  x = np.clip((time - SEAM[0]) / (SEAM[1] - SEAM[0]), 0, 1)
  return np.cos(np.pi / 2 * x)


def octave_masks(frequencies: np.ndarray) -> np.ndarray:
  """Raised-cosine octave bands that sum to 1, with shape `[octaves, f]`."""
  position = np.log2(np.maximum(frequencies, 1.0) / rooms.OCTAVES[0])
  position = np.clip(position, 0, rooms.OCTAVES.size - 1)
  distance = np.abs(position - np.arange(rooms.OCTAVES.size)[:, None])
  masks = np.cos(np.pi / 2 * np.clip(distance, 0, 1)) ** 2
  return masks.astype(np.float32)


def _early_spectrum(
  vectors: np.ndarray,
  orders: np.ndarray,
  decay: np.ndarray,
  frequencies: np.ndarray,
  series: Sequence[tuple[MicArray, np.ndarray]],
) -> np.ndarray:
  """Spectra of the sum of all images of a source.

  For each polynomial of an array's series, a matrix product sums the images.
  The weights of the series are applied to the sums.

  Args:
    vectors: Images relative to the arrays in metres, with shape `[n, 3]`.
    orders: Number of reflections of each image, with shape `[n]`.
    decay: Spectrum of the reflections by their number, with shape
      `[reflections, f]`.
    frequencies: Frequencies in Hz, with shape `[f]`.
    series: The arrays and their weights at these frequencies.

  Returns:
    Spectra with shape `[channels of all arrays, f]`.
  """
  distance = np.linalg.norm(vectors, axis=-1)
  delay = distance / rooms.SPEED_OF_SOUND
  heard = delay < SEAM[1]
  vectors, distance, delay = vectors[heard], distance[heard], delay[heard]
  waves = _delays(delay, frequencies) * decay[orders[heard]]
  # Views as real numbers: a real times a complex matrix is a real product.
  waves = waves.view(np.float32)
  amplitude = early_fade(delay) / distance
  spectra = []
  for array, weights in series:
    terms = array.polynomials(vectors / distance[:, None], len(weights))
    terms = (terms * amplitude).astype(np.float32)
    sums = terms.reshape(-1, delay.size) @ waves
    sums = sums.view(np.complex64).reshape(*terms.shape[:2], -1)
    spectra.append(np.sum(weights.astype(np.complex64) * sums, axis=0))
  return np.concatenate(spectra)


def _delays(delay: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
  """exp(-j 2 pi f delay), with shape `[n, f]`, for equally spaced f.

  The bin index is split into multiples of 32 and a remainder. The outer product
  of the two needs far fewer complex exponentials, which are slow.
  """
  step = -2j * np.pi * frequencies[1] * delay[:, None]
  count = frequencies.size
  coarse = np.exp(step * (np.arange(-(-count // 32)) * 32)).astype(np.complex64)
  fine = np.exp(step * np.arange(32)).astype(np.complex64)
  return (coarse[:, :, None] * fine[:, None]).reshape(delay.size, -1)[:, :count]


def _log_reflection(room: rooms.Room, frequencies: np.ndarray) -> np.ndarray:
  """Logarithm of the amplitude reflection factor of the walls."""
  octaves = np.log1p(-rooms.absorption(room)) / 2
  return np.interp(
    np.log2(np.maximum(frequencies, 1.0)), np.log2(rooms.OCTAVES), octaves
  )


def _seam_power(room: rooms.Room) -> np.ndarray:
  """Power of the image sources at the crossfade, per second and octave.

  4 pi c^3 t^2 / V images arrive per second. Each has the energy
  (1 - absorption)^n / (c t)^2, where n is its number of reflections. As n
  depends on the direction, the result is a mean over directions.
  """
  # By symmetry, equally spaced directions in one octant are enough.
  index = np.arange(400) + 0.5
  z = index / 400
  angle = np.pi / 2 * ((index * 0.6180339887) % 1.0)
  radius = np.sqrt(1 - z**2)
  directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
  crossed = (
    rooms.SPEED_OF_SOUND * SEAM[0] * np.sum(directions / room.size, axis=-1)
  )
  mean = np.mean((1 - rooms.absorption(room)[:, None]) ** crossed, axis=-1)
  return 4 * np.pi * rooms.SPEED_OF_SOUND / room.volume * mean


def _low_pass(frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
  """A fade-out of the last tenth below Nyquist: it shortens the responses."""
  x = np.clip((frequencies / (0.5 * sample_rate) - 0.9) / 0.1, 0, 1)
  return (np.cos(np.pi / 2 * x) ** 2).astype(np.float32)
