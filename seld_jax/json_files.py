"""JSON files that anyone may have written, read and checked."""

import json
import os
import pathlib
import stat
from typing import Any

from seld_jax.errors import InputError

# Limits of JSON. No file of seld_jax comes near them.
_MOST_JSON_BYTES = 64_000_000
_MOST_LEVELS = 50
_TOO_DEEP = f'it is nested more than {_MOST_LEVELS} levels deep'


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
  """Reads a JSON object.

  Args:
    path: The file.

  Returns:
    The object.

  Raises:
    InputError: The file is missing or unreadable, is not JSON, or does not hold
      an object.

  Example:
    >>> from seld_jax import files, json_files
    >>> files.write_text('scores.json', '{"ER20": 0.41}')
    >>> json_files.read('scores.json')
    {'ER20': 0.41}
  """
  path = pathlib.Path(path)
  try:
    _refuse_endless(path)
    content = path.read_bytes()
  except (OSError, ValueError) as error:
    reason = str(getattr(error, 'strerror', None) or error)
    raise InputError(f'{path} cannot be read as JSON: {reason}.') from error
  value = parse(content, path)
  if not isinstance(value, dict):
    raise InputError(
      f'{path} must hold a JSON object, got {type(value).__name__}.'
    )
  return value


def parse(content: str | bytes, source: str | os.PathLike[str]) -> Any:
  """Parses JSON that anyone may have written.

  Besides text that is not JSON, text is refused that would fail later: values
  nested so deep that they cannot be written again, and characters that no path
  or no UTF-8 file can hold.

  Args:
    content: The text, or its bytes in UTF-8.
    source: Where it comes from, for messages.

  Returns:
    The value.

  Raises:
    InputError: The text is not JSON, or is refused as above.

  Example:
    >>> from seld_jax import json_files
    >>> json_files.parse('[1, 2]', 'scores.json')
    [1, 2]
  """
  try:
    text = content.decode() if isinstance(content, bytes) else content
    value = _loaded(text)
  except (ValueError, RecursionError) as error:
    reason = str(error).rstrip('.')
    if isinstance(error, RecursionError):
      reason = _TOO_DEEP
    elif isinstance(error, UnicodeError):
      reason = f'it is not UTF-8 text ({reason})'
    raise InputError(f'{source} cannot be read as JSON: {reason}.') from error
  return value


def check(value: Any, kind: Any, source: str | os.PathLike[str]) -> Any:
  """Checks that a value from JSON has a type.

  Args:
    value: The value.
    kind: The type, such as a TypedDict; its annotations may have the limits of
      `msgspec.Meta`.
    source: Where the value comes from, for messages.

  Returns:
    The value, converted to the type.

  Raises:
    InputError: It has another type, a field is missing or out of range.

  Example:
    >>> from seld_jax import json_files
    >>> json_files.check([4, 6], list[int], 'steps.json')
    [4, 6]
    >>> json_files.check([4, 'six'], list[int], 'steps.json')
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: steps.json: [1]: expected int, got str.
  """
  # Here, so that reading JSON alone needs no other package.
  import msgspec

  try:
    return msgspec.convert(value, kind)
  except (msgspec.ValidationError, OverflowError) as error:
    text, _, place = str(error).replace('`', '').partition(' - at $')
    where = f'{place.lstrip(".")}: ' if place else ''
    raise InputError(
      f'{source}: {where}{text[:1].lower()}{text[1:]}.'
    ) from error


def _refuse_endless(path: pathlib.Path) -> None:
  """Raises ValueError for devices, pipes and files that are far too large."""
  status = path.stat()
  if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
    raise ValueError('it is not a regular file')
  if status.st_size > _MOST_JSON_BYTES:
    raise ValueError(f'it has more than {_MOST_JSON_BYTES // 10**6} MB')


def _loaded(text: str) -> Any:
  """The value of JSON text; raises ValueError if it cannot be used."""
  if not text.strip():
    raise ValueError('it is empty')
  value = json.loads(text)
  _refuse_unusable(value)
  return value


def _refuse_unusable(value: Any) -> None:
  """Raises ValueError for JSON that is nested deep or has bad characters."""
  level = [value]
  for _ in range(_MOST_LEVELS):
    inside: list[Any] = []
    for one in level:
      if isinstance(one, str):
        one.encode()  # a lone surrogate raises a UnicodeEncodeError
        if '\0' in one:
          raise ValueError('it has a null character in a string')
      elif isinstance(one, dict):
        inside += [*one, *one.values()]
      elif isinstance(one, list):
        inside += one
    level = inside
    if not level:
      return
  raise ValueError(_TOO_DEEP)
