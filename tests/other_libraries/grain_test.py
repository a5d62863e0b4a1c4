"""Grain reads the examples of a source, shuffles them and goes on later."""

import numpy as np
import pytest

from seld_jax import train

grain = pytest.importorskip(
  'grain', reason="Grain is not installed (pip install 'seld_jax[grain]')"
)

python = pytest.importorskip('grain.python')


@pytest.fixture
def source(tiny_config, tmp_path):
  tiny_config.data.cache = str(tmp_path / 'features')
  return train.load_crops(tiny_config, hop_frames=25)


def test_a_source_is_one_of_grain(source):
  assert isinstance(source, python.RandomAccessDataSource)
  batches = grain.MapDataset.source(source).batch(2)
  assert len(batches) == len(source) // 2 + len(source) % 2
  for number in range(len(source) // 2):
    for index in 0, 1:
      one, batch = source[2 * number + index], batches[number]
      np.testing.assert_array_equal(batch['features'][index], one['features'])
      for name, values in one['targets'].items():
        np.testing.assert_array_equal(batch['targets'][name][index], values)


def marks(examples):
  """A number of each example that tells it from others."""
  return [float(one['features'].sum()) for one in examples]


def test_every_epoch_has_every_example_in_another_order(source):
  count = len(source)
  expected = sorted(marks(source[i] for i in range(count)))
  assert len(set(expected)) == count
  shuffled = grain.MapDataset.source(source).shuffle(seed=1).repeat(2)
  found = marks(shuffled)
  assert sorted(found[:count]) == sorted(found[count:]) == expected
  assert found[:count] != found[count:]


def test_reading_goes_on_where_it_stopped(source):
  def reader():
    shuffled = grain.MapDataset.source(source).shuffle(seed=1).repeat(2)
    return iter(shuffled.to_iter_dataset())

  first = reader()
  done = marks(next(first) for _ in range(3))
  state = first.get_state()
  rest = marks(first)
  second = reader()
  second.set_state(state)
  assert marks(second) == rest
  assert len(done + rest) == 2 * len(source)


def test_the_loader_of_grain_reads_a_source(source):
  loader = python.DataLoader(
    data_source=source,
    sampler=python.SequentialSampler(
      len(source), shard_options=python.NoSharding()
    ),
    worker_count=0,
  )
  assert marks(loader) == marks(source[i] for i in range(len(source)))
