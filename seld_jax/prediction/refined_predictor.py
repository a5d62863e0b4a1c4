"""Predictions whose directions are moved to the onsets around them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.prediction.predictor import Predictor
from seld_jax.prediction.refined_stream import RefinedStream, refine
from seld_jax.prediction.stream import Frames, Spec


class RefinedPredictor(Predictor):
  """Makes the directions of another predictor for FOA more exact.

  `seld_jax.load` returns it with `refine_directions`. It has the methods of
  `Predictor`. The network says what sounds, when, and roughly where; the
  direction of each event is then the mean of the onsets around it (see
  `localization.refine_directions`). Only events change: activity, `doa` and
  outputs are those of the network.

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load('demo', refine_directions=True)
    >>> predictor.refine_directions
    True
    >>> audio = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 24000))
    >>> predictor(audio, 24000).activity.shape
    (10, 14)
  """

  refine_directions: bool = True

  def __init__(self, inner: Predictor):
    """Wraps a predictor.

    Args:
      inner: A network, or a mean of several.

    Raises:
      InputError: The predictor is not for FOA, or its directions are on the
        horizon only.
    """
    if inner.spec.format != 'foa' or inner.spec.output.axes == 2:
      what = inner.spec.format
      if what == 'foa':
        what = 'directions on the horizon only'
      raise InputError(
        f'{inner.source} is for {what}, but directions can only be refined in '
        'FOA, with azimuth and elevation: leave out --refine_directions.'
      )
    self.spec: Spec = inner.spec
    self.source: str = inner.source
    self.models: tuple[str, ...] = inner.models
    self.average_symmetries: int = inner.average_symmetries
    self.has_fixed_window: bool = inner.has_fixed_window
    if hasattr(inner, 'program'):
      self.program: Callable[..., Any] = inner.program
    self._inner = inner

  @property
  def window_seconds(self) -> float:
    """See `Predictor.window_seconds`."""
    return self._inner.window_seconds

  @property
  def is_causal(self) -> bool:
    """See `Predictor.is_causal`."""
    return self._inner.is_causal

  def outputs(self, features: np.ndarray | jax.Array) -> dict[str, np.ndarray]:
    """See `Predictor.outputs`; they are those of the network."""
    return self._inner.outputs(features)

  def window_frames(self, seconds: float | None) -> int:
    """See `Predictor.window_frames`."""
    return self._inner.window_frames(seconds)

  def stream(
    self, sample_rate: int | None = None, **options: Any
  ) -> RefinedStream:
    """See `Predictor.stream`.

    A direction needs the next half second of the recording, also if the window
    is shorter.
    """
    return self._refined(
      self._inner.stream(sample_rate, **options), sample_rate
    )

  def _start(
    self, sample_rate: int | None = None, **options: Any
  ) -> RefinedStream:
    """See `Predictor._start`."""
    return self._refined(
      self._inner._start(sample_rate, **options), sample_rate
    )

  def _refined(self, stream: Any, sample_rate: int | None) -> RefinedStream:
    rate = self.spec.sample_rate if sample_rate is None else sample_rate
    return RefinedStream(stream, sample_rate=rate)

  def events(
    self, frames: Frames, *, threshold: float | None = None
  ) -> labels.Events:
    """See `Predictor.events`; directions are refined."""
    found = self._inner.events(frames, threshold=threshold)
    return dataclasses.replace(found, xyz=refine(found, frames))

  def _check_threshold(self, value: float | None) -> None:
    self._inner._check_threshold(value)
