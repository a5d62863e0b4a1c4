"""Starting a network from another: what can be taken over, and what cannot."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from seld_jax.errors import InputError

# The layers whose outputs are classes.
HEADS = ('sed', 'doa')


@dataclasses.dataclass(frozen=True)
class Transfer:
  """What a network starts from.

  Attributes:
    variables: All of its variables by name.
    taken: Layers that are those of the other network.
    anew: Layers that are as they were.
  """

  variables: dict[str, np.ndarray]
  taken: tuple[str, ...]
  anew: tuple[str, ...]

  def __str__(self) -> str:
    anew = f'; anew: {", ".join(self.anew)}' if self.anew else ''
    return f'taken over: {", ".join(self.taken)}{anew}'


def merge(
  ours: Mapping[str, np.ndarray],
  theirs: Mapping[str, np.ndarray],
  *,
  keep: Collection[str] = (),
) -> Transfer:
  """Takes over the layers that both networks have in the same shape.

  A layer is taken as a whole or not at all, its batch statistics with it. So
  are the statistics of the features (as the layer `statistics`), since the
  other network knows no other features.

  Args:
    ours: Variables by name, such as `params/Conv_0/kernel`, of any shape.
    theirs: Those of the other network, of any shape.
    keep: Layers that are not taken over, though their shapes may agree.

  Returns:
    All of our variables, and which layers are whose.

  Raises:
    InputError: No layer but the statistics can be taken over.
  """
  layers: dict[str, list[str]] = {}
  for name in ours:
    layers.setdefault(layer_of(name), []).append(name)
  taken = [
    layer
    for layer, names in layers.items()
    if layer not in keep
    and all(
      name in theirs and np.shape(theirs[name]) == np.shape(ours[name])
      for name in names
    )
  ]
  if not set(taken) - {'statistics'}:
    raise InputError(
      'The two networks have no layer of the same name and shape, so nothing '
      'can be taken over.'
    )
  variables = {
    name: np.asarray(theirs[name] if layer_of(name) in taken else value)
    for name, value in ours.items()
  }
  anew = [layer for layer in layers if layer not in taken]
  return Transfer(variables, tuple(taken), tuple(anew))


def layer_of(name: str) -> str:
  """The layer of a variable: `Conv_0` for `params/Conv_0/kernel`."""
  collection, _, rest = name.partition('/')
  return collection if collection == 'statistics' else rest.partition('/')[0]
