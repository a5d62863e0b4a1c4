"""Runs of the studies of the recipe and of augmentation: valid, different."""

import pytest

from benchmarks import recipe
from seld_jax import config as config_lib

# Crops of 800 steps of the base, in frames.
_AUDIO = 800 * 32 * 120


def configs_of(study, *, data, format='foa', steps=800):
  return recipe.plan(
    study,
    data=str(data),
    scale='quick',
    format=format,
    seeds=range(2),
    steps=steps,
    events='sounds',
  )


@pytest.mark.parametrize(
  ('study', 'format'),
  [('recipe', 'foa'), ('augmentation', 'foa'), ('augmentation', 'mic')],
)
def test_runs_are_valid_and_all_different(study, format, tiny_root):
  configs = configs_of(study, data=tiny_root, format=format)
  texts = {str(config_lib.resolve(config)) for config in configs.values()}
  assert len(texts) == len(configs)
  for config in configs.values():
    config_lib.validate(config, num_devices=1)
    # All runs are trained on the same amount of audio.
    train = config.train
    assert train.num_steps * train.batch_size * train.crop_frames == _AUDIO


def test_runs_of_the_recipe_change_one_section_of_the_base(tiny_root):
  """But for the crops, whose length is also that of evaluations."""
  configs = configs_of('recipe', data=tiny_root)
  base = configs['base_foa_seed0']
  for name in recipe.RECIPE:
    config = configs[f'{name}_foa_seed0']
    changed = {
      section
      for section in ('data', 'features', 'model', 'loss', 'augment', 'train')
      if config[section] != base[section]
    }
    if name in ('accdoa', 'multi_accdoa'):
      changed.add('output')
    names = 'together', 'together_conformer', 'varied', 'mixed'
    several = dict.fromkeys(names, 3)
    unusual = {'base': 0, 'together_conformer_64': 4, **several}
    expected = unusual.get(name, 1)
    assert len(changed) == expected, name


def test_only_new_scenes_are_made_of_the_dry_sounds(tiny_root):
  for run, config in configs_of('recipe', data=tiny_root).items():
    expected = 'sounds' if run.startswith('new_scenes') else ''
    assert config.data.synthesize_events == expected, run


def test_augmentations_alone_and_left_out_add_up(tiny_root):
  configs = configs_of('augmentation', data=tiny_root)
  steps = {
    name.removesuffix('_foa_seed0'): set(config.augment.steps)
    for name, config in configs.items()
    if name.endswith('seed0')
  }
  assert not steps['none']
  everything = steps['all']
  left_out = [name for name in steps if name.startswith('without_')]
  assert len(left_out) == len(everything)
  for name in left_out:
    alone = steps[name.replace('without', 'only')]
    assert len(alone) == 1
    assert alone | steps[name] == everything
    assert not alone & steps[name]
