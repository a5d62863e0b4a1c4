"""Synthetic music from a loudspeaker, and single acoustic instruments."""

import numpy as np
from scipy import signal

from seld_jax.scenes.bank import primitives, tones

_MAJOR = np.array([0, 2, 4, 5, 7, 9, 11, 12])
# Semitones of the bass notes of a loop, and of the chords above them.
_PROGRESSION = (0, 9, 5, 7)
_TRIAD = (0, 4, 7)
# Ratios of the first modes of a bar that is tuned as in a marimba.
_BAR = np.array([1.0, 3.95, 9.2])


def music(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Pop music from a loudspeaker: drums, bass and chords together."""
  duration = rng.uniform(3.5, 6.0)
  sound = np.zeros(int(duration * sample_rate))
  beat = 60 / rng.uniform(85, 140)
  key = int(rng.integers(40, 52))
  first = int(rng.integers(0, 4))
  levels = rng.uniform(0.5, 1.0, 4)
  for step in range(int(2 * duration / beat)):
    start = step * beat / 2
    root = key + _PROGRESSION[(first + step // 8) % 4]
    if step % 4 == 0:
      primitives.add_at(
        sound, levels[0] * _kick(sample_rate), start, sample_rate
      )
    if step % 4 == 2:
      primitives.add_at(
        sound, 0.6 * levels[0] * _snare(rng, sample_rate), start, sample_rate
      )
    hat = primitives.timeline(0.05, sample_rate)
    noise = np.diff(rng.standard_normal(hat.size), prepend=0.0)
    primitives.add_at(
      sound, 0.12 * levels[1] * noise * np.exp(-hat * 80), start, sample_rate
    )
    bass = _note(root - 12, beat / 2, sample_rate, decay=4.0, dullness=1.8)
    primitives.add_at(sound, 0.5 * levels[2] * bass, start, sample_rate)
    if step % 4 == 0:
      for semitone in _TRIAD:
        tone = _note(
          root + 12 + semitone, 2 * beat, sample_rate, decay=1.0, dullness=1.2
        )
        primitives.add_at(sound, 0.25 * levels[3] * tone, start, sample_rate)
    if rng.random() < 0.6:
      melody = root + 24 + int(rng.choice(_MAJOR))
      tone = _note(melody, beat / 2, sample_rate, decay=3.0, dullness=1.0)
      primitives.add_at(sound, 0.3 * tone, start, sample_rate)
  # A small loudspeaker.
  band = signal.butter(
    2, [rng.uniform(80, 160), 9000], 'bandpass', fs=sample_rate, output='sos'
  )
  return np.asarray(signal.sosfilt(band, sound))


def musical_instrument(
  rng: np.random.Generator, sample_rate: int
) -> np.ndarray:
  """One acoustic instrument: a guitar, a marimba or a piano."""
  kind = int(rng.integers(0, 3))
  if kind == 2:
    return tones.piano(rng, sample_rate)
  duration = rng.uniform(1.5, 5.0)
  sound = np.zeros(int(duration * sample_rate))
  key = int(rng.integers(48, 60) if kind == 0 else rng.integers(55, 74))
  tempo = rng.uniform(0.16, 0.45)
  brightness = rng.uniform(0.8, 1.3)
  start = 0.0
  while start < duration - 0.2:
    f0 = 440 * 2 ** ((key + int(rng.choice(_MAJOR)) - 69) / 12)
    length = min(duration - start, 1.5)
    time = primitives.timeline(length, sample_rate)
    if kind == 0:
      partials = f0 * np.arange(1, 20)
      # The string is plucked at a fifth of its length.
      weight = np.abs(np.sin(np.pi * np.arange(1, 20) / 5.1))
      weight = weight / np.arange(1, 20) ** brightness
      decay = 1.5 + 0.35 * np.arange(1, 20)
    else:
      partials, weight = f0 * _BAR, np.array([1.0, 0.35, 0.12]) * brightness
      decay = np.array([5.0, 14.0, 30.0])
    keep = partials < 0.45 * sample_rate
    tone = primitives.modes(
      rng, time, partials[keep], decay[keep], weight[keep]
    )
    tone *= np.minimum((length - time) / 0.05, 1)
    primitives.add_at(sound, tone * rng.uniform(0.6, 1.0), start, sample_rate)
    start += tempo * rng.choice([1, 1, 2])
  return sound


def _note(
  semitone: int,
  length: float,
  sample_rate: int,
  *,
  decay: float,
  dullness: float,
) -> np.ndarray:
  """An electronic note, whose harmonics k have the weight k ** -dullness."""
  time = primitives.timeline(length, sample_rate)
  f0 = np.full(time.size, 440 * 2 ** ((semitone - 69) / 12))
  tone = primitives.harmonics(f0, sample_rate, np.arange(1, 9.0) ** -dullness)
  return (
    tone
    * np.exp(-decay * time)
    * np.minimum(1, np.minimum(time / 0.005, (length - time) / 0.02))
  )


def _kick(sample_rate: int) -> np.ndarray:
  time = primitives.timeline(0.2, sample_rate)
  return np.sin(2 * np.pi * (55 * time + 4 * (1 - np.exp(-time * 40)))) * (
    np.exp(-time * 16)
  )


def _snare(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  time = primitives.timeline(0.18, sample_rate)
  noise = rng.standard_normal(time.size) * np.exp(-time * 25)
  return 0.4 * noise + 0.5 * np.sin(2 * np.pi * 190 * time) * np.exp(-time * 30)
