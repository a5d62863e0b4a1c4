"""New scenes like those of a set: of its training sounds, in new rooms."""

import dataclasses
import json

import numpy as np
import pytest

from seld_jax import audio, labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import new_scenes, rooms, scenes_csv

STYLE = scenes.Style(
  max_overlap=3,
  same_class_overlap=True,
  snr_db=(20.0, 30.0),
  rt60=(0.2, 0.3),
  variation=scenes.Variation(stretch=0.0),
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp('set')
  scenes.synthesize(
    root, recordings=6, seconds=2.0, num_workers=0, style=STYLE, seed=3
  )
  return root


def open_new(root, **options):
  options = {'folds': (3, 5), 'count': 7, 'seed': 3} | options
  return scenes.open_new_scenes(root, classes=labels.TAU2020_CLASSES, **options)


def size_of(scene):
  assert isinstance(scene.room, rooms.Room)
  return scene.room.size


def test_they_have_the_settings_of_the_set(root):
  new = open_new(root)
  assert (new.style, new.seconds, new.format) == (STYLE, 2.0, 'foa')
  folds, overlaps = zip(*new.parts, strict=True)
  assert sorted(folds) == [3, 3, 3, 3, 5, 5, 5]
  assert {*overlaps} == {1, 2, 3}


def test_a_scene_depends_on_seed_generation_and_number_only(root):
  new = open_new(root)
  sound, events = scenes.render_new_scene(new, 4, 2)
  again, same = scenes.render_new_scene(open_new(root), 4, 2)
  np.testing.assert_array_equal(sound, again)
  np.testing.assert_array_equal(events.xyz, same.xyz)
  assert sound.shape == (4, 48000) and np.abs(sound).max() > 1000
  for other in (
    scenes.render_new_scene(new, 5, 2),
    scenes.render_new_scene(new, 4, 3),
    scenes.render_new_scene(open_new(root, seed=4), 4, 2),
  ):
    assert np.abs(np.corrcoef(sound[0], other[0][0])[0, 1]) < 0.5


def test_no_sound_of_another_fold_and_no_room_of_the_set_occurs(root):
  new = open_new(root, seconds=1.5)
  drawn = [
    new_scenes.draw(new, generation, number)
    for generation in range(2)
    for number in range(7)
  ]
  origins = [event.sound.origin for one in drawn for event in one.events]
  # The second number is the fold, the third one the sound.
  assert {origin.split(':')[1] for origin in origins} == {'3', '5'}
  assert len({*origins}) == len(origins)
  rows = scenes_csv.read(root / 'scenes.csv')
  theirs = {row['room_size'] for some in rows.values() for row in some}
  ours = {'x'.join(f'{side:.2f}' for side in size_of(one)) for one in drawn}
  assert theirs and not theirs & ours
  assert len(ours) == len(drawn)


def test_clips_of_a_manifest_stay_in_their_folds(root, tmp_path):
  rng = np.random.default_rng(0)
  lines = ['file,class,fold']
  for fold in range(1, 7):
    audio.write(tmp_path / f'{fold}.wav', 0.1 * rng.standard_normal((1, 9600)))
    lines.append(f'{fold}.wav,piano,{fold}')
  manifest = tmp_path / 'manifest.csv'
  manifest.write_text('\n'.join(lines))
  other = tmp_path / 'set'
  scenes.synthesize(
    other, events=manifest, recordings=6, seconds=1.0, num_workers=0
  )
  new = open_new(other, events=manifest, folds=(4,))
  drawn = [new_scenes.draw(new, 0, number) for number in range(7)]
  origins = {event.sound.origin for one in drawn for event in one.events}
  assert origins == {'4.wav'}
  with pytest.raises(InputError, match='was not rendered from .*manifest'):
    open_new(root, events=manifest)


def test_samples_and_labels_are_those_that_files_would_have(root, tmp_path):
  sound, events = scenes.render_new_scene(open_new(root), 0, 0)
  path = tmp_path / 'a.wav'
  audio.write(path, audio.as_float(sound))
  np.testing.assert_array_equal(
    audio.read(path, num_channels=4), audio.as_float(sound)
  )
  labels.write_csv(
    tmp_path / 'a.csv', events, edition='2023', distance_scale=100
  )
  read = labels.read_csv(
    tmp_path / 'a.csv', edition='2023', distance_scale=0.01
  )
  for field in dataclasses.fields(events):
    ours, theirs = getattr(events, field.name), getattr(read, field.name)
    if ours is not None:
      np.testing.assert_allclose(theirs, ours, err_msg=field.name)


def test_samples_are_rounded_as_libsndfile_does(tmp_path):
  rng = np.random.default_rng(0)
  loud = rng.uniform(-1, 1, 5000)
  values = np.concatenate([loud, 1e-4 * loud, 1e-9 * loud, [1, -1, 0]])
  audio.write(tmp_path / 'a.wav', values[None].astype(np.float32))
  found = audio.read(tmp_path / 'a.wav', num_channels=1)[0]
  np.testing.assert_array_equal(audio.as_float(audio.as_pcm(values)), found)


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    (lambda found: found.clear(), 'must have the settings'),
    (lambda found: found.update(style={}), 'must have the settings'),
    (lambda found: found['style'].update(rt60=[1, 0]), 'must have the settin'),
    (lambda found: found.update(classes='starss'), '13 classes starss, but'),
    (lambda found: found.update(folds=[1, 2]), 'has no sounds for the folds'),
  ],
)
def test_sets_that_cannot_be_extended_are_refused(
  root, tmp_path, change, words
):
  found = json.loads((root / 'synthesis.json').read_text())
  change(found)
  (tmp_path / 'synthesis.json').write_text(json.dumps(found))
  with pytest.raises(InputError, match=words):
    open_new(tmp_path)


def test_recordings_that_were_not_rendered_are_refused(tmp_path):
  with pytest.raises(InputError, match=r'data\.synthesize_every_epoch=0'):
    open_new(tmp_path)
