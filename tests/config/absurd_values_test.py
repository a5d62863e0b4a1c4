"""No value of any field leads to an error other than a sentence."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import config as config_lib
from seld_jax.errors import InputError

DEFAULT = config_lib.default()
FIELDS = [
  f'{section}.{name}' if name else section
  for section in DEFAULT
  for name in (DEFAULT[section] if hasattr(DEFAULT[section], 'items') else [''])
]

INTEGERS = (0, 1, 2, 7, 2**31 - 1, 2**31, 10**18, 10**400, 10**5000)
NUMBERS = (0.0, 0.5, 1.0, 1e-300, 1e-38, 1e-30, 1e30, 1e300, math.inf, math.nan)
TEXTS = ('', ' ', 'x', '\0', '\n', 'a' * 5000)
PAIRS = ((1, 1), (5, 2), (300, 1), (1, 300), (0, 1), (10**400, 1))


def split(path):
  section, _, name = path.partition('.')
  return (section, name) if name else (None, section)


def get(config, path):
  section, name = split(path)
  return config[section][name] if section else config[name]


def put(config, path, value):
  section, name = split(path)
  (config[section] if section else config)[name] = value


def single_values(example):
  """Absurd values of the type of an example."""
  if isinstance(example, bool):
    return (True, False)
  if isinstance(example, int):
    return (*INTEGERS, *(-value for value in INTEGERS))
  if isinstance(example, float):
    return (*NUMBERS, *(-value for value in NUMBERS))
  if isinstance(example, str):
    return TEXTS
  return PAIRS


def values(example):
  """Absurd values for a field with this default."""
  if not isinstance(example, tuple):
    return single_values(example)
  entries = single_values((example or ('',))[0])
  return ((), *itertools.chain(*(((v,), (v, v), (v,) * 6) for v in entries)))


def sentence_of(config):
  """The refusal of a configuration; None if it is valid."""
  try:
    config_lib.validate(
      config, num_devices=1, num_recordings=400, num_segments=2000
    )
  except InputError as error:
    return str(error)
  return None


@pytest.mark.parametrize('path', FIELDS)
def test_every_value_is_valid_or_refused_in_a_sentence(path):
  for value in values(get(DEFAULT, path)):
    config = config_lib.default()
    try:
      put(config, path, value)
    except (OverflowError, TypeError):  # ConfigDict refuses it
      continue
    sentence = sentence_of(config)
    if sentence is not None:
      section, name = split(path)
      assert name in sentence
      assert section is None or '.' in sentence
      assert '\n' not in sentence
      assert len(sentence) < 400


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_several_such_values_together_are_valid_or_refused_in_a_sentence(data):
  config = config_lib.default()
  for path in data.draw(st.lists(st.sampled_from(FIELDS), max_size=8)):
    value = data.draw(st.sampled_from(values(get(DEFAULT, path))))
    try:
      put(config, path, value)
    except (OverflowError, TypeError):
      continue
  sentence = sentence_of(config)
  assert sentence is None or '\n' not in sentence


@pytest.mark.parametrize(
  'path', [path for path in FIELDS if isinstance(get(DEFAULT, path), float)]
)
@pytest.mark.parametrize('value', [math.inf, -math.inf, math.nan])
def test_every_number_must_be_finite(path, value):
  config = config_lib.default()
  put(config, path, value)
  sentence = sentence_of(config)
  assert sentence is not None
  assert sentence.startswith(f'{path} must be a finite number')


@pytest.mark.parametrize(
  ('values', 'words'),
  [
    ({'seed': 10**400}, ['seed', '401 digits']),
    ({'train': {'learning_rate': 10**400}}, ['learning_rate', '401 digits']),
    ({'train': {'num_steps': 10**18}}, ['train.num_steps', '2147483647']),
    ({'seed': 2**63}, ['seed must be at most 4294967295']),
  ],
  ids=str,
)
def test_numbers_that_programs_cannot_represent_are_refused(values, words):
  with pytest.raises(InputError) as error:
    config_lib.validate(config_lib.from_dict(values), num_devices=1)
  for word in words:
    assert word in str(error.value)


def test_more_epochs_than_a_run_can_have_steps_are_refused():
  config = config_lib.default()
  config.train.num_epochs = 2**31 - 1
  config_lib.validate(config, num_devices=1, num_recordings=64)
  sentence = None
  try:
    config_lib.validate(config, num_devices=1, num_recordings=128)
  except InputError as error:
    sentence = str(error)
  assert sentence is not None
  assert 'train.num_epochs = 2147483647 gives 4294967294 steps' in sentence
  assert 'set train.num_steps instead' in sentence


def test_blocks_of_a_pooling_must_fit_in_a_byte():
  """Positions in a block are kept in a byte (`model.layers`)."""
  config = config_lib.default()
  config.features.hop_length = 8
  config.model.filters, config.model.pools = (4,), ((300, 1),)
  with pytest.raises(InputError, match=r'model\.pools\[0\] .* 256 .* not 300'):
    config_lib.validate(config, num_devices=1)
