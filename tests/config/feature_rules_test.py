"""Fields of features that contradict each other are refused in a sentence."""

import pytest

from seld_jax import config as config_lib
from seld_jax import features
from seld_jax.errors import InputError


def changed(**fields):
  """The default config with other fields of `features`, or with dots as __."""
  config = config_lib.default()
  for name, value in fields.items():
    section, _, field = name.rpartition('__')
    config[section or 'features'][field] = value
  return config


def refusal(config):
  with pytest.raises(InputError) as error:
    config_lib.validate(config, num_devices=1)
  return str(error.value)


# Frames of 12.5 ms, eight of which are a label frame.
SALSA = {
  'kind': 'salsa',
  'n_fft': 512,
  'hop_length': 300,
  'win_length': 512,
  'pad_mode': 'reflect',
  'model__pools': ((2, 2), (2, 2), (2, 2), (1, 2), (1, 2), (1, 2)),
  'eval__test_windows': (160,),
}


@pytest.mark.parametrize(
  'fields',
  [
    {'intensity': 'energy'},
    {'format': 'stereo'},
    {'format': 'stereo', 'stereo': ('side', 'phase'), 'augment__rotate': True},
    {'format': 'mic', 'num_channels': 5},
    {'format': 'mic', 'num_channels': 4, 'augment__rotate': True},
    SALSA,
    SALSA | {'augment__rotate': True},
    SALSA | {'format': 'mic', 'alias_frequency': 3000.0},
    SALSA | {'format': 'mic', 'kind': 'salsa_lite', 'augment__rotate': True},
    {'format': 'mic', 'kind': 'salsa_lite', 'augment__max_band_width': 300},
  ],
  ids=str,
)
def test_features_of_every_task_are_valid(fields):
  config = changed(**fields)
  config_lib.validate(config, num_devices=1)
  shape = features.shape(**config_lib.feature_options(config))
  assert min(shape) >= 2
  assert config_lib.from_dict(config_lib.to_dict(config)) == config


@pytest.mark.parametrize(
  ('fields', 'words'),
  [
    ({'kind': 'salza'}, ['features.kind', "mean 'salsa'"]),
    ({'intensity': 'power'}, ['features.intensity', 'norm, energy']),
    ({'kind': 'salsa_lite'}, ['features.format = mic, got foa']),
    (
      {'kind': 'salsa', 'format': 'stereo'},
      ['features.format = foa or mic, got stereo'],
    ),
    (
      {'intensity': 'energy', 'format': 'mic'},
      ['features.intensity = ', 'no effect', 'features.format = mic'],
    ),
    (SALSA | {'intensity': 'energy'}, ['features.intensity', 'no effect']),
    ({'stereo': ('mid',)}, ['features.stereo', 'features.format = foa']),
    (
      {'format': 'stereo', 'stereo': ('middle',)},
      ['features.stereo[0]', 'mid, side', "'middle'"],
    ),
    ({'format': 'stereo', 'stereo': ('mid', 'mid')}, ['twice']),
    ({'format': 'stereo', 'layout': 'published'}, ['features.layout']),
    (
      SALSA | {'n_mels': 32},
      ['features.n_mels = 32', 'no effect', '.n_mels=64'],
    ),
    (SALSA | {'top_db': 0.0}, ['features.top_db', 'no effect']),
    (SALSA | {'layout': 'published'}, ['features.layout', 'no effect']),
    ({'alias_frequency': 2000.0}, ['alias_frequency', 'no effect']),
    (
      SALSA | {'alias_frequency': 50.0},
      ['features.alias_frequency', '100 Hz', '12000 Hz', '50'],
    ),
    (SALSA | {'alias_frequency': 13000.0}, ['12000 Hz', '13000']),
    ({'num_channels': 4}, ['features.num_channels = 4', 'no effect']),
    ({'num_channels': 1, 'format': 'mic'}, ['from 2 to 32', 'got 1']),
    ({'num_channels': -3, 'format': 'mic'}, ['from 2 to 32', 'got -3']),
    ({'num_channels': 33, 'format': 'mic'}, ['from 2 to 32', 'got 33']),
    (SALSA | {'num_channels': 9, 'format': 'mic'}, ['from 2 to 8', 'salsa']),
    (
      SALSA | {'model__pools': ((8, 8), (1, 8), (1, 8), *((1, 1),) * 3)},
      ['the 200 bands of features.kind = salsa', 'model.pools'],
    ),
    (
      {'kind': 'salsa_lite', 'format': 'mic', 'n_fft': 2, 'win_length': 2},
      ['features.kind = salsa_lite', 'too short', 'Increase features.n_fft.'],
    ),
    (
      SALSA | {'format': 'mic', 'augment__rotate': True},
      ['augment.rotate', 'noise floor', 'augment.rotate=False'],
    ),
    (
      {'format': 'mic', 'num_channels': 5, 'augment__rotate': True},
      ['augment.rotate', '5 microphones', 'features.microphones'],
    ),
    (
      SALSA | {'augment__max_band_width': 201},
      ['augment.max_band_width', 'number of bands = 200'],
    ),
    ({'microphones': 'a.csv'}, ['features.microphones', 'no effect']),
    (
      {'microphones': 'a.csv', 'format': 'mic'},
      ['a.csv', 'No such file', 'x,y,z in metres'],
    ),
  ],
  ids=str,
)
def test_values_that_cannot_work_are_refused(
  fields, words, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  sentence = refusal(changed(**fields))
  for word in words:
    assert word in sentence
  assert '\n' not in sentence
  assert sentence.endswith('.')


@pytest.fixture
def square(tmp_path):
  """The file of four microphones in a square and one above them."""
  path = tmp_path / 'array.csv'
  path.write_text('x,y,z\n0.1,0,0\n0,0.1,0\n\n-0.1, 0, 0\n0,-0.1,0\n0,0,0.1\n')
  return path


def test_files_of_positions_are_small_and_regular(tmp_path):
  large = tmp_path / 'large.csv'
  large.write_bytes(b'0,0,0\n' * 200_000)
  for path, words in ('/dev/zero', 'no regular file'), (large, 'more than'):
    config = changed(format='mic', microphones=str(path))
    with pytest.raises(InputError, match=words):
      config_lib.microphone_positions(config)


def test_positions_allow_turns(square):
  config = changed(
    format='mic',
    num_channels=5,
    microphones=str(square),
    augment__rotate=True,
  )
  config_lib.validate(config, num_devices=1)
  positions = config_lib.microphone_positions(config)
  assert positions is not None
  assert positions.shape == (5, 3)
  assert positions[2].tolist() == [-0.1, 0, 0]
  assert config_lib.microphone_positions(config_lib.default()) is None
  config.features.num_channels = 4
  assert 'positions of 5 microphones' in refusal(config)
  # A network that is trained is used without the file.
  square.unlink()
  config_lib.validate(config, num_devices=1, for_training=False)


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('', ['no positions', 'x,y,z in metres']),
    ('x,y,z\n', ['no positions']),
    ('0,0\n', ['line 1', 'three numbers', "'0,0'"]),
    ('0,0,0\n1,2,three\n', ['line 2', "'1,2,three'"]),
    ('0,0,nan\n', ['line 1', 'three numbers']),
    ('0,0,5\n', ['line 1', 'in metres', '-2 to 2', 'centimetres']),
    ('0.1,0,0\n0,0.3,0\n0,0,0.2\n', ['None of the rotations', 'array.csv']),
    (b'\xff\xfe\x00\x01', ['it is not text']),
  ],
  ids=repr,
)
def test_files_that_are_no_positions_are_refused(text, words, tmp_path):
  path = tmp_path / 'array.csv'
  path.write_bytes(text if isinstance(text, bytes) else text.encode())
  sentence = refusal(
    changed(
      format='mic',
      num_channels=3,
      microphones=str(path),
      augment__rotate=True,
    )
  )
  for word in words:
    assert word in sentence
  assert '\n' not in sentence
