"""Every network has the heads that the output format names, and no others."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit

from seld_jax import model, outputs

BATCH, FRAMES, LABEL_FRAMES = 2, 20, 4
SMALL: dict[str, Any] = {
  'filters': (4, 6),
  'pools': ((5, 2), (1, 2)),
  'gru_features': 5,
  'head_features': (7,),
}
FORMATS: dict[str, dict[str, Any]] = {
  'class_wise': {},
  'class_wise with distances': {'distance': True},
  'accdoa': {},
  'accdoa on the horizon': {'axes': 2, 'distance': True},
  'multi_accdoa': {},
  'multi_accdoa with distances': {'distance': True, 'activation': 'linear'},
  'tracks': {},
  'two tracks with distances': {'num_tracks': 2, 'distance': True},
}
# Shapes of the outputs for one label frame and 3 classes.
SHAPES = {
  'class_wise': {'sed_logits': (3,), 'sed': (3,), 'doa': (3, 3)},
  'class_wise with distances': {
    'sed_logits': (3,),
    'sed': (3,),
    'doa': (3, 3),
    'distance': (3,),
  },
  'accdoa': {'accdoa': (1, 3, 3)},
  'accdoa on the horizon': {'accdoa': (1, 3, 3)},
  'multi_accdoa': {'accdoa': (3, 3, 3)},
  'multi_accdoa with distances': {'accdoa': (3, 3, 4)},
  'tracks': {'sed_logits': (3, 3), 'sed': (3, 3), 'doa': (3, 3)},
  'two tracks with distances': {
    'sed_logits': (2, 3),
    'sed': (2, 3),
    'doa': (2, 3),
    'distance': (2,),
  },
}
NETWORKS = [
  ('seld_crnn', {'attention_features': 4}),
  ('seld_crnn', {'attention_features': 4, 'soft_sharing': True}),
  ('seld_net', {}),
]


def make(name, title, options, **more):
  """A network of the format whose name is in the title."""
  format = next(key for key in outputs.FORMATS if key in title.split())
  output = outputs.make(format, num_classes=3, **FORMATS[title])
  return model.MODELS[name](output=output, **SMALL, **options, **more)


def combinations():
  return [
    pytest.param(
      name, title, options, id=f'{name}-{title}-{"soft_sharing" in options}'
    )
    for name, options in NETWORKS
    for title in FORMATS
    if not ('accdoa' in title and 'soft_sharing' in options)
  ]


@pytest.mark.parametrize(('name', 'title', 'options'), combinations())
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_outputs_and_branches_follow_from_the_format(
  name, title, options, dtype
):
  network = make(name, title, options, dtype=dtype)
  found, variables = jax.eval_shape(
    network.init_with_output,
    jax.random.key(0),
    jax.ShapeDtypeStruct((BATCH, FRAMES, 9, 7), jnp.float32),
  )
  expected = {
    key: (BATCH, LABEL_FRAMES, *shape) for key, shape in SHAPES[title].items()
  }
  assert {key: value.shape for key, value in found.items()} == expected
  assert {value.dtype for value in found.values()} == {jnp.dtype('float32')}
  params = variables['params']
  heads = network.output.heads
  assert sum(heads.values()) == network.output.size
  for head, size in heads.items():
    assert params[f'{head}_hidden_0']['bias'].shape == (7,)
    assert params[head]['kernel'].shape == (7, size)
  branches = {*heads, *(f'{head}_hidden_0' for head in heads)}
  kinds = 'Conv', 'BatchNorm', 'BiGru', 'SelfAttention', 'CrossStitch'
  for key in set(params) - branches:
    assert any(kind in key for kind in kinds), key


@pytest.mark.parametrize(
  'title',
  ['accdoa on the horizon', 'two tracks with distances'],
)
def test_the_outputs_are_those_of_the_branches_activated(title):
  """Computed from the hidden layers of each branch, in NumPy."""
  network = make('seld_net', title, {})
  features = numbers(BATCH, FRAMES, 9, 7)
  variables = initialized(network, features)
  apply = functools.partial(
    network.apply, capture_intermediates=True, mutable=['intermediates']
  )
  found, state = jit(apply)(variables, features)
  seen: Any = jax.device_get(state['intermediates'])
  params = variables['params']
  raw = np.concatenate(
    [
      seen[f'{head}_hidden_0']['__call__'][0] @ params[head]['kernel']
      + params[head]['bias']
      for head in network.output.heads
    ],
    axis=-1,
  )
  expected = network.output.activate(jnp.asarray(raw))
  assert set(found) == set(expected)
  for key, value in expected.items():
    np.testing.assert_allclose(found[key], value, atol=1e-5)
