"""What the names of DCASE recordings say: fold, room and overlap."""

import dataclasses
import re

# Names of 2020 to 2025, such as fold1_room2_mix003_ov1, and names of 2019, such
# as split1_ir0_ov1_1. Rooms are numbered anew in every fold.
_NAMES = (
  re.compile(
    r'(?P<fold>fold\d+)_(?P<room>room\d+)_mix\d+(_(?P<overlap>ov\d+))?'
  ),
  re.compile(r'(?P<fold>split\d+)_(?P<room>ir\d+)_(?P<overlap>ov\d+)_\d+'),
)
_FOLD = re.compile(r'(?:fold|split)(\d+)_')


@dataclasses.dataclass(frozen=True)
class NameParts:
  """The parts of a name that group recordings.

  Attributes:
    fold: The fold, such as `fold1`, or `split1` in 2019.
    room: The room within its fold, such as `room2`, or `ir0` in 2019.
    overlap: Largest number of events at once, such as `ov2`; None where the
      name does not say.
  """

  fold: str
  room: str
  overlap: str | None


def parse_name(name: str) -> NameParts | None:
  """Takes the name of a recording apart.

  Args:
    name: The file name without suffix.

  Returns:
    Its parts; None where the name has another form.
  """
  for pattern in _NAMES:
    if match := pattern.fullmatch(name):
      return NameParts(match['fold'], match['room'], match['overlap'])
  return None


def fold_of(name: str) -> int | None:
  """The number of the fold with which a name begins, or None.

  Args:
    name: The file name without suffix, such as `fold1_room2_mix003_ov1` or
      `fold1_anything`.

  Returns:
    The number; None where the name does not begin with a fold.
  """
  match = _FOLD.match(name)
  return int(match[1]) if match else None
