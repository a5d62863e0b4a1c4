"""The forms of label files of all editions: read, distinguished, written."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.labels import classes

relaxed = settings(
  deadline=None,
  max_examples=25,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)

rows = st.lists(
  st.tuples(
    st.integers(0, 5000),
    st.integers(0, 10),
    st.integers(0, 3),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.integers(1, 10**6).map(lambda steps: steps / 1000),
  ),
  max_size=25,
)
SECONDS = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'
STEREO = 'frame,class,source,azimuth,distance,onscreen\n'


def make(rows):
  table = np.array(rows, np.float64).reshape(-1, 6)
  frame, class_index, track = table[:, :3].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 3], table[:, 4])
  return labels.Events(frame, class_index, track, xyz, table[:, 5])


def read_text(tmp_path, text, **options):
  path = tmp_path / 'labels.csv'
  path.write_text(text)
  return labels.read_csv(path, **options)


def assert_same(a, b, *, tracks=True, distances=True):
  np.testing.assert_array_equal(a.frame, b.frame)
  np.testing.assert_array_equal(a.class_index, b.class_index)
  assert np.all(geometry.angular_distance(a.xyz, b.xyz) < 1e-6)
  if tracks:
    np.testing.assert_array_equal(a.track, b.track)
  if distances and len(b.frame):
    np.testing.assert_allclose(a.distance, b.distance, atol=1e-7)


def writable():
  return [
    (edition, form)
    for edition, forms in labels.EDITIONS.items()
    for form in forms
    if form not in ('seconds', 'stereo')
  ]


@pytest.mark.parametrize(('edition', 'form'), writable())
@relaxed
@given(rows)
def test_written_events_are_read_back(tmp_path, edition, form, rows):
  events = make(rows)
  labels.write_csv(tmp_path / 'a.csv', events, edition=edition, form=form)
  # Five columns may be two forms.
  stated = form if form == 'submission_distance' else None
  back = labels.read_csv(
    tmp_path / 'a.csv', edition=edition, form=stated, num_classes=11
  )
  has_distance = 'distance' in form
  assert_same(
    back, events, tracks='track' in labels.FORMS[form], distances=has_distance
  )
  if rows and not has_distance:
    assert back.distance is None
  text = (tmp_path / 'a.csv').read_text()
  assert all(
    line.count(',') + 1 == len(labels.FORMS[form]) for line in text.split()
  )


@relaxed
@given(rows)
def test_events_written_as_2019_are_read_back_frame_by_frame(tmp_path, rows):
  events = make(rows)
  labels.write_csv(tmp_path / 'a.csv', events, edition='2019')
  assert (tmp_path / 'a.csv').read_text().startswith(SECONDS)
  for edition in None, '2019':
    back = labels.read_csv(tmp_path / 'a.csv', edition=edition)

    def order(e):
      azimuth, elevation = np.round(geometry.to_polar(e.xyz), 5) + 0.0
      return np.lexsort(
        (e.distance, elevation, azimuth, e.class_index, e.frame)
      )

    if rows:
      a, b = order(events), order(back)
      np.testing.assert_array_equal(back.frame[b], events.frame[a])
      np.testing.assert_array_equal(back.class_index[b], events.class_index[a])
      np.testing.assert_allclose(back.xyz[b], events.xyz[a], atol=1e-6)


def test_event_of_2019_is_active_in_the_frames_it_overlaps(tmp_path):
  text = SECONDS + (
    'speech,0.25,0.61,-10,30,2\n'
    '\n'
    'knock,0.7,0.9,40,-170,1\n'  # exactly frames 7 and 8
    'laughter,1.0,1.0,0,0,1\n'  # duration 0: one frame
  )
  events = read_text(tmp_path, text)
  np.testing.assert_array_equal(events.frame, [2, 3, 4, 5, 6, 7, 8, 10])
  np.testing.assert_array_equal(events.class_index, [5] * 5 + [0] * 2 + [10])
  np.testing.assert_array_equal(events.track, [0] * 5 + [1] * 2 + [2])
  np.testing.assert_array_equal(events.distance, [2] * 5 + [1] * 3)
  azimuth, elevation = geometry.to_polar(events.xyz)
  np.testing.assert_allclose(azimuth, [30] * 5 + [-170] * 2 + [0])
  np.testing.assert_allclose(elevation, [-10] * 5 + [40] * 2 + [0])
  swapped = SECONDS.replace('ele,azi', 'azi,ele') + 'speech,0.25,0.61,30,-10,2'
  again = read_text(tmp_path, swapped)
  np.testing.assert_allclose(again.xyz, events.xyz[:5])
  mine = read_text(tmp_path, SECONDS + 'b,0,1,0,0,1', class_names=('a', 'b'))
  np.testing.assert_array_equal(mine.class_index, 1)
  assert len(read_text(tmp_path, SECONDS).frame) == 0


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    (SECONDS + 'whistle,0,1,0,0,1', "line 2: .* one of knock, .* 'whistle'"),
    (SECONDS + 'speech,2,1,0,0,1', 'line 2: end_time .* start_time 2, got 1'),
    (SECONDS + 'speech,0,1,91,0,1', "line 2: ele .* -90 to 90, got '91'"),
    (SECONDS + '\nspeech,0,1,0,0', 'line 3: 5 columns'),
    (SECONDS + 'speech,0,one,0,0,1', "line 2: end_time .* 'one'"),
    ('speech,0,1,0,0,1', "line 1: frame .* 'speech'"),
    (STEREO + '1,2,0,30,200', 'line 2: 5 columns'),
    (STEREO + '1,2,0,30,200,2', "line 2: onscreen .* 0 to 1, got '2'"),
    ('frame,class\n1,2', r"line 1: the header \('frame,class'\) is none of"),
    ('0,1,0,2,3,4,-1', 'line 1: .*distance .*-1'),
    ('0,1,0,0,0,0,5', 'norm 0, but expected a vector other than 0'),
  ],
)
def test_errors_name_line_and_value(tmp_path, text, message):
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text)


def test_files_of_2025_have_a_header_and_no_elevation(tmp_path):
  text = STEREO + '3,1,0,90,200,1\n4,1,2,-30,150,0\n'
  for edition in None, '2025':
    events = read_text(tmp_path, text, edition=edition, distance_scale=0.01)
    np.testing.assert_array_equal(events.frame, [3, 4])
    np.testing.assert_array_equal(events.class_index, [1, 1])
    np.testing.assert_array_equal(events.track, [0, 2])
    assert events.distance is not None
    np.testing.assert_allclose(events.distance, [2, 1.5])
    np.testing.assert_allclose(events.xyz[0], (0, 1, 0), atol=1e-12)
    np.testing.assert_array_equal(events.onscreen, [True, False])
  with pytest.raises(InputError, match='line 1: .* not of edition 2024'):
    read_text(tmp_path, text, edition='2024')
  with pytest.raises(InputError, match="'polar' of edition 2025; .*: stereo"):
    labels.write_csv(tmp_path / 'a.csv', events, edition='2025', form='polar')
  bare = dataclasses.replace(events, distance=None)
  with pytest.raises(InputError, match='needs a distance .* edition 2020'):
    labels.write_csv(tmp_path / 'a.csv', bare, edition='2025')


@relaxed
@given(rows, st.integers(0, 2**25))
def test_files_of_2025_are_written_folded_and_read_back(tmp_path, rows, bits):
  flags = np.array([bits >> place & 1 for place in range(len(rows))], bool)
  events = dataclasses.replace(make(rows), onscreen=flags)
  path = tmp_path / 'a.csv'
  labels.write_csv(path, events, edition='2025', distance_scale=None)
  assert path.read_text().startswith(STEREO)
  for edition in None, '2025':
    back = labels.read_csv(path, edition=edition, distance_scale=None)
    folded = geometry.stereo_directions(events.xyz)
    assert_same(back, dataclasses.replace(events, xyz=folded))
    if rows:
      np.testing.assert_array_equal(back.onscreen, flags)
  _, *lines = path.read_text().split()
  assert all(-90 <= float(line.split(',')[3]) <= 90 for line in lines)
  # The file is the same in parts, and 0 where nobody says what is on screen.
  other = tmp_path / 'b.csv'
  halves = [labels.choose_rows(events, part) for part in (flags, ~flags)]
  parts = [*halves, labels.no_events()]
  for written in parts, parts[::-1], []:
    whole = labels.join_events(written)
    labels.write_csv(path, whole, edition='2025')
    labels.write_csv_parts(other, written, edition='2025')
    assert other.read_bytes() == path.read_bytes()
  silent = dataclasses.replace(events, onscreen=None)
  labels.write_csv(path, silent, edition='2025')
  assert not rows or not np.any(labels.read_csv(path).onscreen)


def test_probabilities_of_predictions_are_read_as_flags(tmp_path, caplog):
  text = STEREO + ''.join(
    f'{frame},1,0,9,200,{value}\n'
    for frame, value in enumerate(['0', '0.2', '0.5', '0.999', '1'])
  )
  with pytest.raises(InputError, match="line 3: onscreen .* got '0.2'"):
    read_text(tmp_path, text)
  events = read_text(tmp_path, text, role='prediction')
  np.testing.assert_array_equal(events.onscreen, [0, 0, 1, 1, 1])
  assert 'line 3: the probability 0.2 of being on screen' in caplog.text
  assert 'and 2 more like this' in caplog.text
  cut = read_text(tmp_path, text, role='prediction', mend=False)
  np.testing.assert_array_equal(cut.onscreen, [0, 0, 0, 0, 1])
  with pytest.raises(InputError, match="onscreen .* a number .*, got '1.5'"):
    read_text(tmp_path, STEREO + '0,1,0,9,200,1.5\n', role='prediction')


def test_predictions_stay_as_written_if_nothing_is_mended(tmp_path, caplog):
  text = '0,1,0,30,90.5,-2\n1,1,0,30,20,150\n'
  options = {'edition': '2024', 'role': 'prediction'}
  mended = read_text(tmp_path, text, **options)
  np.testing.assert_allclose(mended.xyz[0], (0, 0, 1), atol=1e-12)
  np.testing.assert_array_equal(mended.distance, [0, 150])
  assert len(caplog.records) == 2
  caplog.clear()
  events = read_text(tmp_path, text, mend=False, **options)
  beyond = geometry.to_cartesian(210, 89.5)
  np.testing.assert_allclose(events.xyz[0], beyond, atol=1e-12)
  np.testing.assert_array_equal(events.distance, [-2, 150])
  assert not caplog.records


def test_what_is_on_screen_stays_when_events_are_copied(tmp_path):
  text = STEREO + '3,1,0,90,200,1\n4,1,2,-30,150,0\n'
  events = read_text(tmp_path, text)
  assert events.onscreen is not None
  one = labels.choose_rows(events, np.array([1, 0, 0]))
  np.testing.assert_array_equal(one.onscreen, [False, True, True])
  joined = labels.join_events([events, labels.no_events(), one])
  np.testing.assert_array_equal(joined.onscreen, [1, 0, 0, 1, 1])
  without = dataclasses.replace(events, onscreen=None)
  assert labels.join_events([events, without]).onscreen is None
  # Two frames of 50 ms become one; most of the time decides, or half of it.
  rows = ['0,1,0,9,200,1', '1,1,0,9,200,0', '2,1,0,9,200,0', '3,1,0,9,200,0']
  text = STEREO + '\n'.join(rows)
  merged = read_text(tmp_path, text, label_hop=0.05)
  np.testing.assert_array_equal(merged.frame, [0, 1])
  np.testing.assert_array_equal(merged.onscreen, [True, False])
  assert merged.onscreen is not None and merged.onscreen.dtype == bool


# Files of six columns, which are x, y, z or azimuth, elevation, distance.


def polar_rows(low):
  return st.lists(
    st.tuples(
      st.integers(-180, 180), st.integers(-90, 90), st.floats(low, 900)
    ),
    min_size=1,
    max_size=12,
  )


def lines(directions):
  return ''.join(f'{i},1,0,{a},{b},{c}\n' for i, (a, b, c) in directions)


@relaxed
@given(polar_rows(1.1))
def test_numbers_above_1_are_angles_and_distance(tmp_path, directions):
  text = lines(enumerate(directions))
  events = read_text(tmp_path, text)
  azimuth, elevation, distance = np.array(directions, np.float64).T
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, distance)
  np.testing.assert_allclose(
    events.xyz, geometry.to_cartesian(azimuth, elevation)
  )
  stated = read_text(tmp_path, text, edition='2023', distance_scale=0.01)
  assert stated.distance is not None
  np.testing.assert_allclose(stated.distance, distance / 100)


@relaxed
@given(polar_rows(1.1), st.integers(3, 9))
def test_unit_vectors_are_x_y_z(tmp_path, directions, decimals):
  azimuth, elevation, _ = np.array(directions, np.float64).T
  xyz = np.round(geometry.to_cartesian(azimuth, elevation), decimals)
  text = lines(enumerate(xyz))
  stated = read_text(tmp_path, text, edition='2022')
  assert stated.distance is None
  bound = np.rad2deg(10.0**-decimals)
  expected = geometry.to_cartesian(azimuth, elevation)
  assert np.all(geometry.angular_distance(stated.xyz, expected) < bound)
  if np.all(xyz == (0, 0, 1)):
    with pytest.raises(InputError, match='the edition must be stated'):
      read_text(tmp_path, text)
  else:
    np.testing.assert_array_equal(read_text(tmp_path, text).xyz, stated.xyz)


def test_ambiguous_six_columns_need_the_edition(tmp_path):
  above = '0,1,0,0,0,1\n'  # straight up, or in front at distance 1
  loose = '0,1,0,0.3,0.2,0.5\n'  # predicted vector, or in front at 0.5
  for text in above, loose, above + loose:
    with pytest.raises(InputError, match=r'line 1: .* edition must be stated'):
      read_text(tmp_path, text)
  up = read_text(tmp_path, above, edition='2021')
  np.testing.assert_array_equal(up.xyz, [(0, 0, 1)])
  front = read_text(tmp_path, above, edition='2024')
  np.testing.assert_array_equal(front.xyz, [(1, 0, 0)])
  vector = read_text(tmp_path, loose, edition='2020').xyz
  np.testing.assert_allclose(vector, np.array([(3, 2, 5)]) / 38**0.5)
  # Seven columns are not ambiguous.
  seven = read_text(tmp_path, '0,1,0,0.3,0.2,0.5,140\n')
  np.testing.assert_allclose(seven.xyz, vector)
  # One row that can only be a vector decides the form of the whole file. If
  # another row cannot be a vector, the file is refused.
  assert read_text(tmp_path, above + '1,1,0,0,1,0\n').distance is None
  distance = read_text(tmp_path, above + '1,1,0,40,10,2\n').distance
  assert distance is not None and len(distance) == 2
  with pytest.raises(
    InputError, match='line 2: .* norm 41.28, .* because line 1'
  ):
    read_text(tmp_path, '0,1,0,0,1,0\n1,1,0,40,10,2\n')


@pytest.mark.parametrize(
  ('edition', 'text'),
  [
    ('2020', '0,1,0,40,10,2'),
    ('2022', '0,1,0,0,0,0'),
    ('2020', '0,1,0,0,1,0,2'),
    ('2023', '0,1,0,0,95,2'),
    ('2023', '0,1,0,0,0,0.7,-2'),
    ('2019', '0,1,0,30,10'),
    ('2025', '0,1,0,30,200,1'),
  ],
)
def test_edition_refuses_forms_that_it_does_not_have(tmp_path, edition, text):
  with pytest.raises(InputError, match='line 1'):
    read_text(tmp_path, text, edition=edition)


def test_events_that_do_not_fit_the_form_are_not_written(tmp_path):
  zero = np.arange(1)
  without = labels.Events(zero, zero, zero, np.array([[1.0, 0, 0]]))
  path = tmp_path / 'a.csv'
  labels.write_csv(path, without, edition='2024')
  assert path.read_text() == '0,0,0,0,0\n'
  path.unlink()
  for form in 'polar_distance', 'cartesian_distance':
    with pytest.raises(InputError, match='a distance in each row, got none'):
      labels.write_csv(path, without, edition='2023', form=form)
  with pytest.raises(InputError, match="'cartesian' of edition 2023; .* polar"):
    labels.write_csv(path, without, edition='2023', form='cartesian')
  foreign = make([(0, 10, 0, 0, 0, 1)])
  with pytest.raises(InputError, match='class 10 and 2 names'):
    labels.write_csv(path, foreign, edition='2019', class_names=('a', 'b'))
  for bad in -1.0, np.nan:
    negative = make([(0, 1, 0, 0, 0, bad)])
    with pytest.raises(InputError, match='finite distances of 0 or more'):
      labels.write_csv(path, negative, edition='2024')
  assert not path.exists()


@pytest.mark.parametrize('form', ['polar', 'polar_distance', 'submission'])
def test_first_event_like_numbered_columns_is_read_back(tmp_path, form):
  row = (0, 1, 0, 2, 3, 1) if form == 'submission' else (0, 1, 2, 3, 4, 5)
  events = make([row, (0, 1, 3, 50, 4, 5)])
  labels.write_csv(tmp_path / 'a.csv', events, edition='2023', form=form)
  back = labels.read_csv(tmp_path / 'a.csv', edition='2023')
  assert_same(
    back, events, tracks=form != 'submission', distances='dist' in form
  )


def test_distances_are_scaled_when_written(tmp_path):
  events = make([(0, 1, 2, 30, 40, 1.25)])
  labels.write_csv(
    tmp_path / 'a.csv', events, edition='2023', distance_scale=100
  )
  assert (tmp_path / 'a.csv').read_text() == '0,1,2,30,40,125\n'


def test_editions_have_the_published_numbers_of_classes():
  counts = {e: len(classes.of_edition(e)) for e in classes.BY_EDITION}
  assert counts == {
    '2019': 11,
    '2020': 14,
    '2021': 12,
    '2022': 13,
    '2023': 13,
    '2024': 13,
    '2025': 13,
  }
  for names in classes.BY_EDITION.values():
    assert len(set(names)) == len(names)
  with pytest.raises(InputError, match="'2018' are not known"):
    classes.of_edition('2018')


def test_class_names_are_given_only_for_the_right_number_of_classes():
  for edition, names in classes.BY_EDITION.items():
    assert classes.names_of(edition, len(names)) == names
    for number in range(1, 20):
      if number == 14 and edition in ('2020', '2021'):
        expected = classes.TAU2020_CLASSES
      else:
        expected = names if number == len(names) else None
      assert classes.names_of(edition, number) == expected


@pytest.mark.parametrize('edition', ['2020', '2022'])
def test_edition_allows_vectors_of_any_norm(tmp_path, edition):
  for good in '1.01,-1.01,1', '0,0.001,0', '1e-200,0,0', '-5,1e200,3':
    events = read_text(tmp_path, f'0,1,0,{good}', edition=edition)
    np.testing.assert_allclose(np.linalg.norm(events.xyz), 1)
  with pytest.raises(InputError, match='a vector other than 0; delete the row'):
    read_text(tmp_path, '0,1,0,0,0,0', edition=edition)


def test_wrong_edition_is_noticed(tmp_path):
  text = '0,1,0,40,10,2\n1,1,0,45,10,2\n'
  with pytest.raises(
    InputError, match=r'2024 \(--csv_edition=2023; data.edition'
  ):
    read_text(tmp_path, text, edition='2022')
  vectors = read_text(tmp_path, text, form='cartesian')
  np.testing.assert_allclose(vectors.xyz[0], np.array([40, 10, 2]) / 1704**0.5)
  text = '0,1,0,0.8,0.1,-0.6\n'
  with pytest.raises(InputError, match='--csv_edition=2022'):
    read_text(tmp_path, text, edition='2023', role='prediction')


@pytest.mark.parametrize('role', labels.ROLES)
def test_vectors_under_a_header_may_have_any_norm(tmp_path, role):
  text = 'frame,class,track,x,y,z\n0,3,0,0.8,0.5,0.1\n1,3,0,40,0,-30\n'
  events = read_text(tmp_path, text, role=role)
  expected = np.array([(8, 5, 1)]) / 90**0.5
  np.testing.assert_allclose(events.xyz[:1], expected)
  np.testing.assert_allclose(events.xyz[1], (0.8, 0, -0.6))
  with pytest.raises(InputError, match='line 2: .* a vector other than 0'):
    read_text(tmp_path, 'frame,class,track,x,y,z\n0,3,0,0,0,0', role=role)


@pytest.mark.parametrize(
  ('form', 'edition', 'whose', 'flag'),
  [
    ('cartesian', '2024', 'editions 2020, 2021, 2022', '--csv_edition=2022'),
    ('polar_distance', '2020', 'editions 2023, 2024', '--csv_edition=2024'),
    ('stereo', '2023', 'edition 2025', '--csv_edition=2025'),
    ('l3das', '2023', None, 'leave out the edition'),
  ],
)
def test_header_of_another_edition_names_it(
  tmp_path, form, edition, whose, flag
):
  header = ','.join(labels.FORMS[form])
  named = f'form {form}' + (f' .{whose}.' if whose else '')
  with pytest.raises(
    InputError, match=f'line 1: .*{named}, not of edition {edition}.*{flag}'
  ) as caught:
    read_text(tmp_path, header, edition=edition)
  assert ('--csv_edition' in str(caught.value)) == bool(whose)


def test_header_of_another_form_than_stated_is_refused(tmp_path):
  header = ','.join(labels.FORMS['polar'])
  for edition in None, '2023':
    with pytest.raises(InputError, match='polar, not of submission, which was'):
      read_text(tmp_path, header, edition=edition, form='submission')


@pytest.mark.parametrize(
  ('row', 'message'),
  [
    ('22,-8,-1', "distance must be a number from 0 .*got '-1'"),
    ('22,95,2', "elevation must be a number from -90 to 90, got '95'"),
    ('400,5,2', "azimuth must be .*got '400'"),
    ('2,-8,-1', 'norm 8.307.* the distance would be -1'),
    ('22,-8,0', 'norm 23.41.* the distance would be 0'),
  ],
)
def test_wrong_angle_or_distance_in_six_columns_is_named(
  tmp_path, row, message
):
  for text in f'0,9,0,{row}\n', f'0,9,0,{row}\n1,9,0,5,5,5\n':
    with pytest.raises(InputError, match=f'line 1: .*{message}') as caught:
      read_text(tmp_path, text)
    assert '--csv_edition=2022 for vectors of any' in str(caught.value)
    assert 'predictions_form' not in str(caught.value)


@pytest.mark.parametrize('row', ['1.034,0.423,-0.156', '1.034,0.423,0.156'])
def test_predicted_vectors_need_the_form_of_predictions(tmp_path, row):
  text = f'0,9,0,{row}\n'
  with pytest.raises(InputError) as caught:
    read_text(tmp_path, text, role='prediction')
  message = str(caught.value)
  first, second = '--predictions_form=cartesian', '--csv_edition'
  assert message.index(first) < message.index(second)
  if '-' in row:
    with pytest.raises(InputError, match='=cartesian without --csv_edition'):
      read_text(tmp_path, text, role='prediction', edition='2023')
  read_text(tmp_path, text, role='prediction', form='cartesian')


def test_references_are_not_told_flags_of_predictions(tmp_path):
  for text, edition in ('0,1,0,40,10,2', '2022'), ('0,1,0,1,0,-0.5', '2023'):
    with pytest.raises(InputError) as caught:
      read_text(tmp_path, text, edition=edition)
    assert '--csv_edition' in str(caught.value)
    assert 'predictions_form' not in str(caught.value)
