"""The smallest possible time: necessary arithmetic over the peak of a machine.

A multiplication and an addition count as two operations (FLOP). Only products
and Fourier transforms are counted, so the count divided by the peak is a lower
bound of the time.
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
  """Measures the peak with products of large float32 matrices.

  Args:
    size: Number of rows and columns of the matrices.
    runs: Number of products with JAX and with NumPy, in turns.

  Returns:
    FLOP/s of the fastest product.
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
  """Counts the operations of the paper's network by stage.

  Args:
    config: The configuration; its network must be `seld_crnn`.
    batch: Number of examples.
    frames: Number of feature frames in each example.
    train: Whether gradients are computed, too. They take twice the operations
      of the forward pass, without the gradient with respect to the features.

  Returns:
    Name of a stage -> FLOP.
  """
  model = config.model
  trunks = 2 if model.soft_sharing else 1
  bands, channels = features.shape(**config_lib.feature_options(config))
  passes = 3 if train else 1
  stages = {}
  layers = zip(model.filters, model.pools, strict=True)
  for number, (filters, pool) in enumerate(layers, start=1):
    forward = trunks * 2 * 9 * channels * filters * frames * bands * batch
    unneeded = 1 if train and number == 1 else 0
    stages[f'convolution {number}'] = (passes - unneeded) * forward
    frames, bands, channels = frames // pool[0], bands // pool[1], filters
  size, width = bands * channels, 2 * model.gru_features
  rows = batch * frames
  gates = 3 * model.gru_features
  gru = trunks * 2 * rows * 2 * gates * (size + model.gru_features)
  stages['GRU'] = passes * gru
  if model.attention_features:
    keys = model.attention_features
    projections = 2 * rows * width * (2 * keys + width)
    products = 2 * rows * frames * (keys + width)
    stages['attention'] = passes * trunks * (projections + products)
  heads = 0
  for outputs in config_lib.output_format(config).heads.values():
    sizes = width, *model.head_features, outputs
    heads += sum(2 * rows * a * b for a, b in itertools.pairwise(sizes))
  stages['heads and losses'] = passes * heads
  return stages


def feature_flops(config: config_lib.Config, *, seconds: float) -> float:
  """Counts the operations of the features of a recording.

  Counted are the Fourier transforms of real samples (2.5 N log2 N), the
  products with the mel filters, and for microphones the products that compute
  the lags of the cross-correlations, one half of which follows from the other.

  Args:
    config: The configuration of the features.
    seconds: Length of the recording.

  Returns:
    FLOP.
  """
  options = config.features
  frames = math.ceil(seconds * options.sample_rate / options.hop_length)
  bins = options.n_fft // 2 + 1
  transform = 2.5 * options.n_fft * math.log2(options.n_fft)
  # A mel filter covers few bins, and each bin belongs to two filters.
  flops = 4 * frames * (transform + 2 * 2 * bins)
  if options.format == 'foa':
    flops += 3 * frames * 2 * 2 * bins
  else:
    flops += 6 * frames * 2 * bins * options.n_mels
  return flops
