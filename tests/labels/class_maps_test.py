"""Class maps have the published classes in their order, or those of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.labels import BY_EDITION, CLASS_MAPS, class_names


def test_published_maps_have_the_published_number_of_classes():
  sizes = {'2019': 11, '2020': 14, '2021': 12, 'starss': 13, 'l3das22': 14}
  assert {name: len(class_names(name)) for name in CLASS_MAPS} == sizes
  assert {*BY_EDITION.values()} <= {*CLASS_MAPS.values()}


# Names as people write them; some look like rows of a table.
name = st.text(
  st.characters(categories=['L', 'Nd', 'Pd'], include_characters=' ,_'),
  min_size=1,
).map(str.strip)
lists = st.lists(
  name.filter(lambda one: one and not one[0].isdigit()),
  min_size=1,
  max_size=8,
  unique_by=lambda one: one.casefold(),
)


@given(lists, st.randoms(use_true_random=False), st.booleans())
def test_a_file_with_indices_has_any_order(
  tmp_path_factory, some, random, head
):
  path = tmp_path_factory.mktemp('maps') / 'map.csv'
  lines = [f'{index},{one}' for index, one in enumerate(some)]
  random.shuffle(lines)
  head = ['index,name'] * head
  path.write_text('\n'.join([*head, *lines]) + '\n', encoding='utf-8')
  expected = _composed(some)
  if len({*expected}) == len(expected):
    assert class_names(path) == expected


@given(lists)
def test_a_file_of_names_has_the_order_of_its_lines(tmp_path_factory, some):
  path = tmp_path_factory.mktemp('maps') / 'map.txt'
  text = '\n\n'.join(f' {one} ' for one in some)
  path.write_text(text, encoding='utf-8-sig', newline='\r\n')
  expected = _composed(some)
  if len({*expected}) == len(expected):
    assert class_names(path) == expected


def _composed(some):
  import unicodedata

  return tuple(unicodedata.normalize('NFC', one) for one in some)


def test_names_may_have_commas_and_quotation_marks(tmp_path):
  path = tmp_path / 'map.csv'
  path.write_text('0,"Walk, footsteps"\n1,Door, open or close\n')
  assert class_names(path) == ('Walk, footsteps', 'Door, open or close')
  path.write_text('Walk, footsteps\nDoor, open or close\n')
  assert class_names(path) == ('Walk, footsteps', 'Door, open or close')


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('', 'has 0 lines'),
    ('\n \n', 'has 0 lines'),
    ('a\nb\na\n', "the class 'a' twice, as 0 and as 2"),
    ('1,a\n2,b\n', 'none with the index 0; indices are counted from 0'),
    ('0,a\n2,b\n', 'none with the index 1'),
    ('0,a\n0,b\n', "line 2: the index 0 is there twice, for 'a' and 'b'"),
    ('0,a\nb\n', "line 2: expected index,name as in other lines, got 'b'"),
    ('a\x07\n', 'must not contain control characters'),
    ('x\n' * 5001, 'has 5001 lines'),
  ],
  ids=range(9),
)
def test_a_damaged_file_is_one_sentence(tmp_path, text, words):
  path = tmp_path / 'map.txt'
  path.write_text(text)
  with pytest.raises(InputError) as error:
    labels.class_names(path)
  assert words in str(error.value)
  assert str(error.value).startswith(str(path))


def test_an_unknown_map_names_the_known_ones():
  with pytest.raises(InputError, match="'stars': .* 2021, starss, l3das22, or"):
    class_names('stars')
