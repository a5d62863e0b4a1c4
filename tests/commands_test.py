"""Help, exit statuses, error messages and log messages of all commands."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys

import pytest
from helpers.environments import environment

from seld_jax import commands
from seld_jax.errors import InputError


@pytest.fixture
def call(monkeypatch, capsys):
  """Runs a command; returns exit status, standard output and error."""
  given = {}

  def define_flags(own):
    define = commands.Define(own)
    define.string('out', None, 'Where to.')
    define.string('name', 'some one', 'Who.')
    define.integer('count', 3, 'How many.', lower_bound=1)
    define.enum('format', 'foa', ['foa', 'mic'], 'Which kind.')
    define.bool('fast', False, 'Hurry.')
    define.float('share', 0.5, 'Which part.')
    define.bool('neat', True, 'Tidy.')
    define.list('parts', ['a', 'b'], 'Parts. ' + 20 * 'More words. ')
    given['flags'] = own

  def call(*words, main=lambda arguments: None, **options):
    monkeypatch.setattr(sys, 'argv', [__name__, *words])
    try:
      commands.run(
        lambda arguments, _: main(arguments),
        define_flags=define_flags,
        **options,
      )
      status = 0
    except SystemExit as stop:
      status = stop.code
    output = capsys.readouterr()
    return status, output.out, output.err

  call.given = given
  # A shell lets background jobs ignore Ctrl-C.
  previous = {
    signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    signal.SIGTERM: signal.getsignal(signal.SIGTERM),
  }
  yield call
  for number, handler in previous.items():
    signal.signal(number, handler)


def test_main_gets_the_arguments_and_success_is_status_0(call):
  got = []
  status, _, err = call('--count=5', 'a.wav', 'b.wav', main=got.append)
  assert (status, err) == (0, '')
  assert got == [['a.wav', 'b.wav']]
  assert call.given['flags'].count == 5


@pytest.mark.parametrize('word', ['--help', '-h', '-help'])
def test_help_shows_all_flags_and_exits_with_0(word, call):
  def main(_):
    raise AssertionError('help must not run main')

  # Help is shown even if other flags are wrong.
  status, out, err = call(word, '--cuont=3', main=main, required=('out',))
  assert (status, err) == (0, '')
  lines = out.splitlines()
  assert '  --out=... (required)' in lines
  assert '  --name=... (default: some one)' in lines
  assert '  --count=... (default: 3)' in lines
  assert '  --format=foa|mic (default: foa)' in lines
  assert '  --[no]fast (default: False)' in lines
  assert '  --[no]neat (default: True)' in lines
  assert '  --parts=... (default: a,b)' in lines
  assert max(map(len, lines)) <= 80
  about = ['Where to.', 'Who.', 'How many.', 'Which kind.', 'Hurry.', 'Tidy.']
  for text in about:
    assert lines.count(f'      {text}') == 1
  assert out.count('foa|mic') == 1


def test_help_shows_the_additional_text(call):
  assert 'Fields.' in call('--help', more_help=lambda: 'Fields.')[1]


def test_an_input_error_is_one_line_and_status_1(call):
  def main(_):
    print('started')
    raise InputError('x.wav has 2 channels, but 4 are needed.')

  status, out, err = call(main=main)
  assert status == 1
  assert out == 'started\n'
  assert err == 'error: x.wav has 2 channels, but 4 are needed.\n'


def test_other_exceptions_keep_their_traceback(call):
  def main(_):
    raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    call(main=main)


@pytest.mark.parametrize(
  ('code', 'is_mistake'),
  [('EACCES', True), ('ENAMETOOLONG', True), ('EIO', False)],
)
def test_a_path_that_cannot_be_accessed_is_an_input_error(
  code, is_mistake, call
):
  def main(_):
    number = getattr(errno, code)
    raise OSError(number, os.strerror(number), 'some/where')

  if not is_mistake:
    with pytest.raises(OSError, match='some/where'):
      call(main=main)
    return
  status, _, err = call(main=main)
  reason = os.strerror(getattr(errno, code))
  assert (status, err) == (1, f'error: some/where: {reason}.\n')


@pytest.mark.parametrize(
  ('error', 'reason'),
  [
    (MemoryError(), 'MemoryError'),
    (MemoryError('cannot allocate 8 GiB'), 'cannot allocate 8 GiB'),
    (OSError(errno.ENOMEM, 'Cannot allocate memory'), 'Cannot allocate memory'),
    (RuntimeError("can't start new thread"), "can't start new thread"),
  ],
)
def test_too_little_memory_is_one_sentence(error, reason, call):
  def main(_):
    raise error

  status, _, err = call(main=main)
  assert status == 1
  assert err.startswith('error: The memory is full (') and reason in err
  assert len(err.splitlines()) == 1


def test_ctrl_c_is_status_130(call):
  def main(_):
    raise KeyboardInterrupt

  assert call(main=main) == (130, '', 'Ctrl-C: stopped.\n')


@pytest.mark.parametrize(
  ('number', 'name'), [(signal.SIGTERM, 'SIGTERM'), (signal.SIGINT, 'Ctrl-C')]
)
def test_a_signal_ends_the_command_with_a_hint_to_resume(number, name, call):
  def main(_):
    try:
      signal.raise_signal(number)
    except Exception:  # Code that handles errors must not catch signals.
      pytest.fail('caught')

  status, out, err = call(main=main, resumes=True)
  assert (status, out) == (128 + number, '')
  assert err == f'{name}: stopped; the same command resumes the work.\n'


def test_the_status_of_a_system_exit_is_kept(call):
  def main(_):
    raise SystemExit(143)

  assert call(main=main)[0] == 143


@pytest.mark.parametrize(
  ('words', 'expected'),
  [
    (['--cuont=3'], ["'cuont'", 'count']),
    (['--count=many'], ['--count=many: must be an integer']),
    (['--fast=yes'], ['--fast=yes: must be true or false']),
    (['--share=x'], ['--share=x: must be a number']),
    (['--count=0'], ['--count=0', 'positive']),
    (['--format=fao'], ['--format=fao', 'foa|mic']),
    (['--out'], ['out']),
    ([], ['--out is missing']),
    (['--out='], ['--out is missing']),
  ],
  ids=lambda value: ' '.join(value),
)
def test_invalid_flags_are_refused_in_one_line(words, expected, call):
  status, out, err = call(*words, required=('out',))
  assert (status, out) == (1, '')
  assert err.startswith('error: ')
  assert len(err.splitlines()) == 1
  for text in expected:
    assert text in err


def test_words_are_prepared_before_the_parser_reads_them(call):
  def refuse(words):
    raise InputError(f'{words} are refused.')

  status, _, err = call('--cuont=3', prepare=refuse)
  assert status == 1
  assert err == "error: ['--cuont=3'] are refused.\n"

  seen = []
  status, _, err = call(
    '--cuont=3',
    prepare=lambda words: [word.replace('cuont', 'count') for word in words],
    main=lambda arguments: seen.append(arguments),
  )
  assert (status, err, seen) == (0, '', [[]])


def test_arguments_that_are_not_flags_are_refused(call):
  commands.refuse_arguments([])
  status, _, err = call('foo', main=commands.refuse_arguments)
  assert status == 1
  assert "got 'foo'" in err


def test_info_goes_to_stdout_and_warnings_to_stderr_with_their_level(call):
  log = logging.getLogger('seld_jax.some.module')

  def main(_):
    log.debug('hidden')
    log.info('resuming after step %d', 4)
    log.warning('it is slow')
    log.error('it failed')

  status, out, err = call(main=main)
  assert (status, out) == (0, 'resuming after step 4\n')
  assert err == 'warning: it is slow\nerror: it failed\n'


def test_messages_go_to_the_streams_of_the_moment(monkeypatch, capsys):
  """As when progress bars or tests replace the streams."""
  with commands.log_to_terminal():
    monkeypatch.setattr(sys, 'stdout', sys.stderr)
    logging.getLogger('seld_jax').info('text')
  assert capsys.readouterr() == ('', 'text\n')


@pytest.mark.parametrize('error', [None, InputError, ZeroDivisionError])
def test_a_command_leaves_logger_and_signals_as_they_were(error, call):
  def main(_):
    logging.getLogger('seld_jax').setLevel(logging.ERROR)
    if error:
      raise error

  logger = logging.getLogger('seld_jax')
  own = logging.NullHandler()
  logger.addHandler(own)
  logger.setLevel(logging.DEBUG)
  before = signal.getsignal(signal.SIGTERM)
  try:
    if error is ZeroDivisionError:
      with pytest.raises(error):
        call(main=main)
    else:
      call(main=main)
    assert own in logger.handlers
    assert logger.level == logging.DEBUG
    assert logger.propagate
    assert signal.getsignal(signal.SIGTERM) == before
  finally:
    logger.removeHandler(own)
    logger.setLevel(logging.NOTSET)


_HOST = """
import importlib, io, json, logging, pathlib, pkgutil, sys
import absl.logging
import numpy as np

def state():
  loggers = [logging.getLogger(name) for name in ('root', 'absl', 'seld_jax')]
  return [[l.level, l.propagate, l.disabled, list(map(repr, l.handlers))]
          for l in loggers]

stream = io.StringIO()
logging.basicConfig(stream=stream, level=logging.INFO)
logging.getLogger('absl').setLevel(17)
logging.getLogger('seld_jax').setLevel(logging.INFO)
before = state()
import seld_jax
for module in pkgutil.walk_packages(seld_jax.__path__, 'seld_jax.'):
  importlib.import_module(module.name)
imported = state()
predictor = seld_jax.load(sys.argv[1])
predictor(np.full((4, 4800), 0.1, np.float32), 48000)
used = state()
print(json.dumps([before, imported, used, stream.getvalue()]))
"""


@pytest.mark.slow
def test_a_host_program_keeps_its_loggers(tiny_run):
  """Imports and functions do not change them; messages arrive in them."""
  done = subprocess.run(
    [sys.executable, '-c', _HOST, str(tiny_run)], capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr
  before, imported, used, text = json.loads(done.stdout)
  assert before == imported == used
  assert before[1][0] == 17
  assert 'seld_jax.prediction.predictor:audio at 48000 Hz is' in text


def test_a_reader_that_ends_early_does_not_hide_an_error():
  """As `less` that is left while output waits to be written."""
  program = (
    'from seld_jax import commands, errors\n'
    'def main(arguments, values):\n'
    '  print("a line")\n'
    '  raise errors.InputError("It failed.")\n'
    'commands.run(main, define_flags=lambda values: None)'
  )
  reader, writer = os.pipe()
  os.close(reader)
  done = subprocess.run(
    [sys.executable, '-c', program],
    stdout=writer,
    stderr=subprocess.PIPE,
    text=True,
    env=environment(PYTHONUNBUFFERED=''),
  )
  os.close(writer)
  assert (done.returncode, done.stderr) == (1, 'error: It failed.\n')
