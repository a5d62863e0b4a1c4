"""A trace on disk is reused only for the same code, settings and shapes."""

import functools
import gzip
import importlib.util
import os
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from helpers import compiling

from benchmarks import device_speed
from seld_jax import devices
from seld_jax.devices import compilation, traced_steps
from seld_jax.train import batches
from seld_jax.train import step as train_step


class State(struct.PyTreeNode):
  """A tree with its own class, like the state of a run."""

  total: jax.Array
  count: jax.Array


STATE = State(total=jnp.zeros(3), count=jnp.zeros((), jnp.int32))
BATCH = {'x': jnp.arange(3.0)}


@pytest.fixture
def traced(tmp_path):
  """A function that lowers a small step and returns how often it was traced."""
  calls = []

  def run(state=STATE, batch=BATCH, settings=None, traces=..., **options):
    def step(state, batch):  # a new function, which JAX has not traced yet
      calls.append(state)
      return state.replace(
        total=state.total + batch['x'], count=state.count + 1
      )

    if traces is ...:
      traces = traced_steps.kept_in(tmp_path / 'kept')
    keywords = {'traces': traces, 'settings': settings, **options}
    lowered = traced_steps.lower(step, state, batch, **keywords)
    new = lowered.compile()(state, batch)
    np.testing.assert_array_equal(new.total, state.total + batch['x'])
    assert new.count == state.count + 1
    return len(calls)

  return run


def test_a_second_start_does_not_trace(traced, tmp_path):
  assert traced() == 1
  assert traced() == 1
  (path,) = (tmp_path / 'kept').iterdir()
  assert path.suffix == '.gz'
  assert traced(traces=None) == 2


@pytest.mark.slow
def test_the_training_step_of_a_trace_is_the_same_to_the_bit(
  tiny_config, tmp_path, monkeypatch
):
  """With its devices, and with a donated state."""
  mesh = devices.make_mesh()
  fold = device_speed.make_fold(tiny_config, 2)
  step = train_step.make_train_step(tiny_config, steps_per_epoch=1)
  create, arguments = train_step.state_maker(tiny_config)
  template = create.eval_shape(*arguments)
  shapes = batches.shapes(tiny_config, fold)
  draw = np.random.default_rng(0).random
  batch = jax.tree.map(
    lambda one: jax.device_put(
      draw(one.shape, np.float32), devices.divided(mesh)
    ),
    shapes,
  )
  # As for a user: with quick options, the order of sums differs.
  monkeypatch.delenv('XLA_FLAGS')
  options = compiling.USUAL | (compilation.compiler_options() or {})
  lower = functools.partial(
    traced_steps.lower,
    step,
    template,
    shapes,
    settings=[],
    in_shardings=(devices.replicated(mesh), devices.divided(mesh)),
    out_shardings=devices.replicated(mesh),
    donate_argnums=0,
    compiler_options=options,
  )
  plain, traces = lower(traces=None), traced_steps.kept_in(tmp_path)
  lower(traces=traces)
  monkeypatch.setattr(traced_steps, '_export', lambda *_: pytest.fail('traced'))
  ends, memory = [], []
  for lowered in plain, lower(traces=traces):
    compiled = lowered.compile()
    memory.append(compiled.memory_analysis())
    state = devices.put_replicated(mesh, create(*arguments))
    for _ in range(2):
      given, state = state, compiled(state, batch)
      assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))
    ends.append(state)
  assert int(ends[0].step) == 2
  jax.tree.map(np.testing.assert_array_equal, *ends)
  assert memory[0].temp_size_in_bytes == memory[1].temp_size_in_bytes
  assert memory[0].alias_size_in_bytes == memory[1].alias_size_in_bytes > 0


@pytest.mark.parametrize(
  'other',
  [
    {'settings': {'learning_rate': 1e-3}},
    {'batch': {'x': np.arange(1.0, dtype=np.float32)}},
    {'batch': {'x': np.arange(3)}},
    {'batch': {'x': BATCH['x'], 'y': BATCH['x']}},
    {'state': State(total=jnp.zeros((2, 3)), count=STATE.count)},
    {'out_shardings': jax.sharding.SingleDeviceSharding(jax.devices()[0])},
  ],
)
def test_a_trace_is_not_reused_for_other_arguments(traced, other):
  assert traced() == 1
  assert traced(**other) == 2
  assert traced(**other) == traced() == 2


def test_a_trace_is_not_reused_with_other_options_of_jax(traced):
  assert traced() == 1
  with jax.default_matmul_precision('float32'):
    assert traced() == 2
  assert traced() == 2


def test_no_trace_is_kept_without_the_cache_of_jax(traced):
  jax.config.update('jax_enable_compilation_cache', False)
  try:
    assert traced() == 1
    assert traced() == 2
  finally:
    jax.config.update('jax_enable_compilation_cache', True)


def test_a_trace_is_not_reused_with_other_installed_packages(
  traced, tmp_path, monkeypatch
):
  """Their versions count, and the times when they were installed."""
  assert traced() == 1
  monkeypatch.syspath_prepend(tmp_path)
  assert traced() == 1
  (tmp_path / 'mine-1.0.dist-info').mkdir()
  assert traced() == 2
  (tmp_path / 'mine-1.0.dist-info').rename(tmp_path / 'mine-1.1.dist-info')
  assert traced() == 3
  os.utime(tmp_path / 'mine-1.1.dist-info', (1e9, 1e9))
  assert traced() == 4
  assert traced() == 4


@pytest.mark.parametrize('name', ['seld_jax.egg-info', 'seld_jax-9.dist-info'])
def test_a_trace_is_reused_after_a_build_of_the_wheel(
  traced, tmp_path, monkeypatch, name
):
  """It changes files of setuptools beside the source, but no code."""
  monkeypatch.syspath_prepend(tmp_path)
  assert traced() == 1
  (tmp_path / name).mkdir()
  assert traced() == 1
  os.utime(tmp_path / name, (1e9, 1e9))
  assert traced() == 1


def pretend_loaded(path, monkeypatch):
  """Adds a file to the modules of this process."""
  spec = importlib.util.spec_from_file_location(path.stem, path)
  assert spec is not None
  module = importlib.util.module_from_spec(spec)
  monkeypatch.setitem(sys.modules, path.stem, module)


def test_a_trace_is_not_reused_with_other_modules(
  traced, tmp_path, monkeypatch
):
  """Such as a config file, which is not an installed package."""
  assert traced() == 1
  path = tmp_path / 'mine.py'
  path.write_text('GAMMA = 1')
  assert traced() == 1, 'it is not imported'
  pretend_loaded(path, monkeypatch)
  assert traced() == 2
  path.write_text('GAMMA = 2')
  assert traced() == 3
  assert traced() == 3
  path.unlink()
  assert traced() == 4
  assert traced() == 5, 'the imported code is not known any more'


def test_no_trace_is_kept_if_code_changed_since_the_start(
  traced, tmp_path, monkeypatch
):
  """The code that runs was loaded before the file changed."""
  path = tmp_path / 'mine.py'
  path.write_text('GAMMA = 1')
  pretend_loaded(path, monkeypatch)
  traces = traced_steps.kept_in(tmp_path / 'kept')
  path.write_text('GAMMA = 2')
  assert traced(traces=traces) == 1
  assert not (tmp_path / 'kept').exists()
  path.write_text('GAMMA = 1')
  assert traced(traces=traces) == 2
  assert traced(traces=traces) == 2


def test_strange_modules_are_no_error(traced, monkeypatch):
  class Lazy:
    def __getattr__(self, name):
      raise ImportError(name)

  monkeypatch.setitem(sys.modules, 'lazy', Lazy())
  assert traced() == 1
  assert traced() == 2


def test_a_trace_is_not_reused_with_another_seld_jax(
  traced, tmp_path, monkeypatch
):
  """All of its files count, imported or not."""
  paths = set(traced_steps._sources())
  package = traced_steps._PACKAGE
  assert {package / 'files.py', package / 'losses' / 'terms.py'} <= paths
  assert not [path for path in paths if 'site-packages' in path.parts]
  monkeypatch.setattr(traced_steps, '_PACKAGE', tmp_path)
  (tmp_path / 'losses.py').write_text('GAMMA = 1')
  assert traced() == 1
  (tmp_path / 'losses.py').write_text('GAMMA = 2')
  assert traced() == 2


@pytest.mark.parametrize(
  'damage',
  [
    lambda content: b'',
    lambda content: content[: len(content) // 2],
    lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
    lambda content: b'something else',
    lambda content: gzip.compress(b'\0' * 100),
  ],
)
def test_damaged_files_are_replaced(traced, tmp_path, damage):
  assert traced() == 1
  (path,) = (tmp_path / 'kept').iterdir()
  path.write_bytes(damage(path.read_bytes()))
  assert traced() == 2
  assert traced() == 2


def test_a_folder_that_cannot_be_written_is_no_error(traced, tmp_path):
  (tmp_path / 'kept').write_text('')
  assert traced() == 1
  assert traced() == 2


def test_programs_that_jax_cannot_serialize_are_traced(tmp_path):
  """For example a program that calls Python."""

  def step(state, batch):
    jax.debug.callback(lambda total: None, state)
    return state + batch['x']

  traces = traced_steps.kept_in(tmp_path)
  for _ in range(2):
    lowered = traced_steps.lower(
      step, STATE.total, BATCH, traces=traces, settings=None
    )
    new = lowered.compile()(STATE.total, BATCH)
    np.testing.assert_array_equal(new, BATCH['x'])
  assert not list(tmp_path.iterdir())


def test_traces_are_kept_beside_the_compiled_programs(monkeypatch):
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '1')
  for folder, traces in (
    ('/data/xla', pathlib.Path('/data/xla/traced')),
    ('gs://bucket/xla', None),
  ):
    monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', folder)
    assert compilation.use_persistent_cache() == traces


def test_a_user_without_a_home_folder_has_no_cache(monkeypatch):
  def home():
    raise RuntimeError('Could not determine home directory.')

  monkeypatch.setattr(pathlib.Path, 'home', home)
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '1')
  for name in 'JAX_COMPILATION_CACHE_DIR', 'XDG_CACHE_HOME':
    monkeypatch.delenv(name, raising=False)
  before = jax.config.values['jax_compilation_cache_dir']
  assert compilation.use_persistent_cache() is None
  assert jax.config.values['jax_compilation_cache_dir'] == before


def test_errors_of_the_step_are_raised(tmp_path):
  def step(state, batch):
    raise ArithmeticError('of the step')

  with pytest.raises(ArithmeticError, match='of the step'):
    traced_steps.lower(
      step, STATE, BATCH, traces=traced_steps.kept_in(tmp_path), settings=None
    )
