"""Steps that are compiled in the background, or read from a trace."""

import jax
import numpy as np
import pytest
from helpers import audio_sets
from helpers.tiny import make_one_convolution

from benchmarks import device_speed
from seld_jax import devices
from seld_jax.devices import traced_steps
from seld_jax.train import step as train_step
from seld_jax.train import stepping


@pytest.mark.parametrize(
  'resident', [True, pytest.param(False, marks=pytest.mark.slow)]
)
def test_a_step_compiled_in_the_background_equals_one_compiled_at_use(
  tiny_config, resident
):
  make_one_convolution(tiny_config)
  mesh, fold = devices.make_mesh(), device_speed.make_fold(tiny_config, 2)
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
      state = devices.put_replicated(mesh, create(*arguments))
      for step in range(2):
        state, done = advance(state, step)
        assert done == 1
    return state

  ahead, at_first_use = after_two_steps(template), after_two_steps(None)
  assert int(ahead.step) == 2
  jax.tree.map(np.testing.assert_array_equal, ahead, at_first_use)
  shapes = lambda state: jax.tree.map(lambda leaf: leaf.shape, state)
  assert shapes(ahead) == shapes(template)


@pytest.mark.slow
def test_runs_of_other_seeds_and_recordings_share_a_traced_step(
  tiny_config, tmp_path, monkeypatch
):
  mesh, fold = devices.make_mesh(), device_speed.make_fold(tiny_config, 2)
  traces = traced_steps.kept_in(tmp_path)

  def after_a_step(traces):
    create, arguments = train_step.state_maker(tiny_config)
    with stepping.stepper(
      tiny_config,
      mesh,
      fold,
      template=create.eval_shape(*arguments),
      traces=traces,
      resident=False,
      num_steps=1,
      steps_per_epoch=1,
    ) as advance:
      state = devices.put_replicated(mesh, create(*arguments))
      return advance(state, 0)[0]

  first = after_a_step(traces)
  assert len([*tmp_path.iterdir()]) == 1
  tiny_config.seed = 1
  tiny_config.data.root, tiny_config.data.train_folds = 'elsewhere', (1, 2)
  with monkeypatch.context() as patch:
    patch.setattr(
      traced_steps, '_export', lambda *_: pytest.fail('traced again')
    )
    second = after_a_step(traces)
  for other, is_equal in ((after_a_step(None), True), (first, False)):
    same = jax.tree.map(np.array_equal, second.params, other.params)
    assert all(jax.tree.leaves(same)) == is_equal
  # Another setting has another trace; its program need not be compiled.
  tiny_config.model.gru_dropout = 0.123
  monkeypatch.setattr(
    stepping, '_compiled_ahead', lambda lowered: lambda state, batch: state
  )
  after_a_step(traces)
  assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize(
  'fields',
  [
    pytest.param({'rotate': True}, marks=pytest.mark.slow),
    {'steps': ('symmetries()',)},
  ],
  ids=str,
)
def test_other_positions_of_microphones_in_the_same_file_have_another_trace(
  fields, tmp_path, monkeypatch
):
  config = audio_sets.make_config('five microphones', tmp_path)
  config.augment.update(fields)
  array = tmp_path / 'array.csv'
  config.features.microphones = str(array)
  mesh, fold = devices.make_mesh(), device_speed.make_fold(config, 2)
  create, arguments = train_step.state_maker(config)
  monkeypatch.setattr(
    stepping, '_compiled_ahead', lambda lowered: lambda state, batch: state
  )
  (tmp_path / 'traces').mkdir()
  traces = traced_steps.kept_in(tmp_path / 'traces')
  for count, heights in enumerate((0, 0, 0.02), start=1):
    rows = [(0.1, 0), (0, 0.1), (-0.1, 0), (0, -0.1), (0, 0)]
    array.write_text(
      '\n'.join(f'{x},{y},{heights * (x != 0)}' for x, y in rows)
    )
    with stepping.stepper(
      config,
      mesh,
      fold,
      template=create.eval_shape(*arguments),
      traces=traces,
      resident=False,
      num_steps=1,
      steps_per_epoch=1,
    ):
      pass
    kept = [*(tmp_path / 'traces').iterdir()]
    assert len(kept) == max(1, count - 1)
