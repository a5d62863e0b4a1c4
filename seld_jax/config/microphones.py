"""The positions of the microphones of an array, from a file."""

import math
import pathlib

import numpy as np

from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown

# Hardly any array is larger; positions beyond are probably in another unit,
# with 5 for 5 cm.
_LARGEST = 2.0
# Size of a file in bytes; more than enough for thousands of microphones.
_LARGEST_FILE = 10**6


def microphone_positions(config: Config) -> np.ndarray | None:
  r"""Reads the positions of the microphones that a configuration names.

  Args:
    config: The configuration.

  Returns:
    Positions x, y, z in metres, with shape `[microphones, 3]`, from the file
    `features.microphones`; None without a file.

  Raises:
    InputError: The file cannot be read, or a row is not three numbers.

  Example:
    >>> import pathlib
    >>> from seld_jax import config
    >>> _ = pathlib.Path('pair.csv').write_text('x,y,z\n0,0.1,0\n0,-0.1,0\n')
    >>> settings = config.default()
    >>> settings.features.microphones = 'pair.csv'
    >>> print(config.microphone_positions(settings))
    [[ 0.   0.1  0. ]
     [ 0.  -0.1  0. ]]
  """
  if not config.features.microphones:
    return None
  path = pathlib.Path(config.features.microphones)
  try:
    lines = _read(path).splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise InputError(
      f'The positions of the microphones cannot be read from {path} '
      f'({_reason(error)}): set --config.features.microphones to a CSV '
      'file with a row x,y,z in metres for each microphone.'
    ) from error
  rows: list[list[float]] = []
  for number, line in enumerate(lines, start=1):
    cells = [cell.strip() for cell in line.split(',')]
    is_header = not rows and [cell.lower() for cell in cells] == ['x', 'y', 'z']
    if not line.strip() or is_header:
      continue
    try:
      row = [float(cell) for cell in cells]
    except ValueError:
      row = []
    if len(row) != 3 or not all(map(math.isfinite, row)):
      raise InputError(
        f'{path}, line {number}: a position must be three numbers x,y,z in '
        f'metres, got {shown(line.strip())}.'
      )
    if max(map(abs, row)) > _LARGEST:
      raise InputError(
        f'{path}, line {number}: positions must be in metres, each number from '
        f'-{_LARGEST:g} to {_LARGEST:g}, got {shown(line.strip())}: is it in '
        'centimetres or millimetres?'
      )
    rows.append(row)
  if not rows:
    raise InputError(
      f'{path} has no positions: it must have a row x,y,z in metres for each '
      'microphone.'
    )
  return np.array(rows)


def _read(path: pathlib.Path) -> str:
  """Reads a small file: configurations that others made may name any file."""
  if path.exists() and not path.is_file():
    raise OSError('it is no regular file')
  if path.stat().st_size > _LARGEST_FILE:
    raise OSError(f'it has more than {_LARGEST_FILE:,} bytes')
  return path.read_text(encoding='utf-8-sig')


def _reason(error: Exception) -> str:
  """Why a file cannot be read."""
  if isinstance(error, UnicodeDecodeError):
    return 'it is not text'
  return str(getattr(error, 'strerror', None) or error)
