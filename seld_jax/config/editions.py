"""Resolves the fields that stand for others: `data.edition`, `data.class_map`.

The other fields then say the same by themselves. So a run directory needs no
file of classes, and code that uses a configuration needs to know neither field.
"""

import copy
import os
from collections.abc import Collection, Mapping
from typing import Any

from seld_jax import labels
from seld_jax.config.defaults import default
from seld_jax.config.field_types import check_types
from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown

# What an edition of the challenge sets: the class map, and fields by name. Its
# label files have the form `data.csv_edition`; those of 2020 to 2022 have no
# distances.
EDITIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
  year: (
    class_map,
    {
      'data.csv_edition': year,
      'data.distance_unit': unit,
      'eval.edition': year,
    },
  )
  for year, class_map, unit in (
    ('2019', '2019', 'm'),
    ('2020', '2020', ''),
    ('2021', '2021', ''),
    ('2022', 'starss', ''),
    ('2023', 'starss', 'cm'),
    ('2024', 'starss', 'cm'),
    ('2025', 'starss', 'cm'),
  )
}


def resolve(config: Config, *, stated: Collection[str] = ()) -> Config:
  """Sets the fields that `data.edition` and `data.class_map` stand for.

  `data.edition` sets those of `data.classes`, `data.csv_edition`,
  `data.distance_unit` and `eval.edition` that have their defaults; other values
  stay. `data.class_map` sets `data.classes`. To resolve twice is the same as to
  resolve once, also if the file of the class map is not there any more.

  Args:
    config: The configuration, which stays as it is.
    stated: Fields that the user has stated, such as `eval.edition`: if
      `data.edition` would change one of them, it is refused, because its value
      is the default.

  Returns:
    A new configuration.

  Raises:
    InputError: The edition or the class map is unknown, its file is damaged,
      two fields contradict each other, or a field has another type or is
      missing.

  Example:
    >>> from seld_jax import config
    >>> settings = config.default()
    >>> settings.data.edition = '2023'
    >>> resolved = config.resolve(settings)
    >>> resolved.data.distance_unit, resolved.eval.edition
    ('cm', '2023')
    >>> len(resolved.data.classes)
    13
  """
  usual = default()
  check_types('', config, usual)
  config = copy.deepcopy(config)
  data = config.data
  if data.edition and data.edition not in EDITIONS:
    raise InputError(
      f'data.edition must be one of {", ".join(EDITIONS)}, or empty, got '
      f'{shown(data.edition)}.'
    )
  class_map, fields = EDITIONS.get(data.edition, ('', {}))
  has_own_classes = tuple(data.classes) != tuple(usual.data.classes)
  is_resolved = (
    # The file of a configuration that was resolved before, perhaps elsewhere.
    has_own_classes
    and 'data.class_map' not in stated
    and data.class_map not in labels.CLASS_MAPS
    and not os.path.exists(data.class_map)
  )
  if not is_resolved and (data.class_map or class_map and not has_own_classes):
    names = labels.class_names(data.class_map or class_map)
    asked = tuple(data.classes) if has_own_classes else names
    if 'data.classes' in stated:
      asked = tuple(data.classes)
    if asked != names:
      field = 'class_map' if data.class_map else 'edition'
      raise InputError(
        f'data.{field} = {data[field]} has the classes {shown(names)}, but '
        f'data.classes has {shown(asked)}: leave out one of the two.'
      )
    data.classes = names
  for path, value in fields.items():
    section, _, name = path.partition('.')
    if config[section][name] != usual[section][name] or not value:
      continue
    if path in stated and config[section][name] != value:
      raise InputError(
        f'{path} = {shown(config[section][name])} is the default, which '
        f'data.edition = {data.edition} changes to {value}: leave out '
        f'data.edition, and set data.class_map={class_map} and the other '
        'fields that it stands for.'
      )
    config[section][name] = value
  return config
