"""Which recordings of a result are shown."""

import dataclasses

import numpy as np
import pytest

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.report import examples


def make_recordings(count: int) -> list[examples.Recording]:
  """The later, the further off: names end in _ov1 and _ov2 in turn."""
  frame = np.arange(40)
  zeros = np.zeros(40, np.int64)
  found = []
  for number in range(count):
    reference, prediction = (
      labels.Events(
        frame, zeros, zeros, geometry.to_cartesian(azimuth, np.zeros(40))
      )
      for azimuth in (np.zeros(40), np.full(40, 5.0 * number))
    )
    found.append(
      examples.make_recording(
        f'fold1_room1_mix{number:03}_ov{number % 2 + 1}',
        reference,
        prediction,
        num_frames=40,
        num_classes=2,
      )
    )
  return found


def test_scores_rise_with_the_error():
  scores = [one.score for one in make_recordings(8)]
  assert scores[0] == 0
  assert scores == sorted(scores)


def test_median_overlapping_recording_is_chosen():
  recordings = make_recordings(6)
  chosen, reason = examples.choose_recording(recordings)
  overlapping = recordings[1::2]
  assert sum(one.score < chosen.score for one in overlapping) == 1
  assert sum(one.score > chosen.score for one in overlapping) == 1
  assert chosen.name.endswith('_ov2')
  assert 'median' in reason and f'{chosen.score:.3f}' in reason
  # Whatever their order; and any recording where none tells of overlap.
  assert examples.choose_recording(recordings[::-1])[0] is chosen
  plain = [dataclasses.replace(one, name='mix') for one in recordings[:1]]
  assert examples.choose_recording(plain)[0] is plain[0]


@pytest.mark.parametrize('count', [1, 2, 3, 4, 9])
def test_ends_of_the_ranking_are_shown_once_each(count):
  recordings = [
    dataclasses.replace(one, name=f'mix{number}')
    for number, one in enumerate(make_recordings(count))
  ]
  chosen = examples.choose_recordings(recordings)
  names = [one.name for one, _ in chosen]
  assert len(set(names)) == len(names) == min(count, 3)
  assert chosen[0] == examples.choose_recording(recordings)
  assert {recordings[0].name, recordings[-1].name} <= set(names)
  for one, reason in chosen:
    assert one.name in reason
    assert ('worst' in reason) <= (one is recordings[-1])
    assert ('best' in reason) <= (one is recordings[0])


def test_recordings_are_shown_by_name():
  recordings = make_recordings(4)
  names = [recordings[2].name, recordings[0].name]
  chosen = examples.named_recordings(recordings, names)
  assert [one for one, _ in chosen] == [recordings[2], recordings[0]]
  with pytest.raises(InputError, match="no recording 'other' to show"):
    examples.named_recordings(recordings, ['other'])
