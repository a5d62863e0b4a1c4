"""Programs for accelerators, as far as they can be checked without one."""

import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import export

from benchmarks import ahead, data_sheets, device_speed
from seld_jax import devices, features
from seld_jax.devices import compilation
from seld_jax.train import batches
from seld_jax.train import step as train_step

SECONDS = 60


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('platform', ['cuda', 'tpu'])
def test_the_step_can_be_lowered(platform, dtype, tiny_config, monkeypatch):
  """Export refuses operations that JAX cannot lower for the platform."""
  monkeypatch.setattr(jax, 'default_backend', lambda: platform)
  tiny_config.model.dtype = dtype
  tiny_config.augment.rotate = True
  create, arguments = train_step.state_maker(tiny_config)
  template = create.eval_shape(*arguments)
  fold = device_speed.make_fold(tiny_config, 2)
  step = jax.jit(train_step.make_train_step(tiny_config), donate_argnums=0)
  program = export.export(step, platforms=[platform])(
    template, batches.shapes(tiny_config, fold)
  )
  assert program.platforms == (platform,)
  describe = lambda leaf: (leaf.shape, leaf.dtype)
  assert [*map(describe, program.out_avals)] == [
    *map(describe, jax.tree.leaves(template))
  ], 'parameters, statistics and losses are float32 in both cases'
  text = program.mlir_module()
  assert 'stablehlo.convolution' in text, "XLA's own convolutions are used"
  assert ('bf16' in text) == (dtype == 'bfloat16')


@pytest.mark.slow
def test_the_step_for_a_gpu_equals_that_for_a_cpu(tiny_config, monkeypatch):
  """The step for a CPU has other convolutions and sums.

  So a CPU can also run the step that is traced while the default is a GPU.
  """
  tiny_config.model.filters = (48, 48)  # the smallest for Winograd convolutions
  fold = device_speed.make_fold(tiny_config, 2)
  state = train_step.create_state(tiny_config)
  rng = np.random.default_rng(0)
  batch = jax.tree.map(
    lambda like: rng.random(like.shape, np.float32),
    batches.shapes(tiny_config, fold),
  )
  found, convolutions = [], []
  options = compilation.compiler_options(runs_once=True)
  for backend in 'gpu', 'cpu':
    monkeypatch.setattr(jax, 'default_backend', lambda name=backend: name)
    step = jax.jit(train_step.make_train_step(tiny_config)).lower(state, batch)
    convolutions.append(step.as_text().count('stablehlo.convolution'))
    after = step.compile(options)(state, batch)
    found.append((after.metrics, after.batch_stats))
  # Two forward and three backward: the features have no gradient.
  assert convolutions[0] == 5 and convolutions[1] < 5
  assert found[0][0]['loss'] > 0.1
  close = lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-6)
  jax.tree.map(close, *found)


@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_features_for_a_gpu_equal_those_for_a_cpu(format, monkeypatch):
  """A CPU computes long recordings block by block."""
  audio = np.random.default_rng(0).uniform(-1, 1, (4, SECONDS * 24000))
  audio = audio.astype(np.float32)
  found = []
  for backend in 'gpu', 'cpu':
    monkeypatch.setattr(jax, 'default_backend', lambda name=backend: name)
    # A new function, because jit would reuse the trace of a known one.
    found.append(jax.jit(lambda x: features.compute(x, format=format))(audio))
  np.testing.assert_allclose(*found, rtol=0, atol=1e-3)


def test_programs_compiled_ahead_have_the_real_shapes(tiny_config, monkeypatch):
  monkeypatch.setattr(ahead, '_RECORDINGS', 3)
  mesh = devices.make_mesh()
  _, several, evaluation, _ = ahead.programs(tiny_config, mesh).values()
  fold = device_speed.make_fold(tiny_config, 3)
  state = train_step.create_state(tiny_config)
  starts = np.stack(
    [batches.starts_of(tiny_config, fold, step) for step in range(ahead._STEPS)]
  )
  describe = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype.name), tree)
  real = state, batches.place(mesh, fold), starts
  assert describe(several[1]) == describe(real)
  function, arguments, _ = evaluation
  outputs = jax.eval_shape(function, *arguments)
  size, frames = tiny_config.eval.batch_size, tiny_config.eval.window
  classes = len(tiny_config.data.classes)
  assert outputs['doa'].shape == (size, frames // fold.pool, classes, 3)


def test_costs_of_a_program_add_up(tiny_config):
  """Compiles for this CPU, with the data sheet of a GPU."""
  mesh = devices.make_mesh()
  device = data_sheets.DEVICES['rtx4090']
  names, programs = zip(*ahead.programs(tiny_config, mesh).items(), strict=True)
  assert len(names) == 4
  found = ahead.needs(programs[2], device, 'float32', mesh.size)
  _, arguments, flops = programs[2]
  given = sum(leaf.size * 4 for leaf in jax.tree.leaves(arguments))
  memory, moved = found['memory_bytes'], found['moved_bytes']
  assert memory is not None and memory > given / mesh.size
  assert moved is not None and moved >= given / mesh.size
  assert found['moving_seconds'] == moved / 1.008e12
  assert found['arithmetic_seconds'] == flops / mesh.size / 82.6e12


@pytest.mark.slow
def test_the_command_compiles_or_names_the_missing_package():
  """Without the XLA for CUDA it ends with one sentence, not a traceback."""
  found = subprocess.run(
    [sys.executable, '-m', 'benchmarks.ahead', '--scale=quick']
    + ['--dtypes=float32', '--batch_size=4'],
    cwd=pathlib.Path(__file__).parents[2],
    capture_output=True,
    text=True,
    check=False,
  )
  if found.returncode == 0:
    assert '1 x NVIDIA H200' in found.stdout
    assert 'step of 4, float32' in found.stdout
  else:
    assert "pip install '.[cuda]'" in found.stderr
    assert 'Traceback' not in found.stderr
