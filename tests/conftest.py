"""Fixtures of all tests: a tiny dataset, configuration and run directory."""

import gc
import os
import pathlib

import numpy as np
import pytest
from helpers import compiling
from helpers.made_once import made_once, temporary_folder
from helpers.tiny import make_run, make_tiny

from seld_jax import audio, geometry, labels
from seld_jax import config as config_lib

SECONDS = 4

# Before JAX starts; also for the programs that tests start.
os.environ.setdefault('XLA_FLAGS', compiling.QUICK_FLAGS)

# Tracing makes many small objects that live long. As often as Python looks for
# garbage by default, it takes a tenth of the time of these tests.
gc.set_threshold(100_000, 50, 100)


# Parts of the paths of tests that take longest.
_LONG = ('survival_test', '/train/', '/devices/', '/model/', '/commands/')


def pytest_collection_modifyitems(items):
  """Long tests start first, so that both processes end at the same time."""

  def rank(item):
    found = [index for index, part in enumerate(_LONG) if part in item.nodeid]
    return min(found, default=len(_LONG))

  items.sort(key=rank)


@pytest.fixture(scope='session', autouse=True)
def _compilation_cache(tmp_path_factory):
  """JAX compiles a program that several tests use only once."""
  import jax

  folder = temporary_folder(tmp_path_factory)
  jax.config.update('jax_compilation_cache_dir', str(folder / 'xla'))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.2)


@pytest.fixture(scope='session')
def tiny_root(tmp_path_factory) -> pathlib.Path:
  """A dataset: three folds of two 4-second recordings, and two for evaluation.

  Each recording has one noise burst from a random azimuth.
  """
  return made_once(tmp_path_factory, 'tiny', write_recordings)


def write_recordings(root):
  rng = np.random.default_rng(0)
  for fold in 1, 2, 3, None:
    for mix in 1, 2:
      split, name = 'dev', f'fold{fold}_room1_mix{mix:03d}_ov1'
      if fold is None:
        split, name = 'eval', f'mix{mix:03d}'
      azimuth = float(rng.integers(-170, 170))
      direction = geometry.to_cartesian(azimuth, 0.0)
      noise = 0.2 * rng.standard_normal(SECONDS * 24000)
      start, end = 10, 30  # label frames
      noise[: start * 2400] *= 1e-2
      noise[end * 2400 :] *= 1e-2
      x, y, z = direction
      gains = np.array([1, y, z, x])
      foa = np.clip(gains[:, None] * noise, -1, 1)
      foa += 1e-3 * rng.standard_normal(foa.shape)
      audio.write(root / f'foa_{split}' / f'{name}.wav', np.clip(foa, -1, 1))
      audio.write(root / f'mic_{split}' / f'{name}.wav', np.clip(foa, -1, 1))
      frames = np.arange(start, end)
      labels.write_csv(
        root / f'metadata_{split}' / f'{name}.csv',
        labels.Events(
          frame=frames,
          class_index=np.full(len(frames), mix),
          track=np.zeros(len(frames), np.int64),
          xyz=np.tile(direction, (len(frames), 1)),
        ),
      )


@pytest.fixture
def tiny_config(tiny_root, tmp_path):
  """A configuration that is small enough to compile fast."""
  return make_tiny(config_lib.default(), tiny_root)


@pytest.fixture(scope='session')
def tiny_run(tiny_root, tmp_path_factory) -> pathlib.Path:
  """A run directory with two checkpoints of untrained networks.

  The checkpoint of step 4 has the best score; that of step 6 is the latest.
  """
  config = make_tiny(config_lib.default(), tiny_root)
  return made_once(
    tmp_path_factory, 'tiny_run', lambda folder: make_run(folder, config)
  )
