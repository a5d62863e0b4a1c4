"""Shards have every item once; invalid shards are refused."""

import hypothesis
import pytest
from hypothesis import strategies

from seld_jax import shards
from seld_jax.errors import InputError


@hypothesis.given(strategies.integers(0, 40), strategies.integers(1, 20))
def test_shards_have_every_item_once_and_similar_sizes(size, count):
  parts = [
    shards.take(range(size), shards.Shard(number, count))
    for number in range(1, count + 1)
  ]
  assert sorted(sum(parts, [])) == list(range(size))
  lengths = [len(part) for part in parts]
  assert max(lengths) - min(lengths) <= 1
  assert shards.take(range(size), None) == list(range(size))


def test_shards_are_counted_from_one():
  assert shards.parse('3/16') == shards.Shard(3, 16)
  assert str(shards.parse('16/16')) == '16/16'
  assert shards.parse('') is None
  assert shards.parse(None) is None


@pytest.mark.parametrize('text', ['0/4', '5/4', '1/0', '3', 'a/b', '-1/4'])
def test_invalid_shards_are_refused(text):
  with pytest.raises(InputError, match=r'NUMBER/COUNT .* such as 3/16'):
    shards.parse(text)
