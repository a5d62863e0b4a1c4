"""Means of several predictions: of networks, and of turned recordings."""

import dataclasses
import fractions
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from seld_jax import outputs as outputs_lib
from seld_jax.errors import InputError
from seld_jax.prediction.averaged_stream import AveragedStream
from seld_jax.prediction.predictor import Predictor
from seld_jax.prediction.stream import Spec
from seld_jax.prediction.symmetries import Symmetry

# Options of an output format that say how it is trained, not what it means.
_OF_TRAINING = ('activation', 'weights')


class AveragedPredictor(Predictor):
  """Averages the outputs of several predictions before events are found.

  `seld_jax.load` returns it for several networks, or with
  `average_symmetries`. It has the methods of `Predictor`, except for `outputs`.
  Windows and overlaps in seconds are those of each network. The inputs and
  outputs in `spec` are those of the first network; `refine_directions` is True
  if it is for any of them.

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load(['demo', 'demo'], average_symmetries=2)
    >>> predictor.models, predictor.average_symmetries
    (('demo', 'demo'), 2)
    >>> audio = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 24000))
    >>> predictor(audio, 24000).activity.shape
    (10, 14)
  """

  def __init__(self, members: Sequence[tuple[Predictor, Sequence[Symmetry]]]):
    """Combines networks.

    Args:
      members: Networks, each with the symmetries that it hears; all with the
        same number of them.

    Raises:
      InputError: The networks have other classes, formats of audio, output
        formats or lengths of label frames.
    """
    predictors = [predictor for predictor, _ in members]
    first = predictors[0]
    for other in predictors[1:]:
      _check_alike(first, other)
    fixed = [one for one in predictors if one.has_fixed_window]
    self.spec: Spec = dataclasses.replace(
      first.spec,
      refine_directions=any(one.spec.refine_directions for one in predictors),
    )
    self.models: tuple[str, ...] = tuple(
      model for one in predictors for model in one.models
    )
    self.source: str = ','.join(self.models)
    self.average_symmetries: int = len(members[0][1])
    self.has_fixed_window: bool = bool(fixed)
    self._members = list(members)
    self._window = (
      min(one.window_seconds for one in fixed)
      if fixed
      else first.window_seconds
    )

  @property
  def window_seconds(self) -> float:
    """Length in seconds of the shortest fixed window, or of the first one."""
    return self._window

  @property
  def is_causal(self) -> bool:
    """Whether all networks continue from part to part of a recording."""
    return all(one.is_causal for one, _ in self._members)

  def outputs(self, features: np.ndarray | jax.Array) -> dict[str, np.ndarray]:
    """Refuses, because each prediction starts from audio of its own.

    Raises:
      InputError: Always.
    """
    del features
    raise InputError(
      f'The mean of several predictions ({self.source}) starts from audio, not '
      'from features: load one network without average_symmetries.'
    )

  def stream(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> AveragedStream:
    """See `Predictor.stream`.

    Without `window`, the windows that are fixed stay, and those of the other
    networks are as long as the shortest of them.
    """
    rate = self.spec.sample_rate if sample_rate is None else sample_rate
    usual = self._window if window is None and self.has_fixed_window else window
    return self._averaged(
      lambda predictor, size: predictor.stream(
        rate,
        window=window if predictor.has_fixed_window else usual,
        overlap=overlap,
        batch_size=size,
      ),
      batch_size,
    )

  def _start(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> AveragedStream:
    """See `Predictor._start`."""
    rate = self.spec.sample_rate if sample_rate is None else sample_rate
    return self._averaged(
      lambda predictor, size: predictor._start(
        rate, window=window, overlap=overlap, batch_size=size
      ),
      batch_size,
    )

  def _averaged(self, start: Any, batch_size: int) -> AveragedStream:
    # The windows that wait for a batch are in memory, for each prediction.
    size = max(1, batch_size // (len(self._members) * self.average_symmetries))
    return AveragedStream(
      [
        (start(predictor, size), symmetry)
        for predictor, symmetries in self._members
        for symmetry in symmetries
      ],
      self.spec,
    )

  def _check_threshold(self, value: float | None) -> None:
    thresholds = {
      one.source: tuple(one.spec.thresholds) for one, _ in self._members
    }
    if value is None and len(set(thresholds.values())) > 1:
      each = ', '.join(
        f'{name} {one[0]:g}' if len({*one}) == 1 else f'{name} one a class'
        for name, one in thresholds.items()
      )
      raise InputError(
        f'The networks have different thresholds of activity ({each}): state '
        'one for their mean with --threshold.'
      )
    super()._check_threshold(value)


def _check_alike(first: Predictor, other: Predictor) -> None:
  """Raises an InputError if two networks cannot be averaged."""
  ours, theirs = _traits(first.spec), _traits(other.spec)
  for what, value in ours.items():
    if value != theirs[what]:
      raise InputError(
        f'{first.source} and {other.source} cannot be averaged, because they '
        f'differ in their {what}: {value} and {theirs[what]}.'
      )


def _traits(spec: Spec) -> dict[str, Any]:
  """What networks must have in common, by its name in messages."""
  options = outputs_lib.options(spec.output)
  return {
    'format of audio': spec.format,
    'number of channels': spec.num_channels,
    'number of classes': len(spec.classes),
    **{f'class {i}': name for i, name in enumerate(spec.classes)},
    'length of label frames in seconds': fractions.Fraction(
      spec.label_samples, spec.sample_rate
    ),
    'output format': options.pop('name'),
    **{
      f'output format, {name}': value
      for name, value in options.items()
      if name not in _OF_TRAINING
    },
  }
