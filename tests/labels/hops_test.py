"""Frames of other lengths than 0.1 s become label frames."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels, metrics
from seld_jax.errors import InputError

relaxed = settings(
  deadline=None,
  max_examples=40,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)

SECONDS = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'


def read_text(tmp_path, text, *, name='labels.csv', **options):
  (tmp_path / name).write_text(text)
  return labels.read_csv(tmp_path / name, **options)


def polar(events):
  azimuth, elevation = geometry.to_polar(events.xyz)
  return azimuth.round(6).tolist(), elevation.round(6).tolist()


def test_frames_of_20_ms_score_as_the_label_frames_they_fill(tmp_path):
  # A cough from 1 to 2 s in front, predicted at 10 degrees.
  reference = read_text(tmp_path, SECONDS + 'cough,1,2,0,0,1\n', name='a.csv')
  text = ''.join(f'{frame},8,10,0\n' for frame in range(50, 100))
  for edition in None, '2019':
    prediction = read_text(
      tmp_path, text, edition=edition, role='prediction', label_hop=0.02
    )
    np.testing.assert_array_equal(prediction.frame, reference.frame)
    counts = metrics.counts(
      reference, prediction, edition='2019', num_frames=600, num_classes=11
    )
    scores = metrics.scores(counts)
    assert scores.DOA_error == pytest.approx(10)
    found = scores.ER, scores.F, scores.frame_recall
    assert found == pytest.approx((0, 1, 1))


def test_submission_of_2019_needs_its_hop(tmp_path):
  text = '50,8,10,0\n'
  with pytest.raises(InputError, match=r'frames last 20 ms.*--label_hop=0\.02'):
    read_text(tmp_path, text, edition='2019', role='prediction')


def test_divided_frame_numbers_are_refused(tmp_path):
  rows = [f'{n // 5},8,{10 + n % 2},0\n' for n in range(50, 100)]
  with pytest.raises(InputError, match=r'5\.0 rows on average.*--label_hop'):
    read_text(tmp_path, ''.join(rows), role='prediction')
  # Several sources of a class in other directions are no such sign.
  rows = [f'{n // 5},8,{72 * (n % 5)},0\n' for n in range(50, 100)]
  events = read_text(tmp_path, ''.join(rows), role='prediction')
  assert len(events.frame) == 50


def divided(factor, *sources, step=2):
  """Rows of `factor` frames with one number: class, track, azimuth."""
  return ''.join(
    f'{int(n // factor)},{class_index},{track},{azimuth + step * (n % 5)},0\n'
    for n in range(200)
    for class_index, track, azimuth in sources
  )


@pytest.mark.parametrize('hop', [None, 0.1, 0.02])
@pytest.mark.parametrize(
  'text',
  [
    divided(5, (4, 0, 10)),
    divided(5, (4, 0, 10), step=10),  # azimuths from 10 to 50
    divided(5, (4, 0, 10), (6, 1, -90)),
    divided(5, (4, 0, 10), (4, 1, -90)),  # two sources of one class
    divided(5, (4, 0, 10), (4, 0, -90)),
    divided(5, (4, 0, 10)) + '100,1,1,0,0\n',
    divided(2.5, (4, 0, 10), (6, 1, -90)),
    divided(2, (4, 0, 10), (4, 1, 14)),
  ],
)
def test_rows_of_a_track_in_one_frame_and_direction_are_refused(
  tmp_path, text, hop
):
  with pytest.raises(InputError, match=r'been divided.*--label_hop=0\.02'):
    read_text(tmp_path, text, role='prediction', label_hop=hop)


def test_divided_frames_of_40_ms_without_tracks_are_told(tmp_path, caplog):
  text = divided(2.5, (4, 0, 10))
  read_text(tmp_path, text, role='prediction')
  (message,) = (record.getMessage() for record in caplog.records)
  assert '2.5 rows on average for each class and frame' in message
  assert '--label_hop=0.04' in message


@pytest.mark.parametrize('hop', [None, 0.02])
def test_frames_that_were_not_divided_are_silent(tmp_path, caplog, hop):
  for text in (
    divided(1, (4, 0, 10), (6, 1, 10), (4, 1, 14)),
    divided(1, (4, 0, 10), (4, 0, 90), (4, 0, 170), (4, 0, -100)),
    divided(1, (4, 0, 10), (4, 1, 12), (4, 2, 14)),  # predicted three times
  ):
    read_text(tmp_path, text, role='prediction', label_hop=hop)
  assert not caplog.records


def test_rows_of_a_source_in_a_frame_become_their_mean(tmp_path):
  # 40 ms at 10 degrees, 60 ms at 20 degrees, then 20 ms at 30 degrees.
  text = '0,2,1,10,0,100\n1,2,1,10,0,100\n2,2,1,20,0,150\n3,2,1,20,0,150\n'
  text += '4,2,1,20,0,150\n5,2,1,30,0,200\n'
  events = read_text(tmp_path, text, edition='2024', label_hop=0.02)
  np.testing.assert_array_equal(events.frame, [0, 1])
  np.testing.assert_array_equal(events.track, [1, 1])
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, [130, 200])
  azimuth, _ = polar(events)
  np.testing.assert_allclose(azimuth, [16, 30], atol=0.05)
  # A row of 0.2 s fills two frames; one of 80 ms is weighted by its overlap.
  events = read_text(tmp_path, '3,2,0,10,0\n', label_hop=0.2)
  np.testing.assert_array_equal(events.frame, [6, 7])
  events = read_text(tmp_path, '0,2,0,0,0\n1,2,0,90,0\n', label_hop=0.08)
  np.testing.assert_array_equal(events.frame, [0, 1])
  np.testing.assert_allclose(
    polar(events)[0], [np.rad2deg(np.arctan2(2, 8)), 90], atol=1e-5
  )


def test_sources_without_tracks_are_followed(tmp_path):
  # Two coughs whose rows change places; in one frame, only one is heard.
  text = '0,8,0,0\n0,8,90,0\n1,8,92,0\n1,8,2,0\n2,8,94,0\n3,8,4,0\n3,8,96,0\n'
  for role in labels.ROLES:
    events = read_text(tmp_path, text, role=role, label_hop=0.02)
    np.testing.assert_array_equal(events.frame, [0, 0])
    np.testing.assert_array_equal(events.track, [0, 1])
    np.testing.assert_allclose(polar(events)[0], [2, 93], atol=0.01)
  # Many systems write track 0 in all rows.
  tracked = ''.join(
    line.replace(',8,', ',8,0,') + '\n' for line in text.split()
  )
  same = read_text(tmp_path, tracked, role='prediction', label_hop=0.02)
  np.testing.assert_allclose(same.xyz, events.xyz)
  # In a reference, or with other tracks, that is a contradiction.
  for rows, role in (
    (tracked, 'reference'),
    (tracked + '9,8,1,0,0\n', 'prediction'),
  ):
    with pytest.raises(
      InputError, match='line 2: frame 0 has a second row of class 8, track 0'
    ):
      read_text(tmp_path, rows, role=role, label_hop=0.02)


def test_opposite_directions_give_the_first(tmp_path):
  events = read_text(tmp_path, '0,2,0,30,0\n1,2,0,-150,0\n', label_hop=0.02)
  assert polar(events)[0] == [30]


@relaxed
@given(
  st.lists(
    st.tuples(
      st.integers(0, 999),
      st.integers(0, 3),
      st.integers(0, 2),
      st.integers(-179, 180),
    ),
    unique_by=lambda row: row[:3],
    max_size=30,
  ),
  st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.0116]),
)
def test_a_source_is_active_in_all_frames_that_it_overlaps(tmp_path, rows, hop):
  text = ''.join(f'{f},{c},{t},{a},0\n' for f, c, t, a in rows)
  events = read_text(tmp_path, text, label_hop=hop)
  expected = {}
  for frame, class_index, track, azimuth in rows:
    start, end = 10 * frame * hop, 10 * (frame + 1) * hop
    for label_frame in range(int(start + 1e-5), int(np.ceil(end - 1e-5))):
      key = (label_frame, class_index, track)
      expected.setdefault(key, []).append(azimuth)
  found = zip(events.frame, events.class_index, events.track, strict=True)
  assert sorted(found) == sorted(expected)
  np.testing.assert_allclose(np.linalg.norm(events.xyz, axis=-1), 1)
  for key, xyz in zip(
    zip(events.frame, events.class_index, events.track, strict=True),
    events.xyz,
    strict=True,
  ):
    if len(expected[key]) == 1:
      alone = geometry.to_cartesian(expected[key][0], np.float64(0))
      np.testing.assert_allclose(xyz, alone, atol=1e-9)


def test_events_in_frames_of_20_ms_can_be_asked_for(tmp_path):
  def read(text, **options):
    return read_text(tmp_path, text, frames_per_second=50, **options)

  events = read(SECONDS + 'cough,1,1.06,0,0,1\n')
  np.testing.assert_array_equal(events.frame, [50, 51, 52])
  events = read('7,8,10,0\n', label_hop=0.02)
  np.testing.assert_array_equal(events.frame, [7])
  events = read('1,8,10,0\n')
  np.testing.assert_array_equal(events.frame, [5, 6, 7, 8, 9])


@pytest.mark.parametrize('hop', [0.0, -0.02, 20.0, float('nan'), float('inf')])
def test_hop_that_is_no_number_of_seconds_is_refused(tmp_path, hop):
  with pytest.raises(InputError, match='in seconds, from 0.001 to 10'):
    read_text(tmp_path, '7,8,10,0\n', label_hop=hop)
