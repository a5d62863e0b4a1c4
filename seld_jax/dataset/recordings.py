"""Recordings of a dataset folder, as published or as others write them."""

import dataclasses
import os
import pathlib
from collections.abc import Collection

from seld_jax import labels
from seld_jax.errors import InputError

LAYOUT = (
  '{format}_dev/fold1_room1_mix001_ov1.wav, ... and '
  'metadata_dev/fold1_room1_mix001_ov1.csv, ...'
)

# What AudibleLight puts before the name of a microphone.
_SCENE_AUDIO = 'audio_out_'
_SCENE_LABELS = 'metadata_out_'


@dataclasses.dataclass(frozen=True)
class Recording:
  """One recording of a dataset.

  Attributes:
    name: File name without suffix, e.g. `fold1_room1_mix001_ov1`.
    audio: Path of the sound file.
    labels: Path of the CSV file; None where the dataset has none.
    fold: Number in the name; None where the name has none.
  """

  name: str
  audio: pathlib.Path
  labels: pathlib.Path | None
  fold: int | None


@dataclasses.dataclass(frozen=True)
class Pair:
  """A sound file and a label file that belong together, or one of them.

  Attributes:
    name: The name of the recording.
    audio: Path of the sound file, where there is one.
    labels: Path of the CSV file, where there is one.
    missing: Where the one that there is not was expected.
  """

  name: str
  audio: pathlib.Path | None
  labels: pathlib.Path | None
  missing: pathlib.Path | None


def find_recordings(
  root: str | os.PathLike[str],
  *,
  format: str = 'foa',
  folds: Collection[int] | None = None,
  split: str = 'dev',
) -> list[Recording]:
  """Lists the recordings of a dataset in the layout of TAU-NIGENS 2020.

  Sets that were made by others are found as they are: in folders within those
  of the layout, as in STARSS and AudibleLight; in `foa` (or `mic`) and
  `labels`, as SpatialScaper's example writes them; or in `foa` with the labels
  in `metadata` beside `root`, a scenario of the generator of DCASE 2022; or as
  AudibleLight's `Scene.generate` leaves them, a folder for each scene with
  `audio_out_MIC.wav` beside `metadata_out_MIC.csv` for each microphone MIC.
  There, a recording is named by its folder, and of several microphones the one
  with the format in its name is taken.

  Args:
    root: Folder that holds `foa_dev`, `mic_dev`, `metadata_dev`, `foa_eval`,
      `mic_eval` and `metadata_eval`, or those of them that are needed.
    format: `'foa'` or `'mic'`.
    folds: Folds to list; all when None.
    split: `'dev'`, or `'eval'` for the evaluation recordings, whose labels may
      be missing and whose names tell no fold.

  Returns:
    Recordings in the order of their names.

  Raises:
    InputError: A folder or a CSV file is missing, or a fold has no recording.
  """
  root = pathlib.Path(root)
  audio_folder, _ = _folders(root, format, split)
  pairs = [
    pair
    for pair in list_pairs(root, format=format, split=split)
    if pair.audio is not None
  ]
  if not pairs and not audio_folder.is_dir():
    raise InputError(
      f'{audio_folder} is missing: a dataset has {LAYOUT.format(format=format)}'
    )
  recordings: list[Recording] = []
  for pair in pairs:
    fold = labels.fold_of(pair.name)
    if pair.audio is None or (folds is not None and fold not in folds):
      continue  # a fold that is not asked for may lack labels
    if pair.labels is None and split == 'dev':
      raise InputError(
        f'{pair.audio} has no labels: {pair.missing} is missing.'
      )
    if recordings and recordings[-1].name == pair.name:
      raise InputError(
        f'{recordings[-1].audio} and {pair.audio} have the same name, which '
        'must tell recordings apart.'
      )
    recordings.append(Recording(pair.name, pair.audio, pair.labels, fold))
  folder = audio_folder if audio_folder.is_dir() else root
  return _of_folds(recordings, folds, folder)


def list_pairs(
  root: str | os.PathLike[str], *, format: str = 'foa', split: str = 'dev'
) -> list[Pair]:
  """Lists all sound files and label files, those without partner, too.

  Args:
    root: As for `find_recordings`, like all that follow.
    format: `'foa'` or `'mic'`.
    split: `'dev'` or `'eval'`.

  Returns:
    Pairs in the order of their names; none where there are no such folders.

  Raises:
    InputError: Nothing tells which microphone of a scene is meant.
  """
  root = pathlib.Path(root)
  audio_folder, label_folder = _folders(root, format, split)
  if split == 'dev' and not audio_folder.is_dir():
    scenes = _generated_scenes(root, format)
    if scenes:
      return scenes
  pairs: list[Pair] = []
  for path in audio_folder.rglob('[!.]*'):
    if path.suffix.lower() not in ('.wav', '.flac'):
      continue
    csv = label_folder / f'{path.stem}.csv'
    if not csv.is_file():
      within = path.parent.relative_to(audio_folder)
      csv = label_folder / within / f'{path.stem}.csv'
    pairs.append(_pair(path.stem, path, csv))
  partners = {pair.labels for pair in pairs}
  for csv in label_folder.rglob('[!.]*.csv'):
    if csv not in partners:
      within = csv.parent.relative_to(label_folder)
      expected = audio_folder / within / f'{csv.stem}.wav'
      pairs.append(Pair(csv.stem, None, csv, expected))
  return sorted(pairs, key=_order)


def _order(pair: Pair) -> tuple[str, str, str]:
  """By name; of one name, by the kind of file and then the folder."""
  path = pair.audio or pair.labels or pathlib.Path()
  return pair.name, path.suffix, str(path)


def _pair(name: str, audio: pathlib.Path, csv: pathlib.Path) -> Pair:
  there = csv.is_file()
  return Pair(name, audio, csv if there else None, None if there else csv)


def _of_folds(
  recordings: list[Recording],
  folds: Collection[int] | None,
  folder: pathlib.Path,
) -> list[Recording]:
  """The recordings of these folds; refuses a fold without any, or none."""
  if folds is not None:
    recordings = [entry for entry in recordings if entry.fold in folds]
  empty = sorted(set(folds or ()) - {entry.fold for entry in recordings})
  if empty:
    raise InputError(
      f'{folder} has no recording of fold {empty[0]}: expected names '
      f'like fold{empty[0]}_room1_mix001_ov1.wav.'
    )
  if not recordings:
    raise InputError(f'{folder} has no sound files (.wav or .flac).')
  return recordings


def _generated_scenes(root: pathlib.Path, format: str) -> list[Pair]:
  """What AudibleLight's `Scene.generate` wrote anywhere below a folder."""
  by_folder: dict[pathlib.Path, list[pathlib.Path]] = {}
  for path in sorted(root.rglob(f'{_SCENE_AUDIO}*.wav')):
    by_folder.setdefault(path.parent, []).append(path)
  pairs = []
  for folder, paths in sorted(by_folder.items()):
    named = [path for path in paths if format in path.stem.lower()]
    if len(paths) > 1 and len(named) != 1:
      raise InputError(
        f'{folder} holds the microphones '
        f'{", ".join(path.stem.removeprefix(_SCENE_AUDIO) for path in paths)}; '
        f'exactly one must have {format!r} in its name.'
      )
    path = named[0] if named else paths[0]
    microphone = path.stem.removeprefix(_SCENE_AUDIO)
    csv = folder / f'{_SCENE_LABELS}{microphone}.csv'
    name = '_'.join(folder.relative_to(root).parts) or folder.name
    pairs.append(_pair(name, path, csv))
  return sorted(pairs, key=_order)


def _folders(
  root: pathlib.Path, format: str, split: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """The folders of audio and of labels, as published or as others have them."""
  published = root / f'{format}_{split}', root / f'metadata_{split}'
  if published[0].is_dir() or split != 'dev' or not (root / format).is_dir():
    return published
  for folder in (root / 'labels', root / 'metadata', root.parent / 'metadata'):
    if folder.is_dir():
      return root / format, folder
  return published
