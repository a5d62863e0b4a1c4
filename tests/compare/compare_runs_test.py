"""Runs are compared on the same recordings, with the scores of evaluate."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.finished_run import HOSTILE, NAMES, NUM_FRAMES, change

from seld_jax import compare, evaluate, json_files, labels, metrics, runs
from seld_jax.errors import InputError


def by_hand(workdir, names=NAMES):
  """Counts of the test of a run, read without `compare`."""
  root = json_files.read(workdir / 'config.json')['data']['root']
  folders = f'{root}/metadata_dev', workdir / 'predictions' / 'test'
  count = len(HOSTILE)
  reference, predicted = (
    [
      labels.read_csv(f'{folder}/{name}.csv', num_classes=count)
      for name in names
    ]
    for folder in folders
  )
  return metrics.counts_each(
    zip(reference, predicted, strict=True),
    num_frames=NUM_FRAMES,
    num_classes=count,
  )


def test_scores_and_differences_are_those_of_metrics(made, caplog):
  paths = [made / 'runs' / name for name in ('tiny', 'other')]
  found = compare.compare_systems(
    compare.read_runs(paths), class_names=HOSTILE, seed=3, resamples=40
  )
  assert list(found.results) == ['tiny', 'other'] and found.baseline == 'tiny'
  assert (found.edition, found.recordings, found.left_out) == ('2020', NAMES, 0)
  for path in paths:
    stored = json_files.read(path / 'scores.json')['results'][1]['scores']
    result = found.results[path.name]
    for name, value in stored['intervals'].items():
      assert result[name] == pytest.approx(stored[name])
      assert result['intervals'][name] == pytest.approx(value)
    for group, part in stored['per_class'].items():
      assert result['per_class'][group] == pytest.approx(part)
  assert not caplog.messages  # the scores are those of scores.json
  drawn = metrics.draw_recordings(np.random.default_rng(3), 4, resamples=40)
  expected = metrics.paired_differences(
    *map(by_hand, paths), drawn=drawn, class_indices=range(4)
  )
  assert list(found.differences) == ['other']
  for one, other in zip(found.differences['other'], expected, strict=True):
    for name, difference in one.items():
      assert difference.value == pytest.approx(other[name].value, nan_ok=True)
      for kind in 'jackknife', 'bootstrap':
        assert getattr(difference, kind) == pytest.approx(
          getattr(other[name], kind), nan_ok=True
        )


def test_a_copy_of_a_run_has_no_differences(folder, tmp_path):
  (folder / 'tiny').rename(tmp_path / 'one')
  paths = [tmp_path / 'one', folder / 'other']
  for path in (paths[1] / 'predictions' / 'test').iterdir():
    source = paths[0] / 'predictions' / 'test' / path.name
    path.write_bytes(source.read_bytes())
  systems = compare.read_runs(paths, names=['first', 'second'])
  found = compare.compare_systems(systems, resamples=20)
  for part in found.differences['second']:
    for one in part.values():
      numbers = [one.value, *one.jackknife, *one.bootstrap]
      assert set(numbers) == {0.0} and not one.excludes_zero


def test_a_run_without_scores_has_curves_and_settings_only(made):
  systems = compare.read_runs(
    [made / 'runs' / name for name in ('young', 'tiny', 'other')]
  )
  assert systems[0].found is None
  assert systems[0].training and systems[0].training.step == 200
  found = compare.compare_systems(systems, resamples=0)
  assert found.baseline == 'tiny' and list(found.differences) == ['other']
  (settings,) = [
    one for one in compare.make_tables(found) if one.kind == 'settings'
  ]
  assert settings.columns == ('field', 'young', 'tiny', 'other')
  assert [[text for text, _ in row] for row in settings.rows] == [
    ['seed', '7', '0', '5'],
    ['train.batch_size', '64', '64', '8'],
  ]


def test_a_finished_run_without_scores_is_no_young_one(folder):
  change(folder / 'other' / 'scores.json', results=[])
  paths = [folder / name for name in ('tiny', 'other', 'young')]
  _, other, young = compare.read_runs(paths)
  assert other.found is None and young.found is None
  assert 'is finished, but none of its results' in other.note
  assert not young.note


def test_missing_recordings_are_refused_or_left_out(folder):
  paths = [folder / 'tiny', folder / 'other']
  (paths[1] / 'predictions' / 'test' / f'{NAMES[2]}.csv').unlink()
  with pytest.raises(InputError, match='for 3 recordings .* is of 4.*--common'):
    compare.read_runs(paths)
  systems = compare.read_runs(paths, common=True)
  with pytest.raises(
    InputError, match=f'other has no predictions for {NAMES[2]}, but tiny has'
  ):
    compare.compare_systems(systems)
  found = compare.compare_systems(systems, common=True)
  rest = (*NAMES[:2], NAMES[3])
  assert (found.recordings, found.left_out) == (rest, 1)
  expected = metrics.scores(metrics.merge(by_hand(paths[0], rest)))
  assert found.results['tiny']['F20'] == pytest.approx(expected.F20)


def test_other_labels_are_refused(folder, made, tmp_path):
  """A dataset with the same names, but with other events."""
  config = json_files.read(folder / 'other' / 'config.json')
  data = tmp_path / 'data'
  for path in (made / 'data' / 'metadata_dev').iterdir():
    events = labels.read_csv(path, num_classes=len(HOSTILE))
    keep = np.arange(len(events.frame) - 5)
    labels.write_csv(
      data / 'metadata_dev' / path.name, labels.choose_rows(events, keep)
    )
  moved = {**config['data'], 'root': str(data)}
  change(folder / 'other' / 'config.json', data=moved)
  systems = compare.read_runs([folder / 'tiny', folder / 'other'])
  with pytest.raises(InputError, match='different labels for fold1_room1_mix0'):
    compare.compare_systems(systems)


def test_a_dataset_that_was_moved_is_named(folder):
  config = json_files.read(folder / 'other' / 'config.json')
  data = {**config['data'], 'root': '/nowhere'}
  change(folder / 'other' / 'config.json', data=data)
  with pytest.raises(InputError, match='/nowhere, which does.*--reference=DIR'):
    compare.read_runs([folder / 'tiny', folder / 'other'])


def test_labels_that_changed_after_the_test_are_told(folder, caplog):
  path = folder / 'other' / 'predictions' / 'test' / f'{NAMES[0]}.csv'
  path.write_text('')
  compare.read_runs([folder / 'tiny', folder / 'other'])
  (text,) = caplog.messages
  assert 'scores.json says' in text and 'have changed since its test' in text


def test_runs_with_other_classes_are_refused(folder):
  config = json_files.read(folder / 'other' / 'config.json')
  data = {**config['data'], 'classes': [*HOSTILE[:3], 'cat']}
  change(folder / 'other' / 'config.json', data=data)
  with pytest.raises(InputError, match="class 3 is 'dog.* and 'cat' in"):
    compare.read_runs([folder / 'tiny', folder / 'other'])
  data['classes'] = HOSTILE[:3]
  change(folder / 'other' / 'config.json', data=data)
  with pytest.raises(InputError, match='and no class in the other'):
    compare.read_runs([folder / 'tiny', folder / 'other'])


def test_results_by_name(made):
  paths = [made / 'runs' / name for name in ('tiny', 'other')]
  for system in compare.read_runs(paths, result='validation'):
    assert system.about.startswith('validation, fold 2, windows of 6 s')
  with pytest.raises(InputError, match=r'--result=test_2s is not .*tiny: val'):
    compare.read_runs(paths, result='test_2s')


def test_other_editions_are_refused_unless_one_is_stated(folder):
  change(folder / 'other' / 'scores.json', edition='2021')
  results = json_files.read(folder / 'other' / 'scores.json')['results']
  for result in results:
    result['scores']['edition'] = '2021'
  change(folder / 'other' / 'scores.json', results=results)
  paths = [folder / 'tiny', folder / 'other']
  with pytest.raises(InputError, match='edition is 2020 and 2021.*--edition'):
    compare.compare_systems(compare.read_runs(paths))
  found = compare.compare_systems(compare.read_runs(paths, edition='2022'))
  assert found.edition == '2022' and 'F20_micro' in found.results['tiny']


def test_folders_that_hold_no_run_are_refused(made, tmp_path):
  with pytest.raises(InputError, match=r'no config\.json'):
    compare.read_runs([made / 'runs' / 'tiny', tmp_path])
  with pytest.raises(InputError, match='is given twice'):
    compare.read_runs([made / 'runs' / 'tiny'] * 2)
  with pytest.raises(InputError, match='each of the 2 systems, got 1'):
    compare.read_runs([made, tmp_path], names=['one'])


def test_systems_with_one_name_are_refused():
  with pytest.raises(InputError, match="have the name 'a'"):
    compare.compare_systems([compare.System('a'), compare.System('a')])


@pytest.mark.parametrize(
  ('paths', 'names'),
  [
    (['a'], ['a']),
    (['runs/a', 'old/b'], ['a', 'b']),
    (['runs/a', 'old/a'], ['runs', 'old']),
    (['runs/a/csv', 'old/a/csv', 'old/csv'], ['runs/a', 'old/a', 'old']),
  ],
)
def test_short_names_differ(paths, names):
  assert compare.short_names(paths) == names


def folders(names, predictions, **fields):
  silence = [labels.no_events()] * len(names)
  return evaluate.Folders(
    **{'edition': '2020', 'names': names, 'references': silence}
    | {'predictions': predictions, 'num_classes': 14, 'num_frames': 10}
    | {'length_rule': None, **fields}
  )


def test_the_order_of_files_does_not_matter():
  front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
  silence = labels.no_events()
  one = folders(['a', 'b'], [front, silence])
  two = folders(['b', 'a'], [silence, front])
  found = compare.compare_systems(
    [compare.System('one', one), compare.System('two', two)]
  )
  assert found.differences['two'][0]['ER20'].value == 0
  assert json.dumps(found.results['one']) == json.dumps(found.results['two'])


def test_equal_labels_may_be_read_in_different_units():
  """Those of a run are in metres, those of CSV files in their own unit."""
  front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
  near, far = (
    [dataclasses.replace(front, distance=np.full(10, value))]
    for value in (2.0, 200.0)
  )
  options = {'edition': '2024', 'num_classes': 1}
  one = folders(['a'], near, references=near, **options)
  two = folders(['a'], far, references=far, distance_unit=0.01, **options)
  systems = [compare.System('one', one), compare.System('two', two)]
  found = compare.compare_systems(systems, resamples=0)
  assert found.results['one'] == found.results['two']
  other = dataclasses.replace(two, distance_unit=1.0)
  with pytest.raises(InputError, match='they have different labels for a'):
    compare.compare_systems([systems[0], compare.System('two', other)])


def test_scores_without_classes_are_refused():
  one = folders(['a'], [labels.no_events()], classless=True)
  with pytest.raises(InputError, match='without classes cannot be compared'):
    compare.compare_systems([compare.System('one', one)])


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'num_frames': 20}, 'a has 10 label frames in one and 20 in the other'),
    ({'num_classes': 12}, 'number of classes is 14 and 12.*--classes'),
    ({'names': ['c', 'd']}, 'no recording in common'),
  ],
)
def test_systems_that_do_not_fit_are_refused(fields, message):
  silence = [labels.no_events()] * 2
  one = folders(['a', 'b'], silence)
  two = folders(**{'names': ['a', 'b'], 'predictions': silence, **fields})
  with pytest.raises(InputError, match=message):
    compare.compare_systems(
      [compare.System('one', one), compare.System('two', two)]
    )


def test_a_run_is_read_even_if_it_has_no_curves(folder):
  (folder / 'tiny' / runs.METRICS).unlink()
  systems = compare.read_runs([folder / 'tiny', folder / 'young'])
  assert systems[0].training and systems[0].training.records == []
