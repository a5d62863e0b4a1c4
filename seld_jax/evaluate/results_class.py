"""The class `ComputeSELDResults` of the published code, for all editions."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import pairs

_log = logging.getLogger(__name__)

# Where the number of a room is in the name of a file.
_PLACES = {'room': 10}

# Keys of the parameters that only the published code of an edition reads.
_KEYS = {
  '2025': ('lad_req_onscreen', 'nb_classes'),
  '2024': (
    'segment_based_metrics',
    'evaluate_distance',
    'lad_dist_thresh',
    'lad_reldist_thresh',
  ),
  '2023': ('average',),
}


class ComputeSELDResults:
  """Scores folders of label files as the published results class does.

  A program that uses this class of the published code of 2021 to 2025 needs to
  change one import; params are those of its `parameters` module. The published
  code of 2020 has a script instead of a class.

  Args:
    params: A dictionary. It needs `lad_doa_thresh`, the number of classes
      (`unique_classes`, a number or a dictionary of classes, or `nb_classes` of
      2025), and `average` since 2022; and `dataset_dir` (`root_dir` in 2025)
      unless `ref_files_folder` is given. `label_hop_len_s` and
      `max_audio_len_s` are read if they are there. 2024 reads
      `segment_based_metrics` (True if missing), `evaluate_distance` (False),
      `lad_dist_thresh` and `lad_reldist_thresh` (no limit), and 2025 the latter
      two, `lad_req_onscreen` and `modality`.
    ref_files_folder: Folder of the reference files, in subfolders or not; None
      for `metadata_dev` in the dataset.
    use_polar_format: Whether angles are computed from azimuth and elevation up
      to 2023; False computes them from vectors.
    edition: The edition whose class this is, `'2020'` to `'2025'`. None means
      the one that reads the keys of `params`: `lad_req_onscreen` or
      `nb_classes` is 2025; `segment_based_metrics`, `evaluate_distance`,
      `lad_dist_thresh` or `lad_reldist_thresh` is 2024; `average` is 2022 and
      2023, whose scores are the same; without them it is 2021.

  Raises:
    InputError: A parameter is missing or not possible, or a reference cannot be
      read.

  Example:
    >>> from seld_jax import labels
    >>> from seld_jax.evaluate import ComputeSELDResults
    >>> front = labels.from_dense(np.ones((50, 1)), np.full((50, 1, 3), 1.0))
    >>> labels.write_csv('set/metadata_dev/dev-test/mix1.csv', front)
    >>> labels.write_csv('predictions/mix1.csv', front)
    >>> params = {
    ...   'dataset_dir': 'set', 'unique_classes': 1, 'lad_doa_thresh': 20,
    ...   'average': 'macro',
    ... }
    >>> score_obj = ComputeSELDResults(params)
    >>> ER, F, LE, LR, seld_scr, classwise = score_obj.get_SELD_Results(
    ...   'predictions'
    ... )
    >>> round(ER, 3), round(F, 3), classwise.shape
    (0.0, 1.0, (5, 1))
  """

  def __init__(
    self,
    params: Mapping[str, Any],
    ref_files_folder: str | os.PathLike[str] | None = None,
    use_polar_format: bool = True,
    *,
    edition: str | int | None = None,
  ):
    edition = str(edition or _edition_of(params))
    hop = _number(params, 'label_hop_len_s', 0.1)
    # Published frames of a second and of a recording are rounded down.
    second = int(1 / hop + 1e-9) if 0 < hop <= 1 else 0
    if second < 1:
      raise InputError(
        f'label_hop_len_s must be above 0 and at most 1 second, got {hop}.'
      )
    self._options = _options(params, edition, use_polar_format, second)
    longest = _number(params, 'max_audio_len_s', 60)
    if not 0 < longest < np.inf:
      raise InputError(
        f'max_audio_len_s must be above 0 and finite, got {longest:g}.'
      )
    self._longest = int(longest / hop + 1e-9)
    self.segment_level: bool = not self._options.has_frames
    self.evaluate_distance: bool = 'DistE' in self._options.names
    if ref_files_folder is None:
      root = 'root_dir' if edition == '2025' else 'dataset_dir'
      if root not in params and 'dataset_dir' in params:
        root = 'dataset_dir'
      ref_files_folder = pathlib.Path(_needed(params, root), 'metadata_dev')
    self._folder = pathlib.Path(ref_files_folder)
    paths = pairs.csv_files(self._folder)
    if not paths:
      raise InputError(
        f'{self._folder} holds no CSV files; ref_files_folder must be the '
        'folder of the reference files.'
      )
    # The published code of 2024 converts the centimetres of references, and of
    # nothing else.
    unit = 0.01 if edition == '2024' else 1.0
    found = self._read(paths.values(), role='reference', distance_scale=unit)
    self._references = dict(zip(paths, found, strict=True))

  def get_SELD_Results(
    self, pred_files_path: str | os.PathLike[str], is_jackknife: bool = False
  ) -> tuple[Any, ...]:
    """Scores a folder of predictions.

    As in the published code, references without a file of predictions are left
    out.

    Args:
      pred_files_path: The folder.
      is_jackknife: Whether confidence intervals of 95 % are returned, too.

    Returns:
      - up to 2021: ER, F, LE, LR and the SELD score;
      - 2022 and 2023, and 2024 without distances: the same, and an array of
        these of each class, with shape `[5, classes]`;
      - 2024 with `evaluate_distance`: ER, F, AngE, DistE, RelDistE, LR, the
        SELD score, and an array with shape `[7, classes]`;
      - 2025: F, AngE, DistE, RelDistE, OnscreenAq, and an array with shape
        `[5, classes]`.

      The array is an empty list with `average='micro'`. With `is_jackknife`
      each of them is a list of it and an array of the ends of its interval,
      with shape `[2]`, or `[scores, classes, 2]` for the array. The published
      code returns the scores without one of the recordings beside the
      intervals; these are the scores of all.

    Raises:
      InputError: The folder has no CSV file, a file has no reference, or a file
        cannot be read.
    """
    counts = list(self._count(pred_files_path).values())
    if is_jackknife:
      return metrics.results.with_intervals(counts, self._options)
    return metrics.results.returned(metrics.merge(counts), self._options)

  @staticmethod
  def get_nb_files(
    file_list: Sequence[str], tag: str = 'all'
  ) -> dict[int, list[str]]:
    """Groups names of files.

    Args:
      file_list: Names of files such as `fold4_room2_mix001.csv`.
      tag: `'all'` for one group, 0, or `'room'` for a group of each first digit
        of the room.

    Returns:
      The names of each group.

    Raises:
      InputError: The tag is unknown, or a name has no digit where that of the
        room must be.
    """
    if tag != 'all' and tag not in _PLACES:
      raise InputError(f"tag must be 'all' or 'room', got {tag!r}.")
    found: dict[int, list[str]] = {}
    for name in file_list:
      digit = '0' if tag == 'all' else name[_PLACES[tag] : _PLACES[tag] + 1]
      if not digit.isdecimal():
        raise InputError(
          f'{name} has no digit of a room where fold4_room2_mix001.csv has it: '
          "rename the file, or leave 'room' out."
        )
      found.setdefault(int(digit), []).append(name)
    return found

  def get_consolidated_SELD_results(
    self,
    pred_files_path: str | os.PathLike[str],
    score_type_list: Sequence[str] = ('all', 'room'),
  ) -> dict[str, dict[int, tuple[Any, ...]]]:
    """Prints the scores of all files, and of the files of each room.

    Args:
      pred_files_path: The folder of predictions.
      score_type_list: Tags of `get_nb_files`.

    Returns:
      The results of each group by tag, as `get_SELD_Results` returns them. The
      published code prints them only.

    Raises:
      InputError: As for `get_SELD_Results` and `get_nb_files`.
    """
    counts = self._count(pred_files_path)
    results: dict[str, dict[int, tuple[Any, ...]]] = {}
    # The published method exists to print; a program that calls it expects it.
    print(
      f'Number of predicted files: {len(counts)}\n'
      f'Number of reference files: {len(self._references)}'
    )
    for tag in score_type_list:
      results[tag] = {}
      groups = self.get_nb_files([f'{name}.csv' for name in counts], tag=tag)
      for group in sorted(groups):
        some = [counts[name.removesuffix('.csv')] for name in groups[group]]
        values = metrics.results.returned(metrics.merge(some), self._options)
        results[tag][group] = values
        title = 'all files' if tag == 'all' else f'{tag} {group}'
        shown = zip(self._options.names, values, strict=False)
        print(
          f'\nScores of {title} ({len(some)}): '
          + ', '.join(f'{name} {value:.3f}' for name, value in shown)
        )
    return results

  def _count(self, pred_files_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Counts each recording of a folder, by its name."""
    paths = pairs.csv_files(pred_files_path)
    if not paths:
      raise InputError(
        f'{pred_files_path} holds no CSV files; it must be the folder of the '
        'predicted files.'
      )
    for name, path in paths.items():
      if name not in self._references:
        raise InputError(
          f'{path} has no reference: {self._folder} holds no {name}.csv.'
        )
    if left_out := len(self._references) - len(paths):
      _log.info(
        '%d of %d references have no predictions in %s and are left out.',
        left_out,
        len(self._references),
        pred_files_path,
      )
    found = self._read(paths.values(), role='prediction')
    references = [self._references[name] for name in paths]
    lengths = [self._longest] * len(paths)
    if self._options.edition > '2021':
      lengths = [
        metrics.published_num_frames(self._options.edition, one)
        for one in references
      ]
    counts = metrics.results.count_each(
      list(zip(references, found, strict=True)),
      lengths,
      self._options,
      names=list(paths),
    )
    return dict(zip(paths, counts, strict=True))

  def _read(
    self, paths: Any, *, role: str, distance_scale: float = 1.0
  ) -> list[labels.Events]:
    """Reads files, which are not mended, as in the published code."""
    found, _ = labels.read_csv_files(
      list(paths),
      role=role,
      edition=self._options.edition,
      num_classes=self._options.num_classes,
      distance_scale=distance_scale,
      mend=False,
    )
    return found


def _edition_of(params: Mapping[str, Any]) -> str:
  """The edition whose published code reads the keys of these parameters."""
  for edition, keys in _KEYS.items():
    if any(key in params for key in keys):
      return edition
  return '2021'


def _needed(params: Mapping[str, Any], *keys: str) -> Any:
  """The value of the first of these keys that is there."""
  for key in keys:
    if key in params:
      return params[key]
  raise InputError(
    f'params needs {" or ".join(map(repr, keys))}, as the published parameters '
    f'have; it has {", ".join(map(str, params)) or "no keys"}.'
  )


def _options(
  params: Mapping[str, Any], edition: str, polar: bool, second: int
) -> metrics.results.Options:
  """What the published class of an edition reads from its parameters."""
  keys = 'unique_classes', 'nb_classes'
  classes = _needed(params, *(reversed(keys) if edition == '2025' else keys))
  with contextlib.suppress(TypeError):
    classes = len(classes)  # or a mapping from names to indices
  chosen: dict[str, Any] = {
    'num_classes': int(_as_number(keys[0], classes)),
    'doa_threshold': _number(params, 'lad_doa_thresh'),
    'segment_frames': second,
  }
  if edition <= '2023':
    chosen['polar'] = polar
  else:
    chosen['distance_threshold'] = _number(params, 'lad_dist_thresh', np.inf)
    chosen['relative_threshold'] = _number(params, 'lad_reldist_thresh', np.inf)
  if edition >= '2022':
    chosen['average'] = _needed(params, 'average')
  if edition == '2024':
    chosen['by_segment'] = bool(params.get('segment_based_metrics', True))
    chosen['with_distances'] = bool(params.get('evaluate_distance', False))
    if chosen['by_segment'] and chosen['with_distances']:
      raise InputError(
        'Segments have no scores of distances: set segment_based_metrics or '
        'evaluate_distance to False in params.'
      )
  if edition == '2025':
    needs_screen = bool(_needed(params, 'lad_req_onscreen'))
    if needs_screen and params.get('modality') == 'audio':
      _log.warning(
        "lad_req_onscreen is True, but modality is 'audio', and sound does not "
        'tell what is on screen: it is taken as False.'
      )
      needs_screen = False
    chosen['require_onscreen'] = needs_screen
  return metrics.results.Options(edition, **chosen)


def _number(
  params: Mapping[str, Any], key: str, default: float | None = None
) -> float:
  """A parameter as a number; it is needed if it has no default."""
  if default is None:
    return _as_number(key, _needed(params, key))
  return _as_number(key, params.get(key, default))


def _as_number(key: str, value: Any) -> float:
  try:
    number = float(value)
  except (TypeError, ValueError):
    number = np.nan
  if np.isnan(number):
    raise InputError(f'{key} must be a number, got {value!r}.')
  return number
