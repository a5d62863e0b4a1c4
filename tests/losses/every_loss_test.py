"""What holds for every loss: types, transformations, gradients, masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.eight_devices import start
from helpers.loss_examples import examples
from helpers.quick_jit import jit
from jax import test_util

from seld_jax import losses

EXAMPLES = examples()
SILENT = examples(share=0)
parametrize_losses = pytest.mark.parametrize('name', EXAMPLES)

# Combinations of losses, which weighting_test.py is about.
COMBINATIONS = ('multitask', 'uncertainty_loss', 'dynamic_weights')


def arrays(example, dtype=jnp.float32):
  return tuple(jnp.asarray(array, dtype) for array in example.arrays)


def value_and_gradients(example, given, compile=jit):
  indices = tuple(range(example.num_predicted))
  return compile(jax.value_and_grad(example.scalar, argnums=indices))(*given)


def test_every_loss_has_an_example():
  functions = {
    name for name in losses.__all__ if callable(getattr(losses, name))
  }
  assert functions - {'LossTerm', *COMBINATIONS} == EXAMPLES.keys()


@parametrize_losses
def test_float32_and_bfloat16_are_near_to_float64(name):
  example = EXAMPLES[name]
  with jax.enable_x64(True):
    precise = jit(example.function)(*arrays(example, jnp.float64))
    assert {leaf.dtype for leaf in jax.tree.leaves(precise)} == {
      jnp.dtype('float64')
    }
  single = jit(example.function)(*arrays(example))
  half = jit(example.function)(*arrays(example, jnp.bfloat16))
  # Sums over the batch are float32 at least.
  narrow = jnp.bfloat16 if example.kind == 'frames' else jnp.float32
  for exact, one, other in zip(
    *map(jax.tree.leaves, (precise, single, half)), strict=True
  ):
    assert exact.shape == one.shape == other.shape
    assert one.dtype == jnp.float32
    assert other.dtype == narrow
    np.testing.assert_allclose(one, exact, rtol=2e-5)
    np.testing.assert_allclose(
      np.asarray(other, np.float32), exact, rtol=0.03, atol=0.02
    )


@parametrize_losses
def test_compiled_mapped_and_plain_losses_agree(name):
  example = EXAMPLES[name]
  given = arrays(example)
  plain = example.function(*given)
  compiled = jax.jit(example.function)(*given)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5), compiled, plain
  )
  if example.kind == 'frames':
    mapped = jit(jax.vmap(jax.vmap(example.function)))(*given)
    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-5), mapped, plain
    )
  elif example.kind == 'ratio':
    parts = jit(jax.vmap(example.function))(*given)
    for part, whole in zip(parts, plain, strict=True):
      np.testing.assert_allclose(part.sum(), whole, rtol=1e-5)


@parametrize_losses
def test_gradients_equal_finite_differences(name):
  example = EXAMPLES[name]
  with jax.enable_x64(True):
    given = arrays(example, jnp.float64)
    fixed = given[example.num_predicted :]
    scalar = jax.jit(lambda *predicted: example.scalar(*predicted, *fixed))
    test_util.check_grads(scalar, given[: example.num_predicted], order=1)


@parametrize_losses
def test_what_is_ignored_may_be_nan(name):
  example = EXAMPLES[name]
  given = arrays(example)
  expected = value_and_gradients(example, given)
  spoilt = list(given)
  for index, mask in example.ignored.items():
    mask = mask.reshape(mask.shape + (1,) * (given[index].ndim - mask.ndim))
    assert mask.any() and not mask.all()
    spoilt[index] = jnp.where(mask, jnp.nan, given[index])
  found = value_and_gradients(example, spoilt)
  jax.tree.map(np.testing.assert_array_equal, found, expected)
  for index, mask in example.ignored.items():
    if index < example.num_predicted:
      np.testing.assert_array_equal(np.asarray(found[1][index])[mask], 0)


@parametrize_losses
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_gradients_are_finite_when_nothing_is_active(name, dtype):
  example = SILENT[name]
  value, gradients = value_and_gradients(example, arrays(example, dtype))
  assert jnp.isfinite(value)
  for gradient in gradients:
    assert jnp.isfinite(gradient).all()
    if example.kind != 'frames':  # active classes only
      np.testing.assert_array_equal(np.asarray(gradient, np.float32), 0)
  if example.ignored and example.kind != 'frames':
    assert value == 0


@parametrize_losses
def test_losses_of_no_frames_are_empty(name):
  example = EXAMPLES[name]
  found = example.function(*(array[:0] for array in arrays(example)))
  for leaf in jax.tree.leaves(found):
    assert leaf.size == 0 or leaf == 0


@parametrize_losses
def test_losses_work_under_pmap(name):
  example = EXAMPLES[name]
  given = arrays(example)
  expected = value_and_gradients(example, given)
  pmap = lambda function: jax.pmap(function, axis_name='devices')
  found = value_and_gradients(
    example, [array[None] for array in given], compile=pmap
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-5, atol=1e-7),
    found,
    expected,
  )


_SCRIPT = """
import functools
import jax, jax.numpy as jnp, numpy as np
from helpers.loss_examples import examples

assert jax.device_count() == 8
for name, example in examples().items():
  # Eight parts of two frames.
  arrays = [
    jnp.asarray(np.concatenate(2 * [a.reshape(-1, *a.shape[2:])])[:16])
    for a in example.arrays
  ]
  function, whole = example.function, example.scalar(*arrays)
  if example.kind == 'share':
    function = functools.partial(function, axis_name='devices')

  def loss(*parts):
    found = function(*parts)
    if example.kind == 'ratio':
      total = jax.lax.psum(found[1], 'devices')
      return found[0] / jnp.maximum(total, 1)
    if example.kind == 'share':
      return found
    return sum(one.sum() for one in jax.tree.leaves(found)) / 16

  indices = tuple(range(example.num_predicted))
  values, gradients = jax.pmap(
    jax.value_and_grad(loss, argnums=indices), axis_name='devices'
  )(*(a.reshape(8, 2, *a.shape[1:]) for a in arrays))
  np.testing.assert_allclose(values.sum(), whole, rtol=1e-5, err_msg=name)
  expected = jax.grad(example.scalar, argnums=indices)(*arrays)
  for part, one in zip(gradients, expected, strict=True):
    np.testing.assert_allclose(
      part.reshape(one.shape), one, rtol=1e-4, atol=1e-6, err_msg=name
    )
print('done')
"""


@pytest.mark.slow
def test_eight_devices_give_the_loss_of_one():
  assert start(_SCRIPT).endswith('done\n')
