"""Audio that another program writes to standard input."""

import contextlib
import logging
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator

from seld_jax.errors import InputError

# What the command line, and messages, call it.
NAME = '-'
SHOWN = 'standard input'


@contextlib.contextmanager
def stored() -> Iterator[pathlib.Path]:
  """Keeps the sound file from standard input on disk while the block runs.

  The formats of sound files need to be read at any place, which a pipe does not
  allow. The file vanishes at the end of the block.

  Yields:
    The path of the file, which has no suffix.

  Raises:
    InputError: Standard input is a terminal, is closed, or is empty, or the
      disk is full.
  """
  source = getattr(sys.stdin, 'buffer', None)  # None if it is closed
  if source is None or source.isatty():
    raise InputError(
      f'The input {NAME} is a sound file from a pipe, but {SHOWN} is '
      f'{"closed" if source is None else "a terminal"}; pipe one into this '
      'command, such as `sox a.wav -t wav - | seld predict -`, or name a file.'
    )
  with temporary_folder() as folder:
    path = folder / 'stdin'
    try:
      with open(path, 'wb') as file:
        shutil.copyfileobj(source, file, 2**20)
    except OSError as error:
      raise InputError(
        f'The sound file from {SHOWN} cannot be kept in {folder}: '
        f'{error.strerror}; set TMPDIR to a folder with more space.'
      ) from error
    if not path.stat().st_size:
      raise InputError(
        f'{SHOWN.capitalize()} is empty: the command before the pipe wrote no '
        'sound file.'
      )
    with _renamed(path):
      yield path


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
  """Makes a folder that vanishes at the end of the block.

  Yields:
    Its path.

  Raises:
    InputError: No folder can be made.
  """
  try:
    made = tempfile.TemporaryDirectory(prefix='seld_jax_')
  except OSError as error:
    raise InputError(
      f'No temporary folder can be made ({error.strerror}); set TMPDIR to a '
      'folder with space that can be written.'
    ) from error
  with made as folder:
    yield pathlib.Path(folder)


def rename(text: str, path: pathlib.Path) -> str:
  """Replaces the path of the stored file in a message.

  Args:
    text: A message.
    path: The path that `stored` yields.

  Returns:
    The message with `standard input` instead of the path; in commands, which
    have its name alone, with `-`.
  """
  return text.replace(str(path), SHOWN).replace(
    f'-i {path.name} ', f'-i {NAME} '
  )


@contextlib.contextmanager
def _renamed(path: pathlib.Path) -> Iterator[None]:
  """Replaces the path in what is logged while the block runs."""

  def rename_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = rename(record.getMessage(), path), None
    return True

  handlers = list(logging.getLogger('seld_jax').handlers)
  for handler in handlers:
    handler.addFilter(rename_record)
  try:
    yield
  finally:
    for handler in handlers:
      handler.removeFilter(rename_record)
