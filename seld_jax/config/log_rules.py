"""Checks which trackers show a run."""

import re

from seld_jax import trackers
from seld_jax.config.field_types import check, one_of
from seld_jax.config.types import Config
from seld_jax.errors import shown


def check_log(config: Config) -> None:
  """Checks the trackers, and the name of their project.

  Args:
    config: The configuration.

  Raises:
    InputError: A tracker is unknown or named twice, metrics.jsonl is left out,
      or the project has a name that some trackers refuse.
  """
  names, project = tuple(config.log.to), config.log.project
  for index, name in enumerate(names):
    one_of(f'log.to[{index}]', name, trackers.NAMES)
  check(
    trackers.JSONL in names,
    f'log.to must contain {trackers.JSONL!r}, got {shown(names)}: a run '
    'resumes from its metrics.jsonl, and its report shows it.',
  )
  check(
    len(set(names)) == len(names),
    f'log.to must name each tracker once, got {shown(names)}.',
  )
  check(
    bool(re.fullmatch(r'[A-Za-z0-9_.-]{1,128}', project)),
    'log.project must have 1 to 128 letters, digits, dots, dashes and '
    f'underscores, got {shown(project)}.',
  )
