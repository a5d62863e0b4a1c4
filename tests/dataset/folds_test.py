"""Folds in memory, statistics of their features, crops of a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import dataset, geometry, labels
from seld_jax.dataset import cache, sampling
from seld_jax.errors import InputError

POOL = 5
SHAPE = (4, 7)
CLASSES = 3


@pytest.fixture
def make(tmp_path):
  """Makes recordings of given lengths, one event at each of their rows."""

  def make(lengths, rows=None):
    rng = np.random.default_rng(0)
    recordings, paths = [], {}
    for index, length in enumerate(lengths):
      name = f'fold1_room1_mix{index:03d}_ov1'
      paths[name] = tmp_path / f'{name}.npy'
      array = rng.standard_normal((length, *SHAPE)).astype(np.float32)
      np.save(paths[name], array)
      csv = tmp_path / f'{name}.csv'
      entries = (rows or {}).get(index, [])
      csv.write_text(''.join(','.join(map(str, row)) + '\n' for row in entries))
      wav = tmp_path / f'{name}.wav'
      recordings.append(cache.Recording(name, wav, csv, 1))
    return recordings, paths

  return make


def load(recordings, paths, *, min_frames=POOL, csv_edition=None):
  return dataset.load_fold(
    recordings,
    paths,
    num_classes=CLASSES,
    pool=POOL,
    min_frames=min_frames,
    csv_edition=csv_edition,
  )


def test_the_form_of_doubtful_labels_is_stated_by_the_caller(make):
  """Small angles and a distance of six columns may be a direction, too."""
  recordings, paths = make([20], {0: [(1, 2, 0, 0, 0, 1)]})
  with pytest.raises(InputError, match='edition'):
    load(recordings, paths)
  up = load(recordings, paths, csv_edition='2022')
  np.testing.assert_allclose(up.doa[1, 2], [0, 0, 1], atol=1e-7)
  front = load(recordings, paths, csv_edition='2023')
  np.testing.assert_allclose(front.doa[1, 2], [1, 0, 0], atol=1e-7)


def test_recordings_are_joined_exactly(make):
  lengths = [20, 13, 1, 35]
  recordings, paths = make(lengths)
  fold = load(recordings, paths, min_frames=10)
  np.testing.assert_array_equal(fold.num_label_frames, [4, 3, 1, 7])
  np.testing.assert_array_equal(np.diff(fold.offsets), [4, 3, 2, 7])
  assert fold.offsets[0] == 0
  assert fold.names == tuple(entry.name for entry in recordings)
  assert fold.features.shape == (16 * POOL, *SHAPE)
  assert fold.features.dtype == np.float32
  assert fold.activity.shape == (16, CLASSES)
  assert fold.doa.shape == (16, CLASSES, 3)
  for index, (entry, length) in enumerate(
    zip(recordings, lengths, strict=True)
  ):
    start, end = fold.offsets[index : index + 2] * POOL
    array = np.load(paths[entry.name])
    np.testing.assert_array_equal(fold.features[start : start + length], array)
    padding = fold.features[start + length : end]
    np.testing.assert_array_equal(
      padding, np.repeat(array[-1:], len(padding), 0)
    )


def test_labels_stand_at_the_frames_of_their_recording(make):
  rows = {0: [(0, 2, 0, 30, 10), (3, 1, 0, -90, 0)], 1: [(2, 0, 0, 180, -45)]}
  fold = load(*make([20, 13], rows))
  # Recording 1 begins with label frame 4.
  places = {(0, 2): (30, 10), (3, 1): (-90, 0), (4 + 2, 0): (180, -45)}
  assert {tuple(map(int, at)) for at in np.argwhere(fold.activity)} == set(
    places
  )
  for at, direction in places.items():
    assert fold.activity[at] == 1
    xyz = geometry.to_cartesian(*map(float, direction))
    np.testing.assert_allclose(fold.doa[at], xyz, atol=1e-6)
  inactive = fold.activity == 0
  assert not fold.doa[inactive].any()
  assert [len(events.frame) for events in fold.references] == [2, 1]
  np.testing.assert_array_equal(fold.references[1].frame, [2])


def test_the_last_frame_of_a_recording_can_be_labelled(make):
  fold = load(*make([13], {0: [(2, 0, 0, 0, 0)]}))
  assert fold.activity[2, 0] == 1


def test_a_label_behind_the_end_is_refused(make):
  """Padding to a window does not make room for it."""
  recordings, paths = make([20, 13], {1: [(3, 0, 0, 0, 0)]})
  with pytest.raises(
    InputError, match='labels frame 3.*ends with frame 2'
  ) as e:
    load(recordings, paths, min_frames=100)
  assert str(recordings[1].labels) in str(e.value)
  assert str(recordings[1].audio) in str(e.value)


def test_a_class_that_is_none_is_refused(make):
  recordings, paths = make([20], {0: [(0, CLASSES, 0, 0, 0)]})
  with pytest.raises(InputError, match=str(recordings[0].labels)):
    load(recordings, paths)


def test_recordings_without_labels_are_silent(make):
  recordings, paths = make([20])
  entry = recordings[0]
  bare = cache.Recording(entry.name, entry.audio, None, None)
  fold = load([bare], paths)
  assert not fold.activity.any()
  assert len(fold.references[0].frame) == 0
  assert isinstance(fold.references[0], labels.Events)


def test_statistics_equal_numpy_over_all_frames(tmp_path, monkeypatch):
  """Recordings of unlike lengths, far from 0, read once each."""
  rng = np.random.default_rng(1)
  arrays = [
    (rng.standard_normal((length, *SHAPE)) * scale + offset).astype(np.float32)
    for length, scale, offset in [(50, 1, -300), (7, 30, 20), (1, 5, 0)]
  ]
  for array in arrays:
    array[:, 2, 3] = 0.1  # never changes
    array[:, 1, 1] = -80
  paths = []
  for index, array in enumerate(arrays):
    paths.append(tmp_path / f'{index}.npy')
    np.save(paths[-1], array)
  read = []
  load_array = np.load

  def spy(path, *args, **keywords):
    read.append(path)
    return load_array(path, *args, **keywords)

  monkeypatch.setattr(np, 'load', spy)
  statistics = dataset.statistics(dataset.moments(paths))
  assert read == paths, 'one pass'
  everything = np.concatenate(arrays).astype(np.float64)
  std = everything.std(axis=0)
  std[2, 3] = std[1, 1] = 1
  np.testing.assert_allclose(statistics['mean'], everything.mean(0), rtol=1e-6)
  np.testing.assert_allclose(statistics['std'], std, rtol=1e-6)
  for array in statistics.values():
    assert array.shape == SHAPE
    assert array.dtype == np.float32


def test_statistics_do_not_cancel(tmp_path):
  """A small spread on a large mean, where a sum of squares would fail."""
  rng = np.random.default_rng(2)
  noise = rng.integers(-3, 4, (4000, *SHAPE)).astype(np.float32)
  paths = []
  for index, part in enumerate(np.split(noise + np.float32(2**22), 4)):
    paths.append(tmp_path / f'{index}.npy')
    np.save(paths[-1], part)
  std = dataset.statistics(dataset.moments(paths))['std']
  np.testing.assert_allclose(std, noise.std(axis=0, dtype=float), rtol=1e-6)


def test_standardised_training_features_have_mean_0_and_deviation_1(make):
  recordings, paths = make([400, 100])
  statistics = dataset.statistics(dataset.moments(list(paths.values())))
  fold = load(recordings, paths)
  features = np.asarray(dataset.standardise(fold.features * 1, statistics))
  np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
  np.testing.assert_allclose(features.std(axis=0), 1, rtol=1e-5)


def test_standardise_broadcasts_over_leading_axes():
  rng = np.random.default_rng(3)
  statistics = {
    'mean': rng.standard_normal(SHAPE),
    'std': rng.random(SHAPE) + 0.5,
  }
  features = rng.standard_normal((2, 6, *SHAPE))
  result = dataset.standardise(features, statistics)
  for mel, channel in np.ndindex(*SHAPE):
    column = features[..., mel, channel] - statistics['mean'][mel, channel]
    np.testing.assert_allclose(
      result[..., mel, channel], column / statistics['std'][mel, channel]
    )


def crops(step, *, seed=0, lengths=(30, 20, 41, 20, 25, 33, 20), batch_size=3):
  return sampling.crop_starts(
    seed,
    step,
    offsets=np.concatenate([[0], np.cumsum(lengths)]),
    batch_size=batch_size,
    crop_label_frames=20,
  )


def recording_of(starts, lengths=(30, 20, 41, 20, 25, 33, 20)):
  return np.searchsorted(np.cumsum(lengths), starts, side='right')


def test_crops_are_a_function_of_seed_and_step():
  for step in 0, 5, 1000:
    first = crops(step)
    crops(step + 1, seed=9)
    np.testing.assert_array_equal(crops(step), first)
  assert crops(0).dtype == np.int32
  assert not np.array_equal(crops(0), crops(0, seed=1))
  assert not np.array_equal(crops(0), crops(1))


@settings(deadline=None, max_examples=50)
@given(
  st.lists(st.integers(20, 60), min_size=1, max_size=9),
  st.integers(1, 9),
  st.integers(0, 2**31),
  st.integers(0, 50),
)
def test_an_epoch_takes_no_recording_twice(lengths, batch_size, seed, epoch):
  batch_size = min(batch_size, len(lengths))
  steps = len(lengths) // batch_size
  starts = np.concatenate(
    [
      crops(
        epoch * steps + step, seed=seed, lengths=lengths, batch_size=batch_size
      )
      for step in range(steps)
    ]
  )
  # The last incomplete batch is dropped.
  assert len(starts) == steps * batch_size > len(lengths) - batch_size
  used = recording_of(starts, lengths)
  assert len(set(used)) == len(used)
  ends = np.cumsum(lengths)
  assert (starts >= 0).all()
  assert (starts + 20 <= ends[used]).all(), 'a crop stays in its recording'


def test_every_recording_and_every_place_comes_up():
  starts = np.concatenate([crops(step) for step in range(1500)])
  lengths = np.array([30, 20, 41, 20, 25, 33, 20])
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  valid = np.concatenate(
    [
      np.arange(o, o + n - 20 + 1)
      for o, n in zip(offsets[:-1], lengths, strict=True)
    ]
  )
  assert set(starts) == set(valid), 'both ends and all between, nothing else'
  share = np.bincount(recording_of(starts)) / len(starts)
  np.testing.assert_allclose(share, 1 / 7, atol=0.02)


def test_epochs_differ_in_order_and_place():
  epochs = [
    np.concatenate([crops(2 * epoch), crops(2 * epoch + 1)])
    for epoch in range(20)
  ]
  assert len({tuple(epoch) for epoch in epochs}) == 20
  orders = {tuple(recording_of(epoch)) for epoch in epochs}
  assert len(orders) == 20
  # Recording 2 has 22 places to begin.
  places = [epoch[recording_of(epoch) == 2] for epoch in epochs]
  assert len(set(np.concatenate(places))) > 5


def test_take_crops_cuts_under_jit():
  array = np.arange(60 * 2).reshape(60, 2)
  take = jax.jit(sampling.take_crops, static_argnums=2)
  starts = jnp.array([0, 55, 13, 13])
  result = take(array, starts, 5)
  assert result.shape == (4, 5, 2)
  for crop, start in zip(result, starts, strict=True):
    np.testing.assert_array_equal(crop, array[int(start) : int(start) + 5])


def test_crops_of_features_and_labels_belong_together(make):
  """What the training step cuts: the same stretch of time of both."""
  rows = {i: [(f, 0, 0, 0, 0) for f in range(2, 5)] for i in range(3)}
  recordings, paths = make([50, 60, 40], rows)
  for path in paths.values():
    array = np.load(path)
    array[:] = 0
    array[2 * POOL : 5 * POOL] = 1  # loud where the label is
    np.save(path, array)
  fold = load(recordings, paths)
  for step in range(6):
    starts = sampling.crop_starts(
      0, step, offsets=fold.offsets, batch_size=2, crop_label_frames=6
    )
    features = sampling.take_crops(fold.features, starts * POOL, 6 * POOL)
    activity = sampling.take_crops(fold.activity, starts, 6)
    np.testing.assert_array_equal(
      np.asarray(features)[:, ::POOL, 0, 0], np.asarray(activity)[..., 0]
    )
