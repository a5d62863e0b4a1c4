"""Synthetic crashes, engines, fire, footsteps and knocks."""

import numpy as np
from scipy import signal

from seld_jax.scenes.bank import primitives


def crash(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A crash: bursts of noise that excite many inharmonic decaying modes."""
  time = primitives.timeline(rng.uniform(0.7, 2.5), sample_rate)
  sound = np.zeros(time.size)
  metal = rng.uniform(0, 1)
  spread = rng.uniform(0.02, 0.5)
  for hit in range(int(rng.integers(1, 7))):
    start = 0.0 if hit == 0 else rng.uniform(0, spread)
    first = int(start * sample_rate)
    rest = time[: time.size - first]
    modes = np.exp(rng.uniform(np.log(250), np.log(9000), 24))
    decay = rng.uniform(4, 12, 24) + (1 - metal) * rng.uniform(5, 30, 24)
    ring = primitives.modes(rng, rest, modes, decay, rng.uniform(0.2, 1.0, 24))
    burst = rng.standard_normal(rest.size) * np.exp(-rest * rng.uniform(8, 40))
    # Fragments that fall after the impact.
    debris = rng.standard_normal(rest.size) * np.exp(-rest * rng.uniform(3, 8))
    grains = rng.random(rest.size) < rng.uniform(20, 200) / sample_rate
    debris = signal.lfilter([1], [1, -0.5, 0.4], debris * grains * 8)
    gain = 1.0 if hit == 0 else rng.uniform(0.2, 0.8)
    sound[first:] += gain * (metal * ring * 0.5 + burst + debris)
  return sound


def running_engine(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """An engine: exhaust pulses at an unsteady rate through low resonances."""
  duration = rng.uniform(2.0, 6.0)
  time = primitives.timeline(duration, sample_rate)
  rate = np.exp(rng.uniform(np.log(18), np.log(90)))
  wobble = (
    np.interp(time, np.linspace(0, duration, 9), rng.normal(0, 0.05, 9))
    + rng.uniform(-0.5, 0.5) * (rng.random() < 0.4) * time / duration
  )
  phase = np.cumsum(rate * np.exp(wobble)) / sample_rate
  cylinders = int(rng.integers(2, 7))
  uneven = rng.uniform(0.5, 1.0, cylinders)[phase.astype(int) % cylinders]
  pulse = np.exp(-(phase % 1.0) * rng.uniform(4, 12)) * uneven
  noise = rng.standard_normal(time.size)
  source = (pulse - pulse.mean()) + rng.uniform(0.1, 0.4) * noise * pulse
  sound = np.zeros(time.size)
  for low, high in ((60, 200), (200, 600), (600, 1800)):
    center = rng.uniform(low, high)
    sound += rng.uniform(0.4, 1.0) * primitives.resonance(
      source, center, center * 0.6, sample_rate
    )
  hiss = np.asarray(signal.lfilter([1, -1], [1, -0.7], noise)) * (0.5 + pulse)
  sound = sound / sound.std() + rng.uniform(0.05, 0.25) * hiss / hiss.std()
  return sound * primitives.attack_release(time, duration, 0.1, 0.2)


def burning_fire(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A fire: crackle of short filtered clicks over a low unsteady rumble."""
  duration = rng.uniform(2.0, 6.0)
  time = primitives.timeline(duration, sample_rate)
  crackle = np.zeros(time.size)
  for density, low, high in ((60, 1500, 5000), (15, 500, 2500)):
    hits = rng.random(time.size) < (
      density * rng.uniform(0.3, 1.5) / sample_rate
    )
    heights = np.where(hits, rng.pareto(2.0, time.size) + 0.1, 0.0)
    center = rng.uniform(low, high)
    crackle += primitives.resonance(
      np.minimum(heights, 8) * rng.choice([-1, 1], time.size),
      center,
      center * rng.uniform(0.5, 1.2),
      sample_rate,
    )
  rumble = np.asarray(
    signal.sosfilt(
      signal.butter(
        1, [40, rng.uniform(150, 500)], 'bandpass', fs=sample_rate, output='sos'
      ),
      rng.standard_normal(time.size),
    )
  )
  unsteady = np.interp(
    time,
    np.arange(0, duration + 0.2, 0.15),
    rng.uniform(0.4, 1.0, np.arange(0, duration + 0.2, 0.15).size),
  )
  hiss = rng.uniform(0.02, 0.1) * rng.standard_normal(time.size)
  sound = crackle / crackle.std() + unsteady * (
    rng.uniform(0.2, 0.7) * rumble / rumble.std() + hiss
  )
  return sound * primitives.attack_release(time, duration, 0.1, 0.2)


def footsteps(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Footsteps: heel and toe of one pair of shoes, walking or running."""
  interval = rng.uniform(0.3, 0.7)
  heel = rng.uniform(60, 250)
  brightness = rng.uniform(800, 4000)
  grit = rng.uniform(0.0, 0.8)
  toe_delay = rng.uniform(0.04, 0.12)
  count = int(rng.integers(4, 11))
  sound = np.zeros(int((count * interval * 1.1 + 0.4) * sample_rate))
  for step in range(count):
    start = (step + rng.normal(0, 0.03)) * interval
    for delay, gain in ((0.0, 1.0), (toe_delay, rng.uniform(0.2, 0.7))):
      time = primitives.timeline(0.15, sample_rate)
      noise = rng.standard_normal(time.size)
      thud = np.sin(2 * np.pi * heel * time) * np.exp(-time * 45)
      tap = primitives.resonance(
        noise * np.exp(-time * rng.uniform(120, 220)),
        brightness * rng.uniform(0.8, 1.2),
        brightness * 0.7,
        sample_rate,
      )
      scuff = grit * noise * np.exp(-time * 40) * np.minimum(time / 0.02, 1)
      hit = thud + 0.8 * tap / np.abs(tap).max() + 0.15 * scuff
      primitives.add_at(
        sound, hit * gain * rng.uniform(0.7, 1.0), start + delay, sample_rate
      )
  return sound[: int(((count - 1) * interval + 0.35) * sample_rate)]


def knocking_on_door(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Knocks: groups of three to five thuds on one wooden panel."""
  modes = rng.uniform(90, 260) * np.array([1, 1.7, 2.6, 3.9, 5.3, 7.1, 9.4])
  modes = modes * rng.uniform(0.93, 1.07, modes.size)
  decay = rng.uniform(25, 60) * np.linspace(1, 2.2, modes.size)
  weight = rng.uniform(0.3, 1.0, modes.size) * np.linspace(1, 0.4, modes.size)
  interval = rng.uniform(0.12, 0.28)
  pieces = []
  for _ in range(int(rng.integers(1, 4))):
    count = int(rng.integers(3, 6))
    group = np.zeros(int((count * interval * 1.1 + 0.25) * sample_rate))
    for knock in range(count):
      time = primitives.timeline(0.25, sample_rate)
      thud = primitives.modes(rng, time, modes, decay, weight)
      click = rng.standard_normal(time.size) * np.exp(-time * 500)
      hit = (thud + rng.uniform(0.2, 0.8) * click) * rng.uniform(0.6, 1.0)
      primitives.add_at(
        group, hit, (knock + rng.normal(0, 0.03)) * interval, sample_rate
      )
    pieces += [group, np.zeros(int(rng.uniform(0.1, 0.7) * sample_rate))]
  return np.concatenate(pieces[:-1])
