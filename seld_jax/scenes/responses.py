"""Room responses: image sources for early sound, diffuse noise for late sound.

pyroomacoustics finds the images of a room. As a source moves, each of its
images moves with it or against it along every axis, so that the images of two
sources give those of all: a moving source costs no more than a still one.

A response is the sum of all images up to about 40 ms, with exact fractional
delays, and from there on noise whose power per octave continues the images'
and decays with the room's RT60 (Polack's model). The two are crossfaded.

Several arrays stand at the same place of the same field: they hear the same
images and one diffuse field, so that formats of one scene can be compared.
"""

import functools
from collections.abc import Sequence

import numpy as np

from seld_jax.scenes import arrays as arrays_lib
from seld_jax.scenes import fourier, rooms
from seld_jax.scenes.arrays import MicArray

# The crossfade from images to noise, in seconds after emission.
SEAM = (0.032, 0.044)
# The tail lasts a little longer than until it has fallen by 60 dB, as a
# fraction of RT60; its last samples are faded out over so many seconds.
_TAIL_LENGTH = 1.05
_TAIL_FADE = 0.02


def image_sources(
  size: tuple[float, float, float],
  sources: np.ndarray,
  receiver: np.ndarray,
  *,
  max_distance: float,
) -> tuple[np.ndarray, np.ndarray]:
  """All image sources whose mirror cell comes within a distance.

  Args:
    size: Length, width and height of the room in metres.
    sources: Positions in metres, with shape `[positions, 3]`.
    receiver: Position in metres, with shape `[3]`.
    max_distance: Cells that are farther from the receiver are left out.

  Returns:
    The images' positions, with shape `[positions, images, 3]`, and the number
    of walls that each was reflected by, with shape `[images]`.
  """
  lengths = np.asarray(size, np.float64)
  # As far as this many reflections reach in the direction where it is least.
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
  """The cells of a lattice of mirrored rooms within a number of reflections.

  Along each axis, the image of a source at s lies at s + n L in a cell of even
  number n, and at (n + 1) L - s in one of odd number. The absolute values of
  the three numbers add up to the number of reflections.

  Args:
    max_order: Largest number of reflections.

  Returns:
    Numbers of the cells in lexical order, with shape `[images, 3]`.
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
  """Direct sound and reflections up to the seam, for every source position.

  A source's amplitude is 1 at 1 m. Delays are those of sound travelling from
  source to the arrays' centre, which capsules on the near side hear earlier.
  Wave fronts are taken as plane at the array.

  Args:
    room: The room.
    receiver: Position of the array in metres, with shape `[3]`.
    sources: Positions in metres, with shape `[positions, 3]`.
    arrays: The arrays at that place.
    sample_rate: Samples a second.

  Returns:
    Responses with shape `[positions, channels of all, samples]`, float32.
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
  """One realisation of the room's late reverberation.

  At the seam its power is that of all image sources there, averaged over
  directions; in a room as long as wide as high that is the diffuse field's
  4 pi c / V 10^(-6 t / RT60) a second, for a source of amplitude 1 at 1 m.

  Args:
    rng: Determines the noise.
    room: The room.
    arrays: The arrays, which hear one and the same field.
    sample_rate: Samples a second.

  Returns:
    The response from the moment of emission (silent before the seam) until
    it has fallen by 60 dB, with shape `[channels of all, samples]`, float32.
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
  """Spectrum of white noise from all directions alike.

  Args:
    rng: Determines the noise. An array's channels do not depend on which
      arrays follow it.
    arrays: The arrays, which hear one and the same field.
    num_samples: Length of the noise.
    sample_rate: Samples a second.

  Returns:
    Bins with shape `[channels of all, num_samples // 2 + 1]`, complex64, for a
    pressure of unit power.
  """
  count = sum(array.num_channels for array in arrays)
  noise = rng.standard_normal((count, num_samples), np.float32)
  return fourier.mix(
    functools.partial(arrays_lib.diffuse_mixing, arrays),
    fourier.rfft(noise),
    fourier.frequencies(num_samples, sample_rate),
  )


def early_fade(time: np.ndarray) -> np.ndarray:
  """Amplitude of the images at a time after emission: 1, falling to 0."""
  x = np.clip((time - SEAM[0]) / (SEAM[1] - SEAM[0]), 0, 1)
  return np.cos(np.pi / 2 * x)


def octave_masks(frequencies: np.ndarray) -> np.ndarray:
  """Raised-cosine octave bands that add up to 1, with shape `[octaves, f]`."""
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
  """Spectra `[channels, f]` of images at `vectors` `[n, 3]` from the array.

  The images are summed for every polynomial of an array's series, in one
  product, before its weights are applied.
  """
  distance = np.linalg.norm(vectors, axis=-1)
  delay = distance / rooms.SPEED_OF_SOUND
  heard = delay < SEAM[1]
  vectors, distance, delay = vectors[heard], distance[heard], delay[heard]
  waves = _delays(delay, frequencies) * decay[orders[heard]]
  # Real times complex, as one product of real matrices.
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

  As an outer product over the high and the low digits of the bin's index, as
  complex exponentials are dear.
  """
  step = -2j * np.pi * frequencies[1] * delay[:, None]
  count = frequencies.size
  coarse = np.exp(step * (np.arange(-(-count // 32)) * 32)).astype(np.complex64)
  fine = np.exp(step * np.arange(32)).astype(np.complex64)
  return (coarse[:, :, None] * fine[:, None]).reshape(delay.size, -1)[:, :count]


def _log_reflection(room: rooms.Room, frequencies: np.ndarray) -> np.ndarray:
  """Log amplitude reflection factor of the walls at any frequency."""
  octaves = np.log1p(-rooms.absorption(room)) / 2
  return np.interp(
    np.log2(np.maximum(frequencies, 1.0)), np.log2(rooms.OCTAVES), octaves
  )


def _seam_power(room: rooms.Room) -> np.ndarray:
  """Power of the image sources a second at the seam, per octave.

  Their density is 4 pi c^3 t^2 / V a second and each has the energy
  (1 - absorption)^n / (c t)^2, where n, the walls crossed on the way, depends
  on the direction; hence the mean over directions.
  """
  # Equally spaced directions of one octant suffice by symmetry.
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
  """Fades the last tenth below Nyquist, to keep fractional delays short."""
  x = np.clip((frequencies / (0.5 * sample_rate) - 0.9) / 0.1, 0, 1)
  return (np.cos(np.pi / 2 * x) ** 2).astype(np.float32)
