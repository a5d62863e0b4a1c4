"""What a run directory holds, checked field by field when it is read.

Run directories are copied between machines and people, so nothing in them is
trusted: a file that no training can have written is refused in one sentence.
"""

import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from seld_jax import config as config_lib
from seld_jax import evaluate, json_files, metrics
from seld_jax.errors import InputError, shown
from seld_jax.runs import records

# The splits in metrics.jsonl.
SPLITS = ('train', 'validation', 'test', 'train_fold')

# Fields of config.json that say what the predictions of a run are about.
_NEEDED = ('data.root', 'data.classes', 'features.format')

_FORMATS = ('foa', 'mic', 'stereo')

# Names of results: a purpose, and for a second window its length.
_NAME = r'^(validation|test|evaluation)(_[0-9.e+-]+s)?$'

# Label frames of a recording: about eleven days.
_MOST_FRAMES = 10**7

# Classes of a run, as in an export. Tables of pairs of classes are in memory.
_MOST_CLASSES = 5000

# Any integer up to here is a float as well.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# The error rate divides by 2.2e-16 if the reference has no event. A page and a
# figure must be able to show a score.
_Finite = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]
_Number = _Finite | None
# The limit of finite losses, which are below 1e39 in float32.
_MOST_VALUE = 1e100


_Frames = Annotated[int, msgspec.Meta(ge=0, le=_MOST_FRAMES)]


@functools.cache
def _scores_type(edition: str) -> type:
  """The fields of `evaluate.evaluate_predictions` that are read again."""
  names = metrics.main_scores(edition)
  group = msgspec.defstruct(
    'Group',
    [
      ('reference_segments', _Count),
      *((name, _Number, None) for name in names),
    ],
  )
  intervals = dict[str, tuple[_Finite, _Finite] | None]
  num_frames = _Frames | Annotated[list[_Frames], msgspec.Meta(min_length=1)]
  # A field with a default may be missing, but not be null.
  return msgspec.defstruct(
    'Scores',
    [
      *((name, _Number) for name in names),
      ('intervals', intervals, None),
      ('num_frames', num_frames, None),
      *((key, dict[str, group], None) for key in evaluate.BREAKDOWNS.values()),
    ],
  )


class _Result(TypedDict):
  """A test in windows of one length."""

  name: Annotated[str, msgspec.Meta(pattern=_NAME)]
  folds: list[int]
  rooms: NotRequired[list[str]]
  selected_on: NotRequired[bool]
  window_seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)]
  num_recordings: _Count
  predictions: Annotated[str, msgspec.Meta(min_length=1)]
  scores: dict[str, Any] | None


class _ScoresFile(TypedDict):
  """scores.json."""

  selected_step: _Count
  num_steps: _Count
  num_parameters: NotRequired[_Count | None]
  selection: str
  edition: NotRequired[str]
  results: list[_Result]


@dataclasses.dataclass(frozen=True)
class Run:
  """The contents of the directory of a finished run.

  Attributes:
    workdir: The directory.
    config: The configuration, from config.json.
    scores: The selected checkpoint and its scores, from scores.json.
    records: Losses and scores over the steps, from metrics.jsonl.

  Example:
    >>> import pathlib
    >>> from seld_jax import runs
    >>> run = runs.Run(pathlib.Path('run'), {}, {'selected_step': 4}, [])
    >>> run.scores['selected_step']
    4
  """

  workdir: pathlib.Path
  config: Mapping[str, Any]
  scores: Mapping[str, Any]
  records: list[dict[str, Any]]


def read_run(workdir: str | os.PathLike[str]) -> Run:
  """Reads the directory of a finished run.

  Fields of config.json that this version does not know are kept, so that the
  runs of a later version can be shown.

  Args:
    workdir: The directory.

  Returns:
    Its contents.

  Raises:
    InputError: config.json or scores.json is missing, or a file is damaged or
      not one that a training writes.

  See Also:
    `read_config`, for runs whose network is used, and which may be unfinished.

  Example:
    >>> import json, pathlib
    >>> from seld_jax import config, runs
    >>> workdir = pathlib.Path('finished')
    >>> workdir.mkdir()
    >>> settings = config.to_dict(config.default())
    >>> _ = (workdir / 'config.json').write_text(json.dumps(settings))
    >>> scores = {'selected_step': 4, 'num_steps': 6, 'selection': 'best score'}
    >>> scores['results'] = []
    >>> _ = (workdir / 'scores.json').write_text(json.dumps(scores))
    >>> runs.read_run(workdir).scores['selected_step']
    4
  """
  workdir = pathlib.Path(workdir)
  for name in ('config.json', 'scores.json'):
    if not (workdir / name).is_file():
      raise InputError(
        f'{workdir} has no {name}, so it holds no finished run; run '
        f'`python -m seld_jax.main --config=CONFIG --workdir={workdir}` first. '
        'The same command resumes a run that was stopped.'
      )
  return Run(
    workdir,
    read_values(workdir / 'config.json'),
    read_scores(workdir),
    read_curves(workdir / records.METRICS),
  )


def read_config(workdir: str | os.PathLike[str]) -> config_lib.Config:
  """Reads the configuration of a run whose network is used.

  Args:
    workdir: The run directory; the run may be unfinished.

  Returns:
    The configuration. Fields that are missing have their defaults.

  Raises:
    InputError: It is missing, damaged, or not valid in this version.

  Example:
    >>> from seld_jax import config, runs
    >>> runs.write_config('run', config.default())
    >>> runs.read_config('run').features.format
    'foa'
  """
  workdir = pathlib.Path(workdir)
  path = workdir / 'config.json'
  if workdir.exists() and not workdir.is_dir():
    raise InputError(f'{workdir} is a file, but a run directory is needed.')
  if not workdir.is_dir():
    raise InputError(
      f'{workdir} does not exist, but a run directory is needed: the --workdir '
      'of a training.'
    )
  if (workdir / 'model.safetensors').is_file():
    raise InputError(
      f'{workdir} is a network to share, from seld_jax.save_pretrained, but a '
      'run directory is needed: the --workdir of a training.'
    )
  if not path.is_file():
    raise InputError(
      f'{workdir} has no config.json, so it holds no run; give the folder that '
      'was the --workdir of a training.'
    )
  values = json_files.read(path)
  try:
    config = config_lib.from_dict(values)
    config_lib.validate(config, num_devices=1, for_training=False)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  _check_classes(config, path)
  return config


def read_scores(workdir: str | os.PathLike[str]) -> dict[str, Any]:
  """Reads the scores of a finished run.

  Args:
    workdir: The run directory.

  Returns:
    The content of scores.json.

  Raises:
    InputError: The file is missing, damaged, or not one that a training writes.

  Example:
    >>> import json
    >>> from seld_jax import files, runs
    >>> scores = {'selected_step': 4, 'num_steps': 6, 'selection': 'best score'}
    >>> files.write_text('scores.json', json.dumps(scores | {'results': []}))
    >>> runs.read_scores('.')['selection']
    'best score'
  """
  path = pathlib.Path(workdir) / 'scores.json'
  try:
    values = json_files.read(path)
    json_files.check(values, _ScoresFile, path)
    _check_results(values, path)
  except InputError as error:
    raise InputError(
      f'{error} Delete the file, and start the training command again: it '
      'repeats the test.'
    ) from error
  return values


def edition_of(scores: Mapping[str, Any]) -> str:
  """The edition of the challenge whose scores a run has.

  Args:
    scores: The content of scores.json.

  Returns:
    The year; 2020 for a run of a version that knew no other.

  Example:
    >>> from seld_jax import runs
    >>> runs.edition_of({'edition': '2022'}), runs.edition_of({})
    ('2022', '2020')
  """
  return scores.get('edition', '2020')


def predictions_folder(
  workdir: str | os.PathLike[str], result: Mapping[str, Any]
) -> pathlib.Path:
  """The folder with the CSV files of a result, which is inside of the run.

  Args:
    workdir: The run directory.
    result: One of the `results` of scores.json.

  Returns:
    The folder, which need not exist.

  Raises:
    InputError: It is outside of the run directory.

  Example:
    >>> from seld_jax import runs
    >>> result = {'name': 'test', 'predictions': 'predictions/test'}
    >>> runs.predictions_folder('run', result).as_posix()
    'run/predictions/test'
    >>> runs.predictions_folder('run', {'predictions': '/home'})
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: run/scores.json names the predictions /home,
    which are outside of run; only files of a run are read as its predictions.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / result['predictions']
  if not is_inside(workdir, path):
    raise InputError(
      f'{workdir / "scores.json"} names the predictions '
      f'{result["predictions"]}, which are outside of {workdir}; only files of '
      'a run are read as its predictions.'
    )
  return path


def is_inside(
  folder: str | os.PathLike[str], path: str | os.PathLike[str]
) -> bool:
  """Whether a path is in a folder when all symbolic links are followed.

  Args:
    folder: The folder.
    path: The path, which need not exist.

  Returns:
    True or False.

  Example:
    >>> from seld_jax import runs
    >>> runs.is_inside('run', 'run/a.csv'), runs.is_inside('run', 'run/../b')
    (True, False)
  """
  # Unlike pathlib.Path.resolve, this does not raise on a loop of links.
  inner, outer = os.path.realpath(path), os.path.realpath(folder)
  return pathlib.Path(inner).is_relative_to(outer)


def _check_results(values: Mapping[str, Any], path: pathlib.Path) -> None:
  """Checks that the scores of all results are those of the run's edition."""
  edition = edition_of(values)
  if edition not in metrics.EDITIONS:
    raise InputError(
      f'{path}: edition must be one of {", ".join(metrics.EDITIONS)}, got '
      f'{shown(edition)}.'
    )
  for number, result in enumerate(values['results']):
    scores = result['scores']
    if scores is None:
      continue
    where = f'{path}: results[{number}].scores'
    if (own := scores.get('edition', edition)) != edition:
      raise InputError(
        f'{where} are of edition {shown(own)}, but the run has edition '
        f'{edition}.'
      )
    json_files.check(scores, _scores_type(edition), where)


def read_values(path: pathlib.Path) -> dict[str, Any]:
  """Reads config.json and checks the fields that this version knows."""
  values = json_files.read(path)
  for field in _NEEDED:
    inside: Any = values
    for key in field.split('.'):
      if not isinstance(inside, dict) or key not in inside:
        raise InputError(
          f'{path} has no field {field}, which a report needs; restore it from '
          'checkpoints/config.json.'
        )
      inside = inside[key]
  try:
    config = config_lib.from_dict(values, skip_unknown=True)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  _check_classes(config, path)
  if config.features.format not in _FORMATS:
    raise InputError(
      f'{path}: features.format must be one of {", ".join(_FORMATS)}, got '
      f'{config.features.format!r}.'
    )
  return values


def _check_classes(config: config_lib.Config, path: pathlib.Path) -> None:
  """Raises InputError for no classes, and for absurdly many."""
  if not 0 < len(config.data.classes) <= _MOST_CLASSES:
    raise InputError(
      f'{path}: data.classes must have 1 to {_MOST_CLASSES} classes, got '
      f'{len(config.data.classes)}.'
    )


def read_curves(path: pathlib.Path) -> list[dict[str, Any]]:
  """Reads metrics.jsonl: numbers by name for a step and a split."""
  found = records.read_records(path)
  for number, record in enumerate(found, 1):
    source = f'{path}, line {number}'
    if record.get('split') not in SPLITS:
      raise InputError(
        f'{source}: split must be one of {", ".join(SPLITS)}, got '
        f'{shown(record.get("split"))}.'
      )
    for name, value in record.items():
      if name != 'split':
        where = f'{source}, {shown(name)}'
        number = json_files.check(value, float | None, where)
        # A loss of a validation may be infinite, and is then not drawn.
        if number is not None and _MOST_VALUE < abs(number) < math.inf:
          raise InputError(
            f'{where}: expected a float from {-_MOST_VALUE:g} to '
            f'{_MOST_VALUE:g}, got {number:g}.'
          )
  return found
