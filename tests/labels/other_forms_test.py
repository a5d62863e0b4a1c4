"""Files that people and programs write: headers, separators, other columns."""

import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels
from seld_jax.errors import InputError

relaxed = settings(
  deadline=None,
  max_examples=40,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)

SPELLINGS = {
  'frame': 'Frame Number',
  'class': 'class_index',
  'track': 'source',
  'azimuth': 'Azimuth (deg)',
  'elevation': 'ele',
  'distance': 'dist_cm',
  'x': 'X',
  'y': 'Y',
  'z': 'Z',
}
ROWS = {
  'frame': [3, 4],
  'class': [1, 2],
  'track': [0, 5],
  'azimuth': [30, -40.5],
  'elevation': [10, -20],
  'distance': [150, 60.5],
  'x': [0.6, 0],
  'y': [-0.8, 0],
  'z': [0, -1],
}
HEADLESS = [
  form for form in labels.FORMS if form not in ('seconds', 'stereo', 'l3das')
]


def read_text(tmp_path, text, **options):
  path = tmp_path / 'labels.csv'
  path.write_text(text, encoding='utf-8', newline='')
  return labels.read_csv(path, **options)


def table(columns, *, header=None, delimiter=','):
  rows = zip(*(ROWS[column] for column in columns), strict=True)
  lines = [*([header] if header else []), *(map(str, row) for row in rows)]
  return ''.join(delimiter.join(line) + '\n' for line in lines)


def assert_same(a, b):
  for name in 'frame', 'class_index', 'track', 'xyz', 'distance':
    one, other = getattr(a, name), getattr(b, name)
    assert (one is None) == (other is None), name
    if one is not None:
      np.testing.assert_allclose(one, other, err_msg=name)


@pytest.mark.parametrize('form', HEADLESS)
@given(st.data())
@relaxed
def test_header_names_the_columns_in_any_order(tmp_path, form, data):
  columns = labels.FORMS[form]
  expected = read_text(tmp_path, table(columns), form=form)
  shuffled = data.draw(st.permutations(columns))
  style = data.draw(st.sampled_from([str, str.upper, SPELLINGS.__getitem__]))
  header = list(map(style, shuffled))
  assert_same(
    read_text(tmp_path, '\n' + table(shuffled, header=header)), expected
  )
  assert not len(read_text(tmp_path, ','.join(header)).frame)


@pytest.mark.parametrize('delimiter', [';', '\t', '; '])
@pytest.mark.parametrize('quoted', [False, True])
@pytest.mark.parametrize('form', ['polar', 'cartesian_distance', 'seconds'])
def test_separators_and_quotes_do_not_matter(tmp_path, form, delimiter, quoted):
  if form == 'seconds':
    text = ','.join(labels.FORMS[form]) + '\nspeech,0.1,0.3,10,20,1.5\n'
  else:
    text = table(labels.FORMS[form])
  expected = read_text(tmp_path, text)
  lines = [line.split(',') for line in text.splitlines()]
  if quoted:
    lines = [[f'"{cell}"' for cell in line] for line in lines]
  text = '\r\n\r\n'.join(delimiter.join(line) for line in lines)
  assert_same(read_text(tmp_path, text), expected)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('0;1;0;12,5;3\n', 'line 1: .*both semicolons and commas.*decimal points'),
    ('0,"1,0,10,20\n', 'line 1: .*quotation marks must stand in pairs'),
    ('frame,class,track,azimuth (rad),elevation', 'azimuth .rad.*not known'),
    ('frame,class,azimuth,azi', 'line 1: the header names azimuth twice'),
    ('\nframe,class,x', 'line 2: the header .* is none of the known'),
    ('class,frame,azimuth,elevation\n1,2,3', 'line 2: 3 columns .* expected 4'),
    ('class,frame,azimuth,elevation\n1,2,3,400', 'line 2: elevation .*400'),
  ],
)
def test_what_cannot_be_read_is_explained(tmp_path, text, message):
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text)


ROW = '0,3,0,30,10,150'


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    (ROW.replace(',', ' '), 'separated by spaces .* commas, semicolons or tab'),
    (ROW.replace(',', '   '), 'separated by spaces'),
    (ROW.replace(',', '|'), r'separated by "\|" .* commas, semicolons or tabs'),
    (ROW.replace(',', ' | '), r'separated by "\|"'),
    (ROW.replace(',', ':'), 'separated by colons'),
    ('frame class azimuth elevation\n0 1 2 3', 'separated by spaces'),
    ('frame|class|azimuth|elevation\n0|1|2|3', r'separated by "\|"'),
    ('speech 0 1 10 20 1.5', 'separated by spaces'),
    ('"speech,0,1,10,20,1.5"', 'whole row .* in one pair of quotation marks'),
    (f'"{ROW}"', 'whole row .* in one pair of quotation marks'),
    (f'"{ROW.replace(",", ";")}"', 'whole row .* one pair of quotation marks'),
    (f'{ROW},', "an empty cell in the row '0,3,0,30,10,150,'; delete the sep"),
    ('0,3,30,10,', 'an empty cell .*; delete the separator at the end'),
    (f'{ROW},1,', '8 columns .*; delete the separator at the end'),
    (f'{ROW}\n{ROW},', 'line 2: 7 columns .*; delete the separator at the end'),
    ('0,3,0,,10,150', "must be a number.* an empty cell in the row '0,3,0,,10"),
    (f'sep=,\n{ROW}', "the line 'sep=,' is .* for spreadsheet .*; delete it"),
    (f'sep=;\n{ROW.replace(",", ";")}', "the line 'sep=;' .*; delete it"),
    (f'sep=\t\n{ROW}', 'spreadsheet programs only; delete it'),
    (',frame,class,azimuth,elevation\n0,0,3,30,10', 'pandas .*index=False'),
    ('Unnamed: 0,frame,class,azimuth,elevation', 'pandas .*index=False'),
    ('frame,class,azimuth,elevation,\n0,3,30,10,', 'no name for column 5; .*'),
    (',0,1,2,3,4\n0,0,3,0,30,10', 'an empty cell .*index=False and header=F'),
    *(
      (','.join('012345'[:width]) + '\n', 'pandas .*header=False')
      for width in (4, 5, 6)
    ),
    (f'0,1,2,3,4,5\n{ROW}', "line 1: '0,1,2,3,4,5' looks .*header=False"),
  ],
)
@pytest.mark.parametrize('role', labels.ROLES)
def test_files_of_other_programs_are_explained(tmp_path, text, message, role):
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text, role=role)


def test_a_line_of_text_is_no_row_with_spaces(tmp_path):
  with pytest.raises(InputError, match='the header names a column .*known are'):
    read_text(tmp_path, 'made by my system, version 2\n0,3,0,10,20')
  with pytest.raises(InputError, match='the header names a column .*known are'):
    read_text(tmp_path, '# made by my system\n0,3,0,10,20')


def test_events_like_numbered_columns_can_be_read(tmp_path):
  for text in '0,1,2,3,4,5.0', '0,0,0,30,10,5\n0,1,2,3,4,5':
    events = read_text(tmp_path, text, edition='2023')
    np.testing.assert_array_equal(events.distance, 5)


# Five columns: with a track, or with a distance.


def test_five_columns_with_a_distance_are_read(tmp_path):
  text = '0,3,-120.5,10,240\n0,3,50,-5,90\n1,4,100,0,75\n'
  header = 'frame,class,azimuth,elevation,distance\n'
  for edition in None, '2023', '2024':
    for role, top in ('prediction', ''), ('reference', header):
      events = read_text(tmp_path, top + text, edition=edition, role=role)
      np.testing.assert_array_equal(events.distance, [240, 90, 75])
      np.testing.assert_array_equal(events.track, [0, 1, 0])
      azimuth, elevation = geometry.to_polar(events.xyz)
      np.testing.assert_allclose(azimuth, [-120.5, 50, 100])
      np.testing.assert_allclose(elevation, [10, -5, 0], atol=1e-9)
  with pytest.raises(InputError, match='track must be an integer'):
    read_text(tmp_path, text, edition='2021')


@pytest.mark.parametrize('edition', [None, '2020', '2023'])
@pytest.mark.parametrize('elevation', [91.5, 92, 120, 270, -92, -120])
@pytest.mark.parametrize('role', labels.ROLES)
def test_elevation_beside_a_track_is_never_a_distance(
  tmp_path, edition, elevation, role
):
  text = f'0,9,0,22,10\n1,9,3,22,{elevation}\n'
  with pytest.raises(
    InputError, match=f'line 2: elevation must be .*{elevation}'
  ):
    read_text(tmp_path, text, edition=edition, role=role)


@pytest.mark.parametrize('edition', [None, '2023'])
def test_labels_without_a_header_have_a_track(tmp_path, edition):
  text = '0,3,120,10,240\n'
  with pytest.raises(InputError, match="elevation .*'240'.* add a header"):
    read_text(tmp_path, text, edition=edition)
  text = '0,3,-120,10,24\n'
  with pytest.raises(InputError, match='track .* got -120; .* add a header'):
    read_text(tmp_path, text, edition=edition)
  # The error names no flag that the commands for labels lack.
  for text in '0,3,-120.5,10,80', '0,x,0,1,1', '-1,0,0,1,1':
    with pytest.raises(InputError) as caught:
      read_text(tmp_path, text, edition=edition)
    assert 'form' not in str(caught.value)


def test_frame_and_class_are_wrong_in_all_forms(tmp_path):
  for text in '0,x,0,1,1', '-1,0,0,1,1':
    with pytest.raises(InputError) as caught:
      read_text(tmp_path, text, role='prediction')
    assert 'predictions_form' not in str(caught.value)


@pytest.mark.parametrize('edition', [None, '2023'])
def test_five_columns_that_may_be_both_are_refused(tmp_path, edition):
  text = '0,3,-120,10,80\n'  # azimuth -120 at 80 cm, or track -120?
  options = {'edition': edition, 'role': 'prediction'}
  with pytest.raises(InputError, match='--predictions_form.*: polar or subm'):
    read_text(tmp_path, text, **options)
  near = read_text(tmp_path, text, form='submission_distance', **options)
  np.testing.assert_array_equal(near.distance, [80])
  tracked = read_text(tmp_path, text, form='polar', **options)
  np.testing.assert_array_equal(tracked.track, [-120])
  # An edition without distances decides, too.
  assert_same(
    read_text(tmp_path, text, edition='2021', role='prediction'), tracked
  )


def write_all(tmp_path, *texts):
  paths = []
  for index, text in enumerate(texts):
    paths.append(tmp_path / f'{index}.csv')
    paths[-1].write_text(text)
  return paths


def test_the_other_files_decide_about_five_columns(tmp_path):
  doubtful = '0,3,-120,10,80\n', '0,3,2,10,80\n', ''
  near = write_all(tmp_path, *doubtful, '0,3,100,10,180\n')
  events, _ = labels.read_csv_files(near, role='prediction')
  assert [one.track.tolist() for one in events] == [[0], [0], [], [0]]
  np.testing.assert_array_equal(events[1].distance, [80])
  tracked = write_all(tmp_path, *doubtful, '0,3,1,170,10\n')
  events, _ = labels.read_csv_files(tracked, role='prediction')
  assert [one.track.tolist() for one in events] == [[-120], [2], [], [1]]
  for others in [], ['0,3,1,170,10\n', '0,3,100,10,180\n']:
    paths = write_all(tmp_path, *doubtful, *others)
    with pytest.raises(InputError, match=r'0\.csv, line 1: .*predictions_form'):
      labels.read_csv_files(paths[: 3 + len(others)], role='prediction')
  # An azimuth near the front at 180 cm.
  front = write_all(tmp_path, '0,3,2,10,180\n', '0,3,100,10,180\n')
  events, _ = labels.read_csv_files(front, role='prediction')
  for one in events:
    np.testing.assert_array_equal(one.distance, [180])
  for other in '0,3,1,170,10\n', '':
    paths = write_all(tmp_path, '0,3,2,10,180\n', other)
    with pytest.raises(InputError, match=r'0\.csv, line 1: elevation .*180'):
      labels.read_csv_files(paths, role='prediction')
  # Without any other sign, small numbers in the third column are tracks.
  (events,), _ = labels.read_csv_files(
    write_all(tmp_path, '0,3,2,10,80\n'), role='prediction'
  )
  np.testing.assert_array_equal(events.track, [2])


def test_the_other_files_decide_about_six_columns(tmp_path):
  near = '0,3,0,2,1,1.5\n'  # 2 degrees, 1 degree, 1.5 m, or a vector?
  far = near + '1,3,0,120,10,1.5\n'
  events, _ = labels.read_csv_files(
    write_all(tmp_path, near, far), role='prediction'
  )
  assert not any(one.distance is None for one in events)
  unit = '0,3,0,0.6,-0.8,0\n'
  events, _ = labels.read_csv_files(
    write_all(tmp_path, near, unit), role='prediction'
  )
  np.testing.assert_allclose(events[0].xyz[0], np.array([4, 2, 3]) / 29**0.5)
  for others in [], [unit, far]:
    paths = write_all(tmp_path, near, *others)
    with pytest.raises(InputError, match=r'0\.csv, line 1: .*--csv_edition'):
      labels.read_csv_files(paths, role='prediction')


# L3DAS22.


def test_labels_of_l3das22_are_read(tmp_path):
  text = (
    'File,Start,End,Class,X,Y,Z\n'
    '834.wav,0.25,0.41,Knock,1.5,0,-2\n'
    '12.wav,1,1.2,Writing,0,-0.5,0\n'
  )
  events = read_text(tmp_path, text)
  np.testing.assert_array_equal(events.frame, [2, 3, 4, 10, 11])
  np.testing.assert_array_equal(events.class_index, [7, 7, 7, 13, 13])
  np.testing.assert_array_equal(events.track, [0, 0, 0, 1, 1])
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, [2.5] * 3 + [0.5] * 2)
  np.testing.assert_allclose(events.xyz[0], (0.6, 0, -0.8))
  np.testing.assert_allclose(events.xyz[-1], (0, -1, 0))
  without = '\n'.join(line.partition(',')[2] for line in text.split('\n'))
  assert_same(read_text(tmp_path, without), events)
  with pytest.raises(InputError, match="line 2: the class .* got 'Bang'"):
    read_text(tmp_path, text.replace('Knock', 'Bang'))


def test_submissions_of_l3das22_need_their_form(tmp_path):
  text = '0,7,1.5,0,-2\n3,13,0,-0.5,0\n'
  for role, remedy in (
    ('prediction', '--predictions_form, or form='),
    ('reference', 'add a header'),
  ):
    with pytest.raises(InputError, match=remedy):
      read_text(tmp_path, text, role=role)
  form = 'submission_cartesian'
  events = read_text(tmp_path, text, form=form, role='prediction')
  np.testing.assert_allclose(events.xyz[0], (0.6, 0, -0.8))
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, [2.5, 0.5])
  named = text.replace(',7,', ',Knock,').replace(',13,', ',Writing,')
  assert_same(read_text(tmp_path, named, form=form), events)


# Outputs of systems.

LINEAR = '0,9,0,1.034,0.423,-0.156,3.69\n0,2,0,-7.5,0.1,2.25,1\n'


@pytest.mark.parametrize('edition', [None, '2024'])
@pytest.mark.parametrize('role', labels.ROLES)
def test_linear_outputs_of_any_norm_are_directions(tmp_path, edition, role):
  events = read_text(tmp_path, LINEAR, edition=edition, role=role)
  expected = np.array([[1.034, 0.423, -0.156], [-7.5, 0.1, 2.25]])
  expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
  np.testing.assert_allclose(events.xyz, expected)


@relaxed
@given(
  st.lists(
    st.tuples(*[st.floats(-1e9, 1e9, allow_subnormal=False)] * 3).filter(any),
    min_size=1,
    max_size=5,
  )
)
def test_any_vector_in_seven_columns_is_a_direction(tmp_path, vectors):
  text = ''.join(f'0,1,0,{x!r},{y!r},{z!r},1\n' for x, y, z in vectors)
  form = 'cartesian_distance'
  events = read_text(tmp_path, text, form=form, role='prediction')
  np.testing.assert_allclose(np.linalg.norm(events.xyz, axis=-1), 1)
  largest = np.abs(vectors).max(axis=-1)
  scaled = np.array(vectors) / largest[:, None]
  cosine = np.sum(scaled * events.xyz, axis=-1)
  np.testing.assert_allclose(cosine, np.linalg.norm(scaled, axis=-1))


@pytest.mark.parametrize('role', ['prediction', 'reference'])
@pytest.mark.parametrize('edition', [None, '2023'])
def test_angles_in_seven_columns_are_refused(tmp_path, role, edition):
  text = '0,1,0,40,10,150,1\n'
  remedy = 'state --predictions_form=cartesian_distance'
  if role == 'reference':
    remedy = 'write the header frame,class,track,x,y,z,distance'
  with pytest.raises(InputError, match=f'line 1: .* like angles: .*{remedy}'):
    read_text(tmp_path, text, role=role, edition=edition)


@pytest.mark.parametrize('role', ['prediction', 'reference'])
@pytest.mark.parametrize('distance', [60, 250])
def test_rows_of_2025_without_their_header_are_refused(
  tmp_path, role, distance
):
  text = f'0,1,0,40,{distance},1\n1,1,0,40,{distance},0\n'
  header = 'frame,class,source,azimuth,distance,onscreen'
  with pytest.raises(InputError, match=f'line 1: 6 columns .* {header} as'):
    read_text(tmp_path, text, role=role)
  events = read_text(tmp_path, f'{header}\n{text}', role=role)
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, distance)
  if distance == 60:
    stated = read_text(tmp_path, text, role=role, form='polar_distance')
    np.testing.assert_allclose(np.rad2deg(np.arcsin(stated.xyz[:, 2])), 60)


@pytest.mark.parametrize(
  ('cells', 'name'),
  [
    ('abc,20,150', 'x or azimuth'),
    ('10,,150', 'y or elevation'),
    ('10,20,nan', 'z or distance'),
  ],
)
def test_six_columns_have_both_names_until_they_are_known(
  tmp_path, cells, name
):
  with pytest.raises(InputError, match=f'line 1: {name} must be a number'):
    read_text(tmp_path, f'0,1,0,{cells}\n')
  with pytest.raises(InputError, match=f'line 1: {name.split()[-1]} must be'):
    read_text(tmp_path, f'0,1,0,{cells}\n', edition='2024')


def test_vectors_near_1_are_not_taken_for_angles(tmp_path):
  text = '0,1,0,1.034,0.42,0.156\n'  # 1.034 degrees, at a distance of 0.156?
  with pytest.raises(InputError, match='--csv_edition'):
    read_text(tmp_path, text, role='prediction')
  events = read_text(tmp_path, text, role='prediction', edition='2022')
  assert events.distance is None


def test_angles_with_a_negative_distance_are_no_vectors(tmp_path):
  text = '0,1,0,0,90.5,2.5\n1,1,0,-120,0,-0.1\n'
  events = read_text(tmp_path, text, role='prediction')
  assert events.distance is not None
  np.testing.assert_array_equal(events.distance, [2.5, 0])
  with pytest.raises(InputError, match='--csv_edition=2022 for vectors of any'):
    read_text(tmp_path, text)


def test_what_systems_predict_is_mended_with_a_warning(tmp_path, caplog):
  text = '0,9,0,20,90.4,-0.25\n1,9,0,20,-91,3\n2,13,0,20,5,-1\n3,14,0,20,5,1\n'
  events = read_text(
    tmp_path, text, edition='2024', num_classes=13, role='prediction'
  )
  np.testing.assert_array_equal(events.frame, [0, 1])
  np.testing.assert_array_equal(events.distance, [0, 3])
  np.testing.assert_allclose(events.xyz[:, 2], [1, -1])
  assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
  for part in (
    'labels.csv, line 1: the distance -0.25 is read as 0 (and 1 more like',
    'line 1: the elevation 90.4 is limited to 90 degrees (and 1 more',
    'labels.csv, line 3: class 13 is ignored, because the classes are 0 to 12',
  ):
    assert part in caplog.text
  # In a reference, they are mistakes; so is what has no sensible meaning.
  for line in '0,9,0,20,90.4,1', '0,9,0,20,9,-0.25', '0,13,0,20,9,1':
    with pytest.raises(InputError, match='line 1: (elev|dist|class)'):
      read_text(tmp_path, line, edition='2024', num_classes=13)
  for line in '0,9,0,20,92,1', '0,9,0,20,9,nan', '0,-1,0,20,9,1':
    with pytest.raises(InputError, match='line 1: (elev|dist|class)'):
      read_text(
        tmp_path, line, edition='2024', num_classes=13, role='prediction'
      )


def test_many_files_give_one_warning_of_each_kind(tmp_path, caplog):
  paths = write_all(tmp_path, *['0,14,0,20,5\n1,15,0,20,5\n'] * 30)
  events, _ = labels.read_csv_files(paths, num_classes=14, role='prediction')
  assert not any(len(one.frame) for one in events)
  assert [record.getMessage() for record in caplog.records] == [
    f'{paths[0]}, line 1: class 14 is ignored, because the classes are 0 '
    'to 13 (state more with --classes) (and 59 more like this, in 30 files in '
    'all).'
  ]


def test_sources_in_several_places_are_told(tmp_path, caplog):
  text = '5,6,0,10,0\n5,6,0,40,0\n5,6,1,40,0\n7,6,0,180,0\n7,6,0,-180,0\n'
  paths = write_all(tmp_path, text, '8,1,2,0,0\n8,1,2,0,0\n', text)
  events, _ = labels.read_csv_files(paths)
  assert labels.find_conflicts(events[0]).tolist() == [[5, 6, 0]]
  # Rows that say the same twice are no conflict.
  assert labels.find_conflicts(events[1]).shape == (0, 3)
  (message,) = (record.getMessage() for record in caplog.records)
  assert message == (
    f'{paths[0]}: class 6, track 0 is in several places in frame 5: scores '
    'count each as a source, and training uses the last (and 1 more like this, '
    'in 2 files in all).'
  )
  caplog.clear()
  labels.read_csv_files(paths, role='prediction')
  (message,) = (record.getMessage() for record in caplog.records)
  assert 'scores count each as a source (and 1 more like this' in message
  caplog.clear()
  # Many systems write track 0 in all rows.
  paths = write_all(tmp_path, '5,6,0,10,0\n5,6,0,40,0\n', '')
  labels.read_csv_files(paths, role='prediction')
  assert not caplog.records


@relaxed
@given(
  st.lists(st.tuples(*[st.integers(0, 2)] * 3, st.sampled_from([0, 90, 91])))
)
def test_conflicts_are_tracks_with_two_directions(rows):
  places = {}
  for frame, class_index, track, azimuth in rows:
    places.setdefault((frame, class_index, track), set()).add(azimuth)
  table = np.array(rows, np.int64).reshape(-1, 4)
  frame, class_index, track, azimuth = table.T
  events = labels.Events(
    frame, class_index, track, geometry.to_cartesian(azimuth, 0)
  )
  expected = sorted(key for key, found in places.items() if len(found) > 1)
  assert [*map(tuple, labels.find_conflicts(events).tolist())] == expected


def test_unknown_form_and_role_are_refused(tmp_path):
  with pytest.raises(InputError, match="'polr' are not known; the forms ar"):
    read_text(tmp_path, '', form='polr')
  with pytest.raises(InputError, match="reference, prediction, got 'guess'"):
    read_text(tmp_path, '', role='guess')
  with pytest.raises(InputError, match='cannot have .* leave out form'):
    read_text(tmp_path, '0', form='cartesian', edition='2023')
  with pytest.raises(InputError, match='4 columns .* but expected: frame'):
    read_text(tmp_path, '0,1,2,3', form='polar')


@pytest.mark.parametrize('name', ['Walk, footsteps', 'a "loud" bang', 'x;y'])
def test_names_with_separators_are_read_back_from_files_of_2019(tmp_path, name):
  events = labels.Events(
    np.array([3]), np.array([1]), np.array([0]), np.array([[1.0, 0.0, 0.0]])
  )
  options = {'edition': '2019', 'class_names': ('door', name)}
  labels.write_csv(tmp_path / 'a.csv', events, **options)
  found = labels.read_csv(tmp_path / 'a.csv', **options)
  assert (found.frame.tolist(), found.class_index.tolist()) == ([3], [1])
