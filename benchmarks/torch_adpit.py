"""The loss of multi-ACCDOA in PyTorch, in the form of the DCASE 2024 baseline.

The baseline stores the sources of a class in six slots: one for a source that
is alone, two for a pair, three for a triple. It computes the errors of all 13
candidates in full, keeps them for the gradient, and selects by an index. Slots
of other numbers of sources are zeros, and every candidate is padded with the
first candidate of the two other numbers, so that it is not chosen where it does
not apply. `benchmarks.speed` compares `seld_jax.losses.adpit_mse` with it.
"""

import itertools

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

TRACKS = 3
# The slots of one, two and three sources, in this order.
SLOTS = {1: (0,), 2: (1, 2), 3: (3, 4, 5)}
# The slots on the three tracks, of each candidate, by the number of sources.
CANDIDATES = {
  number: [
    slots
    for slots in itertools.product(own, repeat=TRACKS)
    if set(slots) == set(own)
  ]
  for number, own in SLOTS.items()
}


def slots(sources: np.ndarray, count: np.ndarray) -> np.ndarray:
  """Puts sources into the slots of the baseline.

  Args:
    sources: Sources with shape `[batch, frames, 3, classes, vector]`.
    count: Their number, with shape `[batch, frames, classes]`.

  Returns:
    Activity and vector of the slots, with shape
    `[batch, frames, 6, 1 + vector, classes]`.
  """
  batch, frames, _, classes, size = sources.shape
  found = np.zeros((batch, frames, 6, 1 + size, classes), sources.dtype)
  for number, own in SLOTS.items():
    active = (count == number).astype(sources.dtype)
    for source, slot in enumerate(own):
      found[:, :, slot, 0] = active
      vectors = np.moveaxis(sources[:, :, source], -1, -2)
      found[:, :, slot, 1:] = vectors * active[:, :, None]
  return found


def adpit_loss(raw: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
  """Mean over batch, frames and classes of the smallest error.

  Args:
    raw: Outputs with shape `[batch, frames, 3 * vector * classes]`.
    given: Result of `slots`.

  Returns:
    The loss, a scalar.
  """
  vectors = given[:, :, :, :1] * given[:, :, :, 1:]
  targets = {
    number: [
      torch.cat([vectors[:, :, slot] for slot in candidate], dim=2)
      for candidate in candidates
    ]
    for number, candidates in CANDIDATES.items()
  }
  outputs = raw.reshape(targets[1][0].shape)
  errors = []
  for number, candidates in targets.items():
    first, second = (
      others[0] for other, others in targets.items() if other != number
    )
    padding = first + second
    errors += [
      functional.mse_loss(outputs, one + padding, reduction='none').mean(dim=2)
      for one in candidates
    ]
  chosen = torch.stack(errors).min(dim=0).indices
  first, *others = [
    error * (chosen == index) for index, error in enumerate(errors)
  ]
  return sum(others, first).mean()
