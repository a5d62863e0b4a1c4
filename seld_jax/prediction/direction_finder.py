"""Methods without a network that predict directions, for the same commands."""

import dataclasses
import functools
from typing import NoReturn

import jax
import numpy as np

from seld_jax import localization, outputs, scenes
from seld_jax.errors import InputError
from seld_jax.prediction.direction_stream import DirectionStream, Finder
from seld_jax.prediction.predictor import Predictor
from seld_jax.prediction.stream import Spec

# The sample rate to which recordings are resampled, and the samples of a label
# frame. Features and windows of a network do not exist here.
_SAMPLE_RATE, _LABEL_SAMPLES = 24000, 2400


@dataclasses.dataclass(frozen=True)
class _Method:
  """A method: the format of its audio, its function, and its threshold."""

  format: str
  finder: Finder
  threshold: float


# The four capsules on the rigid sphere of TAU-NIGENS.
_TETRAHEDRAL = functools.partial(scenes.array_response, 'mic')

# The thresholds give about the best F20 without classes on rendered scenes.
_METHODS = {
  'intensity': _Method('foa', localization.intensity_directions, 0.09),
  'srp': _Method(
    'mic',
    functools.partial(localization.srp_directions, steering=_TETRAHEDRAL),
    0.11,
  ),
}

# The names that `seld_jax.load` and `--model` accept.
METHODS = tuple(_METHODS)


class DirectionFinder(Predictor):
  """Predicts the directions of one or two sources, but not what they are.

  `seld_jax.load('intensity')` returns it for FOA, and `seld_jax.load('srp')`
  for the four microphones of the tetrahedral array. It has the methods of
  `Predictor`, except for `outputs` and `stream`. The only class is `sound`; the
  tracks 0 and 1 are the strongest source of a label frame and the second one.
  The activity is the share of the sound that comes from the direction, see
  `localization.Directions`.

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load('intensity')
    >>> predictor.spec.classes, predictor.spec.format
    (('sound',), 'foa')
    >>> noise = np.random.default_rng(0).uniform(-0.1, 0.1, 24000)
    >>> left = noise * np.array([[1], [1], [0], [0]])  # W, Y, Z, X
    >>> events = predictor(left, 24000).events
    >>> len(events.frame), np.round(events.xyz[0]).tolist()
    (10, [0.0, 1.0, 0.0])
  """

  def __init__(self, method: str):
    """Makes the predictor of a method.

    Args:
      method: One of `METHODS`.
    """
    chosen = _METHODS[method]
    self._finder = chosen.finder
    self._causal = None
    self.source: str = method
    self.models: tuple[str, ...] = (method,)
    self.average_symmetries: int = 1
    self.has_fixed_window: bool = True
    self.spec: Spec = Spec(
      classes=('sound',),
      format=chosen.format,
      sample_rate=_SAMPLE_RATE,
      hop_length=_LABEL_SAMPLES,
      n_fft=0,
      pad_mode='constant',
      offset=0.0,
      pool=1,
      window=1,
      threshold=chosen.threshold,
      output=outputs.make('tracks', num_classes=1, num_tracks=2),
    )

  def outputs(self, features: np.ndarray | jax.Array) -> NoReturn:
    """Refuses, because there is no network.

    Raises:
      InputError: Always.
    """
    del features
    raise InputError(
      f'{self.source} is no network, so that it has no outputs for features.'
    )

  def stream(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> NoReturn:
    """Refuses, because all label frames come at the end.

    Raises:
      InputError: Always.
    """
    del sample_rate, window, overlap, batch_size
    raise InputError(
      f'{self.source} compares each label frame with the quietest parts of the '
      'whole recording, so that it cannot predict live: predict complete '
      'recordings (python -m seld_jax.predict), or use a network.'
    )

  def _start(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> DirectionStream:
    """See `Predictor._start`."""
    del batch_size
    if window is not None or overlap:
      raise InputError(
        f'{self.source} is no network and has no windows: leave out --window '
        'and --overlap.'
      )
    return DirectionStream(self._finder, self.spec, sample_rate=sample_rate)
