"""Sounds from known directions, as FOA and on the tetrahedral array."""

import functools

import numpy as np
from numpy import fft

from seld_jax import geometry, localization, scenes

FORMATS = ('foa', 'mic')


def plane_waves(
  format, sources, *, rate=24000, seconds=1.0, seed=0, width=None
):
  """Independent noises from some directions.

  Args:
    format: `'foa'` or `'mic'`.
    sources: Azimuth and elevation in degrees, and the level as a factor.
    rate: Sample rate in Hz.
    seconds: Length in seconds.
    seed: Seed of the noises.
    width: Width in Hz of bands that the sources have in turn, so that no two
      sound at the same frequency; None: all have all frequencies.

  Returns:
    Audio with shape `[4, samples]`, and unit vectors with shape `[sources, 3]`.
  """
  rng = np.random.default_rng(seed)
  samples = round(seconds * rate)
  azimuth, elevation, level = np.array(sources, np.float64).T
  xyz = geometry.to_cartesian(azimuth, elevation)
  frequencies = fft.rfftfreq(samples, 1 / rate)
  gains = scenes.array_response(format, xyz, frequencies)
  noise = 0.05 * rng.standard_normal((len(level), samples)) * level[:, None]
  spectra = fft.rfft(noise)
  if width is not None:
    owner = (frequencies // width).astype(int) % len(level)
    spectra = np.where(owner == np.arange(len(level))[:, None], spectra, 0)
  return fft.irfft(np.einsum('cnf,nf->cf', gains, spectra), samples), xyz


@functools.cache
def diffuse(format, *, rate=24000, seconds=1.0, seed=0):
  """Independent noises of equal power from sixty directions."""
  index = np.arange(60) + 0.5
  elevation = np.degrees(np.arcsin(1 - index / 30))
  azimuth = 180 * (3 - np.sqrt(5)) * index
  everywhere = np.stack([azimuth, elevation, np.ones(60)], axis=-1)
  audio, _ = plane_waves(
    format, everywhere, rate=rate, seconds=seconds, seed=seed
  )
  return audio


# The steering of the tetrahedral array.
tetrahedral = functools.partial(scenes.array_response, 'mic')


def find(format, audio, *, rate=24000, **options):
  """The directions in a recording of a format."""
  if format == 'foa':
    return localization.intensity_directions(audio, sample_rate=rate, **options)
  return localization.srp_directions(
    audio, sample_rate=rate, steering=tetrahedral, **options
  )
