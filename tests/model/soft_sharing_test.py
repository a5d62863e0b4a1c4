"""A trunk for each task: what they share, and that training works."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit

from seld_jax import model, outputs

OPTIONS: dict[str, Any] = {
  'filters': (4, 5),
  'pools': ((1, 1), (5, 4)),
  'gru_features': 5,
  'attention_features': 4,
  'head_features': (7,),
  'soft_sharing': True,
}
WITHOUT_DROPOUT: dict[str, Any] = {
  'conv_dropout': 0.0,
  'gru_dropout': 0.0,
  'head_dropout': 0.0,
}
TRACKS = outputs.make('tracks', num_classes=3, num_tracks=2)
CLASS_WISE = outputs.make('class_wise', num_classes=3, distance=True)
# Trunk of each output.
TRUNKS = {'sed': 0, 'sed_logits': 0, 'doa': 1, 'distance': 1}


def make(output=TRACKS, **options):
  return model.SeldCrnn(output=output, **{**OPTIONS, **options})


def of_trunk(name):
  """The trunk of a parameter of the trunks; None for one of both."""
  for trunk, prefix in enumerate(('sed_', 'doa_')):
    if name.startswith(prefix) and name[len(prefix)].isupper():
      return trunk
  return None


@pytest.mark.parametrize('output', [TRACKS, CLASS_WISE])
def test_it_has_two_trunks_the_same_heads_and_a_stitch_after_each_pooling(
  output,
):
  count = lambda network: model.count_parameters(
    jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 20, 9, 7)))[
      'params'
    ]
  )
  heads = sum(10 * 7 + 7 + 7 * size + size for size in output.heads.values())
  trunk = count(make(output, soft_sharing=False)) - heads
  # After the second convolution, and before the heads.
  stitches = 4 * (5 + 10)
  assert count(make(output)) == 2 * trunk + stitches + heads


def test_trunks_whose_stitches_share_nothing_are_separate_networks():
  """The outputs of each task equal those of a network with one trunk."""
  features = numbers(2, 20, 9, 7)
  network = make(CLASS_WISE)
  variables = initialized(network, features)
  params = variables['params']
  for name, tree in params.items():
    if name.startswith('CrossStitch'):
      size = tree['weights'].shape[-1]
      tree['weights'] = np.stack([np.eye(2, dtype=np.float32)] * size, -1)
  together = jit(network.apply)(variables, features)
  for trunk, task in enumerate(('sed', 'doa')):
    own = lambda tree, task=task: {
      name.removeprefix(f'{task}_') if of_trunk(name) is not None else name: v
      for name, v in tree.items()
      if name.startswith(f'{task}_') and of_trunk(name) is not None
    }
    heads = {
      name: v
      for name, v in params.items()
      if of_trunk(name) is None
      and not name.startswith('CrossStitch')
      and name != 'BiGru_0'
    }
    gru = {
      name: value.reshape(2, 2, *value.shape[1:])[:, trunk]
      for name, value in params['BiGru_0'].items()
    }
    alone = jit(make(CLASS_WISE, soft_sharing=False).apply)(
      {
        'params': {**heads, **own(params), 'BiGru_0': gru},
        'batch_stats': own(variables['batch_stats']),
      },
      features,
    )
    for name, value in together.items():
      if TRUNKS[name] == trunk:
        np.testing.assert_allclose(value, alone[name], atol=1e-5)
      else:
        assert np.abs(value - alone[name]).max() > 1e-2


def test_a_task_reaches_the_other_trunk_through_stitches_only():
  network = make(CLASS_WISE, **WITHOUT_DROPOUT)
  features = numbers(2, 20, 9, 7)
  variables = initialized(network, features)

  def loss(params):
    found: Any = network.apply({**variables, 'params': params}, features)
    return jnp.sum(jnp.sin(found['doa']))

  gradient = jit(jax.grad(loss))
  params = variables['params']
  for is_sharing in True, False:
    if not is_sharing:
      for name, tree in params.items():
        if name.startswith('CrossStitch'):
          tree['weights'][0, 1] = tree['weights'][1, 0] = 0
    for path, value in jax.tree_util.tree_leaves_with_path(gradient(params)):
      name, largest = path[0].key, np.abs(value).max()
      # A constant added to all keys of an attention changes nothing.
      if of_trunk(name) == 1 and path[-2].key != 'key':
        assert largest > 1e-6, path
      if of_trunk(name) == 0 and path[-2].key != 'key':
        assert (largest > 1e-6) == is_sharing, path
      if name.startswith('sed') and of_trunk(name) is None:
        assert largest == 0, path


@pytest.mark.slow
def test_it_learns_one_batch_by_heart():
  """Activity of two tracks and their directions, up to a few percent."""
  network = make(
    filters=(8,), pools=((5, 4),), gru_features=16, **WITHOUT_DROPOUT
  )
  features = numbers(2, 20, 9, 7)
  rng = np.random.default_rng(3)
  doa = rng.standard_normal((2, 4, 2, 3))
  targets = {
    'activity': np.eye(3)[rng.integers(3, size=(2, 4, 2))],
    'doa': doa / np.linalg.norm(doa, axis=-1, keepdims=True),
  }
  variables = jit(network.init)(jax.random.key(0), features)
  optimizer = optax.adam(1e-2)

  def loss(params, stats):
    found, updates = network.apply(
      {'params': params, 'batch_stats': stats},
      features,
      train=True,
      mutable=['batch_stats'],
    )
    terms = TRACKS.loss_terms(found, targets)
    return sum(part / count for part, count in terms.values()), updates

  def update(carry, _):
    params, stats, state = carry
    (value, updates), gradients = jax.value_and_grad(loss, has_aux=True)(
      params, stats
    )
    changes, state = optimizer.update(gradients, state, params)
    params = optax.apply_updates(params, changes)
    return (params, updates['batch_stats'], state), value

  params, stats = variables['params'], variables['batch_stats']
  run = lambda *carry: jax.lax.scan(update, carry, length=200)
  (params, _, _), values = jit(run)(params, stats, optimizer.init(params))
  assert values[0] > 0.5 and values[-1] < 0.02
  changed = np.abs(params['CrossStitch_0']['weights'] - 0.5)
  assert np.abs(changed - 0.4).max() > 0.01, 'the stitches learn'


@pytest.mark.slow
def test_training_does_not_depend_on_how_the_batch_is_divided():
  """With dropout, in float64: outputs, statistics and gradients."""
  with jax.enable_x64(True):
    features = jnp.asarray(numbers(4, 10, 9, 7), jnp.float64)
    make_wide = functools.partial(
      make, CLASS_WISE, filters=(4,), pools=((5, 4),), dtype=jnp.float64
    )
    whole = make_wide()
    wide = lambda tree: jax.tree.map(lambda x: x.astype(np.float64), tree)
    variables = wide(initialized(whole, features))

    def of_part(network, params, part):
      def loss(params):
        found, state = network.apply(
          {**variables, 'params': params},
          part,
          train=True,
          mutable=['batch_stats'],
          rngs={'dropout': jax.random.key(2)},
        )
        return jnp.sum(found['doa'] ** 2) + jnp.sum(found['sed']), state

      (value, state), gradients = jax.value_and_grad(loss, has_aux=True)(params)
      if network.axis_name:
        value, gradients = jax.lax.psum((value, gradients), network.axis_name)
      return value, state, gradients

    expected = jit(functools.partial(of_part, whole))(
      variables['params'], features
    )
    divided = jax.vmap(
      functools.partial(of_part, make_wide(axis_name='devices')),
      (None, 0),
      axis_name='devices',
    )
    found = jit(divided)(
      variables['params'], features.reshape(2, 2, *features.shape[1:])
    )
    for device in range(2):
      jax.tree.map(
        lambda a, b, i=device: np.testing.assert_allclose(
          a[i], b, rtol=1e-9, atol=1e-11
        ),
        found,
        expected,
      )


def test_bfloat16_computes_almost_the_same_and_stores_float32():
  features = numbers(2, 20, 9, 7)
  variables = initialized(make(), features)
  assert all(x.dtype == np.float32 for x in jax.tree.leaves(variables))
  expected = jit(make().apply)(variables, features)
  network = make(dtype=jnp.bfloat16)
  found, state = jit(
    functools.partial(
      network.apply, capture_intermediates=True, mutable=['intermediates']
    )
  )(variables, features)
  for name in 'CrossStitch_0', 'BiGru_0', 'sed_SelfAttention_0':
    maps = jax.tree.leaves(state['intermediates'][name])
    assert {x.dtype for x in maps} == {jnp.dtype(jnp.bfloat16)}
  for name, value in found.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, expected[name], atol=0.15)


@pytest.mark.parametrize('format', ['accdoa', 'multi_accdoa'])
def test_formats_with_one_head_for_both_tasks_are_refused(format):
  network = make(outputs.make(format, num_classes=3))
  with pytest.raises(ValueError, match=f'soft_sharing needs .* {format} has'):
    jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 20, 9, 7)))


def test_no_layer_is_shared_by_all_branches():
  params = jax.eval_shape(
    make().init, jax.random.key(0), jnp.zeros((1, 20, 9, 7))
  )['params']
  with pytest.raises(ValueError, match='share no layer'):
    model.last_shared_layer(params)


def test_attention_can_be_left_out():
  network = make(attention_features=0)
  found, variables = jax.eval_shape(
    network.init_with_output, jax.random.key(0), jnp.zeros((1, 20, 9, 7))
  )
  assert found['sed'].shape == (1, 4, 2, 3)
  assert not any('Attention' in name for name in variables['params'])
