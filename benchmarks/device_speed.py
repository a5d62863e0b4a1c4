"""Measures the devices of JAX: steps, features, scores, a short training."""

import importlib.metadata
import pathlib
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import config as config_lib
from seld_jax import dataset, labels, runs, train
from seld_jax import devices as sharding
from seld_jax import features as features_lib
from seld_jax.devices import compilation
from seld_jax.model import gru
from seld_jax.train import scoring, stepping
from seld_jax.train import step as train_step

_MINUTE = 600  # label frames


def machine() -> dict[str, Any]:
  """Describes the machine and the versions of the packages."""
  devices = jax.devices()
  return {
    'backend': jax.default_backend(),
    'device': devices[0].device_kind,
    'num_devices': len(devices),
    'python': platform.python_version(),
    **{
      name: importlib.metadata.version(name)
      for name in ('jax', 'jaxlib', 'flax', 'optax')
    },
  }


def peak(dtype: str) -> float:
  """Measures FLOP/s: the fastest of some products of large square matrices."""
  size = 2048 if jax.default_backend() == 'cpu' else 8192
  matrix = jnp.ones((size, size), dtype)
  product = jax.jit(jnp.matmul)
  seconds = timed(lambda: product(matrix, matrix), rounds=8)
  return 2 * size**3 / min(seconds)


def timed(call: Callable[[], Any], *, rounds: int) -> list[float]:
  """Times some calls in seconds, after one call that is not timed."""
  jax.block_until_ready(call())
  seconds = []
  for _ in range(rounds):
    start = time.perf_counter()
    jax.block_until_ready(call())
    seconds.append(time.perf_counter() - start)
  return seconds


def make_fold(config: config_lib.Config, count: int) -> dataset.Fold:
  """Makes one-minute recordings of noise, with random events of all classes."""
  rng = np.random.default_rng(0)
  pool = config_lib.label_pool(config)
  bands, channels = features_lib.shape(**config_lib.feature_options(config))
  shape = (count * _MINUTE, len(config.data.classes))
  activity = (rng.random(shape) < 0.1).astype(np.float32)
  doa = rng.standard_normal((*shape, 3)).astype(np.float32)
  doa *= activity[..., None] / np.linalg.norm(doa, axis=-1, keepdims=True)
  events = labels.from_dense(activity, doa, threshold=0.5)
  offsets = np.arange(count + 1) * _MINUTE
  parts = [slice(a, b) for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
  return dataset.Fold(
    names=tuple(f'mix{i:03d}' for i in range(count)),
    features=rng.standard_normal(
      (shape[0] * pool, bands, channels), dtype=np.float32
    ),
    targets=config_lib.output_format(config).targets(
      events, num_frames=len(activity)
    ),
    offsets=offsets,
    num_label_frames=np.full(count, _MINUTE),
    references=tuple(
      labels.from_dense(activity[part], doa[part], threshold=0.5)
      for part in parts
    ),
    pool=pool,
  )


def measure_steps(
  config: config_lib.Config, fold: dataset.Fold, *, steps: int, rounds: int
) -> dict[str, Any]:
  """Times training steps, with the recordings in the memory of the device.

  Args:
    config: The configuration, including `train.steps_per_dispatch`.
    fold: The recordings.
    steps: Smallest number of steps in a round.
    rounds: Number of rounds.

  Returns:
    Seconds per step (median over the rounds), segments per second, and the peak
    of the device memory since the start in bytes, or None if unknown.
  """
  mesh = sharding.make_mesh()
  state = sharding.put_replicated(mesh, train_step.create_state(config))
  many = config.train.steps_per_dispatch
  count = -(-steps // many) * many
  with stepping.stepper(
    config, mesh, fold, resident=True, num_steps=10**9, steps_per_epoch=6
  ) as advance:
    step, times = 0, []
    for number in range(rounds + 1):
      start = time.perf_counter()
      end = step + (many if number == 0 else count)
      while step < end:
        state, done = advance(state, step)
        step += done
      jax.block_until_ready(state)
      if number:  # the first round compiles
        times.append((time.perf_counter() - start) / count)
  seconds = statistics.median(times)
  memory = jax.devices()[0].memory_stats() or {}
  return {
    'seconds': seconds,
    'segments_per_second': config.train.batch_size / seconds,
    'peak_bytes': memory.get('peak_bytes_in_use'),
  }


def measure_gru(config: config_lib.Config, *, rounds: int) -> float:
  """Times the GRU of a training step, forward and backward, in seconds."""
  model = config.model
  frames = config.train.crop_frames // config_lib.label_pool(config)
  bands = config.features.n_mels
  for _, pool in model.pools:
    bands //= pool
  shape = (config.train.batch_size, frames, bands * model.filters[-1])
  x = jnp.ones(shape, model.dtype)
  layer = gru.BiGru(model.gru_features, dtype=jnp.dtype(model.dtype))
  variables = jax.jit(layer.init)(jax.random.PRNGKey(0), x)

  def both(variables, x):
    out, pull = jax.vjp(layer.apply, variables, x)
    return pull(out)

  program = jax.jit(both, compiler_options=compilation.compiler_options())
  return statistics.median(timed(lambda: program(variables, x), rounds=rounds))


def measure_features(config: config_lib.Config, *, rounds: int) -> float:
  """Measures how many minutes of audio get features per second."""
  options = config_lib.feature_options(config)
  count = 8
  audio = jax.random.normal(
    jax.random.key(0), (count, 4, 60 * config.features.sample_rate)
  )
  program = jax.jit(lambda audio: features_lib.compute(audio, **options))
  seconds = timed(lambda: program(audio), rounds=rounds)
  return count / statistics.median(seconds)


def measure_scores(
  config: config_lib.Config, fold: dataset.Fold, *, rounds: int
) -> float:
  """Times an evaluation of all recordings (network and scores) in seconds."""
  mesh = sharding.make_mesh()
  state = sharding.put_replicated(mesh, train_step.create_state(config))
  programs = scoring.make_programs(config, mesh)
  evaluator = scoring.Evaluator(config, mesh, fold, programs=programs)
  seconds = timed(
    lambda: evaluator(state, config.eval.window) and (), rounds=rounds
  )
  return statistics.median(seconds)


def measure_training(
  config: config_lib.Config, *, steps: int
) -> dict[str, float]:
  """Trains on rendered scenes; returns steps per second and test scores."""
  config.train.num_steps = steps
  config.train.evaluate_every = max(
    config.train.log_every,
    steps // 8 // config.train.log_every * config.train.log_every,
  )
  with tempfile.TemporaryDirectory() as folder:
    base = pathlib.Path(folder)
    config.data.root = str(base / 'data')
    config.data.synthesize = 240
    scores = train.train_and_evaluate(config, base / 'run')
    times = runs.read_records(base / 'run' / runs.TIMINGS)
  # The first interval is left out, because it includes compilation.
  done = times[-1]['step'] - times[0]['step']
  seconds = times[-1]['seconds'] - times[0]['seconds']
  evaluations = [record['evaluation_seconds'] for record in times[1:]]
  test = next(r for r in scores['results'] if r['name'] == 'test')
  return {
    'steps_per_second': done / seconds if seconds else float('nan'),
    'evaluation_seconds': statistics.median(evaluations or [float('nan')]),
    'test_seld_score': test['scores']['seld_score'],
    'test_F20': test['scores']['F20'],
  }
