"""Only one field chooses the recordings that select the checkpoint."""

import itertools

import pytest

from seld_jax import config as config_lib
from seld_jax.errors import InputError

CHOICES = {
  'data.validation_folds': (2,),
  'data.validation_rooms': ('fold3_room4',),
  'data.validation_share': 0.1,
  'eval.select_on_test': True,
}


def with_choices(names):
  config = config_lib.default()
  config.data.validation_folds = ()
  for path in names:
    section, _, name = path.partition('.')
    config[section][name] = CHOICES[path]
  return config


@pytest.mark.parametrize('name', [*CHOICES, None])
def test_one_choice_or_none_is_valid(name):
  config_lib.validate(with_choices([name] if name else []), num_devices=1)


@pytest.mark.parametrize('pair', list(itertools.combinations(CHOICES, 2)))
def test_two_choices_are_refused(pair):
  with pytest.raises(InputError) as error:
    config_lib.validate(with_choices(pair), num_devices=1)
  text = str(error.value)
  assert text.startswith(f'{pair[0]} and {pair[1]} choose different')
  # The defaults or a config may have set either, so that users empty one.
  for path in CHOICES:
    assert (f'--config.{path}=' in text) == (path in pair)


@pytest.mark.parametrize('share', [-0.1, 1.0, 7.0])
def test_a_share_is_from_0_to_below_1(share):
  config = with_choices([])
  config.data.validation_share = share
  with pytest.raises(InputError, match=r'validation_share must be .*below 1'):
    config_lib.validate(config, num_devices=1)


def test_selection_on_the_test_needs_a_test():
  config = with_choices(['eval.select_on_test'])
  config.data.test_folds = ()
  with pytest.raises(InputError, match='data.test_folds is empty: name test'):
    config_lib.validate(config, num_devices=1)


def test_a_room_is_named_once():
  config = with_choices(['data.validation_rooms'])
  config.data.validation_rooms *= 2
  with pytest.raises(InputError, match="contains 'fold3_room4' twice"):
    config_lib.validate(config, num_devices=1)
