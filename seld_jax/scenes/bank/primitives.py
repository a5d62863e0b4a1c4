"""Building blocks of synthetic sounds: tones, modes, envelopes."""

import numpy as np
from scipy import signal


def timeline(duration: float, sample_rate: int) -> np.ndarray:
  """The time of every sample of a sound, in seconds."""
  return np.arange(int(duration * sample_rate)) / sample_rate


def harmonics(
  frequency: np.ndarray, sample_rate: int, weights: np.ndarray
) -> np.ndarray:
  """Harmonics of a varying tone, without those near or above Nyquist."""
  phase = 2 * np.pi * np.cumsum(frequency) / sample_rate
  highest = frequency.max()
  return sum(
    (
      weight * np.sin((k + 1) * phase)
      for k, weight in enumerate(weights)
      if (k + 1) * highest < 0.46 * sample_rate
    ),
    np.zeros(frequency.size),
  )


def modes(
  rng: np.random.Generator,
  time: np.ndarray,
  frequencies: np.ndarray,
  decays: np.ndarray,
  weights: np.ndarray,
) -> np.ndarray:
  """A sum of decaying sines with random phases."""
  step = time[1] - time[0]
  rates = (2j * np.pi * frequencies - decays).astype(np.complex64)
  phases = rng.uniform(0, 2 * np.pi, frequencies.size)
  # exp(r t) for t = (64 a + b) step, as an outer product: few exponentials.
  coarse = np.exp(np.outer(np.arange(-(-time.size // 64)) * 64 * step, rates))
  fine = np.exp(np.outer(np.arange(64) * step, rates))
  amplitude = weights * np.exp(1j * phases)
  return np.imag((coarse * amplitude) @ fine.T).reshape(-1)[: time.size]


def resonance(
  source: np.ndarray, center: float, bandwidth: float, sample_rate: int
) -> np.ndarray:
  """Filters `source` by a resonance; frequencies in Hz."""
  b, a = signal.iirpeak(center, center / bandwidth, fs=sample_rate)
  return np.asarray(signal.lfilter(b, a, source))


def soften_gate(gate: np.ndarray, sample_rate: int) -> np.ndarray:
  """Smooths the edges of an on-off gate over 4 ms."""
  length = int(0.004 * sample_rate)
  return np.convolve(gate, np.ones(length) / length, 'same')


def attack_release(
  time: np.ndarray, duration: float, attack: float, release: float
) -> np.ndarray:
  """An envelope that rises and falls linearly."""
  return np.clip(
    np.minimum(time / attack, (duration - time) / release), 0.0, 1.0
  )


def add_at(
  sound: np.ndarray, piece: np.ndarray, start: float, sample_rate: int
) -> None:
  """Adds `piece` in place at `start` seconds, cut at both ends."""
  first = max(int(start * sample_rate), 0)
  piece = piece[: max(sound.size - first, 0)]
  sound[first : first + piece.size] += piece
