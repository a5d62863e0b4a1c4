"""Formats by name: options, sizes, the layout of raw numbers, static use."""

import functools
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.output_formats import CLASSES, EACH, FORMATS, name_of
from jax import jit

from seld_jax import outputs
from seld_jax.errors import InputError


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_a_format_is_made_again_from_its_options(format):
  options = outputs.options(format)
  again = outputs.make(**json.loads(json.dumps(options)))
  assert again == format
  assert hash(again) == hash(format)
  assert isinstance(again, outputs.OutputFormat)
  assert type(again) is outputs.FORMATS[format.name]


def test_formats_with_other_options_are_other_formats():
  assert len(set(FORMATS)) == len(FORMATS)
  more = {
    outputs.make('multi_accdoa', num_classes=3, unify=20.0),
    outputs.make('multi_accdoa', num_classes=3, activation='linear'),
    outputs.make('multi_accdoa', num_classes=4),
    outputs.make('tracks', num_classes=3, weights=(1.0, 2.0, 1.0)),
  }
  assert len(more) == 4
  assert not more & set(FORMATS)


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'name': 'acdoa'}, ["'acdoa'", 'class_wise, accdoa, multi_accdoa']),
    ({'num_classes': 0}, ['at least 1 class', '0']),
    ({'axes': 4}, ['axes', '4']),
    ({'activation': 'relu'}, ['activation', "'relu'"]),
    ({'name': 'multi_accdoa', 'num_tracks': 2}, ['3 tracks', '2']),
    ({'name': 'multi_accdoa', 'unify': -1.0}, ['unify', '-1.0']),
    ({'name': 'multi_accdoa', 'unify': np.nan}, ['unify', 'nan']),
    ({'name': 'tracks', 'num_tracks': 4}, ['2 or 3 tracks', '4']),
    ({'name': 'tracks', 'weights': (1.0,)}, ['three weights', '(1.0,)']),
    ({'name': 'tracks', 'weights': (1.0, -1.0, 1.0)}, ['three weights', '-1']),
  ],
  ids=str,
)
def test_options_that_cannot_work_are_refused(options, words):
  options = {'name': 'class_wise', 'num_classes': 3} | options
  with pytest.raises(InputError) as error:
    outputs.make(**options)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize(
  ('options', 'heads'),
  [
    ({'name': 'class_wise'}, {'sed': 13, 'doa': 39}),
    (
      {'name': 'class_wise', 'axes': 2, 'distance': True},
      {'sed': 13, 'doa': 26, 'distance': 13},
    ),
    ({'name': 'accdoa'}, {'accdoa': 39}),
    ({'name': 'accdoa', 'axes': 2, 'distance': True}, {'accdoa': 39}),
    ({'name': 'multi_accdoa'}, {'accdoa': 117}),
    ({'name': 'multi_accdoa', 'distance': True}, {'accdoa': 156}),
    ({'name': 'multi_accdoa', 'axes': 2}, {'accdoa': 78}),
    (
      {'name': 'tracks', 'num_tracks': 2},
      {'sed_0': 13, 'doa_0': 3, 'sed_1': 13, 'doa_1': 3},
    ),
    (
      {'name': 'tracks', 'num_tracks': 2, 'axes': 2, 'distance': True},
      {
        'sed_0': 13,
        'doa_0': 2,
        'distance_0': 1,
        'sed_1': 13,
        'doa_1': 2,
        'distance_1': 1,
      },
    ),
  ],
  ids=str,
)
def test_heads_have_the_order_and_sizes_of_the_raw_numbers(options, heads):
  format = outputs.make(**options, num_classes=13)
  assert list(format.heads.items()) == list(heads.items())
  assert format.size == sum(heads.values())
  with pytest.raises(ValueError, match=f'{format.size} numbers'):
    format.activate(jnp.zeros((2, format.size + 1)))


@pytest.mark.parametrize('activation', ['tanh', 'linear'])
@pytest.mark.parametrize('kind', FORMATS, ids=name_of)
def test_raw_numbers_are_activated_at_their_places(kind, activation):
  """Compared with loops over the published order: tracks, vector, classes."""
  format = outputs.make(**outputs.options(kind) | {'activation': activation})
  rng = np.random.default_rng(0)
  raw = rng.standard_normal((2, 5, format.size)).astype(np.float32)
  found = {k: np.asarray(v) for k, v in jit(format.activate)(raw).items()}
  is_tanh = activation == 'tanh'
  vector = np.tanh if is_tanh else np.positive
  distance = (lambda x: np.maximum(x, 0)) if is_tanh else np.positive
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  axes, classes, tracks = format.axes, CLASSES, format.num_tracks
  numbers = iter(range(format.size))
  expected = {name: np.full_like(v, np.nan) for name, v in found.items()}

  def put(name, *place, function):
    expected[name][(..., *place)] = function(np.float64(raw[..., at]))

  if 'accdoa' in format.name:
    for track in range(tracks):
      for axis in range(format.vector_size):
        for c in range(classes):
          at = next(numbers)
          function = vector if axis < axes else distance
          put('accdoa', track, c, axis, function=function)
  elif format.name == 'class_wise':
    for c in range(classes):
      at = next(numbers)
      put('sed_logits', c, function=np.positive)
      put('sed', c, function=sigmoid)
    for c in range(classes):
      for axis in range(axes):
        at = next(numbers)
        put('doa', c, axis, function=vector)
    for c in range(classes if format.distance else 0):
      at = next(numbers)
      put('distance', c, function=distance)
  else:
    for track in range(tracks):
      for c in range(classes):
        at = next(numbers)
        put('sed_logits', track, c, function=np.positive)
        put('sed', track, c, function=sigmoid)
      for axis in range(axes):
        at = next(numbers)
        put('doa', track, axis, function=vector)
      if format.distance:
        at = next(numbers)
        put('distance', track, function=distance)
  assert next(numbers, None) is None, 'every raw number is used'
  for name, values in expected.items():
    assert values.shape[:2] == (2, 5)
    np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)
  assert set(format.predicted) <= set(found)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_formats_are_static_arguments_and_fields_of_modules(format):
  class Head(nn.Module):
    output: outputs.OutputFormat

    @nn.compact
    def __call__(self, features):
      return self.output.activate(nn.Dense(self.output.size)(features))

  traces = []

  @functools.partial(jax.jit, static_argnums=0)
  def activate(format, raw):
    traces.append(format)
    return format.activate(raw)

  raw = np.ones((4, format.size), np.float32)
  again = outputs.make(**outputs.options(format))
  expected = activate.eval_shape(format, raw)
  assert activate.eval_shape(again, raw) == expected
  assert len(traces) == 1, 'an equal format is not traced again'
  predictions, _ = jax.eval_shape(
    lambda features: Head(again).init_with_output(jax.random.key(0), features),
    np.ones((4, 2), np.float32),
  )
  assert predictions == expected


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'num_classes': '3'}, "at least 1 class, got num_classes='3'"),
    ({'num_classes': 2.5}, 'at least 1 class, got num_classes=2.5'),
    ({'name': 'multi_accdoa', 'unify': '15'}, "180 degrees, got '15'"),
    ({'name': 'tracks', 'num_tracks': 2.0}, 'num_tracks=2.0'),
  ],
)
def test_options_of_another_type_are_refused(options, message):
  options = {'name': 'accdoa', 'num_classes': 3} | options
  with pytest.raises(InputError, match=message):
    outputs.make(options.pop('name'), **options)


@pytest.mark.parametrize('kind', FORMATS, ids=name_of)
def test_there_is_one_threshold_or_one_for_each_class(kind):
  format = outputs.make(**outputs.options(kind))
  found = jax.device_get(format.activate(jnp.zeros((4, format.size))))
  for threshold in np.full(format.num_classes + 1, 0.5), np.nan:
    with pytest.raises(InputError, match=f'{format.num_classes} numbers, one'):
      format.events(found, threshold)
  format.events(found, np.full(format.num_classes, 0.5))
