"""Checks of the parameters of steps."""

import math

from seld_jax import features as features_lib
from seld_jax.augment.domains import Domain


def num_bands(domain: Domain, name: str) -> int:
  """Number of bands of features.

  Raises:
    ValueError: The domain is audio, which the step of this name cannot change.
  """
  if domain.features is None:
    raise ValueError(
      f'{name} changes features, not audio: use it with a feature_domain.'
    )
  return features_lib.shape(**domain.options)[0]


def check_layout(domain: Domain, name: str) -> None:
  """Checks that the channels and bands of features are in order.

  Raises:
    ValueError: The features have another layout.
  """
  if domain.features is not None and domain.features.layout != 'aligned':
    raise ValueError(
      f"{name} needs features with layout = 'aligned', got "
      f'{domain.features.layout!r}, in which channels and bands are mixed up.'
    )


def check_range(name: str, value: float, most: float) -> None:
  """Checks a number above 0.

  Raises:
    ValueError: It is out of range.
  """
  if not (0 < value <= most and math.isfinite(value)):
    raise ValueError(
      f'{name} must be above 0 and at most {most:g}, got {value}.'
    )


def check_size(
  name: str, value: int, most: int | None, *, least: int = 0
) -> None:
  """Checks a number of masks, frames or bands; without a limit if it is None.

  Raises:
    ValueError: It is out of range.
  """
  if value < least or (most is not None and value > most):
    limit = 'or more' if most is None else f'to {most}'
    raise ValueError(f'{name} must be from {least} {limit}, got {value}.')
