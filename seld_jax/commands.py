"""What all commands share: parsing flags, help, errors in one sentence."""

import sys
from collections.abc import Callable, Sequence

from absl import flags

from seld_jax.errors import InputError

FLAGS = flags.FLAGS


def run(
  main: Callable[[list[str]], None],
  *,
  required: Sequence[str] = (),
  more_help: Callable[[], str] | None = None,
) -> None:
  """Parses the flags, calls `main` and exits.

  The exit status is 0 on success, 1 on a user's mistake (told in a sentence on
  stderr, without traceback) and 130 on Ctrl-C. `--help` shows all flags of the
  command and exits with 0.

  Args:
    main: Called with the arguments that are no flags.
    required: Names of flags that must be given.
    more_help: Text that `--help` shows below the flags.
  """
  # absl reads the module that runs from here when it prints help.
  import __main__

  if any(word in ('--help', '-h', '-help') for word in sys.argv[1:]):
    print((__main__.__doc__ or '').strip())
    print(_flag_help(required))
    if more_help is not None:
      print(more_help())
    sys.exit(0)
  try:
    arguments = _parse(required)
    main(arguments[1:])
  except InputError as error:
    sys.stdout.flush()
    print(f'error: {error}', file=sys.stderr)
    sys.exit(1)
  except KeyboardInterrupt:
    print('stopped', file=sys.stderr)
    sys.exit(130)


def refuse_arguments(arguments: Sequence[str]) -> None:
  """Raises InputError when words that are no flags were given."""
  if arguments:
    raise InputError(
      f'This command takes flags only, got {arguments[0]!r}; --help lists them.'
    )


def _parse(required: Sequence[str]) -> list[str]:
  """Parses sys.argv; whatever goes wrong here is the user's to mend."""
  try:
    arguments = FLAGS(sys.argv)
  except InputError:
    raise
  except Exception as error:
    # Besides flags.Error, a config file given on the command line can raise
    # anything, and ml_collections raises KeyError, AttributeError, TypeError
    # and OSError for unknown fields, wrong types and missing files.
    raise InputError(_one_line(error)) from error
  for name in required:
    if FLAGS[name].value in (None, ''):
      raise InputError(f'--{name} is missing; --help lists all flags.')
  return arguments


def _one_line(error: Exception) -> str:
  """The message of a parsing error, as one line."""
  if isinstance(error, KeyError) and error.args:
    text = str(error.args[0])
  else:
    text = str(error)
  text = ' '.join(text.split())
  if not isinstance(error, flags.Error | KeyError | AttributeError):
    text = f'{type(error).__name__} while reading the flags: {text}'
  return text


def _flag_help(required: Sequence[str]) -> str:
  """One paragraph for each flag of the main module."""
  lines = ['', 'Flags:']
  for flag in sorted(
    FLAGS.get_flags_for_module(sys.argv[0]), key=lambda flag: flag.name
  ):
    if isinstance(flag, flags.BooleanFlag):
      head = f'--[no]{flag.name}'
    elif isinstance(flag, flags.EnumFlag):
      head = f'--{flag.name}={"|".join(flag.parser.enum_values)}'
    else:
      head = f'--{flag.name}=...'
    if flag.name in required:
      note = ' (required)'
    elif flag.default in (None, ''):
      note = ''
    else:
      note = f' (default: {flag.default_as_str or flag.default})'
    lines.append(f'  {head}{note}\n      {flag.help}')
  return '\n'.join(lines)
