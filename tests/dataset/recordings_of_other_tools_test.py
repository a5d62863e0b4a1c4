"""Datasets written by other programs are read without any conversion.

The files here have the names, folders and rows that those programs write.
"""

import numpy as np
import pytest

from seld_jax import audio, dataset, geometry, labels
from seld_jax.errors import InputError


def write(path, text=None):
  """Writes a CSV file with this text, or a short recording."""
  path.parent.mkdir(parents=True, exist_ok=True)
  if text is not None:
    path.write_text(text)
  else:
    audio.write(path, np.full((4, 2400), 0.1))


def only(root, **options):
  """The only recording of a dataset; it must be readable."""
  (found,) = dataset.find_recordings(root, **options)
  assert audio.read(found.audio).shape == (4, 2400)
  return found


def events_of(found, **options):
  assert found.labels is not None
  return labels.read_csv(found.labels, **options)


def test_generator_of_dcase_2022(tmp_path):
  """MIXTURES/target_noisy/foa and MIXTURES/metadata; 5 columns; no overlap."""
  scenario = tmp_path / 'target_noisy'
  write(scenario / 'foa' / 'fold1_room10_mix003.wav')
  rows = '12,0,1,-37,20\r\n12,5,4,170,-8\r\n13,0,1,-36,20\r\n'
  write(tmp_path / 'metadata' / 'fold1_room10_mix003.csv', rows)
  found = only(scenario)
  assert (found.name, found.fold) == ('fold1_room10_mix003', 1)
  events = events_of(found, edition='2022')
  np.testing.assert_array_equal(events.frame, [12, 12, 13])
  np.testing.assert_array_equal(events.class_index, [0, 5, 0])
  np.testing.assert_array_equal(events.track, [1, 4, 1])
  expected = geometry.to_cartesian(
    np.array([-37, 170, -36]), np.array([20, -8, 20])
  )
  np.testing.assert_allclose(events.xyz, expected, atol=1e-12)
  assert events.distance is None


def test_spatial_scaper(tmp_path):
  """OUTPUT/mic and OUTPUT/labels; distances in metres."""
  write(tmp_path / 'mic' / 'fold5_room1_mix001.wav')
  rows = '0,3,0,-90,15,2\n1,3,0,-89,15,2\n'
  write(tmp_path / 'labels' / 'fold5_room1_mix001.csv', rows)
  found = only(tmp_path, format='mic', folds=(5,))
  assert found.name == 'fold5_room1_mix001'
  events = events_of(found, edition='2024')
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, 2.0)
  expected = geometry.to_cartesian(np.array([-90, -89]), np.array([15, 15]))
  np.testing.assert_allclose(events.xyz, expected, atol=1e-12)


def test_audible_light_dataset(tmp_path):
  """Folders within those of the layout; distances in centimetres."""
  inside = 'dev-train-alight/fold1_scene0_004_foa'
  write(tmp_path / 'foa_dev' / f'{inside}.wav')
  write(tmp_path / 'metadata_dev' / f'{inside}.csv', '7,2,0,45,-10,183\n')
  write(tmp_path / 'metadata_dev' / f'{inside[:-4]}.json', '{}')
  found = only(tmp_path)
  assert (found.name, found.fold) == ('fold1_scene0_004_foa', 1)
  as_written = events_of(found, edition='2024')
  assert as_written.distance is not None
  np.testing.assert_allclose(as_written.distance, 183)
  metres = events_of(found, edition='2024', distance_scale=0.01)
  assert metres.distance is not None
  np.testing.assert_allclose(metres.distance, 1.83)


def test_audible_light_scenes(tmp_path):
  """A folder for each scene, with sound and labels of each microphone."""
  for scene in 'fold1_a', 'fold2_b':
    for mic in 'eigenmike', 'MyFOA':
      write(tmp_path / scene / f'audio_out_{mic}.wav')
      write(tmp_path / scene / f'metadata_out_{mic}.csv', '3,1,0,90,0,250\n')
  assert len(dataset.find_recordings(tmp_path)) == 2
  found = only(tmp_path, folds=(2,))
  assert (found.name, found.fold) == ('fold2_b', 2)
  assert found.audio.name == 'audio_out_MyFOA.wav'
  events = events_of(found, edition='2024')
  np.testing.assert_allclose(events.xyz, [[0, 1, 0]], atol=1e-12)
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, 250)
  with pytest.raises(InputError, match='holds the microphones MyFOA, eigenm'):
    dataset.find_recordings(tmp_path, format='mic')
  (tmp_path / 'fold1_a' / 'metadata_out_MyFOA.csv').unlink()
  with pytest.raises(InputError, match=r'metadata_out_MyFOA\.csv is missing'):
    dataset.find_recordings(tmp_path)


def test_only_microphone_of_a_scene_may_have_any_name(tmp_path):
  write(tmp_path / 'audio_out_mic000.wav')
  write(tmp_path / 'metadata_out_mic000.csv', '')
  assert only(tmp_path).name == tmp_path.name


def test_published_folders_have_priority(tmp_path):
  write(tmp_path / 'foa_dev' / 'fold1_room1_mix001_ov1.wav')
  write(tmp_path / 'metadata_dev' / 'fold1_room1_mix001_ov1.csv', '')
  write(tmp_path / 'foa' / 'fold1_room1_mix002.wav')
  write(tmp_path / 'labels' / 'fold1_room1_mix002.csv', '')
  assert only(tmp_path).name == 'fold1_room1_mix001_ov1'


def test_error_names_the_missing_file(tmp_path):
  write(tmp_path / 'foa' / 'fold1_room1_mix001.wav')
  with pytest.raises(InputError, match='foa_dev is missing'):
    dataset.find_recordings(tmp_path)
  (tmp_path / 'labels').mkdir()
  with pytest.raises(InputError, match=r'labels/fold1_.*csv is miss'):
    dataset.find_recordings(tmp_path)


def test_same_name_in_two_folders_is_refused(tmp_path):
  for folder in 'dev-train', 'dev-test':
    write(tmp_path / 'foa_dev' / folder / 'fold1_room1_mix001.wav')
    write(tmp_path / 'metadata_dev' / folder / 'fold1_room1_mix001.csv', '')
  with pytest.raises(InputError, match='have the same name'):
    dataset.find_recordings(tmp_path)
