"""Tables of any width show every number whole."""

import io
import re

import rich.console
import rich.table
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import text_tables


def printed(table, width):
  file = io.StringIO()
  screen = rich.console.Console(file=file, width=width, emoji=False)
  text_tables.show(screen, table)
  return file.getvalue()


NUMBERS = [f'{value:.3f}' for value in (0.123, 12.5, 0.456, 179.9, 0.789)]


@given(
  width=st.integers(24, 140),
  columns=st.integers(1, 9),
  rows=st.integers(1, 4),
  name=st.sampled_from(['dog', 'female speech, woman speaking', ':dog:']),
)
def test_every_number_is_whole_and_no_line_is_too_long(
  width, columns, rows, name
):
  table = rich.table.Table(title='By class')
  table.add_column('class')
  for index in range(columns):
    table.add_column(f'localization_{index}', justify='right')
  cells = [
    [f'{row}{column}{NUMBERS[(row + column) % 5]}' for column in range(columns)]
    for row in range(rows)
  ]
  for row in cells:
    table.add_row(name, *row)
  text = printed(table, width)
  assert all(len(line) <= width for line in text.splitlines())
  found = re.findall(r'[\d.]+\.\d{3}', text)
  assert sorted(found) == sorted(cell for row in cells for cell in row)
  for index in range(columns):
    assert str(index) in re.sub(r'[\d.]+\.\d{3}', '', text)


def test_a_table_that_fits_is_printed_as_it_is():
  table = rich.table.Table('class', 'F20')
  table.add_row('dog', '0.125')
  file = io.StringIO()
  rich.console.Console(file=file, width=40).print(table)
  assert printed(table, 40) == file.getvalue()


def test_long_texts_are_folded():
  table = rich.table.Table('field', 'value', 'other')
  table.add_row('data.root', 'x' * 100, 'y' * 30)
  text = printed(table, 50)
  assert all(len(line) <= 50 for line in text.splitlines())
  assert (text.count('x'), text.count('y')) == (100, 30)


def test_intervals_under_a_number_stay_whole():
  table = rich.table.Table('score', 'a', 'b', title='Two systems')
  table.add_row('seld_score', '+0.020\n0.010 to 0.030', '-0.001\n-0.01 to 0.01')
  text = printed(table, 36)
  assert '0.010 to 0.030' in text and '-0.01 to 0.01' in text
  assert text.count('Two systems') == 1
