"""Every command has help, and tells each mistake in one sentence."""

import pathlib
import re

import pytest
from helpers import forked

from seld_jax import config as config_lib

ROOT = pathlib.Path(__file__).parents[2]
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
    'validate help': ('seld_jax.validate', ['--help']),
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
  outcomes = forked.run(cases, folder)
  assert not (folder / 'x').exists(), 'a refused command leaves nothing behind'
  return outcomes


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
    ('validate', ['--root=... (required)', '--classes=... (default: 14)']),
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
  assert text.startswith('--systems must be some of baseline, ce_mse_1_1000, ')
  assert text.endswith("got 'msee'.")


def test_a_reader_that_has_gone_is_no_traceback(outcomes):
  status, _, err = outcomes['closed']
  assert status == 1
  assert err == ''
