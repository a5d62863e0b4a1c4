"""Folders of 2025 are scored, by the repaired rules and by the published ones.

Their files have azimuth, distance and whether a source is on screen.
"""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from helpers.recordings_to_evaluate import run
from helpers.scored_events import scene

from seld_jax import evaluate, geometry, labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import tables

NAMES = [f'fold4_room2_mix00{n}_deg000_start05' for n in (1, 2, 3, 4)]
HEADER = ','.join(labels.FORMS['stereo']) + '\n'


def recordings():
  rng = np.random.default_rng(7)

  def tidy(events):
    events = labels.choose_rows(events, events.frame < 50)
    return dataclasses.replace(events, track=np.arange(len(events.frame)))

  return [(name, *map(tidy, scene(rng, 50, 4, 60))) for name in NAMES]


@pytest.fixture
def folders(tmp_path):
  """References in the subfolders of the dataset, and predictions in one."""
  for number, (name, reference, predictions) in enumerate(recordings()):
    split = ('dev-test-sony', 'dev-test-tau')[number % 2]
    for path, events in (
      (tmp_path / 'metadata_dev' / split / f'{name}.csv', reference),
      (tmp_path / 'predictions' / f'{name}.csv', predictions),
    ):
      labels.write_csv(path, events, edition='2025', distance_scale=None)
  return tmp_path / 'metadata_dev', tmp_path / 'predictions'


def test_folders_of_2025_have_its_scores(folders):
  result = evaluate.evaluate_folders(*folders, edition='2025')
  assert (result['num_frames'], result['length_rule']) == (50, 'default')
  assert list(result['per_class']) == [str(index) for index in range(13)]
  json.dumps(result, allow_nan=False)
  counts = metrics.counts_each(
    [(reference, predictions) for _, reference, predictions in recordings()],
    edition='2025',
    num_classes=13,
  )
  scores = metrics.scores(metrics.merge(counts))
  for name, value in vars(scores).items():
    assert result[name] == pytest.approx(value, abs=1e-6), name
    low, high = result['intervals'][name]
    assert low < high
  for index in range(4):
    alone = metrics.scores(metrics.of_class(metrics.merge(counts), index))
    part = result['per_class'][str(index)]
    assert part['onscreen_accuracy'] == pytest.approx(alone.onscreen_accuracy)
    assert part['F20_onscreen'] < part['F20']
  assert result['per_fold']['fold4']['F20'] == result['F20']
  assert '°' in tables.number('DOAE', result['DOAE'])


def test_the_command_prints_the_scores_of_2025(folders):
  reference, predictions = folders
  command = [
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--edition=2025',
    '--per=class',
  ]
  done = run(*command, '--json')
  assert done.returncode == 0, done.stderr
  assert done.stderr == ''
  printed = json.loads(done.stdout)
  expected = evaluate.evaluate_folders(*folders, edition='2025')
  assert printed['onscreen_accuracy'] == expected['onscreen_accuracy']
  assert list(printed['per_class']) == list(labels.STARSS_CLASSES)
  done = run(*command)
  assert done.returncode == 0, done.stderr
  for name in metrics.main_scores('2025'):
    assert name in done.stdout
  assert 'azimuths folded to the front' in done.stdout
  assert 'rows' in done.stdout


def test_predictions_behind_or_above_score_like_those_in_front(folders):
  reference, predictions = folders
  expected = evaluate.evaluate_folders(*folders, edition='2025')
  for path in predictions.iterdir():
    header, *rows = path.read_text().split()
    cells = [row.split(',') for row in rows]
    for row in cells[::2]:
      row[3] = str(180 - float(row[3]))
    path.write_text('\n'.join([header, *map(','.join, cells)]))
  behind = evaluate.evaluate_folders(*folders, edition='2025')
  assert behind['F20'] == pytest.approx(expected['F20'])
  assert behind['DOAE'] == pytest.approx(expected['DOAE'])
  # In the form of 2024, elevations are ignored, and no flag is known.
  rng = np.random.default_rng(3)
  for path in predictions.iterdir():
    events = labels.read_csv(path)
    azimuth, _ = geometry.to_polar(events.xyz)
    xyz = geometry.to_cartesian(azimuth, rng.uniform(-80, 80, len(azimuth)))
    events = dataclasses.replace(events, xyz=xyz)
    labels.write_csv(path, events, edition='2024')
  other = evaluate.evaluate_folders(*folders, edition='2025')
  assert other['F20'] == pytest.approx(expected['F20'])
  assert other['onscreen_accuracy'] is None
  assert other['intervals']['F20_onscreen'] is None


def test_unknown_and_constant_flags_are_told(folders, caplog):
  reference, predictions = folders
  options: Any = {'edition': '2025'}
  evaluate.evaluate_folders(reference, predictions, **options)
  assert not caplog.records
  for path in predictions.iterdir():
    text = path.read_text().replace(',1\n', ',0\n')
    path.write_text(text)
  evaluate.evaluate_folders(reference, predictions, **options)
  assert 'onscreen 0 in all rows' in caplog.text
  caplog.clear()
  path = min(predictions.iterdir())
  labels.write_csv(path, labels.read_csv(path), edition='2024')
  result = evaluate.evaluate_folders(reference, predictions, **options)
  assert '1 of 4 files of --predictions do not say' in caplog.text
  assert result['F20_onscreen'] is None and result['F20'] > 0
  # A file without rows says nothing, and needs not.
  path.write_text('')
  result = evaluate.evaluate_folders(reference, predictions, **options)
  assert result['F20_onscreen'] > 0


def write(folder, texts):
  folder.mkdir(parents=True)
  for name, rows in texts.items():
    text = HEADER + ''.join(f'{row}\n' for row in rows)
    (folder / f'{name}.csv').write_text(text)


def test_every_repair_of_2025_is_switched_off_as_published(tmp_path, caplog):
  write(
    tmp_path / 'r' / 'dev-test-tau',
    {
      # One event of class 0 in front, which ends in the last annotated frame.
      'a': ['0,0,0,10,200,1', '1,0,0,10,200,1', '2,0,0,10,200,1'],
      'b': ['0,1,0,-30,100,0', '1,1,0,-30,100,0'],
      'silent': [],
    },
  )
  write(
    tmp_path / 'p',
    {
      # Frame 0 is right; frame 1 has a distance of -1 cm, and is not on screen.
      'a': ['0,0,0,10,200,1', '1,0,0,10,-1,0.9', '2,0,0,170,200,0'],
      'silent': ['0,2,0,10,100,0'],
    },
  )
  folders = tmp_path / 'r', tmp_path / 'p'
  options: Any = {'edition': '2025', 'num_classes': 3}
  with pytest.raises(InputError, match=r'lacks b\.csv'):
    evaluate.evaluate_folders(*folders, **options)
  repaired = evaluate.evaluate_folders(*folders, missing='empty', **options)
  # Class 0: three hits, of which frame 2 is wrong about the screen. The
  # distance -1 is read as 0, which has a relative error of 1.
  assert repaired['F20'] == pytest.approx((1 + 0 + 0) / 3)
  assert repaired['F20_onscreen'] == pytest.approx(2 / 3 / 3)
  assert repaired['onscreen_accuracy'] == pytest.approx(2 / 3)
  assert repaired['RDE'] == pytest.approx(1 / 3)
  assert repaired['per_class']['1']['reference_segments'] == 2
  assert repaired['as_published'] == []
  assert 'the probability 0.9' in caplog.text
  caplog.clear()
  result = evaluate.evaluate_folders(*folders, as_published=True, **options)
  # Frame 2 is left out, and so is recording b; 0.9 is cut off to 0.
  assert result['recordings'] == 2
  assert result['num_frames'] == [0, 2]
  assert result['F20'] == pytest.approx(1 / 2 / 3)
  assert result['RDE'] == pytest.approx((0 + 201 / 200) / 2)
  assert result['onscreen_accuracy'] == pytest.approx(1 / 2)
  assert result['F20_onscreen'] == pytest.approx(1 / 2 / 3)
  assert result['per_class']['1']['reference_segments'] == 0
  assert 'lacks b.csv: 1 of 3 recordings' in caplog.text
  assert 'is read as 0' in caplog.text
  assert '1 of 2 references have no events: the published code scores no' in (
    caplog.text
  )
  rules = metrics.published_rules('2025', files=True)
  assert result['as_published'] == rules
  for text in (
    'before the last annotated frame',
    'without a file of predictions are left out',
    'cut off to integers',
    'negative distances of predictions stay',
  ):
    assert sum(text in rule for rule in rules) == 1
  # What the user states stays, and is not said to follow the published code.
  result = evaluate.evaluate_folders(
    *folders, as_published=True, missing='empty', num_frames=50, **options
  )
  assert result['recordings'] == 3 and result['num_frames'] == 50
  assert set(rules) - set(result['as_published']) == set(rules[:2])


@pytest.mark.parametrize('edition', metrics.EDITIONS)
def test_recordings_without_predictions_are_left_out_as_published(
  tmp_path, edition, caplog
):
  """In all editions but 2019, whose code stops."""
  rows = {'2019': '50,1,10,0\n', '2024': '0,1,0,10,0,200\n'}
  row = rows.get(edition, '0,1,0,10,0\n')
  if edition == '2023':
    row = rows['2024']
  for which, names in ('r', 'abc'), ('p', 'ac'):
    (tmp_path / which).mkdir()
    for name in names:
      text = HEADER + '0,1,0,10,200,1\n' if edition == '2025' else row
      if edition == '2019' and which == 'r':
        text = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'
        text += 'cough,1,2,0,10,1\n'
      (tmp_path / which / f'{name}.csv').write_text(text)
  options: Any = {'edition': edition, 'as_published': True}
  if edition == '2023' or edition == '2024':
    options['csv_edition'] = edition
  folders = tmp_path / 'r', tmp_path / 'p'
  rules = metrics.published_rules(edition, files=True)
  told = [rule for rule in rules if 'left out' in rule]
  if edition == '2019':
    assert not told
    with pytest.raises(InputError, match=r'lacks b\.csv'):
      evaluate.evaluate_folders(*folders, **options)
    return
  result = evaluate.evaluate_folders(*folders, **options)
  assert result['recordings'] == 2 and len(told) == 1
  assert result['as_published'] == rules
  assert 'lacks b.csv: 1 of 3 recordings' in caplog.text
  stated = evaluate.evaluate_folders(*folders, missing='empty', **options)
  assert stated['recordings'] == 3
  assert told[0] not in stated['as_published']
  (tmp_path / 'p' / 'z.csv').write_text('')
  with pytest.raises(InputError, match=r'has z\.csv'):
    evaluate.evaluate_folders(*folders, **options)


def test_predictions_without_the_header_of_2025_are_refused(folders):
  """In metres, and with 0 for on screen, distances could be elevations."""
  reference, predictions = folders
  for path in predictions.iterdir():
    events = labels.read_csv(path)
    near = dataclasses.replace(
      events, onscreen=np.zeros(len(events.frame), bool)
    )
    labels.write_csv(path, near, edition='2025', distance_scale=0.01)
    path.write_text(path.read_text().removeprefix(HEADER))
  with pytest.raises(InputError, match='2025 has no elevations; .* header'):
    evaluate.evaluate_folders(reference, predictions, edition='2025')
  for path in predictions.iterdir():
    path.write_text(','.join(labels.FORMS['polar_distance']) + '\n0,1,0,9,5,0')
  evaluate.evaluate_folders(reference, predictions, edition='2025')
