"""What an accelerator would run, as far as it can be told without one."""

import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import export

from benchmarks import ahead, data_sheets, device_speed
from seld_jax import devices, features
from seld_jax.train import batches
from seld_jax.train import step as train_step


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('platform', ['cuda', 'tpu'])
def test_the_step_is_lowered_for_it(platform, dtype, tiny_config, monkeypatch):
  """Export refuses what JAX does not know to run there; XLA is not asked."""
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
  ], 'parameters, statistics and losses are float32 in either case'
  text = program.mlir_module()
  assert 'stablehlo.convolution' in text, "XLA's own, which are fast there"
  assert ('bf16' in text) == (dtype == 'bfloat16')


def test_its_step_does_here_what_that_of_this_machine_does(
  tiny_config, monkeypatch
):
  """A CPU has ways of its own to convolve and to sum.

  And where JAX's default is a GPU, what is asked of the CPU is right, too.
  """
  tiny_config.model.filters = (48, 64)  # enough to convolve in those ways
  fold = device_speed.make_fold(tiny_config, 2)
  state = train_step.create_state(tiny_config)
  rng = np.random.default_rng(0)
  batch = {
    name: rng.random(like.shape, np.float32)
    for name, like in batches.shapes(tiny_config, fold).items()
  }
  found, convolutions = [], []
  for backend in 'gpu', 'cpu':
    monkeypatch.setattr(jax, 'default_backend', lambda name=backend: name)
    step = jax.jit(train_step.make_train_step(tiny_config)).lower(state, batch)
    convolutions.append(step.as_text().count('stablehlo.convolution'))
    after = step.compile()(state, batch)
    found.append((after.metrics, after.batch_stats))
  # Two forwards, three backwards: the features have no gradient.
  assert convolutions[0] == 5 and convolutions[1] < 5
  assert found[0][0]['loss'] > 0.1
  close = lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-6)
  jax.tree.map(close, *found)


@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_its_features_are_those_of_this_machine(format, monkeypatch):
  """A CPU goes through a minute block by block."""
  audio = np.random.default_rng(0).uniform(-1, 1, (4, 60 * 24000))
  audio = audio.astype(np.float32)
  found = []
  for backend in 'gpu', 'cpu':
    monkeypatch.setattr(jax, 'default_backend', lambda name=backend: name)
    # Traced anew: a function that jit has seen is not.
    found.append(jax.jit(lambda x: features.FORMATS[format](x))(audio))
  np.testing.assert_allclose(*found, rtol=0, atol=1e-3)


def test_what_is_compiled_ahead_is_what_runs(tiny_config, monkeypatch):
  """Its shapes are those of real recordings and of the real state."""
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


def test_its_figures_add_up(tiny_config):
  """For this machine, as if it were a GPU."""
  mesh = devices.make_mesh()
  device = data_sheets.DEVICES['rtx4090']
  names, programs = zip(*ahead.programs(tiny_config, mesh).items(), strict=True)
  assert len(names) == 4
  found = ahead.needs(programs[2], device, 'float32', mesh.size)
  _, arguments, flops = programs[2]
  given = sum(leaf.size * 4 for leaf in jax.tree.leaves(arguments))
  assert found['memory_bytes'] > given / mesh.size
  assert found['moved_bytes'] >= given / mesh.size
  assert found['moving_seconds'] == found['moved_bytes'] / 1.008e12
  assert found['arithmetic_seconds'] == flops / mesh.size / 82.6e12


def test_the_command_compiles_or_says_what_lacks():
  """Without XLA for CUDA nothing can be compiled, and no traceback is shown."""
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
