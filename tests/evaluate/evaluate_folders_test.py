"""Folders of CSV files score like their recordings, and are paired by name."""

import numpy as np
import pytest
from helpers.recordings_to_evaluate import NAMES, assert_close, some_recordings

from seld_jax import audio, evaluate, labels
from seld_jax.errors import InputError
from seld_jax.evaluate import tables


def test_folders_score_like_recordings_in_memory(folders):
  in_memory = evaluate.evaluate_predictions(some_recordings())
  assert_close(evaluate.evaluate_folders(*folders), in_memory)


def test_cartesian_files_score_like_polar_files(folders):
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


def test_missing_extra_and_broken_files_are_reported(folders, tmp_path):
  reference, predictions = folders
  lost = predictions / f'{NAMES[1]}.csv'
  text = lost.read_text()
  lost.unlink()
  with pytest.raises(InputError, match=rf'lacks {NAMES[1]}\.csv, but'):
    evaluate.evaluate_folders(*folders)
  result = evaluate.evaluate_folders(*folders, missing='empty')
  lost.write_text('')
  assert_close(evaluate.evaluate_folders(*folders), result)
  assert result['recordings'] == 4

  lost.write_text(text + '3,-1,0,0,0\n')
  with pytest.raises(InputError, match=rf"{NAMES[1]}\.csv, line .* got '-1'"):
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
  with pytest.raises(InputError, match="error, empty, leave_out, got 'skip'"):
    evaluate.evaluate_folders(*folders, missing='skip')


def test_hidden_files_are_not_recordings(folders):
  """macOS creates such files, and so does a process killed while writing."""
  flat = evaluate.evaluate_folders(*folders)
  for folder in folders:
    (folder / f'._{NAMES[0]}.csv').write_bytes(b'\0\5\x16\7')
  assert evaluate.evaluate_folders(*folders) == flat


def test_files_in_subfolders_are_found(folders):
  flat = evaluate.evaluate_folders(*folders)
  for index, name in enumerate(NAMES):
    path = folders[0] / f'{name}.csv'
    (path.parent / f'part{index % 2}').mkdir(exist_ok=True)
    path.rename(path.parent / f'part{index % 2}' / path.name)
    # Also if some of them are not in a subfolder.
    assert evaluate.evaluate_folders(*folders) == flat
  twin = folders[0] / 'part1' / f'{NAMES[0]}.csv'
  twin.write_text('')
  with pytest.raises(InputError, match=rf'{NAMES[0]}\.csv have the same name'):
    evaluate.evaluate_folders(*folders)


def test_a_recording_has_one_sound_file(tmp_path):
  for folder, length in ('a', 100), ('b', 200):
    audio.write(tmp_path / folder / 'mix1.wav', np.zeros((4, length)))
  with pytest.raises(InputError, match='mix1.wav have the same name'):
    evaluate.audio_files(tmp_path)


def test_lengths_come_from_the_audio_or_the_reference(folders, tmp_path):
  reference, predictions = folders
  late = predictions / f'{NAMES[0]}.csv'
  late.write_text(late.read_text() + '605,3,0,0,0\n')
  for index, name in enumerate(NAMES):
    # 600 frames; all recordings but the first have a few samples more.
    samples = np.zeros((1, 60 * 1000 + index))
    audio.write(tmp_path / 'audio' / f'{name}.wav', samples, sample_rate=1000)
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
  assert 'last frame of the reference' in str(tables.table(cut).caption)

  (tmp_path / 'audio' / f'{NAMES[2]}.wav').unlink()
  for folder, message in (tmp_path / 'audio', NAMES[2]), (None, '--audio'):
    with pytest.raises(InputError, match=message):
      evaluate.evaluate_folders(*folders, num_frames='audio', audio=folder)
  with pytest.raises(InputError, match="got 'first'"):
    evaluate.evaluate_folders(*folders, num_frames='first')
  for edition in '2022', '2024':
    with pytest.raises(InputError, match='need the length'):
      evaluate.evaluate_folders(*folders, edition=edition)


def test_an_unknown_unit_of_distance_is_refused(folders):
  with pytest.raises(InputError, match="one of m, cm, got 'km'"):
    evaluate.evaluate_folders(*folders, units=('m', 'km'))
