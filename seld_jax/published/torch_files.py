"""The tensors of a file of `torch.save`, read without PyTorch."""

import dataclasses
import io
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from seld_jax.errors import InputError, shown
from seld_jax.published import pickles, regular

# Bytes of the pickle in a file; that of a state dict has some thousands.
_MOST_PICKLE_BYTES = 16_000_000

# The types of storages. PyTorch has names of its own for them; bfloat16 is the
# upper half of float32.
_TYPES = {
  'FloatStorage': 'f4',
  'DoubleStorage': 'f8',
  'HalfStorage': 'f2',
  'BFloat16Storage': 'bfloat16',
  'LongStorage': 'i8',
  'IntStorage': 'i4',
  'ShortStorage': 'i2',
  'CharStorage': 'i1',
  'ByteStorage': 'u1',
  'BoolStorage': '?',
}
_KNOWN = frozenset(
  (
    'collections.OrderedDict',
    *('torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2'),
    'torch._utils._rebuild_parameter',
    *('torch.Size', 'torch.device'),
    *(f'torch.{name}' for name in _TYPES),
    # Numbers of NumPy beside the tensors, e.g. the best score.
    *('numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'),
    *('numpy.dtype', '_codecs.encode'),
  )
)

# The first pickles of a file of PyTorch before version 1.6.
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

# Starts of other kinds of files.
_OTHERS = {
  b'\x89HDF': 'an HDF5 file of Keras, as the baselines up to 2021 wrote; their '
  'networks cannot be converted',
  b'ustar': 'a file of PyTorch before version 0.1.10; save its state dict '
  'again with a later version',
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """A tensor in a file.

  Attributes:
    shape: Its shape.
    read: Reads its numbers, as float32, or float64 if the file has these.
      Raises a ValueError if the file is damaged.

  Example:
    >>> from seld_jax import published
    >>> published.Tensor(shape=(2,), read=lambda: np.zeros(2)).read()
    array([0., 0.])
  """

  shape: tuple[int, ...]
  read: Callable[[], np.ndarray]


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
  """Lists the tensors of a state dict that PyTorch has saved.

  Nothing in the file is executed, and no numbers are read yet: sizes are
  compared with those of the file first. The state dict is the object in the
  file itself, or is in a dictionary under one of the usual names, such as
  `seld_model` in the baseline of DCASE 2025.

  Args:
    path: A file of `torch.save`, of any version since 0.1.10.

  Returns:
    The tensors by name, such as `conv_block_list.0.conv.weight`.

  Raises:
    InputError: The file is missing, is not one of PyTorch, is damaged, or holds
      anything that a state dict does not need.

  Example:
    >>> from seld_jax import published
    >>> tensors = published.read_tensors('model.h5')  # doctest: +SKIP
    >>> tensors['fnn_list.1.bias'].shape  # doctest: +SKIP
    (156,)
  """
  path = pathlib.Path(path)
  with regular.opened(path) as file:
    start = file.read(512)
    file.seek(0)
    for magic, what in _OTHERS.items():
      if start.startswith(magic) or start[257:].startswith(magic):
        raise InputError(f'{path} is {what}.')
    try:
      read = _of_zip if start.startswith(b'PK') else _of_stream
      value, storages = read(file)
      return _tensors(value, storages, size=regular.size(file))
    except pickles.Refused as error:
      if 'StandardScaler' in str(error):
        raise InputError(
          f'{path} is a StandardScaler, not the weights of a network; give it '
          'as --scaler.'
        ) from error
      raise InputError(
        f'{path} is refused: {error}, which the weights of a network do not '
        'need; nothing in the file was executed.'
      ) from error
    except regular.DAMAGED as error:
      raise InputError(
        f'{path} is not a state dict of PyTorch, or it is damaged '
        f'({regular.reason(error, start)}); get the file again.'
      ) from error


# The bytes of a storage, by its key and the number of bytes.
_Storages = Callable[[str, int], bytes]


def _of_zip(file: IO[bytes]) -> tuple[Any, _Storages]:
  """The pickle and the storages of a file of PyTorch 1.6 or later."""
  # The storages are read after this function, from what the file holds now.
  content = file.read()
  archive = zipfile.ZipFile(io.BytesIO(content))
  entries = {entry.filename: entry for entry in archive.infolist()}
  roots = [name for name in entries if name.endswith('/data.pkl')]
  if len(roots) != 1:
    raise ValueError(
      f'it is an archive with {len(roots)} files data.pkl, but a file of '
      'PyTorch has one'
    )
  root = roots[0].removesuffix('data.pkl')
  if any(name.startswith(f'{root}code/') for name in entries):
    raise pickles.Refused('it is a program of TorchScript')

  def member(name: str, most: int) -> bytes:
    entry = entries.get(f'{root}{name}')
    if entry is None:
      raise ValueError(f'{name} is missing')
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most:
      raise ValueError(
        f'{name} has {entry.file_size:,} bytes, but at most {most:,} without '
        'compression are expected'
      )
    with archive.open(entry) as inside:
      found = inside.read(most + 1)  # the end of a member is checked at its end
    if len(found) != entry.file_size:
      raise ValueError(f'{name} does not have its declared size')
    return found

  if f'{root}byteorder' in entries and member('byteorder', 16) != b'little':
    raise ValueError('its numbers are not little-endian')
  value = pickles.read(
    io.BytesIO(member('data.pkl', _MOST_PICKLE_BYTES)), known=_KNOWN
  )
  return value, lambda key, count: member(f'data/{key}', count)


def _of_stream(file: IO[bytes]) -> tuple[Any, _Storages]:
  """The pickle and the storages of a file of PyTorch before version 1.6."""
  magic, protocol = (pickles.read(file, known=()) for _ in range(2))
  if not isinstance(magic, int) or (magic, protocol) != (_MAGIC, _PROTOCOL):
    raise ValueError('its first bytes are not those of PyTorch')
  system = pickles.read(file, known=())
  if not isinstance(system, dict) or system.get('little_endian') is not True:
    raise ValueError('its numbers are not little-endian')
  value = pickles.read(file, known=_KNOWN)
  keys = pickles.read(file, known=())
  if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys):
    raise ValueError('its list of storages is damaged')
  # Each storage is its number of elements, in 8 bytes, and then the elements.
  # Sizes of elements are those of the types in the pickle.
  widths = {
    key: width for key, width, _ in map(_storage, _stored(value, limit=10**6))
  }
  places: dict[str, tuple[int, int]] = {}
  for key in keys:
    count = int.from_bytes(file.read(8), 'little')
    length = count * widths.get(key, 1)
    if key not in widths or length > regular.size(file) - file.tell():
      raise ValueError(f'the storage {shown(key)} is cut off')
    places[key] = file.tell(), length
    file.seek(length, os.SEEK_CUR)
  file.seek(0)
  content = file.read()

  def storage(key: str, count: int) -> bytes:
    start, length = places.get(key, (0, -1))
    if length != count:
      raise ValueError(f'the storage {shown(key)} has another size')
    return content[start : start + length]

  return value, storage


def _stored(value: Any, *, limit: int) -> list[Any]:
  """All references to storages in a value, which may contain itself."""
  waiting, seen, found = [value], set(), []
  while waiting:
    one = waiting.pop()
    if isinstance(one, tuple | list | dict | pickles.Made):
      if id(one) in seen:
        continue
      seen.add(id(one))
      if len(seen) > limit:
        raise pickles.Refused('it has too many parts')
    if isinstance(one, pickles.Stored):
      found.append(one)
    elif isinstance(one, pickles.Made):
      waiting += one.arguments
    elif isinstance(one, dict):
      waiting += one.values()
    elif isinstance(one, tuple | list):
      waiting += one
  return found


def _storage(stored: Any) -> tuple[str, int, tuple[str, int]]:
  """Key, bytes of an element, and (type, number of elements) of a storage."""
  if not isinstance(stored, pickles.Stored):
    raise ValueError('a tensor has no storage')
  key = stored.key
  if (
    not isinstance(key, tuple)
    or len(key) not in (5, 6)
    or not isinstance(key[0], str)
    or key[0] != 'storage'
    or not isinstance(key[1], pickles.Name)
    or not isinstance(key[2], str)
    or not _is_count(key[4])
    or (len(key) == 6 and key[5] is not None)
  ):
    raise ValueError('a storage is described in an unknown way')
  kind = _TYPES.get(key[1].name)
  if kind is None:
    raise ValueError(f'a storage has the type {shown(str(key[1]))}')
  width = 2 if kind == 'bfloat16' else np.dtype(kind).itemsize
  return key[2], width, (kind, key[4])


def _tensors(
  value: Any, storages: _Storages, *, size: int
) -> dict[str, Tensor]:
  """The tensors of a state dict, whose sizes agree with those of the file."""
  state = _state_dict(value)
  tensors, total = {}, 0
  for name, made in state.items():
    found = _tensor(made, storages)
    if found is None or not isinstance(name, str):
      raise ValueError(f'{shown(name)} is no tensor')
    tensors[name], length = found
    total += length
    # Tensors can share their numbers, but those of these networks do not.
    if total > size:
      raise ValueError('its tensors are larger than the file')
  return tensors


def _state_dict(value: Any) -> Mapping[Any, Any]:
  """The dictionary of tensors of what a file holds."""
  if isinstance(value, dict):
    for name in 'seld_model', 'model_state_dict', 'state_dict', 'model':
      if isinstance(value.get(name), dict):
        value = value[name]
        break
  if not isinstance(value, dict) or not value:
    raise ValueError('it holds no dictionary of tensors')
  return value


def _tensor(made: Any, storages: _Storages) -> tuple[Tensor, int] | None:
  """A tensor and its number of bytes; None for something else."""
  if not isinstance(made, pickles.Made):
    return None
  name = str(made.function)
  if name == 'torch._utils._rebuild_parameter':
    return _tensor(made.arguments[0], storages) if made.arguments else None
  if not name.startswith('torch._utils._rebuild_tensor'):
    return None
  if len(made.arguments) < 4:
    raise ValueError('a tensor is described in an unknown way')
  stored, offset, shape, strides = made.arguments[:4]
  key, width, (kind, count) = _storage(stored)
  if (
    not _is_count(offset)
    or not isinstance(shape, tuple)
    or not isinstance(strides, tuple)
    or not len(shape) == len(strides) <= 16
    or not all(map(_is_count, (*shape, *strides)))
  ):
    raise ValueError('a tensor has a damaged shape')
  elements = math.prod(shape)
  steps = zip(shape, strides, strict=True)
  last = offset + sum((length - 1) * step for length, step in steps)
  if elements > count or (elements and last >= count):
    raise ValueError('a tensor is larger than its storage')

  def read() -> np.ndarray:
    try:
      numbers = _numbers(storages(key, count * width), kind)
    except regular.DAMAGED as error:
      raise ValueError(regular.first(error)) from error
    if len(numbers) != count:
      raise ValueError(f'the storage {shown(key)} has another size')
    view = np.lib.stride_tricks.as_strided(
      numbers[offset:],
      shape,
      [step * numbers.itemsize for step in strides],
      writeable=False,
    )
    wide = np.float64 if kind == 'f8' else np.float32
    return view.astype(wide)

  return Tensor(shape, read), elements * width


def _numbers(content: bytes, kind: str) -> np.ndarray:
  if kind != 'bfloat16':
    return np.frombuffer(content, np.dtype(kind).newbyteorder('<'))
  upper = np.frombuffer(content, '<u2').astype(np.uint32) << 16
  return upper.view(np.float32)


def _is_count(value: Any) -> bool:
  """Whether a value is an integer that a size or a place can have."""
  return type(value) is int and 0 <= value < 2**40
