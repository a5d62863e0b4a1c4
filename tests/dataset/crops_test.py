"""Examples by number have the values of the recordings, in any process."""

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest

from seld_jax import dataset, labels
from seld_jax.dataset import cache, sampling, stored
from seld_jax.errors import InputError

POOL = 5
LABEL_FRAMES = (9, 12, 8)


def make_fold(folder=None):
  """Three recordings of random features and activities, joined."""
  rng = np.random.default_rng(0)
  offsets = np.concatenate([[0], np.cumsum(LABEL_FRAMES)])
  features = rng.standard_normal((offsets[-1] * POOL, 4, 3)).astype(np.float32)
  activity = rng.integers(0, 2, (offsets[-1], 2)).astype(np.float32)
  kept = features
  if folder is not None:
    arrays = []
    for index, (start, end) in enumerate(
      zip(offsets, offsets[1:], strict=False)
    ):
      path = folder / f'{index}.npy'
      cache.write(path, features[start * POOL : end * POOL])
      arrays.append(stored.open_array(path))
    kept = stored.Joined(arrays, offsets * POOL)
  fold = dataset.Fold(
    names=('a', 'b', 'c'),
    features=kept,
    targets={'activity': activity, 'doa': activity[..., None] * np.ones(3)},
    offsets=offsets,
    num_label_frames=np.array(LABEL_FRAMES),
    references=(labels.no_events(),) * 3,
    pool=POOL,
  )
  return fold, features


def assert_same(one, other):
  np.testing.assert_array_equal(one['features'], other['features'])
  assert one['targets'].keys() == other['targets'].keys()
  for name, values in one['targets'].items():
    np.testing.assert_array_equal(values, other['targets'][name])


@pytest.mark.parametrize('on_disk', [False, True])
@pytest.mark.parametrize('hop', [None, 5, 10, 20])
def test_examples_have_the_values_of_their_recordings(tmp_path, on_disk, hop):
  fold, features = make_fold(tmp_path if on_disk else None)
  source = dataset.crop_source(fold, crop_frames=20, hop_frames=hop)
  seen = np.zeros(len(features), bool)
  for index, start in enumerate(source.starts.tolist()):
    one = source[index]
    part = slice(start * POOL, start * POOL + 20)
    np.testing.assert_array_equal(one['features'], features[part])
    for name, values in fold.targets.items():
      np.testing.assert_array_equal(
        one['targets'][name], values[start : start + 4]
      )
    # An example lies in one recording.
    first, last = np.searchsorted(fold.offsets, [start, start + 3], 'right')
    assert first == last
    seen[part] = True
  assert seen.all()
  assert len(set(source.starts.tolist())) == len(source)


def test_segments_are_those_of_training():
  fold, _ = make_fold()
  source = dataset.crop_source(fold, crop_frames=20)
  np.testing.assert_array_equal(
    source.starts, sampling.all_segments(fold.offsets, 4)
  )


def test_it_is_a_sequence():
  fold, _ = make_fold()
  source = dataset.crop_source(fold, crop_frames=40)
  assert len(source) == 5
  assert_same(source[-1], source[np.int64(4)])
  for index in 5, -6:
    with pytest.raises(IndexError, match='5 examples'):
      source[index]
  with pytest.raises(TypeError):
    source['a']  # pyright: ignore[reportArgumentType]


def test_changing_an_example_changes_no_other(tmp_path):
  for folder in None, tmp_path:
    fold, _ = make_fold(folder)
    source = dataset.crop_source(fold, crop_frames=40)
    before = source[1]
    one = source[1]
    one['features'] += 1
    one['targets']['activity'][:] = 7
    assert_same(before, source[1])


def test_features_are_standardised(tmp_path):
  fold, features = make_fold(tmp_path)
  statistics = dataset.statistics(
    dataset.moments(sorted(tmp_path.glob('*.npy')))
  )
  source = dataset.crop_source(fold, crop_frames=20, statistics=statistics)
  whole = dataset.standardise(features, statistics)
  start = int(source.starts[4]) * POOL
  found = source[4]['features']
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, whole[start : start + 20])


def test_features_on_disk_are_not_sent_to_other_processes(tmp_path):
  sizes = []
  for folder in None, tmp_path:
    fold, features = make_fold(folder)
    sizes.append(len(pickle.dumps(dataset.crop_source(fold, crop_frames=20))))
  assert sizes[0] - sizes[1] > features.nbytes / 2


def test_another_process_reads_the_same_without_jax(tmp_path):
  fold, _ = make_fold(tmp_path)
  source = dataset.crop_source(fold, crop_frames=20)
  path, result = tmp_path / 'source.pickle', tmp_path / 'example.pickle'
  path.write_bytes(pickle.dumps(source))
  script = (
    'import pathlib, pickle, sys\n'
    'source = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n'
    'found = repr(source), source[3]\n'
    'assert "jax" not in sys.modules\n'
    'pathlib.Path(sys.argv[2]).write_bytes(pickle.dumps(found))\n'
  )
  done = subprocess.run(
    [sys.executable, '-c', script, str(path), str(result)],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  text, example = pickle.loads(result.read_bytes())
  assert text == repr(source)
  assert_same(example, source[3])


def test_recordings_without_labels_are_refused():
  fold, _ = make_fold()
  fold = dataclasses.replace(fold, is_labelled=False)
  with pytest.raises(InputError, match='such as a, have no labels'):
    dataset.crop_source(fold, crop_frames=20)


@pytest.mark.parametrize(
  'options,message',
  [
    ({'crop_frames': 21}, 'multiple of the 5 feature frames'),
    ({'crop_frames': 0}, 'multiple of the 5 feature frames'),
    ({'crop_frames': 20, 'hop_frames': 7}, 'hop_frames must be a positive'),
    ({'crop_frames': 20, 'hop_frames': 25}, 'at most crop_frames = 20'),
    ({'crop_frames': 45}, 'c has 40 feature frames.*min_frames=45'),
  ],
)
def test_unusable_lengths_are_refused(options, message):
  fold, _ = make_fold()
  with pytest.raises(InputError, match=message):
    dataset.crop_source(fold, **options)
