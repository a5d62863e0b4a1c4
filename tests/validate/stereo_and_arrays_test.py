"""Datasets of stereo and of arrays with any number of microphones."""

import dataclasses

import numpy as np
import pytest
from helpers.dataset_to_validate import NAMES, assert_matches, run, sound_of

from seld_jax import audio, geometry, labels, validate


def events_of(seed):
  """A source that is somewhere else in front every two frames."""
  frames = np.arange(2, 38)
  rng = np.random.default_rng(seed)
  azimuth = np.repeat(rng.permutation(np.linspace(-85, 85, 18)), 2)
  xyz = geometry.to_cartesian(azimuth, 0 * azimuth)
  return labels.Events(frames, frames * 0 + seed, frames * 0, xyz)


@pytest.fixture
def root(tmp_path):
  """Two folds of two recordings, whose left and right are W + Y and W - Y."""
  for seed, name in enumerate(NAMES):
    events = events_of(seed)
    w, y, *_ = sound_of(events, seed)
    audio.write(
      tmp_path / 'stereo_dev' / f'{name}.wav', np.stack([w + y, w - y])
    )
    labels.write_csv(tmp_path / 'metadata_dev' / f'{name}.csv', events)
  return tmp_path


def change(root, function):
  for path in (root / 'stereo_dev').iterdir():
    sound = audio.read(path, num_channels=2)
    audio.write(path, np.ascontiguousarray(function(sound)))


def test_good_stereo_has_no_findings(root):
  report = validate.validate(root)
  assert report.findings == [] and report.folds == (1, 2)
  (note,) = report.notes
  assert_matches(
    r'stereo_dev, \d+ frames .*: left and right are those of the labels '
    r'\(correlation of side and level 0\.9',
    note,
  )
  out = run('--root', str(root))
  assert out.returncode == 0 and 'Training can start.' in out.stdout


def test_exchanged_channels_are_an_error(root):
  change(root, lambda sound: sound[::-1])
  (finding,) = validate.validate(root).findings
  assert (finding.check, finding.level) == ('directions', 'error')
  assert_matches('labels have on the left are louder on the ri', finding.text)


def test_copied_and_inverted_channels_are_found(root):
  change(root, lambda sound: sound[[0, 0]])
  report = validate.validate(root)
  assert_matches('two channels are equal', report.findings[0].text)
  assert_matches('both channels have the same level', report.notes[0])
  change(root, lambda sound: sound * np.array([[1], [-1]]))
  (finding,) = validate.validate(root).findings
  assert_matches('channels 1 and 2 have opposite signs', finding.text)


def test_labels_behind_the_listener_are_a_warning(root):
  path = root / 'metadata_dev' / f'{NAMES[0]}.csv'
  events = labels.read_csv(path)
  mirrored = dataclasses.replace(events, xyz=events.xyz * [-1, 1, 1])
  labels.write_csv(path, mirrored)
  (finding,) = validate.validate(root).findings
  assert (finding.level, finding.file) == ('warning', str(path))
  assert_matches('36 of 36 directions are behind the listener', finding.text)


def test_mono_in_the_folder_of_stereo_is_an_error(root):
  path = root / 'stereo_dev' / f'{NAMES[0]}.wav'
  audio.write(path, audio.read(path, num_channels=2)[:1])
  (finding,) = validate.validate(root).findings
  assert_matches('has 1 channel, but 2 are needed, left and', finding.text)


def test_arrays_need_their_number_of_microphones(tmp_path):
  noise = 0.05 * np.random.default_rng(0).standard_normal(48000)
  for number, name in enumerate(NAMES):
    rng = np.random.default_rng(number)
    sound = noise + 1e-3 * rng.standard_normal((5, 48000))
    audio.write(tmp_path / 'mic_dev' / f'{name}.wav', sound)
    labels.write_csv(tmp_path / 'metadata_dev' / f'{name}.csv', events_of(0))
  report = validate.validate(tmp_path)
  assert len(report.findings) == len(NAMES)
  assert_matches('features.num_channels=5 .*if all', report.findings[0].text)
  for path in (tmp_path / 'metadata_dev').iterdir():
    path.write_text('')
  assert validate.validate(tmp_path, num_channels=5).findings == []
  out = run('--root', str(tmp_path), '--num_channels=5')
  assert 'Training can start.' in out.stdout
  path = tmp_path / 'mic_dev' / f'{NAMES[0]}.wav'
  sound = audio.read(path, num_channels=5)
  audio.write(path, sound * np.array([[1], [1], [0], [1], [1]]))
  (finding,) = validate.validate(tmp_path, num_channels=5).findings
  assert finding.text == 'channel 3 is silent'
