"""The list of recordings of a set, and their paths."""

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from seld_jax.scenes import library, stereo
from seld_jax.scenes.layouts import LAYOUTS, Layout, Part

# Recordings per room, and the smallest number of rooms in a part.
_RECORDINGS_A_ROOM = 5
_MIN_ROOMS = 2
# Keys of the random generators for the order of evaluation recordings, for
# clips, and for the order of the clips of evaluation recordings.
_ORDER, _CLIPS, _CLIP_ORDER = 8, 9, 10


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
    folder: Folder within those of sound and of labels; empty for none.
    clips: The stereo clips that are made of it instead of files of its own.
  """

  name: str
  split: str
  fold: int
  room: int
  mix: int
  overlap: int
  folder: str = ''
  clips: tuple[stereo.Clip, ...] = ()

  @property
  def files(self) -> tuple[str, ...]:
    """Names of its files without suffix: its own, or those of its clips."""
    return tuple(clip.name for clip in self.clips) or (self.name,)


def plan_recordings(
  folds: Sequence[int],
  recordings: int,
  *,
  evaluation: bool,
  seed: int,
  max_overlap: int = 2,
  layout: Layout = LAYOUTS['tau2020'],
) -> list[Recording]:
  """Lists the recordings of a set.

  Recordings are distributed over the parts of the layout by their shares,
  evenly over the rooms of a part, and over the overlaps from 1 to
  `max_overlap`. A part has one room for every five recordings, but at least
  two. As in the published sets, numbers start at 1 in every room, with the
  recordings of overlap 1 first.

  Args:
    folds: Folds that have sounds.
    recordings: Number of development recordings.
    evaluation: Whether to add a third as many evaluation recordings.
    seed: Determines the order of the evaluation recordings. Their names should
      not reveal fold, room or overlap.
    max_overlap: Largest number of simultaneous events in any recording.
    layout: The layout of the set.

  Returns:
    The recordings.
  """
  parts = [part for part in layout.parts if part.fold in folds]
  plan = _plan_parts(parts, recordings, layout, max_overlap)
  if evaluation:
    parts = [
      Part(fold, site=f'{fold}')
      for fold in library.EVALUATION_FOLDS
      if fold in folds
    ]
    some = _plan_parts(parts, -(-recordings // 3), layout, max_overlap)
    order = np.random.default_rng((seed, _ORDER)).permutation(len(some))
    plan += [
      dataclasses.replace(some[k], name=f'mix{n:03d}', split='eval')
      for n, k in enumerate(order, start=1)
    ]
  return plan


def add_clips(
  plan: Sequence[Recording], *, seed: int, seconds: float, clips: float
) -> list[Recording]:
  """Draws the stereo clips of all recordings.

  Args:
    plan: The recordings.
    seed: Determines start and heading of each clip, and the order of the clips
      of evaluation recordings.
    seconds: Length of a recording, 5 or more.
    clips: Number of clips for each 5 s of a recording.

  Returns:
    The recordings, each with one clip or more. As in the published set, clips
    of development recordings are named after recording, heading and start.
    Those of evaluation recordings are numbered.
  """
  count = max(1, round(clips * seconds / stereo.CLIP_SECONDS))
  made = []
  for recording in plan:
    drawn = stereo.draw_clips(
      np.random.default_rng((seed, _CLIPS, recording.fold, recording.mix)),
      recording.name,
      num_frames=stereo.num_frames(seconds),
      count=count,
    )
    made.append(dataclasses.replace(recording, clips=drawn))
  hidden = sum(len(one.clips) for one in made if one.split == 'eval')
  order = iter(np.random.default_rng((seed, _CLIP_ORDER)).permutation(hidden))
  return [
    dataclasses.replace(
      one,
      clips=tuple(
        dataclasses.replace(clip, name=f'mix{next(order) + 1:04d}')
        for clip in one.clips
      ),
    )
    if one.split == 'eval'
    else one
    for one in made
  ]


def wav_path(
  out: pathlib.Path, recording: Recording, format: str, file: str = ''
) -> pathlib.Path:
  """Returns the path of the audio of a recording, or of one of its clips."""
  name = f'{file or recording.name}.wav'
  return out / f'{format}_{recording.split}' / recording.folder / name


def csv_path(
  out: pathlib.Path, recording: Recording, file: str = ''
) -> pathlib.Path:
  """Returns the path of the labels of a recording, or of one of its clips."""
  name = f'{file or recording.name}.csv'
  return out / f'metadata_{recording.split}' / recording.folder / name


def _plan_parts(
  parts: Sequence[Part], total: int, layout: Layout, max_overlap: int
) -> list[Recording]:
  """Lists the recordings of some parts, as if all were for development."""
  counts = _quotas(total, [part.share for part in parts])
  rooms = []
  for count in counts:
    number = max(_MIN_ROOMS, -(-count // _RECORDINGS_A_ROOM))
    rooms.append(min(number, max(count, 1)))
  next_room = _first_rooms(parts, rooms, layout)
  next_mix: dict[int, int] = {}
  plan = []
  for place, (part, count) in enumerate(zip(parts, counts, strict=True)):
    first_room = next_room[part.site]
    first_mix = next_mix.get(part.fold, 1)
    mixes = [
      (
        mix * rooms[place] // count + first_room,
        1 + (mix + place) % max_overlap,
        mix + first_mix,
      )
      for mix in range(count)
    ]
    for room, ours in itertools.groupby(sorted(mixes), lambda one: one[0]):
      for number, (_, overlap, mix) in enumerate(ours, start=1):
        name = f'fold{part.fold}_room{room}_mix{number:03d}'
        name += f'_ov{overlap}' * layout.has_overlap
        plan.append(
          Recording(name, 'dev', part.fold, room, mix, overlap, part.folder)
        )
    next_room[part.site] += rooms[place]
    next_mix[part.fold] = first_mix + count
  return plan


def _first_rooms(
  parts: Sequence[Part], rooms: Sequence[int], layout: Layout
) -> dict[str, int]:
  """The number of the first room of each site.

  A site whose numbers begin later than at 1 begins after all rooms of the other
  sites, so that no number occurs twice in a fold.
  """
  others = sum(
    count
    for part, count in zip(parts, rooms, strict=True)
    if part.site not in layout.first_room
  )
  return {
    part.site: max(layout.first_room[part.site], others + 1)
    if part.site in layout.first_room
    else 1
    for part in parts
  }


def _quotas(total: int, shares: Sequence[int]) -> list[int]:
  """Divides a number by shares; remainders go to the largest ones."""
  whole = sum(shares)
  counts = [total * share // whole for share in shares]
  rest = [-(total * share % whole) for share in shares]
  places = sorted(range(len(shares)), key=rest.__getitem__)
  for place in places[: total - sum(counts)]:
    counts[place] += 1
  return counts
