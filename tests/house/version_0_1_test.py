"""What version 0.1 wrote before its modules became packages can still be read.

tests/data/version_0_1 holds a finished run, its export, features in a cache,
and what the run and the export predicted for the recording of the set.
"""

import os
import pathlib
import shutil

import numpy as np
import pytest

import seld_jax
from seld_jax import audio, dataset, train
from seld_jax import config as config_lib
from seld_jax.dataset import cache
from seld_jax.train import snapshot

DATA = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1'
NAME = 'fold1_room1_mix001_ov1'
# When the recording was last changed; the name of its features depends on it.
CHANGED = 1_600_000_000 * 10**9


@pytest.mark.parametrize(
  ('source', 'suffix'), [('run', ''), ('run.seld', '_export')]
)
def test_a_run_and_an_export_predict_the_same(source, suffix):
  with np.load(DATA / 'prediction.npz') as file:
    expected = dict(file)
  samples = audio.read(DATA / 'set' / 'foa_dev' / f'{NAME}.wav')
  found = seld_jax.load(DATA / source)(samples, 24000)
  for name in 'activity', 'doa':
    np.testing.assert_allclose(
      getattr(found, name), expected[name + suffix], atol=1e-6
    )


def test_features_are_found_in_the_cache(tmp_path):
  root = tmp_path / 'set'
  shutil.copytree(DATA / 'set', root)
  os.utime(root / 'foa_dev' / f'{NAME}.wav', ns=(CHANGED, CHANGED))
  recordings = dataset.find_recordings(root, format='foa')
  options = config_lib.feature_options(snapshot.read(DATA / 'run').config)
  paths = cache.feature_paths(recordings, root / 'features', options=options)
  path = paths[NAME]
  assert cache.is_intact(path)
  before = np.load(path)
  path.unlink()
  cache.extract(recordings, root / 'features', options=options)
  np.testing.assert_allclose(np.load(path), before, atol=1e-4)


def test_a_complete_run_is_known_as_such(tmp_path, caplog):
  run = tmp_path / 'run'
  shutil.copytree(DATA / 'run', run)
  before = (run / 'scores.json').read_bytes()
  scores = train.train_and_evaluate(snapshot.read(run).config, run)
  assert scores['selected_step'] == 4
  assert (run / 'scores.json').read_bytes() == before


def test_an_unfinished_run_resumes(tmp_path, tiny_root):
  run = tmp_path / 'run'
  shutil.copytree(DATA / 'run', run)
  (run / 'scores.json').unlink()
  records = (run / 'metrics.jsonl').read_bytes()
  config = snapshot.read(run).config
  config.data.root = str(tiny_root)
  scores = train.train_and_evaluate(config, run)
  assert scores['num_steps'] == 4
  assert (run / 'metrics.jsonl').read_bytes() == records
