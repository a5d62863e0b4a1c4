"""Lists the recordings of a dataset folder in any of the known layouts."""

import collections
import dataclasses
import glob
import os
import pathlib
import re
import unicodedata
from collections.abc import Collection

from seld_jax import audio, labels, listing
from seld_jax.errors import InputError

LAYOUT = (
  '{format}_dev/fold1_room1_mix001_ov1.wav, ... and '
  'metadata_dev/fold1_room1_mix001_ov1.csv, ...'
)

# AudibleLight puts these before the name of a microphone in file names.
_SCENE_AUDIO = 'audio_out_'
_SCENE_LABELS = 'metadata_out_'

# Sound files of L3DAS, of its two Ambisonics microphones A and B.
_L3DAS_AUDIO = re.compile(r'(?P<name>split\d+_ov\d+_\d+)_(?P<microphone>[AB])')


@dataclasses.dataclass(frozen=True)
class Recording:
  """One recording of a dataset.

  Attributes:
    name: File name without suffix, such as `fold1_room1_mix001_ov1`, in the
      Unicode form NFC.
    audio: Path of the sound file.
    labels: Path of the CSV file; None if the dataset has none.
    fold: Fold number in the name; None if the name has none.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset
    >>> path = pathlib.Path('foa_eval/mix001.wav')
    >>> dataset.Recording('mix001', path, labels=None, fold=None).audio.name
    'mix001.wav'
  """

  name: str
  audio: pathlib.Path
  labels: pathlib.Path | None
  fold: int | None


@dataclasses.dataclass(frozen=True)
class Pair:
  """The sound file and the label file of a recording; one may be missing.

  Attributes:
    name: The name of the recording.
    audio: Path of the sound file; None if it is missing.
    labels: Path of the CSV file; None if it is missing.
    missing: Expected path of the missing file; None if both exist.
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
  """Lists the recordings of a dataset.

  The layout is that of TAU-NIGENS 2020, or one of these:

  - folders within those of the layout, as in TAU-NIGENS 2021, STARSS, the
    stereo set of 2025 and AudibleLight,
  - `foa` (or `mic`) and `labels`, as in SpatialScaper's example,
  - `foa` (or `mic`) with the labels in `metadata` beside `root`, as in a
    scenario of the generator of DCASE 2022,
  - a folder for each scene with `audio_out_MIC.wav` and `metadata_out_MIC.csv`
    for each microphone MIC, as written by AudibleLight's `Scene.generate`. The
    name of the folder is the name of the recording; if there are several
    microphones, the one with the format in its name is used,
  - folders with `data/split0_ov1_0_A.wav` and `labels/label_split0_ov1_0.csv`,
    as in task 2 of L3DAS21 to L3DAS23. The name of this recording is
    `split0_ov1_0`. Its audio is that of microphone A, to which the labels
    refer; the files of microphone B, 20 cm beside it, are not used.

  Symbolic links are followed. Hidden files and folders are ignored. Names in
  both Unicode forms are the same, and suffixes may be in upper case.

  Args:
    root: Folder that holds `foa_dev`, `mic_dev`, `stereo_dev`, `metadata_dev`,
      `foa_eval`, `mic_eval`, `stereo_eval` and `metadata_eval`; only those that
      are used must exist.
    format: `'foa'`, `'mic'` or `'stereo'`.
    folds: Folds to list; None lists all.
    split: `'dev'`, or `'eval'` for the evaluation recordings, which need
      neither labels nor a fold in their name.

  Returns:
    Recordings in the order of their names.

  Raises:
    InputError: A folder or a CSV file is missing, a fold has no recording, or
      two recordings have the same name.

  See Also: `list_pairs`, which does not require that both files exist.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset
    >>> for path in 'mine/foa_dev/fold1_a.wav', 'mine/metadata_dev/fold1_a.csv':
    ...   pathlib.Path(path).parent.mkdir(parents=True)
    ...   pathlib.Path(path).touch()
    >>> [(one.name, one.fold) for one in dataset.find_recordings('mine')]
    [('fold1_a', 1)]
  """
  root = pathlib.Path(root)
  audio_folder, label_folder = _folders(root, format, split)
  pairs = [
    pair
    for pair in list_pairs(root, format=format, split=split)
    if pair.audio is not None
  ]
  if not pairs and not audio_folder.is_dir():
    raise InputError(
      f'{audio_folder} is missing: a dataset has '
      f'{LAYOUT.format(format=format)}'
      + (
        _other_formats(root, format, split) or _packed(root, audio_folder.name)
      )
    )
  recordings: list[Recording] = []
  for pair in pairs:
    fold = labels.fold_of(pair.name)
    if pair.audio is None or (folds is not None and fold not in folds):
      continue  # labels may be missing in folds that are not listed
    if pair.labels is None and split == 'dev':
      raise InputError(
        f'{pair.audio} has no labels: {pair.missing} is missing'
        f'{_other_labels(root, label_folder, pair)}.'
      )
    if recordings and recordings[-1].name == pair.name:
      raise InputError(
        f'{recordings[-1].audio} and {pair.audio} have the same name, but each '
        'recording needs its own name: rename one of them, and its labels.'
      )
    recordings.append(Recording(pair.name, pair.audio, pair.labels, fold))
  folder = audio_folder if audio_folder.is_dir() else root
  return _of_folds(recordings, folds, folder)


def list_pairs(
  root: str | os.PathLike[str], *, format: str = 'foa', split: str = 'dev'
) -> list[Pair]:
  """Lists all sound files and label files, also those without the other file.

  Args:
    root: Folder of the dataset, as for `find_recordings`.
    format: `'foa'`, `'mic'` or `'stereo'`.
    split: `'dev'` or `'eval'`.

  Returns:
    Pairs in the order of their names; an empty list if the folders are missing.

  Raises:
    InputError: A scene has several microphones, and it is not clear which one
      to use, or a recording has two label files.

  See Also: `find_recordings` for recordings that are complete.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset
    >>> pathlib.Path('other/foa_dev').mkdir(parents=True)
    >>> pathlib.Path('other/foa_dev/fold1_a.wav').touch()
    >>> (pair,) = dataset.list_pairs('other')
    >>> pair.labels, pair.missing.name
    (None, 'fold1_a.csv')
  """
  root = pathlib.Path(root)
  audio_folder, label_folder = _folders(root, format, split)
  # The programs that write other layouts write no stereo.
  if split == 'dev' and format != 'stereo' and not audio_folder.is_dir():
    found = _generated_scenes(root, format) or _l3das_pairs(root, format)
    if found:
      return found
  tables = _by_place(label_folder)
  below: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
  for (_, name), csv in tables.items():
    below[name].append(csv)
  pairs: list[Pair] = []
  for path in audio.list_files(audio_folder, suffixes=audio.LOSSLESS_SUFFIXES):
    name, within = listing.name_of(path), path.parent.relative_to(audio_folder)
    beside, above = tables.get((_form(within), name)), tables.get(('.', name))
    if len(below[name]) == 1 and within == pathlib.Path('.'):
      above = below[name][0]
    csv = beside or above
    if beside and above and beside != above:
      raise InputError(
        f'{path} has two label files, {beside} and {above}, but each recording '
        'needs one: delete one of them.'
      )
    expected = label_folder / within / f'{path.stem}.csv'
    pairs.append(Pair(name, path, csv, None if csv else expected))
  partners = {pair.labels for pair in pairs}
  for csv in tables.values():
    if csv not in partners:
      within = csv.parent.relative_to(label_folder)
      expected = audio_folder / within / f'{csv.stem}.wav'
      pairs.append(Pair(listing.name_of(csv), None, csv, expected))
  return sorted(pairs, key=_order)


def _other_labels(root: pathlib.Path, folder: pathlib.Path, pair: Pair) -> str:
  """Says what to do about a label file that is missing."""
  tables = listing.list_files(folder, suffixes=('.csv',))
  for path in tables:
    if listing.name_of(path) == pair.name:
      return f', but {path} has its name: move it there if it has these labels'
  if not tables:
    return f', as are all labels{_packed(root, folder.name)}'
  return '; a recording without events needs an empty file'


def _packed(root: pathlib.Path, name: str) -> str:
  """Says which archive has to be unpacked to get a folder, if one is there."""
  archives = sorted(root.glob(f'{glob.escape(name)}*.zip'))
  return f'; unpack {archives[0]}' if archives else ''


def _by_place(folder: pathlib.Path) -> dict[tuple[str, str], pathlib.Path]:
  """The CSV files of a folder, by the folder they are in and their name."""
  found: dict[tuple[str, str], pathlib.Path] = {}
  for path in listing.list_files(folder, suffixes=('.csv',)):
    within = _form(path.parent.relative_to(folder))
    other = found.setdefault((within, listing.name_of(path)), path)
    if other != path:
      raise InputError(
        f'{other} and {path} have the same name, but each recording needs one '
        'label file: delete one of them.'
      )
  return found


def _form(folder: pathlib.Path) -> str:
  """The name of a folder in NFC, as in the names of recordings."""
  return unicodedata.normalize('NFC', folder.as_posix())


def _order(pair: Pair) -> tuple[str, str, str]:
  """Sorting key: the name, then the suffix, then the path."""
  path = pair.audio or pair.labels or pathlib.Path()
  return pair.name, path.suffix, str(path)


def _of_folds(
  recordings: list[Recording],
  folds: Collection[int] | None,
  folder: pathlib.Path,
) -> list[Recording]:
  """The recordings of these folds; refuses empty folds and empty folders."""
  if folds is not None:
    recordings = [entry for entry in recordings if entry.fold in folds]
  empty = sorted(set(folds or ()) - {entry.fold for entry in recordings})
  if empty:
    raise InputError(
      f'{folder} has no recording of fold {empty[0]}: expected names '
      f'like fold{empty[0]}_room1_mix001_ov1.wav; rename the files, or choose '
      'other folds (config.data.train_folds, validation_folds, test_folds).'
    )
  if not recordings:
    suffixes = ' or '.join(audio.LOSSLESS_SUFFIXES)
    raise InputError(f'{folder} has no sound files ({suffixes}).')
  return recordings


def _generated_scenes(root: pathlib.Path, format: str) -> list[Pair]:
  """The scenes below a folder that AudibleLight's `Scene.generate` wrote."""
  by_folder: dict[pathlib.Path, list[pathlib.Path]] = {}
  for path in listing.list_files(root, suffixes=('.wav',)):
    if path.name.startswith(_SCENE_AUDIO):
      by_folder.setdefault(path.parent, []).append(path)
  tables = _by_place(root) if by_folder else {}
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
    within = folder.relative_to(root)
    expected = folder / f'{_SCENE_LABELS}{microphone}.csv'
    csv = tables.get((_form(within), listing.name_of(expected)))
    name = '_'.join(within.parts) or folder.name
    name = unicodedata.normalize('NFC', name)
    pairs.append(Pair(name, path, csv, None if csv else expected))
  return sorted(pairs, key=_order)


def _l3das_pairs(root: pathlib.Path, format: str) -> list[Pair]:
  """The recordings in the folders `data` and `labels` of L3DAS."""
  if format != 'foa':
    return []
  pairs: dict[tuple[str, pathlib.Path], Pair] = {}
  tables: dict[pathlib.Path, dict[tuple[str, str], pathlib.Path]] = {}
  for path in listing.list_files(root, suffixes=audio.LOSSLESS_SUFFIXES):
    match = _L3DAS_AUDIO.fullmatch(listing.name_of(path))
    if match is None or path.parent.name != 'data':
      continue
    folder, name = path.parent.parent, match['name']
    if folder not in tables:
      tables[folder] = _by_place(folder / 'labels')
    expected = folder / 'labels' / f'label_{name}.csv'
    csv = tables[folder].get(('.', expected.stem))
    if match['microphone'] == 'A':
      missing = None if csv else expected
      pairs[name, folder] = Pair(name, path, csv, missing)
    else:
      other = path.with_name(f'{name}_A{path.suffix}')
      pairs.setdefault((name, folder), Pair(name, None, csv, other))
  partners = {pair.labels for pair in pairs.values()}
  for folder, found in tables.items():
    for (_, stem), csv in found.items():
      name = stem.removeprefix('label_')
      if csv not in partners:
        expected = folder / 'data' / f'{name}_A.wav'
        pairs[name, csv.parent] = Pair(name, None, csv, expected)
  return sorted(pairs.values(), key=_order)


def _folders(
  root: pathlib.Path, format: str, split: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """The folders of audio and of labels in the first layout that exists."""
  published = root / f'{format}_{split}', root / f'metadata_{split}'
  if published[0].is_dir() or split != 'dev' or not (root / format).is_dir():
    return published
  for folder in (root / 'labels', root / 'metadata', root.parent / 'metadata'):
    if folder.is_dir():
      return root / format, folder
  return published


def _other_formats(root: pathlib.Path, format: str, split: str) -> str:
  """Says which audio formats a dataset has instead of the one asked for."""
  others = [
    other
    for other in ('foa', 'mic', 'stereo')
    if other != format and (root / f'{other}_{split}').is_dir()
  ]
  if not others:
    return ''
  folders = ' and '.join(f'{other}_{split}' for other in others)
  text = f'; {root} has {folders}: choose a config of that format'
  if format == 'stereo' and 'foa' in others:
    text += (
      ', or make stereo clips: python -m seld_jax.synthesize '
      f'--from_foa={root} --out=FOLDER'
    )
  return text
