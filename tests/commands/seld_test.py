"""The command seld starts the commands, and names the nearest one."""

import importlib.util
import subprocess
import sys

import pytest
from helpers import public_api
from helpers.environments import environment

from seld_jax.__main__ import COMMANDS, summary


def run(*words, folder=None):
  return subprocess.run(
    [sys.executable, '-m', 'seld_jax', *words],
    cwd=folder,
    capture_output=True,
    text=True,
    env=environment(),
  )


def test_every_command_is_listed_with_its_first_line():
  modules = {path.parent.name for path in public_api.ROOT.glob('*/__main__.py')}
  # Another name of `fetch tau2020`, which was there first.
  expected = {*modules, *public_api.COMMANDS} - {'tau2020'}
  assert {*COMMANDS.values()} == expected
  done = run('--help')
  assert (done.returncode, done.stderr) == (0, '')
  for name, module in COMMANDS.items():
    assert f'  {name} ' in done.stdout
    assert summary(module) in done.stdout
  assert run().stdout == done.stdout


@pytest.mark.parametrize(
  'words', [['evaluate', '--help'], ['help', 'evaluate']]
)
def test_a_command_gets_its_arguments(words):
  done = run(*words)
  assert (done.returncode, done.stderr) == (0, '')
  assert done.stdout.startswith('Scores of predictions')
  assert '--predictions=... (required)' in done.stdout


def test_the_status_of_a_command_is_that_of_seld(tmp_path):
  done = run('evaluate', '--reference=x', '--predictions=y', folder=tmp_path)
  assert done.returncode == 1
  assert done.stderr.startswith('error: x is not a folder')


@pytest.mark.parametrize(
  'words, expected',
  [
    (['predikt'], "no command 'predikt': did you mean predict? seld --help"),
    (['main'], "no command 'main': "),
    (['--hepl'], "flag 'hepl': did you mean --help?"),
    (['--vershion'], "flag 'vershion': did you mean --version?"),
    (['xyzzy'], "no command 'xyzzy': seld --help lists all commands"),
    (['predct', '--help'], "no command 'predct': did you mean predict?"),
    (['help', 'predct'], "no command 'predct': did you mean predict?"),
  ],
)
def test_mistakes_name_the_nearest(words, expected):
  done = run(*words)
  assert done.returncode == 1
  assert done.stdout == ''
  assert expected in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_files_of_the_current_folder_are_not_executed(tmp_path):
  """An installed script does not have this folder in its path; -P is that."""
  for name in 'random', 'numpy', 'seld_jax':
    (tmp_path / f'{name}.py').write_text('raise SystemExit("executed")')
  program = 'import sys; from seld_jax.__main__ import main; main()'
  done = subprocess.run(
    [sys.executable, '-P', '-c', program, 'evaluate', '--reference=x'],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    env=environment(),
  )
  assert 'executed' not in done.stderr
  assert '--predictions' in done.stderr


def test_a_command_without_its_source_has_no_summary(monkeypatch):
  monkeypatch.setattr('pathlib.Path.is_file', lambda path: False)
  assert summary('predict') == ''


def test_the_help_imports_neither_jax_nor_numpy():
  done = subprocess.run(
    [sys.executable, '-X', 'importtime', '-m', 'seld_jax', '--help'],
    capture_output=True,
    text=True,
    cwd=public_api.ROOT.parent,
  )
  names = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
  assert 'absl.flags' in names
  assert not names & {'jax', 'numpy', 'scipy', 'rich', 'matplotlib'}


def test_the_console_script_is_this_function():
  (point,) = (
    line
    for line in (public_api.ROOT.parent / 'pyproject.toml')
    .read_text()
    .splitlines()
    if line.startswith('seld = ')
  )
  module, _, name = point.split('"')[1].partition(':')
  assert importlib.util.find_spec(module)
  assert callable(getattr(importlib.import_module(module), name))
