"""Random outputs of a network and their targets; the masked loss of a batch."""

import jax.numpy as jnp
import numpy as np

from seld_jax import losses

CLASSES = 5


def batch(shape=(3, 4), *, share=0.4):
  """Logits, SED, DOA and their targets (activity, xyz), float64."""
  rng = np.random.default_rng(0)
  activity = (rng.random((*shape, CLASSES)) < share).astype(np.float64)
  xyz = rng.standard_normal((*shape, CLASSES, 3))
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  logits = 3 * rng.standard_normal((*shape, CLASSES))
  return {
    'logits': logits,
    'sed': 1 / (1 + np.exp(-logits)),
    'activity': activity,
    'doa': np.tanh(rng.standard_normal((*shape, CLASSES, 3))),
    'xyz': xyz * activity[..., None],
  }


def masked_mse(predictions, targets, activity):
  """The loss of a batch from the sum and count of `losses.doa_masked_mse`."""
  total, count = losses.doa_masked_mse(predictions, targets, activity)
  return total / jnp.maximum(count, 1)
