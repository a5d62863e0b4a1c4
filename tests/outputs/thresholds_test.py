"""A threshold for each class finds what that class has with it alone."""

import numpy as np
import pytest
from helpers.output_formats import CLASSES, EACH, name_of, random_outputs


def rows_of(events):
  return {
    (int(f), int(c), *np.round(xyz, 5).tolist())
    for f, c, xyz in zip(
      events.frame, events.class_index, events.xyz, strict=True
    )
  }


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_classes_have_the_events_of_their_own_threshold(format):
  outputs = random_outputs(format, 60, seed=5, scale=1.5)
  thresholds = np.array([0.2, 0.55, 0.8])
  found = rows_of(format.events(outputs, threshold=thresholds))
  expected = set()
  for index, threshold in enumerate(thresholds):
    alone = rows_of(format.events(outputs, threshold=float(threshold)))
    expected |= {row for row in alone if row[1] == index}
  assert found == expected
  assert len({row[1] for row in found}) > 1


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_equal_thresholds_are_one_threshold(format):
  outputs = random_outputs(format, 60, seed=6, scale=1.5)
  one = format.events(outputs, threshold=0.6)
  each = format.events(outputs, threshold=np.full(CLASSES, 0.6))
  np.testing.assert_array_equal(one.frame, each.frame)
  np.testing.assert_array_equal(one.class_index, each.class_index)
  np.testing.assert_array_equal(one.track, each.track)
  np.testing.assert_array_equal(one.xyz, each.xyz)
