"""Where sound comes from, in the spectra of several channels.

Pure functions that work under jit, vmap and grad, on any number of leading
axes.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features.spectrum import power

# Spectral magnitudes below this are rounding noise and have no phase: one step
# of 16-bit audio is 3e-5. They contribute nothing to phase features.
_TINY = 1e-12
# Keeps the norm of an intensity vector away from 0; as in the DCASE baseline.
_INTENSITY_EPS = 1e-8


def intensity_vector(
  spectrum: jax.Array, mel_filters: jax.typing.ArrayLike
) -> jax.Array:
  """Direction of the active acoustic intensity in mel bands.

  Args:
    spectrum: Spectrum of FOA audio in the order W, Y, Z, X, with shape
      `[..., 4, frames, bins]`.
    mel_filters: Filter bank, with shape `[mels, bins]`.

  Returns:
    Re(conj(W) [Y, Z, X]) of every bin, divided by its own norm + 1e-8 and
    projected on the mel bands, with shape `[..., 3, frames, mels]`. A plane
    wave makes it point to its source. Bins without power contribute 0.

  Raises:
    ValueError: The spectrum has no 4 channels on axis -3.
  """
  check_channels('intensity_vector', spectrum, axis=-3)
  # Channel by channel: of one array of all three, a CPU would compute the norm
  # three times.
  real, imaginary = (
    jnp.moveaxis(part, -3, 0) for part in (spectrum.real, spectrum.imag)
  )
  intensity = [
    real[0] * real[axis] + imaginary[0] * imaginary[axis] for axis in (1, 2, 3)
  ]
  square = sum(part**2 for part in intensity)
  # The inner where keeps the gradient of the root finite where nothing sounds.
  norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0)
  scale = 1 / (norm + _INTENSITY_EPS)
  return jnp.matmul(
    jnp.stack([part * scale for part in intensity], axis=-3),
    jnp.asarray(mel_filters, norm.dtype).T,
    precision=jax.lax.Precision.HIGHEST,
  )


def gcc_phat(
  spectrum: jax.Array, *, n_lags: int = 64, n_fft: int | None = None
) -> jax.Array:
  """Generalised cross-correlation with phase transform of all channel pairs.

  Args:
    spectrum: Spectra of the channels, with shape
      `[..., channels, frames, bins]`.
    n_lags: Number of lags that are kept, `-n_lags // 2 .. n_lags // 2 - 1`.
    n_fft: Length of the transform that gave the spectra; None: the even one
      with so many bins.

  Returns:
    The correlation of the pairs (0, 1), (0, 2), ... in lexical order, with
    shape `[..., pairs, frames, n_lags]` and values in [-1, 1]. Its peak is at a
    positive lag when the second channel of the pair hears the sound later.
    Bins without power contribute 0.

  References:
    Knapp and Carter, The generalized correlation method for estimation of time
    delay, IEEE TASSP 24 (4), 1976
  """
  real, imaginary = spectrum.real, spectrum.imag
  square = power(spectrum)
  has_phase = square > _TINY**2
  scale = jnp.where(
    has_phase, jax.lax.rsqrt(jnp.where(has_phase, square, 1.0)), 0.0
  )
  real, imaginary = (
    jnp.moveaxis(part * scale, -3, 0) for part in (real, imaginary)
  )
  # Pair by pair, as a gather of all first and all second channels takes longer.
  pairs = list(itertools.combinations(range(spectrum.shape[-3]), 2))
  in_phase = [real[i] * real[j] + imaginary[i] * imaginary[j] for i, j in pairs]
  across = [real[i] * imaginary[j] - imaginary[i] * real[j] for i, j in pairs]
  n_fft = n_fft or 2 * (spectrum.shape[-1] - 1)
  cosines, sines = _lag_tables(n_fft, n_lags // 2)
  multiply = lambda parts, table: jnp.matmul(
    jnp.stack(parts, axis=-3),
    jnp.asarray(table, scale.dtype),
    precision=jax.lax.Precision.HIGHEST,
  )
  even, odd = multiply(in_phase, cosines), multiply(across, sines)
  later = (even - odd)[..., : n_lags - n_lags // 2]
  earlier = (even + odd)[..., n_lags // 2 : 0 : -1]
  return jnp.concatenate([earlier, later], axis=-1)


@functools.lru_cache(maxsize=8)
def _lag_tables(n_fft: int, most: int) -> tuple[np.ndarray, np.ndarray]:
  """Inverse Fourier transform to the lags 0 to `most`, as two matrices.

  Only a few of the lags are wanted, and a correlation is the even part, of the
  real bins, less the odd part, of the imaginary ones: two small products take
  a third of the time of the whole transform.
  """
  num_bins = n_fft // 2 + 1
  lag_of_bin = np.outer(np.arange(num_bins), np.arange(most + 1)) % n_fft
  weight = np.full((num_bins, 1), 2 / n_fft)
  # Bins that are their own mirror images; an odd length has one.
  weight[[0] if n_fft % 2 else [0, -1]] = 1 / n_fft
  angle = 2 * np.pi / n_fft * lag_of_bin
  return weight * np.cos(angle), weight * np.sin(angle)


def check_channels(caller: str, array: jax.Array, *, axis: int) -> None:
  """Refuses an array without four channels, as all formats have.

  Args:
    caller: Name of the function that needs them, for the error.
    array: What it was given.
    axis: The axis of the channels, counted from the end.

  Raises:
    ValueError: The axis has another size, or is missing.
  """
  if array.ndim < -axis or array.shape[axis] != 4:
    raise ValueError(
      f'{caller} needs the 4 channels of the audio on axis {axis}, '
      f'got shape {tuple(array.shape)}.'
    )
