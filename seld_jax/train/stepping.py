"""Compiles the training step and runs it, with its batches, on the devices."""

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

# (state, its step) -> state after one or more steps, and their number.
Advance = Callable[[TrainState, int], tuple[TrainState, int]]


@contextlib.contextmanager
def stepper(
  config: config_lib.Config,
  mesh: jax.sharding.Mesh,
  fold: dataset.Fold,
  *,
  fold_at: batches.FoldAt | None = None,
  template: TrainState | None = None,
  traces: traced_steps.Traces | None = None,
  resident: bool,
  num_steps: int,
  steps_per_epoch: int,
) -> Iterator[Advance]:
  """Compiles the training step, and provides its batches.

  Args:
    config: The configuration. With `resident`, one program takes
      `train.steps_per_dispatch` steps, as long as that many are left.
    mesh: The devices; each gets a part of the batch.
    fold: The training recordings, or others of the same kind with `fold_at`.
    fold_at: The training recordings of each step if they change; those of the
      step that `advance` takes must be there.
    template: Shapes and types of the state. With it, the program of a single
      step is compiled in the background from now on; without it, at first use.
    traces: Where the trace of that program is kept for the next start.
    resident: Whether the recordings are kept on the devices; otherwise crops
      are read from memory or disk while the steps before run.
    num_steps: Number of steps of the whole run.
    steps_per_epoch: Number of steps in an epoch, for the learning rate and for
      dynamic weights of the losses.

  Yields:
    `advance(state, step)`, which returns before the devices have finished. The
    state is donated: do not use it afterwards.
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
    # The program does not depend on these: they are in its arguments.
    settings = config_lib.to_dict(config)
    del settings['seed'], settings['data'], settings['log']
    del settings['train']['memory_limit']
    lowered = traced_steps.lower(
      train_step,
      template,
      batches.shapes(config, fold),
      # All processes must compile the same program, but only some of them may
      # find a trace.
      traces=None if mesh.is_multi_process else traces,
      settings=[
        settings,
        config.data.classes,
        steps_per_epoch,
        _turned(config),
      ],
      **one,
    )
    run_step = _compiled_ahead(lowered)
  else:
    run_step = jax.jit(train_step, **one)
  current = fold_at or (lambda step: fold)
  if not resident:
    with batches.stream(config, mesh, current) as batch_of:
      yield lambda state, step: (run_step(state, batch_of(step)), 1)
    return

  # A separate program, so that the step is compiled as without `resident`.
  cut_one = jax.jit(
    lambda placed, starts: batches.cut(config, mesh, placed, starts, fold.pool),
    out_shardings=parts,
  )
  run_many = jax.jit(several(config, mesh, train_step, fold.pool), **options)
  placed = batches.place(mesh, fold) if fold_at is None else None
  placed_fold = fold

  def advance(state: TrainState, step: int) -> tuple[TrainState, int]:
    nonlocal placed, placed_fold
    here = current(step)
    assert here is not None
    if placed is None or here is not placed_fold:
      placed = None  # released before the next recordings need memory
      placed, placed_fold = batches.place(mesh, here), here
    is_alone = step % many or step + many > num_steps
    if many == 1 or is_alone or current(step + many - 1) is not here:
      starts = batches.starts_of(config, here, step)
      batch = cut_one(placed, devices.put_replicated(mesh, starts))
      return run_step(state, batch), 1
    starts = np.stack(
      [batches.starts_of(config, here, step + i) for i in range(many)]
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
  """Several steps in one program, with recordings on the devices.

  Args:
    config: The configuration.
    mesh: The devices; each gets a part of the batch.
    train_step: One step, from `make_train_step`.
    pool: Number of feature frames in a label frame.

  Returns:
    `run_steps(state, placed, starts) -> state`, not yet compiled, with `placed`
    from `batches.place` and the `starts` of all steps, shape `[steps, batch]`.
  """

  def run_steps(state, placed, starts):
    def body(state, starts):
      batch = batches.cut(config, mesh, placed, starts, pool)
      return train_step(state, batch), None

    return lax.scan(body, state, starts)[0]

  return run_steps


def _turned(config: config_lib.Config) -> list[list[float]] | None:
  """The positions by which examples are turned; the settings name a file."""
  if not config.augment.rotate and not config.augment.steps:
    return None
  positions = config_lib.microphone_positions(config)
  return None if positions is None else positions.tolist()


def _compiled_ahead(lowered: jax.stages.Lowered) -> Callable[..., TrainState]:
  """Compiles in a thread; the first call waits for the result."""
  pool = concurrent.futures.ThreadPoolExecutor(1)
  compiling = pool.submit(lowered.compile)
  pool.shutdown(wait=False)
  return lambda *arguments: compiling.result()(*arguments)
