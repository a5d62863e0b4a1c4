"""Recordings of the published layout are found; errors name missing files."""

import re
import shutil

import pytest

from seld_jax.dataset import find_recordings
from seld_jax.errors import InputError


def touch(path):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(b'')


@pytest.fixture
def published(tmp_path):
  """The folders of TAU-NIGENS 2020, with empty files."""
  for fold in range(1, 7):
    for mix in 2, 1:
      name = f'fold{fold}_room1_mix{mix:03d}_ov{mix}'
      touch(tmp_path / 'foa_dev' / f'{name}.wav')
      touch(tmp_path / 'mic_dev' / f'{name}.wav')
      touch(tmp_path / 'metadata_dev' / f'{name}.csv')
  for mix in 2, 1, 10:
    touch(tmp_path / 'foa_eval' / f'mix{mix:03d}.wav')
  return tmp_path


def test_recordings_of_the_published_layout_are_found(published):
  found = find_recordings(published)
  assert [entry.name for entry in found] == [
    f'fold{fold}_room1_mix{mix:03d}_ov{mix}'
    for fold in range(1, 7)
    for mix in (1, 2)
  ]
  for entry in found:
    assert entry.audio == published / 'foa_dev' / f'{entry.name}.wav'
    assert entry.labels == published / 'metadata_dev' / f'{entry.name}.csv'
    assert entry.fold == int(entry.name[4])


def test_only_the_requested_folds_are_listed(published):
  found = find_recordings(published, folds=(5, 3))
  assert [entry.fold for entry in found] == [3, 3, 5, 5]


def test_both_formats_have_the_same_labels(published):
  foa = find_recordings(published)
  mic = find_recordings(published, format='mic')
  assert [entry.labels for entry in mic] == [entry.labels for entry in foa]
  assert {entry.audio.parent.name for entry in mic} == {'mic_dev'}


def test_evaluation_recordings_need_no_labels(published):
  found = find_recordings(published, split='eval')
  assert [entry.name for entry in found] == ['mix001', 'mix002', 'mix010']
  assert all(entry.labels is None and entry.fold is None for entry in found)
  touch(published / 'metadata_eval' / 'mix002.csv')
  found = find_recordings(published, split='eval')
  assert [entry.labels is not None for entry in found] == [False, True, False]


def test_hidden_and_other_files_are_ignored(published):
  folder = published / 'foa_dev'
  for name in '._fold1_room1_mix001_ov1.wav', 'readme.md', '.DS_Store':
    touch(folder / name)
  (folder / 'fold1_room1_mix001_ov1.wav').rename(
    folder / 'fold1_room1_mix001_ov1.WAV'
  )
  found = find_recordings(published)
  assert len(found) == 12
  assert found[0].audio.suffix == '.WAV'


def test_error_names_the_missing_file(published):
  with pytest.raises(InputError, match=r'nowhere/foa_dev is missing') as error:
    find_recordings(published / 'nowhere')
  assert 'metadata_dev/fold1_room1_mix001_ov1.csv' in str(error.value)
  with pytest.raises(InputError, match=r'mic_eval is missing'):
    find_recordings(published, format='mic', split='eval')
  with pytest.raises(InputError, match='stereo_dev is missing') as error:
    find_recordings(published, format='stereo')
  for text in 'has foa_dev', f'--from_foa={published} ':
    assert text in str(error.value)
  with pytest.raises(InputError, match='no recording of fold 7: .*fold7_'):
    find_recordings(published, folds=(1, 7))
  csv = published / 'metadata_dev' / 'fold4_room1_mix001_ov1.csv'
  csv.unlink()
  with pytest.raises(InputError, match=f'{csv} is missing'):
    find_recordings(published)
  # Labels may be missing in folds that are not requested.
  assert len(find_recordings(published, folds=(1, 2))) == 4
  for path in (published / 'foa_eval').iterdir():
    path.unlink()
  with pytest.raises(InputError, match='foa_eval has no sound files'):
    find_recordings(published, split='eval')


def test_two_sound_files_of_the_same_name_are_refused(published):
  touch(published / 'foa_dev' / 'fold1_room1_mix001_ov1.flac')
  with pytest.raises(InputError, match=r'\.flac and .*\.wav have the same'):
    find_recordings(published)


def test_labels_in_folders_belong_to_audio_in_one_folder(published):
  """Some move the audio of STARSS into one folder, and not the labels."""
  before = {one.name for one in find_recordings(published)}
  folder = published / 'metadata_dev'
  for number, path in enumerate(sorted(folder.iterdir())):
    inner = folder / f'dev-train-{number % 2}'
    inner.mkdir(exist_ok=True)
    path.rename(inner / path.name)
  found = find_recordings(published)
  assert {one.name for one in found} == before
  assert all(one.labels and one.labels.stem == one.name for one in found)


def test_labels_in_another_folder_are_named(published):
  """Unpacking can make a folder of the same name within."""
  folder = published / 'metadata_dev'
  (published / 'foa_dev' / 'a').mkdir()
  name = 'fold1_room1_mix001_ov1'
  (published / 'foa_dev' / f'{name}.wav').rename(
    published / 'foa_dev' / 'a' / f'{name}.wav'
  )
  (folder / 'metadata_dev' / 'a').mkdir(parents=True)
  moved = folder / 'metadata_dev' / 'a' / f'{name}.csv'
  (folder / f'{name}.csv').rename(moved)
  with pytest.raises(InputError, match=f'missing, but {moved} has its name: '):
    find_recordings(published)


def test_predictions_beside_the_sound_are_not_proposed_as_labels(published):
  name = 'fold1_room1_mix001_ov1'
  labels = published / 'metadata_dev' / f'{name}.csv'
  labels.rename(published / 'foa_dev' / f'{name}.csv')
  with pytest.raises(InputError, match='a recording without events needs an'):
    find_recordings(published)


@pytest.mark.parametrize('is_packed', [True, False])
def test_all_labels_missing_is_not_a_recording_without_events(
  published, is_packed
):
  shutil.rmtree(published / 'metadata_dev')
  archive = published / 'metadata_dev.zip'
  if is_packed:
    archive.touch()
  text = f'; unpack {archive}.' if is_packed else 'as are all labels.'
  with pytest.raises(InputError, match=re.escape(text) + '$'):
    find_recordings(published)


def test_audio_that_is_not_unpacked_is_named(published):
  shutil.rmtree(published / 'foa_dev')
  shutil.rmtree(published / 'mic_dev')
  (published / 'foa_dev.z01').touch()
  (published / 'foa_dev.zip').touch()
  expected = f'unpack {published / "foa_dev.zip"}'
  with pytest.raises(InputError, match=re.escape(expected)):
    find_recordings(published)
