"""Writes files in the forms of `torch.save`, without PyTorch."""

import collections
import contextlib
import io
import pickle
import sys
import types
import zipfile
from unittest import mock

import numpy as np

_STORAGES = {
  'f4': 'FloatStorage',
  'f8': 'DoubleStorage',
  'f2': 'HalfStorage',
  'i8': 'LongStorage',
}


class Tensor:
  """A tensor of a storage; by default the storage holds just its numbers."""

  def __init__(self, array, *, strides=None, offset=0, numbers=None):
    array = np.asarray(array)
    self.shape = array.shape
    self.numbers = array.ravel() if numbers is None else np.asarray(numbers)
    ends = np.cumprod((1, *array.shape[::-1]))[:-1][::-1]
    self.strides = strides or tuple(int(step) for step in ends)
    self.offset = offset

  def __reduce__(self):
    return (
      sys.modules['torch._utils']._rebuild_tensor_v2,
      (
        _Storage(self.numbers),
        self.offset,
        self.shape,
        self.strides,
        False,
        collections.OrderedDict(),
      ),
    )


class _Storage:
  def __init__(self, numbers):
    self.numbers = numbers


def zip_file(state, *, root='model', more=None):
  """The bytes of a file of PyTorch 1.6 or later."""
  pickled, storages = _pickled(state, extra=())
  members = {f'{root}/data.pkl': pickled, f'{root}/byteorder': b'little'}
  for key, numbers in storages.items():
    members[f'{root}/data/{key}'] = numbers.tobytes()
  return zipped({**members, f'{root}/version': b'3\n', **(more or {})})


def stream_file(state):
  """The bytes of a file of PyTorch before version 1.6."""
  pickled, storages = _pickled(state, extra=(None,))
  system = {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {}}
  dumped = [
    pickle.dumps(value, 2)
    for value in (0x1950A86A20F9469CFC6C, 1001, system, sorted(storages))
  ]
  content = b''.join(dumped[:3]) + pickled + dumped[3]
  for key in sorted(storages):
    numbers = storages[key]
    content += len(numbers).to_bytes(8, 'little') + numbers.tobytes()
  return content


def zipped(members):
  """The bytes of a zip archive without compression."""
  file = io.BytesIO()
  with zipfile.ZipFile(file, 'w') as archive:
    for name, content in members.items():
      archive.writestr(zipfile.ZipInfo(name), content)
  return file.getvalue()


def _pickled(state, *, extra):
  """The pickle of a state dict of arrays, and the storages by key."""
  storages = {}

  class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
      if not isinstance(obj, _Storage):
        return None
      key, numbers = str(len(storages)), np.atleast_1d(obj.numbers)
      storages[key] = numbers
      kind = getattr(sys.modules['torch'], _STORAGES[numbers.dtype.str[1:]])
      return ('storage', kind, key, 'cuda:0', len(numbers), *extra)

  def tensors(value):
    if isinstance(value, dict):
      return type(value)((name, tensors(one)) for name, one in value.items())
    is_numbers = isinstance(value, np.ndarray | np.generic)
    return Tensor(value) if is_numbers else value

  file = io.BytesIO()
  with _stub_modules():
    Pickler(file, 2).dump(tensors(state))
  return file.getvalue(), storages


@contextlib.contextmanager
def _stub_modules():
  """Modules whose names a pickle can hold."""
  torch, inside = types.ModuleType('torch'), types.ModuleType('torch._utils')

  def _rebuild_tensor_v2():
    raise AssertionError('nothing is executed')

  for module, value in (
    (inside, _rebuild_tensor_v2),
    *((torch, type(name, (), {})) for name in _STORAGES.values()),
  ):
    value.__module__, value.__qualname__ = module.__name__, value.__name__
    setattr(module, value.__name__, value)
  with mock.patch.dict(sys.modules, {'torch': torch, 'torch._utils': inside}):
    yield
