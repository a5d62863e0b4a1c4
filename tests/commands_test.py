"""Commands: help, exit status, and one clear sentence for each mistake."""

import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from absl import flags

from seld_jax import commands
from seld_jax import config as config_lib
from seld_jax.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]


# The shared part, on flags of our own.


@pytest.fixture
def call(monkeypatch, capsys):
  """Runs a command with some words; gives exit status, output and errors."""
  own = flags.FlagValues()
  flags.DEFINE_string('out', None, 'Where to.', flag_values=own)
  flags.DEFINE_string('name', 'some one', 'Who.', flag_values=own)
  flags.DEFINE_integer('count', 3, 'How many.', lower_bound=1, flag_values=own)
  flags.DEFINE_enum(
    'format', 'foa', ['foa', 'mic'], 'Which kind.', flag_values=own
  )
  flags.DEFINE_bool('fast', False, 'Hurry.', flag_values=own)
  flags.DEFINE_bool('neat', True, 'Tidy.', flag_values=own)
  monkeypatch.setattr(commands, 'FLAGS', own)

  def call(*words, main=lambda arguments: None, **options):
    monkeypatch.setattr(sys, 'argv', [__name__, *words])
    try:
      commands.run(main, **options)
      status = 0
    except SystemExit as stop:
      status = stop.code
    output = capsys.readouterr()
    return status, output.out, output.err

  call.flags = own
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
  assert call.flags.count == 5


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


# Whole commands. They are parsed by absl's one table of flags, so each needs a
# process; those are forked from one that has imported what takes long.

_FORK = """
import json, os, runpy, sys, warnings
import seld_jax.report, seld_jax.scenes, seld_jax.train
import ml_collections.config_flags

def run(case):
  module, words = case
  out, err = os.memfd_create('out'), os.memfd_create('err')
  child = os.fork()
  if not child:
    if words[:1] == ['CLOSED']:  # whoever reads the output has gone
      gone, out = os.pipe()
      os.close(gone)
      words = words[1:]
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.argv = [module, *words]
    # A module that is run although it was imported.
    warnings.simplefilter('ignore', RuntimeWarning)
    status = 0
    try:
      runpy.run_module(module, run_name='__main__', alter_sys=True)
    except SystemExit as stop:
      status = stop.code or 0
    except BaseException:
      import traceback
      traceback.print_exc()
      status = 99
    try:
      sys.stdout.flush()
    finally:
      os._exit(status)
  status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
  texts = []
  for descriptor in out, err:
    with os.fdopen(descriptor, 'rb') as file:
      file.seek(0)
      texts.append(file.read().decode())
  return [status, *texts]

cases = json.load(sys.stdin)
print(json.dumps({name: run(case) for name, case in cases.items()}))
"""

MAIN = 'seld_jax.main'
FOA = f'--config={ROOT / "configs" / "mse_foa.py"}'

# Name, words after --config=configs/mse_foa.py, and what the error must say.
FIELDS = {
  'field': (
    '--config.train.batchsize=3',
    'There is no field config.train.batchsize; did you mean '
    'config.train.batch_size?',
  ),
  'section': (
    '--config.trian.batch_size=3',
    'There is no field config.trian.batch_size; did you mean '
    'config.train.batch_size?',
  ),
  'switch': (
    '--noconfig.augment.rotat',
    'There is no field config.augment.rotat; did you mean '
    'config.augment.rotate?',
  ),
  'number': ('--config.train.batch_size=abc', "train.batch_size=abc: .*'abc'"),
  'whole': ('--config.train.batch_size=3.5', "train.batch_size=3.5: .*'3.5'"),
  'truth': ('--config.augment.rotate=maybe', "augment.rotate=maybe: .*'maybe'"),
  'tuple': (
    '--config.train.decay_epochs=abc',
    r"train\.decay_epochs\[0\] must be a whole number, got 'abc'\.",
  ),
  'whole section': ('--config.augment=3', 'config.augment=3: .*`3` is not a'),
  'value': (
    '--config.loss.sed=msee',
    r"loss\.sed must be one of mse, cross_entropy, got 'msee' \(did you mean "
    r"'mse'\?\)\.",
  ),
  'word': ('foo', "takes flags only, got 'foo'"),
}

# Config files that cannot work, and what the error must say after their name.
FILES = {
  'raises': (
    "def get_config():\n  return {}['nothing']\n",
    'line 2: KeyError: nothing',
  ),
  'refuses': (
    "def get_config():\n  x = 1\n  raise ValueError('no such\\nthing')\n",
    'line 3: ValueError: no such thing',
  ),
  'opens': (
    "def get_config():\n  return open('/nowhere/at/all')\n",
    'line 2: FileNotFoundError: .*/nowhere/at/all',
  ),
  'syntax': ('def get_config(:\n', 'line 1: SyntaxError: invalid syntax'),
  'field': (
    'from seld_jax import config\n\n\ndef get_config():\n'
    '  c = config.default()\n  c.train.batchsize = 3\n  return c\n',
    'line 6: AttributeError: Key "batchsize" does not exist .* '
    'Did you mean "batch_size" instead of "batchsize"',
  ),
  'type': (
    'from seld_jax import config\n\n\ndef get_config():\n'
    "  c = config.default()\n  c.train.batch_size = 'many'\n  return c\n",
    "line 6: TypeError: Could not override field 'batch_size'.*many",
  ),
}


@pytest.fixture(scope='session')
def outcomes(tmp_path_factory):
  """What each command did: exit status, output, errors."""
  folder = tmp_path_factory.mktemp('commands')
  cases = {
    'main help': (MAIN, ['--help']),
    'evaluate help': ('seld_jax.evaluate', ['--help']),
    'synthesize help': ('seld_jax.synthesize', ['--help']),
    'report help': ('seld_jax.report', ['--help']),
    'tau2020 help': ('seld_jax.tau2020', ['--help']),
    'reproduce help': ('seld_jax.reproduce', ['--help']),
    'reproduce without a dataset': (
      'seld_jax.reproduce',
      ['--data=nowhere', f'--workdir={folder / "x"}'],
    ),
    'reproduce unknown system': (
      'seld_jax.reproduce',
      ['--data=.', '--systems=msee', '--workdir=x'],
    ),
    'predict help': ('seld_jax.predict', ['--help']),
    'listen help': ('seld_jax.listen', ['--help']),
    'export help': ('seld_jax.export', ['--help']),
    'predict nothing': ('seld_jax.predict', ['--model=x', '--out=y']),
    'predict without': ('seld_jax.predict', ['--out=y', 'a.wav']),
    'predict two': (
      'seld_jax.predict',
      ['--model=x', '--workdir=z', '--out=y', 'a.wav'],
    ),
    'predict gone': ('seld_jax.predict', ['--model=x', '--out=y', 'a.wav']),
    'listen gone': ('seld_jax.listen', ['--model=x', '--file=a.wav']),
    'export gone': ('seld_jax.export', ['--workdir=x', '--out=y']),
    'export platform': (
      'seld_jax.export',
      ['--workdir=x', '--out=y', '--platforms=cpu,gpu'],
    ),
    'closed': (MAIN, ['CLOSED', '--help']),
    'no config': (MAIN, []),
    'config without a file': (MAIN, ['--config']),
    'missing file': (MAIN, ['--config=configs/mse_fao.py']),
    'missing file and field': (
      MAIN,
      ['--config=configs/mse_fao.py', '--config.train.batch_size=3'],
    ),
    'missing file of two words': (MAIN, ['--config', 'configs/mse_fao.py']),
    'unknown flag': (MAIN, [FOA, '--wrokdir=x']),
    'dataset': (
      MAIN,
      [FOA, '--config.data.root=nowhere', f'--workdir={folder / "run"}'],
    ),
  }
  for name, (word, _) in FIELDS.items():
    cases[f'field {name}'] = (MAIN, [FOA, f'--workdir={folder / "x"}', word])
  for name, (source, _) in FILES.items():
    path = folder / f'{name}.py'
    path.write_text(source)
    cases[f'file {name}'] = (MAIN, [f'--config={path}'])
  (folder / 'none.py').write_text('def get_config():\n  "Forgot to return."\n')
  cases['file none'] = (MAIN, [f'--config={folder / "none.py"}'])
  done = subprocess.run(
    [sys.executable, '-c', _FORK],
    input=json.dumps(cases),
    capture_output=True,
    text=True,
    cwd=folder,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
  )
  assert done.returncode == 0, done.stderr
  assert not (folder / 'x').exists(), 'a refused command leaves nothing behind'
  return json.loads(done.stdout.splitlines()[-1])


def sentence(outcome):
  """The one line of a refusal, without its beginning."""
  status, out, err = outcome
  assert status == 1, err
  assert out == ''
  assert err.startswith('error: '), err
  assert len(err.splitlines()) == 1, err
  assert len(err) < 300, 'a sentence, not a listing'
  return err.removeprefix('error: ').rstrip('\n')


@pytest.mark.parametrize('name', FIELDS)
def test_main_refuses_fields(name, outcomes):
  text = sentence(outcomes[f'field {name}'])
  expected = FIELDS[name][1]
  assert text == expected or re.search(expected, text), text


@pytest.mark.parametrize('name', FILES)
def test_main_refuses_config_files(name, outcomes):
  text = sentence(outcomes[f'file {name}'])
  assert re.search(rf'/{name}\.py, {FILES[name][1]}', text), text


def test_main_refuses_a_config_that_is_none(outcomes):
  status, _, err = outcomes['file none']
  assert status == 1
  assert 'get_config() must return' in err.splitlines()[-1]
  assert 'Traceback' not in err


@pytest.mark.parametrize('which', ['', ' and field', ' of two words'])
def test_main_refuses_a_missing_config_file(which, outcomes):
  text = sentence(outcomes[f'missing file{which}'])
  assert text == '--config: there is no file configs/mse_fao.py.'


def test_main_needs_a_config(outcomes):
  assert '--config is missing' in sentence(outcomes['no config'])
  assert '--config' in sentence(outcomes['config without a file'])


def test_main_refuses_unknown_flags_with_the_nearest(outcomes):
  text = sentence(outcomes['unknown flag'])
  assert "'wrokdir'" in text
  assert 'workdir' in text.replace('wrokdir', '')


def test_main_without_a_dataset_says_in_three_lines_what_to_do(outcomes):
  status, _, err = outcomes['dataset']
  assert status == 1
  advice = err.splitlines()
  assert advice[0].startswith('error: nowhere is missing.')
  assert len(advice) == 3
  assert 'nowhere/foa_dev and nowhere/metadata_dev' in advice[0]
  assert 'seld_jax.synthesize --out=nowhere' in advice[1]
  assert '--config.data.root=FOLDER' in advice[2]


@pytest.mark.parametrize(
  ('name', 'expected'),
  [
    ('predict nothing', 'Sound files or folders of them are missing'),
    ('predict without', '--model needs one run directory, .* got none'),
    ('predict two', '--model needs one run directory, .* got x and z'),
    ('predict gone', 'x does not exist, but a run directory or an export'),
    ('listen gone', 'x does not exist, but a run directory or an export'),
    ('export gone', 'x does not exist, but a run directory or an export'),
    ('export platform', "--platforms must be some of .* got 'cpu,gpu'"),
  ],
)
def test_commands_on_a_trained_network_refuse(name, expected, outcomes):
  text = sentence(outcomes[name])
  assert re.search(expected, text), text


def test_main_help_lists_all_flags_and_fields(outcomes):
  status, out, err = outcomes['main help']
  assert (status, err) == (0, '')
  assert out.startswith('Trains a system')
  assert '  --config=... (required)' in out.splitlines()
  assert '  --workdir=...' in out.splitlines()
  config = config_lib.to_dict(config_lib.default())
  assert f'  --config.seed={config.pop("seed")}' in out.splitlines()
  for section, fields in config.items():
    for field, value in fields.items():
      assert f'  --config.{section}.{field}={value}' in out.splitlines()


@pytest.mark.parametrize(
  ('command', 'expected'),
  [
    ('evaluate', ['--reference=...', '--missing=error|empty', '--[no]json']),
    ('synthesize', ['--out=... (required)', '(default: 60)', '--format=foa']),
    ('report', ['--workdir=...', '--predictions=...', '--out=...']),
    ('tau2020', ['--out=... (required)', '--formats=foa|mic|both']),
    ('reproduce', ['--data=... (required)', '--scale=paper|small|quick']),
    ('predict', ['--out=... (required)', '--channels=acn|fuma|em32']),
    ('listen', ['--model=... (required)', '--speed=... (default: 1.0)']),
    ('export', ['--workdir=... (required)', '--out=... (required)']),
  ],
)
def test_every_command_has_help(command, expected, outcomes):
  status, out, err = outcomes[f'{command} help']
  assert (status, err) == (0, '')
  for text in expected:
    assert out.count(text) == 1
  assert f'seld_jax.{command}' in out
  assert "default: '" not in out


def test_reproduce_needs_a_dataset_and_known_systems(outcomes):
  text = sentence(outcomes['reproduce without a dataset'])
  assert text.startswith('nowhere has neither foa_dev nor mic_dev;')
  assert 'seld_jax.tau2020' in text
  text = sentence(outcomes['reproduce unknown system'])
  assert text.startswith('--systems must be of baseline, ce_mse_1_1000, ')
  assert text.endswith("got 'msee'.")


def test_a_reader_that_has_gone_is_no_traceback(outcomes):
  status, _, err = outcomes['closed']
  assert status == 1
  assert err == ''
