"""Parses the names of DCASE recordings: fold, room and overlap."""

import dataclasses
import re

# Names of 2020 to 2025, such as fold1_room2_mix003_ov1, and names of 2019, such
# as split1_ir0_ov1_1. Either may begin with `fold` or `split`. The clips of
# 2025 are named after their recording of STARSS23, such as
# fold3_room12_mix001_deg000_start1978: the viewing angle in degrees, and the
# first label frame.
#
# Room numbers of different folds are different rooms: in TAU-NIGENS they begin
# anew in each fold, and in STARSS22 and STARSS23 no number is in both folds
# (dev-train has the rooms 4, 6, 7, 9, 12, 13, 14, 21 and 22; dev-test 2, 8, 10,
# 15, 16, 23 and 24).
_NAMES = (
  re.compile(
    r'(?P<fold>(?:fold|split)\d+)_(?P<room>room\d+)_mix\d+'
    r'(_(?P<overlap>ov\d+)|_deg-?\d+_start\d+)?'
  ),
  re.compile(
    r'(?P<fold>(?:fold|split)\d+)_(?P<room>ir\d+)_(?P<overlap>ov\d+)_\d+'
  ),
)
_FOLD = re.compile(r'(?:fold|split)(\d+)_')
_ROOM = re.compile(r'(?:fold|split)\d+_(?:room|ir)\d+(?=_|$)')


@dataclasses.dataclass(frozen=True)
class NameParts:
  """The parts of a name that group recordings.

  Attributes:
    fold: The fold, such as `fold1`, or `split1` in 2019.
    room: The room within its fold, such as `room2`, or `ir0` in 2019.
    overlap: Largest number of simultaneous events, such as `ov2`; None if the
      name does not contain it.

  Example:
    >>> from seld_jax import labels
    >>> labels.NameParts('fold1', room='room2', overlap=None).room
    'room2'
  """

  fold: str
  room: str
  overlap: str | None


def parse_name(name: str) -> NameParts | None:
  """Splits the name of a recording into its parts.

  Args:
    name: The file name without suffix, such as `fold1_room2_mix003_ov1`,
      `split1_ir0_ov1_1` in 2019, or `fold3_room12_mix001_deg000_start1978` in
      2025.

  Returns:
    The parts; None if the name has another form.

  See Also: `fold_of` and `room_of` for names of which only the beginning
    matters.

  Example:
    >>> from seld_jax import labels
    >>> labels.parse_name('fold1_room2_mix003_ov1')
    NameParts(fold='fold1', room='room2', overlap='ov1')
  """
  for pattern in _NAMES:
    if match := pattern.fullmatch(name):
      return NameParts(match['fold'], match['room'], match['overlap'])
  return None


def fold_of(name: str) -> int | None:
  """The fold number at the beginning of the name of a recording.

  Args:
    name: The file name without suffix, such as `fold1_anything` or
      `split1_anything`.

  Returns:
    The number; None if the name does not begin with a fold.

  See Also: `parse_name` for the other parts of a name.

  Example:
    >>> from seld_jax import labels
    >>> labels.fold_of('fold12_kitchen_01')
    12
  """
  match = _FOLD.match(name)
  return int(match[1]) if match else None


def room_of(name: str) -> str | None:
  """The room at the beginning of the name of a recording, with its fold.

  Rooms of different folds are different rooms, also if they have the same
  number.

  Args:
    name: The file name without suffix, such as `fold3_room4_anything` or
      `split1_ir0_anything`.

  Returns:
    Fold and room; None if the name does not begin with them.

  See Also: `parse_name` for the other parts of a name.

  Example:
    >>> from seld_jax import labels
    >>> labels.room_of('fold3_room12_mix001_deg000_start1978')
    'fold3_room12'
  """
  match = _ROOM.match(name)
  return match[0] if match else None
