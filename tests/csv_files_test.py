"""Tables with named columns: what is read, and what is refused."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import csv_files
from seld_jax.errors import InputError

COLUMNS = 'file', 'class'
# Any text of a cell; a carriage return is a line end for the module csv.
TEXT = st.text(
  st.characters(exclude_categories=['Cs'], exclude_characters='\r\0')
)


def read(path, content):
  path.write_bytes(content.encode() if isinstance(content, str) else content)
  return csv_files.read(path, columns=COLUMNS, what='a list of sounds')


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5))
def test_what_csv_writes_is_read(tmp_path_factory, rows):
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n', quoting=csv.QUOTE_ALL)
  writer.writerows([('class', 'note', 'file'), *rows])
  path = tmp_path_factory.mktemp('csv') / 'sounds.csv'
  found = [row for _, row in read(path, text.getvalue())]
  names = ('class', 'note', 'file')
  assert found == [dict(zip(names, row, strict=True)) for row in rows]


def test_each_row_has_its_line(tmp_path):
  path = tmp_path / 'sounds.csv'
  found = read(path, 'file,class\n"a\nb.wav",dog\n\nc.wav,cat\n')
  assert [where for where, _ in found] == [f'{path}, line {n}' for n in (3, 5)]


@pytest.mark.parametrize(
  ('row', 'expected'),
  [
    ('a.wav', {'file': 'a.wav', 'class': ''}),
    ('a.wav,dog,loud', {'file': 'a.wav', 'class': 'dog'}),
  ],
)
def test_rows_of_another_length(tmp_path, row, expected):
  ((_, found),) = read(tmp_path / 'sounds.csv', f'file,class\n{row}\n')
  assert found == expected


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
  ((_, found),) = read(tmp_path / 'a.csv', '\ufefffile,class\r\na.wav,dog\r\n')
  assert found == {'file': 'a.wav', 'class': 'dog'}


@pytest.mark.parametrize(
  ('content', 'reason'),
  [
    ('file,name\na.wav,dog\n', 'it lacks the column class'),
    ('', 'it lacks the column file'),
    (b'file,class\n\xff,dog\n', 'it is not UTF-8 text'),
    (f'file,class\na.wav,{"d" * 200_000}\n', 'it is no CSV: field larger'),
  ],
)
def test_other_files_are_refused(tmp_path, content, reason):
  expected = (
    r'sounds\.csv must be a list of sounds, a CSV file with the columns file '
    f'and class, but {reason}'
  )
  with pytest.raises(InputError, match=expected):
    read(tmp_path / 'sounds.csv', content)


def test_what_cannot_be_opened_is_refused(tmp_path):
  for path, reason in (
    (tmp_path / 'none.csv', 'it does not exist'),
    (tmp_path, 'it cannot be read: Is a directory'),
  ):
    with pytest.raises(InputError, match=f'the column file, but {reason}'):
      csv_files.read(path, columns=('file',), what='a list of sounds')
