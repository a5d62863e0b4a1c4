"""Checks which recordings train a network, select a checkpoint, and test it."""

from seld_jax.config.field_types import check
from seld_jax.config.types import Config


def check_purposes(config: Config) -> None:
  """Checks that every fold has one purpose, and that one choice is made.

  Args:
    config: The configuration.

  Raises:
    InputError: Folds have two purposes, or two fields choose the recordings
      that select the checkpoint.
  """
  data = config.data
  folds = {
    'train_folds': set(data.train_folds),
    'validation_folds': set(data.validation_folds),
    'test_folds': set(data.test_folds),
  }
  check(bool(data.train_folds), 'data.train_folds must not be empty.')
  for first, second in (
    ('train_folds', 'validation_folds'),
    ('train_folds', 'test_folds'),
    ('validation_folds', 'test_folds'),
  ):
    shared = folds[first] & folds[second]
    check(
      not shared,
      f'data.{first} and data.{second} share the folds {sorted(shared)}: '
      'remove them from one of the two.',
    )
  check(
    'test' not in config.eval.watch or bool(data.test_folds),
    "eval.watch contains 'test', but data.test_folds is empty: remove 'test' "
    'or name test folds.',
  )
  check(
    0 <= data.validation_share < 1,
    'data.validation_share must be at least 0 and below 1, got '
    f'{data.validation_share}.',
  )
  check(
    bool(data.test_folds) or not config.eval.select_on_test,
    'eval.select_on_test selects the checkpoint on the test folds, but '
    'data.test_folds is empty: name test folds, or set '
    '--config.eval.select_on_test=False.',
  )
  _check_selection(config)


def _check_selection(config: Config) -> None:
  """Checks that only one field chooses what selects the checkpoint."""
  empty = {
    'data.validation_folds': "'()'",
    'data.validation_rooms': "'()'",
    'data.validation_share': '0',
    'eval.select_on_test': 'False',
  }
  chosen = [
    path
    for path in empty
    if config[path.partition('.')[0]][path.partition('.')[2]]
  ]
  # A config or the defaults may have set the field that has to go.
  remedies = [f'--config.{path}={empty[path]}' for path in chosen]
  check(
    len(chosen) < 2,
    f'{" and ".join(chosen)} choose different recordings that select the '
    f'checkpoint: keep one of them, and add {" or ".join(remedies)} for the '
    f'other{"s" * (len(chosen) > 2)}.',
  )
