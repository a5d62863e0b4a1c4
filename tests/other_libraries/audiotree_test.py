"""Sound passes between an AudioTree of audiotree and seld_jax."""

import jax
import numpy as np
import pytest

from seld_jax import audio, augment, features

audiotree = pytest.importorskip(
  'audiotree', reason='audiotree is not installed (pip install audiotree)'
)


@pytest.fixture
def paths(tiny_root):
  return sorted((tiny_root / 'foa_dev').glob('*.wav'))[:3]


# audioread, which librosa imports to read sound, warns about `aifc`.
@pytest.mark.filterwarnings('ignore:.*deprecated:DeprecationWarning')
def test_both_read_the_same_samples(paths):
  for path in paths:
    tree = audiotree.AudioTree.from_file(path)
    own = audio.read(path)
    assert tree.sample_rate == 24000
    assert tree.waveform.shape == (1, *own.shape)
    np.testing.assert_array_equal(tree.waveform[0], own)


def test_features_of_a_batch_are_those_of_each_recording(paths):
  sounds = [audio.read(path) for path in paths]
  trees = [audiotree.AudioTree.create(sound, 24000) for sound in sounds]
  batch = audiotree.AudioTree.batch(trees)
  assert batch.batch_size == len(paths)
  options = {'format': 'foa', 'n_mels': 16}
  # A tree is a pytree, so that a compiled function takes it.
  found = jax.jit(lambda tree: features.compute(tree.waveform, **options))(
    batch
  )
  for one, sound in zip(found, sounds, strict=True):
    expected = features.compute(sound, **options)
    np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-3)
  kept = batch.replace_extras(features=found)
  np.testing.assert_array_equal(kept[1].extras['features'][0], found[1])


def test_samples_are_augmented_and_written(paths, tmp_path):
  tree = audiotree.AudioTree.create(audio.read(paths[0]), 24000)
  mirrored = np.diag([1.0, -1, 1, 1])  # left and right: channel Y
  turned = augment.mix_channels(tree.waveform[0], mirrored)
  tree = tree.replace(waveform=np.asarray(turned)[None])
  path = tmp_path / 'turned.wav'
  audio.write(path, tree.waveform[0])
  w, y, z, x = audio.read(paths[0])
  np.testing.assert_allclose(
    audio.read(path), np.stack([w, -y, z, x]), atol=1e-4
  )
