"""A run that cannot fit in memory is refused before anything is read."""

import pathlib
import types

import jax
import pytest
from helpers.config_files import load

from seld_jax import config as config_lib
from seld_jax import devices, train
from seld_jax.errors import InputError
from seld_jax.train import memory

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'

GB = 10**9
MACHINE = 16 * GB


@pytest.fixture(autouse=True)
def machine(monkeypatch):
  """A machine of 16 GB, on which the refusals do not depend on the real one."""
  monkeypatch.setattr(devices.memory, 'machine_bytes', lambda: MACHINE)


@pytest.fixture(scope='module')
def mesh():
  return devices.make_mesh(devices=jax.devices()[:1])


def changed(fields):
  config = config_lib.default()
  for path, value in fields.items():
    section, _, name = path.rpartition('.')
    config[section][name] = value
  return config


def refusal(config, mesh):
  config_lib.validate(config, num_devices=1)
  with pytest.raises(InputError) as error:
    memory.check(config, mesh)
  text = str(error.value)
  assert '\n' not in text
  assert '--config.train.memory_limit=0' in text
  return text


@pytest.mark.parametrize(
  'fields',
  [
    {'features.n_mels': 4000, 'features.n_fft': 8192},
    {'model.filters': (10**6,) * 6},
    {'train.crop_frames': 10**7},
    {'eval.window': 10**9},
    {'eval.batch_size': 10**6},
    {
      'train.steps_per_dispatch': 10**9,
      'train.log_every': 10**9,
      'train.evaluate_every': 10**9,
    },
  ],
  ids=lambda fields: next(iter(fields)),
)
def test_a_value_that_needs_too_much_memory_is_named(fields, mesh):
  text = refusal(changed(fields), mesh)
  name, value = next(iter(fields.items()))
  assert f'Reduce {name} = {value}, or set' in text
  assert text.startswith('The run needs about ')
  assert 'but this machine offers 14 GB: ' in text


@pytest.mark.parametrize(
  'name', ['mse_foa', 'mse_mic', 'baseline_foa', 'quick']
)
def test_the_configs_fit_in_half_of_such_a_machine(name, mesh):
  config = load(CONFIGS / f'{name}.py')
  config.train.memory_limit = MACHINE / GB / 2
  memory.check(config, mesh)


def test_the_parameters_and_the_optimizer_are_exact(tiny_config):
  state = jax.eval_shape(lambda: train.create_state(tiny_config))
  size = lambda tree: sum(
    leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)
  )
  part = memory.estimate(tiny_config, num_devices=1).device[0]
  gradients = size(state.params)
  assert part.size == size(state.params) + size(state.opt_state) + gradients


def test_the_limit_can_be_set_and_switched_off(mesh):
  text = refusal(changed({'train.memory_limit': 2.0}), mesh)
  assert 'about 6 GB of memory, but train.memory_limit is 2 GB: ' in text
  assert 'Reduce train.batch_size = 64 or train.crop_frames = 600, ' in text
  huge = changed({'model.gru_features': 10**6, 'train.memory_limit': 0.0})
  memory.check(huge, mesh)


@pytest.mark.parametrize('limit', [-2.0, -0.5])
def test_a_limit_must_be_a_size(limit):
  with pytest.raises(InputError, match=r'train\.memory_limit must be -1 '):
    config_lib.validate(changed({'train.memory_limit': limit}), num_devices=1)


def test_a_batch_is_divided_among_the_devices():
  config = config_lib.default()
  one, two = (
    memory.estimate(config, num_devices=count).device for count in (1, 2)
  )
  assert one[0].size == two[0].size, 'each has all parameters'
  assert one[1].size == 2 * two[1].size


def test_nothing_is_read_or_written_before_the_refusal(tiny_config, tmp_path):
  tiny_config.data.root = str(tmp_path / 'missing')
  tiny_config.train.memory_limit = 0.001
  with pytest.raises(InputError, match='GB of memory'):
    train.train_and_evaluate(tiny_config, tmp_path / 'run')
  assert not list(tmp_path.iterdir())


def test_extraction_alone_only_needs_memory_for_features():
  config = changed({'model.gru_features': 10**6})
  memory.check_extraction(config)
  config.features.n_fft = 10**9
  with pytest.raises(InputError, match=r'Reduce features\.n_fft'):
    memory.check_extraction(config)


def test_the_limit_may_differ_when_a_run_is_resumed(tiny_config, tmp_path):
  from seld_jax import runs

  runs.write_config(tmp_path, tiny_config)
  (tmp_path / 'scores.json').write_text('{}')
  tiny_config.train.memory_limit = 0.0
  assert runs.check(tmp_path, tiny_config)


def test_features_fill_a_share_of_the_free_memory(mesh, monkeypatch):
  config = config_lib.default()
  monkeypatch.setattr(devices.memory, 'free_bytes', lambda: 10 * GB)
  assert memory.host_budget(config) == pytest.approx(4)
  assert memory.device_budget(config, mesh) == pytest.approx(4)
  config.data.host_budget, config.data.device_budget = 3.0, 0.0
  assert memory.host_budget(config) == 3
  assert memory.device_budget(config, mesh) == 0, 'no limit'


class Accelerator:
  platform = 'gpu'

  def __init__(self, limit):
    self.memory_stats = lambda: {'bytes_limit': limit} if limit else None


@pytest.mark.parametrize('limits', [(24, 24), (24, 16), (1e-3, 24), (0, 0)])
def test_features_on_an_accelerator_leave_what_the_run_needs(limits):
  config = config_lib.default()
  own = [Accelerator(int(limit * GB)) for limit in limits]
  mesh = types.SimpleNamespace(local_devices=own, size=2)
  needed = memory.estimate(config, num_devices=2).device
  total = sum(part.size for part in needed) / GB
  found = memory.device_budget(config, mesh)  # type: ignore[arg-type]
  if not any(limits):
    assert found == 0, 'no limit'
  else:
    assert found == pytest.approx(max(1e-9, 0.9 * min(limits) - total))


def test_more_features_than_memory_stay_on_disk(
  tiny_config, monkeypatch, caplog
):
  caplog.set_level('INFO', 'seld_jax')
  monkeypatch.setattr(devices.memory, 'free_bytes', lambda: 1000)
  data = train.prepare.load_data(tiny_config)
  assert 'train recordings (on disk)' in caplog.text
  budget = memory.device_budget(tiny_config, devices.make_mesh())
  assert not train.prepare.resident(data, num_devices=1, budget=budget)


@pytest.mark.parametrize('name', ['device_budget', 'host_budget'])
@pytest.mark.parametrize('value', [-2.0, -0.5])
def test_other_negative_budgets_are_refused(name, value):
  with pytest.raises(InputError, match=rf'data\.{name} must be -1 '):
    config_lib.validate(changed({f'data.{name}': value}), num_devices=1)


@pytest.mark.slow
def test_the_most_extreme_values_that_are_accepted_train_a_step(
  tiny_config, tmp_path
):
  most = 2**31 - 1
  for path, value in {
    'augment.max_time_width': 50,
    'augment.max_band_width': 16,
    'augment.num_time_masks': 50,
    'augment.num_band_masks': 16,
    'data.synthesize_seed': 2**63 - 1,
    'data.device_budget': 1e-30,
    'eval.watch': ('train', 'test'),
    'eval.watch_recordings': most,
    'eval.threshold': 0.999,
    'features.offset': 0.99,
    'features.top_db': 1e30,
    'model.bn_momentum': 0.0,
    'model.conv_dropout': 0.95,
    'train.warmup_epochs': most,
    'train.decay_epochs': (0, 1, most),
    'train.num_epochs': most,
    'train.clip_gradient': 1e-30,
    'train.log_gradient_norms': True,
    'train.evaluate_every': most,
    'train.log_every': most,
    'train.num_steps': 1,
  }.items():
    section, _, name = path.partition('.')
    tiny_config[section][name] = value
  tiny_config.seed = 2**32 - 1
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'run')
  assert scores['selected_step'] == 1
