"""Configurations as dictionaries, which JSON files can hold."""

import difflib
import reprlib
from collections.abc import Mapping
from typing import Any

import ml_collections

from seld_jax.config.defaults import default
from seld_jax.config.field_types import check_types
from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown


def to_dict(config: Config) -> dict[str, Any]:
  """The configuration as dictionaries and lists, the content of config.json.

  Args:
    config: The configuration.

  Returns:
    Fields by section and name; tuples become lists.

  Example:
    >>> from seld_jax import config
    >>> config.to_dict(config.default())['data']['test_folds']
    [1]
  """

  def plain(value: Any) -> Any:
    if isinstance(value, ml_collections.ConfigDict | Mapping):
      return {key: plain(value[key]) for key in value}
    if isinstance(value, tuple | list):
      return [plain(entry) for entry in value]
    return value

  return plain(config)


def from_dict(
  values: Mapping[str, Any], *, skip_unknown: bool = False
) -> Config:
  """The configuration of a dictionary; the inverse of `to_dict`.

  Args:
    values: Fields by section and name. Fields that are missing keep their
      defaults.
    skip_unknown: Whether fields that this version does not have are left out.

  Returns:
    A locked ConfigDict.

  Raises:
    InputError: A field does not exist in this version, or it or one of its
      entries has another type.

  Example:
    >>> from seld_jax import config
    >>> settings = config.from_dict({'train': {'batch_size': 8}})
    >>> settings.train.batch_size, settings.train.crop_frames
    (8, 600)
  """

  def tuples(value):
    if isinstance(value, list):
      return tuple(tuples(entry) for entry in value)
    return value

  config, example = default(), default()
  for section, entry in values.items():
    is_section = isinstance(entry, Mapping)
    for field, value in (entry if is_section else {section: entry}).items():
      path = f'{section}.{field}' if is_section else section
      try:
        refuse_unknown(path)
      except InputError:
        if skip_unknown:
          continue
        raise
      target, known = (
        (config[section], example[section]) if is_section else (config, example)
      )
      if isinstance(known[field], ml_collections.ConfigDict):
        raise InputError(
          f'{path} must hold the fields of a section, got '
          f'{reprlib.repr(value)}.'
        )
      check_types(path, tuples(value), known[field])
      try:
        target[field] = tuples(value)
      except (TypeError, OverflowError) as error:  # of a type, or of its range
        raise InputError(
          f'{path} cannot be {shown(value)}: {error}.'
        ) from error
  return config


def refuse_unknown(path: str) -> None:
  """Checks that a field or section of the configuration exists.

  Args:
    path: Section and name of the field, such as `train.batch_size`.

  Raises:
    InputError: There is no such field; the message has the most similar one.

  Example:
    >>> from seld_jax import config
    >>> config.refuse_unknown('train.batch_size')
    >>> config.refuse_unknown('train.batchsize')
    Traceback (most recent call last):
    ...
    seld_jax.errors.InputError: There is no field config.train.batchsize; did
    you mean config.train.batch_size?
  """
  config = default()
  sections = {
    name
    for name in config
    if isinstance(config[name], ml_collections.ConfigDict)
  }
  fields = [name for name in config if name not in sections]
  fields += [f'{name}.{field}' for name in sections for field in config[name]]
  if path in sections or path in fields:
    return
  section, _, field = path.rpartition('.')
  inside = {
    name.rpartition('.')[2]: name
    for name in fields
    if name.rpartition('.')[0] == section
  }
  namesakes = sorted(n for n in fields if n.rpartition('.')[2] == field)
  close = (
    [inside[name] for name in difflib.get_close_matches(field, inside, n=1)]
    or difflib.get_close_matches(path, namesakes, n=1, cutoff=0)
    or difflib.get_close_matches(path, sorted(fields), n=1)
  )
  hint = f'; did you mean config.{close[0]}?' if close else '.'
  raise InputError(f'There is no field config.{path}{hint}')


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
  """Names each field of a configuration by its section and its name.

  Args:
    values: A configuration as `to_dict` returns it, or the content of a
      config.json.

  Returns:
    The values by names such as `train.batch_size`, in the same order. Fields
    without a section have their name alone.

  Example:
    >>> from seld_jax import config
    >>> config.flatten({'seed': 0, 'train': {'batch_size': 8}})
    {'seed': 0, 'train.batch_size': 8}
  """
  flat = {}
  for section, fields in values.items():
    if isinstance(fields, Mapping):
      flat |= {f'{section}.{name}': value for name, value in fields.items()}
    else:
      flat[section] = fields
  return flat
