"""The estimate of memory agrees with the programs that XLA compiles."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seld_jax import model

SHAPE = (4, 100, 32, 7)


def small(name='seld_crnn', **options):
  return model.MODELS[name](
    **{
      'filters': (16, 32),
      'pools': ((5, 4), (1, 4)),
      'gru_features': 16,
      'head_features': (32,),
      **options,
    }
  )


@pytest.mark.parametrize(
  ('name', 'options'),
  [
    ('seld_crnn', {}),
    ('seld_crnn', {'soft_sharing': True}),
    ('seld_net', {}),
    ('dcase_net', {}),
    ('composed', {'sequence': 'conformer', 'sequence_layers': 1}),
    ('composed', {'sequence': 'gru_attention', 'causal': True}),
  ],
)
def test_the_variables_are_those_of_the_network(name, options):
  network = small(name, **options)
  found = model.needed_memory(network, SHAPE).variables
  expected = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(SHAPE))
  assert found == expected


def test_it_grows_with_every_size():
  def training(shape=SHAPE, **options):
    rates: dict[str, Any] = dict.fromkeys(
      ('conv_dropout', 'gru_dropout', 'head_dropout'), 0.0
    )
    return model.needed_memory(small(**rates | options), shape).training

  base = training()
  assert training((8, 100, 32, 7)) == 2 * base
  assert training((4, 200, 32, 7)) > 1.9 * base
  assert training((4, 100, 64, 7)) > 1.5 * base
  for options in (
    {'filters': (160, 32)},
    {'gru_features': 1600},
    {'attention_features': 6400},
    {'head_features': (3200,)},
    {'conv_dropout': 0.5},
  ):
    assert training(**options) > 1.02 * base, options


def test_the_scores_of_the_attention_grow_with_the_square_of_the_length():
  long = (1, 100_000, 32, 7)
  without = model.needed_memory(small(attention_features=0), long)
  with_it = model.needed_memory(small(attention_features=4), long)
  scores = 4 * (long[1] // 5) ** 2
  assert with_it.training - without.training > 3 * scores
  assert with_it.inference > 2 * scores


def test_each_head_of_the_attention_has_its_own_scores():
  long = (1, 100_000, 32, 7)
  needed = [
    model.needed_memory(small('dcase_net', attention_heads=heads), long)
    for heads in (2, 8)
  ]
  scores = 4 * (long[1] // 5) ** 2
  layers = 2
  assert needed[1].training - needed[0].training > 3 * layers * 6 * scores
  assert needed[1].inference > 2 * 8 * scores


def test_a_second_trunk_takes_about_as_much_as_the_first():
  options: dict[str, Any] = {'head_features': ()}  # the branches exist once
  one = model.needed_memory(small(**options), SHAPE)
  two = model.needed_memory(small(**options, soft_sharing=True), SHAPE)
  assert 1.9 < two.training / one.training < 2.3


def test_sizes_without_bounds_are_estimated_in_python_integers():
  huge = 2**31 - 1
  needed = model.needed_memory(
    small(filters=(huge, huge), gru_features=huge), (huge, 5 * 10**8, 32, 7)
  )
  assert needed.training > 1e28
  assert model.count_parameters(needed.variables['params']) > 9 * huge**2


@pytest.mark.slow
@pytest.mark.parametrize(
  ('name', 'options'),
  [
    ('seld_crnn', {}),
    ('seld_crnn', {'gru_features': 512}),
    ('seld_crnn', {'soft_sharing': True}),
    ('seld_net', {'normalise_bands': True}),
    ('dcase_net', {}),
    ('composed', {'sequence': 'gru_attention', 'causal': True}),
    (
      'composed',
      {
        'trunk': 'resnet',
        'stage_blocks': (1, 1),
        'sequence': 'conformer',
        'sequence_features': 64,
        'sequence_layers': 2,
      },
    ),
  ],
)
def test_the_estimate_is_near_the_memory_that_xla_reserves(name, options):
  network = small(name, **options)
  shape = (32, 100, 32, 7)
  needed = model.needed_memory(network, shape)

  def loss(params, stats, x, key):
    outputs, _ = network.apply(
      {'params': params, 'batch_stats': stats},
      x,
      train=True,
      mutable=['batch_stats'],
      rngs={'dropout': key},
    )
    return sum(jnp.sum(value**2) for value in outputs.values())

  compiled = (
    jax.jit(jax.grad(loss))
    .lower(
      needed.variables['params'],
      needed.variables['batch_stats'],
      jax.ShapeDtypeStruct(shape, np.float32),
      jax.ShapeDtypeStruct((2,), np.uint32),
    )
    .compile()
    .memory_analysis()
  )
  assert compiled is not None
  ratio = needed.training / compiled.temp_size_in_bytes
  assert 0.6 < ratio < 2.0
