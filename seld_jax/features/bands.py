"""What the bands of features are: their frequencies, and where they point."""

from typing import Any

import numpy as np

from seld_jax.features import salsa, salsa_lite
from seld_jax.features.formats import shape
from seld_jax.features.options import FeatureOptions
from seld_jax.features.spectrum import mel_centres


def band_frequencies(*, format: str, **options: Any) -> np.ndarray:
  """The frequency of each band of features.

  Args:
    format: Audio format, a name in `FORMATS`.
    **options: Fields of `FeatureOptions`; the others have their defaults.

  Returns:
    Frequencies in Hz, ascending, with shape `[bands]`: the centres of mel
    bands, the bins of SALSA-Lite, the bins and centres of groups of SALSA.

  Raises:
    ValueError: As in `compute`.

  Example:
    >>> from seld_jax import features
    >>> print(features.band_frequencies(format='foa', n_mels=4).round())
    [ 682. 1455. 2940. 5940.]
    >>> features.band_frequencies(format='mic', kind='salsa_lite')[0].item()
    46.875
  """
  chosen = FeatureOptions(**options)
  shape(format=format, **options)
  hertz = chosen.sample_rate / chosen.n_fft
  if chosen.kind == 'salsa_lite':
    return hertz * np.arange(*salsa_lite.bins(chosen))
  if chosen.kind == 'salsa':
    weights = salsa.band_filters(chosen)
    bins = np.arange(weights.shape[1])
    return hertz * (weights @ bins) / weights.sum(axis=1)
  return mel_centres(sample_rate=chosen.sample_rate, n_mels=chosen.n_mels)


def num_direction_bands(*, format: str, **options: Any) -> int:
  """Number of bands whose spatial channels are not always 0.

  Args:
    format: Audio format, a name in `FORMATS`.
    **options: Fields of `FeatureOptions`; the others have their defaults.

  Returns:
    The number of the lowest bands that have directions: all bands of log-mel,
    those below the highest frequency of the phases of SALSA and SALSA-Lite.

  Raises:
    ValueError: As in `compute`.

  Example:
    >>> from seld_jax import features
    >>> features.num_direction_bands(format='foa')
    64
    >>> features.num_direction_bands(format='mic', kind='salsa_lite', n_fft=512)
    42
  """
  chosen = FeatureOptions(**options)
  bands, _ = shape(format=format, **options)
  if chosen.kind == 'salsa':
    return salsa.direction_stop(format, chosen) - 1
  if chosen.kind == 'salsa_lite':
    return salsa_lite.phase_stop(chosen) - salsa_lite.bins(chosen)[0]
  return bands
