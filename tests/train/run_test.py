"""What a run checks once it knows how many steps an epoch has."""

import pytest
from helpers.tiny import make_tiny

from seld_jax import config as config_lib
from seld_jax import devices
from seld_jax.errors import InputError
from seld_jax.train.run import prepare_run


@pytest.fixture
def config(tiny_root):
  return make_tiny(config_lib.default(), tiny_root)


def test_a_warm_up_at_rate_0_must_end_before_the_training(config, tmp_path):
  config.train.schedule = 'paper'
  config.train.warmup_factor, config.train.warmup_epochs = 0.0, 3
  mesh = devices.make_mesh()
  config.train.num_steps = 1000
  steps_per_epoch = prepare_run(config, tmp_path, mesh).steps_per_epoch
  config.train.num_steps = 3 * steps_per_epoch
  with pytest.raises(InputError, match='nothing would be learned: reduce'):
    prepare_run(config, tmp_path, mesh)
  config.train.num_steps += 1
  assert (
    prepare_run(config, tmp_path, mesh).num_steps == 1 + 3 * steps_per_epoch
  )


def test_steps_per_dispatch_without_effect_is_told(config, tmp_path, caplog):
  config.train.steps_per_dispatch = config.train.log_every = 2
  config.train.evaluate_every = 2
  mesh = devices.make_mesh()
  prepare_run(config, tmp_path, mesh)
  assert 'no effect' not in caplog.text
  config.data.host_budget = 1e-9
  prepare_run(config, tmp_path, mesh)
  assert 'train.steps_per_dispatch = 2 has no effect' in caplog.text
