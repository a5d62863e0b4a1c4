"""The headers of .npy files that anyone may have written."""

from typing import IO

import numpy as np


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
  """Reads the start of a .npy file, up to the first element.

  Args:
    file: The file.

  Returns:
    The shape, whether the array is in Fortran order, and the type.

  Raises:
    ValueError: The file is no .npy file.

  Example:
    >>> from seld_jax import npy_files
    >>> np.save('features.npy', np.zeros((9, 64, 7), np.float32))
    >>> with open('features.npy', 'rb') as file:
    ...   npy_files.read_header(file)
    ((9, 64, 7), False, dtype('float32'))
  """
  try:
    version = np.lib.format.read_magic(file)
    read = {
      (1, 0): np.lib.format.read_array_header_1_0,
      (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    return read(file)
  except (ValueError, OSError):
    raise
  except Exception as error:  # NumPy parses the header as Python
    name = type(error).__name__
    raise ValueError(f'its header is damaged ({name})') from error
