"""What an accelerator would run, as far as it can be told without one."""

import jax
import pytest
from jax import export

from benchmarks import device_speed
from seld_jax import batches, train_step


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('platform', ['cuda', 'tpu'])
def test_the_step_is_lowered_for_it(platform, dtype, tiny_config, monkeypatch):
  """Export refuses what JAX does not know to run there; XLA is not asked."""
  monkeypatch.setattr(jax, 'default_backend', lambda: platform)
  tiny_config.model.dtype = dtype
  tiny_config.augment.rotate = True
  create, arguments = train_step.state_maker(tiny_config)
  template = create.eval_shape(*arguments)
  fold = device_speed.make_fold(tiny_config, 2)
  step = jax.jit(train_step.make_train_step(tiny_config), donate_argnums=0)
  program = export.export(step, platforms=[platform])(
    template, batches.shapes(tiny_config, fold)
  )
  assert program.platforms == (platform,)
  describe = lambda leaf: (leaf.shape, leaf.dtype)
  assert [*map(describe, program.out_avals)] == [
    *map(describe, jax.tree.leaves(template))
  ], 'parameters, statistics and losses are float32 in either case'
  text = program.mlir_module()
  assert 'stablehlo.convolution' in text, "XLA's own, which are fast there"
  assert ('bf16' in text) == (dtype == 'bfloat16')
