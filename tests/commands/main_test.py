"""Training as a user runs it: every config file, signals, kills."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.config_files import load
from helpers.tiny import make_one_convolution, make_tiny
from jax import jit

from seld_jax import config as config_lib
from seld_jax import labels, report, runs, scenes, train
from seld_jax.config import systems
from seld_jax.train import step_metrics

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'


LATER = [
  CONFIGS / f'{name}_{format}.py'
  for name in systems.LATER_SYSTEMS
  for format in ('foa', 'mic')
]


def smoke_tests():
  """Config files; two of them have everything that is in the others.

  Those on the microphone array differ from those on FOA in the features only,
  so that one is enough. Later systems on it are trained for two steps below.
  ce_mse_1_1000 differs from ce_mse_1_1 in a weight.
  """
  tests = []
  for path in sorted(CONFIGS.glob('*.py')):
    if path.stem.startswith('dcase'):
      continue  # see tasks_test.py
    is_mic = path.stem.endswith('_mic')
    if (is_mic and path.stem != 'mse_mic') or path.stem == 'ce_mse_1_1000_foa':
      continue
    is_slow = path.stem != 'mse_foa'
    marks = [pytest.mark.slow] if is_slow else []
    tests.append(pytest.param(path, id=path.stem, marks=marks))
  return tests


@pytest.mark.parametrize('path', smoke_tests())
def test_every_config_trains_in_the_tiny_shape(path, tiny_root, tmp_path):
  config = make_tiny(load(path), tiny_root)
  if path in LATER:
    make_one_convolution(config)
  config.train.num_steps = 200
  config.train.log_every = 50
  config.train.evaluate_every = 100
  scores = train.train_and_evaluate(config, tmp_path)
  records = runs.read_records(tmp_path / 'metrics.jsonl')
  for record in records:
    numbers = [v for v in record.values() if not isinstance(v, str)]
    assert np.all(np.isfinite(numbers))
  trained = [record for record in records if record['split'] == 'train']
  assert trained[-1]['step'] == 200
  assert trained[-1]['loss'] < trained[0]['loss']
  last = 'evaluation' if config.data.evaluation else 'test'
  assert scores['results'][-1]['name'] == last
  # A report takes longer than the training, so there is only one.
  if path.stem == 'submission2_foa':
    page = report.write_report(tmp_path).read_text()
    value = scores['results'][-1]['scores']['seld_score']
    assert f'{value:.3f}' in page


@pytest.mark.parametrize(
  'path',
  [
    pytest.param(
      path,
      id=path.stem,
      marks=pytest.mark.slow,
    )
    for path in LATER
    if path.stem.endswith('_mic')
  ],
)
def test_later_systems_train_on_the_microphone_array(path):
  config = make_one_convolution(make_tiny(load(path), 'data'))
  config_lib.validate(config, num_devices=1)
  rng = np.random.default_rng(0)
  events = labels.from_dense(
    rng.random((20, 14)) < 0.1, rng.standard_normal((20, 14, 3)), threshold=0.5
  )
  targets = config_lib.output_format(config).targets(events, num_frames=20)
  batch = {
    'features': rng.standard_normal((2, 50, 16, 10)).astype(np.float32),
    'targets': {
      name: values.reshape(2, 10, *values.shape[1:])
      for name, values in targets.items()
    },
  }
  step = jit(train.make_train_step(config))
  state = train.create_state(config)
  for _ in range(2):
    state = step(state, batch)
  means = step_metrics.mean_metrics(state.metrics)
  assert int(state.step) == 2
  assert means['loss'] > 0 and means['gradient_norm'] > 0


# A small version of configs/quick.py: it learns something, and takes long
# enough to be killed.
_ARGUMENTS = (
  '--config.data.synthesize=12',
  '--config.train.batch_size=8',
  '--config.train.num_steps=24',
  '--config.train.log_every=3',
  '--config.train.evaluate_every=6',
  '--config.eval.test_windows=(120,)',
)


def start(workdir, root):
  return subprocess.Popen(
    [
      sys.executable,
      '-m',
      'seld_jax.main',
      f'--config={CONFIGS / "quick.py"}',
      f'--workdir={workdir}',
      f'--config.data.root={root}',
      *_ARGUMENTS,
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env={**os.environ, 'JAX_COMPILATION_CACHE_DIR': str(root.parent / 'xla')},
  )


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """Twelve scenes of ten seconds, in the folder that the command would use."""
  root = tmp_path_factory.mktemp('scenes') / 'quick'
  scenes.synthesize(root, recordings=12, seconds=10.0, num_workers=0)
  return root


@pytest.fixture(scope='module')
def whole(root, tmp_path_factory):
  """A run that was never stopped."""
  workdir = tmp_path_factory.mktemp('whole')
  process = start(workdir, root)
  output, _ = process.communicate(timeout=600)
  assert process.returncode == 0, output
  assert 'test, window 6 s' in output and 'report.html' in output
  return workdir


@pytest.mark.slow
def test_24_steps_learn_something_about_directions(whole):
  """After 24 steps, the error is less than that of zero vectors, 1/3."""
  records = runs.read_records(whole / 'metrics.jsonl')
  errors = [r['doa_masked_mse'] for r in records if r['split'] == 'train']
  assert errors[-1] < 0.325 < errors[0]


@pytest.mark.slow
def test_a_terminated_run_resumes_to_the_same_metrics(whole, root, tmp_path):
  process = start(tmp_path, root)
  wait_for_lines(tmp_path, 3, process)
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 128 + signal.SIGTERM, output
  assert 'the same command resumes' in output
  assert_finishes_as(whole, tmp_path, root)


def wait_for_lines(workdir, number, process):
  """Waits until metrics.jsonl has this many records, or the process ended."""
  path = workdir / runs.METRICS
  while process.poll() is None:
    if path.exists() and path.read_bytes().count(b'\n') >= number:
      return
    time.sleep(0.02)


def assert_finishes_as(whole, workdir, root):
  process = start(workdir, root)
  output, _ = process.communicate(timeout=600)
  assert process.returncode == 0, output
  for name in runs.METRICS, 'scores.json':
    assert (workdir / name).read_bytes() == (whole / name).read_bytes(), name
  again = start(workdir, root)
  output, _ = again.communicate(timeout=300)
  assert again.returncode == 0 and 'is complete' in output
  assert json.loads((workdir / 'scores.json').read_text())['num_steps'] == 24
  # The step was traced in the first run only, and read in all others.
  (trace,) = (root.parent / 'xla' / 'traced').iterdir()
  written = [p.stat().st_mtime_ns for p in (trace, whole / 'scores.json')]
  assert written == sorted(written)
