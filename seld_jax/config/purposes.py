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


def check_new_scenes(config: Config, example: Config) -> None:
  """Checks the fields of scenes that are rendered beside the training.

  Args:
    config: The configuration.
    example: The default configuration.

  Raises:
    InputError: A field has no effect, or there are no such scenes for this
      audio.
  """
  data, feats = config.data, config.features
  name = 'data.synthesize_every_epoch'
  if not data.synthesize_every_epoch:
    for field in (f'synthesize_{one}' for one in ('reuse', 'seconds')):
      check(
        data[field] == example.data[field],
        f'data.{field} = {data[field]:g} has no effect, because {name} is 0: '
        'set it to the number of scenes to render for every epoch, or leave '
        f'data.{field} at its default, {example.data[field]:g}.',
      )
    return
  check(
    feats.format in ('foa', 'mic') and feats.num_channels in (0, 4),
    f'{name} = {data.synthesize_every_epoch} renders first-order Ambisonics '
    'and arrays of four microphones, but config.features has format = '
    f'{feats.format} and num_channels = {feats.num_channels}: set '
    f'--config.{name}=0.',
  )
  seconds = config.train.crop_frames * feats.hop_length / feats.sample_rate
  check(
    not data.synthesize_seconds or data.synthesize_seconds >= seconds,
    f'data.synthesize_seconds = {data.synthesize_seconds:g} is shorter than a '
    f'training crop of train.crop_frames = {config.train.crop_frames}: set it '
    f'to {seconds:g} or more.',
  )


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
