"""Steps of augmentation in training: on any devices, and in a resumed run."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.eight_devices import start
from helpers.output_formats import EACH, name_of, random_scene
from helpers.tiny import make_one_convolution
from helpers.training import assert_same_run, train_until_first_checkpoint
from jax import jit

from seld_jax import augment, dataset, outputs, train
from seld_jax import config as config_lib
from seld_jax.train import step

STEPS = (
  'symmetries(count=48)',
  'gain(max_db=10)',
  'equaliser()',
  'mixup(probability=0.7)',
  'frequency_shift(max_bands=2)',
  'cutout(max_frames=6, max_bands=3)',
  'masks(max_time_width=12, share_channels=True, labels=True)',
)
FRAMES, BANDS, EXAMPLES = 4, 16, 16


def config_of(format, steps=STEPS):
  config = config_lib.default()
  config.data.classes = config.data.classes[: format.num_classes]
  options = outputs.options(format)
  config.output.format = options['name']
  config.output.num_tracks = options.get('num_tracks', 3)
  config.output.distance = True
  config.features.n_mels = BANDS
  config.model.filters, config.model.pools = (4,), ((5, 8),)
  config.train.crop_frames = 5 * FRAMES
  config.augment.steps = steps
  assert config_lib.output_format(config) == format
  return config


def batch_of(format):
  rng = np.random.default_rng(0)
  scenes = [random_scene(seed, num_frames=FRAMES) for seed in range(EXAMPLES)]
  targets = [format.targets(scene, num_frames=FRAMES) for scene in scenes]
  shape = EXAMPLES, 5 * FRAMES, BANDS, 7
  cells = rng.uniform(-70, -20, shape).astype(np.float32)
  cells[..., 4:] = rng.uniform(-0.04, 0.04, (*shape[:-1], 3))
  stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *targets)
  return {'features': cells, 'targets': stacked}


STATISTICS = {
  'mean': np.linspace(-50, -40, BANDS * 7).reshape(BANDS, 7),
  'std': np.full((BANDS, 7), 12.0),
}


@pytest.mark.parametrize(
  'format',
  [
    pytest.param(
      format, marks=[pytest.mark.slow] * (format.name != 'multi_accdoa')
    )
    for format in EACH
  ],
  ids=name_of,
)
def test_the_training_step_applies_the_steps_in_order(format):
  """Those of standardised features after standardisation."""
  config, batch = config_of(format), batch_of(format)
  config_lib.validate(config, num_devices=1)
  key = jax.random.PRNGKey(3)
  found = jit(
    lambda key, batch: step._augment(key, batch, STATISTICS, config, None)
  )(key, batch)
  domain = augment.feature_domain(
    output=format, **config_lib.feature_options(config)
  )
  before = augment.compose(
    augment.symmetries(domain, count=48),
    augment.gain(domain, max_db=10),
    augment.equaliser(domain),
    augment.mixup(domain, probability=0.7),
    augment.frequency_shift(domain, max_bands=2),
  )
  after = augment.compose(
    augment.cutout(domain, max_frames=6, max_bands=3),
    augment.masks(
      domain,
      max_time_width=12,
      share_channels=True,
      labels=True,
    ),
  )

  def expect(key, batch):
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(EXAMPLES))
    first, second = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    crops, targets = jax.vmap(before, axis_name=augment.EXAMPLES)(
      first, batch['features'], batch['targets']
    )
    crops = dataset.standardise(crops, STATISTICS)
    return jax.vmap(after)(second, crops, targets)

  crops, targets = jit(expect)(key, batch)
  np.testing.assert_allclose(found['features'], crops, atol=1e-4)
  assert found['targets'].keys() == targets.keys()
  for name, values in targets.items():
    np.testing.assert_allclose(found['targets'][name], values, atol=1e-6)
  # Some were mixed, and some labels silenced.
  count = lambda tree: sum((np.asarray(v) != 0).sum() for v in tree.values())
  assert count(found['targets']) != count(batch['targets'])


_SCRIPT = """
import json, sys
import jax
import numpy as np
sys.path.insert(0, sys.argv[1])
import steps_test as case
from seld_jax import devices
from seld_jax.train import step

(format,) = (one for one in case.EACH if one.name == 'multi_accdoa')
batch = case.batch_of(format)
key = jax.random.PRNGKey(3)


def of(steps, axis_name=None):
  config = case.config_of(format, steps)
  return lambda key, batch: step._augment(
    key, batch, case.STATISTICS, config, axis_name
  )


def error(one, other):
  difference = lambda a, b: float(
    np.abs(np.asarray(a) - np.asarray(b)).max(initial=0)
  )
  return max(jax.tree.leaves(jax.tree.map(difference, one, other)))


assert len(jax.devices()) == 8
mesh = devices.make_mesh()
one = jax.jit(of(case.STEPS))(key, batch)
many = jax.jit(of(case.STEPS))(
  devices.put_replicated(mesh, key),
  jax.device_put(batch, devices.divided(mesh)),
)
parts = jax.tree.map(lambda x: x.reshape(8, 2, *x.shape[1:]), batch)
joined = lambda tree: jax.tree.map(lambda x: x.reshape(16, *x.shape[2:]), tree)
run = lambda steps: joined(
  jax.pmap(of(steps, 'batch'), axis_name='batch', in_axes=(None, 0))(key, parts)
)
alone = tuple(s for s in case.STEPS if not s.startswith('mixup'))
levels = np.asarray(run(('mixup(probability=1.0)',))['features'])[..., :4]
# Under pmap the two examples of a device are mixed with each other.
pairs = np.abs(levels[::2] - levels[1::2]).max(axis=(1, 2, 3))
print(json.dumps({
  'jit': error(one, many),
  'pmap': error(jax.jit(of(alone))(key, batch), run(alone)),
  'equal_pairs': int((pairs < 1e-4).sum()),
}))
"""


@pytest.mark.slow
def test_eight_devices_give_the_examples_of_one():
  """Under pmap, mixup mixes the examples of each device with each other."""
  found = json.loads(start(_SCRIPT, str(pathlib.Path(__file__).parent)))
  assert found['jit'] < 1e-4
  assert found['pmap'] < 1e-4
  assert found['equal_pairs'] > 3


@pytest.mark.slow
def test_a_run_with_steps_resumes_to_the_same_bits(
  tiny_config, tmp_path, monkeypatch
):
  make_one_convolution(tiny_config)
  tiny_config.augment.steps = STEPS
  whole, stopped = tmp_path / 'whole', tmp_path / 'stopped'
  train.train_and_evaluate(tiny_config, whole)
  train_until_first_checkpoint(tiny_config, stopped, monkeypatch)
  train.train_and_evaluate(tiny_config, stopped)
  assert_same_run(tiny_config, whole, stopped)
