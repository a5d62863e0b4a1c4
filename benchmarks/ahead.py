"""What XLA makes of training for an accelerator that is not here.

Compiles the training step, ten steps in a program, the network of an
evaluation, and features for a GPU or TPU that need not be present, and tells
the memory that each needs. Of a GPU also what its kernels read and write and
how many there are, and how long moving that through memory and arithmetic take
at the rates of the data sheet. Nothing runs, so nothing is timed.

Needs XLA for the device: pip install '.[cuda]' or '.[tpu]'.

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

from benchmarks import data_sheets, device_speed, floor, hlo
from seld_jax import commands, devices, features, files, inference, progress
from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.train import batches, stepping
from seld_jax.train import step as train_step

_STEPS = 10  # in one program
_RECORDINGS = 400  # minutes on the device
_MINUTES = 8  # whose features are computed at once

# A function under jit, shapes of its arguments, and its FLOP.
Program = tuple[Callable[..., Any], tuple[Any, ...], float]


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_enum(
    'device',
    'h200',
    sorted(data_sheets.DEVICES),
    'The accelerator.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'scale',
    'paper',
    list(systems.SCALES),
    'Size of the network.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'format', 'foa', ['foa', 'mic'], 'Audio format.', flag_values=values
  )
  flags.DEFINE_list(
    'dtypes', ['float32', 'bfloat16'], 'Of the network.', flag_values=values
  )
  flags.DEFINE_integer(
    'batch_size',
    0,
    'Segments of a step; 0: as configured.',
    lower_bound=0,
    flag_values=values,
  )
  flags.DEFINE_string('json', '', 'File for all figures.', flag_values=values)


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Compiles, prints a table, and writes JSON."""
  commands.refuse_arguments(argv)
  device = data_sheets.DEVICES[values.device]
  # JAX itself stays on this machine.
  jax.config.update('jax_platforms', 'cpu')
  os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
  mesh = devices.make_mesh(devices=data_sheets.devices(device))
  # Where a CPU has a way of its own, it is chosen by JAX's default in tracing.
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
  """What training and evaluation run on a device.

  Args:
    config: The configuration.
    mesh: The devices.

  Returns:
    Name -> program.
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
  function = features.FORMATS[options.pop('format')]
  samples = 60 * config.features.sample_rate
  found[f'features of {_MINUTES} minutes'] = (
    jax.jit(lambda audio: function(audio, **options)),
    (
      jax.ShapeDtypeStruct((_MINUTES, 4, samples), jnp.float32, sharding=parts),
    ),
    _MINUTES * floor.feature_flops(config, seconds=60),
  )
  return found


def needs(
  program: Program, device: data_sheets.Device, dtype: str, count: int
) -> dict[str, float | None]:
  """Compiles a program and tells what it costs each device.

  Args:
    program: The program.
    device: The accelerator.
    dtype: Type of its products.
    count: How many of them there are.

  Returns:
    Memory in bytes; bytes moved, kernels, and seconds of moving; seconds of
    arithmetic. None where it is not told.
  """
  function, arguments, flops = program
  compiled = function.lower(*arguments).compile()
  told = compiled.memory_analysis()
  found: dict[str, float | None] = {
    'memory_bytes': (
      told.temp_size_in_bytes
      + told.argument_size_in_bytes
      + told.output_size_in_bytes
      - told.alias_size_in_bytes
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
  """What the programs of all types need, by their names."""
  todo = {}
  for dtype in values.dtypes:
    config = systems.make('mse', format=values.format, scale=values.scale)
    config.model.dtype = dtype
    config.train.batch_size = values.batch_size or config.train.batch_size
    config_lib.validate(config, num_devices=mesh.size)
    for name, program in programs(config, mesh).items():
      if name.startswith('features'):  # whatever the network is
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
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
    tree,
  )


def _recordings(config: config_lib.Config, mesh: jax.sharding.Mesh) -> Any:
  """Shapes of what `batches.place` keeps on the devices."""
  fold = device_speed.make_fold(config, 1)
  whole, parts = devices.replicated(mesh), devices.divided(mesh)
  bounds = jax.ShapeDtypeStruct((mesh.size + 1,), jnp.int32, sharding=whole)
  minutes = -(-_RECORDINGS // mesh.size)
  return {
    name: (
      jax.ShapeDtypeStruct(
        (mesh.size, minutes * array.shape[0], *array.shape[1:]),
        jnp.float32,
        sharding=parts,
      ),
      bounds,
    )
    for name, array in (
      ('features', fold.features),
      ('activity', fold.activity),
      ('doa', fold.doa),
    )
  }


def _cells(found: dict[str, float | None]) -> list[str]:
  """The columns of a program."""

  def tell(name, scale, unit):
    value = found[name]
    return '' if value is None else f'{value * scale:.3g}{unit}'

  kernels = found['kernels']
  return [
    tell('memory_bytes', 1e-9, ' GB'),
    tell('moved_bytes', 1e-9, ' GB'),
    '' if kernels is None else f'{kernels:.0f}',
    tell('moving_seconds', 1e3, ' ms'),
    tell('arithmetic_seconds', 1e3, ' ms'),
  ]


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
