"""Runs that are not finished, and the settings in which runs differ."""

import json

import pytest
from helpers.finished_run import NAMES, NUM_FRAMES, change, make_run

from seld_jax import config as config_lib
from seld_jax import evaluate, json_files, labels, runs
from seld_jax.errors import InputError

DEFAULTS = config_lib.to_dict(config_lib.default())


def begin(workdir, *, lines=(), times=(), **fields):
  """Writes the directory of a run that is training."""
  workdir.mkdir()
  (workdir / 'config.json').write_text(json.dumps({**DEFAULTS, **fields}))
  for name, rows in (runs.METRICS, lines), (runs.TIMINGS, times):
    for row in rows:
      runs.append_record(workdir / name, row)
  return workdir


def timing(step, **fields):
  return {
    'step': step,
    'num_steps': 100,
    'seconds': 1.0,
    'steps_per_second': 2.0,
    'evaluation_seconds': 5.0,
    **fields,
  }


def test_a_run_that_has_just_begun(tmp_path):
  found = runs.read_training(begin(tmp_path / 'run'))
  assert (found.records, found.step, found.seconds_left) == ([], 0, None)
  assert found.num_steps is None  # only epochs are stated


def test_the_number_of_steps_of_the_config(tmp_path):
  train = DEFAULTS['train'] | {'num_steps': 7}
  assert runs.read_training(begin(tmp_path / 'run', train=train)).num_steps == 7


def test_time_left_is_that_of_steps_and_evaluations(tmp_path):
  line = {'split': 'train', 'loss': 1.0}
  found = runs.read_training(
    begin(
      tmp_path / 'run',
      lines=[{'step': step, **line} for step in (20, 40, 50)],
      times=[timing(20), timing(40)],
    )
  )
  assert (found.step, found.num_steps) == (50, 100)
  # 50 steps at 2 a second; evaluations after 60, 80 and 100.
  assert found.seconds_left == 25 + 3 * 5


def test_a_line_that_is_being_written_is_left_out(tmp_path):
  workdir = begin(
    tmp_path / 'run', lines=[{'step': 1, 'split': 'train', 'loss': 2.0}]
  )
  with (workdir / runs.METRICS).open('a') as file:
    file.write('{"step": 2, "spl')
  assert runs.read_training(workdir).step == 1


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'num_steps': 0}, r'timings\.jsonl, line 2: num_steps: expected'),
    ({'steps_per_second': 0}, r'line 2: steps_per_second: expected'),
    ({'evaluation_seconds': 'long'}, r'line 2: evaluation_seconds: expected'),
  ],
)
def test_damaged_times_are_refused(tmp_path, fields, message):
  workdir = begin(tmp_path / 'run', times=[timing(1), timing(2, **fields)])
  with pytest.raises(InputError, match=message):
    runs.read_training(workdir)


def test_a_folder_without_a_run_is_refused(tmp_path):
  with pytest.raises(InputError, match=r'no config\.json'):
    runs.read_training(tmp_path)
  with pytest.raises(InputError, match='is not a folder'):
    runs.read_training(tmp_path / 'gone')


def test_equal_configs_do_not_differ():
  assert runs.differing_fields([DEFAULTS, DEFAULTS, {}]) == {}
  assert runs.differing_fields([DEFAULTS]) == {}


def test_fields_that_differ_have_the_values_of_all():
  other = json.loads(json.dumps(DEFAULTS))
  other['seed'] = 3
  other['data'] |= {'root': 'elsewhere', 'test_folds': [1, 2]}
  found = runs.differing_fields([DEFAULTS, other, {}])
  root = DEFAULTS['data']['root']
  assert found == {
    'data.root': [root, 'elsewhere', root],
    'data.test_folds': [[1], [1, 2], [1]],
    'seed': [0, 3, 0],
  }
  order = [
    f'{section}.{name}' if isinstance(fields, dict) else section
    for section, fields in DEFAULTS.items()
    for name in (fields if isinstance(fields, dict) else [''])
  ]
  assert list(found) == [name for name in order if name in found]


def test_fields_of_a_later_version_are_compared():
  later = {**DEFAULTS, 'train': {**DEFAULTS['train'], 'warp': 9}}
  assert runs.differing_fields([DEFAULTS, later]) == {'train.warp': [None, 9]}


@pytest.mark.parametrize('edition', ['2020', '2022'])
def test_predictions_have_the_scores_of_the_run(tmp_path, edition):
  """Also those of recordings whose labels have no event."""
  workdir = make_run(tmp_path, edition=edition)
  run = runs.read_run(workdir)
  result = run.scores['results'][1]
  found = runs.read_predictions(run, result)
  assert [one.name for one in found] == list(NAMES)
  assert {one.num_frames for one in found} == {NUM_FRAMES}
  scores = evaluate.evaluate_predictions(
    [(one.name, one.reference, one.prediction) for one in found],
    edition=edition,
    num_frames={one.name: one.num_frames for one in found},
    num_classes=4,
  )
  for name, value in scores['intervals'].items():
    assert scores[name] == pytest.approx(result['scores'][name], abs=1e-6)
    assert value == pytest.approx(result['scores']['intervals'][name], abs=1e-6)
  labels.write_csv(
    tmp_path / 'data' / 'metadata_dev' / f'{NAMES[0]}.csv', labels.no_events()
  )
  again = runs.read_predictions(run, result)
  assert [len(one.reference.frame) for one in again][0] == 0


def test_labels_within_folders_are_found_beside_recordings_without(tmp_path):
  workdir = make_run(tmp_path)
  root = tmp_path / 'data'
  for folder in 'foa_dev', 'metadata_dev':
    (root / folder / 'site').mkdir()
    for path in [*(root / folder).glob('*.*')]:
      path.rename(path.parent / 'site' / path.name)
  (root / 'foa_dev' / 'site' / 'fold5_room1_mix1.wav').write_bytes(b'')
  run = runs.read_run(workdir)
  found = runs.read_predictions(run, run.scores['results'][1])
  assert [one.name for one in found] == list(NAMES)


def test_lengths_are_between_those_of_the_scores(tmp_path):
  workdir = make_run(tmp_path)
  results = json_files.read(workdir / 'scores.json')['results']
  results[1]['scores']['num_frames'] = [20, NUM_FRAMES - 1]
  change(workdir / 'scores.json', results=results)
  run = runs.read_run(workdir)
  for _ in range(2):  # with sound files, and without
    found = runs.read_predictions(run, run.scores['results'][1])
    assert {one.num_frames for one in found} == {NUM_FRAMES - 1}
    for path in (tmp_path / 'data' / 'foa_dev').iterdir():
      path.unlink()


def test_labels_of_evaluation_recordings_are_found(tmp_path):
  workdir = make_run(tmp_path)
  for folder in 'foa', 'metadata':
    root = tmp_path / 'data'
    (root / f'{folder}_dev').rename(root / f'{folder}_eval')

  results = json_files.read(workdir / 'scores.json')['results']
  results[1]['name'] = 'evaluation'
  change(workdir / 'scores.json', results=results)
  run = runs.read_run(workdir)
  result = run.scores['results'][1]
  found = runs.read_predictions(run, result)
  assert [one.name for one in found] == list(NAMES)
  assert all(one.audio.is_file() for one in found)
