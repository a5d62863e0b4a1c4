"""PyTorch loads the examples of a source, in this process and in workers."""

import numpy as np
import pytest

from seld_jax import train

torch = pytest.importorskip(
  'torch', reason='PyTorch is not installed (pip install torch)'
)
data = pytest.importorskip('torch.utils.data')


@pytest.fixture
def source(tiny_config, tmp_path):
  tiny_config.data.cache = str(tmp_path / 'features')
  return train.load_crops(tiny_config, hop_frames=25)


def assert_batches_are_examples(batches, source, order):
  """Batches have the values of the examples in this order, as tensors."""
  place = 0
  for batch in batches:
    assert batch['features'].dtype == torch.float32
    for index in range(len(batch['features'])):
      one = source[order[place]]
      np.testing.assert_array_equal(
        batch['features'][index].numpy(), one['features']
      )
      for name, values in one['targets'].items():
        np.testing.assert_array_equal(
          batch['targets'][name][index].numpy(), values
        )
      place += 1
  assert place == len(order)


def test_a_loader_takes_a_source_as_it_is(source):
  assert len(source) > 4
  loader = data.DataLoader(source, batch_size=2)
  assert_batches_are_examples(loader, source, list(range(len(source))))


def test_shuffled_batches_are_a_permutation(source):
  loader = data.DataLoader(
    source,
    batch_size=2,
    shuffle=True,
    generator=torch.Generator().manual_seed(3),
  )
  # The sampler draws the same order from the same seed.
  sampler = data.RandomSampler(
    source, generator=torch.Generator().manual_seed(3)
  )
  torch.empty((), dtype=torch.int64).random_(generator=sampler.generator)
  order = list(sampler)
  assert sorted(order) == list(range(len(source)))
  assert_batches_are_examples(loader, source, order)


@pytest.mark.slow
def test_a_worker_reads_the_same_examples(source):
  loader = data.DataLoader(
    source, batch_size=2, num_workers=1, multiprocessing_context='spawn'
  )
  assert_batches_are_examples(loader, source, list(range(len(source))))


def test_a_network_learns_from_the_batches(source):
  torch.manual_seed(0)
  classes = source.targets['activity'].shape[1]
  network = torch.nn.Sequential(
    torch.nn.Flatten(2), torch.nn.LazyLinear(classes)
  )
  loader = data.DataLoader(source, batch_size=len(source))
  (batch,) = loader
  network(batch['features'])
  optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
  losses = []
  for _ in range(60):
    logits = network(batch['features'])
    logits = logits.unflatten(1, (-1, source.pool)).mean(dim=2)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
      logits, batch['targets']['activity']
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
  assert losses[-1] < losses[0] / 3
