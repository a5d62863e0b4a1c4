"""Pickles are read as data: what they name is never called."""

import collections
import contextlib
import io
import os
import pickle
import pickletools
import subprocess
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax.published import pickles

PLAIN = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**70), 2**70)
  | st.floats(allow_nan=False)
  | st.text(max_size=20)
  | st.binary(max_size=20),
  lambda inside: (
    st.lists(inside, max_size=4)
    | st.lists(inside, max_size=4).map(tuple)
    | st.dictionaries(st.text(max_size=5) | st.integers(-9, 9), inside)
  ),
  max_leaves=20,
)


def read(content, known=(), **options):
  return pickles.read(io.BytesIO(content), known=known, **options)


@given(value=PLAIN, protocol=st.integers(3, 5))
@settings(max_examples=60, deadline=None)
def test_plain_values_are_those_of_pickle(value, protocol):
  found = read(pickle.dumps(value, protocol))
  assert found == value and type(found) is type(value)


def test_a_value_that_occurs_twice_is_one_value():
  shared = ['x']
  found = read(pickle.dumps({'a': shared, 'b': shared}))
  assert found['a'] is found['b']


def test_calls_are_described_and_not_made():
  kind = f'{collections.Counter.__module__}.Counter'
  found = read(pickle.dumps(collections.Counter('aab')), known=[kind])
  assert isinstance(found, pickles.Made)
  assert str(found.function) == kind
  assert found.arguments == ({'a': 2, 'b': 1},)


def test_an_ordered_dictionary_is_a_dictionary():
  value = collections.OrderedDict(b=1, a=2)
  for protocol in 2, 4:
    found = read(
      pickle.dumps(value, protocol), known=['collections.OrderedDict']
    )
    assert list(found.items()) == [('b', 1), ('a', 2)]


class Calls:
  """Would call a function when it is unpickled."""

  def __init__(self, function, *arguments):
    self.made = function, arguments

  def __reduce__(self):
    return self.made


@pytest.mark.parametrize('protocol', [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
  'function', [os.system, subprocess.Popen, eval, exec, open, getattr]
)
def test_functions_are_refused_by_name(tmp_path, function, protocol):
  path = tmp_path / 'executed'
  content = pickle.dumps(Calls(function, f'touch {path}'), protocol)
  with pytest.raises(pickles.Refused, match=function.__name__):
    read(content, known=['collections.OrderedDict'])
  assert not path.exists()


@pytest.mark.parametrize(
  'content',
  [
    b'cos\nsystem\n(S"touch executed"\ntR.',
    b'(S"touch executed"\nios\nsystem\n.',
    b'(cos\nsystem\nS"touch executed"\no.',
    b'\x80\x02\x82\x01.',  # a name by its number
    b'P1\n.',
    b'\x80\x05\x97.',
  ],
)
def test_other_ways_to_call_are_refused_too(content, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(pickles.Refused):
    read(content, known=['collections.OrderedDict'])
  assert not list(tmp_path.iterdir())


def test_what_is_known_cannot_be_changed():
  """The state of a class or function would be its attributes."""
  content = b'\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.'
  with pytest.raises(ValueError, match='state without an object'):
    read(content, known=['collections.OrderedDict'])
  assert not hasattr(collections.OrderedDict, 'a')


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'.',
    b'\x80\x02',
    b'\x80\x02}',
    b'\x80\x02NN.',
    b'\x80\x02h\x05.',
    b'\x80\x02t.',
    b'\x80\x02(.',
    b'\x80\x02NR.',
    b'\x80\x02N(X\x01\x00\x00\x00au.',
    b'\x80\x02](K\x01u.',
    b'\x80\x02}(X\x01\x00\x00\x00au.',
    b'\x80\x02}]K\x01s.',
    b'\x80\x02NNb.',
    b'\x80\x04\x8c\x01aK\x01\x93.',
    b'\x80\x02X\xff\xff\xff\x7fa.',
    b'\x80\x02\x8b\xff\xff\xff\x7fa.',
    b'\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.',
  ],
)
def test_damaged_pickles_are_errors_of_one_kind(content):
  with pytest.raises(ValueError):
    read(content)


def test_a_pickle_takes_no_memory_for_what_it_only_announces():
  """A place in the memory of the machine, and lengths of texts."""
  tracemalloc.start()
  for content in (
    b'\x80\x02Nr\xff\xff\xff\xff.',
    b'\x80\x02X\xff\xff\xff\x7f.',
    b'\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.',
  ):
    with contextlib.suppress(ValueError):
      read(content)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 1_000_000


def test_dictionaries_of_pairs_are_not_multiplied():
  pairs = [('a', 1), ['b', 2]]
  ordered = b'\x80\x02ccollections\nOrderedDict\n'
  known = ['collections.OrderedDict']
  tail = b'\x85R.'  # a tuple of it, the call, and the end

  def call(value):
    return read(ordered + pickle.dumps(value, 2)[2:-1] + tail, known)

  assert call(pairs) == {'a': 1, 'b': 2}
  tracemalloc.start()
  with pytest.raises(ValueError, match='a dictionary of something else'):
    call([[None] * 3000] * 3000)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 1_000_000


def test_a_long_name_is_shortened():
  with pytest.raises(pickles.Refused) as error:
    read(b'\x80\x02c' + b'os' * 10**6 + b'\nsystem\n.')
  assert len(str(error.value)) < 120


def test_deep_and_endless_values_end():
  deep = b'\x80\x02' + b'(' * 20_000 + b't' * 20_000 + b'.'
  assert isinstance(read(deep), tuple)
  itself = read(b'\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.')
  assert itself['a'] is itself


CODES = [code for code in pickletools.opcodes if code.arg is None]
TEXTS = [
  *(b'cos\nsystem\n', b'cposix\nsystem\n', b'cbuiltins\neval\n'),
  *(b'ccollections\nOrderedDict\n', b'ctorch\nFloatStorage\n'),
  *(b'X\x05\x00\x00\x00touch', b'K\x01', b'q\x00', b'h\x00', b'M\x01\x00'),
]


@given(
  parts=st.lists(
    st.sampled_from([code.code.encode('latin-1') for code in CODES])
    | st.sampled_from(TEXTS)
    | st.binary(max_size=3),
    max_size=40,
  )
)
@settings(max_examples=300, deadline=None)
def test_random_programs_give_data_or_an_error(parts):
  known = ['collections.OrderedDict', 'torch.FloatStorage']
  try:
    value = read(b'\x80\x04' + b''.join(parts) + b'.', known=known)
  except ValueError:
    return
  data = (
    *(str, bytes, int, float, tuple, list, dict, type(None)),
    *(pickles.Name, pickles.Made, pickles.Stored),
  )
  assert isinstance(value, data)


def test_bytes_that_follow_a_state_belong_to_the_object():
  class Array:
    def __reduce__(self):
      return (np.ndarray, (3,), {'length': 4})

  content = pickle.dumps(Array(), 2)
  file = io.BytesIO(content[:-1] + b'abcd' + content[-1:])

  def after_state(made):
    made.value = file.read(made.state['length'])

  found = pickles.read(file, known=['numpy.ndarray'], after_state=after_state)
  assert found.value == b'abcd'
