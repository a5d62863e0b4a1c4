"""The exception for mistakes that a user can fix.

Also what the errors of the system mean, for all who report them.
"""

import errno
import math
import os
import reprlib

# errno values of paths that cannot be accessed or are not valid paths.
BAD_PATHS = (
  errno.EACCES,
  errno.EPERM,
  errno.ENOTDIR,
  errno.ELOOP,
  errno.ENAMETOOLONG,
)

# The message about too little memory, with the error of a library.
FULL_MEMORY = (
  'The memory is full ({}): this command needs more memory than the machine '
  'has, or than a limit such as `ulimit -v` allows.'
)

# What libraries say if there is no memory for a thread, a module or an array.
_FULL_MEMORY_WORDS = (
  *("can't start new thread", 'failed to map segment', 'RESOURCE_EXHAUSTED'),
  *('bad_alloc', os.strerror(errno.ENOMEM)),
)

# Values in messages are cut to this length.
_SHOWN = 80


class InputError(ValueError):
  """An input to seld_jax is wrong and the user can fix it.

  The message is one sentence. It names the file or field, what was expected and
  what was found. The commands print it without a traceback and exit with status
  1; a program that imports seld_jax can catch it. The message is `printable`,
  whatever the names of files are; further arguments are lines below it.

  Example:
    >>> import seld_jax
    >>> from seld_jax.errors import InputError
    >>> try:
    ...   seld_jax.load('runs/missing')
    ... except InputError as error:
    ...   print(str(error)[:27])
    runs/missing does not exist
  """

  def __init__(self, *lines: object):
    super().__init__(*map(printable, lines))

  def __str__(self) -> str:
    return '\n  '.join(self.args)


def lacks_memory(error: BaseException) -> bool:
  """Returns whether an error means that memory could not be had.

  Args:
    error: Any exception. That of a library in C++ is recognised by its text.

  Returns:
    True if there is too little memory.

  Example:
    >>> from seld_jax import errors
    >>> errors.lacks_memory(ImportError('x.so: failed to map segment'))
    True
  """
  return (
    isinstance(error, MemoryError)
    or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    or any(words in str(error) for words in _FULL_MEMORY_WORDS)
  )


def is_utf8(text: str) -> bool:
  r"""Whether a text can be written as UTF-8.

  Names of files can hold bytes that are not UTF-8, for which Python has lone
  surrogates.

  Args:
    text: The text.

  Returns:
    True or False.

  Example:
    >>> from seld_jax import errors
    >>> errors.is_utf8('caf\xe9'), errors.is_utf8('caf\udce9')
    (True, False)
  """
  try:
    text.encode()
  except UnicodeEncodeError:
    return False
  return True


def printable(text: object) -> str:
  r"""Escapes what a terminal must not get: control characters and broken UTF-8.

  Names of files can hold line ends, commands for terminals, characters that
  change the direction of text, and bytes that are not UTF-8.

  Args:
    text: The text, or a path.

  Returns:
    The text with escapes such as `\n`, in one line.

  Example:
    >>> from seld_jax import errors
    >>> print(errors.printable('kitchen\n\x1b[31m.wav'))
    kitchen\n\x1b[31m.wav
  """
  text = str(text)
  if text.isprintable():
    return text
  return ''.join(one if one.isprintable() else _escaped(one) for one in text)


def shown(value: object) -> str:
  """A value of a file or a field for a message, shortened if it is long.

  Args:
    value: The value, of any type and size.

  Returns:
    Its `repr`, of about 80 characters at most.

  Example:
    >>> from seld_jax import errors
    >>> errors.shown([0.5, 'piano']), len(errors.shown('x' * 10**6))
    ("[0.5, 'piano']", 82)
  """
  if isinstance(value, str) and len(value) > _SHOWN:
    return repr(value[: _SHOWN - 3] + '...')
  text = _Short().repr(value)
  return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'


class _Short(reprlib.Repr):
  """Makes a `repr` that is short, however large the value is.

  The `repr` of a list can be much longer than the file that it is from: the
  list may have the same other list in it many times.
  """

  def __init__(self) -> None:
    super().__init__()
    self.maxlevel = 4
    self.maxdict = self.maxlist = self.maxtuple = self.maxset = 12
    self.maxstring = self.maxother = _SHOWN

  def repr_int(self, x: int, level: int) -> str:
    """An integer, which Python refuses to write beyond 4300 digits."""
    if x.bit_length() > 200:
      return f'a number of {int(x.bit_length() * math.log10(2)) + 1} digits'
    return repr(x)


def _escaped(character: str) -> str:
  """The escape of a character, or of a byte that is no UTF-8."""
  code = ord(character)
  if 0xDC80 <= code <= 0xDCFF:  # how Python writes such a byte of a file name
    return f'\\x{code - 0xDC00:02x}'
  return character.encode('unicode_escape').decode()
