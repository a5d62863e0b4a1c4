"""Folders of CSV files: pairing, breakdowns, and the command."""

import json
import subprocess
import sys

import numpy as np
import pytest

from seld_jax import (
  audio,
  evaluate,
  geometry,
  labels,
  metrics,
  score_tables,
)
from seld_jax.errors import InputError

NAMES = (
  'fold1_room1_mix001_ov1',
  'fold1_room1_mix002_ov2',
  'fold1_room2_mix003_ov2',
  'fold2_room1_mix001_ov1',
)


def some_events(rng, count):
  return labels.Events(
    rng.integers(0, 600, count),
    rng.integers(0, 14, count),
    np.zeros(count, np.int64),
    geometry.to_cartesian(
      rng.integers(-180, 181, count), rng.integers(-60, 61, count)
    ),
  )


def jitter(rng, events):
  kept = rng.random(len(events.frame)) < 0.8
  xyz = events.xyz[kept] + rng.normal(0, 0.1, (kept.sum(), 3))
  return labels.Events(
    events.frame[kept], events.class_index[kept], events.track[kept], xyz
  )


def some_recordings(names=NAMES):
  rng = np.random.default_rng(0)
  references = [some_events(rng, 300) for _ in names]
  return [
    (name, r, jitter(rng, r)) for name, r in zip(names, references, strict=True)
  ]


@pytest.fixture
def folders(tmp_path):
  for name, reference, predictions in some_recordings():
    labels.write_csv(tmp_path / 'reference' / f'{name}.csv', reference)
    labels.write_csv(tmp_path / 'predictions' / f'{name}.csv', predictions)
  return tmp_path / 'reference', tmp_path / 'predictions'


def assert_close(a, b):
  """Two results are the same but for the rounding of angles in files."""
  assert a.keys() == b.keys()
  for key, value in a.items():
    if isinstance(value, dict):
      assert_close(value, b[key])
    else:
      assert value == pytest.approx(b[key], abs=1e-6)


def test_result_is_that_of_metrics():
  recordings = some_recordings()
  result = evaluate.evaluate_predictions(recordings)
  counts = [metrics.counts(r, p) for _, r, p in recordings]
  scores = metrics.scores(metrics.merge(counts))
  assert 0.1 < scores.F20 < 1
  for name in ('seld_score', 'ER20', 'F20', 'LE_CD', 'LR_CD', 'LR_CD_recall'):
    assert result[name] == getattr(scores, name)
    low, high = result['intervals'][name]
    assert low < high
  assert result['edition'] == '2020'
  assert result['recordings'] == 4
  assert result['num_frames'] == 600


def test_breakdowns_add_up():
  recordings = some_recordings()
  result = evaluate.evaluate_predictions(
    recordings, class_names=labels.TAU2020_CLASSES
  )
  assert list(result['per_class']) == list(labels.TAU2020_CLASSES)
  assert list(result['per_overlap']) == ['ov1', 'ov2']
  rooms = ['fold1_room1', 'fold1_room2', 'fold2_room1']
  assert list(result['per_room']) == rooms
  assert list(result['per_fold']) == ['fold1', 'fold2']
  total = metrics.merge([metrics.counts(r, p) for _, r, p in recordings])
  for kind in evaluate.BREAKDOWNS.values():
    parts = result[kind].values()
    segments = sum(part['reference_segments'] for part in parts)
    assert segments == total.reference.sum()
  # A group scores as its recordings do alone.
  alone = evaluate.evaluate_predictions(recordings[1:3])
  for name, value in result['per_overlap']['ov2'].items():
    if name != 'reference_segments':
      assert value == alone[name]


def test_names_that_tell_nothing():
  result = evaluate.evaluate_predictions(some_recordings(['mix001', 'mix002']))
  assert result['per_room'] == result['per_overlap'] == result['per_fold'] == {}
  result = evaluate.evaluate_predictions(some_recordings(['mix001', NAMES[0]]))
  assert list(result['per_room']) == ['fold1_room1', 'other']


def test_what_has_no_reference_has_no_score():
  empty = labels.no_events()
  [(name, reference, _)] = some_recordings(NAMES[:1])
  only = reference.class_index == 3
  few = labels.Events(
    *(
      getattr(reference, field)[only]
      for field in ('frame', 'class_index', 'track', 'xyz')
    )
  )
  result = evaluate.evaluate_predictions([(name, few, reference)])
  assert result['per_class']['3']['LR_CD_recall'] == pytest.approx(1)
  assert result['per_class']['2']['ER20'] is None
  assert result['per_class']['2']['reference_segments'] == 0
  assert set(result['intervals'].values()) == {None}
  json.dumps(result, allow_nan=False)
  silent = evaluate.evaluate_predictions([(name, empty, empty)])
  assert silent['seld_score'] == 0.75
  json.dumps(silent, allow_nan=False)


def test_length_of_each_recording():
  (a, reference, prediction), second = some_recordings(NAMES[:2])
  late = labels.Events(
    reference.frame + 60, reference.class_index, reference.track, reference.xyz
  )
  recordings = [(a, late, prediction), second]
  with pytest.raises(InputError, match=rf'{a}: The reference .* 0 to 599'):
    evaluate.evaluate_predictions(recordings)
  lengths = {a: 660, second[0]: 600}
  result = evaluate.evaluate_predictions(recordings, num_frames=lengths)
  assert result['num_frames'] == [600, 660]
  with pytest.raises(InputError, match=f'frames of {second[0]} is not given'):
    evaluate.evaluate_predictions(recordings, num_frames={a: 660})


def test_no_recordings_and_wrong_class_names():
  with pytest.raises(InputError, match='no recordings'):
    evaluate.evaluate_predictions([])
  with pytest.raises(InputError, match='14 classes need as many names, got 2'):
    evaluate.evaluate_predictions(some_recordings(), class_names=['a', 'b'])


def test_folders_score_as_arrays_do(folders):
  in_memory = evaluate.evaluate_predictions(some_recordings())
  assert_close(evaluate.evaluate_folders(*folders), in_memory)


def test_cartesian_files_score_as_polar_ones(folders):
  polar = evaluate.evaluate_folders(*folders)
  for folder in folders:
    for path in folder.glob('*.csv'):
      events = labels.read_csv(path)
      rows = zip(
        events.frame,
        events.class_index,
        events.track,
        *events.xyz.T,
        strict=True,
      )
      path.write_text(''.join(','.join(map(str, row)) + '\n' for row in rows))
  assert_close(evaluate.evaluate_folders(*folders), polar)


def test_missing_extra_and_broken_files(folders, tmp_path):
  reference, predictions = folders
  lost = predictions / f'{NAMES[1]}.csv'
  text = lost.read_text()
  lost.unlink()
  with pytest.raises(InputError, match=rf'lacks {NAMES[1]}\.csv, which'):
    evaluate.evaluate_folders(*folders)
  result = evaluate.evaluate_folders(*folders, missing='empty')
  lost.write_text('')
  assert_close(evaluate.evaluate_folders(*folders), result)
  assert result['recordings'] == 4

  lost.write_text(text + '3,99,0,0,0\n')
  with pytest.raises(InputError, match=rf"{NAMES[1]}\.csv, line .* got '99'"):
    evaluate.evaluate_folders(*folders)

  lost.rename(predictions / 'fold9.csv')
  for missing, message in [('error', NAMES[1]), ('empty', 'has fold9')]:
    with pytest.raises(InputError, match=message):
      evaluate.evaluate_folders(*folders, missing=missing)

  (tmp_path / 'bare').mkdir()
  for pair in [(reference, tmp_path / 'bare'), (tmp_path / 'bare', reference)]:
    with pytest.raises(InputError, match='bare holds no CSV files'):
      evaluate.evaluate_folders(*pair)
  with pytest.raises(InputError, match='gone is not a folder'):
    evaluate.evaluate_folders(reference, tmp_path / 'gone')
  with pytest.raises(InputError, match="'error' or 'empty', got 'skip'"):
    evaluate.evaluate_folders(*folders, missing='skip')


def test_hidden_files_are_not_recordings(folders):
  """macOS leaves such, and so does a process that is killed while writing."""
  flat = evaluate.evaluate_folders(*folders)
  for folder in folders:
    (folder / f'._{NAMES[0]}.csv').write_bytes(b'\0\5\x16\7')
  assert evaluate.evaluate_folders(*folders) == flat


def test_files_in_folders_within(folders):
  flat = evaluate.evaluate_folders(*folders)
  for index, name in enumerate(NAMES):
    path = folders[0] / f'{name}.csv'
    (path.parent / f'part{index % 2}').mkdir(exist_ok=True)
    path.rename(path.parent / f'part{index % 2}' / path.name)
  assert evaluate.evaluate_folders(*folders) == flat
  twin = folders[0] / 'part1' / f'{NAMES[0]}.csv'
  twin.write_text('')
  with pytest.raises(InputError, match=rf'{NAMES[0]}\.csv have the same name'):
    evaluate.evaluate_folders(*folders)


def run(*arguments):
  return subprocess.run(
    [sys.executable, '-m', 'seld_jax.evaluate', *arguments],
    capture_output=True,
    text=True,
    timeout=100,
  )


def test_command_prints_json(folders):
  reference, predictions = folders
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--json',
    '--per=room',
  )
  assert done.returncode == 0, done.stderr
  printed = json.loads(done.stdout)
  expected = evaluate.evaluate_folders(*folders)
  for name in ('per_class', 'per_overlap', 'per_fold'):
    del expected[name]
  assert printed == expected


def test_command_prints_a_table(folders):
  reference, predictions = folders
  done = run(
    f'--reference={reference}', f'--predictions={predictions}', '--per=class'
  )
  assert done.returncode == 0, done.stderr
  result = evaluate.evaluate_folders(*folders)
  assert '4 recordings of 600 frames' in done.stdout
  assert f'{result["F20"]:.3f}' in done.stdout
  assert f'{result["LE_CD"]:.1f}°' in done.stdout
  for name in labels.TAU2020_CLASSES:
    assert name in done.stdout


def test_command_tells_mistakes_in_one_sentence(folders):
  reference, predictions = folders
  (predictions / f'{NAMES[2]}.csv').unlink()
  done = run(f'--reference={reference}', f'--predictions={predictions}')
  assert done.returncode == 1
  assert f'lacks {NAMES[2]}.csv' in done.stderr + done.stdout
  assert 'Traceback' not in done.stderr
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--missing=empty',
    '--json',
  )
  assert done.returncode == 0
  assert json.loads(done.stdout)['recordings'] == 4
  assert run(f'--reference={reference}').returncode == 1
  done = run(str(reference), f'--reference={reference}', '--predictions=x')
  assert done.returncode == 1
  assert 'Traceback' not in done.stderr


def test_command_helps():
  done = run('--help')
  assert done.returncode == 0
  for name in ('reference', 'predictions', 'json', 'frames', 'missing', 'per'):
    assert name in done.stdout.split('Flags:')[1]


def test_importing_defines_no_flags_and_needs_no_jax():
  program = (
    'import sys\n'
    'from absl import flags\n'
    'from seld_jax import evaluate\n'
    'assert "reference" not in flags.FLAGS\n'
    'assert not {"jax", "jaxlib", "flax"} & set(sys.modules)\n'
  )
  subprocess.run([sys.executable, '-c', program], check=True)


# ---- other editions ----


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
  """Writes the same scenes in any edition and form."""

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
    assert score_tables.breakdown_table(result, kind).row_count > 1
  # The same files one by one, merged.
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
  options = {'edition': edition, 'num_frames': 600}
  forms = ['polar_distance', 'cartesian_distance']
  results = [
    evaluate.evaluate_folders(*folders_of('2024', form), **options)
    for form in forms
  ]
  if edition != '2024':
    for form in 'polar', 'cartesian', 'submission':
      pair = folders_of('2022', form)
      results.append(evaluate.evaluate_folders(*pair, **options))
      results.append(
        evaluate.evaluate_folders(*pair, csv_edition='2020', **options)
      )
  for other in results[1:]:
    assert_close(other, results[0])


def test_files_of_2019(folders_of):
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


def test_names_without_overlap():
  names = ['fold3_room21_mix001', 'fold4_room2_mix012']
  result = evaluate.evaluate_predictions(some_recordings(names))
  assert result['per_overlap'] == {}
  assert list(result['per_room']) == ['fold3_room21', 'fold4_room2']


def test_lengths_from_the_audio_and_from_the_reference(folders, tmp_path):
  reference, predictions = folders
  late = predictions / f'{NAMES[0]}.csv'
  late.write_text(late.read_text() + '655,3,0,0,0\n')
  for index, name in enumerate(NAMES):
    # 600 frames, and a little of another for each recording but the first.
    samples = np.zeros((1, 60 * 800 + index))
    audio.write(tmp_path / 'audio' / f'{name}.wav', samples, sample_rate=800)
  result = evaluate.evaluate_folders(
    *folders, num_frames='audio', audio=tmp_path / 'audio'
  )
  assert result['num_frames'] == [600, 601]
  assert result['length_rule'] == 'audio'
  plain = evaluate.evaluate_folders(*folders)
  assert (plain['num_frames'], plain['length_rule']) == (600, 'default')
  assert result['ER20'] == plain['ER20']
  given = evaluate.evaluate_folders(*folders, num_frames=660)
  assert (given['num_frames'], given['length_rule']) == (660, 'given')
  assert given['ER20'] > plain['ER20']

  cut = evaluate.evaluate_folders(*folders, num_frames='last_reference')
  last = [
    int(labels.read_csv(reference / f'{name}.csv').frame.max()) + 1
    for name in NAMES
  ]
  assert cut['num_frames'] == [min(last), max(last)]
  assert cut['length_rule'] == 'last_reference'
  assert 'last frame of the reference' in score_tables.table(cut).caption

  (tmp_path / 'audio' / f'{NAMES[2]}.wav').unlink()
  for folder, message in (tmp_path / 'audio', NAMES[2]), (None, '--audio'):
    with pytest.raises(InputError, match=message):
      evaluate.evaluate_folders(*folders, num_frames='audio', audio=folder)
  with pytest.raises(InputError, match="got 'first'"):
    evaluate.evaluate_folders(*folders, num_frames='first')
  for edition in '2022', '2024':
    with pytest.raises(InputError, match='need the length'):
      evaluate.evaluate_folders(*folders, edition=edition)


def test_doubtful_files_need_an_edition(folders_of):
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


def test_number_of_classes(folders, folders_of):
  options = {'edition': '2022', 'num_frames': 600}
  # The references here name class 13, which 2022 has not.
  wide = evaluate.evaluate_folders(*folders, **options)
  assert wide['num_classes'] == len(wide['per_class']) == 14
  stated = evaluate.evaluate_folders(*folders, num_classes=20, **options)
  assert stated['num_classes'] == 20
  # A class that nobody has counts in the means, and nowhere else.
  assert stated['F20'] == pytest.approx(wide['F20'] * 14 / 20)
  assert stated['F20_micro'] == wide['F20_micro']
  reference, predictions = folders_of('2023')
  narrow = evaluate.evaluate_folders(reference, predictions, **options)
  assert narrow['num_classes'] == 13
  path = predictions / f'{NAMES[0]}.csv'
  path.write_text(path.read_text() + '3,13,0,40,0,2\n')
  with pytest.raises(InputError, match="class .* from 0 to 12, got '13'"):
    evaluate.evaluate_folders(reference, predictions, **options)


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


def test_one_unit_alone_is_refused(folders_of):
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


def test_folds(folders):
  reference, predictions = folders
  (predictions / f'{NAMES[3]}.csv').unlink()
  with pytest.raises(InputError, match='and --folds=1 compares the folds'):
    evaluate.evaluate_folders(*folders)
  one = evaluate.evaluate_folders(*folders, folds=[1])
  assert_close(one, evaluate.evaluate_predictions(some_recordings()[:3]))
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--folds=1',
    '--json',
  )
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout)['seld_score'] == one['seld_score']
  # What is predicted beyond the folds does not count, either.
  (predictions / 'fold2_extra.csv').write_text('')
  assert evaluate.evaluate_folders(*folders, folds=[1]) == one
  with pytest.raises(InputError, match='has no file of fold 7'):
    evaluate.evaluate_folders(*folders, folds=[1, 7])
  (predictions / 'fold2_extra.csv').unlink()
  with pytest.raises(InputError, match='no CSV files of the folds 2'):
    evaluate.evaluate_folders(*folders, folds=[2])
  # Where another file of the fold is there, it is no question of folds.
  (predictions / f'{NAMES[0]}.csv').unlink()
  with pytest.raises(InputError, match='lacks') as error:
    evaluate.evaluate_folders(*folders)
  assert '--folds' not in str(error.value)
  for wrong in '--folds=', '--folds=one', '--folds=1,-2':
    done = run(
      f'--reference={reference}', f'--predictions={predictions}', wrong
    )
    assert done.returncode == 1
    assert '--folds needs numbers' in done.stderr


def test_class_names_of_the_command(folders, folders_of):
  late = ['--edition=2022', '--frames=600', '--json', '--per=class']
  reference, predictions = folders
  done = run(f'--reference={reference}', f'--predictions={predictions}', *late)
  # 14 classes are not those of 2022, and nobody said which they are.
  numbers = [str(index) for index in range(14)]
  assert list(json.loads(done.stdout)['per_class']) == numbers
  reference, predictions = folders_of('2022')
  done = run(f'--reference={reference}', f'--predictions={predictions}', *late)
  assert list(json.loads(done.stdout)['per_class']) == list(
    labels.STARSS_CLASSES
  )
