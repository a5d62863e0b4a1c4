"""The floor: arithmetic that cannot be avoided, and how fast a machine is.

A multiplication and an addition are two operations (FLOP). Only products and
Fourier transforms are counted, so nothing can be faster than the count divided
by the peak.
"""

import itertools
import math
import time

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import config as config_lib
from seld_jax import features


def peak(*, size: int = 2048, runs: int = 8) -> float:
  """FLOP/s of the best of some products of large matrices, float32.

  Args:
    size: Rows and columns of the matrices.
    runs: Products with jax and with numpy, in turns.

  Returns:
    Operations a second, of whichever is faster.
  """
  matrix = np.random.default_rng(0).standard_normal((size, size))
  host = matrix.astype(np.float32)
  device = jnp.asarray(host)
  product = jax.jit(jnp.matmul)
  sides = (
    lambda: host @ host,
    lambda: product(device, device).block_until_ready(),
  )
  best = math.inf
  for _, side in itertools.product(range(runs), sides):
    start = time.perf_counter()
    side()
    best = min(best, time.perf_counter() - start)
  return 2 * size**3 / best


def network_flops(
  config: config_lib.Config, *, batch: int, frames: int, train: bool
) -> dict[str, float]:
  """Operations of the paper's network by stage.

  Args:
    config: Whose network, `seld_crnn`.
    batch: Number of examples.
    frames: Feature frames of each.
    train: Whether gradients are computed too: twice the work again, less the
      gradient with respect to the features.

  Returns:
    Name of a stage -> FLOP.
  """
  model = config.model
  bands = config.features.n_mels
  channels = features.NUM_CHANNELS[config.features.format]
  passes = 3 if train else 1
  stages = {}
  layers = zip(model.filters, model.pools, strict=True)
  for number, (filters, pool) in enumerate(layers, start=1):
    forward = 2 * 9 * channels * filters * frames * bands * batch
    unneeded = 1 if train and number == 1 else 0
    stages[f'convolution {number}'] = (passes - unneeded) * forward
    frames, bands, channels = frames // pool[0], bands // pool[1], filters
  size, width = bands * channels, 2 * model.gru_features
  rows = batch * frames
  gates = 3 * model.gru_features
  gru = 2 * rows * 2 * gates * (size + model.gru_features)
  stages['GRU'] = passes * gru
  if model.attention_features:
    keys = model.attention_features
    projections = 2 * rows * width * (2 * keys + width)
    stages['attention'] = passes * (
      projections + 2 * rows * frames * (keys + width)
    )
  heads = 0
  for outputs in (1, 3):
    sizes = width, *model.head_features, outputs * len(config.data.classes)
    heads += sum(2 * rows * a * b for a, b in itertools.pairwise(sizes))
  stages['heads and losses'] = passes * heads
  return stages


def feature_flops(config: config_lib.Config, *, seconds: float) -> float:
  """Operations of the features of a recording.

  Fourier transforms of real samples (2.5 N log2 N), and the products with mel
  filters and with the wanted lags, of which one half follows from the other.

  Args:
    config: Whose features.
    seconds: Length of the recording.

  Returns:
    FLOP.
  """
  options = config.features
  frames = math.ceil(seconds * options.sample_rate / options.hop_length)
  bins = options.n_fft // 2 + 1
  transform = 2.5 * options.n_fft * math.log2(options.n_fft)
  # A mel filter has weights at few bins; each bin is in two of them.
  flops = 4 * frames * (transform + 2 * 2 * bins)
  if options.format == 'foa':
    flops += 3 * frames * 2 * 2 * bins
  else:
    flops += 6 * frames * 2 * bins * options.n_mels
  return flops
