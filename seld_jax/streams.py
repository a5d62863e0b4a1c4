"""Standard output and error that cannot stop the work of a command."""

import codecs
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

# Replacements for characters of tables and messages in encodings such as ASCII.
# Except for the last, each is one character, so that columns stay aligned.
_PLAIN = dict(zip('↑↖←↙↓↘→↗█░…–−°', '^\\</v\\>/#..-- ', strict=True))
_PLAIN['±'] = '+-'
_ERRORS = 'seld_jax.plain'


class Stream:
  r"""A text stream that drops its output once it cannot be written.

  Args:
    stream: The stream to write to.
    breaks: Whether to raise BrokenPipeError when the reader has ended.

  Attributes:
    error: The first error of writing, or None.

  Example:
    >>> import io
    >>> from seld_jax import streams
    >>> stream = streams.Stream(io.StringIO(), breaks=False)
    >>> print('text', file=stream)
    >>> stream.getvalue(), stream.error
    ('text\n', None)
  """

  def __init__(self, stream: TextIO, *, breaks: bool):
    self._stream = stream
    self._breaks = breaks
    self.error: OSError | None = None

  def write(self, text: str) -> int:
    """Writes text, or drops it."""
    self._try(self._stream.write, text)
    return len(text)

  def flush(self) -> None:
    """Flushes the stream."""
    self._try(self._stream.flush)

  def _try(self, action: Callable[..., Any], *arguments: str) -> None:
    if self.error is not None:
      return
    try:
      action(*arguments)
    except OSError as error:
      self.error = error
      if self._breaks and isinstance(error, BrokenPipeError):
        raise

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)


@contextlib.contextmanager
def tolerant() -> Iterator[tuple[Stream, Stream]]:
  """Replaces `sys.stdout` and `sys.stderr` in the block.

  A full disk or a closed terminal does not stop the block; what cannot be
  written is dropped. Only BrokenPipeError is raised, by standard output. A
  closed descriptor (`>&-` of a shell) is as /dev/null. Characters that the
  encoding lacks are written in a plainer form, or as escapes.

  Yields:
    Standard output and standard error; their attribute `error` says whether
    something was dropped.

  Example:
    >>> from seld_jax import streams
    >>> with streams.tolerant() as (out, err):
    ...   print('0.41')
    0.41
    >>> out.error is err.error is None
    True
  """
  codecs.register_error(_ERRORS, _plainer)
  before = sys.stdout, sys.stderr
  with contextlib.ExitStack() as stack:
    opened = [
      stack.enter_context(_nowhere()) if stream is None else stream
      for stream in before
    ]
    out, err = Stream(opened[0], breaks=True), Stream(opened[1], breaks=False)
    errors = [getattr(stream, 'errors', None) for stream in opened]
    for stream in out, err:
      _set_errors(stream, _ERRORS)
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
      yield out, err
    finally:
      sys.stdout, sys.stderr = before
      for stream, handler in zip((out, err), errors, strict=True):
        with contextlib.suppress(BrokenPipeError):
          stream.flush()
        if stream.error is None:
          _set_errors(stream, handler)
        else:
          _discard(stream)


def _nowhere() -> TextIO:
  """A stream to /dev/null; it gets the lowest free number, the closed one."""
  descriptor = os.open(os.devnull, os.O_WRONLY)
  os.set_inheritable(descriptor, True)
  return os.fdopen(descriptor, 'w', encoding='utf-8')


def _set_errors(stream: Stream, errors: str | None) -> None:
  """Sets what a stream does with characters that its encoding lacks."""
  # Other streams than those of Python's start keep what they have.
  with contextlib.suppress(AttributeError, OSError, ValueError):
    if errors is not None:
      stream.reconfigure(errors=errors)


def _discard(stream: Stream) -> None:
  """Lets what is left in the buffer vanish, which Python writes at exit."""
  with contextlib.suppress(OSError, ValueError):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
  """An error handler of codecs: plain characters instead of special ones."""
  if not isinstance(error, UnicodeEncodeError):
    raise error
  text = error.object[error.start : error.end]
  parts = (
    _PLAIN.get(one) or one.encode('ascii', 'backslashreplace').decode()
    for one in text
  )
  return ''.join(parts), error.end
