"""Makes output formats by name."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax.errors import InputError
from seld_jax.outputs.accdoa import Accdoa, MultiAccdoa
from seld_jax.outputs.class_wise import ClassWise
from seld_jax.outputs.format import OutputFormat
from seld_jax.outputs.tracks import Tracks

# The formats by their name in a config.
FORMATS: Mapping[str, type[OutputFormat]] = {
  format.name: format for format in (ClassWise, Accdoa, MultiAccdoa, Tracks)
}


def make(
  name: str,
  *,
  num_classes: int,
  num_tracks: int = 3,
  axes: int = 3,
  distance: bool = False,
  activation: str = 'tanh',
  unify: float = 15.0,
  weights: Sequence[float] = (1.0, 1.0, 1.0),
) -> OutputFormat:
  """Makes an output format.

  Args:
    name: A name in `FORMATS`.
    num_classes: Number of classes.
    num_tracks: Number of tracks: 3 for `'multi_accdoa'`, 2 or 3 for `'tracks'`;
      the others have one for each class.
    axes: Components of a direction vector: 3, or 2 for the horizon.
    distance: Whether distances are predicted, too.
    activation: `'tanh'` (and ReLU for distances) or `'linear'`.
    unify: Angle in degrees below which two tracks of a class are one event
      (`'multi_accdoa'` only).
    weights: Weights of activity, direction and distance when a permutation of
      the tracks is chosen (`'tracks'` only).

  Returns:
    The format.

  Raises:
    InputError: The name is unknown, or an option is out of range.

  Example:
    >>> from seld_jax import outputs
    >>> format = outputs.make('multi_accdoa', num_classes=13, distance=True)
    >>> format.num_tracks, format.size
    (3, 156)
  """
  if name not in FORMATS:
    raise InputError(
      f'There is no output format {name!r}; the formats are '
      f'{", ".join(FORMATS)}.'
    )
  if name == 'multi_accdoa' and num_tracks != 3:
    raise InputError(
      f'multi_accdoa has 3 tracks for each class, got num_tracks={num_tracks}.'
    )
  given: dict[str, Any] = {
    'num_classes': num_classes,
    'num_tracks': num_tracks,
    'axes': axes,
    'distance': distance,
    'activation': activation,
    'unify': unify,
    'weights': tuple(weights),
  }
  kind = FORMATS[name]
  fields = {field.name for field in dataclasses.fields(kind)}
  return kind(**{key: value for key, value in given.items() if key in fields})


def options(format: OutputFormat) -> dict[str, Any]:
  """The arguments of `make` that make a format, as JSON can hold them.

  Args:
    format: An output format.

  Returns:
    `name` and the fields of the format.

  Example:
    >>> from seld_jax import outputs
    >>> format = outputs.make('accdoa', num_classes=13)
    >>> outputs.make(**outputs.options(format)) == format
    True
  """
  values = dataclasses.asdict(format)
  return {
    'name': format.name,
    **{
      name: list(value) if isinstance(value, tuple) else value
      for name, value in values.items()
    },
  }
