"""Annotations of soundata that cannot be converted are refused."""

import types

import numpy as np
import pytest

from seld_jax import labels
from seld_jax.errors import InputError


def annotation(**changes):
  """One event of three frames that moves to the left."""
  values = {
    'intervals': [[np.array([0.1, 0.3])]],
    'intervals_unit': 'seconds',
    'azimuths': [[np.array([0, 10, 20])]],
    'azimuths_unit': 'degrees',
    'elevations': [[np.array([0, 0, 0])]],
    'elevations_unit': 'degrees',
    'labels': ['2'],
    'clip_number_indices': ['4'],
    'time_step': 0.1,
  }
  return types.SimpleNamespace(**values | changes)


def test_a_moving_source_has_a_direction_in_each_frame():
  events = labels.from_spatial_events(annotation())
  assert events.frame.tolist() == [1, 2, 3]
  assert events.track.tolist() == [4, 4, 4]
  azimuth = np.degrees(np.arctan2(events.xyz[:, 1], events.xyz[:, 0]))
  np.testing.assert_allclose(azimuth, [0, 10, 20], atol=1e-9)


def test_names_and_numbers_may_be_others():
  events = labels.from_spatial_events(
    annotation(labels=['dog'], clip_number_indices=None),
    class_names=['cat', 'dog'],
  )
  assert set(events.class_index.tolist()) == {1}
  assert set(events.track.tolist()) == {0}


def test_silence_has_no_events():
  empty = {name: [] for name in ('intervals', 'azimuths', 'elevations')}
  events = labels.from_spatial_events(
    annotation(labels=[], clip_number_indices=[], **empty)
  )
  assert len(events.frame) == 0


@pytest.mark.parametrize(
  'changes,message',
  [
    ({'time_step': 0.02}, 'time step of 0.1 s between directions'),
    ({'time_step': None}, 'time step of 0.1 s between directions'),
    ({'intervals_unit': 'milliseconds'}, "must be 'seconds'"),
    ({'azimuths_unit': 'radians'}, "must be 'degrees'"),
    ({'labels': ['dog']}, 'not a class index'),
    ({'azimuths': [[np.array([0, 10])]]}, 'lasts 3 frames, but has 2 azimuths'),
  ],
)
def test_others_are_refused(changes, message):
  with pytest.raises(InputError, match=message):
    labels.from_spatial_events(annotation(**changes))
  with pytest.raises(InputError, match="'2' is not one of the classes"):
    labels.from_spatial_events(annotation(), class_names=['cat'])
