"""Mean and scale of a StandardScaler, read without scikit-learn."""

import dataclasses
import io
import math
import os
import pathlib
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from seld_jax import npy_files
from seld_jax.errors import InputError, shown
from seld_jax.published import pickles, regular

# Bytes of a scaler when it is unpacked; one of 448 features has 11 kB.
_MOST_BYTES = 16_000_000

# How files begin that joblib has compressed in other ways than with zlib.
_COMPRESSED = {
  b'BZh': 'bz2',
  b'\xfd7zXZ': 'xz',
  b'\x5d\x00': 'lzma',
  b'\x04"M\x18': 'lz4',
}

_SCALER = ('sklearn.preprocessing._data', 'sklearn.preprocessing.data')
_ARRAYS = ('numpy.core.multiarray', 'numpy._core.multiarray')
_RECONSTRUCT = frozenset(f'{module}._reconstruct' for module in _ARRAYS)
# How pickles of protocol 5 describe an array.
_FROM_BUFFER = tuple(
  f'{module}.numeric._frombuffer' for module in ('numpy.core', 'numpy._core')
)
_WRAPPER = 'joblib.numpy_pickle.NumpyArrayWrapper'
_KNOWN = frozenset(
  (
    *(f'{module}.StandardScaler' for module in _SCALER),
    *(f'{module}.scalar' for module in _ARRAYS),
    *_RECONSTRUCT,
    *_FROM_BUFFER,
    *('numpy.ndarray', 'numpy.dtype', _WRAPPER, '_codecs.encode'),
  )
)

# Types of the numbers of a scaler, as NumPy names them in a pickle.
_TYPES = ('f8', 'f4', 'f2', 'i8', 'i4', 'i2', 'i1', 'u8', 'u4', 'u2', 'u1')


@dataclasses.dataclass(frozen=True, eq=False)
class Scaler:
  """What a StandardScaler subtracts from features, and divides them by.

  Attributes:
    mean: The means, float64 with shape `[features]`.
    scale: The standard deviations, float64 with shape `[features]`.

  Example:
    >>> from seld_jax import published
    >>> scaler = published.Scaler(mean=np.zeros(448), scale=np.ones(448))
    >>> scaler.mean.shape
    (448,)
  """

  mean: np.ndarray
  scale: np.ndarray


def read_scaler(path: str | os.PathLike[str]) -> Scaler:
  """Reads a StandardScaler that joblib or pickle has saved, or an .npz file.

  Nothing in the file is executed. Sizes are compared with that of the file
  before memory is taken.

  Args:
    path: A file of `joblib.dump` (not compressed, or with zlib or gzip) or of
      `pickle.dump` (protocols 2 to 5); or an .npz file with the arrays `mean`
      and `scale`.

  Returns:
    The scaler.

  Raises:
    InputError: The file is missing or damaged, or holds anything else.

  Example:
    >>> from seld_jax import published
    >>> np.savez('scaler.npz', mean=np.zeros(448), scale=np.ones(448))
    >>> published.read_scaler('scaler.npz').scale.shape
    (448,)
  """
  path = pathlib.Path(path)
  with regular.opened(path) as file:
    content = file.read(_MOST_BYTES + 1)
    try:
      content = _unpacked(content)
      read = _of_npz if content.startswith(b'PK') else _of_pickle
      return _checked(*read(content))
    except pickles.Refused as error:
      raise InputError(
        f'{path} is refused: {error}, which a StandardScaler does not need; '
        'nothing in the file was executed.'
      ) from error
    except regular.DAMAGED as error:
      raise InputError(
        f'{path} is not a StandardScaler of scikit-learn, nor an .npz file '
        'with mean and scale, or it is damaged '
        f'({regular.reason(error, content[:512])}).'
      ) from error


def _unpacked(content: bytes) -> bytes:
  """Undoes the compression of joblib, up to a limit."""
  if len(content) > _MOST_BYTES:
    raise ValueError(f'it has more than {_MOST_BYTES // 10**6} MB')
  for start, name in _COMPRESSED.items():
    if content.startswith(start):
      raise ValueError(f'it is compressed with {name}; save it with compress=0')
  if content[:1] not in (b'\x78', b'\x1f'):  # neither zlib nor gzip
    return content
  unpack = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
  unpacked = unpack.decompress(content, _MOST_BYTES)
  if not unpack.eof:
    raise ValueError(f'it is cut off, or has more than {_MOST_BYTES:,} bytes')
  return unpacked


def _of_npz(content: bytes) -> tuple[Any, Any]:
  """Mean and scale of an .npz file."""
  found = {}
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    names = set(archive.namelist())
    if any(name.endswith('/data.pkl') for name in names):
      raise ValueError('it is a file of PyTorch, which --weights takes')
    for name in 'mean', 'scale':
      if f'{name}.npy' not in names:
        raise ValueError(f'it is an archive without {name}.npy')
      entry = archive.getinfo(f'{name}.npy')
      if entry.file_size > _MOST_BYTES:
        raise ValueError(f'{name} has {entry.file_size:,} bytes')
      with archive.open(entry) as file:
        shape, _, dtype = npy_files.read_header(file)
        if dtype.kind not in 'fiu' or len(shape) != 1:
          raise ValueError(f'{name} must be numbers with one axis')
        length = dtype.itemsize * shape[0]
        numbers = file.read(min(length, _MOST_BYTES) + 1)
      if len(numbers) != length:
        raise ValueError(f'{name} does not have the size of its shape')
      found[name] = np.frombuffer(numbers, dtype)
  return found['mean'], found['scale']


def _of_pickle(content: bytes) -> tuple[Any, Any]:
  """Mean and scale of a StandardScaler in a pickle, or a file of joblib."""
  file = io.BytesIO(content)

  def after_state(made: pickles.Made) -> None:
    if str(made.function) == _WRAPPER:
      made.value = _following_array(file, made.state, size=len(content))

  value = pickles.read(file, known=_KNOWN, after_state=after_state)
  if not isinstance(value, pickles.Made) or not str(value.function).endswith(
    '.StandardScaler'
  ):
    raise ValueError('it holds another object')
  state = value.state
  if not isinstance(state, dict):
    raise ValueError('the scaler is not fitted')
  return _array(state.get('mean_')), _array(state.get('scale_'))


def _following_array(file: IO[bytes], state: Any, *, size: int) -> np.ndarray:
  """The array whose bytes follow its description in a file of joblib."""
  if not isinstance(state, dict):
    raise ValueError('an array has no description')
  shape, dtype = state.get('shape'), _dtype(state.get('dtype'))
  if not isinstance(shape, tuple) or not all(
    type(length) is int and 0 <= length < 2**40 for length in shape
  ):
    raise ValueError('an array has a damaged shape')
  if state.get('numpy_array_alignment_bytes') is not None:
    (padding,) = file.read(1) or (0,)
    file.read(padding)
  length = math.prod(shape) * dtype.itemsize
  if length > size - file.tell():
    raise ValueError('an array is cut off')
  numbers = np.frombuffer(file.read(length), dtype)
  return numbers.reshape(shape, order='F' if state.get('order') == 'F' else 'C')


def _array(value: Any) -> np.ndarray:
  """The array that a pickle or joblib describes."""
  if not isinstance(value, pickles.Made):
    raise ValueError('the scaler has no mean or no scale')
  if isinstance(value.value, np.ndarray):
    return value.value
  state = value.state
  if str(value.function) in _FROM_BUFFER and len(value.arguments) == 4:
    numbers, kind, shape, _ = value.arguments
  elif (
    str(value.function) in _RECONSTRUCT
    and isinstance(state, tuple)
    and len(state) == 5
  ):
    _, shape, kind, _, numbers = state
  else:
    raise ValueError('an array is described in an unknown way')
  if isinstance(numbers, pickles.Made) and numbers.arguments:
    numbers = numbers.arguments[0]  # of _codecs.encode, in old pickles
  if isinstance(numbers, str):
    numbers = numbers.encode('latin-1')
  if not isinstance(numbers, bytes | bytearray):
    raise ValueError('an array has no numbers')
  found = np.frombuffer(numbers, _dtype(kind))
  if not isinstance(shape, tuple) or shape != (len(found),):
    raise ValueError('an array has another size than its shape')
  return found


def _dtype(made: Any) -> np.dtype:
  """The type of the numbers of an array."""
  if (
    not isinstance(made, pickles.Made)
    or str(made.function) != 'numpy.dtype'
    or not made.arguments
    or not isinstance(made.state, tuple)
    or len(made.state) < 2
  ):
    raise ValueError('an array has no type')
  kind, order = made.arguments[0], made.state[1]
  if (
    not isinstance(kind, str)
    or kind not in _TYPES
    or not (isinstance(order, str) and order in ('<', '>', '|', '='))
  ):
    raise ValueError(f'an array has the type {shown(kind)}, which is no number')
  # The order '=' of pickles is that of the machine; all usual ones are '<'.
  return np.dtype(('<' if order in '|=' else order) + kind)


def _checked(mean: Any, scale: Any) -> Scaler:
  """A scaler of arrays that fit together."""
  mean, scale = (np.array(one, np.float64) for one in (mean, scale))
  if mean.ndim != 1 or mean.shape != scale.shape or not mean.size:
    raise ValueError(
      f'mean and scale have the shapes {mean.shape} and {scale.shape}'
    )
  if not (np.isfinite(mean) & np.isfinite(scale) & (scale > 0)).all():
    raise ValueError('mean and scale must be finite, and scale above 0')
  return Scaler(mean, scale)
