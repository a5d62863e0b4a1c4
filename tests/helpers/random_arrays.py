"""Random numbers, features and network parameters."""

import jax
import numpy as np

CROP = (40, 24, 7)


def numbers(*shape, seed=0):
  """Normally distributed, float32."""
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def distinct_features(shape=CROP):
  """Features that all differ; every channel has another mean."""
  rng = np.random.default_rng(0)
  features = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
  return features / features.size + 10 * np.arange(shape[-1], dtype=np.float32)


def initialized(network, features):
  """Variables of a network; all parameters are random, biases included."""
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
