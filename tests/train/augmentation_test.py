"""The training step turns features and targets of every format together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.output_formats import EACH, name_of, random_scene
from helpers.random_arrays import distinct_features
from jax import jit

from seld_jax import augment, labels, outputs
from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax.train import step

FRAMES = 3
EXAMPLES = 24
TURNS = {
  'foa': (7, augment.apply_symmetry, 16),
  'mic': (10, augment.apply_mic_symmetry, 8),
}


@pytest.mark.parametrize('sound', TURNS)
@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_targets_turn_with_the_features(format, sound):
  """Each example has a symmetry of its own.

  It is recognised by its features; the targets must be those of the events that
  the same symmetry turns.
  """
  config = config_lib.default()
  config.data.classes = config.data.classes[: format.num_classes]
  options = outputs.options(format)
  config.output.format = options['name']
  config.output.num_tracks = options.get('num_tracks', 3)
  config.output.distance = True
  assert config_lib.output_format(config) == format
  config.features.format = sound
  channels, apply, count = TURNS[sound]
  assert len(drawn_turns(config, format, channels, apply, count)) > 4


# Features whose scenes are turned in another way, and their number of turns.
OTHERS = {
  'stereo': ({'format': 'stereo', 'stereo': ('side', 'phase')}, 2),
  'five microphones': ({'format': 'mic', 'num_channels': 5}, 8),
}


@pytest.mark.parametrize('name', OTHERS)
def test_targets_turn_with_other_features(name, tmp_path):
  config = config_lib.default()
  fields, count = OTHERS[name]
  for field, value in fields.items():
    config.features[field] = value
  if fields['format'] == 'mic':
    # A square and its centre, which cannot tell up from down.
    config.features.microphones = str(tmp_path / 'array.csv')
    (tmp_path / 'array.csv').write_text(
      '0.1,0,0\n0,0.1,0\n-0.1,0,0\n0,-0.1,0\n0,0,0\n'
    )
  options = config_lib.feature_options(config)
  turns = augment.make_turns(
    microphones=config_lib.microphone_positions(config), **options
  )
  assert len(turns.matrices) == count
  format = EACH[0]
  config.data.classes = config.data.classes[: format.num_classes]
  config.output.format = outputs.options(format)['name']
  config.output.distance = True
  _, channels = features_lib.shape(**options)
  drawn = drawn_turns(config, format, channels, turns.apply, count)
  assert len(drawn) > min(4, count - 1)


def drawn_turns(config, format, channels, apply, count):
  """The turns that the training step draws, whose targets are checked."""
  config.augment.rotate = True
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  features = distinct_features((2, 6, channels))
  events = random_scene(3, num_frames=FRAMES)
  targets = format.targets(events, num_frames=FRAMES)
  batch = {'features': features, 'targets': targets}
  statistics = {'mean': np.zeros((6, channels)), 'std': np.ones((6, channels))}
  turned = jit(
    lambda key, batch: step._augment(key, batch, statistics, config, None)
  )(
    jax.random.key(0),
    jax.tree.map(lambda leaf: np.stack([leaf] * EXAMPLES), batch),
  )
  axes = jnp.eye(3)[None]
  every, columns = jit(jax.vmap(apply, (None, None, 0)))(
    features, axes, jnp.arange(count)
  )
  drawn = set()
  for example in range(EXAMPLES):
    same = (np.asarray(turned['features'][example]) == every).all(
      axis=(1, 2, 3)
    )
    (index,) = np.flatnonzero(same)
    drawn.add(int(index))
    expected = format.targets(
      labels.Events(
        events.frame,
        events.class_index,
        events.track,
        events.xyz @ np.asarray(columns[index, 0], np.float64),
        events.distance,
      ),
      num_frames=FRAMES,
    )
    for name, values in expected.items():
      np.testing.assert_array_equal(turned['targets'][name][example], values)
  return drawn
