"""What all commands share: parsing flags, help, errors in one sentence."""

import contextlib
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from absl import flags

from seld_jax.errors import BAD_PATHS, InputError


def run(
  main: Callable[[list[str], flags.FlagValues], None],
  *,
  define_flags: Callable[[flags.FlagValues], None] = lambda values: None,
  required: Sequence[str] = (),
  more_help: Callable[[], str] | None = None,
  check: Callable[[list[str]], None] | None = None,
  resumes: bool = False,
) -> None:
  """Parses the flags, calls `main` and exits.

  The exit status is 0 on success, 1 on a user's mistake (told in a sentence on
  stderr, without traceback), 130 on Ctrl-C and 143 on SIGTERM. `--help` shows
  all flags of the command and exits with 0.

  Args:
    main: Called with the arguments that are not flags, and with the flags.
    define_flags: Defines the flags of the command in the object it is given.
    required: Names of flags that must be given.
    more_help: Text that `--help` shows below the flags.
    check: Called with the words of the command line before they are parsed,
      for what it can refuse more clearly than the parser does.
    resumes: Whether the same command goes on with what a stopped one has left.
  """
  with contextlib.suppress(ValueError):  # not the main thread: no signals
    signal.signal(signal.SIGTERM, _terminate)
  log_to_terminal()
  values = flags.FlagValues()
  define_flags(values)
  try:
    if any(word in ('--help', '-h', '-help') for word in sys.argv[1:]):
      _print_help(values, required, more_help)
      sys.exit(0)
    if check is not None:
      check(sys.argv[1:])
    arguments = _parse(values, required)
    main(arguments[1:], values)
    sys.stdout.flush()
  except InputError as error:
    sys.stdout.flush()
    print(f'error: {error}', file=sys.stderr)
    sys.exit(1)
  except (KeyboardInterrupt, _Terminated) as stop:
    name = 'Ctrl-C' if isinstance(stop, KeyboardInterrupt) else 'SIGTERM'
    hint = '; the same command goes on from there' if resumes else ''
    print(f'{name}: stopped{hint}.', file=sys.stderr)
    sys.exit(130 if isinstance(stop, KeyboardInterrupt) else 143)
  except BrokenPipeError:
    # Whoever read our output, as `head` does, has seen enough. Python would
    # complain again when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
  except OSError as error:
    if error.errno not in BAD_PATHS or not error.filename:
      raise
    sys.stdout.flush()
    print(f'error: {error.filename}: {error.strerror}.', file=sys.stderr)
    sys.exit(1)


def log_to_terminal() -> None:
  """Prints what the logger `seld_jax` says: information, warnings, errors.

  Information goes to standard output, as it is; the rest goes to standard
  error, with its level before it. Only commands do this: a program that imports
  seld_jax decides by itself what becomes of its messages.
  """
  logger = logging.getLogger('seld_jax')
  logger.handlers = [_Terminal()]
  logger.setLevel(logging.INFO)
  logger.propagate = False


class _Terminal(logging.Handler):
  """Prints messages to the streams that are in place at that moment."""

  def emit(self, record: logging.LogRecord) -> None:
    text = record.getMessage()
    if record.levelno < logging.WARNING:
      print(text, flush=True)
    else:
      level = record.levelname.lower()
      print(f'{level}: {text}', file=sys.stderr, flush=True)


class _Terminated(BaseException):
  """SIGTERM, as KeyboardInterrupt is Ctrl-C."""


def _terminate(number, frame):
  raise _Terminated


def refuse_arguments(arguments: Sequence[str]) -> None:
  """Raises InputError when words that are no flags were given."""
  if arguments:
    raise InputError(
      f'This command takes flags only, got {arguments[0]!r}; --help lists them.'
    )


def _parse(values: flags.FlagValues, required: Sequence[str]) -> list[str]:
  """Parses sys.argv; whatever goes wrong here is the user's to mend."""
  try:
    arguments = values(sys.argv)
  except InputError:
    raise
  except Exception as error:
    # Besides flags.Error, a config file given on the command line can raise
    # anything, and ml_collections raises KeyError, AttributeError, TypeError
    # and OSError for unknown fields, wrong types and missing files.
    raise InputError(explain(error)) from error
  for name in required:
    if not values[name].present or values[name].value == '':
      raise InputError(f'--{name} is missing; --help lists all flags.')
  return arguments


def explain(error: BaseException) -> str:
  """What went wrong when flags were read, in one line.

  Args:
    error: From the parser, or from a file that a flag names and that Python
      runs: of such a file the line is named.

  Returns:
    The line.
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


def _one_line(error: BaseException) -> str:
  """The message of an error on one line, without a listing of fields."""
  # A KeyError shows its message in quotes, however deep it is wrapped.
  while len(error.args) == 1 and isinstance(error.args[0], BaseException):
    error = error.args[0]
  if isinstance(error, KeyError) and error.args:
    text = str(error.args[0])
  else:
    text = str(error)
  text = re.sub(r' Other fields present: ".*"$', '', text, flags=re.MULTILINE)
  return ' '.join(text.split())


def _print_help(
  values: flags.FlagValues,
  required: Sequence[str],
  more_help: Callable[[], str] | None,
) -> None:
  import __main__

  print((__main__.__doc__ or '').strip())
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
    lines.append(f'  {head}{note}\n      {about}')
  return '\n'.join(lines)
