"""Every config file trains, in a tiny shape."""

import pathlib

import numpy as np
import pytest
from helpers.config_files import load
from helpers.tiny import make_one_convolution, make_tiny
from jax import jit

from seld_jax import config as config_lib
from seld_jax import labels, report, runs, train
from seld_jax.config import systems
from seld_jax.train import step_metrics

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'


LATER = [
  CONFIGS / f'{name}_{format}.py'
  for name in systems.LATER_SYSTEMS
  for format in ('foa', 'mic')
]


# Configs that differ from others in sizes, weights or schedules only.
_ALIKE = 'quick', 'small', 'best_foa', 'ce_mse_1_1_foa', 'ce_mse_1_1000_foa'


def smoke_tests():
  """Config files that have everything that is in the others.

  Those on the microphone array differ from those on FOA in the features only,
  so that one is enough. Later systems on it are trained for two steps below,
  and two of them here: demo_foa is a ResNet-Conformer with tracks. The baseline
  has cross-entropy, and sizes are the same for all.
  """
  tests = []
  for path in sorted(CONFIGS.glob('*.py')):
    if path.stem.startswith('dcase'):
      continue  # see tasks_test.py
    is_mic = path.stem.endswith('_mic')
    if is_mic and path.stem != 'mse_mic':
      continue
    if path.stem in _ALIKE:
      continue
    if path in LATER and path.stem != 'multi_accdoa_foa':
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
  config.train.num_steps = 100
  config.train.log_every = 25
  config.train.evaluate_every = 50
  scores = train.train_and_evaluate(config, tmp_path)
  records = runs.read_records(tmp_path / 'metrics.jsonl')
  for record in records:
    numbers = [v for v in record.values() if not isinstance(v, str)]
    assert np.all(np.isfinite(numbers))
  trained = [record for record in records if record['split'] == 'train']
  assert trained[-1]['step'] == 100
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
