"""What holds for every loss: types, transformations, gradients, masks."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.eight_devices import start
from helpers.loss_examples import examples
from jax import jit

from seld_jax import losses

EXAMPLES = examples()
parametrize_losses = pytest.mark.parametrize('name', EXAMPLES)

# Combinations of losses, which weighting_test.py is about.
COMBINATIONS = ('multitask', 'uncertainty_loss', 'dynamic_weights')


def arrays(given=EXAMPLES, dtype: Any = np.float32):
  """The arguments of all losses by name."""
  return {
    name: tuple(jnp.asarray(array, dtype) for array in example.arrays)
    for name, example in given.items()
  }


def all_losses(given):
  """Value of every loss, and gradients to what the network predicts."""
  return {
    name: jax.value_and_grad(
      example.scalar, argnums=tuple(range(example.num_predicted))
    )(*given[name])
    for name, example in EXAMPLES.items()
  }


# One program for all losses compiles faster than one for each.
compiled = jit(all_losses)


@functools.cache
def results(dtype: Any = np.float32, share=0.4):
  return compiled(arrays(examples(share), dtype))


def test_every_loss_has_an_example():
  functions = {
    name for name in losses.__all__ if callable(getattr(losses, name))
  }
  assert functions - {'LossTerm', *COMBINATIONS} == EXAMPLES.keys()


@functools.cache
def precise_results():
  """Values, gradients, and differences of values along a random direction."""
  with jax.enable_x64(True):
    given = arrays(dtype=np.float64)
    rng = np.random.default_rng(0)
    directions = {
      name: [
        rng.standard_normal(array.shape)
        for array in given[name][: example.num_predicted]
      ]
      for name, example in EXAMPLES.items()
    }

    def moved(step):
      return {
        name: (
          *(
            array + step * direction
            for array, direction in zip(
              given[name], directions[name], strict=False
            )
          ),
          *given[name][len(directions[name]) :],
        )
        for name in given
      }

    here, before, after = (
      jax.device_get(compiled(moved(step))) for step in (0, -1e-6, 1e-6)
    )
  slopes = {n: (after[n][0] - before[n][0]) / 2e-6 for n in given}
  return here, directions, slopes


@parametrize_losses
def test_gradients_equal_finite_differences(name):
  here, directions, slopes = precise_results()
  expected = sum(
    np.sum(gradient * direction)
    for gradient, direction in zip(here[name][1], directions[name], strict=True)
  )
  assert abs(expected) > 1e-4
  np.testing.assert_allclose(slopes[name], expected, rtol=1e-5, atol=1e-8)


@parametrize_losses
def test_float32_and_bfloat16_are_near_to_float64(name):
  value, gradients = precise_results()[0][name]
  assert value.dtype == np.float64
  single, half = (results(dtype)[name] for dtype in (np.float32, jnp.bfloat16))
  np.testing.assert_allclose(single[0], value, rtol=1e-5)
  np.testing.assert_allclose(
    np.asarray(half[0], np.float32), value, rtol=0.02, atol=0.01
  )
  for one, exact in zip(single[1], gradients, strict=True):
    np.testing.assert_allclose(one, exact, rtol=1e-3, atol=1e-6)


@parametrize_losses
def test_types_of_losses_follow_the_predictions(name):
  example = EXAMPLES[name]
  for dtype in jnp.float32, jnp.bfloat16:
    given = arrays(dtype=dtype)[name]
    # Sums over the batch are float32 at least.
    expected = dtype if example.kind == 'frames' else jnp.float32
    shape = given[0].shape[:2] if example.kind == 'frames' else ()
    found = jax.tree.leaves(jax.eval_shape(example.function, *given))
    assert {(one.shape, one.dtype) for one in found} == {
      (shape, jnp.dtype(expected))
    }


@parametrize_losses
def test_what_is_ignored_may_be_nan(name):
  spoilt = arrays()
  for other, example in EXAMPLES.items():
    changed = list(spoilt[other])
    for index, mask in example.ignored.items():
      array = changed[index]
      mask = mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))
      assert mask.any() and not mask.all()
      changed[index] = jnp.where(mask, jnp.nan, array)
    spoilt[other] = tuple(changed)
  found = compiled(spoilt)[name]
  jax.tree.map(np.testing.assert_array_equal, found, results()[name])
  for index, mask in EXAMPLES[name].ignored.items():
    if index < EXAMPLES[name].num_predicted:
      np.testing.assert_array_equal(np.asarray(found[1][index])[mask], 0)


@parametrize_losses
def test_a_network_that_gives_nan_has_no_finite_loss(name):
  """Otherwise, a run that diverged would go on with a loss of 0."""
  spoilt = arrays()
  for other, example in EXAMPLES.items():
    predicted = spoilt[other][: example.num_predicted]
    nan = [jnp.full_like(array, jnp.nan) for array in predicted]
    spoilt[other] = (*nan, *spoilt[other][len(nan) :])
  assert jnp.isnan(compiled(spoilt)[name][0])


@parametrize_losses
@pytest.mark.parametrize('dtype', [np.float32, jnp.bfloat16])
def test_gradients_are_finite_when_nothing_is_active(name, dtype):
  value, gradients = results(dtype, share=0)[name]
  example = EXAMPLES[name]
  assert jnp.isfinite(value)
  for gradient in gradients:
    assert jnp.isfinite(gradient).all()
    if example.kind != 'frames':  # active classes only
      np.testing.assert_array_equal(np.asarray(gradient, np.float32), 0)
  if example.ignored and example.kind != 'frames':
    assert value == 0


def test_losses_of_no_frames_are_empty_or_zero():
  given = jax.tree.map(lambda array: array[:0], arrays())
  found = jit(
    lambda given: {
      name: example.function(*given[name]) for name, example in EXAMPLES.items()
    }
  )(given)
  for name, example in EXAMPLES.items():
    for leaf in jax.tree.leaves(found[name]):
      assert leaf.size == 0 if example.kind == 'frames' else leaf == 0, name


def test_mapped_losses_are_those_of_the_whole():
  """Values per frame are the same; sums and counts of parts add up."""
  given = arrays()

  def both(given):
    found = {}
    for name, example in EXAMPLES.items():
      if example.kind == 'share':
        continue  # A mean of shares is no loss; the parts are tested elsewhere.
      mapped = jax.vmap(example.function)(*given[name])
      if example.kind == 'ratio':
        mapped = tuple(part.sum() for part in mapped)
      found[name] = mapped, example.function(*given[name])
    return found

  for mapped, whole in jit(both)(given).values():
    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-5), mapped, whole
    )


def test_forward_derivatives_are_finite_and_equal_gradients():
  def slopes(given, directions):
    return {
      name: jax.jvp(
        lambda *predicted, n=name: EXAMPLES[n].scalar(
          *predicted, *given[n][EXAMPLES[n].num_predicted :]
        ),
        given[name][: EXAMPLES[name].num_predicted],
        directions[name],
      )[1]
      for name in EXAMPLES
    }

  gradients = {name: found[1] for name, found in results().items()}
  found = jit(slopes)(arrays(), gradients)
  for name, slope in found.items():
    expected = sum(float(jnp.sum(part**2)) for part in gradients[name])
    np.testing.assert_allclose(slope, expected, rtol=1e-4, err_msg=name)


def test_losses_work_under_pmap():
  given = jax.tree.map(lambda array: array[None], arrays())
  found = jax.pmap(
    lambda given: {n: one.scalar(*given[n]) for n, one in EXAMPLES.items()}
  )(given)
  for name, value in found.items():
    np.testing.assert_allclose(value[0], results()[name][0], rtol=1e-5)


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
