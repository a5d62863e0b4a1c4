"""Noise and motion of events are those of their rows in scenes.csv."""

import numpy as np
import pytest

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.evaluate import conditions
from seld_jax.scenes import synthesize

HEAD = 'file,class,track,onset,duration,speed,snr_db'


def test_a_row_describes_the_frames_that_its_event_overlaps(tmp_path):
  path = tmp_path / 'scenes.csv'
  path.write_text(
    f'{HEAD}\n'
    'mix1,dog,0,0.35,0.3,-20,12.5\n'
    'mix1,dog,1,0.40,0.1,40,12.5\n'
    'mix1,cat,0,0.10,0.2,0,12.5\n'
    'mix2,dog,0,0.00,9.0,10,6\n'
    'mix1,dog,0,,1.0,10,6\n'
  )
  rows = conditions.read_conditions(path)
  assert set(rows) == {'mix1', 'mix2'}
  # The first dog: one frame before its event, three in it, one after. Then the
  # cat and the second dog.
  frame = np.array([2, 3, 4, 6, 7, 1, 2, 3, 4, 5])
  class_index = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 0])
  track = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
  events = labels.Events(frame, class_index, track, np.eye(3)[frame % 3])
  snr, speed = conditions.snr_and_speed(
    events, rows['mix1'], classes=['dog', 'cat']
  )
  nan = np.nan
  expected = [nan, 20, 20, 20, nan, 0, 0, nan, 40, nan]
  np.testing.assert_array_equal(speed, expected)
  np.testing.assert_array_equal(snr, np.where(np.isnan(expected), nan, 12.5))
  none = conditions.snr_and_speed(events, (), classes=['dog', 'cat'])
  assert np.isnan(none).all()


def test_labels_of_rendered_scenes_move_at_the_speed_of_their_row(tmp_path):
  synthesize(tmp_path, recordings=4, seconds=6.0, seed=3, num_workers=0)
  rows = conditions.read_conditions(tmp_path / 'scenes.csv')
  speeds = set()
  for path in sorted((tmp_path / 'metadata_dev').iterdir()):
    events = labels.read_csv(path)
    snr, speed = conditions.snr_and_speed(
      events, rows[path.stem], classes=labels.TAU2020_CLASSES
    )
    assert np.isfinite(snr).all() and np.isfinite(speed).all()
    assert len(set(snr)) == 1
    azimuth, _ = geometry.to_polar(events.xyz)
    for index, track in set(zip(events.class_index, events.track, strict=True)):
      mine = (events.class_index == index) & (events.track == track)
      step = np.diff(events.frame[mine]) == 1
      turned = geometry.wrap_degrees(np.diff(azimuth[mine]))
      same = np.diff(speed[mine]) == 0
      expected = speed[mine][1:] / labels.FRAMES_PER_SECOND
      # Labels are integer degrees.
      off = np.abs(np.abs(turned) - expected)[step & same]
      assert np.mean(off <= 1.0) > 0.9
      speeds |= set(speed[mine])
  assert len(speeds) > 1


def test_a_missing_file_is_empty_and_other_files_are_refused(tmp_path):
  path = tmp_path / 'scenes.csv'
  assert conditions.read_conditions(path) == {}
  path.write_text('file,class\nmix1,dog\n')
  with pytest.raises(
    InputError, match=r'csv must be the table .* lacks the column track'
  ):
    conditions.read_conditions(path)
  path.write_bytes(b'\xff\xfe\x00')
  with pytest.raises(InputError, match='but it is not UTF-8 text'):
    conditions.read_conditions(path)
  path.write_text(f'{HEAD}\nmix1,{"d" * 200_000},0,0,1,0,0\n')
  with pytest.raises(
    InputError, match='but it is no CSV: field larger than field limit'
  ):
    conditions.read_conditions(path)


@pytest.mark.parametrize(
  ('row', 'message'),
  [
    ('mix1,dog,0,nan,1,0,6', "onset must be a number from 0 .*, got 'nan'"),
    ('mix1,dog,0,1e400,1,0,6', "onset must be a number .*, got '1e400'"),
    (
      'mix1,dog,0,-1,1,0,6',
      "onset must be a number from 0 to .*, got '-1'",
    ),
    ('mix1,dog,0,soon,1,0,6', "onset must be a number .*, got 'soon'"),
    ('mix1,dog,0,0,inf,0,6', "duration must be a number .*, got 'inf'"),
    ('mix1,dog,0,0,1,nan,6', "speed must be a number .*, got 'nan'"),
    ('mix1,dog,0,0,1,0,-inf', "snr_db must be a number .*, got '-inf'"),
    ('mix1,dog,0.5,0,1,0,6', "track must be an integer .*, got '0.5'"),
    (f'mix1,dog,{"9" * 5000},0,1,0,6', r"track must be .*, got '9{77}\.\.\.'"),
  ],
)
def test_a_row_with_something_else_is_refused(tmp_path, row, message):
  path = tmp_path / 'scenes.csv'
  path.write_text(f'{HEAD}\nmix1,dog,0,0,1,0,6\n{row}\n')
  with pytest.raises(InputError, match=rf'scenes\.csv, line 3: {message}'):
    conditions.read_conditions(path)
  cells = zip(map(str, HEAD.split(',')), row.split(','), strict=True)
  with pytest.raises(InputError, match=rf'row of scenes\.csv, {message}'):
    conditions.snr_and_speed(labels.no_events(), [dict(cells)], classes=['dog'])
