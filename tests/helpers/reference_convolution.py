"""XLA's 3x3 convolution, which that of seld_jax is compared with."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def xla_convolution(
  x: jax.Array | np.ndarray, kernel: jax.Array | np.ndarray
) -> jax.Array:
  """Stride 1, with zeros around the maps."""
  return lax.conv_general_dilated(
    jnp.asarray(x),
    jnp.asarray(kernel),
    (1, 1),
    'SAME',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )
