"""Divides training recordings by rooms: some rooms become the validation set.

Several recordings of a room have the same reverberation, noise and often the
same people. So a room is either in training or in validation as a whole.
"""

import random
from collections.abc import Sequence

from seld_jax import labels
from seld_jax.dataset.recordings import Recording
from seld_jax.errors import InputError


def split_rooms(
  recordings: Sequence[Recording],
  *,
  rooms: Sequence[str] = (),
  share: float = 0.0,
  seed: int = 0,
) -> tuple[list[Recording], list[Recording]]:
  """Takes whole rooms out of training recordings, for validation.

  Args:
    recordings: The training recordings.
    rooms: The rooms to take, such as `fold3_room2`, or `room2` if only one fold
      has a room of this number. Recordings whose names have no room stay in
      training.
    share: If no rooms are given, the share of the recordings to take, between 0
      and 1. The rooms are drawn: in a random order, each is taken that brings
      the share nearer. There is always at least one room for training and one
      for validation.
    seed: Seed of the draw, which depends on nothing but the names of the rooms
      and the numbers of their recordings.

  Returns:
    The recordings to train on, and those to validate with, each in the order
    given.

  Raises:
    InputError: There is no such room, `room2` can be several rooms, nothing
      would be left to train on, `share` is not between 0 and 1, or rooms are to
      be drawn, but the name of a recording has none.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset
    >>> recordings = [
    ...   dataset.Recording(name, pathlib.Path(f'{name}.wav'), None, 3)
    ...   for name in ('fold3_room4_mix001', 'fold3_room6_mix001')
    ... ]
    >>> train, validation = dataset.split_rooms(recordings, rooms=['room6'])
    >>> [one.name for one in train], [one.name for one in validation]
    (['fold3_room4_mix001'], ['fold3_room6_mix001'])
  """
  if isinstance(rooms, str):
    rooms = [rooms]
  if not 0 <= share <= 1:
    raise InputError(f'share must be between 0 and 1, got {share}.')
  sizes: dict[str, int] = {}
  for one in recordings:
    if (room := labels.room_of(one.name)) is not None:
      sizes[room] = sizes.get(room, 0) + 1
  taken = (
    _named(rooms, sorted(sizes))
    if rooms
    else _drawn(recordings, sizes, share=share, seed=seed)
  )
  held_out = [one for one in recordings if labels.room_of(one.name) in taken]
  rest = [one for one in recordings if labels.room_of(one.name) not in taken]
  if not rest:
    raise InputError(
      f'data.validation_rooms takes all {len(recordings)} recordings of '
      'data.train_folds, so that nothing is left to train on: name fewer rooms '
      f'of {_listed(sorted(sizes))}.'
    )
  return rest, held_out


def rooms_of(names: Sequence[str]) -> tuple[str, ...]:
  """The rooms in the names of recordings.

  Args:
    names: Names of recordings.

  Returns:
    Rooms with their folds, such as `fold3_room2`, each once, sorted. Names
    without a room are left out.

  Example:
    >>> from seld_jax import dataset
    >>> dataset.rooms_of(['fold3_room4_mix001', 'fold3_room4_mix002', 'mix001'])
    ('fold3_room4',)
  """
  rooms = {labels.room_of(name) for name in names} - {None}
  return tuple(sorted(room for room in rooms if room is not None))


def _named(rooms: Sequence[str], known: Sequence[str]) -> set[str]:
  """The rooms with these names, with or without a fold."""
  taken = set()
  for name in rooms:
    found = [room for room in known if name in (room, room.partition('_')[2])]
    if not found:
      has = f'the rooms {_listed(known)}' if known else 'no rooms in its names'
      raise InputError(
        f'data.validation_rooms names {name!r}, but data.train_folds has {has}.'
      )
    if len(found) > 1:
      raise InputError(
        f'data.validation_rooms names {name!r}, which are several rooms of '
        f'data.train_folds: write {" or ".join(found)}, or each of them.'
      )
    taken.add(found[0])
  return taken


def _drawn(
  recordings: Sequence[Recording],
  sizes: dict[str, int],
  *,
  share: float,
  seed: int,
) -> set[str]:
  """Rooms that have about this share of the recordings."""
  without = [one for one in recordings if labels.room_of(one.name) is None]
  if without:
    raise InputError(
      f'data.validation_share draws whole rooms, but the name of '
      f'{without[0].audio} has no room, such as fold3_room4_mix001: rename the '
      'files, or set data.validation_folds instead.'
    )
  if len(sizes) < 2:
    raise InputError(
      f'data.validation_share draws whole rooms, but data.train_folds has only '
      f'the room {_listed(list(sizes))}: add folds to data.train_folds, or set '
      'data.validation_folds instead.'
    )
  order = sorted(sizes)
  # Of Python, whose order for a seed is the same in all versions.
  random.Random(seed).shuffle(order)
  wished, total = share * len(recordings), 0
  taken: set[str] = set()
  for room in order:
    nearer = abs(total + sizes[room] - wished) < abs(total - wished)
    if nearer and len(taken) < len(order) - 1:
      taken.add(room)
      total += sizes[room]
  return taken or {min(order, key=lambda room: sizes[room])}


def _listed(rooms: Sequence[str]) -> str:
  """Names of rooms, not more than a message can hold."""
  text = ', '.join(rooms[:20])
  return f'{text}, ...' if len(rooms) > 20 else text
