"""What a run says about its predictions: edition, classes, and their columns.

A finished run has its predictions in `RUN/predictions/NAME`, beside
`RUN/config.json` and `RUN/scores.json`.
"""

import dataclasses
import os
import pathlib
from typing import Any

from seld_jax import json_files, labels, metrics
from seld_jax.errors import InputError, shown


@dataclasses.dataclass(frozen=True)
class RunSettings:
  """Settings of the run that wrote a folder of predictions.

  Attributes:
    edition: The edition of the challenge whose scores the run has.
    class_names: The names of its classes.
    form: Form of its predictions if they have distances, otherwise None.
    label_unit: Unit of the distances in its labels, a key of `UNITS`; None if
      it is that of the form of the files. Its predictions have the unit of
      their form.

  Example:
    >>> from seld_jax import evaluate
    >>> evaluate.RunSettings('2022', ('dog', 'piano'), None).edition
    '2022'
  """

  edition: str
  class_names: tuple[str, ...]
  form: str | None
  label_unit: str | None = None


def settings_of_run(predictions: str | os.PathLike[str]) -> RunSettings | None:
  """Reads the settings of the run that wrote some predictions.

  Args:
    predictions: A folder of CSV files.

  Returns:
    The settings; None if the folder is not that of a run.

  Raises:
    InputError: It is the folder of a run whose config.json is damaged.

  Example:
    >>> from seld_jax import evaluate, files
    >>> text = '{"data": {"classes": ["dog"]}, "eval": {"edition": "2022"}}'
    >>> files.write_text('run/config.json', text)
    >>> files.write_text('run/scores.json', '{}')
    >>> settings = evaluate.settings_of_run('run/predictions/test')
    >>> settings.edition, settings.class_names
    ('2022', ('dog',))
    >>> evaluate.settings_of_run('elsewhere')
  """
  parent = pathlib.Path(os.path.realpath(predictions)).parent
  workdir = parent.parent
  if parent.name != 'predictions' or not all(
    (workdir / name).is_file() for name in ('config.json', 'scores.json')
  ):
    return None
  path = workdir / 'config.json'
  config = json_files.read(path)
  classes = _field(config, 'data', 'classes')
  edition = _field(config, 'eval', 'edition') or '2020'
  if (
    # A list, because only strings can be looked up in a dictionary.
    edition not in list(metrics.EDITIONS)
    or not isinstance(classes, list)
    or not classes
    or not all(isinstance(name, str) for name in classes)
  ):
    raise InputError(
      f'{path}: eval.edition must be one of {", ".join(metrics.EDITIONS)}, and '
      f'data.classes must be a list of names, got {shown(edition)} and '
      f'{shown(classes)}; restore the file from checkpoints/config.json.'
    )
  unit = _field(config, 'data', 'distance_unit')
  return RunSettings(
    edition,
    tuple(classes),
    form_of_predictions(config),
    unit if isinstance(unit, str) and unit else None,
  )


def form_of_predictions(config: Any) -> str | None:
  """The form of the predictions of a run.

  Args:
    config: The content of its config.json.

  Returns:
    That of 2023 if the run predicts distances; otherwise None.

  Example:
    >>> from seld_jax import evaluate
    >>> evaluate.form_of_predictions({'output': {'distance': True}})
    'polar_distance'
  """
  has_distances = _field(config, 'output', 'distance') is True
  return labels.EDITIONS['2023'][0] if has_distances else None


def _field(config: Any, section: str, name: str) -> Any:
  """A field of a configuration; None if it is not there."""
  inside = config.get(section) if isinstance(config, dict) else None
  return inside.get(name) if isinstance(inside, dict) else None
