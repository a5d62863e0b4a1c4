"""Moving averages of parameters: their values, and where they are used."""

import types
from typing import Any

import jax
import numpy as np
import pytest
from helpers.tiny import make_one_convolution
from helpers.training import final_state
from jax import jit

from seld_jax import train
from seld_jax.train import fine_tuning, snapshot


@pytest.fixture
def averaged_config(tiny_config):
  make_one_convolution(tiny_config)
  tiny_config.train.ema_decay = 0.3
  tiny_config.train.learning_rate = 0.01
  return tiny_config


def test_the_average_is_that_of_all_steps_with_falling_weights(averaged_config):
  """The weights of n + 1 states, the first one drawn, add up to 1."""
  config = averaged_config
  generator = np.random.default_rng(0)
  batch = {
    'features': generator.normal(size=(2, 50, 16, 7)).astype(np.float32),
    'targets': {
      'activity': generator.integers(0, 2, (2, 10, 14)).astype(np.float32),
      'doa': generator.normal(size=(2, 10, 14, 3)).astype(np.float32),
    },
  }
  step = jit(train.make_train_step(config))
  states = [train.create_state(config)]
  for _ in range(5):
    states.append(step(states[-1], batch))
  # (1 + n) / (10 + n) after n steps, but at most 0.3.
  decays = np.array([1 / 10, 2 / 11, 3 / 12, 0.3, 0.3])
  weights = [np.prod(decays)]
  weights += [
    (1 - decays[n]) * np.prod(decays[n + 1 :]) for n in range(len(decays))
  ]
  np.testing.assert_allclose(np.sum(weights), 1)
  for name in 'params', 'batch_stats':
    trees = [getattr(state, name) for state in states]
    expected = jax.tree.map(
      lambda *leaves: sum(
        weight * np.float64(leaf)
        for weight, leaf in zip(weights, leaves, strict=True)
      ),
      *trees,
    )
    jax.tree.map(
      lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
      states[-1].average[name],
      expected,
    )


@pytest.mark.slow
def test_averages_are_scored_exported_and_start_with_the_copied_network(
  averaged_config, tmp_path
):
  config = averaged_config
  # One evaluation, so that the last state is the best one.
  config.train.evaluate_every = config.train.num_steps
  config.loss.weighting = 'uncertainty'
  train.train_and_evaluate(config, tmp_path / 'run')
  state = final_state(config, tmp_path / 'run')
  found = snapshot.read(tmp_path / 'run').variables
  for name in 'params', 'batch_stats':
    jax.tree.map(
      np.testing.assert_array_equal, found[name], state.average[name]
    )
  heads = found['params']['sed']['kernel'], state.params['sed']['kernel']
  assert np.abs(heads[0] - heads[1]).max() > 1e-4

  # A run that starts from this one copies the average, and averages from there.
  (tmp_path / 'next').mkdir()
  run: Any = types.SimpleNamespace(workdir=tmp_path / 'next', config=config)
  begun = fine_tuning.begin(
    run,
    train.create_state(config),
    str(tmp_path / 'run'),
    is_resumed=False,
  )
  for tree in begun.params, begun.average['params']:
    np.testing.assert_array_equal(tree['sed']['kernel'], heads[0])
