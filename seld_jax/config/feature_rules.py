"""The rules for the fields of `config.features`."""

import shlex
from typing import Any

from seld_jax import augment
from seld_jax import features as features_lib
from seld_jax.config.defaults import feature_options
from seld_jax.config.field_types import check as _check
from seld_jax.config.field_types import one_of
from seld_jax.config.microphones import microphone_positions
from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown

# Most microphones of an array, by the kind of features: pairs of more need too
# much memory, and covariance matrices of more take too long.
_MOST_CHANNELS = {'log_mel': 32, 'salsa': 8, 'salsa_lite': 32}

# Lowest frequency in Hz from which on phases may be left out.
_LOWEST_ALIAS = 100.0

# Fields that only some kinds of features use.
_OF_KIND = {
  'n_mels': ('log_mel',),
  'top_db': ('log_mel',),
  'layout': ('log_mel',),
  'intensity': ('log_mel',),
  'xy_correlation': ('log_mel',),
  'stereo': ('log_mel',),
  'alias_frequency': ('salsa', 'salsa_lite'),
}

# Fields that only some audio formats use.
_OF_FORMAT = {
  'num_channels': ('mic',),
  'microphones': ('mic',),
  'intensity': ('foa',),
  'xy_correlation': ('foa',),
  'stereo': ('stereo',),
  'layout': ('foa', 'mic'),
}


def check_kind(config: Config, example: Config) -> None:
  """Checks kind and channels of features, and that each field has an effect.

  Args:
    config: The configuration; names of format and kind are known.
    example: The default configuration.

  Raises:
    InputError: A field has no effect or a value that cannot work.
  """
  feats = config.features
  formats = features_lib.KINDS[feats.kind]
  _check(
    feats.format in formats,
    f'features.kind = {feats.kind} needs features.format = '
    f'{" or ".join(formats)}, got {feats.format}.',
  )
  for field, used_by in (('kind', _OF_KIND), ('format', _OF_FORMAT)):
    for name, users in used_by.items():
      value, default_value = feats[name], example.features[name]
      _check(
        feats[field] in users or value == default_value,
        f'features.{name} = {shown(value)} has no effect, because '
        f'features.{field} = {feats[field]} does not use it; set it to its '
        f'default: --config.features.{name}={shlex.quote(str(default_value))}.',
      )
  most = _MOST_CHANNELS[feats.kind]
  _check(
    feats.num_channels == 0 or 2 <= feats.num_channels <= most,
    f'features.num_channels must be from 2 to {most} microphones with '
    f'features.kind = {feats.kind}, or 0 for four, got {feats.num_channels}.',
  )
  for index, name in enumerate(feats.stereo):
    one_of(f'features.stereo[{index}]', name, features_lib.STEREO_CHANNELS)
    _check(
      name not in feats.stereo[:index],
      f'features.stereo contains {name!r} twice: remove one.',
    )
  highest = feats.sample_rate / 2
  _check(
    feats.alias_frequency == 0
    or _LOWEST_ALIAS <= feats.alias_frequency <= highest,
    f'features.alias_frequency must be from {_LOWEST_ALIAS:g} Hz to half the '
    f'sample rate, {highest:g} Hz, or 0 for the published frequency, got '
    f'{feats.alias_frequency:g}.',
  )
  try:
    features_lib.shape(**feature_options(config))
  except ValueError as error:
    raise InputError(
      f'features.kind = {feats.kind} does not work with these features: '
      f'{error} Increase features.n_fft.'
    ) from error


def check_turns(config: Config) -> None:
  """Checks that training examples can be rotated if they shall be.

  Args:
    config: The configuration; its features exist.

  Raises:
    InputError: These features cannot be turned exactly, or the positions of the
      microphones are missing or wrong.
  """
  feats = config.features
  positions = microphone_positions(config)
  options: dict[str, Any] = feature_options(config)
  count = features_lib.num_audio_channels(
    feats.format, num_channels=feats.num_channels
  )
  _check(
    positions is None or len(positions) == count,
    f'{feats.microphones} has the positions of '
    f'{0 if positions is None else len(positions)} microphones, but '
    f'features.num_channels is {feats.num_channels}'
    f'{"" if feats.num_channels else f", which means {count}"}: correct one of '
    'the two.',
  )
  if not config.augment.rotate:
    return
  _check(
    feats.layout == 'aligned',
    f'augment.rotate needs features.layout = aligned, got {feats.layout}.',
  )
  _check(
    feats.format != 'mic' or feats.kind != 'salsa',
    'augment.rotate cannot turn features.kind = salsa of microphones exactly, '
    'because its noise floor is that of the first microphone: set '
    '--config.augment.rotate=False, or --config.features.kind=salsa_lite.',
  )
  _check(
    feats.format != 'mic' or count == 4 or positions is not None,
    f'augment.rotate needs the positions of the {count} microphones: set '
    '--config.features.microphones to a CSV file with a row x,y,z in metres '
    'for each, or --config.augment.rotate=False.',
  )
  try:
    augment.make_turns(microphones=positions, **options)
  except ValueError as error:
    raise InputError(
      f'augment.rotate: {error} Set --config.augment.rotate=False, or correct '
      f'the positions in {feats.microphones}: x,y,z in metres from the centre '
      'of the array.'
    ) from error
