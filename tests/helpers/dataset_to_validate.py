"""A dataset without any problem, and the command that validates it."""

import functools

import numpy as np
import pytest

from helpers.command_outcomes import outcome
from seld_jax import audio, geometry, labels

RATE = 24000
SECONDS = 4
NAMES = [
  f'fold{fold}_room1_mix00{mix}_ov1' for fold in (1, 2) for mix in (1, 2)
]
SCENES = 'file,fold,room,class,sound,room_size\n'


def events_of(seed):
  """A moving source that is never near the front or the horizon."""
  frames = np.arange(2, 38)
  azimuth = 40 + 20 * seed + frames
  xyz = geometry.to_cartesian(azimuth % 360 - 180, 20.0 + 0 * frames)
  return labels.Events(frames, frames * 0 + seed, frames * 0, xyz)


def sound_of(events, seed):
  """FOA noise from the directions of the events, and a little diffuse noise."""
  rng = np.random.default_rng(seed)
  samples = SECONDS * RATE
  frame = np.minimum(np.arange(samples) // (RATE // 10), SECONDS * 10 - 1)
  xyz = np.zeros((SECONDS * 10, 3))
  xyz[events.frame] = events.xyz
  there = np.linalg.norm(xyz, axis=-1)
  x, y, z = xyz[frame].T
  noise = 0.05 * rng.standard_normal(samples)
  foa = noise * np.stack([there[frame], y, z, x])
  return foa + 1e-3 * rng.standard_normal(foa.shape)


def make_dataset(root):
  """Two folds of two recordings, as FOA and as MIC, with their scenes.csv."""
  rows = []
  for seed, name in enumerate(NAMES):
    events = events_of(seed)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', events)
    sound = sound_of(events, seed)
    for format in 'foa', 'mic':
      audio.write(root / f'{format}_dev' / f'{name}.wav', sound)
    rows.append(f'{name},{name[4]},1,alarm,sounds/{name}.wav,{seed}x3x2\n')
  (root / 'scenes.csv').write_text(SCENES + ''.join(rows))
  return root


def assert_matches(pattern, text):
  """A failure shows pattern and text, as for messages of errors."""
  with pytest.raises(ValueError, match=pattern):
    raise ValueError(text)


run = functools.partial(outcome, 'seld_jax.validate')
