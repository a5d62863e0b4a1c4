"""The loss and the network of docs/extending.md can be trained."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from helpers.tiny import make_tiny

import seld_jax
from seld_jax import config as config_lib
from seld_jax import model, predictor, train
from seld_jax.errors import InputError
from seld_jax.prediction import export_file

ROOT = pathlib.Path(__file__).parents[2]

_SCRIPT = """
import jax, jax.numpy as jnp
from helpers.tiny import make_tiny
from seld_jax import config as config_lib, train
from seld_jax.train import step_metrics
config = make_tiny(config_lib.default(), 'data')
config.loss.sed, config.loss.sed_weight = 'smoothed', 2.0
config_lib.validate(config, num_devices=1)
batch = {
  'features': jax.random.normal(jax.random.key(0), (2, 50, 16, 7)),
  'targets': {
    'activity': jnp.zeros((2, 10, 14)).at[:, 3:, 0].set(1),
    'doa': jnp.zeros((2, 10, 14, 3)).at[:, 3:, 0, 0].set(1),
  },
}
step = jax.jit(train.make_train_step(config))
state = step(train.create_state(config), batch)
means = step_metrics.mean_metrics(state.metrics)
total = 2 * means['sed_smoothed'] + means['doa_masked_mse']
assert abs(means['loss'] - total) < 1e-5 and means['sed_smoothed'] > 0, means
"""


def pieces():
  """The file, the lines that it has, and the lines to put there, per hunk."""
  text = (ROOT / 'docs' / 'extending.md').read_text(encoding='utf-8')
  (diff,) = re.findall(r'```diff\n(.*?)```', text, re.DOTALL)
  found, name = [], ''
  for part in re.split(r'^(--- .*\n|@@\n)', diff, flags=re.MULTILINE):
    if part.startswith('--- '):
      name = part.removeprefix('--- ').strip()
    elif part.strip() and part != '@@\n':
      lines = part.splitlines()
      before = [line[1:] for line in lines if line[:1] != '+']
      after = [line[1:] for line in lines if line[:1] != '-']
      found.append((name, before, after))
  return found


def test_the_loss_has_five_lines():
  added = sum(
    bool(line.strip()) for _, before, after in pieces() for line in after
  ) - sum(len(before) for _, before, _ in pieces())
  assert added == 5


@pytest.mark.parametrize('index', range(len(pieces())))
def test_every_hunk_fits_exactly_one_place(index):
  name, before, _ = pieces()[index]
  text = (ROOT / name).read_text(encoding='utf-8')
  assert text.count('\n'.join(['', *before, ''])) == 1


@pytest.mark.slow
def test_the_loss_can_be_trained_on(tmp_path):
  package = pathlib.Path(seld_jax.__file__).parent
  ignored = shutil.ignore_patterns('__pycache__', '*.seld')
  shutil.copytree(package, tmp_path / 'seld_jax', ignore=ignored)
  for name, before, after in pieces():
    path = tmp_path / name
    text = path.read_text(encoding='utf-8')
    old, new = ('\n'.join(['', *lines, '']) for lines in (before, after))
    path.write_text(text.replace(old, new), encoding='utf-8')
  folders = [str(tmp_path), str(ROOT / 'tests')]
  done = subprocess.run(
    [sys.executable, '-c', _SCRIPT],
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': os.pathsep.join(folders)},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_network_is_trained_exported_and_used(
  tiny_root, tmp_path, monkeypatch
):
  """It has no batch normalisation, which all networks of the package have."""
  text = (ROOT / 'docs' / 'extending.md').read_text(encoding='utf-8')
  (code,) = re.findall(r'```python\n([^`]*class Linear.*?)```', text, re.DOTALL)
  found: dict[str, Any] = {}
  exec(code, found)
  monkeypatch.setitem(model.MODELS, 'linear', found['Linear'])
  config = make_tiny(config_lib.default(), tiny_root)
  config.model = config_lib.default().model  # it has none of its other fields
  config.model.name = 'linear'
  config.features.n_mels = 64
  config.train.log_gradient_norms = True
  with pytest.raises(InputError, match=r'log_gradient_norms=False\.$'):
    train.train_and_evaluate(config, tmp_path / 'norms')
  config.train.log_gradient_norms = False
  train.train_and_evaluate(config, tmp_path / 'run')
  file = tmp_path / 'linear.seld'
  export_file.write(
    file, predictor.export_run(tmp_path / 'run', platforms=['cpu'])
  )
  audio = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 36000))
  first, second = (
    seld_jax.load(source)(audio, 24000) for source in (tmp_path / 'run', file)
  )
  np.testing.assert_allclose(first.activity, second.activity, atol=1e-5)
