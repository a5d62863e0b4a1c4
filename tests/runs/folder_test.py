"""A run directory: one configuration, and one process at a time."""

import json
import multiprocessing
import os
import signal
import time

import pytest

from seld_jax import config as config_lib
from seld_jax import runs
from seld_jax.errors import InputError


def hold(workdir):
  with runs.lock(workdir):
    (workdir / 'held').touch()
    time.sleep(600)


def holder(workdir):
  """Number of the process in the lock file."""
  return int((workdir / '.lock').read_text().split()[1])


def test_a_directory_that_is_in_use_is_refused(tmp_path):
  with (
    runs.lock(tmp_path / 'run'),
    pytest.raises(InputError, match=f'in use by process {os.getpid()} on '),
    runs.lock(tmp_path / 'run'),
  ):
    raise AssertionError('two runs hold it')
  with runs.lock(tmp_path / 'run'):
    assert holder(tmp_path / 'run') == os.getpid()


def test_a_killed_process_releases_its_lock(tmp_path):
  process = multiprocessing.get_context('spawn').Process(
    target=hold, args=(tmp_path,)
  )
  process.start()
  while not (tmp_path / 'held').exists():
    time.sleep(0.01)
  with (
    pytest.raises(InputError, match=f'process {process.pid} on '),
    runs.lock(tmp_path),
  ):
    raise AssertionError('two runs hold it')
  process.kill()
  process.join()
  assert process.exitcode == -signal.SIGKILL
  with runs.lock(tmp_path):
    assert holder(tmp_path) == os.getpid()


@pytest.fixture
def begun(tmp_path):
  """A directory with a checkpoint of the default configuration."""
  runs.claim(tmp_path, config_lib.default())
  (tmp_path / 'checkpoints' / '100').mkdir()
  return tmp_path


OTHERS = {
  'model.filters': (8, 8, 8, 8, 8, 8),
  'features.n_mels': 32,
  'features.format': 'mic',
  'data.classes': ('dog', 'cat'),
  'train.learning_rate': 0.5,
}


@pytest.mark.parametrize(
  ('name', 'damage'),
  [
    *((name, 'none') for name in OTHERS),
    ('features.n_mels', 'edited'),
    ('data.classes', 'lost'),
  ],
)
def test_checkpoints_of_another_configuration_are_refused(name, damage, begun):
  """Also when config.json was edited or deleted: there is a copy."""
  section, field = name.split('.')
  config = config_lib.default()
  config[section][field] = OTHERS[name]
  path = begun / 'config.json'
  if damage == 'edited':
    path.write_text(json.dumps(config_lib.to_dict(config)))
  elif damage == 'lost':
    path.unlink()
  with pytest.raises(InputError, match=rf'with config\.{name} = .*, not '):
    runs.claim(begun, config)
  runs.claim(begun, config_lib.default())
  assert json.loads(path.read_text()) == config_lib.to_dict(
    config_lib.default()
  )


def test_the_folders_of_the_data_may_change(begun):
  config = config_lib.default()
  config.data.root, config.data.cache = 'elsewhere', 'there'
  runs.claim(begun, config)


def test_a_complete_run_follows_its_dataset(begun, tmp_path):
  config = config_lib.default()
  (begun / 'scores.json').write_text('{}')
  config.data.root, config.train.memory_limit = 'gone', 3.0
  runs.claim(begun, config)  # there is no such folder
  path = begun / 'config.json'
  assert json.loads(path.read_text()) == config_lib.to_dict(
    config_lib.default()
  )
  config.data.root = str(tmp_path)
  runs.claim(begun, config)
  found = json.loads(path.read_text())
  assert found['data']['root'] == str(tmp_path)
  assert found['train'] == config_lib.to_dict(config_lib.default())['train']


def test_a_directory_without_a_run_accepts_any_configuration(tmp_path):
  runs.claim(tmp_path, config_lib.default())
  config = config_lib.default()
  config.seed = 1
  runs.claim(tmp_path, config)


def test_the_error_for_a_damaged_configuration_names_the_file(begun):
  path = begun / 'checkpoints' / 'config.json'
  path.write_text('{')
  with pytest.raises(
    InputError, match=f'{path} cannot be read as JSON.* Delete'
  ):
    runs.claim(begun, config_lib.default())
  path.unlink()
  runs.claim(begun, config_lib.default())


def test_a_field_that_the_schedule_does_not_use_may_differ(tmp_path):
  """Such fields were accepted once, and are refused now."""
  config = config_lib.default()
  config.train.schedule, config.train.decay_factor = 'cosine', 0.5
  runs.write_config(tmp_path, config)
  (tmp_path / 'scores.json').write_text('{}')
  config.train.decay_factor = config_lib.default().train.decay_factor
  assert runs.check(tmp_path, config)
  config.train.schedule = 'paper'  # which uses this field
  with pytest.raises(InputError, match=r'train\.decay_factor = 0\.5, not 0\.8'):
    runs.check(tmp_path, config)
