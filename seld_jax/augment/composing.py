"""Steps of augmentation, and how they are joined.

A step is a pure function `step(key, signal, targets) -> (signal, targets)` of
one example: audio `[channels, samples]` or features `[frames, bands, channels]`
(see `domains.py`), and targets from `OutputFormat.targets`. `jax.vmap` over
keys and examples augments a batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax

Targets = Mapping[str, Any]
Step = Callable[[jax.Array, Any, Targets], tuple[Any, Any]]


def compose(*steps: Step) -> Step:
  """Joins steps of augmentation into one.

  Args:
    *steps: Functions `step(key, signal, targets) -> (signal, targets)`, such as
      those of `symmetries`, `gain` or `mixup`, or another composition.

  Returns:
    A step that applies all of them in this order, each with a key of its own.
    Without steps, it changes nothing.

  Example:
    Features of a batch, standardised between two steps:

    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=13)
    ... )
    >>> augmentation = augment.compose(
    ...   augment.symmetries(domain, count=48),
    ...   augment.mixup(domain),
    ...   lambda key, features, targets: ((features + 40) / 15, targets),
    ...   augment.cutout(domain),
    ... )
    >>> features = np.full((8, 50, 64, 7), -40, np.float32)
    >>> targets = {'accdoa': np.zeros((8, 10, 1, 13, 3), np.float32)}
    >>> keys = jax.random.split(jax.random.key(0), 8)
    >>> batched = jax.vmap(augmentation, axis_name=augment.EXAMPLES)
    >>> changed, _ = jax.jit(batched)(keys, features, targets)
    >>> changed.shape
    (8, 50, 64, 7)
  """

  def composed(key, signal, targets):
    for number, step in enumerate(steps):
      step_key = jax.random.fold_in(key, number)
      signal, targets = step(step_key, signal, targets)
    return signal, targets

  return composed
