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
  """A source that is somewhere else every two frames, but never in front."""
  frames = np.arange(2, 38)
  rng = np.random.default_rng(seed + 10)
  azimuth = np.repeat(rng.permutation(np.arange(20, 341, 18.8)), 2)
  elevation = np.repeat(rng.permutation(np.linspace(-55, 60, 18)), 2)
  xyz = geometry.to_cartesian(azimuth, elevation)
  return labels.Events(frames, frames * 0 + seed, frames * 0, xyz)


def _source(events, seed):
  """Noise of the source, and its direction, by sample."""
  rng = np.random.default_rng(seed)
  samples = SECONDS * RATE
  frame = np.minimum(np.arange(samples) // (RATE // 10), SECONDS * 10 - 1)
  xyz = np.zeros((SECONDS * 10, 3))
  xyz[events.frame] = events.xyz
  xyz = xyz[frame]
  there = np.linalg.norm(xyz, axis=-1)
  return 0.05 * there * rng.standard_normal(samples), xyz, rng


def sound_of(events, seed):
  """FOA noise from the directions of the events, and a little other noise."""
  noise, xyz, rng = _source(events, seed)
  x, y, z = xyz.T
  foa = noise * np.stack([np.ones_like(x), y, z, x])
  return foa + 1e-3 * rng.standard_normal(foa.shape)


def capsules_of(events, seed):
  """The same source as four microphones in free field hear it."""
  noise, xyz, rng = _source(events, seed)
  azimuth, elevation = [45, -45, 135, -135], [35, -35, -35, 35]
  axes = geometry.to_cartesian(np.array(azimuth), np.array(elevation))
  lead = 0.042 / 343 * RATE * (axes @ xyz.T)
  time = np.arange(noise.size)
  heard = np.array([np.interp(time + one, time, noise) for one in lead])
  return heard + 1e-3 * rng.standard_normal(heard.shape)


def make_dataset(root):
  """Two folds of two recordings, as FOA and as MIC, with their scenes.csv."""
  rows = []
  for seed, name in enumerate(NAMES):
    events = events_of(seed)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', events)
    for format, sound in ('foa', sound_of), ('mic', capsules_of):
      path = root / f'{format}_dev' / f'{name}.wav'
      audio.write(path, sound(events, seed))
    rows.append(f'{name},{name[4]},1,alarm,sounds/{name}.wav,{seed}x3x2\n')
  (root / 'scenes.csv').write_text(SCENES + ''.join(rows))
  return root


def assert_matches(pattern, text):
  """A failure shows pattern and text, as for messages of errors."""
  with pytest.raises(ValueError, match=pattern):
    raise ValueError(text)


run = functools.partial(outcome, 'seld_jax.validate')
