"""What the pages about finished and about unfinished runs both show."""

import inspect
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import figures, outputs
from seld_jax.report import page


def name_of(workdir: str | os.PathLike[str]) -> str:
  """The name of the directory: runs of configs/NAME.py are in runs/NAME."""
  return pathlib.Path(workdir).resolve().name


def facts(
  workdir: str | os.PathLike[str], config: Mapping[str, Any]
) -> dict[str, str]:
  """The most important settings of a run, by name.

  Args:
    workdir: The run directory.
    config: Its configuration.

  Returns:
    Texts: `run`, `features`, `output`, `classes` and `data`.
  """
  settings = ', '.join(
    f'{key} {value}' for key, value in config['features'].items()
  )
  classes = config['data']['classes']
  return {
    'run': name_of(workdir),
    'features': settings,
    'output': _output(config, num_classes=len(classes)),
    'classes': f'{len(classes)}: {", ".join(classes)}',
    'data': config['data']['root'],
  }


def curves(
  workdir: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  *,
  caption: str,
  selected_step: int | None = None,
) -> str:
  """Writes the figure of the learning curves, and embeds it.

  Args:
    workdir: The run directory, whose folder `figures` gets the files.
    records: Lines of metrics.jsonl.
    caption: The text below the figure.
    selected_step: The step whose checkpoint was selected.

  Returns:
    HTML.
  """
  images = page.write_figure(
    lambda dark: figures.plot_learning_curves(
      records, selected_step=selected_step, dark=dark
    ),
    folder=workdir / 'figures',
    name='learning_curves',
  )
  return page.figure(
    *images,
    caption=caption,
    alt='Learning curves: losses of training and validation, and scores of the '
    'validation, over the steps, each in its own panel',
  )


def configuration(config: Mapping[str, Any]) -> str:
  """All fields of a configuration, which the reader can unfold."""
  text = page.escape(json.dumps(config, indent=2))
  return page.fold('Show all fields', f'<pre>{text}</pre>')


def _output(config: Mapping[str, Any], *, num_classes: int) -> str:
  """The output format of a run and those of its options that it uses."""
  # Runs of the first version are class-wise and have no such fields.
  fields = {'format': 'class_wise', **config.get('output', {})}
  name = fields.pop('format')
  # Runs of a later version may have more fields.
  known = inspect.signature(outputs.make).parameters
  fields = {key: one for key, one in fields.items() if key in known}
  format = outputs.make(name, num_classes=num_classes, **fields)
  values = outputs.options(format)
  hidden = ('name', 'num_classes', 'weights')
  options = (f'{key} {one}' for key, one in values.items() if key not in hidden)
  return ', '.join([format.name, *options])
