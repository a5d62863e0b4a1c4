"""The network against Flax's own layers, NumPy, and undivided batches."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seld_jax import layers, model, recurrent

SMALL = {
  'num_classes': 3,
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 5,
  'attention_features': 4,
  'head_features': (7, 6),
}
# Compiled quickly rather than well.
jit = functools.partial(
  jax.jit, compiler_options={'xla_backend_optimization_level': '0'}
)
WITHOUT_DROPOUT = {'conv_dropout': 0.0, 'gru_dropout': 0.0, 'head_dropout': 0.0}


def numbers(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def initialized(network, features):
  """Variables with every parameter drawn, so that no bias stays 0."""
  shapes = jax.eval_shape(network.init, jax.random.key(0), features)
  rng = np.random.default_rng(1)
  draw = lambda leaf: 0.4 * rng.standard_normal(leaf.shape).astype(leaf.dtype)
  fresh = {'mean': np.zeros, 'var': np.ones}
  return {
    'params': jax.tree.map(draw, shapes['params']),
    'batch_stats': jax.tree_util.tree_map_with_path(
      lambda path, leaf: fresh[path[-1].key](leaf.shape, leaf.dtype),
      shapes.get('batch_stats', {}),
    ),
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
  """Counted layer by layer as published, for FOA and 14 classes."""
  convolutions = 9 * 7 * 64 + 64 + 2 * (9 * 64 * 64 + 64)
  normalisations = 3 * 2 * 64
  # Two biGRU of 128 units: 64 mels / (4 * 4 * 2) bands of 64 filters come in,
  # then the product of the directions; one bias of the recurrence is kept.
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
  'num_classes': 3,
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 5,
  'head_features': (7,),
}


def test_the_baselines_heads_are_linear_and_its_directions_multiplied():
  """Rebuilt from its own layers; scaling a head's input scales its logits."""
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


def test_examples_do_not_see_each_other_outside_of_training():
  network = model.SeldCrnn(**SMALL)
  features = numbers(3, 20, 9, 7)
  variables = initialized(network, features)
  apply = jit(network.apply)
  together = apply(variables, features)
  alone = apply(variables, features[1:2])
  for name, value in together.items():
    np.testing.assert_allclose(value[1:2], alone[name], atol=1e-5)


def loss_and_gradient(network, variables, features, **options):
  """A loss that feels every output, and its gradient."""
  weights = numbers(SMALL['num_classes'], 3, seed=5)

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
  # A constant added to all keys moves all scores of a query alike.
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
  """Outputs and statistics of a training step that is split over an axis."""
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


def dropped(x, *, rate=0.4, key=0, axis_name=None):
  layer = layers.Dropout(rate, deterministic=False, axis_name=axis_name)
  return layer.apply({}, x, rngs={'dropout': jax.random.key(key)})


def test_dropout_masks_belong_to_examples():
  x = jnp.ones((8, 30, 11))
  whole = jit(dropped)(x)
  for parts in 2, 8:
    on_device = functools.partial(dropped, axis_name='devices')
    split = jit(jax.vmap(on_device, axis_name='devices'))(
      x.reshape(parts, -1, 30, 11)
    )
    np.testing.assert_array_equal(split.reshape(whole.shape), whole)
  np.testing.assert_array_equal(jit(dropped)(x[:3]), whole[:3])
  assert len({np.asarray(one).tobytes() for one in whole}) == 8
  other = jit(functools.partial(dropped, key=1))(x)
  assert (other != whole).any()


def test_dropout_keeps_the_mean_and_its_share():
  x = jnp.full((8, 100, 20), 3.0)
  kept = np.asarray(jit(dropped)(x))
  np.testing.assert_allclose(kept[kept != 0], 3 / 0.6, rtol=1e-6)
  assert abs(np.mean(kept == 0) - 0.4) < 0.02
  off = layers.Dropout(0.4, deterministic=True).apply({}, x)
  np.testing.assert_array_equal(off, x)
  np.testing.assert_array_equal(dropped(x, rate=0.0), x)


def test_dropout_is_off_outside_of_training():
  network = model.SeldCrnn(**SMALL)
  features = numbers(2, 20, 9, 7)
  variables = initialized(network, features)
  plain = network.clone(**WITHOUT_DROPOUT)
  expected = jit(plain.apply)(variables, features)
  for name, value in jit(network.apply)(variables, features).items():
    np.testing.assert_array_equal(value, expected[name])


# Layers.


@pytest.mark.parametrize('pool', [(1, 1), (5, 2), (1, 2), (2, 3), (4, 4)])
@pytest.mark.parametrize('shape', [(2, 20, 12, 3), (1, 23, 9, 2), (2, 5, 7, 4)])
def test_max_pool_equals_flax_after_a_relu(pool, shape):
  x = numbers(*shape)
  ours = lambda x: layers.max_pool(nn.relu(x), pool)
  theirs = lambda x: nn.max_pool(nn.relu(x), pool, strides=pool)

  @jit
  def value_and_gradient(x):
    results = []
    for function in ours, theirs:
      y, backwards = jax.vjp(function, x)
      weights = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
      results.append((y, backwards(weights)[0]))
    return results

  for actual, expected in zip(*value_and_gradient(x), strict=True):
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize('effort', ['0', '3'])
def test_max_pool_never_loses_a_gradient(effort):
  """A compiler may compute the input twice, and round it differently."""

  def loss(scale, pool):
    x = jax.lax.conv_general_dilated(
      features,
      kernel,
      (1, 1),
      'SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )
    x = nn.relu(x * scale + 0.1 * scale**2)
    return jnp.sum(pool(x, (5, 2)) ** 2)

  features, kernel = numbers(4, 30, 16, 7), numbers(3, 3, 7, 6, seed=1)
  theirs = lambda x, pool: nn.max_pool(x, pool, strides=pool)
  gradients = [
    jax.jit(
      jax.grad(functools.partial(loss, pool=pool)),
      compiler_options={'xla_backend_optimization_level': effort},
    )(jnp.linspace(0.3, 1.7, 6))
    for pool in (layers.max_pool, theirs)
  ]
  np.testing.assert_allclose(*gradients, rtol=1e-4)


@pytest.mark.parametrize('backend', ['cpu', 'gpu'])
@pytest.mark.parametrize(
  ('shape', 'axis'),
  [
    ((2, 5, 64, 3), 3),
    ((2, 5, 12, 3), 3),  # no eight equal blocks of bands
    ((2, 5, 11, 3), 3),  # no equal blocks at all
    ((2, 5, 1, 3), 3),
    ((2, 5, 8, 3), 2),
    ((40, 3), 1),
  ],
)
def test_channel_sums_are_sums_and_their_gradient_is_the_same_everywhere(
  monkeypatch, shape, axis, backend
):
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  x = numbers(*shape) + np.float32(3)
  others = tuple(set(range(len(shape))) - {axis})
  weights = numbers(shape[axis], seed=1)
  loss = lambda x: jnp.sum(weights * layers.channel_sums(x, axis))
  total, gradient = jit(jax.value_and_grad(loss))(x)
  sums = jit(lambda x: layers.channel_sums(x, axis))(x)
  exact = x.astype(np.float64).sum(axis=others)
  np.testing.assert_allclose(sums, exact, rtol=2e-6)
  np.testing.assert_allclose(total, weights @ exact, rtol=1e-5)
  along = weights.reshape(-1, *[1] * (len(shape) - 1 - axis))
  np.testing.assert_array_equal(gradient, np.broadcast_to(along, shape))


@pytest.mark.parametrize('axis', [2, 3])
def test_scale_and_shift_has_the_gradients_of_its_formula(axis):
  x, y = numbers(3, 4, 16, 16), numbers(3, 4, 16, 16, seed=1)
  gain, shift = numbers(16, seed=2), numbers(16, seed=3)
  along = lambda part: part[:, None] if axis == 2 else part
  plain = lambda x, gain, shift: x * along(gain) + along(shift)
  ours = lambda *inputs: layers.scale_and_shift(*inputs, axis)
  for function in plain, ours:
    value, backwards = jax.vjp(function, x, gain, shift)
    results = value, *backwards(y)
    if function is plain:
      expected = results
  for actual, other in zip(results, expected, strict=True):
    np.testing.assert_allclose(actual, other, rtol=1e-5, atol=1e-4)


def test_batch_norm_of_bfloat16_sums_its_gradients_in_float32():
  """A sum of many small numbers stops growing in bfloat16."""
  x = jnp.ones((8, 64, 16, 3), jnp.bfloat16)
  shift = jnp.zeros(3)
  loss = lambda shift: jnp.sum(
    layers.scale_and_shift(x, jnp.ones(3), shift, 3).astype(jnp.float32)
  )
  np.testing.assert_array_equal(jit(jax.grad(loss))(shift), x.size / 3)


def batch_norm(x, *, train, variables=None, momentum=0.9, axis_name=None):
  layer = layers.BatchNorm(momentum=momentum, axis_name=axis_name)
  variables = variables or {
    'params': {'scale': numbers(3, seed=3), 'bias': numbers(3, seed=4)},
    'batch_stats': {
      'mean': jnp.array([1.0, 2, 3]),
      'var': jnp.array([4.0, 5, 6]),
    },
  }
  return variables, layer.apply(
    variables, x, train=train, mutable=['batch_stats']
  )


def test_batch_norm_in_training_equals_numpy():
  x = 3 * numbers(4, 5, 6, 3) + np.array([10, 0, -2], np.float32)
  variables, (y, state) = batch_norm(x, train=True)
  wide = x.astype(np.float64)
  mean, var = wide.mean(axis=(0, 1, 2)), wide.var(axis=(0, 1, 2))
  params, stats = variables['params'], variables['batch_stats']
  expected = (wide - mean) / np.sqrt(var + 1e-3) * params['scale']
  np.testing.assert_allclose(y, expected + params['bias'], atol=1e-4)
  new = state['batch_stats']
  np.testing.assert_allclose(
    new['mean'], 0.9 * stats['mean'] + 0.1 * mean, rtol=1e-5
  )
  np.testing.assert_allclose(
    new['var'], 0.9 * stats['var'] + 0.1 * var, rtol=1e-5
  )


@pytest.mark.parametrize('train', [False, True])
def test_batch_norm_by_band_is_that_by_channel_of_exchanged_axes(train):
  x = numbers(4, 5, 3, 6) + np.arange(3, dtype=np.float32)[:, None]
  with jax.enable_x64(True):  # since the two add up in different orders
    x = x.astype(np.float64)
    variables, (expected, state) = batch_norm(np.swapaxes(x, 2, 3), train=train)
    layer = layers.BatchNorm(momentum=0.9, axis=-2)
    actual, own = layer.apply(
      variables, x, train=train, mutable=['batch_stats']
    )
  np.testing.assert_allclose(actual, np.swapaxes(expected, 2, 3), atol=1e-6)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-6), own, state
  )


def test_batch_norm_outside_of_training_uses_its_running_statistics():
  x = numbers(4, 5, 6, 3)
  variables, (y, state) = batch_norm(x, train=False)
  params, stats = variables['params'], variables['batch_stats']
  expected = (x - stats['mean']) / np.sqrt(stats['var'] + 1e-3)
  np.testing.assert_allclose(
    y, expected * params['scale'] + params['bias'], atol=1e-5
  )
  for name, value in stats.items():
    np.testing.assert_array_equal(state['batch_stats'][name], value)


def test_batch_norm_has_the_statistics_and_gradient_of_the_global_batch():
  # Means that differ between the parts, as means of variances would show.
  x = numbers(4, 5, 6, 3) + 5 * np.arange(4, dtype='f')[:, None, None, None]
  reference = nn.BatchNorm(
    momentum=0.9, epsilon=1e-3, use_running_average=False
  )
  variables, (_, state) = batch_norm(x, train=True)

  def split_loss(x):
    parts = x.reshape(2, 2, 5, 6, 3)
    one = lambda part: batch_norm(
      part, train=True, variables=variables, axis_name='devices'
    )[1]
    y, states = jax.vmap(one, axis_name='devices')(parts)
    return jnp.sum(jnp.sin(y)), states

  def flax_loss(x):
    y, state = reference.apply(variables, x, mutable=['batch_stats'])
    return jnp.sum(jnp.sin(y)), state

  theirs, their_state = jit(jax.grad(flax_loss, has_aux=True))(x)
  ours, our_states = jit(jax.grad(split_loss, has_aux=True))(x)
  np.testing.assert_allclose(ours, theirs, atol=1e-4)
  for name in 'mean', 'var':
    expected = their_state['batch_stats'][name]
    np.testing.assert_allclose(state['batch_stats'][name], expected, rtol=1e-5)
    for device in range(2):
      np.testing.assert_allclose(
        our_states['batch_stats'][name][device], expected, rtol=1e-5
      )


def test_constant_channels_do_not_blow_up():
  x = jnp.full((2, 3, 4, 3), 1e4)
  variables, (y, state) = batch_norm(x, train=True)
  assert jnp.isfinite(y).all()
  assert (state['batch_stats']['var'] >= 0).all()
  loss = lambda x: batch_norm(x, train=True, variables=variables)[1][0].sum()
  assert jnp.isfinite(jit(jax.grad(loss))(x)).all()


def flax_gru_params(params, direction):
  """The parameters of one direction by the names of `nn.GRUCell`."""
  cell = {}
  for gate, name in enumerate('rzn'):
    cell['i' + name] = {
      'kernel': params['input_kernel'][direction, :, gate],
      'bias': params['input_bias'][direction, gate],
    }
    cell['h' + name] = {'kernel': params['hidden_kernel'][direction, :, gate]}
  cell['hn']['bias'] = params['hidden_bias'][direction]
  return {'cell': cell}


def test_bi_gru_equals_two_of_flax():
  x = numbers(3, 9, 4)
  ours = recurrent.BiGru(5)
  params = initialized(ours, x)['params']

  def of_flax(params, x):
    outputs = [
      nn.RNN(nn.GRUCell(5), reverse=reverse, keep_order=True, name=None).apply(
        {'params': flax_gru_params(params, direction)}, x
      )
      for direction, reverse in enumerate((False, True))
    ]
    return jnp.concatenate(outputs, axis=-1)

  weights = numbers(3, 9, 10, seed=2)
  results = []
  for function in lambda p, x: ours.apply({'params': p}, x), of_flax:
    loss = lambda p, x, f=function: jnp.sum(f(p, x) * weights)
    gradients = jit(jax.grad(loss, argnums=(0, 1)))(params, x)
    results.append((jit(function)(params, x), gradients))
  assert results[0][0].shape == (3, 9, 10)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *results
  )


def numpy_gru_resetting_first(params, x, direction):
  """The cell of Cho et al., 2014, a frame at a time, float64."""
  inputs, bias, hidden_kernel = (
    np.asarray(params[name][direction], np.float64)
    for name in ('input_kernel', 'input_bias', 'hidden_kernel')
  )
  sigmoid = lambda a: 1 / (1 + np.exp(-a))
  state, states = np.zeros((x.shape[0], bias.shape[-1])), []
  for frame in np.moveaxis(x, 1, 0)[:: -1 if direction else 1]:
    r, z = (
      sigmoid(frame @ inputs[:, gate] + state @ hidden_kernel[:, gate] + b)
      for gate, b in enumerate(bias[:2])
    )
    n = np.tanh(
      frame @ inputs[:, 2] + (r * state) @ hidden_kernel[:, 2] + bias[2]
    )
    state = z * state + (1 - z) * n
    states.append(state)
  return np.stack(states[:: -1 if direction else 1], axis=1)


def test_bi_gru_resetting_first_equals_numpy():
  layer = recurrent.BiGru(5, reset_first=True)
  x = numbers(2, 7, 4)
  fresh = layer.init(jax.random.key(0), x)['params']
  assert set(fresh) == {'input_kernel', 'input_bias', 'hidden_kernel'}
  np.testing.assert_array_equal(fresh['input_bias'][:, :2], 1)
  np.testing.assert_array_equal(fresh['input_bias'][:, 2], 0)
  variables = initialized(layer, x)
  expected = [
    numpy_gru_resetting_first(variables['params'], x.astype(np.float64), d)
    for d in range(2)
  ]
  np.testing.assert_allclose(
    layer.apply(variables, x), np.concatenate(expected, axis=-1), atol=1e-6
  )


def plain_gru(gates, kernel, bias, reset_first):
  """Both cells in JAX, a frame after the other, to be differentiated."""
  size = kernel.shape[1]
  state = jnp.zeros((*gates.shape[1:3], size), gates.dtype)
  states = []
  for r, z, n in (jnp.split(frame, 3, axis=-1) for frame in gates):
    of_r, of_z, of_n = jnp.split(kernel, 3, axis=-1)
    r = nn.sigmoid(r + state @ of_r)
    z = nn.sigmoid(z + state @ of_z)
    if reset_first:
      n = jnp.tanh(n + (r * state) @ of_n)
    else:
      n = jnp.tanh(n + r * (state @ of_n + bias[:, None]))
    state = (1 - z) * n + z * state
    states.append(state)
  return jnp.stack(states)


@pytest.mark.parametrize('reset_first', [False, True])
def test_gru_has_the_gradients_of_its_formula(reset_first):
  with jax.enable_x64(True):
    inputs = [
      jnp.asarray(numbers(*shape, seed=seed), jnp.float64)
      for seed, shape in enumerate([(6, 2, 3, 12), (2, 4, 12), (2, 4)])
    ]
    weights = jnp.asarray(numbers(6, 2, 3, 4, seed=3), jnp.float64)
    results = []
    for function in recurrent.gru, plain_gru:
      run = functools.partial(
        lambda f, *given: f(*given, reset_first), function
      )
      states, backwards = jax.vjp(run, *inputs)
      results.append((states, *backwards(weights)))
    for actual, expected in zip(*results, strict=True):
      np.testing.assert_allclose(actual, expected, atol=1e-13)


def test_the_published_cell_gives_the_published_size():
  _, variables = shapes_of(
    model.SeldCrnn(gru_reset_first=True), (2, 600, 64, 7)
  )
  assert model.count_parameters(variables['params']) == 3737464


def test_bi_gru_starts_orthogonal():
  init = jit(recurrent.BiGru(6).init)
  params = init(jax.random.key(0), numbers(1, 2, 4))['params']
  for direction, gate in np.ndindex(2, 3):
    kernel = params['hidden_kernel'][direction, :, gate]
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(6), atol=1e-5)
    spread = params['input_kernel'][direction, :, gate]
    assert np.abs(spread).max() <= np.sqrt(6 / (4 + 6))
  assert (
    len({float(x) for x in params['input_kernel'].ravel()}) == 2 * 4 * 3 * 6
  )


def test_attention_equals_numpy():
  x = numbers(2, 6, 5)
  layer = layers.SelfAttention(3)
  variables = initialized(layer, x)
  maps = {
    name: x.astype(np.float64) @ np.asarray(p['kernel']) + np.asarray(p['bias'])
    for name, p in variables['params'].items()
  }
  expected = np.zeros((2, 6, 5))
  for example in range(2):
    for frame in range(6):
      scores = maps['key'][example] @ maps['query'][example, frame]
      weights = np.exp(scores / np.sqrt(3))
      weights /= weights.sum()
      expected[example, frame] = weights @ maps['value'][example]
  np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)


def test_names_in_a_config_lead_to_networks():
  assert model.MODELS['seld_crnn'] is model.SeldCrnn
