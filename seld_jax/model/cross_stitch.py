"""Soft parameter sharing between two networks: cross-stitch units."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax.model.batch_norm import at_least_float32, channel_sums

# At first, each network mostly keeps its own features, and the weights of a
# mixture add up to 1, so that the features keep their scale. These values were
# the best of those that Misra et al. compared.
_OWN, _OTHER = 0.9, 0.1


class CrossStitch(nn.Module):
  """Mixes the features of two networks by a learned 2 x 2 matrix per channel.

  The parameter `weights` has the shape `[2, 2, channels]`: entry (i, j) is the
  weight of network j in the features that network i goes on with. Both mixtures
  are computed from the features before the unit, as in Misra et al.; the code
  of EINV2 computes the second one from the first.

  References:
    Misra et al., `Cross-stitch Networks for Multi-task Learning
    <https://arxiv.org/abs/1604.03539>`_, 2016
  """

  @nn.compact
  def __call__(self, one: jax.Array, two: jax.Array) -> list[jax.Array]:
    """Mixes two arrays of one shape, `[..., channels]`."""
    weights = self.param('weights', _mostly_own, (2, 2, one.shape[-1]))
    return list(mix(one, two, weights))


@jax.custom_vjp
def mix(
  one: jax.Array, two: jax.Array, weights: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Two weighted sums of two arrays; the gradients use `channel_sums`.

  Args:
    one: Features of the first network, with shape `[..., channels]`.
    two: Those of the second network, with the same shape.
    weights: Weights, with shape `[2, 2, channels]`: entry (i, j) is that of
      array j in result i.

  Returns:
    Both results, with the shape and type of `one`.
  """
  (a, b), (c, d) = weights.astype(one.dtype)
  return a * one + b * two, c * one + d * two


def _forward(one, two, weights):
  return mix(one, two, weights), (one, two, weights)


def _backward(residuals, gradients):
  one, two, weights = residuals
  to_arrays = mix(*gradients, jnp.swapaxes(weights, 0, 1))
  wide = at_least_float32(one.dtype)
  to_weights = [
    [
      channel_sums(gradient.astype(wide) * array, one.ndim - 1)
      for array in (one, two)
    ]
    for gradient in gradients
  ]
  return *to_arrays, jnp.array(to_weights).astype(weights.dtype)


mix.defvjp(_forward, _backward)


def _mostly_own(key, shape):
  del key  # every channel starts with the same matrix
  matrix = jnp.array([[_OWN, _OTHER], [_OTHER, _OWN]], jnp.float32)
  return jnp.broadcast_to(matrix[..., None], shape)
