"""What commands share: help, exit status, and one sentence for each mistake."""

import errno
import os
import signal
import sys

import pytest
from absl import flags

from seld_jax import commands
from seld_jax.errors import InputError


@pytest.fixture
def call(monkeypatch, capsys):
  """Runs a command with some words; gives exit status, output and errors."""
  given = {}

  def define_flags(own):
    flags.DEFINE_string('out', None, 'Where to.', flag_values=own)
    flags.DEFINE_string('name', 'some one', 'Who.', flag_values=own)
    flags.DEFINE_integer(
      'count', 3, 'How many.', lower_bound=1, flag_values=own
    )
    flags.DEFINE_enum(
      'format', 'foa', ['foa', 'mic'], 'Which kind.', flag_values=own
    )
    flags.DEFINE_bool('fast', False, 'Hurry.', flag_values=own)
    flags.DEFINE_bool('neat', True, 'Tidy.', flag_values=own)
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
  # Ctrl-C is ignored by what a shell starts in the background.
  previous = {
    signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    signal.SIGTERM: signal.getsignal(signal.SIGTERM),
  }
  yield call
  for number, handler in previous.items():
    signal.signal(number, handler)


def test_success_is_0_and_main_gets_the_words(call):
  got = []
  status, _, err = call('--count=5', 'a.wav', 'b.wav', main=got.append)
  assert (status, err) == (0, '')
  assert got == [['a.wav', 'b.wav']]
  assert call.given['flags'].count == 5


@pytest.mark.parametrize('word', ['--help', '-h', '-help'])
def test_help_shows_all_flags_and_exits_with_0(word, call):
  def main(_):
    raise AssertionError('help runs nothing')

  # Help is given whatever else is wrong.
  status, out, err = call(word, '--cuont=3', main=main, required=('out',))
  assert (status, err) == (0, '')
  lines = out.splitlines()
  assert '  --out=... (required)' in lines
  assert '  --name=... (default: some one)' in lines
  assert '  --count=... (default: 3)' in lines
  assert '  --format=foa|mic (default: foa)' in lines
  assert '  --[no]fast (default: False)' in lines
  assert '  --[no]neat (default: True)' in lines
  about = ['Where to.', 'Who.', 'How many.', 'Which kind.', 'Hurry.', 'Tidy.']
  for text in about:
    assert lines.count(f'      {text}') == 1
  assert out.count('foa|mic') == 1


def test_help_shows_more(call):
  assert 'Fields.' in call('--help', more_help=lambda: 'Fields.')[1]


def test_a_users_mistake_is_one_line_and_1(call):
  def main(_):
    print('begun')
    raise InputError('x.wav has 2 channels, but 4 are needed.')

  status, out, err = call(main=main)
  assert status == 1
  assert out == 'begun\n'
  assert err == 'error: x.wav has 2 channels, but 4 are needed.\n'


def test_a_mistake_of_ours_keeps_its_traceback(call):
  def main(_):
    raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    call(main=main)


@pytest.mark.parametrize(
  ('code', 'told'), [('EACCES', True), ('ENAMETOOLONG', True), ('EIO', False)]
)
def test_a_path_that_nobody_may_look_at(code, told, call):
  def main(_):
    number = getattr(errno, code)
    raise OSError(number, os.strerror(number), 'some/where')

  if not told:
    with pytest.raises(OSError, match='some/where'):
      call(main=main)
    return
  status, _, err = call(main=main)
  reason = os.strerror(getattr(errno, code))
  assert (status, err) == (1, f'error: some/where: {reason}.\n')


def test_control_c_is_130(call):
  def main(_):
    raise KeyboardInterrupt

  assert call(main=main) == (130, '', 'Ctrl-C: stopped.\n')


@pytest.mark.parametrize(
  ('number', 'name'), [(signal.SIGTERM, 'SIGTERM'), (signal.SIGINT, 'Ctrl-C')]
)
def test_a_signal_is_told_and_ends_work_that_resumes(number, name, call):
  def main(_):
    try:
      signal.raise_signal(number)
    except Exception:  # nothing that is meant for errors may catch it
      pytest.fail('caught')

  status, out, err = call(main=main, resumes=True)
  assert (status, out) == (128 + number, '')
  assert err == f'{name}: stopped; the same command goes on from there.\n'


def test_a_status_of_its_own_is_kept(call):
  def main(_):
    raise SystemExit(143)

  assert call(main=main)[0] == 143


@pytest.mark.parametrize(
  ('words', 'expected'),
  [
    (['--cuont=3'], ["'cuont'", 'count']),
    (['--count=many'], ['--count=many']),
    (['--count=0'], ['--count=0', 'positive']),
    (['--format=fao'], ['--format=fao', 'foa|mic']),
    (['--out'], ['out']),
    ([], ['--out is missing']),
    (['--out='], ['--out is missing']),
  ],
  ids=lambda value: ' '.join(value),
)
def test_flags_that_cannot_be_are_refused(words, expected, call):
  status, out, err = call(*words, required=('out',))
  assert (status, out) == (1, '')
  assert err.startswith('error: ')
  assert len(err.splitlines()) == 1
  for text in expected:
    assert text in err


def test_a_check_comes_before_the_parser(call):
  def check(words):
    raise InputError(f'{words} are refused.')

  status, _, err = call('--cuont=3', check=check)
  assert status == 1
  assert err == "error: ['--cuont=3'] are refused.\n"


def test_words_that_are_no_flags_are_refused(call):
  commands.refuse_arguments([])
  status, _, err = call('foo', main=commands.refuse_arguments)
  assert status == 1
  assert "got 'foo'" in err
