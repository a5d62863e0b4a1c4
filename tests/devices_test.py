"""Eight devices give what one gives, under jit and under pmap."""

import json
import os
import subprocess
import sys

# Device count is fixed when JAX starts, so this runs in a process of its own.
_SCRIPT = """
import json
import jax
import numpy as np
from jax.sharding import PartitionSpec
jax.config.update('jax_enable_x64', True)
from seld_jax import config as config_lib, sharding, train

config = config_lib.default()
config.features.n_mels = 16
config.model.filters = (4, 4)
config.model.pools = ((1, 2), (5, 4))
config.model.gru_features = 4
config.model.attention_features = 4
config.model.head_features = (8,)
config.model.dtype = DTYPE
config.augment.rotate = True
rng = np.random.default_rng(0)
batch = {
  'features': rng.standard_normal((16, 30, 16, 7)),
  'activity': (rng.random((16, 6, 14)) < 0.1) * 1.0,
  'doa': rng.standard_normal((16, 6, 14, 3)),
}
# Unequal numbers of events per device: a mean of means would differ.
batch['activity'][:9] = 0
state = train.create_state(config)
widen = lambda x: x.astype(DTYPE) if x.dtype.kind == 'f' else x
state = jax.tree.map(widen, state)
batch = jax.tree.map(widen, batch)

assert len(jax.devices()) == 8
one = jax.jit(train.make_train_step(config))(state, batch)

mesh = sharding.make_mesh()
many = jax.jit(
  train.make_train_step(config), out_shardings=sharding.replicated(mesh)
)(
  sharding.put_replicated(mesh, state),
  jax.device_put(batch, sharding.divided(mesh)),
)

step = jax.pmap(
  train.make_train_step(config, axis_name='batch'),
  axis_name='batch', in_axes=(None, 0), out_axes=None,
)
parts = jax.tree.map(lambda x: x.reshape(8, 2, *x.shape[1:]), batch)
mapped = step(state, parts)

def worst(a, b):
  scale = lambda x: max(np.abs(np.float64(x)).max(), 1e-300)
  errors = jax.tree.map(
    lambda x, y: np.abs(np.float64(x) - np.float64(y)).max() / scale(x), a, b)
  return max(jax.tree.leaves(errors))

# The first moment of Adam is a tenth of the gradient: compare that, as Adam's
# step turns the noise of a zero gradient into a step of full size.
def moments(state):
  import optax
  adam = [s for s in jax.tree.leaves(
    state.opt_state, is_leaf=lambda x: isinstance(x, optax.ScaleByAdamState))
    if isinstance(s, optax.ScaleByAdamState)]
  gradients = jax.device_get(adam[0].mu)
  # The bias of the attention's keys shifts all scores of a query alike, which
  # the softmax takes out: its true gradient is 0 and only noise is left.
  noise = gradients['SelfAttention_0']['key'].pop('bias')
  assert np.abs(noise).max() < 1e-6 * np.abs(gradients['doa']['bias']).max()
  return gradients

result = {}
for name, other in {'jit': many, 'pmap': mapped}.items():
  result[name] = {
    'gradients': worst(moments(one), moments(other)),
    'batch_stats': worst(one.batch_stats, other.batch_stats),
    'metrics': worst(one.metrics, other.metrics),
  }
print(json.dumps(result))
"""


def run(dtype: str) -> dict:
  environment = {
    **os.environ,
    # Compiling dominates here; its effort changes rounding at most.
    'XLA_FLAGS': '--xla_force_host_platform_device_count=8 '
    '--xla_backend_optimization_level=0',
    'JAX_PLATFORMS': 'cpu',
  }
  done = subprocess.run(
    [sys.executable, '-c', _SCRIPT.replace('DTYPE', repr(dtype))],
    env=environment,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


def test_eight_devices_equal_one_in_float32():
  for kind, errors in run('float32').items():
    for name, error in errors.items():
      assert error < 1e-4, (kind, name, error)


def test_eight_devices_equal_one_in_float64():
  for kind, errors in run('float64').items():
    for name, error in errors.items():
      assert error < 1e-10, (kind, name, error)
