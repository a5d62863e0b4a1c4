"""Files that would be read as something else are refused, or read rightly."""

import types

import numpy as np
import pytest

from seld_jax import geometry, labels
from seld_jax.errors import InputError


def read_text(tmp_path, text, **options):
  path = tmp_path / 'a.csv'
  path.write_text(text)
  return labels.read_csv(path, **options)


@pytest.mark.parametrize('edition', ['2023', '2024'])
@pytest.mark.parametrize('role', labels.ROLES)
def test_vectors_above_the_horizon_are_no_angles(tmp_path, edition, role):
  text = '0,3,0,0.7071,0.5,0.5\n1,3,0,0.6,0.0,0.8\n'
  with pytest.raises(InputError, match='x, y, z .* they have the norm 1'):
    read_text(tmp_path, text, edition=edition, role=role)
  # Other small numbers are angles, and so are whole ones.
  for fine in '0,3,0,0.7,0.5,1.5\n1,3,0,0.6,0.0,0.8\n', '0,3,0,0,0,1\n':
    read_text(tmp_path, fine, edition=edition, role=role)


@pytest.mark.parametrize(
  ('units', 'row', 'metres'),
  [
    (('', ''), '0,3,0,10,5,250', 2.5),
    (('', ' (cm)'), '0,3,0,10,5,250', 2.5),
    (('', ' (m)'), '0,3,0,10,5,2.5', 2.5),
    (('_deg', '_m'), '0,3,0,9,5,2', 2),
  ],
)
def test_the_unit_of_a_header_counts(tmp_path, units, row, metres):
  angle, length = units
  header = f'frame,class,track,azimuth{angle},elevation{angle},distance{length}'
  text = f'{header}\n{row}\n'
  found = read_text(tmp_path, text, distance_scale=None)
  assert found.distance is not None
  np.testing.assert_allclose(found.distance, [metres])
  # A factor that is stated wins.
  scaled = read_text(tmp_path, text, distance_scale=2.0)
  assert scaled.distance == 2 * float(row.rpartition(',')[2])


@pytest.mark.parametrize(
  'header',
  [
    'frame,class,track,azimuth (m),elevation,distance',
    'frame,class,track,azimuth,elevation,distance (deg)',
  ],
)
def test_lengths_are_no_degrees(tmp_path, header):
  with pytest.raises(InputError, match='which is not known'):
    read_text(tmp_path, f'{header}\n0,3,0,10,5,2\n')


def test_decimal_commas_between_tabs_are_explained(tmp_path):
  with pytest.raises(InputError, match='both tabs and commas'):
    read_text(tmp_path, '0\t3\t0\t12,5\t10\n')


def test_an_invisible_character_is_shown(tmp_path):
  with pytest.raises(InputError, match=r"elevation .* got '5\\xa0'"):
    read_text(tmp_path, '0,3,0,10,5\xa0\n')


@pytest.mark.parametrize(
  ('text', 'names'),
  [
    ('name\nspeech\ndoor\n', ('speech', 'door')),
    ('"class"\nspeech\ndoor\n', ('speech', 'door')),
    ('speech\ndoor\n', ('speech', 'door')),
  ],
)
def test_the_title_of_a_column_is_no_class(tmp_path, text, names):
  path = tmp_path / 'classes.txt'
  path.write_text(text)
  assert labels.class_names(path) == names


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('door,1\nspeech,0\n', "line 1: expected index,name, got 'door,1'"),
    ('index,mid,display_name\n0,/m/09x0r,"Speech"\n', 'line 1: three columns'),
  ],
)
def test_other_tables_of_classes_are_refused(tmp_path, text, message):
  path = tmp_path / 'classes.csv'
  path.write_text(text)
  with pytest.raises(InputError, match=message):
    labels.class_names(path)


def test_events_of_soundata_keep_their_numbers():
  """The attribute has another name than the docstring of soundata says."""
  for name in 'clip_number_index', 'clip_number_indices':
    events = types.SimpleNamespace(
      time_step=0.1,
      intervals_unit='seconds',
      azimuths_unit='degrees',
      elevations_unit='degrees',
      labels=['3', '4'],
      intervals=[[[0.0, 0.0]], [[0.5, 0.5]]],
      azimuths=[[[30.0]], [[60.0]]],
      elevations=[[[0.0]], [[0.0]]],
      **{name: [2, 1]},
    )
    found = labels.from_spatial_events(events)
    assert found.track.tolist() == [2, 1]
    np.testing.assert_allclose(geometry.to_polar(found.xyz)[0], [30, 60])
