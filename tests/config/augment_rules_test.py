"""Steps of augmentation in a configuration, and what contradicts them."""

import numpy as np
import pytest

from seld_jax import config as config_lib
from seld_jax.errors import InputError


def changed(**fields):
  """The default config with other fields; names have __ for the dot."""
  config = config_lib.default()
  for name, value in fields.items():
    section, _, field = name.partition('__')
    config[section][field] = value
  return config


EVERY = (
  'symmetries()',
  'gain(max_db=10)',
  'equaliser()',
  'mixup(probability=0.3)',
  'frequency_shift()',
  'cutout()',
  'masks(share_channels=True, labels=True)',
)
# As published for SALSA: eight frames of 12.5 ms are a label frame.
SHORT = {
  'features__n_fft': 512,
  'features__hop_length': 300,
  'features__win_length': 512,
  'model__pools': ((2, 2), (2, 2), (2, 2), (1, 2), (1, 2), (1, 2)),
  'eval__test_windows': (160,),
}


@pytest.mark.parametrize(
  'fields',
  [
    {'augment__steps': EVERY},
    {'augment__steps': ('symmetries(count=48)',)},
    {'augment__steps': EVERY, 'features__format': 'mic'},
    {'augment__steps': EVERY, 'features__format': 'stereo'},
    {'augment__steps': EVERY, 'features__kind': 'salsa', **SHORT},
    {
      'augment__steps': EVERY,
      'features__format': 'mic',
      'features__kind': 'salsa_lite',
      **SHORT,
    },
    {
      'augment__steps': EVERY[1:],
      'features__format': 'mic',
      'features__kind': 'salsa',
      **SHORT,
    },
    {
      'augment__steps': ('masks()',),
      'features__layout': 'published',
      'augment__num_time_masks': 0,
      'augment__num_band_masks': 0,
    },
    {'augment__steps': EVERY, 'output__format': 'tracks'},
    {'augment__steps': EVERY, 'output__format': 'accdoa', 'output__axes': 2},
  ],
  ids=lambda fields: '-'.join(str(v) for v in fields.values())[-40:],
)
def test_steps_suit_every_format(fields):
  config = changed(**fields)
  config_lib.validate(config, num_devices=1)
  assert config_lib.from_dict(config_lib.to_dict(config)) == config
  _, _, names = config_lib.augmentation_steps(config)
  assert len(names) == len(config.augment.steps)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    (
      {'augment__steps': EVERY, 'augment__rotate': True},
      'augment.rotate = True has no effect.*--config.augment.rotate=False',
    ),
    (
      {'augment__steps': EVERY, 'augment__num_time_masks': 3},
      r'num_time_masks = 3 has no effect.*masks\(num_time_masks=3\)',
    ),
    (
      {'augment__steps': EVERY, 'augment__max_band_width': 5},
      r'set --config.augment.max_band_width=9, and write masks\(max_band_width',
    ),
    (
      {'augment__steps': EVERY, 'augment__share_channels': True},
      'share_channels = True has no effect',
    ),
    (
      {'augment__steps': ('gain(', 'masks()')},
      r"augment.steps: Step 1, 'gain\(': a step must be a call",
    ),
    (
      {'augment__steps': ('masks()', 'gain()')},
      'Step 2, .* put gain before masks',
    ),
    (
      {'augment__steps': ('rotation()',)},
      'set features.xy_correlation = True .* or use symmetries',
    ),
    (
      {
        'augment__steps': ('symmetries(count=48)',),
        'features__format': 'mic',
      },
      'mic has 8 symmetries',
    ),
    (
      {
        'augment__steps': ('symmetries()',),
        'features__format': 'mic',
        'features__num_channels': 6,
      },
      'positions of the 6 microphones',
    ),
    (
      {'augment__steps': ('gain()',), 'features__layout': 'published'},
      "gain needs features with layout = 'aligned'",
    ),
    (
      {'augment__steps': ('cutout(max_frames=601)',)},
      'max_frames must be from 1 to 600, got 601',
    ),
    (
      {
        'augment__steps': ('symmetries(count=48)',),
        'output__format': 'accdoa',
        'output__axes': 2,
      },
      'the horizon only',
    ),
    (
      {'augment__steps': ('mixup()',), 'train__batch_size': 1},
      'at least two examples, but train.batch_size = 1',
    ),
    ({'augment__steps': (1,)}, r'augment.steps\[0\] must be a string, got 1'),
  ],
)
def test_contradictions_are_one_sentence(fields, message):
  with pytest.raises(InputError, match=message) as caught:
    config_lib.validate(changed(**fields), num_devices=1)
  assert '\n' not in str(caught.value)


def test_a_trained_network_is_used_whatever_its_steps_were():
  config = changed(augment__steps=('from_the_future()',))
  config_lib.validate(config, num_devices=1, for_training=False)


def test_positions_of_microphones_are_those_of_the_file(tmp_path):
  path = tmp_path / 'array.csv'
  angles = np.deg2rad(np.arange(6) * 60)
  rows = [f'{0.05 * np.cos(a)},{0.05 * np.sin(a)},0' for a in angles]
  path.write_text('\n'.join(rows))
  config = changed(
    augment__steps=('symmetries()',),
    features__format='mic',
    features__num_channels=6,
    features__microphones=str(path),
  )
  config_lib.validate(config, num_devices=1)
  config.augment.steps = ('symmetries(count=8)',)
  with pytest.raises(InputError, match='mic has 4 symmetries here'):
    config_lib.validate(config, num_devices=1)
