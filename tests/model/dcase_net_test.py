"""The network of the baselines against NumPy and the published outputs."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.published_network import outputs_of, random_tensors
from helpers.random_arrays import initialized, numbers
from helpers.shared_files import shared
from jax import jit

from seld_jax import model, outputs, published
from seld_jax.prediction import export_file

PUBLISHED = outputs.make(
  'multi_accdoa', num_classes=13, distance=True, activation='linear'
)
SMALL: dict[str, Any] = {
  'output': outputs.make('multi_accdoa', num_classes=2, distance=True),
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 6,
  'attention_heads': 3,
  'head_features': (7,),
}
ONE_CONVOLUTION: dict[str, Any] = {'filters': (4,), 'pools': ((5, 4),)}
WITHOUT_DROPOUT: dict[str, Any] = {
  'conv_dropout': 0.0,
  'gru_dropout': 0.0,
  'attention_dropout': 0.0,
}


def variables_of(tensors, edition='dcase2024', num_classes=13):
  network = published.read_network(
    {
      name: published.Tensor(
        np.shape(array), functools.partial(np.array, array)
      )
      for name, array in tensors.items()
    },
    edition=edition,
    num_classes=num_classes,
    source='model.h5',
  )
  return export_file.unflatten(network.variables)


def flat_outputs(found):
  """Outputs in the published order: track, component, class."""
  found = np.swapaxes(found['accdoa'], -1, -2)
  return found.reshape(*found.shape[:2], -1)


@pytest.mark.parametrize('edition', ['dcase2024', 'dcase2025'])
def test_it_equals_the_published_network_in_numpy(edition):
  axes = {'dcase2024': 3, 'dcase2025': 2}[edition]
  output = outputs.make(
    'multi_accdoa', num_classes=2, axes=axes, distance=True, activation='linear'
  )
  tensors = random_tensors(edition, outputs=output.size, channels=3)
  network = model.DcaseNet(
    output=output, filters=(5, 6, 4), gru_features=8, head_features=(9,)
  )
  features = numbers(2, 20, 64, 3)
  variables = variables_of(tensors, edition, num_classes=2)
  found = flat_outputs(jit(network.apply)(variables, features))
  expected = outputs_of(
    tensors, features.transpose(0, 3, 1, 2), edition=edition
  )
  assert expected.shape == (2, 4, output.size)
  assert np.ptp(expected) > 1
  np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
  ('name', 'array'),
  [
    ('3_1_dev_split0_multiaccdoa_foa_model.h5', 'foa'),
    ('6_1_dev_split0_multiaccdoa_mic_gcc_model.h5', 'mic'),
  ],
)
def test_the_published_weights_give_the_published_outputs(name, array):
  folder = shared('published/dcase2024')
  with np.load(folder / 'golden.npz') as golden:
    features = golden[f'{array}_features'].transpose(0, 2, 3, 1)
    expected = golden[f'{array}_outputs']
  network = published.read_network(
    published.read_tensors(folder / name),
    edition='dcase2024',
    num_classes=13,
    source=name,
  )
  variables = export_file.unflatten(network.variables)
  apply = jit(model.DcaseNet(output=PUBLISHED).apply)
  found = flat_outputs(apply(variables, features))
  np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
  ('channels', 'published_size'), [(7, 742556), (10, 744284)]
)
def test_it_has_the_published_size_without_redundant_biases(
  channels, published_size
):
  features = jax.ShapeDtypeStruct((1, 250, 64, channels), jnp.float32)
  network = model.DcaseNet(output=PUBLISHED)
  shapes = jax.eval_shape(network.init, jax.random.key(0), features)
  statistics = model.count_parameters(shapes['batch_stats'])
  assert statistics == 2 * 3 * 64
  # Those of three convolutions, and of the gates r and z of two GRUs in two
  # directions, which another bias replaces.
  redundant = 3 * 64 + 2 * 2 * 2 * 128
  assert (
    model.count_parameters(shapes['params'])
    == published_size - statistics - redundant
  )


def test_layers_can_be_left_out_and_added():
  features = numbers(1, 10, 9, 7)
  layers = lambda **options: set(
    jax.eval_shape(
      model.DcaseNet(**{**SMALL, **options}).init,
      jax.random.key(0),
      features,
    )['params']
  )
  plain = layers(gru_layers=1, attention_layers=0, head_features=())
  assert plain == {
    *('Conv_0', 'BatchNorm_0', 'Conv_1', 'BatchNorm_1', 'BiGru_0', 'accdoa')
  }
  assert model.last_shared_layer(dict.fromkeys(plain)) == 'BiGru_0'
  many = layers(gru_layers=3, attention_layers=11, head_features=(4, 4))
  assert many - plain == {
    *('BiGru_1', 'BiGru_2', 'accdoa_hidden_0', 'accdoa_hidden_1'),
    *(f'MultiHeadAttention_{number}' for number in range(11)),
    *(f'LayerNorm_{number}' for number in range(11)),
  }
  last = model.last_shared_layer(dict.fromkeys(many))
  assert last == 'MultiHeadAttention_10'


def test_it_has_a_branch_for_each_head_of_the_output_format():
  output = outputs.make('class_wise', num_classes=3)
  network = model.DcaseNet(**{**SMALL, 'output': output})
  features = numbers(2, 20, 9, 7)
  variables = initialized(network, features)
  found = jit(network.apply)(variables, features)
  assert found['sed'].shape == (2, 4, 3)
  assert found['doa'].shape == (2, 4, 3, 3)
  assert 'sed_hidden_0' in variables['params']


def test_heads_that_do_not_divide_the_units_are_refused():
  network = model.DcaseNet(**{**SMALL, 'attention_heads': 4})
  with pytest.raises(ValueError, match='attention_heads = 4 must divide'):
    jax.eval_shape(network.init, jax.random.key(0), numbers(1, 10, 9, 7))
  with pytest.raises(ValueError, match='multiple of 5 frames'):
    jax.eval_shape(
      model.DcaseNet(**SMALL).init, jax.random.key(0), numbers(1, 11, 9, 7)
    )


def test_dropout_is_where_the_published_network_has_it():
  """Whole maps, between GRUs, and in the attention."""
  features = numbers(3, 10, 5, 7)
  rates = dict.fromkeys(WITHOUT_DROPOUT, 0.5)
  network = model.DcaseNet(**{**SMALL, **ONE_CONVOLUTION, **rates})
  apply = functools.partial(
    network.apply,
    train=True,
    mutable=['batch_stats', 'intermediates'],
    rngs={'dropout': jax.random.key(1)},
    capture_intermediates=True,
  )
  _, state = jit(apply)(initialized(network, features), features)
  seen = state['intermediates']
  dropped = {
    name: np.asarray(layer['__call__'][0])
    for name, layer in seen.items()
    if name.startswith('Dropout')
  }
  assert set(dropped) == {'Dropout_0', 'Dropout_1'}, 'not after the last GRU'
  maps, states = dropped['Dropout_0'], dropped['Dropout_1']
  is_whole = (maps == 0).all(axis=(1, 2))
  assert 0 < is_whole.sum() < is_whole.size
  assert 0.2 < (states == 0).mean() < 0.8
  for number in range(2):
    layer = seen[f'MultiHeadAttention_{number}']
    inside = np.asarray(layer['Dropout_0']['__call__'][0])
    assert inside.shape == (3, 3, 2, 2)
    assert 0 < (inside == 0).mean() < 1


def test_every_parameter_learns():
  network = model.DcaseNet(**{**SMALL, **ONE_CONVOLUTION, **WITHOUT_DROPOUT})
  features = numbers(3, 20, 9, 7)
  variables = initialized(network, features)
  weights = numbers(3, 2, 4, seed=5)

  def loss(params):
    found, _ = network.apply(
      {**variables, 'params': params},
      features,
      train=True,
      mutable=['batch_stats'],
    )
    return jnp.mean(found['accdoa'] * weights)

  gradients = jit(jax.grad(loss))(variables['params'])
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    gradient = np.asarray(gradient)
    if jax.tree_util.keystr(path).endswith("['query_key_value']['bias']"):
      # A constant added to all keys shifts all scores of a query equally.
      query, key, value = np.split(gradient, 3)
      np.testing.assert_allclose(key, 0, atol=1e-6)
      gradient = np.stack([query, value])
    assert np.abs(gradient).max() > 1e-7, path


def test_it_learns_one_batch_by_heart():
  """Three tracks with distances, up to a few percent of the first loss."""
  network = model.DcaseNet(
    **{
      **SMALL,
      **ONE_CONVOLUTION,
      **WITHOUT_DROPOUT,
      'gru_features': 12,
      'attention_layers': 1,
    }
  )
  features = numbers(2, 20, 9, 7)
  rng = np.random.default_rng(3)
  sources = rng.standard_normal((2, 4, 3, 2, 4))
  sources[..., :3] /= np.linalg.norm(sources[..., :3], axis=-1, keepdims=True)
  sources[..., 3] = np.abs(sources[..., 3])
  count = rng.integers(4, size=(2, 4, 2))
  sources *= (np.arange(3)[:, None] < count[:, :, None])[..., None]
  targets = {'sources': sources, 'count': count.astype(np.float64)}
  variables = jit(network.init)(jax.random.key(0), features)
  optimizer = optax.adam(1e-2)

  def loss(params, stats):
    found, updates = network.apply(
      {'params': params, 'batch_stats': stats},
      features,
      train=True,
      mutable=['batch_stats'],
    )
    term = SMALL['output'].loss_terms(found, targets)['adpit_mse']
    return term[0] / term[1], updates['batch_stats']

  def update(carry, _):
    params, stats, state = carry
    (value, stats), gradients = jax.value_and_grad(loss, has_aux=True)(
      params, stats
    )
    changes, state = optimizer.update(gradients, state, params)
    return (optax.apply_updates(params, changes), stats, state), value

  params, stats = variables['params'], variables['batch_stats']
  run = lambda *carry: jax.lax.scan(update, carry, length=250)
  _, values = jit(run)(params, stats, optimizer.init(params))
  assert values[-1] < 0.05 * values[0]


def test_bfloat16_computes_but_does_not_store():
  features = numbers(2, 20, 9, 7)
  wide = model.DcaseNet(**SMALL)
  narrow = model.DcaseNet(**SMALL, dtype=jnp.bfloat16)
  variables = initialized(narrow, features)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
  expected = jit(wide.apply)(variables, features)['accdoa']
  capture = functools.partial(
    narrow.apply, capture_intermediates=True, mutable=['intermediates']
  )
  found, state = jit(capture)(variables, features)
  inner = state['intermediates']
  for name in 'Conv_0', 'BiGru_1', 'MultiHeadAttention_1', 'LayerNorm_1':
    assert inner[name]['__call__'][0].dtype == jnp.bfloat16
  assert found['accdoa'].dtype == jnp.float32
  np.testing.assert_allclose(found['accdoa'], expected, atol=0.1)


@pytest.mark.slow
def test_training_does_not_depend_on_how_the_batch_is_divided():
  """With all dropout, in float64."""
  with jax.enable_x64(True):
    network = model.DcaseNet(**{**SMALL, **ONE_CONVOLUTION}, dtype=jnp.float64)
    features = jnp.asarray(numbers(4, 10, 5, 7), jnp.float64)
    variables = jax.tree.map(
      lambda x: x.astype(np.float64), initialized(network, features)
    )
    options = {
      'train': True,
      'mutable': ['batch_stats'],
      'rngs': {'dropout': jax.random.key(2)},
    }
    whole, state = jit(functools.partial(network.apply, **options))(
      variables, features
    )
    clone = network.clone(axis_name='devices')
    apply = functools.partial(clone.apply, variables, **options)
    parts, states = jit(jax.vmap(apply, axis_name='devices'))(
      features.reshape(2, 2, *features.shape[1:])
    )
    same = functools.partial(np.testing.assert_allclose, atol=1e-12)
    same(parts['accdoa'].reshape(whole['accdoa'].shape), whole['accdoa'])
    jax.tree.map(lambda x, y: same(x[1], y), states, state)
