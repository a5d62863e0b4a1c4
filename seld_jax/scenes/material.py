"""What scenes are made of: dry sounds, other sounds, and measured rooms."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from seld_jax.scenes import library as library_lib
from seld_jax.scenes import measured
from seld_jax.scenes import sounds as sounds_lib


@dataclasses.dataclass(frozen=True)
class Material:
  """The sounds and the measured rooms of a set of scenes.

  Attributes:
    library: The dry sounds.
    others: Sounds that have no labels; None if there are none.
    rooms: The measured rooms; None if all rooms are simulated.
  """

  library: library_lib.Library
  others: library_lib.Library | None = None
  rooms: measured.Rooms | None = None

  @property
  def fingerprints(self) -> dict[str, str | None]:
    """A hash of each part by the name of its setting."""
    return {
      'events': self.library.fingerprint,
      'others': self.others and self.others.fingerprint,
      'rirs': self.rooms and self.rooms.fingerprint,
    }


def check_clips(material: Material, folds: Sequence[int]) -> None:
  """Opens every clip, so that a bad one is found before scenes are rendered.

  Args:
    material: The sounds.
    folds: The folds that will be used.

  Raises:
    InputError: A clip is not a sound file, or is empty.
  """
  for library in (material.library, material.others):
    if library is not None:
      sounds_lib.check_clips(library, folds)


def open_material(
  events: str | os.PathLike[str] | None,
  *,
  class_map: str,
  sounds: Mapping[int, tuple[int, ...]],
  others: str | os.PathLike[str] | None = None,
  rirs: str | os.PathLike[str] | None = None,
  rir_rooms: Sequence[str] = (),
  quiet: bool = False,
) -> Material:
  """Finds the sounds and the rooms of a set of scenes.

  Args:
    events: The dry sounds, as for `library.open_library`.
    class_map: The classes, a key of `class_maps.CLASS_MAPS`.
    sounds: Folds of sounds by the fold of the recordings that use them.
    others: Other sounds, as for `library.open_others`; None for none.
    rirs: A folder of room responses, as for `measured.open_rooms`; None for
      simulated rooms only.
    rir_rooms: The measured rooms to use; () for all.
    quiet: Whether to omit warnings.

  Returns:
    The material.

  Raises:
    InputError: A file is missing or wrong.
  """
  library = library_lib.open_library(
    events, class_map=class_map, sounds=sounds, quiet=quiet
  )
  extra = rooms = None
  if others is not None:
    extra = library_lib.open_others(others, labelled=library, sounds=sounds)
  if rirs is not None:
    rooms = measured.open_rooms(rirs, names=rir_rooms, quiet=quiet)
  return Material(library, extra, rooms)
