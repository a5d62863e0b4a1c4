"""Training in bfloat16 gives nearly the results of training in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.tiny import make_one_convolution

from seld_jax.train import step as train_step
from seld_jax.train import step_metrics

FRAMES, POOL = 50, 5


@pytest.fixture
def batch():
  """Eight crops with one class, which can be learned from the features."""
  rng = np.random.default_rng(0)
  activity = np.zeros((8, FRAMES // POOL, 14), np.float32)
  doa = np.zeros((*activity.shape, 3), np.float32)
  features = rng.standard_normal((8, FRAMES, 16, 7)).astype(np.float32)
  for example in range(8):
    # The loud half of the bands determines the class, and the sign of the
    # intensity vector determines the direction.
    side = 1 if example % 2 else -1
    band = slice(0, 8) if example < 4 else slice(8, 16)
    activity[example, 2:8, example // 4] = 1
    doa[example, 2:8, example // 4, 1] = side
    features[example, 2 * POOL : 8 * POOL, band, :4] += 3
    features[example, 2 * POOL : 8 * POOL, band, 5] += 2 * side
  targets = {'activity': activity, 'doa': doa}
  return {'features': features, 'targets': targets}


def gradients(state):
  """Gradients of the first step, up to a factor: the first moment of Adam."""
  (adam,) = (
    part
    for part in jax.tree.leaves(
      state.opt_state, is_leaf=lambda x: isinstance(x, optax.ScaleByAdamState)
    )
    if isinstance(part, optax.ScaleByAdamState)
  )
  return jax.device_get(adam.mu)


def make(config, dtype):
  """A step without random numbers, and the state before it."""
  make_one_convolution(config)
  config.model.conv_dropout = 0.0
  config.model.gru_dropout = config.model.head_dropout = 0.0
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  config.train.learning_rate = 1e-2
  config.train.warmup_epochs = 0
  config.model.dtype = dtype
  step = jax.jit(train_step.make_train_step(config))
  return step, train_step.create_state(config)


@pytest.mark.slow
def test_gradients_have_the_direction_of_those_in_float32(tiny_config, batch):
  found = {}
  for dtype in 'float32', 'bfloat16':
    step, state = make(tiny_config, dtype)
    state = step(state, batch)
    for leaf in jax.tree.leaves((state.params, state.batch_stats)):
      assert leaf.dtype == jnp.float32
    assert state.metrics['loss'].dtype == jnp.float32
    found[dtype] = gradients(state)
  flat = {
    dtype: np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
    for dtype, tree in found.items()
  }
  wide, narrow = flat['float32'], flat['bfloat16']
  # The tolerance is large: bfloat16 has eight bits, and rounding may change
  # which value is the maximum in a pooling window.
  norms = np.linalg.norm(wide), np.linalg.norm(narrow)
  assert wide @ narrow > 0.99 * norms[0] * norms[1] > 0
  np.testing.assert_allclose(*norms, rtol=0.05)
  assert not np.array_equal(wide, narrow), 'bfloat16 was not used'


@pytest.mark.slow
def test_a_small_training_learns_as_much(tiny_config, batch):
  """The loss of a batch that is repeated falls as much in both types."""
  fallen = {}
  for dtype in 'float32', 'bfloat16':
    step, state = make(tiny_config, dtype)
    zero = step_metrics.zero_metrics(tiny_config)
    losses = []
    for _ in range(100):
      state = step(state.replace(metrics=zero), batch)
      losses.append(float(state.metrics['loss']))
    fallen[dtype] = losses[-1] / losses[0]
  assert fallen['float32'] < 0.3
  assert fallen['bfloat16'] < 0.3
  np.testing.assert_allclose(
    fallen['bfloat16'], fallen['float32'], rtol=0.3, atol=0.03
  )
