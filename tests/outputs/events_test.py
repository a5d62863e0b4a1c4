"""Targets as outputs give the labelled events back."""

import dataclasses
import itertools
import logging

import numpy as np
import pytest
from helpers.output_formats import (
  CLASSES,
  EACH,
  FORMATS,
  assert_same_events,
  distances_of,
  make_events,
  name_of,
  perfect,
  random_scene,
  scenes,
  take,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import labels, outputs
from seld_jax.errors import InputError
from seld_jax.outputs import slots

FRAMES = 4


def rows_of(format, events):
  """The rows that a format has places for, in the order of frame and class."""
  rows = range(len(events.frame))
  columns = list(zip(events.frame, events.class_index, strict=True))
  kept = []
  for row in rows:
    if format.name in ('class_wise', 'accdoa'):  # the last one of a class
      if columns[row] not in columns[row + 1 :]:
        kept.append(row)
    elif format.name == 'multi_accdoa':
      if columns[:row].count(columns[row]) < 3:
        kept.append(row)
    elif list(events.frame[:row]).count(events.frame[row]) < format.num_tracks:
      kept.append(row)
  return sorted(kept, key=lambda row: columns[row])  # stable


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FORMATS), scenes(num_frames=FRAMES))
def test_perfect_outputs_give_the_events_back(format, events):
  """Up to three moving and crossing events of each class.

  Each format gives those that it has places for. Here two tracks of a class
  are never one event, however close they are. The numbers of tracks are not
  those of the labels: they count the events of a class in a frame, in the order
  of the rows of the label file.
  """
  if format.name == 'multi_accdoa':
    format = dataclasses.replace(format, unify=0.0)
  targets = format.targets(events, num_frames=FRAMES)
  found = format.events(perfect(format, targets))
  assert_same_events(
    found,
    take(events, rows_of(format, events)),
    axes=format.axes,
    has_distance=format.distance,
  )


@settings(deadline=None, max_examples=80)
@given(scenes(num_frames=FRAMES, apart=15.1), st.randoms())
def test_tracks_with_the_same_source_are_one_event(events, random):
  """In multi-ACCDOA, where a class has fewer sources than tracks.

  Each source is on one track at least, and any track may have any source, as in
  the targets of ADPIT. Sources of a class are as far apart as `unify` or more.
  """
  format = outputs.make('multi_accdoa', num_classes=CLASSES, distance=True)
  targets = format.targets(events, num_frames=FRAMES)
  accdoa = np.zeros_like(targets['sources'])
  for frame, class_index in itertools.product(range(FRAMES), range(CLASSES)):
    count = int(targets['count'][frame, class_index])
    if not count:
      continue
    places = list(range(count))
    places += [random.randrange(count) for _ in range(3 - count)]
    random.shuffle(places)
    accdoa[frame, :, class_index] = targets['sources'][
      frame, places, class_index
    ]
  found = format.events({'accdoa': accdoa})
  assert len(found.frame) == len(events.frame)
  for row in range(len(events.frame)):
    same = (
      (found.frame == events.frame[row])
      & (found.class_index == events.class_index[row])
      & (abs(found.xyz - events.xyz[row]).max(axis=-1) < 1e-6)
      & np.isclose(distances_of(found), distances_of(events)[row])
    )
    assert same.sum() == 1


def test_sources_of_a_class_that_are_closer_than_unify_are_one_event():
  """Their directions and distances are averaged."""
  rows = [(0, 1, 0, 0, 0, 1.0), (0, 1, 1, 14, 0, 3.0), (0, 2, 0, 7, 0, 5.0)]
  format = outputs.make('multi_accdoa', num_classes=CLASSES, distance=True)
  targets = format.targets(make_events(rows), num_frames=1)
  found = format.events(perfect(format, targets))
  expected = make_events([(0, 1, 0, 7, 0, 2.0), (0, 2, 0, 7, 0, 5.0)])
  assert_same_events(found, expected)


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_targets_are_unit_vectors_and_zeros_elsewhere(format):
  events = random_scene(1, num_frames=30)
  targets = format.targets(events, num_frames=30)
  rows = rows_of(format, events)
  counts = np.zeros((30, CLASSES), int)
  np.add.at(counts, (events.frame[rows], events.class_index[rows]), 1)
  for values in targets.values():
    assert values.dtype == np.float32
    assert len(values) == 30
  if format.name == 'multi_accdoa':
    np.testing.assert_array_equal(targets['count'], counts)
    is_used = np.arange(3)[:, None] < counts[:, None]
  elif format.name == 'tracks':
    np.testing.assert_array_equal(targets['activity'].sum(axis=1), counts)
    assert (targets['activity'].sum(axis=-1) <= 1).all()
    is_used = targets['activity'].any(axis=-1)
    total = counts.sum(axis=1)
    np.testing.assert_array_equal(
      is_used, np.arange(format.num_tracks) < total[:, None]
    )
  else:
    is_used = counts > 0
  predictions = perfect(format, targets)
  vectors = predictions['doa' if 'doa' in predictions else 'accdoa']
  if format.name == 'accdoa':
    vectors = vectors[:, 0]
  norms = np.linalg.norm(vectors[..., : format.axes], axis=-1)
  np.testing.assert_allclose(norms, is_used, atol=1e-6)
  distances = targets.get('distance', vectors[..., format.axes :])
  assert not distances[~is_used].any()
  if format.distance:
    total = distances_of(events)[rows].sum()
    np.testing.assert_allclose(distances.sum(dtype=np.float64), total)


@pytest.mark.parametrize(
  ('format', 'words'),
  [
    (EACH[2], 'more than 3 events of a class in a frame'),
    (EACH[3], 'more than 2 events in a frame'),
    (EACH[4], 'more than 3 events in a frame'),
  ],
  ids=['multi_accdoa', '2 tracks', '3 tracks'],
)
def test_the_first_rows_are_used_and_a_warning_says_so_once(
  format, words, caplog
):
  slots._warn_once.cache_clear()
  rows = [(0, 1, track, 40 * track, 0, 1 + track) for track in range(5)]
  events = make_events(rows)
  few = take(events, slice(format.num_tracks))
  targets = format.targets(few, num_frames=2)
  assert not caplog.records
  many = format.targets(events, num_frames=2)
  again = format.targets(events, num_frames=2)
  (record,) = caplog.records
  assert record.levelno == logging.WARNING
  assert words in record.getMessage()
  for name, values in targets.items():
    np.testing.assert_array_equal(many[name], values)
    np.testing.assert_array_equal(again[name], values)


@pytest.mark.parametrize('format', EACH[2:], ids=name_of)
def test_a_row_that_repeats_an_earlier_one_is_no_event(format, caplog):
  slots._warn_once.cache_clear()
  once = [(0, 1, 0, 180, 0, 2.0), (1, 1, 0, 20, 0, 1.0)]
  more = [*once, once[0], (0, 1, 0, -180, 0, 2.0), once[1], once[0]]
  expected = format.targets(make_events(once), num_frames=2)
  targets = format.targets(make_events(more), num_frames=2)
  for name, values in expected.items():
    np.testing.assert_array_equal(targets[name], values)
  assert not caplog.records


@pytest.mark.parametrize(
  'change', [(0, 1, 1, 20, 5, 2.0), (0, 1, 0, 25, 5, 2.0), (0, 1, 0, 20, 5, 3)]
)
@pytest.mark.parametrize('format', EACH[2:], ids=name_of)
def test_another_track_direction_or_distance_is_another_event(format, change):
  events = make_events([(0, 1, 0, 20, 5, 2.0), change])
  targets = format.targets(events, num_frames=1)
  number = targets.get('count', targets.get('activity'))
  assert number.sum() == 2


@pytest.mark.parametrize(
  ('row', 'words'),
  [
    ((4, 0, 0, 0, 0, 1), 'frame 4'),
    ((-1, 0, 0, 0, 0, 1), 'frame -1'),
    ((0, 3, 0, 0, 0, 1), 'class 3'),
    ((0, -1, 0, 0, 0, 1), 'class -1'),
  ],
)
@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_frames_and_classes_out_of_range_are_refused(format, row, words):
  with pytest.raises(InputError, match=words):
    format.targets(make_events([row], num_classes=4), num_frames=4)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_labels_without_distances_are_refused_if_distances_are_predicted(
  format,
):
  events = random_scene(0, num_frames=2)
  bare = labels.Events(
    events.frame, events.class_index, events.track, events.xyz
  )
  with pytest.raises(InputError, match='no distances.*output.distance'):
    format.targets(bare, num_frames=2)
  silent = format.targets(labels.no_events(), num_frames=2)
  assert not any(values.any() for values in silent.values())


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
@pytest.mark.parametrize('num_frames', [0, 3])
def test_silence_has_no_events(format, num_frames):
  targets = format.targets(labels.no_events(), num_frames=num_frames)
  found = format.events(perfect(format, targets))
  assert found.xyz.shape == (0, 3)
  assert (found.distance is not None) == format.distance
  for column in found.frame, found.class_index, found.track:
    assert column.shape == (0,)
    assert column.dtype == np.int64
