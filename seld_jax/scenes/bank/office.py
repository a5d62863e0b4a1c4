"""Synthetic sounds of an office: keys, keyboards, drawers, pens, printers."""

import numpy as np
from scipy import signal

from seld_jax.scenes.bank import primitives


def clink(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Glasses or cups that touch: a few short bright rings."""
  partials = rng.uniform(1800, 3200) * np.array([1, 1.33, 1.9, 2.6, 3.3])
  partials = partials[partials < 0.45 * sample_rate]
  decay = rng.uniform(14, 40) * np.linspace(1, 1.8, partials.size)
  count = int(rng.integers(2, 7))
  starts = np.cumsum(rng.gamma(3.0, rng.uniform(0.04, 0.12), count))
  sound = np.zeros(int((starts[-1] + 0.4) * sample_rate))
  time = primitives.timeline(0.4, sample_rate)
  for start in starts:
    weight = rng.uniform(0.2, 1.0, partials.size)
    ring = primitives.modes(rng, time, partials, decay, weight)
    primitives.add_at(sound, ring * rng.uniform(0.4, 1.0), start, sample_rate)
  return sound[int(starts[0] * sample_rate) :]


def computer_keyboard(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Typing: each key clicks when it is pressed and when it is released."""
  duration = rng.uniform(1.5, 5.0)
  sound = np.zeros(int(duration * sample_rate))
  body, click = rng.uniform(250, 600), rng.uniform(1800, 3800)
  start = 0.0
  while start < duration - 0.15:
    for delay, level in (0.0, 1.0), (rng.uniform(0.06, 0.11), 0.45):
      hit = _click(rng, sample_rate, click * rng.uniform(0.85, 1.15), 260)
      thud = _click(rng, sample_rate, body * rng.uniform(0.9, 1.1), 110)
      primitives.add_at(
        sound, level * (hit + 0.5 * thud), start + delay, sample_rate
      )
    start += rng.gamma(4.0, 0.04) + (0.4 if rng.random() < 0.08 else 0.0)
  return sound


def cupboard(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A cupboard that is opened and closed: catch, short squeak, wooden thud."""
  length = rng.uniform(0.35, 1.1)
  sound = np.zeros(int((length + 0.6) * sample_rate))
  time = primitives.timeline(0.35, sample_rate)
  catch = _click(rng, sample_rate, rng.uniform(800, 1600), 90)
  primitives.add_at(sound, 0.6 * catch, 0.0, sample_rate)
  squeak = primitives.timeline(0.6 * length, sample_rate)
  pitch = rng.uniform(500, 1200) * (1 + rng.uniform(-0.3, 0.4) * squeak)
  tone = primitives.harmonics(pitch, sample_rate, 0.6 ** np.arange(6))
  tone *= primitives.attack_release(squeak, squeak[-1], 0.05, 0.1)
  primitives.add_at(sound, rng.uniform(0.02, 0.12) * tone, 0.1, sample_rate)
  modes = rng.uniform(110, 220) * np.array([1, 1.6, 2.3, 3.4, 4.8, 6.5])
  for delay, level in (0.0, 1.0), (rng.uniform(0.05, 0.12), 0.4):
    thud = primitives.modes(
      rng, time, modes, np.linspace(25, 60, 6), np.linspace(1, 0.3, 6)
    )
    primitives.add_at(sound, level * thud, length + delay, sample_rate)
  return sound


def drawer(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A drawer: it rolls, faster and faster, until it stops with a rattle."""
  length = rng.uniform(0.5, 1.4)
  time = primitives.timeline(length, sample_rate)
  sound = np.zeros(int((length + 0.5) * sample_rate))
  noise = rng.standard_normal(time.size)
  band = signal.butter(
    2,
    [rng.uniform(150, 350), rng.uniform(1200, 2400)],
    'bandpass',
    fs=sample_rate,
    output='sos',
  )
  rolling = np.asarray(signal.sosfilt(band, noise))
  rate = rng.uniform(18, 40) * (0.5 + time / length)
  bumps = 1 + 0.7 * np.sin(2 * np.pi * np.cumsum(rate) / sample_rate)
  rolling *= bumps * primitives.attack_release(time, length, 0.1, 0.03)
  primitives.add_at(sound, 0.3 * rolling / rolling.std(), 0.0, sample_rate)
  for _ in range(int(rng.integers(2, 6))):
    rattle = _click(rng, sample_rate, rng.uniform(400, 1500), 60)
    primitives.add_at(
      sound,
      rng.uniform(0.5, 1.2) * rattle,
      length + rng.uniform(0, 0.15),
      sample_rate,
    )
  return sound


def finger_snapping(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Snaps: single short bursts with one strong resonance, far apart."""
  interval = rng.uniform(0.35, 0.9)
  count = int(rng.integers(1, 6))
  center = rng.uniform(1500, 2600)
  sound = np.zeros(int((count * interval + 0.5) * sample_rate))
  for snap in range(count):
    start = 0.02 + (snap + rng.uniform(-0.05, 0.05)) * interval
    hit = _click(rng, sample_rate, center * rng.uniform(0.95, 1.05), 75, q=4.0)
    primitives.add_at(sound, hit * rng.uniform(0.7, 1.0), start, sample_rate)
  return sound


def keys_jangling(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A bunch of keys: many small metal hits at random times."""
  duration = rng.uniform(1.0, 4.0)
  sound = np.zeros(int(duration * sample_rate))
  time = primitives.timeline(0.15, sample_rate)
  own = rng.uniform(4500, 10500, (int(rng.integers(3, 7)), 4))
  shake, phase = rng.uniform(2, 5), rng.random()
  for start in rng.uniform(0, duration, int(duration * rng.uniform(25, 50))):
    strength = 0.3 + 0.7 * np.sin(np.pi * (shake * start + phase)) ** 2
    ring = primitives.modes(
      rng,
      time,
      own[rng.integers(len(own))],
      rng.uniform(30, 90, 4),
      rng.uniform(0.3, 1, 4),
    )
    primitives.add_at(
      sound, ring * strength * rng.uniform(0.2, 1.0), start, sample_rate
    )
  return sound


def printer(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A printer: its head moves back and forth, and pauses to feed the paper."""
  duration = rng.uniform(2.5, 6.0)
  time = primitives.timeline(duration, sample_rate)
  period = rng.uniform(0.5, 1.2)
  cycle = (time / period) % 1.0
  moving = (cycle < 0.75).astype(float)
  direction = np.where((time / period).astype(int) % 2, 1.0, 1.12)
  motor = primitives.harmonics(
    rng.uniform(280, 620) * direction,
    sample_rate,
    0.75 ** np.arange(10) * rng.uniform(0.3, 1, 10),
  )
  noise = rng.standard_normal(time.size)
  band = signal.butter(
    1, [1500, 6000], 'bandpass', fs=sample_rate, output='sos'
  )
  paper = np.asarray(signal.sosfilt(band, noise))
  gate = primitives.soften_gate(moving, sample_rate)
  sound = gate * motor / motor.std() + (
    (0.15 + 0.5 * (1 - gate)) * paper / paper.std()
  )
  return sound * primitives.attack_release(time, duration, 0.05, 0.1)


def scissors(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Snips: blades that slide along each other, brighter until they close."""
  count = int(rng.integers(2, 8))
  interval = rng.uniform(0.3, 0.7)
  low = rng.uniform(3000, 5000)
  band = signal.butter(
    2, [low, 0.46 * sample_rate], 'bandpass', fs=sample_rate, output='sos'
  )
  sound = np.zeros(int((count * interval + 0.3) * sample_rate))
  for snip in range(count):
    length = rng.uniform(0.12, 0.25)
    time = primitives.timeline(length, sample_rate)
    slide = np.asarray(signal.sosfilt(band, rng.standard_normal(time.size)))
    slide *= (time / length) ** 1.5
    start = (snip + rng.uniform(0, 0.08)) * interval
    primitives.add_at(sound, 0.5 * slide / slide.std(), start, sample_rate)
    close = _click(rng, sample_rate, rng.uniform(4000, 7000), 120)
    primitives.add_at(sound, 1.5 * close, start + length, sample_rate)
  return sound


def writing(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A pen on paper: soft scratching strokes and the tap of each new one."""
  duration = rng.uniform(2.0, 6.0)
  sound = np.zeros(int(duration * sample_rate))
  center = rng.uniform(1200, 2600)
  start = 0.0
  while start < duration - 0.2:
    length = rng.uniform(0.08, 0.22)
    time = primitives.timeline(length, sample_rate)
    stroke = primitives.resonance(
      rng.standard_normal(time.size),
      center * rng.uniform(0.8, 1.25),
      center * 0.9,
      sample_rate,
    )
    stroke *= np.sin(np.pi * time / length) ** 2
    primitives.add_at(
      sound, stroke / stroke.std() * rng.uniform(0.5, 1), start, sample_rate
    )
    tap = _click(rng, sample_rate, rng.uniform(300, 700), 90)
    primitives.add_at(sound, rng.uniform(0.2, 0.8) * tap, start, sample_rate)
    start += length + rng.uniform(0.01, 0.12)
    start += 0.3 if rng.random() < 0.1 else 0.0
  return sound


def _click(
  rng: np.random.Generator,
  sample_rate: int,
  center: float,
  decay: float,
  *,
  q: float = 1.5,
) -> np.ndarray:
  """A decaying burst of noise with a resonance, with a peak of 1."""
  time = primitives.timeline(0.12, sample_rate)
  burst = rng.standard_normal(time.size) * np.exp(-time * decay)
  hit = primitives.resonance(burst, center, center / q, sample_rate)
  return hit / np.abs(hit).max()
