"""The wheel has everything that the package needs away from the repository."""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from seld_jax import audio, config

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool'][
  'setuptools'
]


def test_all_packages_are_listed():
  folders = {path.parent for path in (ROOT / 'seld_jax').rglob('__init__.py')}
  names = {'.'.join(path.relative_to(ROOT).parts) for path in folders}
  assert {*SETTINGS['packages']} == names | {'seld_jax.configs'}
  assert SETTINGS['package-dir'] == {'seld_jax.configs': 'configs'}


def test_all_data_files_are_included():
  patterns = SETTINGS['package-data']['*']
  for path in (ROOT / 'seld_jax').rglob('*'):
    if path.is_file() and path.suffix not in ('.py', '.pyc'):
      assert any(fnmatch.fnmatch(path.name, one) for one in patterns), path


def test_every_config_has_a_name():
  files = {path.stem for path in (ROOT / 'configs').glob('*.py')}
  assert {*config.config_files()} == files


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
  """A folder with the package alone, installed from its wheel."""
  folder = tmp_path_factory.mktemp('wheel')
  # A copy, because the build writes into the folder of the source.
  source = folder / 'source'
  for name in 'seld_jax', 'configs':
    shutil.copytree(ROOT / name, source / name)
  for name in 'pyproject.toml', 'README.md', 'LICENSE':
    shutil.copy(ROOT / name, source)
  pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
  made = subprocess.run(
    [*pip, 'wheel', '--no-deps', '-w', str(folder / 'made'), str(source)],
    capture_output=True,
    text=True,
  )
  if made.returncode and 'setuptools' in made.stderr:
    pytest.skip('pip cannot get setuptools here')
  assert not made.returncode, made.stderr
  (wheel,) = (folder / 'made').glob('*.whl')
  place = folder / 'place'
  subprocess.run(
    [*pip, 'install', '-q', '--no-deps', '--target', str(place), str(wheel)],
    check=True,
  )
  return place


@pytest.mark.slow
def test_it_names_the_paper(installed):
  (about,) = installed.glob('seld_jax-*.dist-info/METADATA')
  cited = re.search(
    r'\n  url: (.*)\n', (ROOT / 'CITATION.cff').read_text(encoding='utf-8')
  )
  assert cited
  assert f'Project-URL: Paper, {cited[1]}' in about.read_text().splitlines()


@pytest.mark.slow
def test_it_does_what_the_readme_shows(installed, tiny_root, tmp_path):
  environment = os.environ | {'PYTHONPATH': str(installed)}

  def run(*words):
    done = subprocess.run(
      [sys.executable, str(installed / 'bin' / 'seld'), *words],
      cwd=tmp_path,
      env=environment,
      capture_output=True,
      text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout

  where = subprocess.run(
    [sys.executable, '-c', 'import seld_jax; print(seld_jax.__file__)'],
    cwd=tmp_path,
    env=environment,
    capture_output=True,
    text=True,
  ).stdout
  assert where.startswith(str(installed))
  rng = np.random.default_rng(0)
  sound = 0.1 * rng.standard_normal((4, 48000))
  audio.write(tmp_path / 'recording.wav', sound)
  run('predict', 'recording.wav')
  assert (tmp_path / 'recording.csv').is_file()
  shown = run(
    'train',
    '--config=quick',
    '--workdir=run',
    '--config.data.synthesize=0',
    f'--config.data.root={tiny_root}',
    f'--config.data.cache={tmp_path / "features"}',
    '--config.data.train_folds=(3,)',
    '--config.train.num_steps=20',
    '--config.train.batch_size=2',
    '--config.train.crop_frames=40',
    '--config.train.evaluate_every=10',
    '--config.train.log_every=10',
    '--config.eval.window=40',
    '--config.eval.test_windows=(40,)',
    '--config.model.filters=(4,4,4,4,4,4)',
    '--config.model.gru_features=4',
  )
  assert 'seld_score' in shown
  (folder,) = (tmp_path / 'run' / 'predictions').glob('test*')
  scores = run(
    'evaluate',
    f'--reference={tiny_root / "metadata_dev"}',
    f'--predictions={folder}',
    '--missing=leave_out',
    '--json',
  )
  assert '"seld_score"' in scores
  run('report', '--workdir=run')
  assert (tmp_path / 'run' / 'report.html').is_file()
