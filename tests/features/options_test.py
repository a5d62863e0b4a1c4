"""The defaults of the feature options are the same wherever they appear."""

import dataclasses
import inspect

import pytest

from seld_jax import config as config_lib
from seld_jax import features

DEFAULTS = dataclasses.asdict(features.FeatureOptions())

# Options of some kinds and formats only.
OF_OTHERS = {'kind', 'num_channels', 'stereo', 'alias_frequency'}


@pytest.mark.parametrize(
  ('function', 'missing'),
  [
    (features.foa_features, OF_OTHERS),
    (features.mic_features, OF_OTHERS | {'intensity', 'xy_correlation'}),
    (
      features.stereo_features,
      OF_OTHERS - {'stereo'} | {'layout', 'intensity', 'xy_correlation'},
    ),
    (features.window_features, {'pad_mode'}),
    (features.framewise_features, {'top_db', 'layout'}),
  ],
)
def test_keywords_are_the_fields_of_feature_options(function, missing):
  keywords = {
    name: parameter.default
    for name, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != 'format'
  }
  expected = {k: v for k, v in DEFAULTS.items() if k not in missing}
  assert keywords == expected


def test_a_config_has_the_same_defaults():
  config = dict(config_lib.default().features)
  del config['format'], config['microphones']
  assert config == DEFAULTS
