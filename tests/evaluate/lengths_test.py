"""Frames that do not fit the length of their recording are told or refused."""

import logging
import re

import numpy as np
import pytest
import soundfile
from helpers.recordings_to_evaluate import run

from seld_jax import audio, evaluate, labels
from seld_jax.errors import InputError

NAMES = ('mix1', 'mix2', 'mix3', 'mix4')


def spread(last, hop=1):
  """Events from the start to a last frame; each row is repeated `hop` times."""
  frame = np.arange(0, last + 1)
  class_index = frame // (50 * hop) % 5
  angle = np.deg2rad(frame // (20 * hop) * 30.0)
  xyz = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
  return labels.Events(frame, class_index, 0 * frame, xyz)


@pytest.fixture
def write(tmp_path):
  """A function that writes files with these last frames."""

  def make(references, predictions, hops=(1, 1)):
    folders = []
    for which, lasts, hop in zip(
      ('r', 'p'), (references, predictions), hops, strict=True
    ):
      folders.append(tmp_path / which)
      for name, last in zip(NAMES, lasts, strict=False):
        labels.write_csv(tmp_path / which / f'{name}.csv', spread(last, hop))
    return folders

  return make


@pytest.fixture
def sounds(tmp_path):
  """A function that writes sound files of so many frames."""

  def make(lengths):
    for name, length in zip(NAMES, lengths, strict=False):
      samples = np.zeros((1, length * 100))
      path = tmp_path / 'audio' / f'{name}.wav'
      audio.write(path, samples, sample_rate=1000)
    return tmp_path / 'audio'

  return make


@pytest.mark.parametrize('frames', [None, 600, 'last_reference'])
@pytest.mark.parametrize('edition', ['2019', '2020', '2021', '2022'])
def test_predictions_with_frames_of_20_ms_are_refused(write, frames, edition):
  folders = write([599] * 4, [2999] * 4, hops=(1, 5))
  if frames is None and edition == '2022':
    frames = 600
  with pytest.raises(InputError, match=r'state --label_hop=0\.1,0\.02'):
    evaluate.evaluate_folders(*folders, edition=edition, num_frames=frames)


def test_the_sound_files_show_it_as_well(write, sounds):
  options = {'num_frames': 'audio', 'audio': sounds([600, 600])}
  folders = write([590, 599], [2990, 2960], hops=(1, 5))
  message = (
    r'mix1 and 1 more: .* 2990, but its sound file has 600 .*=0\.1,0\.02'
  )
  with pytest.raises(InputError, match=message):
    evaluate.evaluate_folders(*folders, **options)
  folders = write([2950, 2999], [2990, 2960], hops=(5, 5))
  with pytest.raises(InputError, match=r'mix2: .*state --label_hop=0\.02'):
    evaluate.evaluate_folders(*folders, **options)


def test_a_reference_that_is_longer_than_stated_is_refused(write):
  folders = write([2999], [2999], hops=(5, 5))
  with pytest.raises(InputError, match=r'--label_hop=0\.02; other'):
    evaluate.evaluate_folders(*folders)
  folders = write([604], [599])
  with pytest.raises(InputError, match='0 to 599: state .* --frames=605'):
    evaluate.evaluate_folders(*folders)
  result = evaluate.evaluate_folders(*folders, num_frames=605)
  assert result['num_frames'] == 605


@pytest.mark.parametrize(
  ('length', 'allowed'), [(600, 10), (100, 10), (3000, 30)]
)
def test_a_second_and_one_percent_after_the_end_are_told(
  write, caplog, length, allowed
):
  folders = write([length - 1] * 2, [length - 1, length + allowed - 1])
  # Short predictions and a last one that is as late as allowed.
  result = evaluate.evaluate_folders(*folders, num_frames=length)
  (record,) = caplog.records
  assert record.levelno == logging.WARNING
  message = f'In 1 of 2 recordings, predictions .* {allowed} frames .mix2.'
  caplog.clear()
  assert result['num_frames'] == length
  assert re.match(message, record.getMessage())
  folders = write([length - 1] * 2, [length - 1, length + allowed])
  message = (
    f'mix2: .* {length + allowed}, but .* --frames={length + allowed + 1}'
  )
  with pytest.raises(InputError, match=message):
    evaluate.evaluate_folders(*folders, num_frames=length)
  assert not caplog.records


def test_recordings_without_frames_are_refused(write, tmp_path):
  folders = write([599], [599])
  with pytest.raises(InputError, match='at least one frame, got 0'):
    evaluate.evaluate_folders(*folders, num_frames=0)
  (tmp_path / 'audio').mkdir()
  soundfile.write(tmp_path / 'audio' / 'mix1.wav', np.zeros((0, 1)), 1000)
  options = {'num_frames': 'audio', 'audio': tmp_path / 'audio'}
  with pytest.raises(InputError, match='mix1'):
    evaluate.evaluate_folders(*folders, **options)


def test_files_that_fit_are_silent(write, sounds, caplog):
  folders = write([599, 400, 580], [580, 0, 599])
  evaluate.evaluate_folders(*folders)
  evaluate.evaluate_folders(*folders, num_frames=600)
  folder = sounds([600, 600, 600])
  evaluate.evaluate_folders(*folders, num_frames='audio', audio=folder)
  # Up to a second after the last annotated frame is usual.
  folders = write([589, 400, 599], [599, 410, 602])
  evaluate.evaluate_folders(*folders, num_frames='last_reference')
  assert not caplog.records


def test_the_end_of_the_reference_need_not_be_that_of_the_recording(
  write, caplog
):
  folders = write([300, 599, 500], [599, 599, 550])
  result = evaluate.evaluate_folders(*folders, num_frames='last_reference')
  assert result['num_frames'] == [301, 600]
  assert 'In 2 of 3 recordings' in caplog.text
  assert 'up to 299 frames (mix1)' in caplog.text
  assert '--frames=audio' in caplog.text


def test_a_reference_a_little_longer_than_its_sound_file_is_told(
  write, sounds, caplog
):
  folders = write([599, 604], [599, 599])
  options = {'num_frames': 'audio', 'audio': sounds([600, 600])}
  result = evaluate.evaluate_folders(*folders, **options)
  assert result['num_frames'] == [600, 605]
  assert '1 of 2 references end after their sound files' in caplog.text
  assert 'by at most 5 frames (mix' in caplog.text
  caplog.clear()
  evaluate.evaluate_folders(*write([599, 600], [599, 599]), **options)
  assert 'by at most 1 frame (mix' in caplog.text
  folders = write([599, 640], [599, 599])
  with pytest.raises(InputError, match=r'mix2: .* frame 640, .* 600 .* belong'):
    evaluate.evaluate_folders(*folders, **options)


@pytest.mark.parametrize(
  ('frames', 'lasts', 'hint'),
  [
    (3000, ([599] * 4, [2999] * 4), '--label_hop=0.1,0.02'),
    (3000, ([2999] * 4, [599, 590, 560, 599]), '--label_hop=0.02,0.1'),
    ('last_reference', ([2999] * 4, [599, 590, 560, 599]), '=0.02,0.1'),
  ],
)
def test_ends_at_the_same_ratio_are_told(write, caplog, frames, lasts, hint):
  evaluate.evaluate_folders(*write(*lasts), num_frames=frames)
  assert hint in caplog.text


def test_a_hop_that_is_stated_wrongly_is_told(write, caplog):
  folders = write([599] * 3, [599] * 3)
  evaluate.evaluate_folders(*folders, label_hop=(0.1, 0.02))
  assert 'state --label_hop=0.1' in caplog.text


@pytest.mark.parametrize(
  'header',
  [
    'frame,class,source,azimuth,distance,onscreen\n',
    '"Frame";"Class";"Source";"Azimuth";"Distance";"Onscreen"\n',
  ],
)
def test_files_of_another_edition_are_told(tmp_path, caplog, header):
  for which in 'r', 'p':
    (tmp_path / which).mkdir()
    for name in 'mix1', 'mix2':
      path = tmp_path / which / f'{name}.csv'
      text = header + '0,1,0,20,150,1\n5,3,0,-40,80,0\n'
      path.write_text(text.replace(',', ';') if ';' in header else text)
  folders = tmp_path / 'r', tmp_path / 'p'
  options = {'num_frames': 50, 'edition': '2024'}
  evaluate.evaluate_folders(*folders, **options)
  first, second = (record.getMessage() for record in caplog.records)
  for message, folder in zip((first, second), folders, strict=True):
    assert f'{folder}/mix1.csv and 1 more files have the columns' in message
    assert 'edition 2025' in message and 'those of edition 2024' in message
  caplog.clear()
  evaluate.evaluate_folders(*folders, csv_edition='2025', **options)
  assert not caplog.records


@pytest.mark.parametrize(
  ('form', 'own', 'told'),
  [
    ('2019', '2019', ()),
    ('2020', '2021', ()),
    ('2022', '2024', ()),  # without distances
    ('2023', '2024', ()),
    ('2023', '2020', ('2023 or 2024',)),
    ('2019', '2020', ('2019',)),
  ],
)
def test_files_of_the_edition_are_not_told(tmp_path, caplog, form, own, told):
  frame = np.arange(10)
  events = labels.Events(
    frame, frame % 3, 0 * frame, np.eye(3)[frame % 3], 100.0 + frame
  )
  for which in 'r', 'p':
    labels.write_csv(tmp_path / which / 'mix1.csv', events, edition=form)
  options = {'edition': own, 'num_frames': 20}
  if (form, own) == ('2022', '2024'):
    with pytest.raises(InputError, match='no distances'):
      evaluate.evaluate_folders(tmp_path / 'r', tmp_path / 'p', **options)
  else:
    evaluate.evaluate_folders(tmp_path / 'r', tmp_path / 'p', **options)
  assert len(caplog.records) == 2 * len(told)
  for text in told:
    assert f'edition {text} ' in caplog.text


def test_the_command_prints_warnings_and_refusals(write):
  reference, predictions = write([599] * 2, [599, 605])
  command = [f'--reference={reference}', f'--predictions={predictions}']
  done = run(*command, '--json')
  assert done.returncode == 0
  assert 'warning: In 1 of 2 recordings, predictions come' in done.stderr
  write([599] * 2, [2999] * 2)
  done = run(*command, '--json')
  assert done.returncode == 1
  assert 'error: mix1 and 1 more' in done.stderr
  assert '--label_hop=0.1,0.02' in done.stderr
  assert 'Traceback' not in done.stderr


def test_endless_recordings_are_refused_before_they_take_memory(write):
  folders = write([599] * 4, [599] * 4)
  for folder in folders:
    for name in NAMES:
      (folder / f'{name}.csv').write_text('0,1,0,0,0\n9999999,1,0,0,0\n')
  for frames in 'last_reference', 10**12:
    with pytest.raises(InputError, match='mix1, has 10000*: correct its last'):
      evaluate.evaluate_folders(*folders, num_frames=frames)
  status, _, error = run(
    *(f'--reference={folders[0]}', f'--predictions={folders[1]}'),
    f'--frames={"9" * 5000}',
  )
  assert status == 1
  assert error.startswith('error: --frames must be a number of up to 9 digits')


@pytest.mark.parametrize('as_published', [False, True])
def test_a_late_false_alarm_in_one_recording_is_no_other_clock(
  write, caplog, as_published
):
  """The published code of 2022 ignores what comes after the reference."""
  folders = write([99], [199])
  result = evaluate.evaluate_folders(
    *folders,
    edition='2022',
    num_frames=None if as_published else 'last_reference',
    as_published=as_published,
  )
  assert result['recordings'] == 1
  assert 'come more than a second after the last frame' in caplog.text


def test_a_late_long_recording_does_not_hide_a_short_one(write, sounds):
  """Each has its own limit: a second, or 1 % of its length."""
  options = {'num_frames': 'audio', 'audio': sounds([3000, 600])}
  folders = write([3024, 619], [2999, 599])
  with pytest.raises(InputError, match='mix2: the reference has frame 619'):
    evaluate.evaluate_folders(*folders, **options)
  folders = write([2999, 599], [3024, 619])
  with pytest.raises(InputError, match='mix2: the prediction has frame 619'):
    evaluate.evaluate_folders(*folders, **options)


def test_names_of_classes_differ_and_are_not_empty(write):
  folders = write([599], [599])
  for names in 'abcdefghijklma', ['a', ' ', *'cdefghijklmn']:
    with pytest.raises(InputError, match='must differ, and none may be empty'):
      evaluate.evaluate_folders(*folders, class_names=list(names))
  evaluate.evaluate_folders(*folders, class_names=list('abcdefghijklmn'))


def test_a_folder_of_sound_files_must_exist(write, tmp_path):
  folders = write([599], [599])
  with pytest.raises(InputError, match='nowhere must be a folder of sound'):
    evaluate.evaluate_folders(
      *folders, num_frames='audio', audio=tmp_path / 'nowhere'
    )
