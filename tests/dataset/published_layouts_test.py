"""Published datasets are found as they lie, and every label file is read."""

import shutil

import numpy as np
import pytest
from helpers.published_sets import (
  CLIPS,
  L3DAS,
  STARSS,
  SYNTHETIC,
  l3das22,
  starss23,
  stereo2025,
)

from seld_jax import labels
from seld_jax.dataset import find_recordings, list_pairs
from seld_jax.errors import InputError


def named(recordings):
  return [one.name for one in recordings]


@pytest.fixture(scope='module')
def starss(tmp_path_factory):
  return starss23(tmp_path_factory.mktemp('starss'), seconds=0.1)


@pytest.fixture
def root(starss, tmp_path):
  """A copy that a test may change."""
  return shutil.copytree(starss, tmp_path / 'set')


def of_folds(sets, *starts):
  return sorted(
    name for some in sets for name in some if name.startswith(starts)
  )


@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_starss_has_two_folds_and_synthetic_recordings_beside(starss, format):
  found = find_recordings(starss, format=format)
  assert named(found) == of_folds([*STARSS.values(), SYNTHETIC], 'fold')
  assert {one.fold for one in found} == {1, 3, 4}
  for one in found:
    inside = one.audio.relative_to(starss / f'{format}_dev').with_suffix('.csv')
    assert one.labels == starss / 'metadata_dev' / inside
  train = find_recordings(starss, format=format, folds=(1, 3))
  assert named(train) == of_folds(
    [*STARSS.values(), SYNTHETIC], 'fold1', 'fold3'
  )


def test_labels_of_starss_have_sources_and_distances(starss):
  for one in find_recordings(starss, folds=(3, 4)):
    assert one.labels is not None
    events = labels.read_csv(one.labels, edition='2023', distance_scale=None)
    assert events.distance is not None
    np.testing.assert_allclose(events.distance, 1.83)
    both = events.frame == 6
    assert sorted(events.track[both]) == [1, 2]
    assert {*events.class_index} == {1, 8}
  # The label files of synthetic recordings may have no distances.
  (path, _) = (one.labels for one in find_recordings(starss, folds=(1,)))
  assert path is not None
  events = labels.read_csv(path, edition='2023')
  assert events.distance is None


def test_synthetic_recordings_may_have_a_folder_of_their_own(root):
  for folder, end in ('foa_dev', '.wav'), ('metadata_dev', '.csv'):
    (root / folder / 'dev-train-synth').mkdir()
    for name in SYNTHETIC:
      path = root / folder / f'{name}{end}'
      path.rename(root / folder / 'dev-train-synth' / path.name)
  assert named(find_recordings(root, folds=(1,))) == sorted(SYNTHETIC)


def test_parts_of_the_set_may_be_links_to_other_folders(root, tmp_path):
  for folder in 'foa_dev', 'metadata_dev':
    (root / folder / 'dev-test-tau').rename(tmp_path / folder)
    (root / folder / 'dev-test-tau').symlink_to(tmp_path / folder)
  found = find_recordings(root, folds=(4,))
  assert named(found) == of_folds(STARSS.values(), 'fold4')
  (root / 'foa_dev' / 'dev-test-tau' / 'again').symlink_to(root / 'foa_dev')
  with pytest.raises(InputError, match='again is a symbolic link .* a loop'):
    find_recordings(root, folds=(4,))


def test_hidden_folders_and_the_case_of_suffixes_do_not_matter(root):
  for folder, end in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
    inside = root / folder / 'dev-train-tau'
    shutil.copytree(inside, root / folder / '.backup')
    shutil.copytree(
      inside, root / folder / 'dev-test-sony' / '.ipynb_checkpoints'
    )
    path = inside / f'fold3_room6_mix001.{end}'
    path.rename(path.with_suffix(f'.{end.upper()}'))
    shutil.copy(inside / f'fold3_room4_mix001.{end}', inside / f'._x.{end}')
  found = find_recordings(root, folds=(3,))
  assert named(found) == of_folds(STARSS.values(), 'fold3')


def test_the_same_name_in_two_folders_is_an_error(root):
  for folder, end in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
    shutil.copy(
      root / folder / 'dev-train-tau' / f'fold3_room4_mix001.{end}',
      root / folder / 'dev-train-sony',
    )
  with pytest.raises(InputError, match='have the same name, but each') as error:
    find_recordings(root)
  assert 'dev-train-sony' in str(error.value)
  assert 'dev-train-tau' in str(error.value)


def test_two_label_files_of_a_recording_are_an_error(root):
  name = 'fold4_room2_mix002.csv'
  (root / 'metadata_dev' / name).write_text('')
  with pytest.raises(InputError, match='has two label files') as error:
    find_recordings(root)
  assert str(root / 'metadata_dev' / 'dev-test-tau' / name) in str(error.value)
  # One file for all recordings is enough.
  (root / 'metadata_dev' / 'dev-test-tau' / name).unlink()
  (one,) = [
    one for one in find_recordings(root) if one.name == name.partition('.')[0]
  ]
  assert one.labels == root / 'metadata_dev' / name


def test_folders_of_2021_are_found(tmp_path):
  for fold, folder in (1, 'dev-train'), (5, 'dev-val'), (6, 'dev-test'):
    for place, end in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
      path = tmp_path / place / folder / f'fold{fold}_room1_mix001.{end}'
      path.parent.mkdir(parents=True)
      path.touch()
  found = find_recordings(tmp_path, folds=(1, 5, 6))
  assert [one.audio.parent.name for one in found] == [
    *('dev-train', 'dev-val', 'dev-test')
  ]


def test_clips_of_2025_have_the_fold_of_their_recording(tmp_path):
  root = stereo2025(tmp_path, seconds=0.1)
  found = find_recordings(root, format='stereo')
  assert named(found) == of_folds(CLIPS.values(), 'fold')
  assert len(find_recordings(root, format='stereo', folds=(3,))) == 12
  for one in found:
    assert one.labels is not None and one.labels.parent.name in CLIPS
    events = labels.read_csv(one.labels, edition='2025', distance_scale=None)
    if len(events.frame):
      assert events.distance is not None
      assert {*events.distance.round(9)} == {2.15, 0.9}
  (root / 'stereo_eval').mkdir()
  (root / 'stereo_eval' / 'sample0001.wav').touch()
  (one,) = find_recordings(root, format='stereo', split='eval')
  assert (one.name, one.fold, one.labels) == ('sample0001', None, None)
  with pytest.raises(InputError, match='foa_dev is missing'):
    find_recordings(root)


def test_recordings_of_l3das_are_those_of_microphone_a(tmp_path):
  root = l3das22(tmp_path, seconds=0.1)
  found = find_recordings(root, folds=(0, 3, 4))
  assert named(found) == sorted(
    name for some in L3DAS.values() for name in some
  )
  assert [one.fold for one in found] == [0, 3, 4]
  for one in found:
    assert one.audio.name == f'{one.name}_A.wav'
    assert one.labels is not None
    assert one.labels.name == f'label_{one.name}.csv'
    assert one.audio.parent.parent == one.labels.parent.parent
  # A root may also be one of the folders.
  inside = root / 'L3DAS22_Task2_dev' / 'L3DAS22_Task2_dev'
  assert named(find_recordings(inside)) == ['split4_ov3_1']


def test_files_of_l3das_that_are_missing_are_named(tmp_path):
  root = l3das22(tmp_path, seconds=0.1)
  dev = root / 'L3DAS22_Task2_dev' / 'L3DAS22_Task2_dev'
  (dev / 'labels' / 'label_split4_ov3_1.csv').unlink()
  with pytest.raises(InputError, match=r'label_split4_ov3_1\.csv is missing'):
    find_recordings(root)
  train = root / 'L3DAS22_Task2_train' / 'L3DAS22_Task2_train'
  (train / 'data' / 'split0_ov1_0_A.wav').unlink()
  for path in (train / 'data').glob('split3*'):
    path.unlink()
  missing = [one.missing for one in list_pairs(root)]
  assert missing == [
    train / 'data' / 'split0_ov1_0_A.wav',
    train / 'data' / 'split3_ov2_17_A.wav',
    dev / 'labels' / 'label_split4_ov3_1.csv',
  ]
