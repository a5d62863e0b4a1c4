"""Options and audio that features cannot be computed of, in one sentence."""

import jax.numpy as jnp
import numpy as np
import pytest

from seld_jax import features

AUDIO = np.random.default_rng(0).standard_normal((6, 4800)).astype(np.float32)


@pytest.mark.parametrize(
  'function',
  [
    lambda audio, **options: features.framewise_features(audio, **options),
    lambda audio, **options: features.window_features(audio, 5, **options),
    features.compute,
  ],
)
@pytest.mark.parametrize(
  ('channels', 'options'),
  [
    (1, {'format': 'stereo'}),
    (4, {'format': 'stereo'}),
    (6, {'format': 'mic', 'num_channels': 5}),
    (1, {'format': 'mic'}),
    (3, {'format': 'foa'}),
  ],
)
def test_other_numbers_of_channels(function, channels, options):
  with pytest.raises(ValueError, match=rf'channels .* \({channels}, 4800\)'):
    function(AUDIO[:channels], **options)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'hop_length': 0}, 'hop_length must be 1 or more, got 0'),
    ({'hop_length': -480}, 'hop_length must be 1 or more, got -480'),
    ({'n_mels': 0}, 'must be above 0, got 0 and 24000'),
    ({'sample_rate': 0}, 'must be above 0, got 64 and 0'),
    ({'top_db': -10.0}, 'top_db must be 0 or more, or None, got -10'),
  ],
)
def test_options_out_of_range(options, message):
  with pytest.raises(ValueError, match=message):
    features.compute(AUDIO[:4], format='foa', **options)


def test_salsa_lite_has_no_negative_frequencies():
  with pytest.raises(ValueError, match='alias_frequency must be 0 or more'):
    features.compute(
      AUDIO[:4], format='mic', kind='salsa_lite', alias_frequency=-3.0
    )


@pytest.mark.parametrize(
  ('low', 'high'), [(8000, 4000), (4000, 4000), (-1, 4000), (np.nan, 4000)]
)
def test_mel_bands_need_a_range(low, high):
  with pytest.raises(ValueError, match='f_min must be 0 or more and below'):
    features.mel_filter_bank(f_min=low, f_max=high)


def test_correlations_need_two_channels_and_no_more_lags_than_there_are():
  spectrum = features.stft(AUDIO, n_fft=64, win_length=64, hop_length=64)
  with pytest.raises(ValueError, match='gcc_phat needs 2 or more channels'):
    features.gcc_phat(spectrum[:1])
  for lags in (0, 65):
    with pytest.raises(ValueError, match=f'1 and n_fft = 64, got {lags}'):
      features.gcc_phat(spectrum, n_lags=lags)
  assert features.gcc_phat(spectrum, n_lags=64).shape[-1] == 64


def test_samples_are_floats_and_there_are_some():
  for kind in np.int16, np.float16, jnp.bfloat16:
    with pytest.raises(ValueError, match='float32 or float64 samples, got'):
      features.stft(jnp.asarray(AUDIO, kind))
  with pytest.raises(ValueError, match=r'more than 0 samples, .*\[6, 0\]'):
    features.stft(AUDIO[:, :0])
  with pytest.raises(ValueError, match=r'more than 1024 samples, .*1024\]'):
    features.window_features(AUDIO[:4, :1024], 1)
