"""Layouts of sets: folders, folds, rooms and names as in published datasets.

To add a layout, add an entry to `LAYOUTS`.

References:
  Shimada et al., `STARSS23 <https://arxiv.org/abs/2306.09126>`_, 2023, has the
  folders and the numbers of recordings of 2022 to 2024;
  `DCASE2025 Task3 Stereo SELD Dataset <https://zenodo.org/records/15087603>`_
  has those of 2025.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from seld_jax.errors import InputError
from seld_jax.scenes.library import DEVELOPMENT_FOLDS, EVALUATION_FOLDS


@dataclasses.dataclass(frozen=True)
class Part:
  """A folder of recordings of one fold.

  Attributes:
    fold: The fold of its recordings.
    folder: Folder within those of sound and of labels; empty for none.
    share: Number of its recordings, relative to those of the other parts.
    site: Parts of the same site number their rooms together.
  """

  fold: int
  folder: str = ''
  share: int = 1
  site: str = ''


@dataclasses.dataclass(frozen=True)
class Layout:
  """Where a dataset has which recordings.

  Attributes:
    title: Name of the dataset.
    parts: The parts of the development recordings.
    folds: Folds that are rendered unless others are requested.
    sounds: Folds of dry sounds for each fold of recordings. A fold of sounds
      that is stated for several is used by the first of them that is rendered.
    first_room: The first number of the rooms of a site, 1 if not stated.
    has_overlap: Whether names contain the number of simultaneous events.
    formats: The formats that the dataset can have.
    classes: The class map, unless another one is requested.
    csv_edition: The form of the label files, unless another one is requested.
  """

  title: str
  parts: tuple[Part, ...]
  folds: tuple[int, ...]
  sounds: Mapping[int, tuple[int, ...]]
  first_room: Mapping[str, int] = dataclasses.field(default_factory=dict)
  has_overlap: bool = False
  formats: tuple[str, ...] = ('foa', 'mic')
  classes: str = 'tau2020'
  csv_edition: str = '2020'


def _same(folds: Sequence[int]) -> dict[int, tuple[int, ...]]:
  """Each fold has the sounds of its own number."""
  return {fold: (fold,) for fold in folds}


# The published numbers of recordings are the shares. Synthetic recordings lie
# in a folder beside them; there are as many as for training.
_STARSS_PARTS = (
  Part(3, 'dev-train-sony', 40, 'sony'),
  Part(3, 'dev-train-tau', 50, 'tau'),
  Part(4, 'dev-test-sony', 30, 'sony'),
  Part(4, 'dev-test-tau', 48, 'tau'),
  Part(1, 'dev-train-synth', 90, 'synth'),
)
# Without synthetic recordings, the sounds of fold 1 are used for training.
_STARSS_SOUNDS = {
  1: (1,),
  3: (1, 2, 3, 5, 6),
  4: (4,),
  **_same(EVALUATION_FOLDS),
}

LAYOUTS: dict[str, Layout] = {
  'tau2020': Layout(
    'TAU-NIGENS Spatial Sound Events 2020',
    parts=tuple(Part(fold, site=f'{fold}') for fold in DEVELOPMENT_FOLDS),
    folds=DEVELOPMENT_FOLDS,
    sounds=_same(DEVELOPMENT_FOLDS + EVALUATION_FOLDS),
    has_overlap=True,
  ),
  'tau2021': Layout(
    'TAU-NIGENS Spatial Sound Events 2021',
    parts=(
      *(Part(fold, 'dev-train', site=f'{fold}') for fold in (1, 2, 3, 4)),
      Part(5, 'dev-val', site='5'),
      Part(6, 'dev-test', site='6'),
    ),
    folds=DEVELOPMENT_FOLDS,
    sounds=_same(DEVELOPMENT_FOLDS + EVALUATION_FOLDS),
    classes='tau2021',
    csv_edition='2021',
  ),
  'starss23': Layout(
    'STARSS23',
    parts=_STARSS_PARTS,
    folds=(3, 4),
    sounds=_STARSS_SOUNDS,
    first_room={'sony': 21},
    classes='starss',
    csv_edition='2023',
  ),
  'dcase2025': Layout(
    'the DCASE2025 Task3 Stereo SELD Dataset',
    parts=_STARSS_PARTS,
    folds=(3, 4),
    sounds=_STARSS_SOUNDS,
    first_room={'sony': 21},
    formats=('stereo',),
    classes='starss',
    csv_edition='2025',
  ),
}


def sounds_of(
  layout: Layout, folds: Sequence[int] | None
) -> dict[int, tuple[int, ...]]:
  """The folds of dry sounds for each fold of recordings.

  Args:
    layout: The layout.
    folds: The folds of development recordings; None for those of the layout.

  Returns:
    Folds of sounds by fold of recordings. No fold of sounds occurs twice.

  Raises:
    InputError: The layout has no such fold.
  """
  known = sorted({*layout.sounds})
  chosen = [*(layout.folds if folds is None else sorted({*folds}))]
  for fold in chosen:
    if fold not in known:
      raise InputError(
        f'The layout of {layout.title} has the folds '
        f'{", ".join(map(str, known))}, got {fold} (--folds).'
      )
  if folds is None:
    chosen += EVALUATION_FOLDS
  taken: set[int] = set()
  sounds = {}
  for fold in chosen:
    own = tuple(one for one in layout.sounds[fold] if one not in taken)
    taken.update(own)
    sounds[fold] = own
  return sounds
