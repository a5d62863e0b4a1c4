"""Random inputs and parameters, and references, for tests of layers."""

import functools

import jax
import numpy as np
from jax import lax

# Compiles quickly; the program itself is slow.
jit = functools.partial(
  jax.jit, compiler_options={'xla_backend_optimization_level': '0'}
)


def numbers(*shape, seed=0):
  """Random numbers of a normal distribution, float32."""
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def xla_convolution(x, kernel):
  """The 3x3 convolution of XLA, as a reference."""
  return lax.conv_general_dilated(
    x, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )


def initialized(network, features):
  """Variables with random parameters, also those that usually start at 0."""
  shapes = jax.eval_shape(network.init, jax.random.key(0), features)
  rng = np.random.default_rng(1)
  draw = lambda leaf: 0.4 * rng.standard_normal(leaf.shape).astype(leaf.dtype)
  fresh = {'mean': np.zeros, 'var': np.ones}
  return {
    'params': jax.tree.map(draw, shapes['params']),
    'batch_stats': jax.tree_util.tree_map_with_path(
      lambda path, leaf: fresh[path[-1].key](leaf.shape, leaf.dtype),
      shapes.get('batch_stats', {}),
    ),
  }
