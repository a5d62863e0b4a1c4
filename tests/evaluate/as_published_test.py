"""Scores as published differ where the published code does, and say so."""

import json

import numpy as np
import pytest
from helpers.recordings_to_evaluate import run, some_recordings

from seld_jax import audio, evaluate, metrics
from seld_jax.evaluate import tables


@pytest.mark.parametrize('edition', ['2020', '2021', '2022', '2023'])
def test_the_result_names_what_follows_the_published_code(edition):
  result = evaluate.evaluate_predictions(
    some_recordings(), edition=edition, as_published=True
  )
  assert result['length_rule'] == 'as_published'
  assert result['as_published'] == metrics.published_rules(edition)
  has_jackknife = edition >= '2022'
  assert ('estimates' in result) == has_jackknife
  for name, centre in result.get('estimates', {}).items():
    low, high = result['intervals'][name]
    assert centre == pytest.approx((low + high) / 2)
  json.dumps(result, allow_nan=False)
  shown = tables.table(result)
  for rule in result['as_published']:
    assert f'- {rule}' in tables.published_notes(result).splitlines()
  last = [column.header for column in shown.columns][-1]
  assert (last == 'jackknife') == has_jackknife
  rates = {
    part['ER20']
    for part in result['per_class'].values()
    if part['reference_segments']
  }
  if edition in ('2022', '2023'):
    assert rates == {result['ER20']}
    ends = [int(one.frame.max()) for _, one, _ in some_recordings()]
    assert result['num_frames'] == [min(ends), max(ends)]
  else:
    assert len(rates) > 5
    assert result['num_frames'] == 600


def test_without_it_nothing_is_named():
  result = evaluate.evaluate_predictions(some_recordings())
  assert result['as_published'] == []
  assert 'estimates' not in result
  shown = tables.table(result)
  assert not tables.published_notes(result)
  assert 'jackknife' not in [column.header for column in shown.columns]


def test_a_stated_length_stays(folders):
  result = evaluate.evaluate_folders(
    *folders, edition='2022', num_frames=600, as_published=True
  )
  assert (result['num_frames'], result['length_rule']) == (600, 'given')
  assert not any('last annotated' in rule for rule in result['as_published'])


def test_an_empty_reference_is_told(folders, caplog):
  reference, predictions = folders
  path = sorted(reference.iterdir())[0]
  path.write_text('')
  result = evaluate.evaluate_folders(
    reference, predictions, edition='2022', as_published=True
  )
  assert result['num_frames'][0] == 0
  assert '1 of 4 references have no events' in caplog.text


def test_the_command_scores_as_published(folders):
  reference, predictions = folders
  command = [
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--edition=2023',
    '--as_published',
  ]
  done = run(*command, '--json')
  assert done.returncode == 0, done.stderr
  printed = json.loads(done.stdout)
  assert printed['length_rule'] == 'as_published'
  rules = metrics.published_rules('2023', files=True)
  assert printed['as_published'] == rules
  expected = evaluate.evaluate_folders(
    *folders, edition='2023', as_published=True
  )
  assert printed['F20'] == expected['F20']
  done = run(*command)
  assert done.returncode == 0, done.stderr
  assert '- the length is the index of the last annotated frame' in done.stdout


def test_sound_files_of_2019_are_counted_in_frames_of_20_ms(tmp_path):
  folders = [tmp_path / which for which in ('r', 'p')]
  texts = 'cough,1.0,50.0,0,0,1\n', '2499,8,0,0\n'
  header = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'
  for folder, text in zip(folders, (header + texts[0], texts[1]), strict=True):
    folder.mkdir()
    (folder / 'split1_ir0_ov1_1.csv').write_text(text)
  sound = tmp_path / 'audio' / 'split1_ir0_ov1_1.wav'
  audio.write(sound, np.zeros((1, 50_010)), sample_rate=1000)
  result = evaluate.evaluate_folders(
    *folders,
    edition='2019',
    as_published=True,
    num_frames='audio',
    audio=sound.parent,
  )
  assert result['num_frames'] == 2501


def test_files_of_2019_are_scored_in_frames_of_20_ms(tmp_path):
  header = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'
  rows = [f'{frame},8,7,3\n' for frame in range(50, 100)]
  texts = {'r': header + 'cough,1.0,2.0,0,0,1\n', 'p': ''.join(rows)}
  for which, text in texts.items():
    (tmp_path / which).mkdir()
    (tmp_path / which / 'split1_ir0_ov1_1.csv').write_text(text)
  folders = tmp_path / 'r', tmp_path / 'p'
  result = evaluate.evaluate_folders(
    *folders, edition='2019', as_published=True
  )
  assert result['num_frames'] == 3000
  # 7 and 3 degrees are rounded down to 0. The reference lasts until frame 100,
  # one more than the event, which is in another second.
  assert result['DOA_error'] == pytest.approx(0, abs=1e-5)
  assert result['frame_recall'] == pytest.approx(2999 / 3000)
  assert (result['ER'], result['F']) == pytest.approx((1 / 2, 2 / 3))
  plain = evaluate.evaluate_folders(
    *folders, edition='2019', label_hop=(0.1, 0.02)
  )
  assert plain['DOA_error'] == pytest.approx(7.613, abs=1e-3)
  assert (plain['frame_recall'], plain['ER']) == pytest.approx((1, 0))
