"""Starting a process again with large pages."""

import os
import subprocess
import sys

import pytest

from seld_jax.devices import large_pages

VARIABLE = 'GLIBC_TUNABLES'

# Prints its number, the variable and its argument, before and after.
PROGRAM = """
import os, sys
from seld_jax.devices import large_pages
def show():
  value = os.environ.get('GLIBC_TUNABLES')
  print(os.getpid(), value, *sys.argv[1:], flush=True)
show()
large_pages.restart('program')
show()
"""


def run_program(folder, options=('-m', 'program'), **environment):
  (folder / 'program.py').write_text(PROGRAM)
  clean = {name: v for name, v in os.environ.items() if name != VARIABLE}
  return subprocess.run(
    [sys.executable, *options, 'with a space'],
    env={**clean, **environment},
    cwd=folder,
    capture_output=True,
    text=True,
    check=True,
  ).stdout.splitlines()


def test_a_process_starts_again_and_keeps_its_number(tmp_path):
  lines = run_program(tmp_path, ['-X', 'utf8', '-m', 'program'])
  environment = {n: v for n, v in os.environ.items() if n != VARIABLE}
  if not large_pages.would_help(environment):
    assert len(lines) == 2  # large pages are not available here
    return
  number = lines[0].split()[0]
  given = f'{number} glibc.malloc.hugetlb=1 with a space'
  assert lines == [f'{number} None with a space', given, given]


@pytest.mark.parametrize('own', ['', 'glibc.malloc.check=0'])
def test_a_variable_that_is_set_is_left_alone(own, tmp_path):
  lines = run_program(tmp_path, GLIBC_TUNABLES=own)
  assert len(lines) == 2
  assert all(line.split(' ', 1)[1] == f'{own} with a space' for line in lines)


@pytest.mark.parametrize(
  'options',
  [
    ['program.py'],
    ['-m', 'trace', '--count', '-C', '.', '--module', 'program'],
    ['-c', 'import runpy; runpy.run_module("program", run_name="__main__")'],
  ],
)
def test_a_program_that_runs_the_module_is_not_started_again(options, tmp_path):
  lines = run_program(tmp_path, options)
  assert [line.split(' ', 1)[1] for line in lines[:2]] == [
    'None with a space',
    'None with a space',
  ]


@pytest.mark.parametrize(
  ('platform', 'library', 'kernel', 'expected'),
  [
    ('linux', 'glibc 2.36', 'always [madvise] never', True),
    ('linux', 'glibc 2.35.1', 'always [madvise] never', True),
    ('linux', 'glibc 3.0', 'always [madvise] never', True),
    ('linux', 'glibc 2.34', 'always [madvise] never', False),
    ('linux', 'glibc 2.36', '[always] madvise never', False),
    ('linux', 'glibc 2.36', 'always madvise [never]', False),
    ('linux', 'glibc 2.36', None, False),
    ('linux', None, 'always [madvise] never', False),
    ('darwin', 'glibc 2.36', 'always [madvise] never', False),
  ],
)
def test_it_helps_if_kernel_and_library_support_it(
  platform, library, kernel, expected, tmp_path, monkeypatch
):
  file = tmp_path / 'enabled'
  if kernel is not None:
    file.write_text(f'{kernel}\n')

  def confstr(name):
    if library is None:
      raise ValueError('unrecognized configuration name')  # as musl does
    return library

  monkeypatch.setattr(sys, 'platform', platform)
  monkeypatch.setattr(os, 'confstr', confstr)
  monkeypatch.setattr(large_pages, '_KERNEL', file)
  assert large_pages.would_help({}) is expected
  assert not large_pages.would_help({VARIABLE: ''})


def test_a_restart_that_fails_is_no_error(monkeypatch):
  tried = []

  def refuse(executable, command, environment):
    tried.append(command[1:])
    raise PermissionError

  monkeypatch.delenv(VARIABLE, raising=False)
  monkeypatch.setattr(large_pages, 'would_help', lambda environment: True)
  monkeypatch.setattr(sys, 'orig_argv', ['python', '-m', 'program', 'word'])
  monkeypatch.setattr(sys, 'argv', ['program.py', 'word'])
  monkeypatch.setattr(os, 'execve', refuse)
  large_pages.restart('program')
  assert tried == [['-m', 'program', 'word']]
  assert VARIABLE not in os.environ
