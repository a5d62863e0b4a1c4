"""Levels in dB, as log-mel features have them, and powers."""

import jax
import jax.numpy as jnp
import numpy as np

# Lowest level of log-mel and log powers in dB.
FLOOR = -100.0

# Nepers of power in a decibel. A number of NumPy would turn float32 into
# float64 with jax_enable_x64.
PER_DECIBEL = float(np.log(10) / 10)


def to_power(level: jax.Array | float) -> jax.Array:
  """The powers of levels in dB."""
  return jnp.exp(PER_DECIBEL * level)


def geometric_mean(first: jax.Array, second: jax.Array) -> jax.Array:
  """The root of the product of two powers, from their levels in dB.

  A correlation times this is the cross-spectrum of both channels.
  """
  return to_power((first + second) / 2)
