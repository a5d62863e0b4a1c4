"""Long work divided among machines: which part of a list is whose."""

import dataclasses
import re
from collections.abc import Sequence
from typing import TypeVar

from seld_jax.errors import InputError

T = TypeVar('T')


@dataclasses.dataclass(frozen=True)
class Shard:
  """Part `number` of `count`, counted from 1."""

  number: int
  count: int

  def __str__(self) -> str:
    return f'{self.number}/{self.count}'


def parse(text: str | None) -> Shard | None:
  """Reads what a flag says, such as `3/16`.

  Args:
    text: The number of the part, counted from 1, and how many there are; empty
      or None for undivided work.

  Returns:
    The part, or None.

  Raises:
    InputError: There is no such part.
  """
  if not text:
    return None
  match = re.fullmatch(r'(\d+)/(\d+)', text)
  if not match or not 1 <= int(match[1]) <= int(match[2]):
    raise InputError(
      '--shard needs NUMBER/COUNT with a number from 1 to the count, such as '
      f'3/16, got {text!r}.'
    )
  return Shard(int(match[1]), int(match[2]))


def take(items: Sequence[T], shard: Shard | None) -> list[T]:
  """The items of a part: every COUNTth, so that all parts are alike.

  Args:
    items: All the work, in the same order on every machine.
    shard: The part; None for all.

  Returns:
    Its items, in their order. All parts together have every item once.
  """
  if shard is None:
    return list(items)
  return list(items[shard.number - 1 :: shard.count])
