"""Every edition has its scores, for files of any form and unit."""

import json

import numpy as np
import pytest
from helpers.recordings_to_evaluate import (
  NAMES,
  assert_close,
  run,
  some_recordings,
)

from seld_jax import evaluate, labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import tables


def with_distance(events, rng):
  return labels.Events(
    events.frame,
    events.class_index % 11,
    events.track,
    events.xyz,
    rng.integers(50, 500, len(events.frame)).astype(float),
  )


@pytest.fixture
def folders_of(tmp_path):
  """A function that writes the same recordings in a given edition and form."""

  def write(edition, form=None):
    rng = np.random.default_rng(1)
    for name, reference, predictions in some_recordings():
      for which, events in ('r', reference), ('p', predictions):
        path = tmp_path / f'{which}{edition}{form}' / f'{name}.csv'
        events = with_distance(events, rng)
        labels.write_csv(path, events, edition=edition, form=form)
    return tmp_path / f'r{edition}{form}', tmp_path / f'p{edition}{form}'

  return write


NAMES_OF_SCORES = {
  '2019': ('ER', 'F', 'DOA_error', 'frame_recall'),
  '2020': ('ER20', 'F20', 'LE_CD', 'LR_CD', 'LR_CD_recall'),
  '2021': ('ER20', 'F20', 'LE_CD', 'LR_CD'),
  '2022': ('ER20', 'F20', 'LE_CD', 'LR_CD', 'F20_micro'),
  '2023': ('ER20', 'F20', 'LE_CD', 'LR_CD', 'F20_micro'),
  '2024': ('F20', 'DOAE', 'RDE', 'F20_micro'),
  '2025': ('F20', 'DOAE', 'RDE', 'F20_micro'),
}


@pytest.mark.parametrize('edition', NAMES_OF_SCORES)
def test_every_edition_has_its_scores_and_intervals(folders_of, edition):
  folders = folders_of('2023')
  result = evaluate.evaluate_folders(*folders, edition=edition, num_frames=600)
  assert result['edition'] == edition
  assert list(result['per_class']) == [
    str(i) for i in range(len(labels.BY_EDITION[edition]))
  ]
  for name in ('seld_score', *NAMES_OF_SCORES[edition]):
    low, high = result['intervals'][name]
    assert low < high
    assert low - 1 < result[name] < high + 1
  json.dumps(result, allow_nan=False)
  for kind in evaluate.BREAKDOWNS:
    assert tables.breakdown_table(result, kind).row_count > 1
  # The same files, counted one by one and merged.
  counts = []
  for path in sorted(folders[0].glob('*.csv')):
    pair = (labels.read_csv(folder / path.name) for folder in folders)
    counts.append(
      metrics.counts(
        *pair,
        edition=edition,
        num_frames=600,
        num_classes=len(labels.BY_EDITION[edition]),
      )
    )
  scores = metrics.scores(metrics.merge(counts))
  for name in ('seld_score', *NAMES_OF_SCORES[edition]):
    assert getattr(scores, name) == result[name]


@pytest.mark.parametrize('edition', NAMES_OF_SCORES)
def test_forms_of_the_same_content_score_the_same(folders_of, edition):
  # With four columns, the scores of 2019 need the length of frames.
  options = {'edition': edition, 'num_frames': 600, 'label_hop': 0.1}
  forms = ['polar_distance', 'cartesian_distance']
  results = [
    evaluate.evaluate_folders(*folders_of('2024', form), **options)
    for form in forms
  ]
  if edition < '2024':
    for form in 'polar', 'cartesian', 'submission':
      pair = folders_of('2022', form)
      results.append(evaluate.evaluate_folders(*pair, **options))
      results.append(
        evaluate.evaluate_folders(*pair, csv_edition='2020', **options)
      )
  for other in results[1:]:
    assert_close(other, results[0])


def test_files_and_names_of_2019_are_read(folders_of):
  events = evaluate.evaluate_folders(*folders_of('2020'), edition='2019')
  seconds = evaluate.evaluate_folders(*folders_of('2019'), edition='2019')
  assert_close(seconds, events)
  names = ['split1_ir0_ov1_1', 'split2_ir0_ov2_11']
  recordings = [
    (name, r, p)
    for name, (_, r, p) in zip(names, some_recordings(), strict=False)
  ]
  result = evaluate.evaluate_predictions(recordings)
  assert list(result['per_fold']) == ['split1', 'split2']
  assert list(result['per_room']) == ['split1_ir0', 'split2_ir0']
  assert list(result['per_overlap']) == ['ov1', 'ov2']
  # A name of another form may begin with a fold, too.
  own = [
    (name, r, p)
    for name, (_, r, p) in zip(
      ['split1_kitchen', 'split3_hall'], recordings, strict=True
    )
  ]
  result = evaluate.evaluate_predictions(own)
  assert list(result['per_fold']) == ['split1', 'split3']
  assert result['per_room'] == {}


def test_ambiguous_files_need_an_edition(folders_of):
  folders = folders_of('2020')
  path = folders[0] / f'{NAMES[0]}.csv'
  path.write_text('0,1,0,0,0,1\n')
  with pytest.raises(InputError, match=rf'{NAMES[0]}\.csv.* must be stated'):
    evaluate.evaluate_folders(*folders)
  result = evaluate.evaluate_folders(*folders, csv_edition='2021')
  assert result['recordings'] == 4


def test_centimetres_are_not_compared_with_metres(folders_of):
  reference, predictions = folders_of('2024')
  options = {'edition': '2024', 'num_frames': 600}
  same = evaluate.evaluate_folders(reference, predictions, **options)
  for path in predictions.glob('*.csv'):
    events = labels.read_csv(path, distance_scale=0.01)
    labels.write_csv(path, events, edition='2024')
  with pytest.raises(InputError, match='centimetres and metres'):
    evaluate.evaluate_folders(reference, predictions, **options)
  result = evaluate.evaluate_folders(
    reference, predictions, units=('cm', 'm'), **options
  )
  assert_close(result, same)


def test_the_number_of_classes_is_found_or_stated(folders, folders_of, caplog):
  options = {'edition': '2022', 'num_frames': 600}
  # The references have class 13, which does not exist in 2022.
  wide = evaluate.evaluate_folders(*folders, **options)
  assert wide['num_classes'] == len(wide['per_class']) == 14
  stated = evaluate.evaluate_folders(*folders, num_classes=20, **options)
  assert stated['num_classes'] == 20
  # Classes without any event count in the means over classes only.
  assert stated['F20'] == pytest.approx(wide['F20'] * 14 / 20)
  assert stated['F20_micro'] == wide['F20_micro']
  reference, predictions = folders_of('2023')
  narrow = evaluate.evaluate_folders(reference, predictions, **options)
  assert narrow['num_classes'] == 13
  path = predictions / f'{NAMES[0]}.csv'
  path.write_text(path.read_text() + '3,13,0,40,0,2\n')
  # The published code does not look at classes that do not exist.
  assert evaluate.evaluate_folders(reference, predictions, **options) == narrow
  assert 'class 13 is ignored, because the classes are 0 to 12' in caplog.text


def test_command_scores_2024(folders_of):
  reference, predictions = folders_of('2024')
  command = [
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--edition=2024',
    '--json',
  ]
  done = run(*command)
  assert done.returncode == 1
  assert '--frames=last_reference' in done.stderr
  done = run(*command, '--frames=last_reference', '--csv_edition=2024')
  assert done.returncode == 0, done.stderr
  printed = json.loads(done.stdout)
  assert printed['length_rule'] == 'last_reference'
  assert 0 < printed['F20'] < 1
  assert printed['RDE'] > 0


def test_one_unit_without_the_other_is_refused(folders_of):
  reference, predictions = folders_of('2024')
  for path in predictions.glob('*.csv'):
    events = labels.read_csv(path, distance_scale=0.01)
    labels.write_csv(path, events, edition='2024')
  command = [
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--edition=2024',
    '--frames=600',
    '--json',
  ]
  for one in '--reference_unit=m', '--predictions_unit=m':
    done = run(*command, one)
    assert done.returncode == 1
    assert 'state both of them, or neither.' in done.stderr
    assert 'Traceback' not in done.stderr
  both = ['--reference_unit=cm', '--predictions_unit=m']
  assert run(*command, *both).returncode == 0


def test_the_command_names_classes_of_the_edition(folders, folders_of):
  late = ['--edition=2022', '--frames=600', '--json', '--per=class']
  reference, predictions = folders
  done = run(f'--reference={reference}', f'--predictions={predictions}', *late)
  # 2022 has 13 classes; the names of 14 are unknown.
  numbers = [str(index) for index in range(14)]
  assert list(json.loads(done.stdout)['per_class']) == numbers
  reference, predictions = folders_of('2022')
  done = run(f'--reference={reference}', f'--predictions={predictions}', *late)
  assert list(json.loads(done.stdout)['per_class']) == list(
    labels.STARSS_CLASSES
  )
