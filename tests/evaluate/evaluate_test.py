"""Scores, breakdowns and lengths of recordings in memory."""

import json

import pytest
from helpers.recordings_to_evaluate import NAMES, some_recordings

from seld_jax import evaluate, labels, metrics
from seld_jax.errors import InputError


def test_scores_equal_those_of_metrics():
  recordings = some_recordings()
  result = evaluate.evaluate_predictions(recordings)
  counts = [metrics.counts(r, p) for _, r, p in recordings]
  scores = metrics.scores(metrics.merge(counts))
  assert 0.1 < scores.F20 < 1
  for name in ('seld_score', 'ER20', 'F20', 'LE_CD', 'LR_CD', 'LR_CD_recall'):
    assert result[name] == getattr(scores, name)
    low, high = result['intervals'][name]
    assert low < high
  assert result['edition'] == '2020'
  assert result['recordings'] == 4
  assert result['num_frames'] == 600


def test_breakdowns_add_up():
  recordings = some_recordings()
  result = evaluate.evaluate_predictions(
    recordings, class_names=labels.TAU2020_CLASSES
  )
  assert list(result['per_class']) == list(labels.TAU2020_CLASSES)
  assert list(result['per_overlap']) == ['ov1', 'ov2']
  rooms = ['fold1_room1', 'fold1_room2', 'fold2_room1']
  assert list(result['per_room']) == rooms
  assert list(result['per_fold']) == ['fold1', 'fold2']
  total = metrics.merge([metrics.counts(r, p) for _, r, p in recordings])
  for kind in evaluate.BREAKDOWNS.values():
    parts = result[kind].values()
    segments = sum(part['reference_segments'] for part in parts)
    assert segments == total.reference.sum()
  # The scores of a group are those of its recordings alone.
  alone = evaluate.evaluate_predictions(recordings[1:3])
  for name, value in result['per_overlap']['ov2'].items():
    if name != 'reference_segments':
      assert value == alone[name]


def test_recordings_with_other_names_are_not_grouped():
  result = evaluate.evaluate_predictions(some_recordings(['mix001', 'mix002']))
  assert result['per_room'] == result['per_overlap'] == result['per_fold'] == {}
  result = evaluate.evaluate_predictions(some_recordings(['mix001', NAMES[0]]))
  assert list(result['per_room']) == ['fold1_room1', 'other']


def test_classes_without_reference_have_no_scores():
  empty = labels.no_events()
  [(name, reference, _)] = some_recordings(NAMES[:1])
  only = reference.class_index == 3
  few = labels.Events(
    *(
      getattr(reference, field)[only]
      for field in ('frame', 'class_index', 'track', 'xyz')
    )
  )
  result = evaluate.evaluate_predictions([(name, few, reference)])
  assert result['per_class']['3']['LR_CD_recall'] == pytest.approx(1)
  assert result['per_class']['2']['ER20'] is None
  assert result['per_class']['2']['reference_segments'] == 0
  assert set(result['intervals'].values()) == {None}
  json.dumps(result, allow_nan=False)
  silent = evaluate.evaluate_predictions([(name, empty, empty)])
  assert silent['seld_score'] == 0.75
  json.dumps(silent, allow_nan=False)


def test_each_recording_may_have_its_own_length():
  (a, reference, prediction), second = some_recordings(NAMES[:2])
  late = labels.Events(
    reference.frame + 60, reference.class_index, reference.track, reference.xyz
  )
  recordings = [(a, late, prediction), second]
  with pytest.raises(InputError, match=rf'{a}: The reference .* 0 to 599'):
    evaluate.evaluate_predictions(recordings)
  lengths = {a: 660, second[0]: 600}
  result = evaluate.evaluate_predictions(recordings, num_frames=lengths)
  assert result['num_frames'] == [600, 660]
  with pytest.raises(InputError, match=f'no number of frames for {second[0]}'):
    evaluate.evaluate_predictions(recordings, num_frames={a: 660})


def test_no_recordings_and_missing_class_names_are_refused():
  with pytest.raises(InputError, match='no recordings'):
    evaluate.evaluate_predictions([])
  with pytest.raises(InputError, match='14 names, one for each class, got 2'):
    evaluate.evaluate_predictions(some_recordings(), class_names=['a', 'b'])


def test_names_may_lack_the_overlap():
  names = ['fold3_room21_mix001', 'fold4_room2_mix012']
  result = evaluate.evaluate_predictions(some_recordings(names))
  assert result['per_overlap'] == {}
  assert list(result['per_room']) == ['fold3_room21', 'fold4_room2']
