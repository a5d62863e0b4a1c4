"""Checks the types of fields, and that programs can represent their values.

This module loads neither JAX nor the networks, as the rules do.
"""

import difflib
from collections.abc import Collection
from typing import Any

import ml_collections
import numpy as np

from seld_jax.errors import InputError, shown

# Largest integer of a field. Steps, sizes and places are int32 in programs.
MOST = 2**31 - 1
# Largest values of fields that may be larger: seeds. JAX uses 32 bits of the
# seed of a run, so that two larger ones would draw the same parameters.
_MOST_OF = {'seed': 2**32 - 1, 'data.synthesize_seed': 2**63 - 1}

# Tuples of numbers that are empty by default; the others have strings.
_NUMBERS = ('eval.class_thresholds',)

# The types of fields in error messages.
_TYPE_NAMES = {
  bool: 'True or False',
  int: 'an integer',
  float: 'a number',
  str: 'a string',
}


def check_types(name: str, value: Any, example: Any) -> None:
  """Checks that a value has the type of the default.

  A ConfigDict checks the types of its fields, but not the entries of a tuple,
  and not a section that is replaced as a whole.
  """
  if isinstance(example, ml_collections.ConfigDict):
    for field in example:
      path = f'{name}.{field}' if name else field
      if field not in value:
        raise InputError(
          f'The configuration lacks the field {path}: start from '
          'seld_jax.config.default() and change its fields.'
        )
      check_types(path, value[field], example[field])
  elif isinstance(example, tuple):
    # A tuple in a tuple is a pair; others have any length.
    is_pair = name.endswith(']')
    if not isinstance(value, tuple | list) or (
      is_pair and len(value) != len(example)
    ):
      kind = f' of {len(example)} numbers' if is_pair else ''
      raise InputError(f'{name} must be a tuple{kind}, got {shown(value)}.')
    entries = example or ((0.0,) if name in _NUMBERS else ('',))
    for index, entry in enumerate(value):
      check_types(f'{name}[{index}]', entry, entries[0])
  else:
    kinds = (int, float) if isinstance(example, float) else type(example)
    is_flag = isinstance(value, bool) and not isinstance(example, bool)
    if is_flag or not isinstance(value, kinds):
      raise InputError(
        f'{name} must be {_TYPE_NAMES[type(example)]}, got {shown(value)}.'
      )
    _check_size(name, value, example)


def _check_size(name: str, value: Any, example: Any) -> None:
  """Checks that programs can represent a value: int32, float32, file names."""
  if isinstance(value, str):
    check('\0' not in value, f'{name} must not contain a NUL character.')
  elif isinstance(example, float):
    # As numbers of Python, which can be compared with integers of any size.
    limits = np.finfo(np.float32)
    least, most = float(limits.tiny), float(limits.max)
    check(
      -most <= value <= most,
      f'{name} must be a finite number, at most {most:.2g}, got '
      f'{shown(value)}.',
    )
    check(
      value == 0 or abs(value) >= least,
      f'{name} = {value} is too small: use 0, or {least:.2g} or more.',
    )
  elif isinstance(example, int):
    most = _MOST_OF.get(name, MOST)
    check(
      abs(value) <= most,
      f'{name} must be at most {most}, got {shown(value)}.',
    )


def check(condition: bool, message: str) -> None:
  """Raises InputError with a message unless a condition is true."""
  if not condition:
    raise InputError(message)


def one_of(name: str, value: Any, known: Collection[str]) -> None:
  """Raises an InputError that names the nearest value, unless one is known."""
  if value not in known:
    close = difflib.get_close_matches(str(value), list(known), n=1)
    hint = f' (did you mean {close[0]!r}?)' if close else ''
    raise InputError(
      f'{name} must be one of {", ".join(known)}, got {shown(value)}{hint}.'
    )
