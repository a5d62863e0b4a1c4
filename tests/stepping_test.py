"""A step that is compiled ahead of its state."""

import jax
import numpy as np
import pytest

from benchmarks import device_speed
from seld_jax import sharding, stepping, train_step


@pytest.mark.parametrize('resident', [True, False])
def test_a_step_compiled_ahead_is_the_step(tiny_config, resident):
  mesh, fold = sharding.make_mesh(), device_speed.make_fold(tiny_config, 2)
  create, arguments = train_step.state_maker(tiny_config)
  template = create.eval_shape(*arguments)

  def after_two_steps(template):
    with stepping.stepper(
      tiny_config,
      mesh,
      fold,
      template=template,
      resident=resident,
      num_steps=2,
      steps_per_epoch=1,
    ) as advance:
      state = sharding.put_replicated(mesh, create(*arguments))
      for step in range(2):
        state, done = advance(state, step)
        assert done == 1
    return state

  ahead, at_first_use = after_two_steps(template), after_two_steps(None)
  assert int(ahead.step) == 2
  jax.tree.map(np.testing.assert_array_equal, ahead, at_first_use)
  shapes = lambda state: jax.tree.map(lambda leaf: leaf.shape, state)
  assert shapes(ahead) == shapes(template)
