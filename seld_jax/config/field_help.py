"""The fields of the configuration with their defaults, explained.

The explanations are the comments above the fields in `defaults.py`.
"""

import ast
import pathlib
from typing import Any, NamedTuple

from seld_jax.config import defaults, serialization


class Field(NamedTuple):
  """A field of the configuration.

  Attributes:
    path: The name with its section, such as `train.batch_size`.
    default: The default.
    about: What it means, in one paragraph.

  Example:
    >>> from seld_jax import config
    >>> config.Field('seed', 0, 'Seed of all random numbers.').path
    'seed'
  """

  path: str
  default: Any
  about: str


def describe_fields() -> list[Field]:
  """Explains all fields.

  Returns:
    The fields, sorted by name. Where Python has no source files,
    the explanations are empty.

  Example:
    >>> from seld_jax import config
    >>> fields = config.describe_fields()
    >>> {one.path: one.about for one in fields}['train.num_epochs']
    'Number of epochs; used if num_steps is 0.'
  """
  comments = _comments()
  values = serialization.flatten(serialization.to_dict(defaults.default()))
  return [
    Field(path, default, comments.get(path, ''))
    for path, default in values.items()
  ]


def _comments() -> dict[str, str]:
  """The comment above each field in the source, by its path."""
  source = pathlib.Path(__file__).with_name('defaults.py')
  if not source.is_file():
    return {}
  text = source.read_text(encoding='utf-8')
  lines = text.splitlines()
  sections, found = {'config': ''}, {}
  for node in ast.walk(ast.parse(text)):
    if not isinstance(node, ast.Assign):
      continue
    fields = [one for one in node.targets if isinstance(one, ast.Attribute)]
    names = [one for one in node.targets if isinstance(one, ast.Name)]
    for field in fields:
      assert isinstance(field.value, ast.Name)
      path = f'{sections[field.value.id]}{field.attr}'
      if names:  # config.data = data = ConfigDict()
        sections[names[0].id] = f'{path}.'
      else:
        found[path] = _above(lines, node.lineno - 1)
  return found


def _above(lines: list[str], place: int) -> str:
  """The comment that ends directly above a line, as one paragraph."""
  first = place
  while lines[first - 1].lstrip().startswith('#'):
    first -= 1
  return ' '.join(line.strip(' #') for line in lines[first:place])
