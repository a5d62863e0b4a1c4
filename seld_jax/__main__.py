"""Finds sounds and their directions: trains, predicts, scores and shows.

`seld COMMAND ...` is the same as `python -m seld_jax.NAME ...`, where NAME is
that of the command; `train` is seld_jax.main.

Examples:
  seld predict recording.wav
  seld train --config=mse_foa --config.data.root=FOLDER
  seld COMMAND --help
"""

import ast
import contextlib
import difflib
import os
import pathlib
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from absl import flags

import seld_jax
from seld_jax import commands
from seld_jax.errors import InputError, printable

# The commands in the order of the help, and their modules.
COMMANDS = {
  'predict': 'predict',
  'listen': 'listen',
  'evaluate': 'evaluate',
  'compare': 'compare',
  'report': 'report',
  'fetch': 'fetch',
  'synthesize': 'synthesize',
  'validate': 'validate',
  'train': 'main',
  'calibrate': 'calibrate',
  'convert': 'convert',
  'export': 'export',
  'save_pretrained': 'save_pretrained',
  'reproduce': 'reproduce',
  'completion': 'completion',
}


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of `seld` without a command."""
  commands.Define(values).bool('version', False, 'Print the version.')


def main() -> None:
  """Starts the command that the command line names, or shows the help."""
  words = sys.argv[1:]
  if words[:1] == ['help']:
    words = [*words[1:2], '--help']
  if words and words[0] in COMMANDS:
    _start(COMMANDS[words[0]], words[1:])
  if words and not words[0].startswith('-'):
    words = words[:1]  # no command; --help does not make it one
  sys.argv[1:] = words or ['--help']
  commands.run(_main, define_flags=define_flags, more_help=_list)


def _start(module: str, words: Sequence[str]) -> NoReturn:
  """Replaces this process by that of a command."""
  for number in signal.SIGINT, signal.SIGTERM:
    # There is nothing to clean up here, and nothing to say.
    with contextlib.suppress(ValueError):
      if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
  # Files of the folder where we are, such as random.py, are not ours. But in a
  # clone without an installation, seld_jax itself is found there.
  safe = [] if os.getcwd() in map(os.path.abspath, sys.path) else ['-P']
  command = [sys.executable, *safe, '-m', f'seld_jax.{module}', *words]
  os.execv(sys.executable, command)


def _main(arguments: list[str], values: flags.FlagValues) -> None:
  if values.version:
    print(f'seld_jax {seld_jax.__version__}')
    return
  name = arguments[0] if arguments else ''
  nearest = difflib.get_close_matches(name, COMMANDS, n=1)
  meant = f'did you mean {nearest[0]}? ' if nearest else ''
  raise InputError(
    f'There is no command {printable(name)!r}: {meant}seld --help lists all '
    'commands.'
  )


def _list() -> str:
  """The commands, each with the first line of its help."""
  width = max(map(len, COMMANDS))
  lines = [
    f'  {name:{width}}  {summary(module)}' for name, module in COMMANDS.items()
  ]
  return '\n'.join(['', 'Commands:', *lines])


def summary(module: str) -> str:
  """The first line of the docstring of a command, which is not imported."""
  folder = pathlib.Path(__file__).parent
  paths = folder / f'{module}.py', folder / module / '__main__.py'
  path = next(filter(pathlib.Path.is_file, paths), None)
  if path is None:  # Python may have been installed without source files
    return ''
  text = ast.get_docstring(ast.parse(path.read_bytes())) or ''
  return text.partition('\n')[0]


if __name__ == '__main__':
  main()
