"""Synthetic alarms, telephones and pianos."""

import numpy as np

from seld_jax.scenes.bank import primitives


def alarm(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """An alarm: two alternating tones, a repeated sweep, a siren or a beeper."""
  duration = rng.uniform(1.5, 5.0)
  time = primitives.timeline(duration, sample_rate)
  base = rng.uniform(500, 2200)
  period = rng.uniform(0.15, 1.0)
  cycle = (time / period + rng.random()) % 1.0
  kind = rng.integers(0, 4)
  gate = np.ones_like(time)
  if kind == 0:
    frequency = np.where(cycle < 0.5, base, base * rng.uniform(1.12, 1.6))
  elif kind == 1:
    frequency = base * rng.uniform(1.4, 2.5) ** cycle
  elif kind == 2:
    frequency = base * 2 ** (rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * cycle))
  else:
    frequency = np.full_like(time, base * rng.uniform(1.0, 1.6))
    gate = primitives.soften_gate(cycle < rng.uniform(0.4, 0.7), sample_rate)
  return (
    primitives.harmonics(
      frequency, sample_rate, rng.uniform(0.15, 0.7) ** np.arange(6)
    )
    * gate
  )


def ringing_phone(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A telephone: the bell of an old one, an electronic ring, or a melody."""
  kind = rng.integers(0, 3)
  count = int(rng.integers(1, 4))
  if kind == 2:
    base = rng.uniform(700, 1400)
    note = rng.uniform(0.09, 0.18)
    scale = 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)
    tune = rng.choice(scale, int(rng.integers(4, 9)))
    time = primitives.timeline(note, sample_rate)
    envelope = np.exp(-time * rng.uniform(2, 12)) * np.minimum(time / 0.004, 1)
    overtones = rng.uniform(0.1, 0.5) ** np.arange(4)
    ring = np.concatenate(
      [
        primitives.harmonics(
          np.full(time.size, base * step), sample_rate, overtones
        )
        * envelope
        for step in tune
      ]
    )
  else:
    time = primitives.timeline(rng.uniform(0.7, 1.6), sample_rate)
    rate = rng.uniform(14, 26)
    cycle = (time * rate) % 1.0
    if kind == 0:
      modes = rng.uniform(900, 1700) * np.array([1, 1.26, 2.1, 2.64, 3.9, 4.7])
      partials = np.sin(2 * np.pi * modes[:, None] * time)
      ring = (rng.uniform(0.3, 1.0, 6)[:, None] * partials).sum(0)
      ring *= np.exp(-cycle * rng.uniform(0.8, 2.0))
      ring *= np.minimum(1, (time[-1] - time) / 0.15 + 1e-3)
    else:
      low = rng.uniform(700, 1600)
      frequency = np.where(cycle < 0.5, low, low * rng.uniform(1.15, 1.4))
      ring = primitives.harmonics(
        frequency, sample_rate, rng.uniform(0.1, 0.4) ** np.arange(4)
      )
  silence = np.zeros(int(rng.uniform(0.25, 0.8) * sample_rate))
  return np.concatenate([ring, silence] * count)[: -silence.size]


def piano(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Notes and chords of decaying, slightly inharmonic strings."""
  duration = rng.uniform(1.5, 5.5)
  sound = np.zeros(int(duration * sample_rate))
  key = int(rng.integers(36, 72))
  tempo = rng.uniform(0.15, 0.6)
  stiffness = np.exp(rng.uniform(np.log(1e-4), np.log(8e-4)))
  softness = rng.uniform(0.7, 1.3)
  start = 0.0
  notes = 0
  while start < duration - 0.3 and notes < 14:
    chord = rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16], rng.integers(1, 4))
    length = min(duration - start, rng.uniform(0.8, 2.0))
    time = primitives.timeline(length, sample_rate)
    for semitone in np.unique(chord):
      f0 = 440 * 2 ** ((key + semitone - 69) / 12)
      order = np.arange(1, 15)
      partials = order * f0 * np.sqrt(1 + stiffness * order**2)
      keep = partials < 0.45 * sample_rate
      order, partials = order[keep], partials[keep]
      weight = np.abs(np.sin(np.pi * order / 7.7)) / order**softness
      sound_note = primitives.modes(
        rng, time, partials, 1.2 + 0.5 * order, weight
      )
      hammer = rng.standard_normal(time.size) * np.exp(-time * 150)
      sound_note = sound_note + 0.05 * hammer
      sound_note *= np.minimum((length - time) / 0.08, 1)
      primitives.add_at(
        sound, sound_note * rng.uniform(0.5, 1.0), start, sample_rate
      )
      notes += 1
    start += tempo * rng.choice([1, 1, 2, 3])
  return sound
