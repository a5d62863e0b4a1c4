"""Shards: long work that is divided among several machines."""

import dataclasses
import re
from collections.abc import Sequence
from typing import TypeVar

from seld_jax.errors import InputError

T = TypeVar('T')


@dataclasses.dataclass(frozen=True)
class Shard:
  """One part of work that is divided into equal parts.

  Attributes:
    number: Number of the shard, from 1 to `count`.
    count: Number of shards.

  Example:
    >>> from seld_jax import shards
    >>> str(shards.Shard(3, 16))
    '3/16'
  """

  number: int
  count: int

  def __str__(self) -> str:
    return f'{self.number}/{self.count}'


def parse(text: str | None) -> Shard | None:
  """Reads the value of the flag `--shard`.

  Args:
    text: `NUMBER/COUNT`, such as `3/16`; the number counts from 1. Empty or
      None if the work is not divided.

  Returns:
    The shard; None if the work is not divided.

  Raises:
    InputError: The text has another form, or the number is not in 1..COUNT.

  Example:
    >>> from seld_jax import shards
    >>> shards.parse('3/16')
    Shard(number=3, count=16)
  """
  if not text:
    return None
  match = re.fullmatch(r'(\d+)/(\d+)', text)
  if not match or not 1 <= int(match[1]) <= int(match[2]):
    raise InputError(
      '--shard must be NUMBER/COUNT with a number from 1 to the count, such as '
      f'3/16, got {text!r}.'
    )
  return Shard(int(match[1]), int(match[2]))


def take(items: Sequence[T], shard: Shard | None) -> list[T]:
  """Selects the items of one shard.

  A shard takes every `count`-th item, so that all shards are similar even if
  the items are sorted.

  Args:
    items: All items, in the same order on every machine.
    shard: The shard; None selects all items.

  Returns:
    The items of the shard, in their order. Each item belongs to exactly one of
    the shards.

  Example:
    >>> from seld_jax import shards
    >>> shards.take(['a', 'b', 'c', 'd', 'e'], shards.Shard(2, 3))
    ['b', 'e']
  """
  if shard is None:
    return list(items)
  return list(items[shard.number - 1 :: shard.count])
