"""State dicts of PyTorch are read; files of others are refused."""

import collections
import contextlib
import io
import os
import pickle
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from helpers.shared_files import shared
from helpers.torch_files import Tensor, stream_file, zip_file, zipped
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import preprocessing

from seld_jax import published
from seld_jax.errors import InputError

RNG = np.random.default_rng(0)
STATE: dict[str, Any] = collections.OrderedDict(
  [
    ('conv.weight', RNG.standard_normal((4, 3, 2)).astype(np.float32)),
    ('conv.bias', RNG.standard_normal(4).astype(np.float32)),
    ('count', np.int64(9)),
    ('wide', RNG.standard_normal((2, 2))),
  ]
)
FORMS = pytest.mark.parametrize('write', [zip_file, stream_file])


def read(tmp_path, content):
  path = tmp_path / 'model.h5'
  path.write_bytes(content)
  return published.read_tensors(path)


def assert_equal(tensors, state):
  assert list(tensors) == list(state)
  for name, tensor in tensors.items():
    array = tensor.read()
    assert tensor.shape == array.shape == state[name].shape
    np.testing.assert_array_equal(array, state[name])


@FORMS
@pytest.mark.parametrize('container', [None, 'seld_model', 'state_dict'])
def test_tensors_have_their_names_shapes_and_numbers(
  tmp_path, write, container
):
  state = STATE if container is None else {container: STATE, 'epoch': 3}
  tensors = read(tmp_path, write(state))
  assert_equal(tensors, STATE)
  assert tensors['conv.bias'].read().dtype == np.float32
  assert tensors['wide'].read().dtype == np.float64


@FORMS
def test_views_of_a_storage_are_read(tmp_path, write):
  numbers = np.arange(10, dtype=np.float32)
  state = {
    'turned': Tensor(np.zeros((3, 2)), strides=(1, 3), numbers=numbers),
    'later': Tensor(np.zeros(4), offset=6, numbers=numbers),
    'half': Tensor(np.array([0.5, 2], np.float16)),
  }
  tensors = read(tmp_path, write(state))
  np.testing.assert_array_equal(
    tensors['turned'].read(), numbers[:6].reshape(2, 3).T
  )
  np.testing.assert_array_equal(tensors['later'].read(), numbers[6:])
  np.testing.assert_array_equal(tensors['half'].read(), [0.5, 2])


def test_the_published_files_are_read():
  folder = shared('published/dcase2024')
  path = folder / '3_1_dev_split0_multiaccdoa_foa_model.h5'
  tensors = published.read_tensors(path)
  counters = [name for name in tensors if name.endswith('batches_tracked')]
  sizes = [
    int(np.prod(tensor.shape))
    for name, tensor in tensors.items()
    if name not in counters
  ]
  assert len(counters) == 3
  assert sum(sizes) == 742556
  assert all(np.isfinite(tensor.read()).all() for tensor in tensors.values())


@pytest.mark.parametrize(
  ('changes', 'match'),
  [
    ({'numbers': np.zeros(5, 'f4')}, 'larger than its storage'),
    ({'offset': 1}, 'larger than its storage'),
    ({'strides': (100, 1)}, 'larger than its storage'),
    ({'strides': (-1, 1)}, 'damaged shape'),
    ({'strides': (1,)}, 'damaged shape'),
    ({'offset': -1}, 'damaged shape'),
    ({'offset': 'x'}, 'damaged shape'),
  ],
)
@FORMS
def test_tensors_that_do_not_fit_their_storage_are_refused(
  tmp_path, write, changes, match
):
  state = {'weight': Tensor(np.zeros((3, 2), 'f4'), **changes)}
  with pytest.raises(InputError, match=match):
    read(tmp_path, write(state))


@FORMS
def test_no_memory_is_taken_for_sizes_that_are_only_declared(tmp_path, write):
  huge = Tensor(np.zeros(1, 'f4'))
  huge.shape, huge.strides = (10**6, 10**6), (0, 0)
  content = write({'weight': huge})
  tracemalloc.start()
  with pytest.raises(InputError, match='larger than its storage'):
    read(tmp_path, content)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 3_000_000


def test_tensors_that_share_their_numbers_many_times_are_refused(tmp_path):
  """A small file could otherwise unpack to any size."""
  numbers = np.zeros(10_000, 'f4')
  storage = Tensor(numbers)
  state = {f'layer{number}': storage for number in range(50)}
  with pytest.raises(InputError, match='larger than the file'):
    read(tmp_path, zip_file(state))


class Calls:
  def __init__(self, function, *arguments):
    self.made = function, arguments

  def __reduce__(self):
    return self.made


@FORMS
@pytest.mark.parametrize('place', ['beside', 'inside', 'instead'])
def test_code_is_refused_and_not_executed(tmp_path, write, place):
  path = tmp_path / 'executed'
  calls = Calls(os.system, f'touch {path}')
  state = {
    'beside': {'state_dict': dict(STATE), 'hook': calls},
    'inside': {**STATE, 'conv.hook': calls},
    'instead': calls,
  }[place]
  with pytest.raises(InputError, match=r'refused: it names \w+\.system'):
    read(tmp_path, write(state))
  assert not path.exists()


@pytest.mark.parametrize(
  ('content', 'match'),
  [
    (b'', 'it is empty'),
    (b'PK', 'not a state dict of PyTorch'),
    (b'{"a": 1}', 'looks like a text file'),
    (zip_file(STATE)[:-30], 'seems to be cut off'),
    (
      pickle.dumps(preprocessing.StandardScaler()),
      'is a StandardScaler, .* give it as --scaler',
    ),
    (b'\x89HDF\r\n\x1a\n' + bytes(100), 'HDF5 file of Keras'),
    (bytes(257) + b'ustar' + bytes(300), 'before version 0.1.10'),
    (zipped({'a.txt': b''}), 'files data.pkl, but'),
    (zip_file({}), 'no dictionary of tensors'),
    (zip_file({'a': 1}), "'a' is no tensor"),
    (zip_file(STATE, more={'model/code/a.py': b''}), 'TorchScript'),
    (
      zip_file(STATE, more={'other/data.pkl': b''}),
      'files data.pkl, but',
    ),
    (pickle.dumps({'a': 1}), 'not a state dict of PyTorch'),
    (stream_file(STATE)[:-3], 'cut off'),
  ],
)
def test_other_files_are_named(tmp_path, content, match):
  with pytest.raises(InputError, match=match):
    read(tmp_path, content)


def test_a_compressed_member_is_refused(tmp_path):
  """A state dict is not compressed; a bomb is."""
  file = io.BytesIO()
  with (
    zipfile.ZipFile(io.BytesIO(zip_file(STATE))) as source,
    zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive,
  ):
    for name in source.namelist():
      archive.writestr(name, source.read(name))
  with pytest.raises(InputError, match='without compression'):
    read(tmp_path, file.getvalue())


@pytest.mark.parametrize('kind', ['missing', 'folder', 'pipe'])
def test_what_is_no_file_is_refused(tmp_path, kind):
  path = tmp_path / 'model.h5'
  if kind == 'folder':
    path.mkdir()
  if kind == 'pipe':
    os.mkfifo(path)
  match = 'cannot be read' if kind == 'missing' else 'not a regular file'
  with pytest.raises(InputError, match=match):
    published.read_tensors(path)


ZIP, STREAM = zip_file(STATE), stream_file(STATE)


@given(place=st.integers(0, len(ZIP) - 1), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_zip_file_with_a_changed_byte_is_refused_or_the_same(
  tmp_path_factory, place, value
):
  content = ZIP[:place] + bytes([value]) + ZIP[place + 1 :]
  path = tmp_path_factory.getbasetemp() / 'changed.h5'
  path.write_bytes(content)
  try:
    tensors = published.read_tensors(path)
    arrays = {name: tensor.read() for name, tensor in tensors.items()}
  except ValueError:  # InputError is one, too
    return
  assert list(arrays) == list(STATE)
  for name, array in arrays.items():
    np.testing.assert_array_equal(array, STATE[name])


@given(
  content=st.sampled_from([ZIP, STREAM]),
  cuts=st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 40)), max_size=3
  ),
  added=st.binary(max_size=20),
)
@example(ZIP, [(0, 0)], b'\x8e' + 8 * b'\x7f')  # a text of 2**63 bytes
@example(STREAM, [(0, 0)], b'\x8d' + 8 * b'\x7f')
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_input_errors(tmp_path_factory, content, cuts, added):
  for start, length in cuts:
    content = content[:start] + added + content[start + length :]
  path = tmp_path_factory.getbasetemp() / 'damaged.h5'
  path.write_bytes(content)
  try:
    tensors = published.read_tensors(path)
  except InputError:
    return
  for tensor in tensors.values():
    with contextlib.suppress(ValueError):
      assert tensor.read().shape == tensor.shape
