"""The options of the feature functions, with their defaults."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureOptions:
  """Options of all features, as one value.

  Its fields are the options of `compute`; a feature function has those of them
  that it uses. The defaults are the features of the DCASE 2020 baseline.

  Attributes:
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of a cross-correlation.
    top_db: Each log-mel channel is clipped at this many dB below its own
      maximum (stereo: below that of both channels); None for no clipping.
    offset: Added to the audio before everything else.
    pad_mode: How both ends of the audio are padded by `n_fft // 2` samples:
      `'constant'` (zeros), `'reflect'`, or `'given'`, where the audio already
      contains these samples (see `window_features`).
    layout: Order of the features: `'aligned'` or `'published'` (see `stack`).
    kind: `'log_mel'` (log-mel spectrograms and the spatial features of the
      format), `'salsa'` (see `salsa_features`) or `'salsa_lite'` (see
      `salsa_lite_features`). Only `'log_mel'` uses `n_mels`, `top_db` and
      `layout`.
    intensity: What the intensity vector of FOA is divided by: `'norm'` or
      `'energy'` (see `intensity_vector`).
    xy_correlation: Whether log-mel features of FOA have one more channel, the
      correlation of X and Y (see `foa_features`).
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    stereo: Further channels of stereo features (see `stereo_features`).
    alias_frequency: Frequency in Hz from which on the spatial channels of
      `'salsa'` and `'salsa_lite'` are 0; 0 for the published one.

  Example:
    >>> from seld_jax import features
    >>> options = features.FeatureOptions(hop_length=600)
    >>> options.sample_rate / options.hop_length  # frames per second
    40.0
  """

  sample_rate: int = 24000
  n_fft: int = 1024
  hop_length: int = 480
  win_length: int = 960
  n_mels: int = 64
  top_db: float | None = 80.0
  offset: float = 1e-8
  pad_mode: str = 'constant'
  layout: str = 'aligned'
  kind: str = 'log_mel'
  intensity: str = 'norm'
  xy_correlation: bool = False
  num_channels: int = 0
  stereo: tuple[str, ...] = ()
  alias_frequency: float = 0.0


DEFAULTS = FeatureOptions()
