"""Shared parts of all commands: flags, help, messages and exit statuses."""

import contextlib
import difflib
import functools
import logging
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from absl import flags

from seld_jax import stopping, streams
from seld_jax.errors import (
  BAD_PATHS,
  FULL_MEMORY,
  InputError,
  lacks_memory,
  printable,
)

# Paragraphs of help, in 80 columns.
HELP_LINES = textwrap.TextWrapper(
  80,
  initial_indent=' ' * 6,
  subsequent_indent=' ' * 6,
  break_long_words=False,
  break_on_hyphens=False,
)

# The flag of an entry of a tuple, such as --config.data.train_folds[0]=3.
_ENTRY = re.compile(r'--?config\.[^=]*\[')


def run(
  main: Callable[[list[str], flags.FlagValues], None],
  *,
  define_flags: Callable[[flags.FlagValues], None] = lambda values: None,
  required: Sequence[str] = (),
  more_help: Callable[[], str] | None = None,
  prepare: Callable[[list[str]], list[str]] | None = None,
  resumes: bool = False,
) -> None:
  """Parses the command line in `sys.argv` and calls the main function.

  Returns if `main` returns; the exit status of the process is then 0. Otherwise
  exits with status 1 after an InputError (its message is printed on standard
  error, without a traceback), 130 after Ctrl-C and 143 after SIGTERM. `--help`
  prints all flags and exits with status 0. Output that cannot be written does
  not stop `main`; the exit status is then 1.

  Args:
    main: Called with the arguments that are not flags, and with the flags.
    define_flags: Defines the flags of the command in the given object.
    required: Names of the flags that must be present.
    more_help: Returns text that `--help` prints below the flags.
    prepare: Called with the arguments of the command line before they are
      parsed; returns those to parse. It can raise an InputError that is clearer
      than that of the parser.
    resumes: Whether the same command resumes the work of a stopped one.

  Example:
    >>> from unittest import mock
    >>> from seld_jax import commands
    >>> def define_flags(values):
    ...   commands.Define(values).float('gain_db', 0.0, 'Gain in dB.')
    >>> def main(arguments, values):
    ...   print(arguments, values.gain_db)
    >>> with mock.patch('sys.argv', ['mix', '--gain_db=6', 'a.wav']):
    ...   commands.run(main, define_flags=define_flags)
    ['a.wav'] 6.0
  """
  with (
    streams.tolerant() as (out, _),
    log_to_terminal(),
    stopping.interruptions() as interruptions,
  ):
    values = flags.FlagValues()
    try:
      with interruptions.raised():
        define_flags(values)
        _run(main, values, required, more_help=more_help, prepare=prepare)
        sys.stdout.flush()
    except SystemExit as stop:
      _refuse_loss(out, stop.code)
      raise
    except InputError as error:
      _fail(str(error))
    except (KeyboardInterrupt, stopping.Terminated) as stop:
      name = 'Ctrl-C' if isinstance(stop, KeyboardInterrupt) else 'SIGTERM'
      hint = '; the same command resumes the work' if resumes else ''
      print(f'{name}: stopped{hint}.', file=sys.stderr)
      sys.exit(130 if isinstance(stop, KeyboardInterrupt) else 143)
    except BrokenPipeError:
      sys.exit(1)
    except Exception as error:
      if lacks_memory(error):
        _fail(FULL_MEMORY.format(_one_line(error) or 'MemoryError'))
      if not isinstance(error, OSError) or error.errno not in BAD_PATHS:
        raise
      if not error.filename:
        raise
      _fail(f'{error.filename}: {error.strerror}.')
    _refuse_loss(out)


def _run(
  main: Callable[[list[str], flags.FlagValues], None],
  values: flags.FlagValues,
  required: Sequence[str],
  *,
  more_help: Callable[[], str] | None,
  prepare: Callable[[list[str]], list[str]] | None,
) -> None:
  """Shows the help, or parses the flags and calls the main function."""
  if any(word in ('--help', '-h', '-help') for word in sys.argv[1:]):
    about = sys.modules[main.__module__].__doc__ or ''
    _print_help(about, values, required, more_help)
    sys.exit(0)
  words = sys.argv[1:]
  if prepare is not None:
    words = prepare(words)
  arguments = _parse(values, required, words)
  main(arguments[1:], values)


def _fail(message: str, *, status: int = 1) -> NoReturn:
  """Prints a message about an error, and exits."""
  with contextlib.suppress(BrokenPipeError):
    sys.stdout.flush()
  print(f'error: {message}', file=sys.stderr)
  sys.exit(status)


def _refuse_loss(out: streams.Stream, status: object = None) -> None:
  """Exits if output was dropped, with the status of the command unless 0."""
  with contextlib.suppress(BrokenPipeError):
    out.flush()
  # The reader of our output, such as `head`, may end before us.
  if out.error is not None and not isinstance(out.error, BrokenPipeError):
    reason = out.error.strerror or out.error
    _fail(
      f'The output could not be written completely: {reason}.',
      status=status if isinstance(status, int) and status else 1,
    )


# A function that defines a flag.
_Define = Callable[..., Any]


class Define:
  """The functions of absl that define flags, for one `FlagValues` object.

  `Define(values).string(...)` is `flags.DEFINE_string(..., flag_values=values)`
  and so on.

  Example:
    >>> from absl import flags
    >>> from seld_jax import commands
    >>> values = flags.FlagValues()
    >>> define = commands.Define(values)
    >>> _ = define.string('out', None, 'Output folder.')
    >>> _ = define.integer('workers', 1, 'Number of processes.', lower_bound=1)
    >>> values(['command', '--workers=2'])
    ['command']
    >>> values.workers
    2
  """

  def __init__(self, values: flags.FlagValues):
    self.string: _Define = functools.partial(
      flags.DEFINE_string, flag_values=values
    )
    self.integer: _Define = functools.partial(
      flags.DEFINE_integer, flag_values=values
    )
    self.float: _Define = functools.partial(
      flags.DEFINE_float, flag_values=values
    )
    self.bool: _Define = functools.partial(
      flags.DEFINE_bool, flag_values=values
    )
    self.enum: _Define = functools.partial(
      flags.DEFINE_enum, flag_values=values
    )
    self.list: _Define = functools.partial(
      flags.DEFINE_list, flag_values=values
    )


@contextlib.contextmanager
def log_to_terminal() -> Iterator[None]:
  """Prints the messages of the logger `seld_jax` while the block runs.

  INFO goes to standard output without change. WARNING and above go to standard
  error after the name of the level, such as `warning: `. Only commands use this
  function: a program that imports seld_jax configures its loggers itself.

  Example:
    >>> import logging
    >>> from seld_jax import commands
    >>> with commands.log_to_terminal():
    ...   logging.getLogger('seld_jax').info('resuming after step 400')
    resuming after step 400
  """
  logger = logging.getLogger('seld_jax')
  before = logger.handlers, logger.level, logger.propagate
  logger.handlers = [_TerminalHandler()]
  logger.setLevel(logging.INFO)
  logger.propagate = False
  try:
    yield
  finally:
    logger.handlers, level, logger.propagate = before
    logger.setLevel(level)


class _TerminalHandler(logging.Handler):
  """Prints to the current `sys.stdout` and `sys.stderr`."""

  def emit(self, record: logging.LogRecord) -> None:
    text = '\n'.join(map(printable, record.getMessage().split('\n')))
    if record.levelno < logging.WARNING:
      print(text, flush=True)
    else:
      level = record.levelname.lower()
      print(f'{level}: {text}', file=sys.stderr, flush=True)


def refuse_arguments(arguments: Sequence[str]) -> None:
  """Raises an InputError if there are arguments that are not flags.

  Args:
    arguments: The arguments that are not flags.

  Raises:
    InputError: There is at least one.

  Example:
    >>> from seld_jax import commands
    >>> commands.refuse_arguments(['a.wav'])
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: This command takes flags only, got 'a.wav';
    --help lists them.
  """
  if arguments:
    raise InputError(
      f'This command takes flags only, got {arguments[0]!r}; --help lists them.'
    )


def _parse(
  values: flags.FlagValues, required: Sequence[str], words: Sequence[str]
) -> list[str]:
  """Parses the words; every error here is a mistake of the user."""
  try:
    arguments = values([sys.argv[0], *words])
  except InputError:
    raise
  except flags.UnrecognizedFlagError as error:
    text = _one_line(error).rstrip(' ?').partition('. Did you mean')[0]
    # Commands name a trained network by either flag.
    other = {'model': 'workdir', 'workdir': 'model'}.get(error.flagname, '')
    # A field of the config has the name of its flag before the first dot.
    name, dot, field = error.flagname.partition('.')
    near = difflib.get_close_matches(name, [*values, 'help'], n=1)
    near = [one + dot + field for one in near]
    nearest = [other] if other in values else near
    meant = f'did you mean --{nearest[0]}? ' if nearest else ''
    raise InputError(f'{text}: {meant}--help lists all flags.') from error
  except (IndexError, KeyError) as error:
    entry = next((one for one in words if _ENTRY.match(one)), None)
    if entry is None:
      raise InputError(explain(error)) from error
    raise InputError(
      f'{entry}: only a number that is there can be set like this; set the '
      f'whole tuple, such as {entry.partition("[")[0]}="(1, 2)".'
    ) from error
  except Exception as error:
    # A field of the config before the config itself.
    field = next((one for one in words if one.startswith('--config.')), None)
    if field is not None and 'before a value for --config' in str(error):
      raise InputError(
        f'--config=NAME must stand before its fields, such as {field}.'
      ) from error
    # Besides flags.Error, a config file on the command line can raise anything,
    # and ml_collections raises KeyError, AttributeError, TypeError and OSError
    # for unknown fields, wrong types and missing files.
    raise InputError(explain(error)) from error
  for name in required:
    if not values[name].present or values[name].value == '':
      raise InputError(f'--{name} is missing; --help lists all flags.')
  return arguments


def explain(error: BaseException) -> str:
  r"""Describes an error of reading the flags in one line.

  Args:
    error: An error of the parser, or of a Python file that a flag names and
      that was executed, such as a config.

  Returns:
    The message in one line. If the error comes from a file on the command line,
    the message starts with the file, the line and the type of the error.

  Example:
    >>> from seld_jax import commands
    >>> commands.explain(TypeError('batch_size:\n  got str'))
    'batch_size: got str'
  """
  arguments = [word.rpartition('=')[2] for word in sys.argv[1:]]
  named = {os.path.abspath(path): path for path in arguments if path}
  cause: BaseException | None = error
  while cause is not None:
    places = [
      (frame.filename, frame.lineno)
      for frame in traceback.extract_tb(cause.__traceback__)
    ]
    reason = _one_line(cause)
    if isinstance(cause, SyntaxError):
      places.append((cause.filename or '', cause.lineno))
      reason = cause.msg
    for path, line in reversed(places):
      if path in named:
        kind = type(cause).__name__
        return f'{named[path]}, line {line}: {kind}: {reason}'
    cause = cause.__cause__ or cause.__context__
  return _one_line(error)


# Messages of Python and absl about a value, and what the value must be.
_OF_PYTHON = {
  r': \(\'Non-boolean argument to boolean flag\', .*\)$': 'true or false',
  r': invalid literal for int\(\) with base 10: .*$': 'an integer',
  r': could not convert string to float: .*$': 'a number',
}


def _one_line(error: BaseException) -> str:
  """The message of an error in one line, without a list of all fields."""
  # str(KeyError) quotes its message, also if other errors wrap the KeyError.
  while len(error.args) == 1 and isinstance(error.args[0], BaseException):
    error = error.args[0]
  if isinstance(error, KeyError) and error.args:
    text = str(error.args[0])
  else:
    text = str(error)
  text = re.sub(r' Other fields present: ".*"$', '', text, flags=re.MULTILINE)
  for pattern, expected in _OF_PYTHON.items():
    text = re.sub(pattern, f': must be {expected}', text)
  return ' '.join(text.split())


def _print_help(
  about: str,
  values: flags.FlagValues,
  required: Sequence[str],
  more_help: Callable[[], str] | None,
) -> None:
  print(about.strip())
  print(_flag_help(values, required))
  if more_help is not None:
    print(more_help())
  sys.stdout.flush()


def _flag_help(values: flags.FlagValues, required: Sequence[str]) -> str:
  """One paragraph for each flag."""
  lines = ['', 'Flags:']
  for name in sorted(values):
    flag = values[name]
    about = flag.help
    if isinstance(flag, flags.BooleanFlag):
      head = f'--[no]{flag.name}'
    elif isinstance(flag, flags.EnumFlag):
      choices = '|'.join(flag.parser.enum_values)
      head = f'--{flag.name}={choices}'
      about = about.removeprefix(f'<{choices}>: ')
    else:
      head = f'--{flag.name}=...'
    default = flag.default
    if isinstance(default, list):
      default = ','.join(map(str, default))
    if flag.name in required:
      note = ' (required)'
    elif default in (None, ''):
      note = ''
    else:
      note = f' (default: {default})'
    lines += [f'  {head}{note}', *HELP_LINES.wrap(about)]
  return '\n'.join(lines)
