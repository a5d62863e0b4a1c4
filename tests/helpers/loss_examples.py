"""Random arguments for every loss, and which parts of them it must ignore."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from helpers.network_outputs import batch
from seld_jax import losses

SHAPE = (3, 4)
CLASSES = 5


@dataclasses.dataclass(frozen=True)
class Example:
  """A loss with random arguments.

  Attributes:
    function: Maps the arrays to the loss.
    arrays: Its arguments in float64, in order; what the network predicts comes
      first.
    num_predicted: Number of arrays that the network predicts.
    kind: 'frames' (one value per frame), 'ratio' (sum and count) or 'share'.
    ignored: By the index of an array, True where its value must not matter.
  """

  function: Callable[..., Any]
  arrays: tuple[np.ndarray, ...]
  num_predicted: int = 1
  kind: str = 'frames'
  ignored: Mapping[int, np.ndarray] = dataclasses.field(default_factory=dict)

  def scalar(self, *arrays):
    """The loss of the whole batch, as training computes it."""
    found = self.function(*arrays)
    if self.kind == 'ratio':
      return found[0] / jnp.maximum(found[1], 1)
    if self.kind == 'share':
      return found
    terms = found if isinstance(found, tuple) else (found,)
    return sum(term.mean() for term in terms)


def sources(shape=SHAPE, *, size=4, share=(0.4, 0.3, 0.2, 0.1), seed=0):
  """Sources of each class, with zeros behind them, and their number."""
  rng = np.random.default_rng(seed)
  count = rng.choice(4, (*shape, CLASSES), p=share)
  found = rng.standard_normal((*shape, 3, CLASSES, size))
  is_source = np.arange(3)[:, None] < count[..., None, :]
  return found * is_source[..., None], count


def tracks(shape=SHAPE, *, number=3, share=0.6, seed=0):
  """Arguments of `tracks_pit` by name, in float64."""
  rng = np.random.default_rng(seed)
  is_event = rng.random((*shape, number)) < share
  classes = rng.integers(CLASSES, size=(*shape, number))
  doa = rng.standard_normal((*shape, number, 3))
  doa /= np.linalg.norm(doa, axis=-1, keepdims=True)
  return {
    'sed_logits': 2 * rng.standard_normal((*shape, number, CLASSES)),
    'doa': np.tanh(rng.standard_normal((*shape, number, 3))),
    'sed_targets': np.eye(CLASSES)[classes] * is_event[..., None],
    'doa_targets': doa * is_event[..., None],
    'distance': rng.uniform(0.5, 5, (*shape, number)),
    'distance_targets': rng.uniform(0.5, 5, (*shape, number)) * is_event,
  }


def _tracks_pit(sed_logits, doa, distance, sed, xyz, distance_targets):
  return losses.tracks_pit(
    *(sed_logits, doa, sed, xyz, (1.0, 2.0, 0.3)),
    distance=distance,
    distance_targets=distance_targets,
  )


def examples(share=0.4) -> dict[str, Example]:
  """An example of every loss by name.

  Args:
    share: The share of classes that are active; 0 for silence.
  """
  data = batch(SHAPE, share=share)
  rng = np.random.default_rng(1)
  active = data['activity']
  silent = active == 0
  distance = rng.uniform(0.5, 5, active.shape)
  metres = rng.uniform(0.5, 5, active.shape) * active
  found = {
    'sed_mse': Example(losses.sed_mse, (data['sed'], active)),
    'sed_soft_f1': Example(
      losses.sed_soft_f1, (data['sed'], active), kind='share'
    ),
    'doa_mse': Example(losses.doa_mse, (data['doa'], data['xyz'])),
    'doa_masked_norm': Example(
      losses.doa_masked_norm,
      (data['doa'], data['xyz'], active),
      kind='share',
      ignored={1: silent},
    ),
    'doa_masked_mse': Example(
      losses.doa_masked_mse,
      (data['doa'], data['xyz'], active),
      kind='ratio',
      ignored={1: silent},
    ),
  }
  for name in 'sed_cross_entropy', 'sed_focal':
    function = getattr(losses, name)
    found[name] = Example(function, (data['logits'], active))
  found['sed_asymmetric_focal'] = Example(
    functools.partial(losses.sed_asymmetric_focal, gamma=0.5, zeta=1.0),
    (data['logits'], active),
  )
  for name in 'doa_cosine', 'doa_angular':
    found[name] = Example(
      getattr(losses, name),
      (data['doa'], data['xyz'], active),
      kind='ratio',
      ignored={0: silent, 1: silent},
    )
  for name in 'distance_mse', 'distance_mspe', 'distance_mape':
    found[name] = Example(
      getattr(losses, name),
      (distance, metres, active),
      kind='ratio',
      ignored={0: silent, 1: silent},
    )
  found['accdoa_mse'] = Example(losses.accdoa_mse, (data['doa'], data['xyz']))
  given, count = sources(share=(0.4, 0.3, 0.2, 0.1) if share else (1, 0, 0, 0))
  found['adpit_mse'] = Example(
    losses.adpit_mse,
    (rng.standard_normal(given.shape), given, count.astype(np.float64)),
    ignored={1: np.arange(3)[:, None] >= count[..., None, :]},
  )
  one = tracks(share=0.6 if share else 0)
  no_event = one['sed_targets'].sum(axis=-1) == 0
  names = ('sed_logits', 'doa', 'distance', 'sed_targets', 'doa_targets')
  found['tracks_pit'] = Example(
    _tracks_pit,
    tuple(one[name] for name in (*names, 'distance_targets')),
    num_predicted=3,
    ignored={5: no_event},
  )
  return found
