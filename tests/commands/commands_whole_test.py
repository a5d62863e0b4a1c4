"""Every command has help and reports each mistake in one sentence."""

import importlib
import pathlib
import re
import runpy
import shlex
import sys
import warnings

import numpy as np
import pytest
import soundfile
from absl import flags
from helpers.command_outcomes import outcome

import seld_jax
from seld_jax import config as config_lib

PACKAGE = pathlib.Path(seld_jax.__file__).parent
FOA = f'--config={PACKAGE.parent / "configs" / "mse_foa.py"}'

# A flag of main after --config=configs/mse_foa.py, and the expected message.
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
  'number': (
    '--config.train.batch_size=abc',
    'flag --config.train.batch_size=abc: must be an integer',
  ),
  'flag': (
    '--conifg.train.batch_size=3',
    "Unknown command line flag 'conifg.train.batch_size': did you mean "
    '--config.train.batch_size?',
  ),
  'whole': (
    '--config.train.batch_size=3.5',
    'flag --config.train.batch_size=3.5: must be an integer',
  ),
  'truth': (
    '--config.augment.rotate=maybe',
    'flag --config.augment.rotate=maybe: must be true or false',
  ),
  'tuple': (
    '--config.train.decay_epochs=abc',
    r"train\.decay_epochs\[0\] must be an integer, got 'abc'\.",
  ),
  'entry': (
    '--config.data.train_folds[9]=3',
    r'--config\.data\.train_folds\[9\]=3: only a number that is there can be '
    r'set like this; set the whole tuple, such as --config\.data\.train_folds=',
  ),
  'whole section': ('--config.augment=3', 'config.augment=3: .*`3` is not a'),
  'value': (
    '--config.loss.sed=msee',
    r'loss\.sed must be one of mse, cross_entropy, focal, asymmetric_focal, '
    r"soft_f1, got 'msee' \(did you mean 'mse'\?\)\.",
  ),
  'edition': (
    '--config.data.edition=2018',
    r"data\.edition must be one of 2019, .*2025, or empty, got '2018'\.",
  ),
  'class map': (
    '--config.data.class_map=stars',
    r"There is no class map 'stars': it must be one of 2019, 2020, 2021, starss"
    r', l3das22, or a file with the name of a class in each line\.',
  ),
  'word': ('foo', "takes flags only, got 'foo'"),
}

# Invalid config files, and the expected message after the name of the file.
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

# Texts that the help of each command must contain once.
HELP = {
  'calibrate': ['--edition=2019|2020|2021|2022|2023|2024|2025', '--data=...'],
  'compare': [
    *('--reference=...', '--out=...', '--[no]common', '(default: 1000)'),
    'run if a folder of predictions is in a run directory',
  ],
  'completion': ['--shell=bash|zsh|fish (required)'],
  'convert': [
    *('--from=dcase2024|dcase2025 (required)', '--weights=... (required)'),
    *('--out=... (required)', '--[no]export'),
  ],
  'evaluate': [
    '--reference=...',
    '--missing=error|empty|leave_out',
    '--[no]json',
  ],
  'export': ['--workdir=... (required)', '--out=... (required)'],
  'fetch': [
    *('--out=... (required)', '--formats=foa|mic|both|stereo'),
    *('  starss23: STARSS23: Sony-TAu', '      stereo; licence MIT'),
  ],
  'listen': ['--model=...', 'Default: demo.', '--speed=... (default: 1.0)'],
  'main': ['--config=... (required)', '--config.train.batch_size='],
  'predict': ['--[no]json', '--channels=acn|fuma|aformat|em32'],
  'report': ['--workdir=...', '--predictions=...', '--out=...'],
  'reproduce': ['--data=... (required)', '--scale=paper|small|quick'],
  'save_pretrained': [
    *('--dtype=float32|float16', '--name=...', '--[no]replace_card'),
  ],
  'synthesize': [
    *('--out=... (required)', '(default: 60)', '--format=foa|mic|both'),
    *('--gain_db=', '--equalizer_db=', '--stretch=', '--rt60=', '--snr_db='),
    *('--moving=', '--[no]same_class', '--[no]plot', '--[no]evaluation'),
    *(
      '--rirs=...',
      '--measured_rooms=',
      '--others=',
      '--silent=',
      '--peak_dbfs=',
    ),
  ],
  'tau2020': ['--out=... (required)', '--formats=foa|mic|both'],
  'validate': [
    *('--root=... (required)', '--classes=...', '--class_map=...'),
    '--edition=2019|2020|2021|2022|2023|2024|2025',
  ],
}

# Arguments that the other commands refuse, and the expected message.
_GONE = 'x does not exist, but a run directory or an export'
_NO_RUN = 'does not exist, but a run directory is needed'
REFUSED = {
  'predict --model=x --out=y': 'Sound files or folders of them are missing',
  'predict --model=x --workdir=z --out=y a.wav': 'two names .* x and z',
  'predict --out= a.wav': '--out must name a folder',
  "predict ''": 'An input is empty',
  'predict --out=- a.wav b.wav': '--out=- is for one sound file .* 2 inputs',
  'predict --out=- .': r'--out=- is for one sound file, but \. is a folder',
  'predict --out=- --json a.wav': 'nothing else: leave out --json',
  'predict --plot -': '--plot needs --out=FOLDER',
  'predict - a.wav': 'the input - is for one sound file alone',
  'predict --model=intensity -': 'Standard input is empty',
  'predict --model=x --out=y a.wav': _GONE,
  'listen --model=x --file=a.wav': _GONE,
  'listen --model=x --file=a --device=b': '--file and --device exclude',
  'export --model=x --out=y': "flag 'model': did you mean --workdir",
  'export --workdir=x --out=y': f'x {_NO_RUN}',
  'export --workdir=x --out=.': r'--out must be a file, .* \. is a folder',
  'calibrate demo': f'demo {_NO_RUN}',
  'export --workdir=x --out=y --platforms=cpu,gpu': (
    "--platforms must be some of .* got 'cpu,gpu'"
  ),
  'reproduce --data=nowhere --workdir=x': (
    '^nowhere has neither foa_dev nor mic_dev;.*seld_jax.tau2020'
  ),
  'reproduce --data=. --systems=msee --workdir=x': (
    r"^--systems must be (some )?of baseline, ce_mse_1_1000, .* got 'msee'\.$"
  ),
  'synthesize --out=y --snr_db=20': (
    r"^--snr_db must be two numbers LOW,HIGH, got '20'\.$"
  ),
}


def call_main(tmp_path, *words):
  """Runs the main command in a temporary folder."""
  return outcome('seld_jax.main', *words, folder=tmp_path)


def message(outcome):
  """The error message of a command that has refused its arguments."""
  status, out, err = outcome
  assert status == 1, err
  assert out == ''
  assert err.startswith('error: '), err
  assert len(err.splitlines()) == 1, err
  assert len(err) < 300, 'one sentence, not a list'
  return err.removeprefix('error: ').rstrip('\n')


def test_main_tells_the_order_of_config_and_its_fields(tmp_path):
  text = message(call_main(tmp_path, '--config.data.root=x', FOA))
  assert text == (
    '--config=NAME must stand before its fields, such as --config.data.root=x.'
  )


@pytest.mark.parametrize('name', FIELDS)
def test_main_refuses_invalid_fields(name, tmp_path):
  word, expected = FIELDS[name]
  text = message(call_main(tmp_path, FOA, '--workdir=x', word))
  assert text == expected or re.search(expected, text), text
  assert list(tmp_path.iterdir()) == [], 'it leaves nothing behind'


def test_main_does_not_change_a_stated_field_without_a_word(tmp_path):
  words = '--config.data.edition=2021', '--config.eval.edition=2020'
  text = message(call_main(tmp_path, FOA, '--workdir=x', *words))
  assert text.startswith("eval.edition = '2020' is the default, which")
  assert 'set data.class_map=2021 and the other fields' in text


@pytest.mark.parametrize('name', FILES)
def test_main_refuses_invalid_config_files(name, tmp_path):
  source, expected = FILES[name]
  path = tmp_path / f'{name}.py'
  path.write_text(source)
  text = message(call_main(tmp_path, f'--config={path}'))
  assert re.search(rf'/{name}\.py, {expected}', text), text


def test_main_refuses_a_config_file_that_returns_no_config(tmp_path):
  (tmp_path / 'none.py').write_text('def get_config():\n  "No return."\n')
  status, _, err = call_main(tmp_path, '--config=none.py')
  assert status == 1
  assert 'get_config() must return' in err.splitlines()[-1]
  assert 'Traceback' not in err


@pytest.mark.parametrize(
  'words',
  [
    ['--config=configs/mse_fao.py'],
    ['--config=configs/mse_fao.py', '--config.train.batch_size=3'],
    ['--config', 'configs/mse_fao.py'],
  ],
)
def test_main_refuses_a_missing_config_file(words, tmp_path):
  text = message(call_main(tmp_path, *words))
  assert text == (
    '--config: there is no file configs/mse_fao.py, and no config of this '
    'name; did you mean mse_foa?'
  )


def test_main_knows_its_configs_by_name_from_any_folder(tmp_path):
  for words in ['--config=mse_foa'], ['--config', 'mse_foa']:
    status, _, err = call_main(tmp_path, *words)
    assert status == 1
    assert 'is missing. Get TAU-NIGENS' in err  # the dataset, not the config
  text = message(call_main(tmp_path, '--config=configs/mse_foa.py'))
  assert '--config=mse_foa is the config of this name' in text


def test_main_requires_a_config(tmp_path):
  assert '--config is missing' in message(call_main(tmp_path))
  assert '--config' in message(call_main(tmp_path, '--config'))


def test_main_suggests_the_most_similar_flag(tmp_path):
  text = message(call_main(tmp_path, FOA, '--wrokdir=x'))
  assert "'wrokdir'" in text
  assert 'workdir' in text.replace('wrokdir', '')


def test_main_explains_how_to_get_a_dataset(tmp_path):
  status, _, err = call_main(
    tmp_path, FOA, '--config.data.root=nowhere', '--workdir=run'
  )
  assert status == 1
  advice = err.splitlines()
  assert advice[0].startswith('error: nowhere is missing.')
  assert len(advice) == 3
  assert 'seld_jax.fetch tau2020 --out=nowhere --formats=foa' in advice[0]
  assert 'seld_jax.synthesize --out=nowhere' in advice[1]
  assert 'folder that has them: --config.data.root=FOLDER' in advice[2]


@pytest.mark.parametrize('words', REFUSED)
def test_commands_refuse_invalid_arguments(words, tmp_path):
  command, *arguments = shlex.split(words)
  text = message(outcome(f'seld_jax.{command}', *arguments, folder=tmp_path))
  assert re.search(REFUSED[words], text), text
  assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope='module')
def sound_files(tmp_path_factory):
  """A recording of one second in FOA, and one in a wrong order at 48 kHz."""
  folder = tmp_path_factory.mktemp('sounds')
  noise = 0.1 * np.random.default_rng(0).standard_normal(24000)
  foa = np.array([[1], [0.6], [0.2], [0.77]]) * noise
  soundfile.write(folder / 'right.wav', foa.T, 24000)
  soundfile.write(folder / 'wrong.wav', foa[[2, 0, 1, 3]].T, 48000)
  return folder


def test_predict_writes_csv_files_and_warns_on_standard_error(
  tiny_run, sound_files, tmp_path
):
  status, out, err = outcome(
    'seld_jax.predict',
    f'--model={tiny_run}',
    '--out=out',
    '--threshold=0.3',
    sound_files,
    sound_files / 'gone.wav',
    'a' * 300,
    folder=tmp_path,
  )
  assert status == 1
  names = {path.name for path in (tmp_path / 'out').iterdir()}
  assert names == {'right.csv', 'wrong.csv'}
  note, summary, classes = out.splitlines()
  assert note == 'audio at 48000 Hz is resampled to the 24000 Hz of the network'
  assert summary.startswith('out: 2 recordings, 1.5 s of audio in ')
  assert classes.startswith('classes: 0 alarm, 1 crying_baby, ')
  start, *_, warning, end, count, long, gone = err.splitlines()
  assert start == 'predictions: 1.5 seconds of audio to do'
  path = sound_files / 'wrong.wav'
  assert warning.startswith(f'warning: {path} may not have the channels that')
  assert end.startswith('predictions: 1.5 seconds of audio done in ')
  assert count == 'error: 2 inputs failed:'
  assert long.strip().endswith('a cannot be read: File name too long.')
  assert gone.strip().startswith(f'{sound_files}/gone.wav does not exist')


def test_listen_plays_a_file(tiny_run, sound_files):
  status, out, err = outcome(
    'seld_jax.listen',
    f'--model={tiny_run}',
    f'--file={sound_files / "right.wav"}',
    '--window=0.5',
    '--speed=1000',
  )
  assert (status, err) == (0, '')
  first, *lines = out.splitlines()
  assert first.startswith(f'{tiny_run}: sounds are shown up to 0.5 s after')
  ends = [float(line.split()[0]) for line in lines]
  assert ends == sorted(ends) and ends[-1] == 1.0


@pytest.fixture(scope='module')
def commands():
  """The modules of all commands by name, imported into this one process."""
  found = {}
  for path in PACKAGE.rglob('*.py'):
    if (path.parent != PACKAGE) != (path.name == '__main__.py'):
      continue  # no command; see seld_test.py for that of seld itself
    if re.search(r'^  commands\.run\(', path.read_text(), re.MULTILINE):
      parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
      importlib.import_module('.'.join(parts))
      found[parts[1]] = '.'.join(parts).removesuffix('.__main__')
  return found


def test_all_commands_are_known(commands):
  assert set(HELP) == set(commands)


def test_commands_add_no_flags_to_those_of_a_host_program(commands):
  modules = flags.FLAGS.flags_by_module_dict()
  assert not [name for name in modules if name.startswith('seld_jax')]


@pytest.mark.parametrize('name', HELP)
def test_every_command_has_help_beside_all_others(
  name, commands, monkeypatch, capsys
):
  """One after the other in the process that has imported all of them."""
  monkeypatch.setattr(sys, 'argv', [name, '--help'])
  with warnings.catch_warnings(), pytest.raises(SystemExit) as stop:
    # runpy warns if the module that it runs was imported before.
    warnings.filterwarnings('ignore', category=RuntimeWarning, module='runpy')
    runpy.run_module(commands[name], run_name='__main__', alter_sys=True)
  out, err = capsys.readouterr()
  assert (stop.value.code, err) == (0, '')
  for text in HELP[name]:
    assert out.count(text) == 1, text
  assert f'seld_jax.{name}' in out
  assert "default: '" not in out
  paragraphs = out.partition('Fields of the config')[0].split('\n      ')[1:]
  texts = [paragraph.partition('\n')[0] for paragraph in paragraphs]
  assert max(map(len, texts)) <= 80 - 6


def test_help_of_main_lists_all_flags_and_fields(tmp_path):
  status, out, err = call_main(tmp_path, '--help')
  assert (status, err) == (0, '')
  assert out.startswith('Trains a system')
  assert '  --config=... (required)' in out.splitlines()
  assert '  --workdir=...' in out.splitlines()
  config = config_lib.to_dict(config_lib.default())
  assert f'  --config.seed={config.pop("seed")}' in out.splitlines()
  for section, fields in config.items():
    for field, value in fields.items():
      assert f'  --config.{section}.{field}={value}' in out.splitlines()


def test_every_field_of_the_config_is_explained():
  source = (PACKAGE / 'config' / 'defaults.py').read_text()
  comments = ' '.join(line.strip(' #') for line in source.splitlines())
  fields = config_lib.describe_fields()
  for field in fields:
    assert field.about.endswith(('.', ').')), field
    assert field.about in comments
  names = config_lib.to_dict(config_lib.default())
  sections = {**names, 'seed': {'': names['seed']}}
  assert len(fields) == sum(map(len, sections.values()))


def test_a_closed_output_gives_no_traceback(tmp_path):
  status, _, err = outcome(
    'seld_jax.main', '--help', folder=tmp_path, closed=True
  )
  assert status == 1
  assert err == ''
