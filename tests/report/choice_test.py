"""Scores of recordings, and which of them are shown."""

import dataclasses

import numpy as np
import pytest

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.report import choice


def make_recordings(count: int) -> list[choice.Recording]:
  """Makes recordings with growing errors; names end in _ov1, _ov2 in turn."""
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
      choice.make_recording(
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


def test_the_score_of_a_recording_is_that_of_the_edition():
  frame = np.arange(40)
  zeros = np.zeros(40, np.int64)
  one, other = (
    labels.Events(
      frame, zeros, zeros, geometry.to_cartesian(azimuth, np.zeros(40))
    )
    for azimuth in (np.zeros(40), np.full(40, 30.0))
  )
  found = {
    edition: choice.make_recording(
      'a', one, other, edition=edition, num_frames=40, num_classes=1
    )
    for edition in ('2019', '2020')
  }
  # The angle is a fourth of the score; in 2020 the class counts as missed, too.
  assert found['2019'].score == pytest.approx(30 / 180 / 4)
  assert found['2020'].score == pytest.approx((1 + 1 + 30 / 180) / 4)


def test_first_choice_is_the_median_of_overlapping_recordings():
  made = make_recordings(6)
  (chosen, reason), *_ = choice.choose_recordings(made)
  overlapping = made[1::2]
  assert sum(one.score < chosen.score for one in overlapping) == 1
  assert sum(one.score > chosen.score for one in overlapping) == 1
  assert chosen.name.endswith('_ov2')
  assert 'median' in reason and f'{chosen.score:.3f}' in reason
  # The order of the candidates does not matter.
  assert choice.choose_recordings(made[::-1])[0][0] is chosen


def test_overlap_is_found_in_names_of_2019():
  made = [
    dataclasses.replace(one, name=f'split1_ir0_ov{number % 2 + 1}_{number}')
    for number, one in enumerate(make_recordings(4))
  ]
  chosen = [one.name for one, _ in choice.choose_recordings(made)]
  assert set(chosen) == {'split1_ir0_ov2_1', 'split1_ir0_ov2_3'}


def test_three_simultaneous_events_are_overlap_too():
  made = [
    dataclasses.replace(one, name=f'fold1_room1_mix{number}_ov{overlap}')
    for number, (one, overlap) in enumerate(
      zip(make_recordings(3), (1, 2, 3), strict=True)
    )
  ]
  chosen = {one.name[-3:] for one, _ in choice.choose_recordings(made)}
  assert chosen == {'ov2', 'ov3'}


@pytest.mark.parametrize('count', [1, 2, 3, 4, 9])
def test_without_overlap_median_worst_and_best_of_all_are_chosen(count):
  made = [
    dataclasses.replace(one, name=f'mix{number}')
    for number, one in enumerate(make_recordings(count))
  ]
  chosen = choice.choose_recordings(made)
  names = [one.name for one, _ in chosen]
  assert len(set(names)) == len(names) == min(count, 3)
  assert chosen[0][0] is made[(count - 1) // 2]
  assert {made[0].name, made[-1].name} <= set(names)
  for one, reason in chosen:
    assert one.name in reason
    assert ('worst' in reason) <= (one is made[-1])
    assert ('best' in reason) <= (one is made[0])


def test_named_recordings_come_in_the_order_asked_for():
  made = make_recordings(4)
  names = [made[2].name, made[0].name]
  chosen = choice.named_recordings(made, names)
  assert [one for one, _ in chosen] == [made[2], made[0]]
  with pytest.raises(InputError, match="no recording 'other' to show"):
    choice.named_recordings(made, ['other'])


def test_predictions_after_the_scored_length_do_not_count():
  frame = np.arange(60)
  zeros = np.zeros(60, np.int64)
  azimuths = np.zeros(60), np.where(frame < 40, 0.0, 90.0)
  one, other = (
    labels.Events(
      frame, zeros, zeros, geometry.to_cartesian(azimuth, np.zeros(60))
    )
    for azimuth in azimuths
  )
  reference = labels.choose_rows(one, np.arange(40))
  found = choice.make_recording(
    'a', reference, other, num_frames=40, num_classes=1
  )
  assert found.score == 0
  assert found.num_frames == 60, 'they are shown'
