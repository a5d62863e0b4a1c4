"""Run directories that anyone may have written, read field by field."""

import json
import math
import os

import pytest

from seld_jax import config as config_lib
from seld_jax import metrics, runs
from seld_jax.errors import InputError

SCORES = {
  'ER20': 0.5,
  'F20': 0.5,
  'LE_CD': 20.0,
  'LR_CD': None,
  'seld_score': 0.4,
  'intervals': {'ER20': [0.4, 0.6], 'F20': None},
  'num_frames': [600, 700],
  'per_class': {'dog': {'ER20': 0.5, 'reference_segments': 3}},
}
RESULT = {
  'name': 'test',
  'folds': [1],
  'window_seconds': 12,
  'num_recordings': 2,
  'predictions': 'predictions/test',
  'scores': SCORES,
}
CONTENT = {
  'selected_step': 2,
  'num_steps': 4,
  'num_parameters': 10,
  'selection': 'lowest seld_score on fold 2',
  'results': [RESULT],
}


@pytest.fixture
def workdir(tmp_path):
  config = config_lib.to_dict(config_lib.default())
  (tmp_path / 'config.json').write_text(json.dumps(config))
  (tmp_path / 'scores.json').write_text(json.dumps(CONTENT))
  runs.append_record(
    tmp_path / runs.METRICS, {'step': 2, 'split': 'train', 'loss': 0.5}
  )
  return tmp_path


def test_a_run_is_read_as_it_is(workdir):
  run = runs.read_run(workdir)
  assert run.scores == CONTENT
  assert run.config == config_lib.to_dict(config_lib.default())
  assert run.records == [{'step': 2, 'split': 'train', 'loss': 0.5}]


@pytest.mark.parametrize(
  ('path', 'value', 'words'),
  [
    ('data.classes', [1, 2], r'data\.classes\[0\] must be a string, got 1'),
    ('data.classes', 'dog', r'data\.classes must be a tuple'),
    ('data.classes', [], r'data\.classes must have 1 to 5000 classes, got 0'),
    (
      'data.classes',
      [f'class {index}' for index in range(5001)],
      r'data\.classes must have 1 to 5000 classes, got 5001',
    ),
    ('data.classes', None, r'data\.classes must be a tuple'),
    ('data.root', 5, r'data\.root must be a string, got 5'),
    ('data.root', None, r'data\.root must be a string, got None'),
    ('data.root', 'a\0b', 'null character'),
    ('data.root', '\ud800', 'not UTF-8'),
    ('data.train_folds', ['x'], r'train_folds\[0\] must be an integer'),
    ('data', 5, r'has no field data\.root'),
    ('model', 5, r'model must hold the fields of a section, got 5'),
    ('model.pools', [[1]], r'pools\[0\] must be a tuple of 2 numbers'),
    ('features.format', 'x/../y', r'features\.format must be one of foa, mic'),
    ('features.n_mels', True, r'n_mels must be an integer, got True'),
    ('seed', {'a': 1}, r'no field config\.seed\.a|seed must be'),
  ],
)
def test_fields_of_the_configuration_have_their_types(
  workdir, path, value, words
):
  values = json.loads((workdir / 'config.json').read_text())
  section, _, field = path.partition('.')
  if field:
    values[section][field] = value
  else:
    values[section] = value
  (workdir / 'config.json').write_text(json.dumps(values))
  if section == 'seed':
    with pytest.raises(InputError, match=rf'config\.json.*({words})'):
      runs.read_config(workdir)
    return
  with pytest.raises(InputError, match=rf'config\.json.*{words}'):
    runs.read_run(workdir)
  with pytest.raises(InputError, match=r'config\.json'):
    runs.read_config(workdir)


def test_fields_of_a_later_version_are_kept_for_a_report(workdir):
  values = json.loads((workdir / 'config.json').read_text())
  values['data']['later'] = 1
  values['new'] = {'field': 'x'}
  (workdir / 'config.json').write_text(json.dumps(values))
  assert runs.read_run(workdir).config == values
  with pytest.raises(InputError, match='no field config.data.later'):
    runs.read_config(workdir)


def replaced(value, place, new):
  """A copy of JSON with another value in one place."""
  if not place:
    return new
  key, *rest = place
  if isinstance(value, list):
    return [
      replaced(one, rest, new) if index == key else one
      for index, one in enumerate(value)
    ]
  return value | {key: replaced(value.get(key), rest, new)}


@pytest.mark.parametrize(
  ('place', 'new', 'words'),
  [
    (['selected_step'], '2', 'selected_step: expected int, got str'),
    (['selected_step'], True, 'selected_step: expected int, got bool'),
    (['num_steps'], -1, 'num_steps: expected int >= 0'),
    (['num_steps'], 10**400, 'num_steps'),
    (['num_parameters'], 'x', r'num_parameters: expected int \| null'),
    (['selection'], 3, 'selection: expected str, got int'),
    (['edition'], 2022, 'edition: expected str, got int'),
    (['edition'], '2030', "edition must be one of 2019, .*, got '2030'"),
    (['edition'], '2024', r'results\[0\].scores: .*field DOAE'),
    (
      ['results', 0, 'scores', 'edition'],
      '2021',
      "scores are of .* '2021', but",
    ),
    (['results'], {}, 'results: expected array, got object'),
    (['results', 0], 5, r'results\[0\]: expected object, got int'),
    (['results', 0, 'name'], '', r'results\[0\]\.name: expected str matching'),
    (
      ['results', 0, 'name'],
      'other',
      r'results\[0\]\.name: expected str match',
    ),
    (['results', 0, 'name'], 'test_<b>', r'results\[0\]\.name: expected str'),
    (['results', 0, 'folds'], [[]], r'folds\[0\]: expected int, got array'),
    (
      ['results', 0, 'window_seconds'],
      0,
      r'window_seconds: expected float > 0',
    ),
    (['results', 0, 'num_recordings'], None, 'num_recordings: expected int'),
    (['results', 0, 'predictions'], 7, 'predictions: expected str, got int'),
    (
      ['results', 0, 'scores'],
      [],
      r'scores: expected object \| null, got array',
    ),
    (['results', 0, 'scores', 'ER20'], '0.5', r'ER20: expected float \| null'),
    (['results', 0, 'scores', 'ER20'], 10**400, 'scores'),
    (['results', 0, 'scores', 'F20'], 1e308, r'F20: expected float <= 1'),
    (
      ['results', 0, 'scores', 'intervals'],
      {'ER20': [-1e308, 1e308]},
      'intervals.*: expected float >= -1',
    ),
    (['results', 0, 'scores', 'intervals'], {'ER20': [1]}, 'intervals'),
    (['results', 0, 'scores', 'intervals'], {'ER20': 'ab'}, 'intervals'),
    (['results', 0, 'scores', 'num_frames'], 10**12, 'num_frames'),
    (['results', 0, 'scores', 'num_frames'], [], 'num_frames'),
    (['results', 0, 'scores', 'per_class'], {'a': {}}, 'reference_segments'),
    (['results', 0, 'scores', 'per_class'], {'a': 1}, 'per_class'),
    (
      ['results', 0, 'scores', 'per_class', 'dog', 'ER20'],
      'x',
      r'per_class.*: expected float \| null, got str',
    ),
  ],
)
def test_fields_of_the_scores_have_their_types(workdir, place, new, words):
  text = json.dumps(replaced(CONTENT, place, new))
  (workdir / 'scores.json').write_text(text)
  with pytest.raises(InputError, match=rf'scores\.json.*{words}.* Delete') as e:
    runs.read_run(workdir)
  assert len(str(e.value)) < 500


@pytest.mark.parametrize('edition', metrics.EDITIONS)
def test_scores_are_those_of_the_edition(workdir, edition):
  """Other names are refused, and so are those of 2020 that are not its own."""
  names = metrics.main_scores(edition)
  numbers = dict.fromkeys(names, 0.5)
  scores = numbers | {
    'edition': edition,
    'intervals': dict.fromkeys(names),
    'per_class': {'dog': numbers | {'reference_segments': 3}},
  }
  content = CONTENT | {'edition': edition}
  content |= {'results': [RESULT | {'scores': scores}]}
  (workdir / 'scores.json').write_text(json.dumps(content))
  assert runs.edition_of(runs.read_scores(workdir)) == edition
  del scores[names[0]]
  (workdir / 'scores.json').write_text(json.dumps(content))
  with pytest.raises(InputError, match=f'missing required field {names[0]}'):
    runs.read_scores(workdir)


@pytest.mark.parametrize(
  ('record', 'words'),
  [
    ({'step': 3, 'split': ['train']}, r"split must be .*, got \['train'\]"),
    ({'step': 3, 'split': 'x' * 10**5}, r'split must be one of train'),
    ({'step': 3}, r'split must be one of .*, got None'),
    ({'step': '3', 'split': 'train'}, 'an integer step'),
    ({'step': 3.0, 'split': 'train'}, 'an integer step'),
    ({'step': -3, 'split': 'train'}, 'step'),
    ({'step': 10**400, 'split': 'train'}, 'step'),
    ({'step': 3, 'split': 'train', 'loss': 'x'}, r'float \| null, got str'),
    ({'step': 3, 'split': 'train', 'loss': [1]}, r"'loss': expected float"),
    (
      {'step': 3, 'split': 'train', 'loss': 10**400},
      "'loss': number out of range",
    ),
    ({'step': 3, 'split': 'validation', 'loss': 1e308}, 'to 1e.100, got 1e.30'),
    ({'step': 3, 'split': 'test', 'ER20': -1e308}, "'ER20': expected a float"),
    ([], 'an integer step'),
    (None, 'an integer step'),
  ],
)
def test_records_have_a_step_a_split_and_numbers(workdir, record, words):
  with (workdir / runs.METRICS).open('a') as file:
    file.write(json.dumps(record) + '\n')
  with pytest.raises(
    InputError, match=rf'metrics\.jsonl, line 2.*{words}'
  ) as e:
    runs.read_run(workdir)
  assert len(str(e.value)) < 500


def test_a_loss_may_be_infinite_or_undefined(workdir):
  for loss in math.inf, math.nan, 3e38:
    record = {'step': 3, 'split': 'validation', 'loss': loss}
    runs.append_record(workdir / runs.METRICS, record)
  assert len(runs.read_run(workdir).records) == 4


@pytest.mark.parametrize('folder', ['/etc', '../other', 'a/../../b', 'link'])
def test_predictions_outside_of_the_run_are_refused(workdir, folder):
  run = workdir / 'run'
  run.mkdir()
  (run / 'link').symlink_to(workdir)
  with pytest.raises(InputError, match='outside of'):
    runs.predictions_folder(run, {'predictions': folder})
  inside = {'predictions': 'predictions/test'}
  linked = workdir / 'linked'
  linked.symlink_to(run)
  assert (
    runs.predictions_folder(linked, inside) == linked / inside['predictions']
  )


def test_special_files_are_not_read(workdir):
  (workdir / runs.METRICS).unlink()
  os.mkfifo(workdir / runs.METRICS)
  with pytest.raises(
    InputError, match=r'metrics\.jsonl must be a file .*a pipe or'
  ):
    runs.read_run(workdir)
  (workdir / runs.METRICS).unlink()
  (workdir / runs.METRICS).symlink_to('/dev/zero')
  with pytest.raises(InputError, match='but is a pipe or a device'):
    runs.read_run(workdir)
  (workdir / runs.METRICS).unlink()
  (workdir / runs.METRICS).mkdir()
  with pytest.raises(InputError, match='but is a folder'):
    runs.read_run(workdir)
  (workdir / 'scores.json').unlink()
  (workdir / 'scores.json').symlink_to('/dev/zero')
  with pytest.raises(InputError, match=r'has no scores\.json'):
    runs.read_run(workdir)
  with pytest.raises(InputError, match=r'scores\.json'):
    runs.read_scores(workdir)
