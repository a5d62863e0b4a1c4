"""Statistics equal those of NumPy; standardised features have mean 0, std 1."""

import numpy as np

from seld_jax import dataset

SHAPE = (4, 7)


def test_statistics_equal_numpy_over_all_frames(tmp_path, monkeypatch):
  """Recordings of different lengths, far from 0; each file is read once."""
  rng = np.random.default_rng(1)
  arrays = [
    (rng.standard_normal((length, *SHAPE)) * scale + offset).astype(np.float32)
    for length, scale, offset in [(50, 1, -300), (7, 30, 20), (1, 5, 0)]
  ]
  for array in arrays:
    array[:, 2, 3] = 0.1  # constant
    array[:, 1, 1] = -80
  paths = []
  for index, array in enumerate(arrays):
    paths.append(tmp_path / f'{index}.npy')
    np.save(paths[-1], array)
  read = []
  load_array = np.load

  def spy(path, *args, **keywords):
    read.append(path)
    return load_array(path, *args, **keywords)

  monkeypatch.setattr(np, 'load', spy)
  statistics = dataset.statistics(dataset.moments(paths))
  assert read == paths, 'each file is read once'
  everything = np.concatenate(arrays).astype(np.float64)
  std = everything.std(axis=0)
  std[2, 3] = std[1, 1] = 1
  np.testing.assert_allclose(statistics['mean'], everything.mean(0), rtol=1e-6)
  np.testing.assert_allclose(statistics['std'], std, rtol=1e-6)
  for array in statistics.values():
    assert array.shape == SHAPE
    assert array.dtype == np.float32


def test_statistics_of_a_small_spread_on_a_large_mean_are_accurate(tmp_path):
  """A sum of squares would lose all digits by cancellation."""
  rng = np.random.default_rng(2)
  noise = rng.integers(-3, 4, (4000, *SHAPE)).astype(np.float32)
  paths = []
  for index, part in enumerate(np.split(noise + np.float32(2**22), 4)):
    paths.append(tmp_path / f'{index}.npy')
    np.save(paths[-1], part)
  std = dataset.statistics(dataset.moments(paths))['std']
  np.testing.assert_allclose(std, noise.std(axis=0, dtype=float), rtol=1e-6)


def test_standardised_training_features_have_mean_0_and_std_1(tmp_path):
  rng = np.random.default_rng(0)
  paths, arrays = [], []
  for length in 400, 100:
    paths.append(tmp_path / f'{length}.npy')
    arrays.append(rng.standard_normal((length, *SHAPE)).astype(np.float32))
    np.save(paths[-1], 3 * arrays[-1] + 5)
  statistics = dataset.statistics(dataset.moments(paths))
  joined = 3 * np.concatenate(arrays) + 5
  features = np.asarray(dataset.standardise(joined, statistics))
  np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
  np.testing.assert_allclose(features.std(axis=0), 1, rtol=1e-5)


def test_standardise_broadcasts_over_leading_axes():
  rng = np.random.default_rng(3)
  statistics = {
    'mean': rng.standard_normal(SHAPE),
    'std': rng.random(SHAPE) + 0.5,
  }
  features = rng.standard_normal((2, 6, *SHAPE))
  result = dataset.standardise(features, statistics)
  for mel, channel in np.ndindex(*SHAPE):
    column = features[..., mel, channel] - statistics['mean'][mel, channel]
    np.testing.assert_allclose(
      result[..., mel, channel], column / statistics['std'][mel, channel]
    )
