"""The networks against the layers of Flax, NumPy, and undivided batches."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit

from seld_jax import model, outputs
from seld_jax.model import blocks

OUTPUT = outputs.make('class_wise', num_classes=3)
SMALL: dict[str, Any] = {
  'output': OUTPUT,
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 5,
  'attention_features': 4,
  'head_features': (7, 6),
}
WITHOUT_DROPOUT: dict[str, Any] = {
  'conv_dropout': 0.0,
  'gru_dropout': 0.0,
  'head_dropout': 0.0,
}


def shapes_of(network, features_shape, **options):
  features = jax.ShapeDtypeStruct(features_shape, jnp.float32)
  return jax.eval_shape(
    functools.partial(network.init_with_output, **options),
    jax.random.key(0),
    features,
  )


# The whole networks.


@pytest.mark.parametrize(
  ('channels', 'count'), [(7, 3737976), (10, 3737976 + 3 * 3 * 3 * 64)]
)
def test_the_paper_system_has_its_published_size(channels, count):
  outputs, variables = shapes_of(model.SeldCrnn(), (2, 600, 64, channels))
  assert model.count_parameters(variables['params']) == count
  assert outputs['sed'].shape == outputs['sed_logits'].shape == (2, 120, 14)
  assert outputs['doa'].shape == (2, 120, 14, 3)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))


def test_the_baseline_has_the_size_that_its_layers_add_up_to():
  """Counted layer by layer, for FOA and 14 classes."""
  convolutions = 9 * 7 * 64 + 64 + 2 * (9 * 64 * 64 + 64)
  normalisations = 3 * 2 * 64
  # Two bidirectional GRUs of 128 units. The input of the first has 64 filters
  # times 64 mels / (4 * 4 * 2) bands, that of the second 128 products of both
  # directions. The recurrence has one bias.
  gru = 2 * 2 * (128 * 3 * 128 + 3 * 128 + 128 * 3 * 128 + 128)
  heads = 2 * (128 * 128 + 128) + 129 * 14 + 129 * 42
  outputs, variables = shapes_of(model.SeldNet(), (2, 300, 64, 7))
  count = convolutions + normalisations + gru + heads
  assert model.count_parameters(variables['params']) == count
  assert outputs['sed'].shape == outputs['sed_logits'].shape == (2, 60, 14)
  assert outputs['doa'].shape == (2, 60, 14, 3)
  biased = model.SeldNet(normalise_bands=True)
  _, variables = shapes_of(biased, (2, 300, 64, 7))
  scales = [
    variables['params'][f'BatchNorm_{i}']['scale'].shape for i in range(3)
  ]
  assert scales == [(64,), (16,), (4,)], 'as many as there are bands'


SMALL_BASELINE = {
  'output': OUTPUT,
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 5,
  'head_features': (7,),
}


def test_the_baseline_multiplies_directions_and_has_linear_heads():
  """The outputs, computed from the parameters and the outputs of the GRU."""
  network = model.SeldNet(**SMALL_BASELINE)
  features = numbers(2, 20, 9, 7)
  variables = initialized(network, features)
  outputs, state = jit(
    functools.partial(
      network.apply, capture_intermediates=True, mutable=['intermediates']
    )
  )(variables, features)
  seen = jax.tree.map(
    np.asarray, jax.device_get(state['intermediates']), is_leaf=np.isscalar
  )
  both = seen['BiGru_1']['__call__'][0]
  x = both[..., :5] * both[..., 5:]
  params = variables['params']
  for name, logits in (
    ('sed', outputs['sed_logits']),
    ('doa', np.arctanh(np.float64(outputs['doa'])).reshape(2, 4, 9)),
  ):
    hidden = params[f'{name}_hidden_0']
    y = x @ hidden['kernel'] + hidden['bias']
    y = y @ params[name]['kernel'] + params[name]['bias']
    np.testing.assert_allclose(logits, y, atol=1e-4)


def test_every_parameter_of_the_baseline_learns():
  network = model.SeldNet(**SMALL_BASELINE, normalise_bands=True)
  features = numbers(3, 20, 9, 7)
  variables = initialized(network, features)
  _, gradient = loss_and_gradient(
    network, variables, features, train=True, mutable=['batch_stats']
  )
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    assert np.abs(leaf).max() > 1e-9, path


def test_attention_can_be_left_out():
  network = model.SeldCrnn(**{**SMALL, 'attention_features': 0})
  _, variables = shapes_of(network, (2, 20, 9, 7))
  assert 'SelfAttention_0' not in variables['params']
  assert model.last_shared_layer(variables['params']) == 'BiGru_0'
  _, variables = shapes_of(model.SeldCrnn(**SMALL), (2, 20, 9, 7))
  assert model.last_shared_layer(variables['params']) == 'SelfAttention_0'
  _, variables = shapes_of(model.SeldNet(**SMALL_BASELINE), (2, 20, 9, 7))
  assert model.last_shared_layer(variables['params']) == 'BiGru_1'


@pytest.mark.parametrize(
  ('pools', 'frames', 'label_frames'),
  [
    (((5, 2), (1, 2)), 20, 4),
    (((2, 2), (1, 2)), 20, 10),
    (((2, 1), (3, 4)), 12, 2),
    (((1, 1), (1, 3)), 7, 7),
  ],
)
def test_label_frames_are_frames_over_the_time_pooling(
  pools, frames, label_frames
):
  network = model.SeldCrnn(**{**SMALL, 'pools': pools})
  outputs, _ = shapes_of(network, (2, frames, 9, 7))
  assert outputs['sed'].shape == (2, label_frames, 3)
  assert outputs['doa'].shape == (2, label_frames, 3, 3)


@pytest.mark.parametrize('frames', [599, 601, 4])
def test_frames_that_do_not_divide_are_refused(frames):
  with pytest.raises(ValueError, match=rf'multiple of 5 .*got.*{frames}'):
    shapes_of(model.SeldCrnn(), (1, frames, 64, 7))


def test_activity_and_directions_stay_in_range():
  network = model.SeldCrnn(**SMALL)
  features = 100 * numbers(2, 20, 9, 7)
  outputs = jit(network.apply)(initialized(network, features), features)
  sed, doa = np.asarray(outputs['sed']), np.asarray(outputs['doa'])
  assert ((sed >= 0) & (sed <= 1)).all()
  assert (np.abs(doa) <= 1).all()
  assert (doa.min() < 0) & (doa.max() > 0)  # no ReLU at the output
  logits = np.asarray(outputs['sed_logits'], np.float64)
  np.testing.assert_allclose(sed, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_examples_are_independent_outside_of_training():
  network = model.SeldCrnn(**SMALL)
  features = numbers(3, 20, 9, 7)
  variables = initialized(network, features)
  apply = jit(network.apply)
  together = apply(variables, features)
  alone = apply(variables, features[1:2])
  for name, value in together.items():
    np.testing.assert_allclose(value[1:2], alone[name], atol=1e-5)


def loss_and_gradient(network, variables, features, **options):
  """A loss that depends on every output, and its gradient."""
  weights = numbers(3, 3, seed=5)

  def loss(params):
    outputs = network.apply(
      {**variables, 'params': params}, features, **options
    )
    if 'mutable' in options:
      outputs, _ = outputs
    return jnp.mean(outputs['doa'] * weights) + jnp.mean(
      outputs['sed'] * weights[:, 0]
    )

  return jit(jax.value_and_grad(loss))(variables['params'])


def test_every_parameter_learns():
  network = model.SeldCrnn(**SMALL, **WITHOUT_DROPOUT)
  features = numbers(4, 20, 9, 7)
  variables = initialized(network, features)
  _, gradients = loss_and_gradient(
    network, variables, features, train=True, mutable=['batch_stats']
  )
  # A constant added to all keys shifts all scores of a query equally.
  redundant = "['SelfAttention_0']['key']['bias']"
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    gradient = np.asarray(gradient)
    assert np.isfinite(gradient).all(), path
    if jax.tree_util.keystr(path) == redundant:
      np.testing.assert_allclose(gradient, 0, atol=1e-6)
    else:
      assert np.abs(gradient).max() > 1e-6, path


def test_bfloat16_computes_but_does_not_store():
  features = numbers(2, 20, 9, 7)
  wide = model.SeldCrnn(**SMALL)
  narrow = model.SeldCrnn(**SMALL, dtype=jnp.bfloat16)
  variables = initialized(narrow, features)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
  expected = jit(wide.apply)(variables, features)
  capture = functools.partial(
    narrow.apply, capture_intermediates=True, mutable=['intermediates']
  )
  actual, state = jit(capture)(variables, features)
  inner = {
    jax.tree_util.keystr(path): leaf.dtype
    for path, leaf in jax.tree_util.tree_leaves_with_path(state)
  }
  for name in 'Conv_0', 'BatchNorm_0', 'BiGru_0', 'SelfAttention_0', 'doa':
    of_layer = [v for k, v in inner.items() if f"['{name}']['__call__']" in k]
    assert of_layer
    assert set(of_layer) == {jnp.dtype(jnp.bfloat16)}
  for name, value in actual.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, expected[name], atol=0.1)
  train = functools.partial(
    narrow.apply,
    train=True,
    mutable=['batch_stats'],
    rngs={'dropout': jax.random.key(1)},
  )
  _, after = jax.eval_shape(train, variables, features)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(after))


# Divided over devices.


def divided(network, variables, features, key, parts):
  """Outputs and statistics of a training step that is divided over an axis."""
  clone = network.clone(axis_name='devices')
  apply = lambda part: clone.apply(
    variables,
    part,
    train=True,
    mutable=['batch_stats'],
    rngs={'dropout': key},
  )
  split = features.reshape(parts, -1, *features.shape[1:])
  outputs, state = jit(jax.vmap(apply, axis_name='devices'))(split)
  outputs = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), outputs)
  return outputs, state


def test_training_does_not_depend_on_how_the_batch_is_divided():
  with jax.enable_x64(True):
    network = model.SeldCrnn(**SMALL, dtype=jnp.float64)
    features = jnp.asarray(numbers(4, 10, 5, 7), jnp.float64)
    variables = initialized(network, features)
    variables = jax.tree.map(lambda x: x.astype(np.float64), variables)
    key = jax.random.key(2)
    outputs, state = jit(
      lambda features: network.apply(
        variables,
        features,
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': key},
      )
    )(features)
    assert all(x.dtype == jnp.float64 for x in jax.tree.leaves(outputs))
    split_outputs, split_state = divided(network, variables, features, key, 2)
    same = functools.partial(np.testing.assert_allclose, atol=1e-12)
    jax.tree.map(same, split_outputs, outputs)
    # Every device ends up with the statistics of the whole batch.
    for device in range(2):
      of_device = jax.tree.map(lambda x, i=device: x[i], split_state)
      jax.tree.map(same, of_device, state)


def test_dropout_is_off_outside_of_training():
  network = model.SeldCrnn(**SMALL)
  features = numbers(2, 20, 9, 7)
  variables = initialized(network, features)
  plain = network.clone(**WITHOUT_DROPOUT)
  expected = jit(plain.apply)(variables, features)
  for name, value in jit(network.apply)(variables, features).items():
    np.testing.assert_array_equal(value, expected[name])


def test_the_published_cell_gives_the_published_size():
  _, variables = shapes_of(
    model.SeldCrnn(gru_reset_first=True), (2, 600, 64, 7)
  )
  assert model.count_parameters(variables['params']) == 3737464


def test_a_config_selects_networks_by_name():
  assert model.MODELS['seld_crnn'] is model.SeldCrnn


# Under jit, XLA may write the gradient of a map over the map while the map is
# still needed. Pooling, normalisation and a GRU follow every layer here.
parametrize_pooling = pytest.mark.parametrize(
  ('last_pool', 'shape'),
  [
    ((5, 4), (8, 50, 16, 7)),
    pytest.param((25, 8), (1, 25, 16, 7), marks=pytest.mark.slow),
  ],
)


def training_loss(last_pool, shape):
  """A loss of the parameters of a network in training, and parameters."""
  options: dict[str, Any] = {'pools': ((1, 2), last_pool)}
  network = model.SeldCrnn(**SMALL | WITHOUT_DROPOUT | options)
  features = numbers(*shape)
  variables = initialized(network, features)

  def loss(params):
    outputs, _ = network.apply(
      {**variables, 'params': params},
      features,
      train=True,
      mutable=['batch_stats'],
      rngs={'dropout': jax.random.key(1)},
    )
    return jnp.mean(outputs['sed'] ** 2) + jnp.mean((outputs['doa'] - 0.3) ** 2)

  return loss, variables['params']


def assert_close(actual, expected):
  compare = functools.partial(np.testing.assert_allclose, atol=1e-5)
  jax.tree.map(compare, actual, expected)


@parametrize_pooling
def test_gradients_under_jit_are_those_with_the_pooling_of_flax(
  monkeypatch, last_pool, shape
):
  def flax_maxima(x, gain, shift, pool):
    return nn.max_pool(nn.relu(x * gain + shift), pool, strides=pool)

  loss, params = training_loss(last_pool, shape)
  compiled = jax.jit(jax.grad(loss))(params)
  monkeypatch.setattr(blocks, 'rectified_maxima', flax_maxima)
  loss, _ = training_loss(last_pool, shape)
  assert_close(compiled, jit(jax.grad(loss))(params))


@pytest.mark.slow
@parametrize_pooling
def test_gradients_under_jit_are_those_of_each_operation_by_itself(
  last_pool, shape
):
  loss, params = training_loss(last_pool, shape)
  assert_close(jax.jit(jax.grad(loss))(params), jax.grad(loss)(params))
