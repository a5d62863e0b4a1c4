"""Merged targets are those of all events together; silence removes events."""

import dataclasses

import jax
import numpy as np
import pytest
from helpers.output_formats import (
  CLASSES,
  FORMATS,
  make_events,
  name_of,
  scenes,
  take,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import labels

FRAMES = 4


def together(events, others):
  """The events of two recordings, those of the first one first."""
  joined = [
    np.concatenate([getattr(one, name) for one in (events, others)])
    for name in ('frame', 'class_index', 'track', 'xyz', 'distance')
  ]
  return labels.Events(*joined)


def room_in(format, events):
  """Whether each frame has at most as many events as there are places."""
  places = np.zeros((FRAMES, CLASSES), int)
  np.add.at(places, (events.frame, events.class_index), 1)
  if format.name == 'tracks':
    return places.sum(axis=-1) <= format.num_tracks
  return (places <= format.num_tracks).all(axis=-1)


@settings(deadline=None, max_examples=150)
@given(
  st.sampled_from(FORMATS), scenes(num_frames=FRAMES), scenes(num_frames=FRAMES)
)
def test_merged_targets_are_those_of_all_events(format, events, others):
  """In every frame that has room; scenes that have too many are cut first."""
  events, others = (
    take(one, np.flatnonzero(room_in(format, one)[one.frame]))
    for one in (events, others)
  )
  # Tracks of a class count on, so that no event repeats another one.
  others = dataclasses.replace(others, track=others.track + 3)
  every = together(events, others)
  expected = format.targets(every, num_frames=FRAMES)
  first, second = (
    format.targets(one, num_frames=FRAMES) for one in (events, others)
  )
  merged, fits = format.merge(first, second)
  np.testing.assert_array_equal(fits, room_in(format, every))
  assert merged.keys() == expected.keys()
  for name, values in merged.items():
    assert values.shape == expected[name].shape
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[fits], expected[name][fits])


def _empty(targets):
  return {name: np.zeros_like(values) for name, values in targets.items()}


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_nothing_is_neutral(format):
  events = make_events([(0, 1, 0, 10, 20, 1.0), (2, 0, 0, -50, 5, 3.0)])
  targets = format.targets(events, num_frames=FRAMES)
  nothing = _empty(targets)
  for one, other in (targets, nothing), (nothing, targets):
    merged, fits = format.merge(one, other)
    assert fits.all()
    for name, values in targets.items():
      np.testing.assert_array_equal(merged[name], values)


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_a_frame_without_room_keeps_the_first_recording(format):
  """Four events of the same class, two in each recording, or one in each."""
  count = min(format.num_tracks, 2)
  rows = [(0, 1, track, 40 * track, 10, 1.0 + track) for track in range(count)]
  others = [(0, 1, track, -40 - track, 10, 5.0) for track in range(2)]
  first, second = (
    format.targets(make_events(one), num_frames=1) for one in (rows, others)
  )
  merged, fits = format.merge(first, second)
  assert not fits.any()
  places = make_events([*rows, *((0, 1, 9, *row[3:]) for row in others)])
  kept = take(places, np.arange(format.num_tracks))
  expected = format.targets(kept, num_frames=1)
  for name, values in expected.items():
    np.testing.assert_array_equal(merged[name], values)


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_each_class_and_frame_has_room_of_its_own(format):
  first = make_events([(0, 0, 0, 10, 0, 1.0), (1, 1, 0, 20, 0, 1.0)])
  second = make_events([(0, 1, 0, 30, 0, 2.0), (1, 0, 0, 40, 0, 2.0)])
  targets = [format.targets(one, num_frames=2) for one in (first, second)]
  merged, fits = format.merge(*targets)
  assert fits.tolist() == [True, True]
  expected = format.targets(together(first, second), num_frames=2)
  for name, values in expected.items():
    np.testing.assert_array_equal(merged[name], values)


@settings(deadline=None, max_examples=50)
@given(
  st.sampled_from(FORMATS),
  scenes(num_frames=FRAMES),
  st.lists(st.booleans(), min_size=FRAMES, max_size=FRAMES),
)
def test_silenced_targets_are_those_of_the_other_events(
  format, events, is_silent
):
  is_silent = np.array(is_silent)
  targets = format.targets(events, num_frames=FRAMES)
  remaining = take(events, np.flatnonzero(~is_silent[events.frame]))
  expected = format.targets(remaining, num_frames=FRAMES)
  silent = format.silence(targets, is_silent)
  assert silent.keys() == expected.keys()
  for name, values in expected.items():
    assert silent[name].dtype == np.float32
    np.testing.assert_array_equal(silent[name], values)


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_mixtures_work_in_batches_and_under_transformations(format):
  rows = [(frame, frame % 2, 0, 20 * frame, 0, 1.0) for frame in range(FRAMES)]
  first, second = (
    format.targets(make_events(one), num_frames=FRAMES)
    for one in (rows, rows[1:3])
  )
  is_silent = np.array([True, False, False, True])
  batch = lambda tree: jax.tree.map(lambda leaf: np.stack([leaf] * 2), tree)

  def both(targets, others, is_silent):
    merged, fits = format.merge(targets, others)
    return format.silence(merged, is_silent), fits

  expected = both(first, second, is_silent)
  together = both(batch(first), batch(second), batch(is_silent))
  mapped = jit(jax.vmap(both))(batch(first), batch(second), batch(is_silent))
  for found in together, mapped:
    for row in range(2):
      jax.tree.map(
        lambda one, values, row=row: np.testing.assert_array_equal(
          one[row], values
        ),
        found,
        expected,
      )
