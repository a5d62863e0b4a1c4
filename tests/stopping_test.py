"""Commands end at a signal from their first import on, workers with parents."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from helpers.environments import environment

from seld_jax import stopping

COMMANDS = (
  *('evaluate', 'export', 'fetch', 'listen', 'main', 'predict', 'report'),
  *('reproduce', 'synthesize', 'tau2020', 'validate'),
)

# In the place of the packages that commands import first.
_SIGNAL_AT_IMPORT = """
import os, signal, time
os.kill(os.getpid(), int(os.environ['NUMBER']))
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def interruptible():
  # A shell lets background jobs ignore Ctrl-C, and processes inherit that.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('command', COMMANDS)
def test_a_signal_during_the_imports_is_one_sentence(command, number, tmp_path):
  for package in 'absl', 'numpy', 'rich', 'matplotlib', 'ml_collections':
    (tmp_path / f'{package}.py').write_text(_SIGNAL_AT_IMPORT)
  path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
  done = subprocess.run(
    [sys.executable, '-m', f'seld_jax.{command}', '--help'],
    env={**os.environ, 'PYTHONPATH': path, 'NUMBER': str(int(number))},
    capture_output=True,
    text=True,
  )
  name = 'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'
  assert done.stderr == f'{name}: stopped.\n'
  assert done.returncode == 128 + number


def fail_at_import(command, error, tmp_path):
  """Runs a command whose first packages raise an error."""
  for package in 'absl', 'numpy', 'rich', 'matplotlib', 'ml_collections':
    (tmp_path / f'{package}.py').write_text(
      f'try:\n  raise {error}\nfinally:\n  raise ImportError("no package")'
    )
  path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
  return subprocess.run(
    [sys.executable, '-m', f'seld_jax.{command}', '--help'],
    env={**os.environ, 'PYTHONPATH': path},
    capture_output=True,
    text=True,
  )


@pytest.mark.parametrize('command', COMMANDS)
def test_too_little_memory_for_the_imports_is_one_sentence(command, tmp_path):
  reason = 'libx.so: failed to map segment from shared object'
  done = fail_at_import(command, f'ImportError({reason!r})', tmp_path)
  assert done.returncode == 1
  assert done.stderr.startswith(f'error: The memory is full ({reason}): ')
  assert len(done.stderr.splitlines()) == 1


def test_another_error_of_an_import_is_shown(tmp_path):
  done = fail_at_import('validate', 'ValueError("own")', tmp_path)
  assert done.returncode == 1
  assert 'Traceback' in done.stderr and 'ValueError: own' in done.stderr


def test_a_program_that_imports_seld_jax_keeps_its_handlers():
  code = (
    'import signal\n'
    'numbers = signal.SIGINT, signal.SIGTERM\n'
    'before = list(map(signal.getsignal, numbers))\n'
    'import seld_jax.stopping\n'
    'assert before == list(map(signal.getsignal, numbers))\n'
  )
  subprocess.run([sys.executable, '-c', code], check=True)


def run(code, *arguments, **options):
  return subprocess.run(
    [sys.executable, '-c', textwrap.dedent(code), *map(str, arguments)],
    capture_output=True,
    text=True,
    **options,
  )


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('moment', ['after', 'error', 'twice'])
def test_no_moment_of_a_command_gives_a_traceback(moment, number):
  """A signal after the work, in an error, or while another one is handled."""
  done = run(
    """
    import signal, sys
    from seld_jax import commands
    from seld_jax.errors import InputError
    moment, number = sys.argv[1], int(sys.argv[2])
    sys.argv[1:] = []
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def main(arguments, values):
      if moment == 'error':
        class Late(InputError):
          def __str__(self):
            signal.raise_signal(number)
        raise Late
      if moment == 'after':
        class Late(OSError):
          @property
          def strerror(self):
            signal.raise_signal(number)
        sys.stdout.error = Late()
        return
      try:
        signal.raise_signal(number)
      finally:
        signal.raise_signal(number)

    commands.run(main)
    """,
    moment,
    int(number),
  )
  assert done.returncode == 128 + number
  assert done.stderr.endswith(': stopped.\n')
  assert len(done.stderr.splitlines()) == 1


# Raises the signal where its exception cannot arrive, then waits.
_LOSE = """
import gc, signal, sys, time, weakref
from seld_jax import commands

way, then, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.argv[1:] = []
signal.signal(signal.SIGINT, signal.default_int_handler)

def send(*_):
  signal.raise_signal(number)
  for _ in range(100):  # the handler has run, here
    pass

class Sender:
  def __del__(self):
    send()

class Key:
  def __hash__(self):
    send()
    print('hashed')
    return 1

def catch(kind):
  try:
    send()
  except BaseException as error:
    if kind is not None:
      raise kind('converted') from None

def lose():
  if way == 'del':
    Sender()
  elif way == 'weakref':
    one = {1}
    reference = weakref.ref(one, send)
    del one
  elif way == 'gc':
    gc.callbacks.append(send_once)
    gc.collect()
  elif way == 'hash':
    hash(Key())
  elif way == 'caught':
    catch(None)
  elif way == 'converted':
    catch(RuntimeError)

def send_once(*_):
  gc.callbacks.remove(send_once)
  send()

def main(arguments, values):
  try:
    lose()
    if then == 'work':
      for _ in range(6000):
        time.sleep(0.01)
      print('not stopped')
    elif then == 'exit':
      sys.exit(0)
  finally:
    # In one piece: print() may be interrupted before the line break.
    sys.stdout.write('cleaned up\\n')

commands.run(main)
"""


@pytest.mark.parametrize('then', ['work', 'return', 'exit'])
@pytest.mark.parametrize(
  'way', ['del', 'weakref', 'gc', 'hash', 'caught', 'converted']
)
def test_a_signal_whose_exception_gets_lost_still_stops_the_command(way, then):
  number = signal.SIGINT if then == 'return' else signal.SIGTERM
  done = run(_LOSE, way, then, int(number))
  name = 'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'
  assert done.stderr == f'{name}: stopped.\n'
  assert done.returncode == 128 + number
  assert done.stdout == 'hashed\n' * (way == 'hash') + 'cleaned up\n'


def test_an_exception_that_is_caught_in_a_loop_ends_the_process():
  done = run(
    """
    import signal
    from seld_jax import commands, stopping
    stopping._TRIES = 5

    def forever(arguments, values):
      send = signal.raise_signal
      while True:
        try:
          send(signal.SIGTERM)
          while True:
            pass
        except BaseException:
          send = id

    commands.run(forever)
    """,
    timeout=60,
  )
  assert done.stderr == 'SIGTERM: stopped.\n'
  assert done.returncode == 143


def test_other_lost_exceptions_are_shown_and_the_hook_comes_back():
  shown = []
  before, sys.unraisablehook = sys.unraisablehook, shown.append

  class Broken:
    def __del__(self):
      raise ValueError('own')

  try:
    hook = sys.unraisablehook
    with stopping.interruptions() as interruptions, interruptions.raised():
      Broken()
    assert sys.unraisablehook == hook
  finally:
    sys.unraisablehook = before
  assert [event.exc_type for event in shown] == [ValueError]


def test_the_first_signal_raises_and_handlers_come_back():
  before = signal.getsignal(signal.SIGTERM)
  with stopping.interruptions() as interruptions:
    with pytest.raises(stopping.Terminated), interruptions.raised():
      signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == interruptions.handle
  assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_stays_ignored():
  before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
  try:
    with stopping.interruptions() as interruptions, interruptions.raised():
      signal.raise_signal(signal.SIGTERM)
  finally:
    signal.signal(signal.SIGTERM, before)


# Starts two workers that write files, and tells when they are in the middle.
# With STAGE=import, the workers are still importing this file then.
_POOL = """
import os, pathlib, sys, time
from seld_jax import commands, files, scenes

out = pathlib.Path(os.environ['OUT'])

def tell():
  (out / f'worker{os.getpid()}').touch()

if __name__ == '__mp_main__' and os.environ['STAGE'] == 'import':
  tell()
  time.sleep(60)

def job(item):
  with files.atomic(out / f'result{item}') as temporary:
    temporary.write_text('half')
    tell()
    time.sleep(60)

def main(arguments, values):
  for _ in scenes.run_in_processes(job, range(5), num_workers=2):
    pass

if __name__ == '__main__':
  commands.run(main, resumes=True)
"""


def is_alive(process_id):
  try:
    os.kill(process_id, 0)
  except ProcessLookupError:
    return False
  try:
    with open(f'/proc/{process_id}/stat') as file:
      return file.read().rpartition(')')[2].split()[0] != 'Z'
  except OSError:
    return True


def within(seconds, condition):
  deadline = time.monotonic() + seconds
  while not condition():
    if time.monotonic() > deadline:
      return False
    time.sleep(0.02)
  return True


@pytest.mark.parametrize(
  ('way', 'stage'),
  [
    ('SIGKILL', 'job'),
    *(
      pytest.param(way, stage, marks=pytest.mark.slow)
      for way in ('SIGKILL', 'SIGTERM', 'SIGINT', 'group')
      for stage in ('import', 'job')
      if (way, stage) != ('SIGKILL', 'job')
    ),
  ],
)
def test_workers_end_with_their_parent_however_it_ends(stage, way, tmp_path):
  script = tmp_path / 'command.py'
  script.write_text(_POOL)
  out = tmp_path / 'out'
  out.mkdir()
  parent = subprocess.Popen(
    [sys.executable, script],
    env=environment(OUT=str(out), STAGE=stage),
    start_new_session=True,
    stderr=subprocess.PIPE,
    text=True,
  )
  assert within(60, lambda: len([*out.glob('worker*')]) == 2)
  if way == 'group':  # as `timeout` and batch systems do
    number = signal.SIGTERM
    os.killpg(parent.pid, number)
  else:
    number = signal.Signals[way]
    parent.send_signal(number)
  workers = [int(path.name[6:]) for path in out.glob('worker*')]
  parent.wait(30)
  assert within(10, lambda: not any(map(is_alive, workers)))
  assert not [path.name for path in out.iterdir() if 'half' in path.name]
  if number != signal.SIGKILL:
    assert parent.returncode == 128 + number
    assert parent.stderr is not None
    name = 'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'
    hint = 'the same command resumes the work'
    assert parent.stderr.read() == f'{name}: stopped; {hint}.\n'
  if parent.stderr is not None:
    parent.stderr.close()
