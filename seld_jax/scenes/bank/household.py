"""Synthetic clapping, doors, bells, water taps and household machines."""

import numpy as np
from scipy import signal

from seld_jax.scenes.bank import primitives


def clapping(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Clapping of one to five people: short hollow bursts at unsteady times."""
  duration = rng.uniform(1.5, 5.0)
  sound = np.zeros(int(duration * sample_rate))
  time = primitives.timeline(0.06, sample_rate)
  for _ in range(int(rng.integers(1, 6))):
    interval = rng.uniform(0.17, 0.36)
    center = rng.uniform(700, 2200)
    decay = rng.uniform(130, 260)
    level = rng.uniform(0.4, 1.0)
    start = rng.uniform(0, interval)
    while start < duration - 0.06:
      burst = rng.standard_normal(time.size) * np.exp(-time * decay)
      hollow = primitives.resonance(
        burst, center * rng.uniform(0.92, 1.08), center * 0.6, sample_rate
      )
      clap = 0.25 * burst + hollow / np.abs(hollow).max()
      primitives.add_at(
        sound, clap * level * rng.uniform(0.7, 1.0), start, sample_rate
      )
      start += interval * np.exp(rng.normal(0, 0.06))
  return sound


def door(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A door or cupboard: a handle, a creaking hinge, and the door that falls."""
  creak = rng.uniform(0.4, 1.8)
  total = creak + rng.uniform(0.9, 1.5)
  sound = np.zeros(int(total * sample_rate))
  panel = rng.uniform(55, 130)
  if rng.random() < 0.7:
    for start in rng.uniform(0.02, 0.25, 2):
      sound_of_handle = _impact(
        rng, sample_rate, rng.uniform(1200, 3000), decay=90, size=5
      )
      primitives.add_at(
        sound, rng.uniform(0.2, 0.45) * sound_of_handle, start, sample_rate
      )
  # The hinge sticks and slips: pulses at an unsteady rate through resonances.
  time = primitives.timeline(creak, sample_rate)
  knots = np.linspace(0, creak, 6)
  rate = np.interp(time, knots, rng.uniform(25, 140, 6))
  phase = np.cumsum(rate) / sample_rate
  pulse = np.diff(np.floor(phase), prepend=0.0)
  pulse *= rng.uniform(0.4, 1.0, pulse.size)
  hinge = np.zeros(time.size)
  for center in np.exp(rng.uniform(np.log(500), np.log(3000), 3)):
    hinge += primitives.resonance(pulse, center, center * 0.12, sample_rate)
  hinge *= np.interp(time, knots, np.append(rng.uniform(0.2, 1, 5), 0.0))
  primitives.add_at(
    sound,
    rng.uniform(0.15, 0.4) * hinge / (np.abs(hinge).max() + 1e-9),
    0.2,
    sample_rate,
  )
  slam = _impact(rng, sample_rate, panel, decay=rng.uniform(9, 18), size=9)
  latch = _impact(rng, sample_rate, rng.uniform(900, 2200), decay=70, size=6)
  moment = 0.2 + creak
  primitives.add_at(sound, slam, moment, sample_rate)
  primitives.add_at(
    sound, rng.uniform(0.2, 0.5) * latch, moment + 0.02, sample_rate
  )
  return sound


def bell(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A small bell that is struck once or several times and rings for long."""
  partials = rng.uniform(1300, 3200) * np.array([1, 1.51, 2.0, 2.74, 3.76])
  partials = partials * rng.uniform(0.98, 1.02, partials.size)
  partials = partials[partials < 0.45 * sample_rate]
  decay = rng.uniform(1.2, 4.0) * np.linspace(1, 2.5, partials.size)
  weight = rng.uniform(0.3, 1.0, partials.size)
  count = int(rng.integers(1, 5))
  interval = rng.uniform(0.25, 1.0)
  ring = rng.uniform(1.0, 2.5)
  sound = np.zeros(int((count * interval + ring) * sample_rate))
  for strike in range(count):
    time = primitives.timeline(ring, sample_rate)
    tone = primitives.modes(rng, time, partials, decay, weight)
    click = rng.standard_normal(time.size) * np.exp(-time * 600)
    tone = (tone + rng.uniform(0.1, 0.5) * click) * rng.uniform(0.6, 1.0)
    tone *= np.minimum((ring - time) / 0.1, 1)
    start = (strike + 0.1 * rng.random()) * interval
    primitives.add_at(sound, tone, start, sample_rate)
  return sound


def water_tap(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Water that runs into a sink: bright noise and many small bubbles."""
  duration = rng.uniform(2.0, 6.0)
  time = primitives.timeline(duration, sample_rate)
  low = rng.uniform(700, 2000)
  band = signal.butter(
    1, [low, rng.uniform(6000, 10000)], 'bandpass', fs=sample_rate, output='sos'
  )
  stream = np.asarray(signal.sosfilt(band, rng.standard_normal(time.size)))
  splash = np.zeros(time.size)
  for _ in range(int(duration * rng.uniform(30, 90))):
    piece = primitives.timeline(rng.uniform(0.01, 0.05), sample_rate)
    pitch = np.exp(rng.uniform(np.log(450), np.log(3500)))
    # A bubble becomes smaller while it rises, and its pitch higher.
    phase = 2 * np.pi * pitch * (piece + rng.uniform(1, 6) * piece**2)
    drop = np.sin(phase) * np.exp(-piece * rng.uniform(80, 250))
    primitives.add_at(
      splash,
      drop * rng.uniform(0.1, 1.0),
      rng.uniform(0, duration),
      sample_rate,
    )
  sound = stream / stream.std() + rng.uniform(0.3, 0.9) * splash / splash.std()
  knots = np.arange(0, duration + 0.3, 0.25)
  flow = np.interp(time, knots, rng.uniform(0.75, 1.0, knots.size))
  return sound * flow * primitives.attack_release(time, duration, 0.08, 0.15)


def domestic_sounds(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A household machine: the hum of its motor and a steady stream of air."""
  duration = rng.uniform(2.5, 6.0)
  time = primitives.timeline(duration, sample_rate)
  spin = 1 - rng.uniform(0.1, 0.5) * np.exp(-time / rng.uniform(0.15, 0.6))
  slow = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(0.2, 1.0) * time)
  hum = primitives.harmonics(
    rng.uniform(90, 260) * spin * slow,
    sample_rate,
    rng.uniform(0.2, 1.0, 14) * rng.uniform(0.75, 0.92) ** np.arange(14),
  )
  noise = rng.standard_normal(time.size)
  air = np.asarray(
    signal.sosfilt(
      signal.butter(
        1,
        [rng.uniform(100, 300), rng.uniform(900, 2500)],
        'bandpass',
        fs=sample_rate,
        output='sos',
      ),
      noise,
    )
  )
  sound = rng.uniform(0.5, 1.5) * hum / hum.std() + air / air.std()
  return sound * primitives.attack_release(time, duration, 0.3, 0.4)


def _impact(
  rng: np.random.Generator,
  sample_rate: int,
  lowest: float,
  *,
  decay: float,
  size: int,
) -> np.ndarray:
  """A hit on an object: decaying modes from its lowest one on, and a click."""
  time = primitives.timeline(0.7, sample_rate)
  modes = lowest * np.cumprod(np.append(1.0, rng.uniform(1.25, 1.8, size - 1)))
  modes = modes[modes < 0.45 * sample_rate]
  hit = primitives.modes(
    rng,
    time,
    modes,
    decay * np.linspace(1, 3, modes.size),
    rng.uniform(0.4, 1.0, modes.size) * np.linspace(1, 0.4, modes.size),
  )
  click = rng.standard_normal(time.size) * np.exp(-time * 250)
  hit = hit + rng.uniform(0.1, 0.4) * np.abs(hit).max() * click
  return hit / np.abs(hit).max()
