"""The type of a configuration, and of what is in it."""

from typing import TYPE_CHECKING, Any

import ml_collections

from seld_jax.errors import InputError

# Type checkers cannot know the fields of a ConfigDict.
if TYPE_CHECKING:
  Config = Any
else:
  Config = ml_collections.ConfigDict

# How error messages call the types of fields.
_TYPE_NAMES = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a text',
}


def check_types(name: str, value: Any, example: Any) -> None:
  """Refuses what is not of the type of the default.

  A ConfigDict guards the types of its fields, but neither what is in a tuple
  nor a section that is replaced as a whole.
  """
  if isinstance(example, ml_collections.ConfigDict):
    for field in example:
      path = f'{name}.{field}' if name else field
      if field not in value:
        raise InputError(f'The configuration lacks the field {path}.')
      check_types(path, value[field], example[field])
  elif isinstance(example, tuple):
    # Pairs in a tuple; a tuple of any length elsewhere.
    is_pair = name.endswith(']')
    if not isinstance(value, tuple | list) or (
      is_pair and len(value) != len(example)
    ):
      kind = f' of {len(example)} numbers' if is_pair else ''
      raise InputError(f'{name} must be a tuple{kind}, got {value!r}.')
    # What a tuple holds that is empty by default is text.
    entries = example or ('',)
    for index, entry in enumerate(value):
      check_types(f'{name}[{index}]', entry, entries[0])
  else:
    kinds = (int, float) if isinstance(example, float) else type(example)
    is_flag = isinstance(value, bool) and not isinstance(example, bool)
    if is_flag or not isinstance(value, kinds):
      raise InputError(
        f'{name} must be {_TYPE_NAMES[type(example)]}, got {value!r}.'
      )
