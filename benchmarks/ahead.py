"""Compiles the training for an accelerator that need not be present.

Compiles the training step, ten steps in one program, the network of an
evaluation, and the features, for a GPU or TPU. Prints the memory that each
program needs. For a GPU it also prints the number of kernels, the bytes that
they read and write, and the times for moving these bytes and for the
arithmetic, computed from the rates of the data sheet. Nothing is run or timed.

Needs the XLA of the device: pip install '.[cuda]' or '.[tpu]'.

Example:
  python -m benchmarks.ahead --device=h200
"""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import rich.console
import rich.table
from absl import flags

from benchmarks import data_sheets, device_speed, floor, hlo, shared_flags
from seld_jax import commands, devices, features, files, inference, progress
from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.train import batches, stepping
from seld_jax.train import step as train_step

_STEPS = 10  # steps in one program
_RECORDINGS = 400  # one-minute recordings in the memory of the device
_MINUTES = 8  # minutes of audio whose features are computed at once

# A jitted function, the shapes of its arguments, and its number of FLOP.
Program = tuple[Callable[..., Any], tuple[Any, ...], float]


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.enum('device', 'h200', sorted(data_sheets.DEVICES), 'The accelerator.')
  shared_flags.define_scale(values)
  shared_flags.define_format(values)
  shared_flags.define_dtypes(values)
  define.integer(
    'batch_size',
    0,
    'Segments per step; 0 for the batch size of the scale.',
    lower_bound=0,
  )
  shared_flags.define_json(values)


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Compiles, prints a table, and writes JSON."""
  commands.refuse_arguments(argv)
  device = data_sheets.DEVICES[values.device]
  # JAX itself uses the CPU of this machine.
  jax.config.update('jax_platforms', 'cpu')
  os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
  mesh = devices.make_mesh(devices=data_sheets.devices(device))
  # seld_jax has some code for CPUs only. Tracing chooses it by the default
  # backend, which must therefore look like the accelerator.
  with mock.patch.object(jax, 'default_backend', lambda: device.backend):
    compiled = _compile_all(device, mesh, values)
  result: dict[str, Any] = {'device': device.kind, 'devices': mesh.size}
  result |= {'jax': jax.__version__, 'scale': values.scale}
  result['programs'] = compiled
  columns = ['memory', 'moved', 'kernels', 'moving', 'arithmetic']
  table = rich.table.Table(
    'program', *columns, title=f'{mesh.size} x {device.kind}, each'
  )
  for name, found in result['programs'].items():
    table.add_row(name, *_cells(found))
  rich.console.Console(width=100).print(table)
  if values.json:
    files.write_text(pathlib.Path(values.json), json.dumps(result, indent=2))


def programs(
  config: config_lib.Config, mesh: jax.sharding.Mesh
) -> dict[str, Program]:
  """Lists the programs of training and evaluation.

  Args:
    config: The configuration.
    mesh: The devices.

  Returns:
    Name of a program -> program.
  """
  batch, pool = config.train.batch_size, config_lib.label_pool(config)
  whole, parts = devices.replicated(mesh), devices.divided(mesh)
  create, arguments = train_step.state_maker(config)
  state = jax.eval_shape(create, *arguments)
  fold = device_speed.make_fold(config, 1)
  step = train_step.make_train_step(config)
  flops = sum(
    floor.network_flops(
      config, batch=batch, frames=config.train.crop_frames, train=True
    ).values()
  )
  found: dict[str, Program] = {
    f'step of {batch}': (
      jax.jit(
        step,
        donate_argnums=0,
        in_shardings=(whole, parts),
        out_shardings=whole,
      ),
      (state, batches.shapes(config, fold)),
      flops,
    )
  }
  found[f'{_STEPS} steps of {batch}, {_RECORDINGS} minutes on the device'] = (
    jax.jit(
      stepping.several(config, mesh, step, pool),
      donate_argnums=0,
      out_shardings=whole,
    ),
    (
      _placed(state, whole),
      _recordings(config, mesh),
      jax.ShapeDtypeStruct((_STEPS, batch), jnp.int32, sharding=whole),
    ),
    _STEPS * flops,
  )
  windows = config.eval.batch_size
  shape = batches.shapes(config, fold)['features'].shape[2:]
  found[f'evaluation of {windows} windows'] = (
    inference.make_predict_step(
      train_step.make_model(config), out_shardings=whole
    ),
    (
      _placed(
        {'params': state.params, 'batch_stats': state.batch_stats}, whole
      ),
      _placed(state.statistics, whole),
      jax.ShapeDtypeStruct(
        (windows, config.eval.window, *shape), jnp.float32, sharding=parts
      ),
    ),
    sum(
      floor.network_flops(
        config, batch=windows, frames=config.eval.window, train=False
      ).values()
    ),
  )
  options = config_lib.feature_options(config)
  samples = 60 * config.features.sample_rate
  found[f'features of {_MINUTES} minutes'] = (
    jax.jit(lambda audio: features.compute(audio, **options)),
    (
      jax.ShapeDtypeStruct((_MINUTES, 4, samples), jnp.float32, sharding=parts),
    ),
    _MINUTES * floor.feature_flops(config, seconds=60),
  )
  return found


def needs(
  program: Program, device: data_sheets.Device, dtype: str, count: int
) -> dict[str, float | None]:
  """Compiles a program and computes its costs on each device.

  Args:
    program: The program.
    device: The accelerator.
    dtype: Data type of the products.
    count: Number of devices.

  Returns:
    Memory in bytes, bytes moved, number of kernels, seconds of moving, and
    seconds of arithmetic; None for what is unknown.
  """
  function, arguments, flops = program
  compiled = function.lower(*arguments).compile()
  memory = compiled.memory_analysis()
  found: dict[str, float | None] = {
    'memory_bytes': (
      memory.temp_size_in_bytes
      + memory.argument_size_in_bytes
      + memory.output_size_in_bytes
      - memory.alias_size_in_bytes
    ),
    'moved_bytes': None,
    'kernels': None,
    'moving_seconds': None,
    'arithmetic_seconds': flops / count / device.peak[dtype],
  }
  if device.backend == 'gpu':
    work = hlo.work(compiled.as_text())
    found['moved_bytes'], found['kernels'] = work.bytes, work.kernels
    found['moving_seconds'] = work.bytes / device.bandwidth
  return found


def _compile_all(
  device: data_sheets.Device,
  mesh: jax.sharding.Mesh,
  values: flags.FlagValues,
) -> dict[str, dict[str, float | None]]:
  """Costs of all programs in all data types, by name."""
  todo = {}
  for dtype in values.dtypes:
    config = systems.make('mse', format=values.format, scale=values.scale)
    config.model.dtype = dtype
    config.train.batch_size = values.batch_size or config.train.batch_size
    config_lib.validate(config, num_devices=mesh.size)
    for name, program in programs(config, mesh).items():
      if name.startswith('features'):  # computed in float32 in any case
        todo[name] = 'float32', program
      else:
        todo[f'{name}, {dtype}'] = dtype, program
  found = {}
  with progress.bar('compilation', len(todo), unit='programs') as advance:
    for name, (dtype, program) in todo.items():
      found[name] = needs(program, device, dtype, mesh.size)
      advance()
  return found


def _placed(tree: Any, where: jax.sharding.Sharding) -> Any:
  """Shapes of the arrays of a tree, with a sharding."""
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
    tree,
  )


def _recordings(config: config_lib.Config, mesh: jax.sharding.Mesh) -> Any:
  """Shapes of the arrays that `batches.place` keeps on the devices."""
  fold = device_speed.make_fold(config, 1)
  whole, parts = devices.replicated(mesh), devices.divided(mesh)
  bounds = jax.ShapeDtypeStruct((mesh.size + 1,), jnp.int32, sharding=whole)
  minutes = -(-_RECORDINGS // mesh.size)
  placed = lambda array: (
    jax.ShapeDtypeStruct(
      (mesh.size, minutes * array.shape[0], *array.shape[1:]),
      jnp.float32,
      sharding=parts,
    ),
    bounds,
  )
  return {
    'features': placed(fold.features),
    'targets': {name: placed(array) for name, array in fold.targets.items()},
  }


def _cells(found: dict[str, float | None]) -> list[str]:
  """The cells of a program in the table."""

  def cell(name, scale, unit):
    value = found[name]
    return '' if value is None else f'{value * scale:.3g}{unit}'

  kernels = found['kernels']
  return [
    cell('memory_bytes', 1e-9, ' GB'),
    cell('moved_bytes', 1e-9, ' GB'),
    '' if kernels is None else f'{kernels:.0f}',
    cell('moving_seconds', 1e3, ' ms'),
    cell('arithmetic_seconds', 1e3, ' ms'),
  ]


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
