"""The five lines of docs/extending.md add a loss that can be trained."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import seld_jax

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
  'activity': jnp.zeros((2, 10, 14)).at[:, 3:, 0].set(1),
  'doa': jnp.zeros((2, 10, 14, 3)).at[:, 3:, 0, 0].set(1),
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
