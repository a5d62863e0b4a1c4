"""Runs of the study of losses: valid, different, shared with Table 1."""

import pytest
from absl import flags

from benchmarks import loss_study, studies
from seld_jax import config as config_lib
from seld_jax import reproduce
from seld_jax.config import systems
from seld_jax.errors import InputError


def test_weights_share_their_runs_with_the_table(tiny_root):
  """Equal names have equal configurations, so a run is trained only once."""
  table = reproduce.plan(
    tiny_root,
    names=list(systems.SYSTEMS),
    formats=['foa'],
    seeds=[0],
    scale='quick',
  )
  runs = loss_study.weight_runs()
  curve = loss_study.plan(
    {name: change for name, (_, _, change) in runs.items()},
    data=str(tiny_root),
    scale='quick',
    format='foa',
    seed=0,
  )
  assert len(curve) == len(runs) == 8
  shared = set(table) & set(curve)
  assert shared == {
    f'{name}_foa_seed0' for name in ('mse', 'ce_mse_1_1', 'ce_mse_1_1000')
  }
  for name in shared:
    assert table[name] == curve[name]


@pytest.mark.parametrize(('scale', 'count'), [('quick', 7), ('small', 6)])
def test_ablations_are_valid_and_all_different(scale, count, tiny_root):
  configs = loss_study.plan(
    loss_study.ABLATIONS,
    data=str(tiny_root),
    scale=scale,
    format='foa',
    seed=0,
  )
  # The scale `small` has masks already.
  assert len(configs) == count
  for config in configs.values():
    config_lib.validate(config, num_devices=1)


def test_systems_of_the_study_of_lengths_train_on_as_much_audio(tiny_root):
  configs = loss_study.plan_length(
    data=str(tiny_root), scale='quick', format='foa', seed=0, steps=1600
  )
  assert len(configs) == len(loss_study.LENGTHS)
  seconds = {
    config.train.num_steps * config.train.batch_size * config.train.crop_frames
    for config in configs.values()
  }
  assert len(seconds) == 1
  losses = {tuple(sorted(config.loss.items())) for config in configs.values()}
  assert len(losses) == len(configs)
  for config in configs.values():
    config_lib.validate(config, num_devices=1)


def test_only_chooses_runs_and_refuses_unknown_names():
  values = flags.FlagValues()
  loss_study.define_flags(values)
  values(['x', '--study=length', '--only=mse,ce_mse_1_1'])
  configs = loss_study.plan_length(
    data='data', scale='quick', format='foa', seed=0, steps=100
  )
  chosen = studies.choose(configs, values)
  assert set(chosen) == {'mse_foa_seed0', 'ce_mse_1_1_foa_seed0'}
  values(['x', '--only=msee'])
  with pytest.raises(InputError, match='no system msee in the study length'):
    studies.choose(configs, values)
