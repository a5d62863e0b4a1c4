"""Times the loss of multi-ACCDOA in seld_jax and in the baseline's form."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from benchmarks import timing, torch_adpit
from seld_jax import losses
from seld_jax.devices import compilation

_TURN = 1.0  # seconds that each side computes losses in one turn
_TOLERANCE = 1e-5

# The classes of DCASE 2023 and 2024, and label frames in a crop of 5 s.
_CLASSES = 13
_LABEL_FRAMES = 50
# How often a class has no, one, two and three sources in a frame.
_SHARES = (0.9, 0.08, 0.015, 0.005)


def random_sources(
  *, batch: int, size: int = 4, seed: int = 0
) -> dict[str, np.ndarray]:
  """Makes outputs of a network, and the sources of each class.

  Args:
    batch: Number of examples.
    size: Components of a vector, 4 with distance.
    seed: Seed of the random numbers.

  Returns:
    `raw` with shape `[batch, frames, 3 * size * classes]`, `sources` with shape
    `[batch, frames, 3, classes, size]`, and `count` with shape
    `[batch, frames, classes]`, in float32.
  """
  rng = np.random.default_rng(seed)
  shape = (batch, _LABEL_FRAMES)
  count = rng.choice(4, (*shape, _CLASSES), p=_SHARES)
  sources = rng.standard_normal((*shape, 3, _CLASSES, size))
  sources *= (np.arange(3)[:, None] < count[..., None, :])[..., None]
  raw = rng.standard_normal((*shape, 3 * size * _CLASSES))
  arrays = {'raw': raw, 'sources': sources, 'count': count}
  return {name: array.astype(np.float32) for name, array in arrays.items()}


def our_loss(raw: jax.Array, sources: jax.Array, count: jax.Array) -> jax.Array:
  """The loss of a batch, from outputs in the order of published networks."""
  classes, size = sources.shape[-2:]
  vectors = raw.reshape(*raw.shape[:-1], 3, size, classes)
  predictions = jnp.moveaxis(vectors, -1, -2)
  return losses.adpit_mse(predictions, sources, count).mean()


def adpit_figure(*, batch: int, rounds: int) -> timing.Figure:
  """Times the loss with its gradient to the outputs of the network.

  The targets of both sides are prepared beforehand.

  Args:
    batch: Number of examples.
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  given = random_sources(batch=batch)
  options = compilation.compiler_options()
  program = jax.jit(jax.value_and_grad(our_loss), compiler_options=options)
  arrays = [jnp.asarray(array) for array in given.values()]
  raw = torch.from_numpy(given['raw']).requires_grad_()
  slots = torch.from_numpy(torch_adpit.slots(given['sources'], given['count']))

  def theirs() -> tuple[float, Any]:
    raw.grad = None
    loss = torch_adpit.adpit_loss(raw, slots)
    loss.backward()
    return loss.item(), raw.grad

  ours = lambda: jax.block_until_ready(program(*arrays))
  (value, gradient), (their_value, their_gradient) = ours(), theirs()
  difference = np.abs(np.asarray(gradient) - their_gradient.numpy()).max()
  difference /= np.abs(gradient).max()
  for name, found in (
    ('loss', abs(float(value) / their_value - 1)),
    ('gradient', float(difference)),
  ):
    assert found < _TOLERANCE, f'{name} of ADPIT differs by {found:.2g}'
  times = timing.interleave(
    {'ours': ours, 'torch': theirs}, rounds=rounds, seconds=_TURN
  )
  return timing.Figure(
    name=f'multi-ACCDOA loss and gradient, batch {batch}',
    ours=times['ours'],
    other=times['torch'],
    against='PyTorch, form of the baseline',
  )
