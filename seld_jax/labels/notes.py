"""Warnings about what was changed while files were read, one for each kind.

Outputs of real systems deviate from their form in ways that have one sensible
meaning. They are read with that meaning, and the user gets a warning. A folder
of 900 files gives one warning of each kind, not 900.
"""

import logging
import pathlib

_log = logging.getLogger(__name__)


class Notes:
  """Collects notes about files; `log` writes one warning for each kind."""

  def __init__(self):
    self._first: dict[str, str] = {}
    self._count: dict[str, int] = {}
    self._files: dict[str, set[pathlib.Path]] = {}

  def add(
    self,
    kind: str,
    *,
    path: pathlib.Path,
    line: int | None,
    text: str,
    count: int,
  ) -> None:
    """Adds a note about a file.

    Args:
      kind: Name of what was changed; notes of one kind share a warning.
      path: The file.
      line: The first line concerned, or None.
      text: What the line has and how it is read, without a full stop.
      count: Number of cases, this one included.
    """
    place = f'{path}' if line is None else f'{path}, line {line}'
    self._first.setdefault(kind, f'{place}: {text}')
    self._count[kind] = self._count.get(kind, 0) + count
    self._files.setdefault(kind, set()).add(path)

  def update(self, other: 'Notes') -> None:
    """Adds all notes of another collection."""
    for kind, text in other._first.items():
      self._first.setdefault(kind, text)
      self._count[kind] = self._count.get(kind, 0) + other._count[kind]
      self._files.setdefault(kind, set()).update(other._files[kind])

  def log(self) -> None:
    """Writes one warning for each kind of note."""
    for kind, text in self._first.items():
      more, files = self._count[kind] - 1, len(self._files[kind])
      if more:
        text += f' (and {more:,} more like this'
        text += f', in {files} files in all)' if files > 1 else ')'
      _log.warning('%s.', text)
