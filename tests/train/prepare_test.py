"""Data of a run: features in parts or at once, scenes on first use."""

import functools
import pathlib
import shutil

import numpy as np
import pytest

from seld_jax import config as config_lib
from seld_jax import dataset, labels, scenes, shards, train
from seld_jax.config import tasks
from seld_jax.dataset import cache
from seld_jax.errors import InputError
from seld_jax.train import prepare


def contents(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in pathlib.Path(folder).rglob('*')
    if path.is_file()
  }


def test_features_extracted_in_parts_are_those_extracted_at_once(
  tiny_config, tmp_path
):
  tiny_config.data.cache = str(tmp_path / 'whole')
  found, _ = prepare.extract_features(tiny_config)
  total = sum(map(len, found.values()))
  tiny_config.data.cache = str(tmp_path / 'parts')
  sizes = []
  for number in 4, 2, 1, 3:
    _, paths = prepare.extract_features(
      tiny_config, shard=shards.Shard(number, 4)
    )
    assert all(map(cache.is_intact, paths.values()))
    sizes.append(len(paths))
  assert sum(sizes) == total and max(sizes) - min(sizes) <= 1
  assert contents(tmp_path / 'parts') == contents(tmp_path / 'whole')


def test_scenes_must_be_rendered_before_they_are_divided_into_parts(
  tiny_config, tmp_path
):
  tiny_config.data.root = str(tmp_path / 'none')
  tiny_config.data.synthesize = 6
  with pytest.raises(InputError, match='render it first'):
    prepare.extract_features(tiny_config, shard=shards.Shard(1, 2))


def test_scenes_are_rendered_on_first_use_also_those_of_evaluation(
  tiny_config, tmp_path, monkeypatch
):
  short = functools.partial(scenes.synthesize, seconds=5.0)
  monkeypatch.setattr(scenes, 'synthesize', short)
  tiny_config.data.root = str(tmp_path / 'set')
  tiny_config.data.cache = ''
  tiny_config.data.synthesize = 6
  tiny_config.data.evaluation = True
  found, paths = prepare.extract_features(tiny_config)
  assert [entry.name for entry in found['evaluation']] == ['mix001', 'mix002']
  assert all(map(cache.is_intact, paths.values()))
  again, _ = prepare.extract_features(tiny_config)
  assert again == found


@pytest.mark.slow
def test_rendered_scenes_have_the_label_files_of_the_config(
  tiny_config, tmp_path, monkeypatch
):
  short = functools.partial(scenes.synthesize, seconds=5.0)
  monkeypatch.setattr(scenes, 'synthesize', short)
  tiny_config.data.root = str(tmp_path / 'set')
  tiny_config.data.cache = ''
  tiny_config.data.synthesize = 3
  tiny_config.data.csv_edition = '2023'
  found, _ = prepare.extract_features(tiny_config)
  events = [
    labels.read_csv(entry.labels or '', edition='2023')
    for some in found.values()
    for entry in some
  ]
  assert any(len(one.frame) for one in events)
  assert all(one.distance is not None for one in events if len(one.frame))
  tiny_config.data.root = str(tmp_path / 'other')
  tiny_config.data.csv_edition = '2025'
  with pytest.raises(InputError, match='config.data.csv_edition'):
    prepare.extract_features(tiny_config)


@pytest.mark.slow
def test_rendered_scenes_have_the_folds_and_rooms_of_the_edition(
  tmp_path, monkeypatch
):
  """Otherwise there are no rooms to divide the training fold by."""
  short = functools.partial(scenes.synthesize, seconds=1.0)
  monkeypatch.setattr(scenes, 'synthesize', short)
  config = tasks.dcase2024(config_lib.default())
  config.data.root = str(tmp_path / 'set')
  config.data.synthesize = 8
  config.features.n_fft = config.features.win_length = 512
  found, _ = prepare.extract_features(config_lib.resolve(config))
  assert {name: len(some) for name, some in found.items()} == {
    'train': 3,
    'validation': 1,
    'test': 4,
  }
  assert 'dev-train-sony' in {one.audio.parent.name for one in found['train']}


def test_rendered_scenes_have_the_classes_of_the_config(
  tiny_config, tmp_path, monkeypatch
):
  short = functools.partial(scenes.synthesize, seconds=1.0)
  monkeypatch.setattr(scenes, 'synthesize', short)
  tiny_config.data.root = str(tmp_path / 'set')
  tiny_config.data.cache = ''
  tiny_config.data.synthesize = 3
  tiny_config.data.classes = labels.STARSS_CLASSES
  prepare.extract_features(tiny_config)
  assert scenes.classes_of(tmp_path / 'set') == labels.STARSS_CLASSES
  tiny_config.data.classes = labels.TAU2020_CLASSES
  with pytest.raises(InputError, match='classes starss, but classes tau2020'):
    prepare.extract_features(tiny_config)
  # Other names for the classes of the sounds are nobody's class map.
  tiny_config.data.classes = (*labels.STARSS_CLASSES[:-1], 'hammer')
  prepare.extract_features(tiny_config)


def test_features_that_cannot_be_written_name_the_field_that_moves_them(
  tiny_config, tmp_path
):
  (tmp_path / 'file').write_text('')
  tiny_config.data.cache = str(tmp_path / 'file' / 'features')
  with pytest.raises(InputError) as error:
    prepare.extract_features(tiny_config)
  assert 'could not be written: Not a directory. ' in str(error.value)
  assert 'Set --config.data.cache=FOLDER to keep' in str(error.value)


def test_more_scenes_than_the_disk_can_hold_are_refused(tiny_config, tmp_path):
  tiny_config.data.root = str(tmp_path / 'set')
  tiny_config.data.synthesize = 2**31 - 1
  with pytest.raises(InputError) as error:
    prepare.extract_features(tiny_config)
  text = str(error.value)
  assert 'config.data.synthesize = 2147483647 recordings need 2.47e+07' in text
  assert 'reduce config.data.synthesize' in text
  assert not list(tmp_path.iterdir())


def test_training_recordings_are_padded_for_crops_only(tiny_config, tmp_path):
  """Windows of the evaluation may be longer than short recordings."""
  config = tiny_config
  config.data.cache = str(tmp_path / 'features')
  config.eval.window, config.eval.test_windows = 500, (600, 50)
  config.eval.watch = ('train',)
  data = prepare.load_data(config)
  assert np.diff(data.train.offsets).tolist() == [40, 40]
  assert data.validation and data.watched
  assert np.diff(data.validation.offsets).tolist() == [120, 120]
  assert data.watched.names == data.train.names
  assert np.diff(data.watched.offsets).tolist() == [100, 100]
  for fold in data.train, data.watched:
    assert fold.num_label_frames.tolist() == [40, 40]


def test_watched_recordings_are_spread_over_the_training(tiny_config, tmp_path):
  config = tiny_config
  config.data.cache = str(tmp_path / 'features')
  config.eval.watch, config.eval.watch_recordings = ('train',), 1
  data = prepare.load_data(config)
  assert data.watched and data.watched.names == data.train.names[:1]
  expected = dataset.take_recordings(data.train, [0])
  np.testing.assert_array_equal(data.watched.features, expected.features)
  config.eval.watch = ()
  assert prepare.load_data(config).watched is None


def test_evaluation_recordings_need_names_of_their_own(tiny_config, tmp_path):
  root = shutil.copytree(tiny_config.data.root, tmp_path / 'data')
  (one, *_) = sorted((root / 'foa_dev').glob('fold1*.wav'))
  shutil.copy(one, root / 'foa_eval')
  tiny_config.data.root = str(root)
  tiny_config.data.evaluation = True
  with pytest.raises(InputError, match=r'foa_dev.* and .*foa_eval.* same name'):
    prepare.load_data(tiny_config)


def test_crops_of_a_config_are_those_of_its_training(tiny_config, tmp_path):
  tiny_config.data.cache = str(tmp_path / 'features')
  data = prepare.load_data(tiny_config)
  for purpose in 'train', 'validation', 'test':
    fold = getattr(data, purpose)
    source = train.load_crops(tiny_config, purpose=purpose, hop_frames=5)
    frames = tiny_config.train.crop_frames
    standard = dataset.standardise(fold.features, data.statistics)
    for index in range(0, len(source), 7):
      start = int(source.starts[index])
      one = source[index]
      first = start * fold.pool
      np.testing.assert_array_equal(
        one['features'], standard[first : first + frames]
      )
      for name, values in fold.targets.items():
        np.testing.assert_array_equal(
          one['targets'][name], values[start : start + frames // fold.pool]
        )
  tiny_config.data.validation_folds = ()
  with pytest.raises(InputError, match='no validation recordings'):
    train.load_crops(tiny_config, purpose='validation')
