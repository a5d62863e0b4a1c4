"""What steps of augmentation change: audio or features, and targets."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from seld_jax import features as features_lib


class TargetFormat(Protocol):
  """What steps need of the format of targets; those of `outputs` have it."""

  @property
  def axes(self) -> int:
    """Components of a direction: 3, or 2 on the horizon."""
    ...

  def turn(self, targets: Mapping[str, Any], matrix: Any) -> dict[str, Any]:
    """Rotates or mirrors every direction."""
    ...

  def merge(
    self, targets: Mapping[str, Any], others: Mapping[str, Any]
  ) -> tuple[dict[str, Any], Any]:
    """Merges the events of two recordings; says where there was room."""
    ...

  def silence(
    self, targets: Mapping[str, Any], is_silent: Any
  ) -> dict[str, Any]:
    """Removes all events from some frames."""
    ...


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Domain:
  """The audio or features that steps change, and the format of the targets.

  `audio_domain` and `feature_domain` make it.

  Attributes:
    format: Audio format, `'foa'`, `'mic'` or `'stereo'`.
    output: The output format, from `outputs.make`, whose targets are changed
      with the sound.
    num_channels: Number of channels of the audio.
    microphones: Positions of the microphones of the format `'mic'`, with shape
      `[microphones, 3]`; None for the tetrahedral array.
    sample_rate: Sample rate in Hz.
    features: Options of the features; None for audio.
    num_frames: Number of frames of an example, if it is known; then steps check
      that their intervals are not longer.

  Example:
    >>> from seld_jax import augment, outputs
    >>> output = outputs.make('accdoa', num_classes=13)
    >>> domain = augment.audio_domain(format='mic', output=output)
    >>> domain.num_channels, domain.features
    (4, None)
  """

  format: str
  output: TargetFormat
  num_channels: int
  microphones: np.ndarray | None = None
  sample_rate: int = 24000
  features: features_lib.FeatureOptions | None = None
  num_frames: int | None = None

  @property
  def options(self) -> dict[str, Any]:
    """The arguments of the functions of `features` for these features."""
    if self.features is None:
      raise ValueError('Audio has no options of features.')
    return {'format': self.format, **dataclasses.asdict(self.features)}

  @property
  def num_levels(self) -> int:
    """Number of the first channels of the features, which are in dB."""
    if self.features is None or self.format != 'stereo':
      return self.num_channels
    return 2 + sum(name in self.features.stereo for name in ('mid', 'side'))

  @property
  def has_xy_correlation(self) -> bool:
    """Whether the features have the correlation of X and Y."""
    return (
      self.features is not None
      and self.features.kind == 'log_mel'
      and self.format == 'foa'
      and self.features.xy_correlation
    )

  @property
  def has_lags(self) -> bool:
    """Whether the other channels have lags of correlations, not bands."""
    return (
      self.features is not None
      and self.features.kind == 'log_mel'
      and self.format == 'mic'
    )


def audio_domain(
  *,
  format: str,
  output: TargetFormat,
  sample_rate: int = 24000,
  num_channels: int = 0,
  microphones: np.ndarray | None = None,
) -> Domain:
  """The domain of steps that change audio, `[channels, samples]`.

  Args:
    format: Audio format, `'foa'`, `'mic'` or `'stereo'`.
    output: The output format of the targets, from `outputs.make`.
    sample_rate: Sample rate in Hz.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    microphones: Positions x, y, z in metres of the microphones of the format
      `'mic'`, with shape `[microphones, 3]`; None for the tetrahedral array.

  Returns:
    The domain.

  Raises:
    ValueError: There is no such format, or it has another number of channels.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.audio_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=13)
    ... )
    >>> augmentation = augment.compose(
    ...   augment.rotation(domain), augment.gain(domain, max_db=10.0)
    ... )
    >>> audio = np.ones((4, 24000), np.float32)
    >>> targets = {'accdoa': np.zeros((10, 1, 13, 3), np.float32)}
    >>> turned, _ = augmentation(jax.random.key(0), audio, targets)
    >>> turned.shape
    (4, 24000)
  """
  return Domain(
    format=format,
    output=output,
    num_channels=features_lib.num_audio_channels(
      format, num_channels=num_channels
    ),
    microphones=microphones,
    sample_rate=sample_rate,
  )


def feature_domain(
  *,
  format: str,
  output: TargetFormat,
  microphones: np.ndarray | None = None,
  num_frames: int | None = None,
  **options: Any,
) -> Domain:
  """The domain of steps that change features, `[frames, bands, channels]`.

  Args:
    format: Audio format, a name in `features.FORMATS`.
    output: The output format of the targets, from `outputs.make`.
    microphones: Positions x, y, z in metres of the microphones of the format
      `'mic'`, with shape `[microphones, 3]`; None for the tetrahedral array.
    num_frames: Number of frames of an example, if it is known: then intervals
      that are longer are refused.
    **options: Fields of `features.FeatureOptions`; the others have their
      defaults.

  Returns:
    The domain.

  Raises:
    ValueError: There are no such features.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=13)
    ... )
    >>> augmentation = augment.compose(
    ...   augment.symmetries(domain, count=48), augment.gain(domain)
    ... )
    >>> features = np.zeros((8, 50, 64, 7), np.float32)  # a batch of 8
    >>> targets = {'accdoa': np.zeros((8, 10, 1, 13, 3), np.float32)}
    >>> keys = jax.random.split(jax.random.key(0), 8)
    >>> turned, _ = jax.vmap(augmentation)(keys, features, targets)
    >>> turned.shape
    (8, 50, 64, 7)
  """
  features_lib.shape(format=format, **options)
  chosen = features_lib.FeatureOptions(**options)
  return Domain(
    format=format,
    output=output,
    num_channels=features_lib.num_audio_channels(
      format, num_channels=chosen.num_channels
    ),
    microphones=microphones,
    sample_rate=chosen.sample_rate,
    features=chosen,
    num_frames=num_frames,
  )
