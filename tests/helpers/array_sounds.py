"""Sounds as FOA and as four microphones, and quickly compiled features."""

import itertools

import numpy as np
from jax import jit
from scipy import signal

from seld_jax import features, geometry

RATE = 24000
PAPER = {'n_fft': 1024, 'win_length': 960, 'hop_length': 480, 'n_mels': 64}
SHORT = {'n_fft': 2048, 'win_length': 2048, 'hop_length': 1200, 'n_mels': 32}
PAIRS = list(itertools.combinations(range(4), 2))
OPTIONS = (*PAPER, 'sample_rate', 'top_db', 'pad_mode', 'layout')

foa_features = jit(features.foa_features, static_argnames=OPTIONS)
mic_features = jit(features.mic_features, static_argnames=OPTIONS)
FORMATS = {'foa': foa_features, 'mic': mic_features}


def noise(seed, *shape, level=0.1):
  rng = np.random.default_rng(seed)
  return (level * rng.standard_normal(shape)).astype(np.float32)


def speech_like(seed, samples):
  """Gliding harmonics under a syllable envelope."""
  rng = np.random.default_rng(seed)
  time = np.arange(samples) / RATE
  pitch = 120 + 20 * np.sin(2 * np.pi * 2.3 * time + rng.uniform(0, 6))
  phase = 2 * np.pi * np.cumsum(pitch) / RATE
  voice = sum(np.sin(k * phase) / k**1.2 for k in range(1, 60))
  return 0.1 * voice * np.maximum(0, np.sin(2 * np.pi * 4 * time)) ** 2


def bursts(seed, samples):
  """Decaying noise and tones with silence between them."""
  rng = np.random.default_rng(seed)
  time = np.arange(samples) / RATE
  sound = np.zeros(samples)
  for start in rng.integers(0, samples // 2, 5):
    rest = time[: samples - start]
    tone = np.sin(2 * np.pi * rng.uniform(200, 8000) * rest)
    both = tone + rng.standard_normal(len(rest))
    sound[start:] += 0.2 * both * np.exp(-rest / 0.05)
  return sound


def plane_wave(sound, azimuth, elevation):
  """FOA in the order W, Y, Z, X."""
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  return np.stack([sound, y * sound, z * sound, x * sound]).astype(np.float32)


def delayed(sound, delays, margin=20):
  """Channels with a sound, less its margins, delayed by whole samples."""
  stop = len(sound) - margin
  return np.stack([sound[margin - d : stop - d] for d in delays]).astype(
    np.float32
  )


def reverberate(sound, *, seed, seconds=0.3):
  """Four channels, each with another reverberation of a sound."""
  rng = np.random.default_rng(seed)
  samples = int(seconds * RATE)
  decay = 10.0 ** (-3 * np.arange(samples) / samples)
  tails = 0.02 * rng.standard_normal((4, samples)) * decay
  return signal.fftconvolve(tails, sound[None], axes=-1)[
    :, : len(sound)
  ].astype(np.float32)


def scene(kind, array, samples=36000):
  """A sound from some direction, with noise of -60 dBFS in every channel."""
  if kind == 'noise':
    return noise(0, 4, samples)
  if kind == 'room':
    direct = scene('events', array, samples)
    return direct + reverberate(bursts(1, samples), seed=4)
  make = {'speech': speech_like, 'events': bursts}[kind]
  if array == 'foa':
    direct = plane_wave(make(1, samples), 50, 20)
    direct = direct + plane_wave(make(2, samples), -110, -35)
  else:
    direct = delayed(make(1, samples + 40), (0, 3, -4, 7))
    direct = direct + 0.5 * delayed(make(2, samples + 40), (1, -6, 5, 10))
  return direct + noise(3, 4, samples, level=1e-3)
