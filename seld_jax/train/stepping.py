"""Steps on the devices: one at a time, or several in one program."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax import lax

from seld_jax import config as config_lib
from seld_jax import dataset, devices
from seld_jax.devices import compilation, traced_steps
from seld_jax.train import batches
from seld_jax.train.step import TrainState, make_train_step

# (state, number of its step) -> state and number of steps that were done.
Advance = Callable[[TrainState, int], tuple[TrainState, int]]


@contextlib.contextmanager
def stepper(
  config: config_lib.Config,
  mesh: jax.sharding.Mesh,
  fold: dataset.Fold,
  *,
  template: TrainState | None = None,
  traces: traced_steps.Traces | None = None,
  resident: bool,
  num_steps: int,
  steps_per_epoch: int,
) -> Iterator[Advance]:
  """Compiles the training step and feeds it.

  Args:
    config: The configuration. Of recordings on the devices, as many steps as
      `train.steps_per_dispatch` run in one program, where so many are left.
    mesh: The devices, among which a batch is divided.
    fold: The training recordings.
    template: Shapes and types of the state; with it, a program of a single
      step is compiled in the background from now on, else when it is run.
    traces: Where that program is kept for the next start.
    resident: Whether they are kept on the devices and cropped there; otherwise
      crops are read ahead, from memory or from disk.
    num_steps: Where training ends.
    steps_per_epoch: Steps in an epoch, for the learning rate.

  Yields:
    `advance(state, step)`, which returns before the devices are done. The state
    is given up to it.
  """
  train_step = make_train_step(config, steps_per_epoch=steps_per_epoch)
  whole, parts = devices.replicated(mesh), devices.divided(mesh)
  options: dict[str, Any] = {
    'out_shardings': whole,
    'donate_argnums': 0,
    'compiler_options': compilation.compiler_options(),
  }
  one: dict[str, Any] = {**options, 'in_shardings': (whole, parts)}
  many = config.train.steps_per_dispatch if resident else 1
  if template is not None and many == 1:
    # Keys and recordings come with its arguments.
    settings = config_lib.to_dict(config)
    del settings['seed'], settings['data']
    lowered = traced_steps.lower(
      train_step,
      template,
      batches.shapes(config, fold),
      # Of several processes, one may have what others lack.
      traces=None if mesh.is_multi_process else traces,
      settings=[settings, config.data.classes, steps_per_epoch],
      **one,
    )
    run_step = _compiled_ahead(lowered)
  else:
    run_step = jax.jit(train_step, **one)
  if not resident:
    with batches.stream(config, mesh, fold) as batch_of:
      yield lambda state, step: (run_step(state, batch_of(step)), 1)
    return

  # By itself, so that the step is the program that it is for a stream.
  cut_one = jax.jit(
    lambda placed, starts: batches.cut(config, mesh, placed, starts, fold.pool),
    out_shardings=parts,
  )
  run_many = jax.jit(several(config, mesh, train_step, fold.pool), **options)
  placed = batches.place(mesh, fold)

  def advance(state: TrainState, step: int) -> tuple[TrainState, int]:
    if many == 1 or step % many or step + many > num_steps:
      starts = batches.starts_of(config, fold, step)
      batch = cut_one(placed, devices.put_replicated(mesh, starts))
      return run_step(state, batch), 1
    starts = np.stack(
      [batches.starts_of(config, fold, step + i) for i in range(many)]
    )
    starts = devices.put_replicated(mesh, starts)
    return run_many(state, placed, starts), many

  yield advance


def several(
  config: config_lib.Config,
  mesh: jax.sharding.Mesh,
  train_step: Callable[[TrainState, batches.Batch], TrainState],
  pool: int,
) -> Callable[..., TrainState]:
  """Steps in one program, with recordings that lie on the devices.

  Args:
    config: The configuration.
    mesh: The devices, among which a batch is divided.
    train_step: A step, from `make_train_step`.
    pool: Feature frames in a label frame.

  Returns:
    `run_steps(state, placed, starts) -> state`, to be compiled, with `placed`
    from `batches.place` and `starts` of each step, with shape `[steps, batch]`.
  """

  def run_steps(state, placed, starts):
    def body(state, starts):
      batch = batches.cut(config, mesh, placed, starts, pool)
      return train_step(state, batch), None

    return lax.scan(body, state, starts)[0]

  return run_steps


def _compiled_ahead(lowered: jax.stages.Lowered) -> Callable[..., TrainState]:
  """Compiles in a thread; the result is waited for when it is called."""
  pool = concurrent.futures.ThreadPoolExecutor(1)
  compiling = pool.submit(lowered.compile)
  pool.shutdown(wait=False)
  return lambda *arguments: compiling.result()(*arguments)
