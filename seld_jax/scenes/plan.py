"""The list of recordings of a set, and their paths."""

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from seld_jax.scenes import library

# Recordings per room, and the smallest number of rooms in a fold.
_RECORDINGS_A_ROOM = 5
_MIN_ROOMS = 2


@dataclasses.dataclass(frozen=True)
class Recording:
  """A recording of a set.

  Attributes:
    name: File name without suffix.
    split: dev or eval.
    fold: Fold, from 1.
    room: Room in the fold, from 1.
    mix: Number in the fold, from 1. The name has the number in the room.
    overlap: Largest number of simultaneous events, 1 to 3.
  """

  name: str
  split: str
  fold: int
  room: int
  mix: int
  overlap: int


def plan_recordings(
  folds: Sequence[int],
  recordings: int,
  *,
  evaluation: bool,
  seed: int,
  max_overlap: int = 2,
) -> list[Recording]:
  """Lists the recordings of a set.

  Recordings are distributed evenly over the folds and their rooms, and over the
  overlaps from 1 to `max_overlap`. A fold has one room for every five
  recordings, but at least two. As in the published set, numbers start at 1 in
  every room, with the recordings of overlap 1 first.

  Args:
    folds: Folds that have sounds.
    recordings: Number of development recordings.
    evaluation: Whether to add a third as many evaluation recordings.
    seed: Determines the order of the evaluation recordings. Their names should
      not reveal fold, room or overlap.
    max_overlap: Largest number of simultaneous events in any recording.

  Returns:
    The recordings.
  """
  plan = []
  splits: dict[str, tuple[tuple[int, ...], int]] = {
    'dev': (library.DEVELOPMENT_FOLDS, recordings)
  }
  if evaluation:
    splits['eval'] = (library.EVALUATION_FOLDS, -(-recordings // 3))
  for split, (all_folds, total) in splits.items():
    members = [fold for fold in all_folds if fold in folds]
    some = []
    for place, fold in enumerate(members):
      count = (total + len(members) - 1 - place) // len(members)
      num_rooms = max(_MIN_ROOMS, -(-count // _RECORDINGS_A_ROOM))
      num_rooms = min(num_rooms, max(count, 1))
      mixes = [
        (mix * num_rooms // count + 1, 1 + (mix + place) % max_overlap, mix + 1)
        for mix in range(count)
      ]
      for room, ours in itertools.groupby(sorted(mixes), lambda one: one[0]):
        for number, (_, overlap, mix) in enumerate(ours, start=1):
          name = f'fold{fold}_room{room}_mix{number:03d}_ov{overlap}'
          some.append(Recording(name, split, fold, room, mix, overlap))
    if split == 'eval':
      order = np.random.default_rng((seed, 8)).permutation(len(some))
      some = [
        dataclasses.replace(some[k], name=f'mix{n:03d}')
        for n, k in enumerate(order, start=1)
      ]
    plan += some
  return plan


def wav_path(
  out: pathlib.Path, recording: Recording, name: str
) -> pathlib.Path:
  """Returns the path of the audio of a recording in a format."""
  return out / f'{name}_{recording.split}' / f'{recording.name}.wav'


def csv_path(out: pathlib.Path, recording: Recording) -> pathlib.Path:
  """Returns the path of the labels of a recording."""
  return out / f'metadata_{recording.split}' / f'{recording.name}.csv'
