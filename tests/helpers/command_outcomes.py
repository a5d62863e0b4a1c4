"""Exit status and output of whole commands.

Commands run in processes that are forked from one warm process, which imports a
command when it is run for the first time. So imports, which take seconds, are
needed once. The warm process is this file, run as a script.
"""

import atexit
import functools
import importlib
import importlib.util
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
import warnings
from typing import NamedTuple

# Seconds after which a command that hangs is killed.
_PATIENCE = 300

# Modules that commands import only when they need them.
_LAZY = ('seld_jax.report', 'seld_jax.train.loop', 'seld_jax.train.snapshot')


class Outcome(NamedTuple):
  """What a command left: its exit status, standard output and error."""

  returncode: int
  stdout: str
  stderr: str


def outcome(module, *arguments, folder=None, closed=False, piped=None):
  """Runs `python -m MODULE ARGUMENTS...` until it ends.

  Args:
    module: Module of the command, such as `seld_jax.main`.
    *arguments: Its command line.
    folder: Current folder of the command; None for that of the test.
    closed: Whether the reader of its standard output has already ended.
    piped: File whose content is its standard input; None for nothing.

  Returns:
    The outcome.
  """
  request = {
    'module': module,
    'arguments': list(map(str, arguments)),
    'folder': str(folder or os.getcwd()),
    'environment': {**os.environ, 'JAX_PLATFORMS': 'cpu'},
    'closed': closed,
    'piped': str(piped or os.devnull),
  }
  process = _warm_process()
  assert process.stdin and process.stdout
  process.stdin.write(json.dumps(request) + '\n')
  process.stdin.flush()
  answer = process.stdout.readline()
  assert answer, 'the warm process has ended; its standard error says why'
  return Outcome(*json.loads(answer))


@functools.cache
def _warm_process():
  process = subprocess.Popen(
    [sys.executable, '-P', __file__],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
  )

  def end():
    process.terminate()
    process.communicate()

  atexit.register(end)
  return process


def _serve():
  """Answers requests, one JSON object in each line of standard input."""
  answers = os.fdopen(os.dup(1), 'w')
  os.dup2(2, 1)  # Imports may print.
  for line in sys.stdin:
    request = json.loads(line)
    _import(request['module'])
    answers.write(json.dumps(_run(**request)) + '\n')
    answers.flush()


def _import(module):
  importlib.import_module(module)
  spec = importlib.util.find_spec(module)
  if spec is not None and spec.submodule_search_locations:
    importlib.import_module(f'{module}.__main__')
  if 'jax' in sys.modules:
    for name in _LAZY:
      importlib.import_module(name)


def _run(module, arguments, folder, environment, closed, piped):
  out, err = os.memfd_create('out'), os.memfd_create('err')
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # JAX advises against fork.
    child = os.fork()
  if not child:
    _be_command(
      *(module, arguments, folder, environment, closed, piped, out, err)
    )
  status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
  texts = []
  for descriptor in out, err:
    with os.fdopen(descriptor, 'rb') as file:
      file.seek(0)
      texts.append(file.read().decode())
  return [status, *texts]


def _be_command(
  module, arguments, folder, environment, closed, piped, out, err
):
  """Runs a command in this process and ends it."""
  signal.alarm(_PATIENCE)
  if closed:
    reader, out = os.pipe()
    os.close(reader)
  os.dup2(os.open(piped, os.O_RDONLY), 0)
  os.dup2(out, 1)
  os.dup2(err, 2)
  os.environ.clear()
  os.environ.update(environment)
  os.chdir(folder)
  sys.argv = [module, *arguments]
  # runpy warns if the module that it runs was imported before.
  warnings.filterwarnings('ignore', category=RuntimeWarning, module='runpy')
  status = 0
  try:
    runpy.run_module(module, run_name='__main__', alter_sys=True)
  except SystemExit as stop:
    status = stop.code or 0
    if not isinstance(status, int):
      print(status, file=sys.stderr)
      status = 1
  except BaseException:
    traceback.print_exc()
    status = 99
  try:
    sys.stdout.flush()
    sys.stderr.flush()
  finally:
    os._exit(status)


if __name__ == '__main__':
  _serve()
