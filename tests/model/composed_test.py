"""Composed networks: sizes, causality, parts of recordings, and learning."""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit

from seld_jax import model, outputs

OUTPUT = outputs.make('class_wise', num_classes=3)
SMALL: dict[str, Any] = {
  'output': OUTPUT,
  'filters': (6,),
  'pools': ((2, 4),),
  'stage_blocks': (1,),
  'sequence_features': 8,
  'sequence_pool': 2,
  'gru_features': 4,
  'gru_layers': 1,
  'sequence_layers': 1,
  'attention_layers': 1,
  'attention_heads': 2,
  'attention_distance': 3,
  'attention_history': 4,
  'kernel': 3,
  'head_features': (16,),
}
WITHOUT_DROPOUT = dict.fromkeys(
  ('conv_dropout', 'gru_dropout', 'attention_dropout', 'sequence_dropout'), 0.0
)
POOL = 4  # feature frames of a label frame
COMBINATIONS = list(itertools.product(model.TRUNKS, model.SEQUENCES))
# These two have every part but the plain GRU.
QUICK = ('cnn', 'gru_attention'), ('resnet', 'conformer')


def marked(*values):
  """Parameters of a test; those of other combinations are marked slow."""
  is_quick = values[:2] in QUICK
  return pytest.param(*values, marks=[] if is_quick else pytest.mark.slow)


every_combination = pytest.mark.parametrize(
  ('trunk', 'sequence'), [marked(*names) for names in COMBINATIONS]
)


def small(trunk='resnet', sequence='conformer', **options):
  return model.ComposedNet(
    trunk=trunk, sequence=sequence, **{**SMALL, **options}
  )


def shapes_of(network, features_shape):
  features = jax.ShapeDtypeStruct(features_shape, jnp.float32)
  return jax.eval_shape(network.init_with_output, jax.random.key(0), features)


# Sizes.


def test_the_resnet_conformer_has_the_size_that_its_layers_add_up_to():
  network = model.ResNetConformer(
    output=outputs.make('multi_accdoa', num_classes=13, distance=True)
  )
  found, variables = shapes_of(network, (2, 500, 64, 7))
  assert found['accdoa'].shape == (2, 100, 3, 13, 4)
  trunk, channels = 0, 7
  for filters in (24, 48, 96, 192):
    trunk += 9 * channels * filters + 3 * 9 * filters**2 + 4 * 2 * filters
    trunk += channels * filters + 2 * filters  # the residual of the first block
    channels = filters
  size = 256
  projection = 2 * 192 * size + size
  norms = 5 * 2 * size
  dense_steps = 2 * (4 * size**2 + 3 * size)
  attention = 4 * size**2 + size + 201 * 32
  convolution = 3 * size**2 + 3 * size + 7 * size + 2 * size
  blocks = 8 * (norms + dense_steps + attention + convolution)
  head = size**2 + size + size * 156 + 156
  count = trunk + projection + blocks + head
  assert model.count_parameters(variables['params']) == count


@every_combination
@pytest.mark.parametrize('causal', [False, True])
def test_label_frames_are_frames_over_the_time_pooling(trunk, sequence, causal):
  network = small(trunk, sequence, causal=causal)
  found, variables = shapes_of(network, (2, 10 * POOL, 16, 7))
  assert found['sed'].shape == found['sed_logits'].shape == (2, 10, 3)
  assert found['doa'].shape == (2, 10, 3, 3)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
  shared = model.last_shared_layer(variables['params'])
  assert (
    shared
    == {
      'gru': 'Gru_0' if causal else 'BiGru_0',
      'gru_attention': 'RelativeAttention_0',
      'conformer': 'ConformerBlock_0',
    }[sequence]
  )


CHANGED: dict[str, Any] = {
  'stage_blocks': (2,),
  'gru_features': 6,
  'gru_reset_first': True,
  'gru_layers': 2,
  'gru_dropout': 0.3,
  'attention_layers': 2,
  'attention_heads': 1,
  'attention_dropout': 0.3,
  'attention_distance': 2,
  'attention_history': 1,
  'sequence_layers': 2,
  'feed_forward': 3,
  'kernel': 5,
  'sequence_dropout': 0.3,
}


@pytest.mark.parametrize(
  'causal', [pytest.param(False, marks=pytest.mark.slow), True]
)
@pytest.mark.parametrize(
  ('trunk', 'sequence'), [('cnn', 'conformer'), ('resnet', 'gru_attention')]
)
def test_exactly_the_unused_fields_have_no_effect(trunk, sequence, causal):
  """The program of a network shows whether a field has an effect."""

  def program(**options):
    network = small(trunk, sequence, causal=causal, **options)
    start = functools.partial(network.init_with_output, train=True)
    keys = {'params': jax.random.key(0), 'dropout': jax.random.key(1)}
    features = jax.ShapeDtypeStruct((1, 2 * POOL, 8, 7), jnp.float32)
    found = jax.make_jaxpr(start)(keys, features)
    return str(found) + str([np.asarray(x).tolist() for x in found.consts])

  unused = model.unused_fields(trunk=trunk, sequence=sequence, causal=causal)
  before = program()
  assert before == program()
  for field, value in CHANGED.items():
    assert (program(**{field: value}) == before) == (field in unused), field
  assert ('look_ahead' in unused) == (not causal)
  assert set(unused) <= {*CHANGED, 'look_ahead'}


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'trunk': 'vgg'}, "trunk .*one of cnn, resnet, got 'vgg'"),
    ({'sequence': 'lstm'}, "sequence .*one of gru, .*got 'lstm'"),
    ({'filters': (4, 4)}, 'filters 2, pools 1, stage_blocks 1'),
    ({'stage_blocks': (0,)}, 'stage_blocks = .*block or more'),
    ({'attention_heads': 3}, 'attention_heads = 3 .*sequence_features = 8'),
    (
      {'attention_heads': 3, 'sequence': 'gru_attention'},
      'attention_heads = 3 .*gru_features = 4',
    ),
    ({'kernel': 4}, 'kernel = 4 .*odd'),
    ({'look_ahead': 1}, 'look_ahead = 1 .*causal=True'),
  ],
)
def test_parts_that_do_not_fit_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    shapes_of(small(**options), (1, POOL, 8, 7))


def test_frames_that_do_not_divide_are_refused():
  with pytest.raises(ValueError, match=r'ResNetConformer .*multiple of 5'):
    shapes_of(model.ResNetConformer(), (1, 12, 64, 7))


# Causality.


@pytest.mark.parametrize(
  ('trunk', 'sequence', 'look_ahead'),
  [
    *(marked(*names, 2) for names in COMBINATIONS),
    pytest.param('resnet', 'conformer', 0, marks=pytest.mark.slow),
  ],
)
def test_causal_outputs_do_not_depend_on_the_future(
  trunk, sequence, look_ahead
):
  network = small(trunk, sequence, causal=True, look_ahead=look_ahead)
  features = numbers(1, 10 * POOL, 8, 7)
  variables = initialized(network, features)
  later = features.copy()
  later[:, 6 * POOL :] += numbers(4 * POOL, 8, 7, seed=5)
  apply = jit(network.apply)
  before, after = (
    np.asarray(apply(variables, x)['sed_logits']) for x in (features, later)
  )
  same = (before == after).all(axis=(0, 2))
  assert same[: 6 - look_ahead].all()
  # The look-ahead is used: label frame 6 - look_ahead sees the first change.
  assert not same[6 - look_ahead]


def test_other_networks_see_the_future():
  network = small()
  features = numbers(1, 10 * POOL, 8, 7)
  variables = initialized(network, features)
  later = features.copy()
  later[:, 6 * POOL :] += numbers(4 * POOL, 8, 7, seed=5)
  apply = jit(network.apply)
  difference = (
    apply(variables, features)['sed_logits']
    - (apply(variables, later)['sed_logits'])
  )
  assert (np.abs(difference)[0, 5] > 0).any()


@every_combination
def test_parts_of_a_recording_give_the_outputs_of_the_whole(trunk, sequence):
  look_ahead = 2
  network = small(trunk, sequence, causal=True, look_ahead=look_ahead)
  features = numbers(2, 12 * POOL, 8, 7)
  variables = initialized(network, features)
  whole = jit(network.apply)(variables, features)
  state = model.initial_state(network, variables, (2, POOL, 8, 7))
  step = jit(functools.partial(network.apply, mutable=['state']))
  padded = np.pad(features, ((0, 0), (0, look_ahead * POOL), (0, 0), (0, 0)))
  found: dict[str, list[Any]] = {name: [] for name in whole}
  # Parts shorter and longer than the history, the kernel and the look-ahead.
  for part in np.split(padded, np.array([1, 2, 8]) * POOL, axis=1):
    part_outputs, after = step({**variables, 'state': state}, part)
    state = after['state']
    for name, array in part_outputs.items():
      found[name].append(array)
  for name, expected in whole.items():
    joined = np.concatenate(found[name], axis=1)[:, look_ahead:]
    np.testing.assert_allclose(joined, expected, atol=2e-5)


def test_only_causal_networks_have_a_state():
  for network in small(), model.SeldNet(output=OUTPUT):
    with pytest.raises(ValueError, match=r'not causal.*causal=True'):
      model.initial_state(network, {}, (1, POOL, 8, 7))


# Learning.


@pytest.mark.slow
def test_it_learns_a_batch_by_heart():
  network = small(**WITHOUT_DROPOUT)
  features = numbers(4, 4 * POOL, 8, 7)
  target = np.random.default_rng(0).random((4, 4, 3)) < 0.3
  variables = jit(network.init)(jax.random.key(0), features)
  optimizer = optax.adam(3e-2)

  def loss(params, stats):
    found, changed = network.apply(
      {'params': params, 'batch_stats': stats},
      features,
      train=True,
      mutable=['batch_stats'],
    )
    error = jnp.mean((found['sed'] - target) ** 2)
    return error, changed['batch_stats']

  @jit
  def step(params, stats, moments):
    (value, stats), slope = jax.value_and_grad(loss, has_aux=True)(
      params, stats
    )
    updates, moments = optimizer.update(slope, moments)
    return optax.apply_updates(params, updates), stats, moments, value

  params, stats = variables['params'], variables['batch_stats']
  moments, values = optimizer.init(params), []
  for _ in range(100):
    params, stats, moments, value = step(params, stats, moments)
    values.append(float(value))
  assert values[0] > 0.1
  assert values[-1] < 0.01


@pytest.mark.parametrize(
  ('trunk', 'sequence', 'causal'),
  [('resnet', 'conformer', False), ('cnn', 'gru_attention', True)],
)
def test_every_parameter_learns(trunk, sequence, causal):
  network = small(trunk, sequence, causal=causal, **WITHOUT_DROPOUT)
  features = numbers(3, 4 * POOL, 8, 7)
  variables = initialized(network, features)
  weights = numbers(3, 3, seed=5)

  def loss(params):
    found, _ = network.apply(
      {**variables, 'params': params},
      features,
      train=True,
      mutable=['batch_stats'],
    )
    return jnp.mean(found['doa'] * weights) + jnp.mean(found['sed'] ** 2)

  slopes = jit(jax.grad(loss))(variables['params'])
  for path, slope in jax.tree_util.tree_leaves_with_path(slopes):
    assert np.isfinite(slope).all(), path
    assert np.abs(slope).max() > 1e-7, path


def test_bfloat16_computes_but_does_not_store():
  features = numbers(2, 4 * POOL, 8, 7)
  wide, narrow = small(), small(dtype=jnp.bfloat16)
  variables = jit(narrow.init)(jax.random.key(0), features)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
  expected = jit(wide.apply)(variables, features)
  capture = functools.partial(
    narrow.apply, capture_intermediates=True, mutable=['intermediates']
  )
  found, seen = jit(capture)(variables, features)
  for name in 'Conv_0', 'BatchNorm_0', 'projection', 'ConformerBlock_0', 'doa':
    (inner,) = seen['intermediates'][name]['__call__']
    assert inner.dtype == jnp.bfloat16, name
  for name, value in found.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, expected[name], atol=0.1)


@pytest.mark.slow
def test_training_does_not_depend_on_how_the_batch_is_divided():
  """As under pmap: the axis of the devices is mapped."""
  with jax.enable_x64(True):
    network = small(dtype=jnp.float64, conv_dropout=0.2, head_dropout=0.2)
    features = jnp.asarray(numbers(4, 2 * POOL, 8, 7), jnp.float64)
    variables = jax.tree.map(
      lambda x: x.astype(np.float64), initialized(network, features)
    )
    key = jax.random.key(2)

    def train(network, features):
      return network.apply(
        variables,
        features,
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': key},
      )

    expected, state = jit(functools.partial(train, network))(features)
    clone = network.clone(axis_name='devices')
    mapped = jax.vmap(functools.partial(train, clone), axis_name='devices')
    found, states = jit(mapped)(features.reshape(2, 2, *features.shape[1:]))
    same = functools.partial(np.testing.assert_allclose, atol=1e-12)
    joined = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
    jax.tree.map(same, joined, expected)
    for device in range(2):
      of_device = jax.tree.map(lambda x, i=device: x[i], states)
      jax.tree.map(same, of_device, state)
