"""Files of strangers take neither much memory nor much time."""

import os
import pathlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.labels import rows

SECONDS = 'sound_event_recording,start_time,end_time,ele,azi,dist\n'
L3DAS = 'Start,End,Class,X,Y,Z\n'


@pytest.mark.parametrize(
  ('text', 'line'),
  [
    (SECONDS + 'knock,0,1000000,0,0,1\n', 2),
    (SECONDS + 'knock,0,1,0,0,1\n' + 'knock,0,60000,0,0,1\n' * 5, 4),
    (L3DAS + '0,1000000,Knock,0,1,1\n', 2),
  ],
)
def test_short_file_with_endless_events_is_refused(tmp_path, text, line):
  path = tmp_path / 'bomb.csv'
  path.write_text(text)
  tracemalloc.start()
  try:
    with pytest.raises(
      InputError, match=rf'bomb\.csv, line {line}: .* more than 1,000,000 label'
    ):
      labels.read_csv(path)
    assert tracemalloc.get_traced_memory()[1] < 10**6
  finally:
    tracemalloc.stop()


def test_long_frames_do_not_multiply_without_bound(tmp_path):
  path = tmp_path / 'bomb.csv'
  path.write_text(''.join(f'{n},0,0,0,0\n' for n in range(10_001)))
  with pytest.raises(InputError, match='more than 1,000,000 label frames'):
    labels.read_csv(path, label_hop=10)
  path.write_text('0,0,0,0\n' * 101)
  with pytest.raises(InputError, match='more than 100 rows without different'):
    labels.read_csv(path, label_hop=0.02)


@pytest.mark.parametrize(
  'text',
  [
    'x' * 300_000,
    '0,1,0,' + '9' * 300_000 + ',1',
    '0,1,"' + 'a' * 300_000 + '",1,1',
    '0,1,0,1,1\n' + ',1' * 300_000,
    'class,frame,' + 'a' * 300_000,
    SECONDS + 'k' * 300_000 + ',0,1,0,0,1',
    '0,1,0,"' + 'a' * 300_000,
  ],
)
def test_long_cells_are_cut_in_messages(tmp_path, text):
  path = tmp_path / 'long.csv'
  path.write_text(text)
  with pytest.raises(InputError) as caught:
    labels.read_csv(path)
  message = str(caught.value).removeprefix(str(path))
  assert len(message) < 1500 and '...' in message


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes')
def test_only_regular_files_are_read(tmp_path):
  os.mkfifo(tmp_path / 'pipe.csv')
  (tmp_path / 'zero.csv').symlink_to('/dev/zero')
  for name in 'pipe.csv', 'zero.csv':
    with pytest.raises(InputError, match='is no regular file'):
      labels.read_csv(tmp_path / name)
  (tmp_path / 'a.csv').write_text('1,2,0,3,4')
  (tmp_path / 'link.csv').symlink_to('a.csv')
  assert labels.read_csv(tmp_path / 'link.csv').frame.tolist() == [1]


@pytest.mark.parametrize('blank', [' ', '\t', '\n', ' \n', '\f'])
def test_blank_text_takes_no_long_time(tmp_path, blank):
  (tmp_path / 'a.csv').write_text(blank * 500_000)
  assert not len(labels.read_csv(tmp_path / 'a.csv').frame)
  (tmp_path / 'a.csv').write_text(blank * 500_000 + '1,2,0,3,4')
  assert len(labels.read_csv(tmp_path / 'a.csv').frame) == 1


def test_huge_file_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(rows, '_MAX_BYTES', 100)
  (tmp_path / 'a.csv').write_text('1,2,0,3,4\n' * 10)
  assert len(labels.read_csv(tmp_path / 'a.csv').frame) == 10
  (tmp_path / 'a.csv').write_text('1,2,0,3,4\n' * 11)
  with pytest.raises(InputError, match='0.0 GB, but a CSV file'):
    labels.read_csv(tmp_path / 'a.csv')


NUMBERS = '7 0 12 -3 4.5 .5 5. 1e3 1E-2 +1 1. 00001 -0 9007199254740993'
NUMBERS += ' 1' + 20 * '0'
OTHERS = '1e --1 1d2 0x1 1_0 nan inf 1e400 - . "1" 1j ٣'
SPACES = ['', ' ', '\x0b1', '1\x0c', '1\x00', '\x1c1', '\xa01']
CELLS = st.sampled_from([*NUMBERS.split(), *OTHERS.split(), *SPACES])


@settings(deadline=None, max_examples=300)
@given(
  st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=4)
  | st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4),
  st.sampled_from(['\n', '\n\n', '\n \n', ' \n', '\n\t\n']),
  st.sampled_from([',', ' , ', ', ', ';', '\t']),
)
def test_fast_parser_agrees_with_the_careful_one(lines, end, between):
  text = end.join(map(between.join, lines)) + end
  delimiter = between.strip(' ')
  found = rows.Rows(pathlib.Path('a.csv'), text, delimiter=delimiter)
  fast = rows._parse_fast(found) if found.first else None
  if fast is None:
    return
  careful = rows._parse_cells(found)
  assert careful is not None
  np.testing.assert_array_equal(fast, careful)


def test_plain_numbers_take_the_fast_parser(tmp_path):
  for text in '0,1,0,10,20\n1,2,0,-3.5,1e1\n', '0;1;0;10;20', '0\t1\t0\n\n':
    (tmp_path / 'a.csv').write_text(text)
    assert rows._parse_fast(rows.read_rows(tmp_path / 'a.csv')) is not None


@pytest.mark.parametrize('delimiter', [',', ';'])
def test_tabs_beside_the_delimiter_are_spaces(tmp_path, delimiter):
  rows_of_text = ['0,\t1,\t0,\t30.5,\t10.5', '1,1,0,30,-10.5\t', '2,1,0,1.5,2']
  text = '\n'.join(rows_of_text).replace(',', delimiter)
  (tmp_path / 'a.csv').write_text(text)
  found = rows.read_rows(tmp_path / 'a.csv')
  table = rows.parse_numbers(found, ['frame', 'class', 'track', 'a', 'e'])
  expected = [[0, 1, 0, 30.5, 10.5], [1, 1, 0, 30, -10.5], [2, 1, 0, 1.5, 2]]
  np.testing.assert_array_equal(table, expected)


@pytest.mark.parametrize('end', ['\t', '\n\t0.5', '\n0.5\t', '\n', '\n\n '])
def test_fast_parser_sees_empty_cells_at_both_ends_of_decimals(end):
  text = f'0.5\t1{end}'
  found = rows.Rows(pathlib.Path('a.csv'), text, delimiter='\t')
  fast, careful = rows._parse_fast(found), rows._parse_cells(found)
  assert (fast is None) == (careful is None)
  if fast is not None:
    np.testing.assert_array_equal(fast, careful)
