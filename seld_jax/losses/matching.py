"""Which predicted track belongs to which target: the smallest sum of errors."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

# A target for each track.
Assignment = tuple[int, ...]


def smallest(
  errors: Sequence[Sequence[jax.Array]], assignments: Sequence[Assignment]
) -> jax.Array:
  """Finds the assignment with the smallest sum of errors.

  It is a chain of comparisons, which XLA compiles to one loop, unlike the
  minimum of stacked sums.

  Args:
    errors: The error of each track (first index) with each target, each with
      shape `[...]`.
    assignments: The assignments to choose from.

  Returns:
    Index of the first assignment with the smallest sum, int32 with shape
    `[...]`.
  """
  best, found = None, jnp.int32(0)
  for index, assignment in enumerate(assignments):
    first, *others = [
      errors[track][target] for track, target in enumerate(assignment)
    ]
    total = sum(others, first)
    if best is None:
      best, found = total, jnp.zeros(total.shape, jnp.int32)
      continue
    is_smaller = total < best
    best = jnp.where(is_smaller, total, best)
    found = jnp.where(is_smaller, index, found)
  return found
