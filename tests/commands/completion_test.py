"""What the shells complete, asked as they ask."""

import functools
import os
import pty
import select
import shlex
import shutil
import subprocess

import pytest
from helpers.command_outcomes import outcome

from seld_jax import completion, config

script = functools.cache(completion.script)


def test_the_command_prints_the_script():
  status, out, err = outcome('seld_jax.completion', '--shell=bash')
  assert (status, err) == (0, '')
  assert out == script('bash') + '\n'


def bash(line, words, *, head=''):
  """The completions of a command line, whose words a shell has divided."""
  array = ' '.join(map(shlex.quote, words))
  source = (
    f'{head}{script("bash")}\n'
    f'COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}\n'
    f'COMP_WORDS=({array}) COMP_CWORD={len(words) - 1}\n'
    '_seld; printf "%s\\n" "${COMPREPLY[@]}"'
  )
  done = subprocess.run(
    ['bash', '-c', source], capture_output=True, text=True, check=True
  )
  assert done.stderr == ''
  return done.stdout.splitlines()


needs_bash = pytest.mark.skipif(not shutil.which('bash'), reason='needs bash')


@needs_bash
@pytest.mark.parametrize(
  'line, expected',
  [
    ('seld tr', ['train']),
    ('seld ex', ['export']),
    ('seld evaluate --missi', ['--missing=']),
    ('seld evaluate --jso', ['--json']),
    ('seld train --config.train.batch', ['--config.train.batch_size=']),
    ('seld help val', ['validate']),
  ],
)
def test_commands_and_flags(line, expected):
  assert bash(line, line.split()) == expected


@needs_bash
@pytest.mark.parametrize('divides', [True, False])
def test_values(divides):
  """Whether the shell divides words at = or not."""

  def words(text):
    return text.replace('=', ' = ').split() if divides else text.split()

  line = 'seld evaluate --edition=202'
  before = '' if divides else '--edition='
  found = bash(line, words(line))
  assert found == [f'{before}202{one}' for one in range(6)]
  line = 'seld train --config='
  names = [one.removeprefix('--config=') for one in bash(line, words(line))]
  if not divides:
    assert set(names) == set(config.config_files())


@needs_bash
def test_files(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'song.wav').touch()
  assert bash('seld predict so', ['seld', 'predict', 'so']) == ['song.wav']
  words = ['seld', 'predict', '--out', '=', 'so']
  assert bash('seld predict --out=so', words) == ['song.wav']
  (tmp_path / 'my song *.wav').touch()
  for start in 'my', 'my\\ s', '"my s', "'my song *":
    words = ['seld', 'predict', start]
    assert bash(f'seld predict {start}', words) == ['my song *.wav']


@needs_bash
def test_a_config_is_a_name_or_a_file(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'mine.py').touch()
  for start, expected in ('./mi', './mine.py'), ('ce_mse_1_1_f', None):
    words = ['seld', 'train', '--config', '=', start]
    expected = expected or 'ce_mse_1_1_foa'
    assert bash(f'seld train --config={start}', words) == [expected]


@needs_bash
def test_a_folder_does_not_change_a_command(tmp_path):
  """As an interactive shell shows it: with the name of a folder, no slash."""
  (tmp_path / 'report').mkdir()
  assert shows('bash', '--norc', tmp_path, 'seld repo\t', 'seld report ')


needs_zsh = pytest.mark.skipif(not shutil.which('zsh'), reason='needs zsh')


@needs_zsh
@pytest.mark.parametrize(
  'text, expected',
  [
    ('seld repo\t', 'seld report'),
    ('seld evaluate --missi\t', 'seld evaluate --missing='),
    ('seld predict so\t', 'seld predict song.wav'),
    ('seld predict my\t', r'seld predict my\ tune.wav'),
    ('seld predict --out=so\t', 'seld predict --out=song.wav'),
    ('seld evaluate --per=cl\t', 'seld evaluate --per=class'),
    ('seld train --config=./so\t', 'seld train --config=./song.wav'),
    ('seld train --config=ce_mse_1_1_f\t', '--config=ce_mse_1_1_foa'),
    ('seld help vali\t', 'seld help validate'),
  ],
)
def test_zsh_completes(text, expected, tmp_path):
  for name in 'song.wav', 'my tune.wav':
    (tmp_path / name).touch()
  assert shows('zsh', '-f', tmp_path, text, expected)


def shows(shell, option, tmp_path, text, expected):
  """Whether an interactive shell shows a text after some keys."""
  path = tmp_path / '.script'
  before = 'autoload -U compinit; compinit -u -D\n' if shell == 'zsh' else ''
  path.write_text(f'{before}{script(shell)}\n')
  main, other = pty.openpty()
  process = subprocess.Popen(
    [shell, option, '-i'],
    cwd=tmp_path,
    stdin=other,
    stdout=other,
    stderr=other,
    start_new_session=True,
    env=os.environ | {'TERM': 'dumb', 'PS1': '$ ', 'HOME': str(tmp_path)},
  )
  os.close(other)
  try:
    os.write(main, b'source .script; echo rea\\dy\n')
    if not shown_until(main, 'ready\r'):
      return False
    os.write(main, text.encode())
    return shown_until(main, expected)
  finally:
    process.kill()
    process.wait()
    os.close(main)


def shown_until(terminal, end):
  """Whether a terminal shows a text before it shows nothing for long."""
  shown = ''
  while select.select([terminal], [], [], 20)[0]:
    shown += os.read(terminal, 4096).decode(errors='replace')
    if end in shown:
      return True
  return False


@needs_zsh
def test_zsh_reads_it():
  done = subprocess.run(
    ['zsh', '-f', '-c', f'autoload -U compinit; compinit -u; {script("zsh")}'],
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.skipif(not shutil.which('fish'), reason='needs fish')
@pytest.mark.parametrize(
  'line, expected',
  [
    ('seld tr', ['train']),
    ('seld evaluate --edition=202', [f'--edition=202{n}' for n in range(6)]),
    ('seld train --config.train.batch', ['--config.train.batch_size']),
    ('seld help vali', ['validate']),
  ],
)
def test_fish_completes(line, expected):
  source = f'{script("fish")}\ncomplete -C {shlex.quote(line)}'
  done = subprocess.run(
    ['fish', '--no-config', '-c', source], capture_output=True, text=True
  )
  assert (done.returncode, done.stderr) == (0, '')
  found = [one.partition('\t')[0] for one in done.stdout.splitlines()]
  assert found == expected


@pytest.mark.skipif(not shutil.which('fish'), reason='needs fish')
def test_fish_completes_files_of_configs(tmp_path):
  (tmp_path / 'mine.py').touch()
  source = f'{script("fish")}\ncomplete -C "seld train --config=mi"'
  done = subprocess.run(
    ['fish', '--no-config', '-c', source],
    capture_output=True,
    text=True,
    cwd=tmp_path,
  )
  assert '--config=mine.py' in done.stdout


def test_what_a_shell_says_about_a_flag_is_its_first_sentence():
  found = {flag.name: flag.about for flag in completion.flags_of('predict')}
  assert found['norm'] and not found['norm'].startswith('<')
  assert not any(about.endswith(':') for about in found.values())
