"""Attention, convolution and blocks of the conformer against NumPy."""

import functools
import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit, lax

from seld_jax import model
from seld_jax.model import attention
from seld_jax.model.conformer import ConformerBlock, depthwise, random_masks
from seld_jax.model.gru import BiGru, Gru

HEADS, WIDTH = 2, 3

# NumPy arrays take the place of those of JAX.
attend: Any = attention.attend
convolve: Any = depthwise


def attended(*arrays: Any, history: int | None) -> np.ndarray:
  """The definition of the attention, in float64, one query after the other."""
  query, key, value, positions, exists = arrays
  batch, frames, heads, width = query.shape
  most = len(positions) // 2
  means = np.zeros(query.shape)
  for example, head, t in itertools.product(
    range(batch), range(heads), range(frames)
  ):
    now = t + key.shape[1] - frames
    scores = np.full(key.shape[1], -np.inf)
    for s in range(key.shape[1]):
      if not exists[example, s]:
        continue
      if history is not None and not now - history <= s <= now:
        continue
      apart = min(max(s - now, -most), most)
      added = key[example, s, head] + positions[apart + most]
      scores[s] = query[example, t, head] @ added / np.sqrt(width)
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    means[example, t, head] = weights @ value[example, :, head]
  return means


@pytest.mark.parametrize('distance', [1, 4, 20])
@pytest.mark.parametrize(
  ('frames', 'keys', 'history'), [(7, 7, None), (7, 7, 3), (1, 5, 4), (3, 8, 5)]
)
@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_attention_equals_its_definition(
  monkeypatch, frames, keys, history, distance, platform
):
  query = numbers(2, frames, HEADS, WIDTH)
  key, value = (numbers(2, keys, HEADS, WIDTH, seed=i) for i in (1, 2))
  positions = numbers(2 * distance + 1, WIDTH, seed=3)
  exists = np.ones((2, keys), bool)
  exists[1, :2] = keys == frames  # every query has a key
  monkeypatch.setattr(attention.jax, 'default_backend', lambda: platform)
  found = attend(*(query, key, value, positions, exists), history=history)
  expected = attended(
    *map(np.float64, (query, key, value, positions)), exists, history=history
  )
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_attention_without_positions_or_bounds_is_that_of_flax():
  query, key, value = (numbers(2, 6, HEADS, WIDTH, seed=i) for i in range(3))
  np.testing.assert_allclose(
    attend(query, key, value),
    nn.dot_product_attention(query, key, value),
    atol=1e-5,
  )


def test_gradients_of_the_attention_are_those_of_its_definition():
  """Against differences of the loss in float64."""
  with jax.enable_x64(True):
    arrays = [
      numbers(*shape, seed=i).astype(np.float64)
      for i, shape in enumerate([(1, 5, HEADS, WIDTH)] * 3 + [(5, WIDTH)])
    ]
    weights = np.float64(numbers(1, 5, HEADS, WIDTH, seed=9))

    def loss(*arrays):
      return jnp.sum(attend(*arrays, history=3) * weights)

    slopes = jax.grad(loss, (0, 1, 2, 3))(*arrays)
    exists = np.ones((1, 5), bool)
    for which, (array, slope) in enumerate(zip(arrays, slopes, strict=True)):
      step = 1e-6 * numbers(*array.shape, seed=7)
      ends = []
      for sign in 1, -1:
        moved = list(arrays)
        moved[which] = array + sign * step
        ends.append(np.sum(attended(*moved, exists, history=3) * weights))
      expected = (ends[0] - ends[1]) / 2
      assert np.sum(slope * step) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('length', [1, 3, 7])
def test_depthwise_convolution_equals_that_of_xla(length):
  x, kernel = numbers(2, 12, 5), numbers(length, 5, seed=1)
  expected = lax.conv_general_dilated(
    jnp.asarray(x),
    jnp.asarray(kernel[:, None]),
    (1,),
    'VALID',
    dimension_numbers=('NWC', 'WIO', 'NWC'),
    feature_group_count=5,
  )
  np.testing.assert_allclose(convolve(x, kernel), expected, atol=1e-5)


def block(**options):
  sizes = {'heads': HEADS, 'distance': 2, 'feed_forward': 2, 'kernel': 3}
  return ConformerBlock(**{**sizes, **options})


def initialized_block(layer, x):
  shaped = layer.clone()
  shapes = jax.eval_shape(
    lambda key, x: shaped.init(key, x, train=False), jax.random.key(0), x
  )

  class Shaped:
    def init(self, key, x):
      del key, x
      return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)

  return initialized(Shaped(), x)


def test_a_block_equals_the_paper_in_numpy():
  size = 6
  x = numbers(2, 9, size)
  variables = initialized_block(block(), x)
  params, stats = variables['params'], variables['batch_stats']
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  dense = lambda name, x: x @ params[name]['kernel'] + params[name]['bias']

  def norm(number, x):
    own = params[f'LayerNorm_{number}']
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * own['scale'] + own['bias']

  def half_step(name, number, x):
    y = dense(f'{name}_in', norm(number, x))
    return x + dense(f'{name}_out', y * sigmoid(y)) / 2

  y = half_step('first', 0, np.float64(x))
  of_attention = params['attention']
  three = norm(1, y) @ of_attention['query_key_value']['kernel']
  query, key, value = (
    part.reshape(2, 9, HEADS, WIDTH) for part in np.split(three, 3, axis=-1)
  )
  means = attended(
    *(query, key, value, of_attention['positions'], np.ones((2, 9), bool)),
    history=None,
  )
  output = of_attention['output']
  y = y + means.reshape(2, 9, size) @ output['kernel'] + output['bias']
  gated = dense('gated', norm(2, y))
  gated = gated[..., :size] * sigmoid(gated[..., size:])
  padded = np.pad(gated, ((0, 0), (1, 1), (0, 0)))
  mixed = sum(padded[:, i : i + 9] * params['depthwise'][i] for i in range(3))
  own, seen = params['BatchNorm_0'], stats['BatchNorm_0']
  mixed = (mixed - seen['mean']) / np.sqrt(seen['var'] + 1e-5)
  mixed = mixed * own['scale'] + own['bias']
  y = y + dense('mixed', mixed * sigmoid(mixed))
  expected = norm(4, half_step('last', 3, y))
  found = jit(lambda v, x: block().apply(v, x, train=False))(variables, x)
  np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize('reset_first', [False, True])
def test_a_gru_is_the_forward_half_of_a_bidirectional_one(reset_first):
  x = numbers(2, 8, 3)
  both = BiGru(4, reset_first)
  variables = initialized(both, x)
  forwards = jax.tree.map(lambda leaf: leaf[:1], variables['params'])
  one = Gru(4, reset_first)
  found: Any = one.apply({'params': forwards}, x)
  expected = np.asarray(both.apply(variables, x))[..., :4]
  np.testing.assert_allclose(found, expected, atol=1e-6)
  first, after = one.apply({'params': forwards}, x[:, :3], mutable=['state'])
  rest, _ = one.apply(
    {'params': forwards, 'state': after['state']},
    x[:, 3:],
    mutable=['state'],
  )
  parts = np.concatenate([first, rest], axis=1)
  np.testing.assert_allclose(parts, expected, atol=1e-6)


def test_a_block_has_the_parameters_that_its_layers_add_up_to():
  size, distance, factor, kernel = 12, 5, 3, 7
  layer = block(distance=distance, feed_forward=factor, kernel=kernel)
  x = numbers(1, 9, size)
  params = initialized_block(layer, x)['params']
  norms = 5 * 2 * size
  steps = 2 * (2 * factor * size**2 + factor * size + size)
  heads = 4 * size**2 + size + (2 * distance + 1) * size // HEADS
  convolution = 3 * size**2 + 3 * size + kernel * size + 2 * size
  assert model.count_parameters(params) == norms + steps + heads + convolution


def test_a_block_whose_values_are_all_dropped_only_normalises():
  size = 6
  x = numbers(2, 9, size)
  layer = block(dropout_rate=0.3)
  variables = initialized_block(layer, x)
  keep = jnp.zeros((2, 9, 4 * size + 2 * 2 * size), bool)
  apply = lambda keep: layer.apply(
    variables, x, train=True, keep=keep, mutable=['batch_stats']
  )[0]
  own = variables['params']['LayerNorm_4']
  centred = x - x.mean(-1, keepdims=True)
  scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
  np.testing.assert_allclose(
    apply(keep), scaled * own['scale'] + own['bias'], atol=1e-5
  )
  # Each place has its own part of the mask.
  results = [apply(keep.at[..., cut].set(True)) for cut in range(8 * size)]
  changed = [not np.allclose(one, apply(keep), atol=1e-6) for one in results]
  # The hidden values of dense steps have no effect without those after them.
  expected = np.repeat(
    [False, True, True, True, False, True], [12, 6, 6, 6, 12, 6]
  )
  np.testing.assert_array_equal(changed, expected)


def test_each_block_and_example_has_its_own_mask():
  x = jnp.zeros((3, 50, 8))
  make_rng = lambda name: jax.random.key(3 + len(name))
  draw = functools.partial(
    random_masks, make_rng, layers=4, feed_forward=2, rate=0.2
  )

  def stacked(x):
    drawn: Any = draw(x)
    return np.stack(drawn)

  masks = stacked(x)
  assert masks.shape == (4, 3, 50, 8 * 8)
  flat = masks.reshape(12, -1)
  assert len({one.tobytes() for one in flat}) == 12
  np.testing.assert_allclose(flat.mean(axis=1), 0.8, atol=0.05)
  # That of an example does not depend on the others.
  np.testing.assert_array_equal(stacked(x[:2]), masks[:, :2])
  assert random_masks(make_rng, x, layers=2, feed_forward=2, rate=0.0) == [
    None,
    None,
  ]


def test_a_block_alone_drops_values_only_in_training():
  x = numbers(2, 9, 6)
  layer = block(dropout_rate=0.5)
  variables = initialized_block(layer, x)
  run = lambda seed: layer.apply(
    variables,
    x,
    train=True,
    mutable=['batch_stats'],
    rngs={'dropout': jax.random.key(seed)},
  )[0]
  assert np.abs(run(0) - run(1)).max() > 0.01
  np.testing.assert_array_equal(run(0), run(0))
  layer.apply(variables, x, train=False)  # needs no rng
