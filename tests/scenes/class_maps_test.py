"""Sounds of the classes of each dataset, by any of their names."""

import json
from typing import Any

import numpy as np
import pytest
import soundfile

from seld_jax import labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import bank, class_maps, library, synthesize


def write_clips(folder, names):
  for name in names:
    path = folder / f'{name}.wav'
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(0).random(2400), 24000)


def write_manifest(folder, rows):
  write_clips(folder, [row[0].removesuffix('.wav') for row in rows])
  lines = [f'{file},{name},{fold}' for file, name, fold in rows]
  (folder / 'manifest.csv').write_text('\n'.join(['file,class,fold', *lines]))


def test_every_class_map_is_that_of_the_labels_and_has_sounds():
  assert scenes.CLASS_MAPS == {
    'tau2020': labels.TAU2020_CLASSES,
    'tau2021': labels.TAU2021_CLASSES,
    'starss': labels.STARSS_CLASSES,
    'l3das22': labels.L3DAS22_CLASSES,
  }
  for key, names in scenes.CLASS_MAPS.items():
    assert set(names) <= set(bank.GENERATORS)
    assert scenes.map_of(names) == key
    assert key in class_maps.TITLES
  assert scenes.map_of(('door', 'speech')) is None


@pytest.mark.parametrize(
  ('text', 'classes', 'expected'),
  [
    ('door_open_close', 'starss', 'door'),
    ('Door, open or close', 'starss', 'door'),
    ('Walk, footsteps', 'starss', 'footsteps'),
    ('Female speech, woman speaking', 'starss', 'female_speech'),
    ('Water tap, faucet', 'starss', 'water_tap'),
    ('ringing_phone', 'starss', 'telephone'),
    ('knocking-on-door', 'starss', 'knock'),
    ('telephone', 'tau2020', 'ringing_phone'),
    ('knock', 'tau2021', 'knocking_on_door'),
    ('engine', 'tau2020', 'running_engine'),
    ('engine', 'tau2021', None),
    ('female_speech', 'l3das22', 'Female_speech_and_woman_speaking'),
    ('keys', 'l3das22', 'Keys_jangling'),
    ('alarm', 'starss', None),
    ('', 'starss', None),
  ],
)
def test_classes_are_found_by_other_names(text, classes, expected):
  assert class_maps.find_class(text, scenes.CLASS_MAPS[classes]) == expected


@pytest.mark.parametrize('classes', scenes.CLASS_MAPS)
def test_all_names_of_a_class_map_mean_themselves(classes):
  names = scenes.CLASS_MAPS[classes]
  for name in names:
    for text in name, name.upper(), name.replace('_', ' '):
      assert class_maps.find_class(text, names) == name


def test_a_manifest_of_another_dataset_is_refused_with_its_class_map(tmp_path):
  write_manifest(tmp_path, [('a.wav', 'clapping', 1)])
  with pytest.raises(InputError, match="2020 .*'clapping', a .*classes=starss"):
    library.open_library(tmp_path)
  assert library.open_library(tmp_path, class_map='starss').classes(1) == (
    'clapping',
  )


def test_classes_given_up_in_2021_are_left_out_with_a_warning(tmp_path, caplog):
  rows = [('a.wav', 'engine', 1), ('b.wav', 'piano', 1), ('c.wav', 'fire', 1)]
  write_manifest(tmp_path, rows)
  source = library.open_library(tmp_path, class_map='tau2021')
  assert source.classes(1) == ('piano',)
  told = [r.getMessage() for r in caplog.records]
  assert any(text.endswith('running_engine, burning_fire.') for text in told)
  write_manifest(tmp_path, rows[:1])
  with pytest.raises(InputError, match='no sound of a class of .* 2021'):
    library.open_library(tmp_path, class_map='tau2021')


def test_labels_have_the_indices_of_the_requested_classes(tmp_path):
  """With clips of three classes, the only indices are those of the map."""
  write_manifest(
    tmp_path / 'sounds',
    [
      (f'{name}.wav', name, fold)
      for fold, name in enumerate(('door', 'bell', 'knock'), start=1)
    ],
  )
  out = tmp_path / 'out'
  options: dict[str, Any] = {
    'recordings': 3,
    'seconds': 1.0,
    'num_workers': 0,
    'classes': 'starss',
    'events': tmp_path / 'sounds',
  }
  synthesize(out, **options)
  for fold, index in (1, 7), (2, 11), (3, 12):
    (path,) = out.glob(f'metadata_dev/fold{fold}_*.csv')
    found = labels.read_csv(path)
    assert set(found.class_index) == {index}
  assert json.loads((out / 'synthesis.json').read_text())['classes'] == 'starss'
  assert '- 12: knock' in (out / 'README.md').read_text()
  assert scenes.classes_of(out) == labels.STARSS_CLASSES
  before = {path: path.stat().st_mtime_ns for path in out.rglob('*.wav')}
  synthesize(out, **options)
  assert before == {path: path.stat().st_mtime_ns for path in before}
  scenes.check_settings(out, recordings=3, seed=0, classes='starss')
  for expected in 'tau2020', 'l3das22':
    with pytest.raises(InputError, match=f'starss, but classes {expected}'):
      scenes.check_settings(out, recordings=3, seed=0, classes=expected)
