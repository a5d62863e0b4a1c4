"""Faults that a whole dataset has are found, with the step that mends them."""

import dataclasses
import shutil

import numpy as np
import pytest
from helpers.dataset_to_validate import (
  NAMES,
  RATE,
  assert_matches,
  capsules_of,
  events_of,
  run,
  sound_of,
)

from seld_jax import audio, geometry, labels, scenes, validate


@pytest.fixture
def foa(root):
  """A dataset of FOA only."""
  shutil.rmtree(root / 'mic_dev')
  return root


def change_sounds(root, change, *, format='foa'):
  for path in (root / f'{format}_dev').iterdir():
    sound = audio.read(path)
    audio.write(path, 0.3 * np.asarray(change(sound)), sample_rate=RATE)


def change_labels(root, change):
  """Rewrites all labels; `change` gets and returns columns, degrees."""
  for path in (root / 'metadata_dev').iterdir():
    events = labels.read_csv(path)
    columns = (events.frame, *geometry.to_polar(events.xyz))
    frame, azimuth, elevation = change(*columns)
    lines = [
      f'{int(row[0])},{row[1]},0,{row[2]:.6f},{row[3]:.6f}\n'
      for row in zip(frame, events.class_index, azimuth, elevation, strict=True)
      if 0 <= row[0] < 40
    ]
    path.write_text(''.join(lines))


def only_above(root):
  """Makes all sources be above the horizon."""
  for seed, name in enumerate(NAMES):
    events = events_of(seed)
    xyz = np.abs(events.xyz * [0, 0, 1]) + events.xyz * [1, 1, 0]
    events = dataclasses.replace(events, xyz=xyz)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', events)
    path = root / 'foa_dev' / f'{name}.wav'
    audio.write(path, sound_of(events, seed))


# Gains of W, Y, Z, X or orders of channels, and what is said about them.
SIGNS = {
  'upside down': ([1, 1, -1, 1], 'the sign of all elevations.*invert chan.* 3'),
  'left and right': ([1, -1, 1, 1], 'sign of all azimuths.*invert channel 2'),
  'front and back': ([1, 1, 1, -1], '180 minus it.*invert channel 4'),
  'hanging': ([1, -1, -1, 1], 'azimuths and elev.*invert channels 2 and 3'),
  'all': ([-1, 1, 1, 1], 'invert channel 1 of the sound'),
  'turned': ([1, -1, 1, -1], 'add 180 degrees.*invert channels 2 and 4'),
}
ORDERS = {
  'FuMa': ([0, 3, 1, 2], r'FuMa order.*write the channels 1, 3, 4, 2 of each'),
  'X and Z': ([0, 1, 3, 2], r'order W, Y, X, Z.*the channels 1, 2, 4, 3 of'),
}
LABELS = {
  'radians': (
    lambda f, a, e: (f, np.deg2rad(a), np.deg2rad(e)),
    'are radians.*convert them to degrees',
  ),
  'azimuths in radians': (
    lambda f, a, e: (f, np.deg2rad(a), e),
    '(?<!and )azimuths are radians.*convert them to degrees',
  ),
  'elevations in radians': (
    lambda f, a, e: (f, a, np.deg2rad(e)),
    '(?<!and )elevations are radians.*convert them to degrees',
  ),
  'late by 0.4 s': (
    lambda f, a, e: (f + 4, a, e),
    r'0\.4 s earlier.*subtract 0\.4 s \(4 frames of 0\.1 s\) from all times',
  ),
  'early by 1 s': (
    lambda f, a, e: (f - 10, a, e),
    r'1\.0 s later.*add 1\.0 s \(10 frames of 0\.1 s\) to all times',
  ),
  'turned by a quarter': (
    lambda f, a, e: (f, (a + 90 + 180) % 360 - 180, e),
    'subtract 90 degrees from all azimuths',
  ),
}


def assert_only_finding(root, check, level, text, *, folder='foa_dev'):
  [finding] = validate.validate(root).findings
  assert (finding.check, finding.level) == (check, level), finding
  assert finding.file == str(root / folder)
  assert_matches(text, finding.text)


@pytest.mark.parametrize('name', SIGNS)
def test_inverted_axes_are_found(foa, name):
  signs, text = SIGNS[name]
  change_sounds(foa, lambda sound: sound * np.array(signs)[:, None])
  assert_only_finding(foa, 'directions', 'error', text)


@pytest.mark.parametrize('name', ORDERS)
def test_other_orders_are_found(foa, name):
  order, text = ORDERS[name]
  change_sounds(foa, lambda sound: sound[order])
  assert_only_finding(foa, 'directions', 'error', text)


@pytest.mark.parametrize('name', LABELS)
def test_wrong_labels_are_found(foa, name):
  change, text = LABELS[name]
  change_labels(foa, change)
  assert_only_finding(foa, 'directions', 'error', text)


def test_colatitudes_are_found_if_all_sources_are_above_the_horizon(foa):
  only_above(foa)
  assert validate.validate(foa).findings == []
  change_labels(foa, lambda f, a, e: (f, a, 90 - e))
  text = 'colatitudes.*replace each elevation by 90 minus it'
  assert_only_finding(foa, 'directions', 'error', text)


def test_an_upside_down_set_with_all_sources_above_the_horizon_is_found(foa):
  only_above(foa)
  change_sounds(foa, lambda sound: sound * [[1], [1], [-1], [1]])
  assert_only_finding(foa, 'directions', 'error', 'invert channel 3')


def test_axes_that_no_source_uses_are_not_determined(foa):
  for seed, name in enumerate(NAMES):
    flat = events_of(seed).xyz * [1, 1, 0.02]
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    events = dataclasses.replace(events_of(seed), xyz=flat)
    labels.write_csv(foa / 'metadata_dev' / f'{name}.csv', events)
    sound = sound_of(events, seed) * [[1], [1], [-1], [1]]
    audio.write(foa / 'foa_dev' / f'{name}.wav', sound)
  report = validate.validate(foa)
  assert report.findings == []
  assert report.readings == {None: 4}
  [note] = report.notes
  assert_matches('not determined: the sign of z', note)


def test_recordings_with_one_source_at_one_place_are_no_finding(foa):
  """Reflections can turn the intensity of such a set."""
  frames = np.arange(2, 38)
  at = geometry.to_cartesian(np.full(36, 5.0), np.full(36, -20.0))
  heard = geometry.to_cartesian(np.full(36, -8.0), np.full(36, 25.0))
  for seed, name in enumerate(NAMES):
    events = labels.Events(frames, frames * 0, frames * 0, at)
    labels.write_csv(foa / 'metadata_dev' / f'{name}.csv', events)
    events = dataclasses.replace(events, xyz=heard)
    audio.write(foa / 'foa_dev' / f'{name}.wav', sound_of(events, seed))
  report = validate.validate(foa)
  assert report.findings == []
  assert_matches('not determined', report.notes[0])


def test_labels_of_other_recordings_are_found(foa):
  folder = foa / 'metadata_dev'
  paths = sorted(folder.iterdir())
  texts = [path.read_text() for path in paths]
  for path, text in zip(paths, texts[1:] + texts[:1], strict=True):
    path.write_text(text)
  assert_only_finding(foa, 'directions', 'warning', 'labels belong to these')


@pytest.mark.parametrize('seed', range(4))
def test_labels_and_sound_that_agree_too_little_are_not_said_to_agree(
  foa, seed
):
  """Also if there is too little evidence for a warning."""
  for index, name in enumerate(NAMES):
    path = foa / 'metadata_dev' / f'{name}.csv'
    events = events_of(index)
    rng = np.random.default_rng([seed, index])
    xyz = np.repeat(events.xyz[::2][rng.permutation(18)], 2, axis=0)
    # A part of the directions is right.
    xyz[:10] = events.xyz[:10]
    labels.write_csv(path, dataclasses.replace(events, xyz=xyz))
  report = validate.validate(foa)
  texts = [one.text for one in report.findings] + list(report.notes)
  assert any('do the labels belong' in one for one in texts), texts
  assert not any('labels and sound agree (' in one for one in texts), texts


def test_labels_are_not_compared_with_channels_of_another_kind(foa):
  for index, name in enumerate(NAMES):
    path = foa / 'foa_dev' / f'{name}.wav'
    audio.write(path, capsules_of(events_of(index), index))
  report = validate.validate(foa)
  assert {one.check for one in report.findings} == {'channels'}
  [note] = report.notes
  assert_matches('not determined.*channels are not those of FOA', note)


def test_kinds_of_channels_are_told_apart(root):
  (root / 'foa_dev').rename(root / 'other')
  (root / 'mic_dev').rename(root / 'foa_dev')
  (root / 'other').rename(root / 'mic_dev')
  found = {
    one.file: (one.level, one.text)
    for one in validate.validate(root).findings
    if one.check == 'channels'
  }
  assert [level for level, _ in found.values()] == ['error', 'error']
  assert_matches('in 4 of 4.*is it MIC', found[str(root / 'foa_dev')][1])
  assert_matches('in 4 of 4.*is it FOA', found[str(root / 'mic_dev')][1])


@pytest.mark.parametrize(
  ('factor', 'text'),
  [
    (np.sqrt(3), 'have 3.0 times the power of W.*is it N3D'),
    (np.sqrt(1 / 3), 'have 0.3.* times the power of W.*SN3D already'),
  ],
)
def test_another_normalisation_is_a_warning(foa, factor, text):
  change_sounds(foa, lambda sound: sound * [[1], *[[factor]] * 3])
  assert_only_finding(foa, 'channels', 'warning', text)


def test_copied_channels_are_named_so(foa):
  change_sounds(foa, lambda sound: sound[[0, 1, 0, 1]])
  found = [
    one for one in validate.validate(foa).findings if one.check == 'channels'
  ]
  assert [one.level for one in found] == ['error']
  assert_matches('channels 1 and 3, 2 and 4 are equal', found[0].text)


@pytest.mark.parametrize(
  ('change', 'text'),
  [
    (lambda sound: sound[[0, 1, 0, 1]], 'channels 1 and 3, 2 and 4 are equal'),
    (lambda sound: sound[[0, 0, 0, 0]], 'its four channels are equal'),
    (lambda sound: sound * [[1], [1.8], [1.8], [1.8]], 'is it N3D'),
    (lambda sound: 0 * sound, 'all its channels are silent'),
    (lambda sound: capsules_of(events_of(0), 0), 'is it MIC'),
  ],
)
def test_one_recording_with_other_channels_is_named(foa, change, text):
  path = foa / 'foa_dev' / f'{NAMES[0]}.wav'
  audio.write(path, 0.5 * np.asarray(change(audio.read(path))))
  found = validate.validate(foa).findings
  assert {one.file for one in found} == {str(path)}
  assert any(text in one.text for one in found), found


def test_labels_are_compared_with_microphones_too(root):
  shutil.rmtree(root / 'foa_dev')
  report = validate.validate(root)
  assert report.findings == []
  assert_matches('mic_dev, 144 frames.*agree', report.notes[0])
  change_labels(root, lambda f, a, e: (f + 5, a, e))
  text = r'subtract 0\.5 s \(5 frames of 0\.1 s\) from all times of the labels'
  assert_only_finding(root, 'directions', 'error', text, folder='mic_dev')


@pytest.mark.parametrize('order', [(1, 0, 3, 2), (0, 2, 1, 3)])
def test_exchanged_capsules_are_a_warning(root, order):
  shutil.rmtree(root / 'foa_dev')
  change_sounds(root, lambda sound: sound[list(order)], format='mic')
  listed = ', '.join(str(one + 1) for one in np.argsort(order))
  text = f'write the channels {listed} of each sound file.*TAU-NIGENS'
  assert_only_finding(root, 'directions', 'warning', text, folder='mic_dev')


def test_microphones_of_another_array_are_not_judged(root):
  shutil.rmtree(root / 'foa_dev')
  for seed, name in enumerate(NAMES):
    sound = capsules_of(events_of(seed), seed)
    # The first capsule twice, apart from noise of its own: not a tetrahedron.
    sound[1] = sound[0] + 1e-4 * np.random.default_rng(0).standard_normal(
      sound.shape[1]
    )
    audio.write(root / 'mic_dev' / f'{name}.wav', sound)
  assert validate.validate(root).num_errors == 0


@pytest.mark.slow
def test_rendered_scenes_are_judged_as_they_are(tmp_path):
  """In rooms, with noise, moving sources and two sources at a time."""
  scenes.synthesize(
    tmp_path, recordings=8, seconds=15.0, formats=('foa', 'mic'), num_workers=0
  )
  report = validate.validate(tmp_path)
  assert report.findings == []
  assert len(report.notes) == 2
  for note in report.notes:
    assert_matches('labels and sound agree', note)
  shutil.rmtree(tmp_path / 'mic_dev')
  for path in (tmp_path / 'foa_dev').iterdir():
    audio.write(path, audio.read(path) * [[1], [1], [-1], [1]])
  assert_only_finding(tmp_path, 'directions', 'error', 'upside down')


def test_command_prints_what_is_not_determined(foa):
  (foa / 'metadata_dev' / f'{NAMES[0]}.csv').write_text('3,1,0,170,-60\n')
  for name in NAMES[1:]:
    (foa / 'metadata_dev' / f'{name}.csv').write_text('')
  done = run(f'--root={foa}')
  assert done.returncode == 0, done.stderr
  assert_matches(
    'foa_dev.*, 1 frame.*not determined.*too few frames', done.stdout
  )
