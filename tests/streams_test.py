"""Output that cannot be written does not stop the work of a command."""

import io
import os
import pathlib
import subprocess
import sys

import pytest
from helpers.environments import environment

from seld_jax import commands, labels, streams

FULL = pathlib.Path('/dev/full')

needs_dev_full = pytest.mark.skipif(
  not FULL.exists(), reason='this system has no /dev/full'
)


@pytest.fixture
def full():
  with FULL.open('w') as file:
    yield file
    # What is left in the buffer must not be written at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def run(monkeypatch, main, *, out=None, err=None):
  """Runs a command with other streams; returns its exit status."""
  monkeypatch.setattr(sys, 'argv', ['command'])
  if out is not None:
    monkeypatch.setattr(sys, 'stdout', out)
  if err is not None:
    monkeypatch.setattr(sys, 'stderr', err)
  try:
    commands.run(lambda arguments, values: main())
  except SystemExit as stop:
    return stop.code
  return 0


@needs_dev_full
def test_a_full_standard_output_is_told_after_the_work(
  monkeypatch, full, capsys
):
  done = []

  def main():
    for _ in range(3):
      print('text', flush=True)
    done.append(True)

  assert run(monkeypatch, main, out=full) == 1
  assert done
  assert capsys.readouterr().err == (
    'error: The output could not be written completely: No space left on '
    'device.\n'
  )


@needs_dev_full
def test_a_full_standard_error_stops_nothing(monkeypatch, full, capsys):
  def main():
    print('warning', file=sys.stderr, flush=True)
    print('result')

  assert run(monkeypatch, main, err=full) == 0
  assert capsys.readouterr().out == 'result\n'


@needs_dev_full
@pytest.mark.parametrize(('code', 'expected'), [(0, 1), (1, 1), (143, 143)])
def test_the_status_of_a_command_is_kept_if_it_is_an_error(
  code, expected, monkeypatch, full, capsys
):
  def main():
    print('text', flush=True)
    sys.exit(code)

  assert run(monkeypatch, main, out=full) == expected
  assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_that_has_ended_is_no_error_to_tell(monkeypatch, capsys):
  reader, writer = os.pipe()
  os.close(reader)
  with os.fdopen(writer, 'w') as pipe:

    def main():
      print('text', flush=True)
      pytest.fail('nobody reads more')

    assert run(monkeypatch, main, out=pipe) == 1
  assert capsys.readouterr().err == ''


def test_closed_streams_are_as_dev_null(monkeypatch):
  monkeypatch.setattr(sys, 'stdout', None)
  monkeypatch.setattr(sys, 'stderr', None)
  with streams.tolerant() as (out, err):
    print('text')
    print('text', file=sys.stderr)
    assert not sys.stderr.isatty()
  assert out.error is err.error is None


@pytest.mark.parametrize(
  ('encoding', 'expected'),
  [
    ('utf-8', '12.3° 0.4 ± 0.1 ↖ █░ … é 語 \\udcff'),
    ('ascii', '12.3  0.4 +- 0.1 \\ #. . \\xe9 \\u8a9e \\udcff'),
    ('cp1252', '12.3° 0.4 ± 0.1 \\ #. … é \\u8a9e \\udcff'),
  ],
)
def test_characters_that_an_encoding_lacks_are_replaced(
  encoding, expected, monkeypatch
):
  raw = io.BytesIO()
  out = io.TextIOWrapper(raw, encoding=encoding)
  monkeypatch.setattr(sys, 'stdout', out)
  with streams.tolerant():
    print('12.3° 0.4 ± 0.1 ↖ █░ … é 語 \udcff', end='')
  assert raw.getvalue().decode(encoding) == expected
  assert out.errors == 'strict', 'the stream is as before'
  assert sys.stdout is out


# Redirections of a shell; whether the output arrives; the exit status.
REDIRECTIONS = {
  'plain': ('', {}, True, 0),
  'ascii': ('', {'PYTHONIOENCODING': 'ascii'}, True, 0),
  'cp1252': ('', {'PYTHONIOENCODING': 'cp1252'}, True, 0),
  'C': (
    '',
    {'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0', 'PYTHONUTF8': '0'},
    True,
    0,
  ),
  'closed output': ('>&-', {}, False, 0),
  'full output': ('>/dev/full', {}, False, 1),
  'closed error': ('2>&-', {}, True, 0),
  'full error': ('2>/dev/full', {}, True, 0),
  'all closed': ('<&- >&- 2>&-', {}, False, 0),
}


def shell(module, arguments, redirection, variables):
  return subprocess.run(
    ['sh', '-c', f'exec "$@" {redirection}', 'sh']
    + [sys.executable, '-m', module, *map(str, arguments)],
    env=environment(**variables),
    capture_output=True,
  )


def check(done, name):
  _, _, arrives, status = REDIRECTIONS[name]
  error = done.stderr.decode()
  assert done.returncode == status, error
  assert 'Traceback' not in error and 'Exception' not in error
  assert bool(done.stdout) == arrives
  if status:
    assert error.splitlines()[-1].startswith('error: The output could not be')


@pytest.fixture
def scored(tmp_path):
  names = 'reference', 'predictions'
  for folder in names:
    path = tmp_path / folder / 'fold1_room1_mix001_ov1.csv'
    path.parent.mkdir()
    path.write_text('10,3,0,45,0\n11,3,0,45,0\n')
  return [
    f'--{name}={tmp_path / name}' for name in ('reference', 'predictions')
  ]


@pytest.mark.parametrize('name', REDIRECTIONS)
@needs_dev_full
def test_evaluate_prints_its_table_into_anything(name, scored):
  redirection, variables, *_ = REDIRECTIONS[name]
  done = shell('seld_jax.evaluate', scored, redirection, variables)
  check(done, name)
  if name in ('ascii', 'C'):
    lines = done.stdout.decode('ascii').splitlines()
    assert len({len(one) for one in lines if one[0] in '|+'}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
  ('command', 'name'),
  [
    *(('predict', name) for name in REDIRECTIONS),
    # All commands have the same streams; these two print differently.
    *(('validate', name) for name in ('C', 'full output', 'all closed')),
    *(('synthesize', name) for name in ('full error', 'all closed')),
  ],
)
@needs_dev_full
def test_commands_do_their_work_with_any_output(
  command, name, tiny_run, tiny_root, tmp_path
):
  redirection, variables, *_ = REDIRECTIONS[name]
  out, foa = tmp_path / 'out', tmp_path / 'foa'
  # The MIC files of the set are no microphones, which would be an error.
  for folder in 'foa_dev', 'metadata_dev':
    (foa / folder).parent.mkdir(exist_ok=True)
    (foa / folder).symlink_to(tiny_root / folder)
  arguments = {
    'predict': [f'--model={tiny_run}', f'--out={out}', tiny_root / 'foa_eval'],
    'validate': [f'--root={foa}'],
    'synthesize': [
      *(f'--out={out}', '--recordings=1', '--seconds=1'),
      *('--workers=1', '--noevaluation'),
    ],
  }[command]
  check(shell(f'seld_jax.{command}', arguments, redirection, variables), name)
  if command == 'predict':
    assert labels.read_csv(out / 'mix001.csv') is not None
  if command == 'synthesize':
    assert (out / 'README.md').exists()
