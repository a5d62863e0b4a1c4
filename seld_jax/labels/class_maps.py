"""Class maps: the names of the classes of a dataset, by name or from a file."""

import os
import pathlib
import re
import unicodedata
from collections.abc import Mapping

from seld_jax.errors import InputError, shown
from seld_jax.labels import classes
from seld_jax.labels.rows import read_text

# The class names of each published dataset, by index. STARSS22, STARSS23 and
# the stereo set of 2025 have the same classes.
CLASS_MAPS: Mapping[str, tuple[str, ...]] = {
  '2019': classes.TAU2019_CLASSES,
  '2020': classes.TAU2020_CLASSES,
  '2021': classes.TAU2021_CLASSES,
  'starss': classes.STARSS_CLASSES,
  'l3das22': classes.L3DAS22_CLASSES,
}

# More classes than this are rather the rows of another file.
_MOST_CLASSES = 5000
_NUMBERED = re.compile(r'"?([0-9]{1,9})"?\s*[,;\t]\s*(\S.*)')
# The title of a column of names.
_TITLES = ('name', 'class', 'class_name', 'classname', 'label', 'classes')
_AUDIOSET = re.compile(r'"?index"?\s*,\s*"?mid"?\s*,', re.IGNORECASE)
_REVERSED = re.compile(r'[^0-9].*[,;\t]\s*"?[0-9]{1,9}"?')
_HEADER = re.compile(
  r'"?(index|idx|id|class|class[ _]?(index|idx|id|number))"?\s*[,;\t]',
  re.IGNORECASE,
)


def class_names(class_map: str | os.PathLike[str]) -> tuple[str, ...]:
  r"""The class names of a class map.

  Args:
    class_map: A name in `CLASS_MAPS`, or a text file in UTF-8. The file has
      either a name in each line, in the order of the classes, or `index,name`,
      in any order and with or without a header, with indices from 0. A name may
      have commas, such as `Walk, footsteps`. Blank lines are ignored.

  Returns:
    Names by index.

  Raises:
    InputError: There is neither such a map nor such a file, a name or index is
      there twice, or an index is missing.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels
    >>> len(labels.class_names('starss'))
    13
    >>> _ = pathlib.Path('mine.txt').write_text('1,door\n0,speech\n')
    >>> labels.class_names('mine.txt')
    ('speech', 'door')
  """
  if str(class_map) in CLASS_MAPS:
    return CLASS_MAPS[str(class_map)]
  path = pathlib.Path(class_map)
  if not path.exists():
    raise InputError(
      f'There is no class map {shown(str(class_map))}: it must be one of '
      f'{", ".join(CLASS_MAPS)}, or a file with the name of a class in each '
      'line. Datasets of 2022 to 2025 have the classes starss.'
    )
  lines = read_text(path, kind='text file').split('\n')
  numbered = [
    (number, unicodedata.normalize('NFC', line.strip()))
    for number, line in enumerate(lines, 1)
    if line.strip()
  ]
  if not 0 < len(numbered) <= _MOST_CLASSES:
    raise InputError(
      f'{path} has {len(numbered)} lines, but a file of classes has a name in '
      f'each of 1 to {_MOST_CLASSES} lines.'
    )
  names = _by_index(path, numbered)
  for place, name in enumerate(names):
    if not name.isprintable():
      raise InputError(
        f'{path}: the name of class {place} must not contain control '
        f'characters, got {shown(name)}.'
      )
    if name in names[:place]:
      raise InputError(
        f'{path} has the class {shown(name)} twice, as {names.index(name)} and '
        f'as {place}, but each class needs a name of its own.'
      )
  return names


def _by_index(
  path: pathlib.Path, lines: list[tuple[int, str]]
) -> tuple[str, ...]:
  """The names in the order of their indices, or in that of the lines."""
  if len(lines) > 1 and _unquoted(lines[0][1]).lower() in _TITLES:
    lines = lines[1:]
  if _AUDIOSET.match(lines[0][1]):
    raise InputError(
      f'{path}, line {lines[0][0]}: three columns ({shown(lines[0][1])}), but '
      'expected index,name or a name in each line; delete the second column.'
    )
  if len(lines) > 1 and all(_REVERSED.fullmatch(line) for _, line in lines):
    raise InputError(
      f'{path}, line {lines[0][0]}: expected index,name, got '
      f'{shown(lines[0][1])}; write the index first.'
    )
  found = [_NUMBERED.fullmatch(line) for _, line in lines]
  if len(lines) > 1 and _HEADER.match(lines[0][1]) and all(found[1:]):
    lines, found = lines[1:], found[1:]
  if not any(found):
    return tuple(_unquoted(line) for _, line in lines)
  names: dict[int, str] = {}
  for (number, line), match in zip(lines, found, strict=True):
    if match is None:
      raise InputError(
        f'{path}, line {number}: expected index,name as in other lines, got '
        f'{shown(line)}; write all lines with an index, or none.'
      )
    index = int(match[1])
    if index in names:
      raise InputError(
        f'{path}, line {number}: the index {index} is there twice, for '
        f'{shown(names[index])} and {shown(_unquoted(match[2]))}.'
      )
    names[index] = _unquoted(match[2])
  lacking = next(index for index in range(len(names) + 1) if index not in names)
  if lacking < len(names):
    raise InputError(
      f'{path} has {len(names)} classes, but none with the index {lacking}; '
      'indices are counted from 0, without gaps.'
    )
  return tuple(names[index] for index in range(len(names)))


def _unquoted(name: str) -> str:
  """A name without the quotation marks of CSV files around it."""
  if len(name) > 2 and name[0] == name[-1] == '"':
    return name[1:-1].replace('""', '"').strip()
  return name
