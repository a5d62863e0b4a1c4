"""Folds join recordings and their labels at the same frames."""

import numpy as np
import pytest

from seld_jax import dataset, geometry, labels, outputs
from seld_jax.dataset import sampling
from seld_jax.errors import InputError

POOL = 5
SHAPE = (4, 7)
CLASSES = 3


@pytest.fixture
def make(tmp_path):
  """Makes recordings of given feature frames, with these rows as labels."""

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
      recordings.append(dataset.Recording(name, wav, csv, 1))
    return recordings, paths

  return make


def load(recordings, paths, *, min_frames=POOL, **options):
  return dataset.load_fold(
    recordings,
    paths,
    output=outputs.make('class_wise', num_classes=CLASSES),
    pool=POOL,
    min_frames=min_frames,
    **options,
  )


def test_edition_decides_the_form_of_ambiguous_labels(make):
  """Six columns with small numbers may be a vector or angles and a distance."""
  recordings, paths = make([20], {0: [(1, 2, 0, 0, 0, 1)]})
  with pytest.raises(InputError, match='edition'):
    load(recordings, paths)
  up = load(recordings, paths, csv_edition='2022')
  np.testing.assert_allclose(up.targets['doa'][1, 2], [0, 0, 1], atol=1e-7)
  front = load(recordings, paths, csv_edition='2023')
  np.testing.assert_allclose(front.targets['doa'][1, 2], [1, 0, 0], atol=1e-7)


def test_labels_of_other_hops_and_contradictions_are_told(make, caplog):
  rows = [(frame, 2, 0, 90, 0) for frame in range(5, 15)]  # 0.1 to 0.3 s
  recordings, paths = make([20], {0: rows})
  fold = load(recordings, paths, label_hop=0.02)
  np.testing.assert_array_equal(fold.targets['activity'][:, 2], [0, 1, 1, 0])
  assert not caplog.records
  rows = [(0, 1, 0, 0, 0), (0, 1, 0, 90, 0), (1, 1, 0, 0, 0)]
  load(*make([20, 20, 20], {0: rows, 2: rows}))
  (record,) = caplog.records
  assert record.getMessage().endswith(
    'mix000_ov1.csv: class 1, track 0 is in several places in frame 0: scores '
    'count each as a source, and training uses the last (and 1 more like this, '
    'in 2 files in all).'
  )


def test_recordings_are_joined_and_padded_with_their_last_frame(make):
  lengths = [20, 13, 1, 35]
  recordings, paths = make(lengths)
  fold = load(recordings, paths, min_frames=10)
  np.testing.assert_array_equal(fold.num_label_frames, [4, 3, 1, 7])
  np.testing.assert_array_equal(np.diff(fold.offsets), [4, 3, 2, 7])
  assert fold.offsets[0] == 0
  assert fold.names == tuple(entry.name for entry in recordings)
  assert fold.features.shape == (16 * POOL, *SHAPE)
  assert isinstance(fold.features, np.ndarray)
  assert fold.features.dtype == np.float32
  assert fold.targets['activity'].shape == (16, CLASSES)
  assert fold.targets['doa'].shape == (16, CLASSES, 3)
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


def test_labels_are_at_the_frames_of_their_recording(make):
  rows = {0: [(0, 2, 0, 30, 10), (3, 1, 0, -90, 0)], 1: [(2, 0, 0, 180, -45)]}
  fold = load(*make([20, 13], rows))
  # Recording 1 begins with label frame 4.
  places = {(0, 2): (30, 10), (3, 1): (-90, 0), (4 + 2, 0): (180, -45)}
  assert {
    tuple(map(int, at)) for at in np.argwhere(fold.targets['activity'])
  } == set(places)
  for at, direction in places.items():
    assert fold.targets['activity'][at] == 1
    xyz = geometry.to_cartesian(*map(float, direction))
    np.testing.assert_allclose(fold.targets['doa'][at], xyz, atol=1e-6)
  inactive = fold.targets['activity'] == 0
  assert not fold.targets['doa'][inactive].any()
  assert [len(events.frame) for events in fold.references] == [2, 1]
  np.testing.assert_array_equal(fold.references[1].frame, [2])


def test_last_frame_of_a_recording_can_be_labelled(make):
  fold = load(*make([13], {0: [(2, 0, 0, 0, 0)]}))
  assert fold.targets['activity'][2, 0] == 1


def test_label_far_after_the_end_is_refused(make):
  """Also if the padded recording is long enough for it."""
  recordings, paths = make([20, 13], {1: [(8, 0, 0, 0, 0)]})
  with pytest.raises(
    InputError, match='labels frame 8.*ends with frame 2'
  ) as e:
    load(recordings, paths, min_frames=100)
  assert str(recordings[1].labels) in str(e.value)
  assert str(recordings[1].audio) in str(e.value)


def test_labels_shortly_after_the_end_are_left_out_with_a_warning(make, caplog):
  rows = [(2, 1, 0, 0, 0), (3, 0, 0, 0, 0), (7, 1, 0, 0, 0)]
  fold = load(*make([20, 13], {1: rows}), min_frames=100)
  assert fold.references[1].frame.tolist() == [2]
  assert fold.targets['activity'].sum() == 1
  (record,) = caplog.records
  assert 'labels frame 7, which is after the end' in record.getMessage()
  assert 'left out in 1 of 2 recordings' in record.getMessage()


def test_class_out_of_range_is_refused(make):
  recordings, paths = make([20], {0: [(0, CLASSES, 0, 0, 0)]})
  with pytest.raises(InputError, match=str(recordings[0].labels)):
    load(recordings, paths)


def test_recordings_without_labels_have_no_activity(make):
  recordings, paths = make([20])
  entry = recordings[0]
  bare = dataset.Recording(entry.name, entry.audio, None, None)
  fold = load([bare], paths)
  assert not fold.targets['activity'].any()
  assert len(fold.references[0].frame) == 0
  assert isinstance(fold.references[0], labels.Events)


def test_crops_of_features_and_labels_are_at_the_same_time(make):
  """As cut in a training step."""
  rows = {i: [(f, 0, 0, 0, 0) for f in range(2, 5)] for i in range(3)}
  recordings, paths = make([50, 60, 40], rows)
  for path in paths.values():
    array = np.load(path)
    array[:] = 0
    array[2 * POOL : 5 * POOL] = 1  # loud where the label is
    np.save(path, array)
  fold = load(recordings, paths)
  assert isinstance(fold.features, np.ndarray)
  for step in range(6):
    starts = sampling.crop_starts(
      0, step, offsets=fold.offsets, batch_size=2, crop_label_frames=6
    )
    features = sampling.take_crops(fold.features, starts * POOL, 6 * POOL)
    activity = sampling.take_crops(fold.targets['activity'], starts, 6)
    np.testing.assert_array_equal(
      np.asarray(features)[:, ::POOL, 0, 0], np.asarray(activity)[..., 0]
    )


@pytest.mark.parametrize(
  ('text', 'scale', 'metres'),
  [
    ('0,3,0,90,0,250', None, 2.5),  # the form of 2023 has centimetres
    ('0,3,0,90,0,2.5', 1.0, 2.5),
    ('0,3,0,90,0,250', 0.01, 2.5),
  ],
)
def test_distances_are_learned_in_metres(tmp_path, text, scale, metres):
  fold = _fold_with_label(tmp_path, text, distance_scale=scale)
  assert fold.targets['distance'][0, 3] == pytest.approx(metres)
  distance = fold.references[0].distance
  assert distance is not None
  assert distance.tolist() == pytest.approx([metres])


@pytest.mark.parametrize(
  ('text', 'scale', 'unit'),
  [('0,3,0,90,0,2.5', None, 'm'), ('0,3,0,90,0,250', 1.0, 'cm')],
)
def test_distances_in_an_impossible_unit_are_refused(
  tmp_path, text, scale, unit
):
  with pytest.raises(InputError, match=f'distance_unit={unit}'):
    _fold_with_label(tmp_path, text, distance_scale=scale)


def test_labels_without_distances_are_refused_if_they_are_to_be_learned(
  tmp_path,
):
  with pytest.raises(InputError, match=r'a\.csv: The labels have no distances'):
    _fold_with_label(tmp_path, '0,3,0,90,0')


def _fold_with_label(folder, text, **options):
  (folder / 'a.csv').write_text(text)
  np.save(folder / 'a.npy', np.zeros((10, 4, 7), np.float32))
  return dataset.load_fold(
    [dataset.Recording('a', folder / 'a.wav', folder / 'a.csv', fold=1)],
    {'a': folder / 'a.npy'},
    output=outputs.make('class_wise', num_classes=14, distance=True),
    csv_edition='2023' if text.count(',') == 5 else None,
    pool=5,
    min_frames=5,
    **options,
  )


def test_recordings_can_be_taken_from_the_end_and_none_is_invented(make):
  fold = load(*make([40, 25, 15], {1: [(3, 2, 0, 10, 0)]}))
  last = dataset.take_recordings(fold, [-1, 1])
  assert last.names == (fold.names[2], fold.names[1])
  np.testing.assert_array_equal(last.offsets, [0, 3, 8])
  whole, part = np.asarray(fold.features), np.asarray(last.features)
  np.testing.assert_array_equal(part[:15], whole[65:])
  np.testing.assert_array_equal(
    last.targets['activity'][3:], fold.targets['activity'][8:13]
  )
  for wrong, message in ([3], 'got 3'), ([-4], 'got -4'), ([], 'got none'):
    with pytest.raises(InputError, match=f'of the 3 recordings .* {message}'):
      dataset.take_recordings(fold, wrong)
  with pytest.raises(InputError, match='at least one recording'):
    load([], {})
