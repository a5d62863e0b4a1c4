"""`data.edition` and `data.class_map` set the fields that they stand for."""

import pytest

from seld_jax import config as config_lib
from seld_jax import labels
from seld_jax.errors import InputError


def changed(**fields):
  config = config_lib.default()
  for path, value in fields.items():
    section, _, name = path.rpartition('__')
    config[section][name] = value
  return config


def refusal(config, **options):
  with pytest.raises(InputError) as error:
    config_lib.resolve(config, **options)
  assert '\n' not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize(
  ('year', 'classes', 'unit'),
  [
    ('2019', labels.TAU2019_CLASSES, 'm'),
    ('2020', labels.TAU2020_CLASSES, ''),
    ('2021', labels.TAU2021_CLASSES, ''),
    ('2022', labels.STARSS_CLASSES, ''),
    ('2023', labels.STARSS_CLASSES, 'cm'),
    ('2024', labels.STARSS_CLASSES, 'cm'),
    ('2025', labels.STARSS_CLASSES, 'cm'),
  ],
)
def test_an_edition_is_one_word_for_its_dataset(year, classes, unit):
  data = config_lib.resolve(changed(data__edition=year)).data
  assert (data.classes, data.csv_edition) == (classes, year)
  assert data.distance_unit == unit
  assert data.edition == year
  # The unit is the one that label files of this edition have anyway.
  form = labels.EDITIONS[year][0]
  if unit:
    assert labels.DISTANCE_UNITS[form] == {'m': 1.0, 'cm': 0.01}[unit]
  else:
    assert form not in labels.DISTANCE_UNITS


@pytest.mark.parametrize('year', ['2019', '2022', '2025'])
def test_an_edition_also_sets_the_scores(year):
  resolved = config_lib.resolve(changed(data__edition=year))
  assert resolved.eval.edition == year


def test_without_these_fields_nothing_changes():
  config = config_lib.default()
  config.seed = 3
  assert config_lib.resolve(config) == config


def test_other_values_win_over_the_edition():
  config = changed(
    data__edition='2024',
    data__classes=('a', 'b'),
    data__csv_edition='2022',
    data__distance_unit='m',
    eval__edition='2023',
  )
  assert config_lib.resolve(config) == config
  resolved = config_lib.resolve(
    changed(data__edition='2023', data__class_map='2020')
  )
  assert resolved.data.classes == labels.TAU2020_CLASSES
  assert resolved.data.csv_edition == '2023'


def test_to_resolve_leaves_the_given_config_and_is_done_once():
  config = changed(data__edition='2023')
  resolved = config_lib.resolve(config)
  assert config.data.csv_edition == ''
  assert config_lib.resolve(resolved) == resolved
  assert resolved.is_locked
  # What config.json keeps is complete.
  assert config_lib.from_dict(config_lib.to_dict(resolved)) == resolved


def test_a_file_of_classes_is_not_needed_again(tmp_path):
  path = tmp_path / 'classes.txt'
  path.write_text('speech\ndoor\n')
  resolved = config_lib.resolve(changed(data__class_map=str(path)))
  assert resolved.data.classes == ('speech', 'door')
  path.unlink()
  kept = config_lib.from_dict(config_lib.to_dict(resolved))
  config_lib.validate(kept, num_devices=1, for_training=False)
  assert config_lib.output_format(kept).num_classes == 2
  assert config_lib.resolve(kept) == kept
  assert 'There is no class map' in refusal(kept, stated=['data.class_map'])


@pytest.mark.parametrize(
  ('fields', 'words'),
  [
    ({'data__edition': '2018'}, "2024, 2025, or empty, got '2018'"),
    ({'data__class_map': 'stars'}, "There is no class map 'stars'"),
    (
      {'data__class_map': 'starss', 'data__classes': ('a', 'b')},
      "data.class_map = starss has the classes ('female_speech',",
    ),
  ],
)
def test_contradictions_are_one_sentence(fields, words):
  assert words in refusal(changed(**fields))


def test_a_stated_default_is_not_changed_without_a_word():
  config = changed(data__edition='2023')
  text = refusal(config, stated=['data.edition', 'eval.edition'])
  assert "eval.edition = '2020' is the default" in text
  assert 'data.class_map=starss' in text
  assert 'data.classes has (' in refusal(config, stated=['data.classes'])
  config_lib.resolve(config, stated=['data.edition', 'train.batch_size'])
  config.data.edition = '2020'
  config_lib.resolve(config, stated=['eval.edition', 'data.classes'])
