"""Label files are read as written; errors name the line and the value."""

import dataclasses
import re
import string
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels
from seld_jax.errors import InputError

relaxed = settings(
  deadline=None,
  max_examples=40,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)

rows = st.lists(
  st.tuples(
    st.integers(0, 5000),
    st.integers(0, 13),
    st.integers(-3, 500),
    st.floats(-180, 180),
    st.floats(-90, 90),
  ),
  max_size=30,
)
whole_rows = st.lists(
  st.tuples(
    st.integers(0, 599),
    st.integers(0, 13),
    st.integers(0, 3),
    st.integers(-180, 180),
    st.integers(-89, 89),
  ),
  max_size=30,
)


def make(rows):
  table = np.array(rows, np.float64).reshape(-1, 5)
  integers = table[:, :3].astype(np.int64)
  xyz = geometry.to_cartesian(table[:, 3], table[:, 4])
  return labels.Events(integers[:, 0], integers[:, 1], integers[:, 2], xyz)


def read_text(tmp_path, text, **options):
  path = tmp_path / 'labels.csv'
  path.write_bytes(text if isinstance(text, bytes) else text.encode())
  return labels.read_csv(path, **options)


def assert_same(a, b, *, degrees=1e-6):
  np.testing.assert_array_equal(a.frame, b.frame)
  np.testing.assert_array_equal(a.class_index, b.class_index)
  np.testing.assert_array_equal(a.track, b.track)
  assert np.all(geometry.angular_distance(a.xyz, b.xyz) < degrees)


@relaxed
@given(rows)
def test_written_events_are_read_back(tmp_path, rows):
  events = make(rows)
  labels.write_csv(tmp_path / 'a.csv', events)
  back = labels.read_csv(tmp_path / 'a.csv', edition='2020', num_classes=14)
  assert_same(back, events)
  np.testing.assert_allclose(np.linalg.norm(back.xyz, axis=-1), 1)


@relaxed
@given(rows, st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_parts_make_the_same_file_as_the_whole(tmp_path, rows, cuts):
  labels.write_csv(tmp_path / 'whole.csv', make(rows))
  bounds = zip([0, *cuts], [*cuts, len(rows)], strict=True)
  labels.write_csv_parts(
    tmp_path / 'parts.csv', (make(rows[a:b]) for a, b in bounds)
  )
  whole, parts = (tmp_path / f'{n}.csv' for n in ('whole', 'parts'))
  assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize('edition', [None, '2023', '2025'])
def test_a_first_part_without_rows_does_not_choose_the_form(tmp_path, edition):
  near = dataclasses.replace(make([(5, 1, 0, 30, 0)]), distance=np.array([2.0]))
  whole, parts = (tmp_path / f'{n}.csv' for n in ('whole', 'parts'))
  labels.write_csv(whole, near, edition=edition)
  silence = labels.no_events()
  labels.write_csv_parts(parts, [silence, near, silence], edition=edition)
  assert parts.read_bytes() == whole.read_bytes()


@relaxed
@given(
  rows,
  st.lists(st.integers(0, 30), max_size=4).map(sorted),
  st.sampled_from([None, '2019', '2020', '2023', '2025']),
  st.booleans(),
)
def test_parts_with_distances_make_the_same_file_as_the_whole(
  tmp_path, rows, cuts, edition, scaled
):
  def distant(some):
    events = make(some)
    return dataclasses.replace(events, distance=1.0 + events.frame % 7)

  options: Any = {
    'edition': edition,
    'distance_scale': None if scaled else 1.0,
    'class_names': labels.TAU2020_CLASSES,
  }
  whole, parts = (tmp_path / f'{n}.csv' for n in ('whole', 'parts'))
  labels.write_csv(whole, distant(rows), **options)
  bounds = zip([0, *cuts], [*cuts, len(rows)], strict=True)
  labels.write_csv_parts(
    parts, (distant(rows[a:b]) for a, b in bounds), **options
  )
  assert parts.read_bytes() == whole.read_bytes()
  labels.write_csv_parts(parts, [], **options)
  labels.write_csv(whole, labels.no_events(), **options)
  assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
  ('edition', 'form', 'unit'),
  [
    ('2019', 'seconds', 1.0),
    ('2023', 'polar_distance', 0.01),
    ('2024', 'cartesian_distance', 0.01),
    ('2023', 'submission_distance', 0.01),
    ('2025', 'stereo', 0.01),
    (None, None, 0.01),
  ],
)
def test_metres_have_the_unit_of_the_form_in_a_file(
  tmp_path, edition, form, unit
):
  frame = np.arange(3)
  metres = np.array([0.5, 1.25, 20.0])
  xyz = np.tile([0.0, 1.0, 0.0], (3, 1))
  events = labels.Events(frame, 0 * frame, 0 * frame, xyz, metres)
  path = tmp_path / 'x.csv'
  labels.write_csv(
    path, events, edition=edition, form=form, distance_scale=None
  )
  options: Any = {'edition': edition or '2023', 'form': form}
  for scale, expected in (None, metres), (1.0, metres / unit):
    found = labels.read_csv(path, distance_scale=scale, **options)
    assert found.distance is not None
    np.testing.assert_allclose(found.distance, expected)
  (found,), _ = labels.read_csv_files([path], distance_scale=None, **options)
  assert found.distance is not None
  np.testing.assert_allclose(found.distance, metres)


def test_without_an_edition_events_decide_whether_there_are_distances(tmp_path):
  events = make([(0, 1, 0, 30, 10)])
  labels.write_csv(tmp_path / 'x.csv', events, edition=None)
  assert (tmp_path / 'x.csv').read_text() == '0,1,0,30,10\n'
  events = dataclasses.replace(events, distance=np.array([2.5]))
  labels.write_csv(tmp_path / 'x.csv', events, edition=None)
  assert (tmp_path / 'x.csv').read_text() == '0,1,0,30,10,2.5\n'


@relaxed
@given(rows, st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_parts_are_joined_in_their_order(tmp_path, rows, cuts):
  bounds = zip([0, *cuts], [*cuts, len(rows)], strict=True)
  parts = [make(rows[a:b]) for a, b in bounds]
  distant = [dataclasses.replace(one, distance=one.frame / 8) for one in parts]
  for some in parts, [labels.no_events(), *distant, labels.no_events()]:
    joined = labels.join_events(some)
    for column in 'frame', 'class_index', 'track', 'xyz':
      expected = getattr(make(rows), column)
      np.testing.assert_array_equal(getattr(joined, column), expected)
    assert (joined.distance is None) == (some is parts or not rows)
    if joined.distance is not None:
      np.testing.assert_array_equal(joined.distance, joined.frame / 8)


def test_error_in_a_part_leaves_no_file(tmp_path):
  def parts():
    yield make([(0, 1, 0, 30, 10)])
    raise InputError('The recording is truncated.')

  with pytest.raises(InputError, match='truncated'):
    labels.write_csv_parts(tmp_path / 'a.csv', parts())
  assert not list(tmp_path.iterdir())


@relaxed
@given(whole_rows)
def test_whole_degrees_are_written_as_integers(tmp_path, rows):
  labels.write_csv(tmp_path / 'a.csv', make(rows))
  expected = ''.join(','.join(map(str, row)) + '\n' for row in rows)
  assert (tmp_path / 'a.csv').read_text() == expected


@relaxed
@given(
  whole_rows,
  st.sampled_from(['\n', '\r\n', '\n \n', '\r\n\r\n']),
  st.booleans(),
  st.booleans(),
  st.booleans(),
)
def test_line_ends_marks_and_decimals_do_not_matter(
  tmp_path, rows, end, mark, decimals, last
):
  style = '{:.1f}'.format if decimals else str
  text = end.join(','.join(map(style, row)) for row in rows)
  text = '\ufeff' * mark + text + end * last
  assert_same(read_text(tmp_path, text), make(rows))


@relaxed
@given(whole_rows, st.integers(5, 9))
def test_cartesian_and_polar_files_give_the_same_events(
  tmp_path, rows, decimals
):
  events = make(rows)
  text = ''.join(
    f'{f},{c},{t},' + ','.join(f'{v:.{decimals}f}' for v in xyz) + '\n'
    for f, c, t, xyz in zip(
      events.frame, events.class_index, events.track, events.xyz, strict=True
    )
  )
  # The rounding error of each of the three coordinates is at most half a unit.
  bound = np.rad2deg(np.sqrt(3) * 0.5 * 10.0**-decimals) * 1.1
  back = read_text(tmp_path, text, edition='2021')
  assert_same(back, events, degrees=bound)
  np.testing.assert_allclose(np.linalg.norm(back.xyz, axis=-1), 1)


def test_four_columns_number_the_sources_of_a_class_in_a_frame(tmp_path):
  events = read_text(tmp_path, '7,2,10,0\n3,2,20,0\n7,2,30,0\n7,1,40,0\n')
  np.testing.assert_array_equal(events.frame, [7, 3, 7, 7])
  np.testing.assert_array_equal(events.class_index, [2, 2, 2, 1])
  np.testing.assert_array_equal(events.track, [0, 0, 1, 0])
  azimuth, _ = geometry.to_polar(events.xyz)
  np.testing.assert_allclose(azimuth, [10, 20, 30, 40])


@pytest.mark.parametrize('text', ['', '\n\r\n', '\ufeff', ' \t\n'])
def test_file_without_rows_has_no_events(tmp_path, text):
  events = read_text(tmp_path, text)
  assert events.frame.shape == (0,)
  assert events.xyz.shape == (0, 3)
  labels.write_csv(tmp_path / 'empty.csv', events)
  assert (tmp_path / 'empty.csv').read_text() == ''


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('1,2,0,30', r"4 columns \('1,2,0,30'\), but expected 5"),
    ('1,2,0,30,4,5', 'but expected 5'),
    ('1,2,0,,4', 'azimuth must be a number .* got an empty cell'),
    ('1,2,0,left,4', "azimuth must be a number .* got 'left'"),
    ('1,2,0,1_0,4', "azimuth must be a number .* got '1_0'"),
    ('1,2,0,٣,4', "azimuth must be a number .* got '٣'"),
    ('1,2,0,nan,4', "azimuth .* got 'nan'"),
    ('1,2,0,1,inf', "elevation .* got 'inf'"),
    ('1,2,0,1,1e999', "elevation .* got '1e999'"),
    ('-1,2,0,1,1', "frame must be an integer .* got '-1'"),
    ('1.5,2,0,1,1', "frame must be an integer .* got '1.5'"),
    ('1e30,2,0,1,1', "frame must be an integer .* got '1e30'"),
    ('1,14,0,1,1', "class must be an integer from 0 to 13, got '14'"),
    ('1,-1,0,1,1', "class .* got '-1'"),
    ('1,2,0.5,1,1', "track must be an integer .* got '0.5'"),
    ('1,2,0,361,1', "azimuth must be a number from -360 to 360, got '361'"),
    ('1,2,0,1,90.5', "elevation must be a number from -90 to 90, got '90.5'"),
    ('frame,class,track,azimuth,elevation', "frame .* got 'frame'"),
    ('1;2;0;1;1', '1 columns'),
  ],
)
def test_errors_name_file_line_and_value(tmp_path, line, message):
  text = f'0,1,0,10,20\n\n{line}\n2,3,0,1,1\n'
  with pytest.raises(InputError, match=rf'labels\.csv, line 3: .*{message}'):
    read_text(tmp_path, text, num_classes=14)


@pytest.mark.parametrize('columns', [1, 2, 3, 8])
def test_unknown_number_of_columns_is_refused(tmp_path, columns):
  text = ','.join(['1'] * columns)
  with pytest.raises(InputError, match=rf'line 1: {columns} columns.*track'):
    read_text(tmp_path, text)


@relaxed
@example(0, 11, 1.0)
@example(0, 10, 1.0)
@given(st.integers(-180, 180), st.integers(-90, 90), st.floats(0.2, 9))
def test_distance_is_never_read_as_a_coordinate(
  tmp_path, azimuth, elevation, distance
):
  norm = np.linalg.norm([azimuth, elevation, round(distance, 2)])
  assume(abs(norm - 1) > 0.011)
  text = f'0,1,0,1,0,0\n0,1,0,{azimuth},{elevation},{distance:.2f}\n'
  message = r'line 2: .*unit vector'
  # Rows that end in 0 or 1 may be those of 2025, with azimuth and distance.
  is_on_screen = f'{distance:.2f}' == '1.00'
  if is_on_screen and elevation > 0 and max(abs(azimuth), elevation) > 10:
    message = 'line 1: .*look like those of 2025'
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text)


def test_zero_vector_is_refused(tmp_path):
  with pytest.raises(InputError, match='line 1: .*norm 0,'):
    read_text(tmp_path, '0,1,0,0,0,0')


@pytest.mark.parametrize('content', [b'\xff\xfe1\x002\x00', b'RIFF\x00\xfc'])
def test_binary_file_is_refused(tmp_path, content):
  with pytest.raises(InputError, match=r'labels\.csv is not a UTF-8 text'):
    read_text(tmp_path, content)


def test_missing_file_folder_and_unknown_edition_are_refused(tmp_path):
  with pytest.raises(InputError, match=r'gone\.csv does not exist'):
    labels.read_csv(tmp_path / 'gone.csv')
  with pytest.raises(InputError, match='cannot be read'):
    labels.read_csv(tmp_path)
  for call in (
    lambda: read_text(tmp_path, '', edition='2018'),
    lambda: labels.write_csv(tmp_path / 'a.csv', make([]), edition='2018'),
  ):
    with pytest.raises(InputError, match="'2018'.* 2019, 2020, 2021"):
      call()


@relaxed
@given(
  st.text('0123,.-+e_n\n\r \t"', max_size=40)
  | st.text(string.printable, max_size=40)
  | st.from_regex(r'([0-9]{1,2}(,[-.0-9]{1,3}){3}[\r\n]{1,2}){0,3}')
)
def test_any_text_is_read_or_refused(tmp_path, text):
  try:
    events = read_text(tmp_path, text)
  except InputError:
    return
  assert np.isfinite(events.xyz).all()
  lines = [line for line in re.split('[\r\n]', text) if line.strip()]
  assert len(events.frame) == len(lines)


def test_invalid_events_are_not_written(tmp_path):
  good = make([(0, 1, 0, 10, 20)])
  bad = labels.Events(good.frame - 1, good.class_index, good.track, good.xyz)
  with pytest.raises(InputError, match='frame of 0 or more'):
    labels.write_csv(tmp_path / 'a.csv', bad)
  bad = labels.Events(
    good.frame, good.class_index, good.track, good.xyz * np.nan
  )
  with pytest.raises(InputError, match='finite'):
    labels.write_csv(tmp_path / 'a.csv', bad)
  assert not list(tmp_path.iterdir())


@relaxed
@given(whole_rows)
def test_last_row_of_a_class_in_a_frame_is_used(rows):
  events = make(rows)
  activity, doa = labels.to_dense(events, num_frames=600, num_classes=14)
  assert activity.dtype == doa.dtype == np.float32
  last = {(row[0], row[1]): row[3:] for row in rows}
  assert activity.sum() == len(last)
  for (frame, class_index), (azimuth, elevation) in last.items():
    assert activity[frame, class_index] == 1
    np.testing.assert_allclose(
      doa[frame, class_index],
      geometry.to_cartesian(azimuth, elevation),
      atol=1e-7,
    )
  assert not doa[activity == 0].any()
  # With one source per class and frame, the conversion is invertible.
  back = labels.from_dense(activity, doa)
  assert [*zip(back.frame, back.class_index, strict=True)] == sorted(last)
  again = labels.to_dense(back, num_frames=600, num_classes=14)
  np.testing.assert_array_equal(again[0], activity)
  np.testing.assert_allclose(again[1], doa, atol=1e-7)


def test_events_outside_of_the_dense_arrays_are_refused():
  events = make([(2, 1, 0, 0, 0), (600, 3, 0, 0, 0)])
  with pytest.raises(InputError, match=r'frame 600, .* 600 \(frame 0 to 599\)'):
    labels.to_dense(events, num_frames=600, num_classes=14)
  with pytest.raises(InputError, match=r'class 3, .* 3 \(class 0 to 2\)'):
    labels.to_dense(events, num_frames=601, num_classes=3)


def test_vectors_of_any_length_become_unit_vectors():
  activity = np.array([[0.6, 0.5], [0.2, 0.9], [0.51, 1.0]], np.float32)
  doa = np.zeros((3, 2, 3))
  doa[0, 0] = (0, 1e-200, 0)
  doa[1, 1] = (0, -3, 4)
  doa[2, 1] = (1e200, 0, 0)
  events = labels.from_dense(activity, doa)
  np.testing.assert_array_equal(events.frame, [0, 1, 2, 2])
  np.testing.assert_array_equal(events.class_index, [0, 1, 0, 1])
  np.testing.assert_array_equal(events.track, 0)
  # The third event has a zero vector: it stays, and points to the front.
  np.testing.assert_allclose(
    events.xyz, [(0, 1, 0), (0, -0.6, 0.8), (1, 0, 0), (1, 0, 0)]
  )
  assert len(labels.from_dense(activity, doa, threshold=0.55).frame) == 3


def test_wrong_dense_arrays_are_refused():
  activity, doa = np.ones((2, 3)), np.ones((2, 3, 3))
  with pytest.raises(InputError, match=r'\(2, 3\) and \(2, 2, 3\)'):
    labels.from_dense(activity, doa[:, :2])
  doa[1, 2, 0] = np.nan
  with pytest.raises(InputError, match='class 2 in frame 1'):
    labels.from_dense(activity, doa)
  activity[1, 2] = 0
  assert len(labels.from_dense(activity, doa).frame) == 5


def test_classes_are_those_of_2020():
  assert len(set(labels.TAU2020_CLASSES)) == 14
  assert labels.TAU2020_CLASSES[:2] == ('alarm', 'crying_baby')
  assert labels.TAU2020_CLASSES[13] == 'piano'
