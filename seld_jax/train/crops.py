"""The training examples of a config, for the loop of another framework."""

from seld_jax import config as config_lib
from seld_jax import dataset
from seld_jax.errors import InputError
from seld_jax.train import prepare

# The recordings that a config may have, and the fields that select them.
_FIELDS = {
  'train': 'train_folds',
  'validation': 'validation_folds',
  'test': 'test_folds',
  'evaluation': 'evaluation=True',
}


def load_crops(
  config: config_lib.Config,
  *,
  purpose: str = 'train',
  hop_frames: int | None = None,
) -> dataset.CropSource:
  """Opens the training examples of a config for another training loop.

  Missing features are extracted first. Features stay on disk and are
  standardised with the statistics of the training recordings when they are
  read.

  Args:
    config: The configuration. An example has `train.crop_frames` feature
      frames.
    purpose: Which recordings: `'train'`, `'validation'`, `'test'` or
      `'evaluation'`, as far as the config has them.
    hop_frames: Feature frames from the start of an example to that of the next
      one; None for `train.crop_frames`.

  Returns:
    The examples, without augmentation.

  Raises:
    InputError: A field of the config is wrong, the dataset is missing or
      broken, the config has no such recordings, or they have no labels.

  Example:
    >>> from seld_jax import config, scenes, train
    >>> scenes.synthesize('data', recordings=6, seconds=1.0, num_workers=0)
    >>> options = config.default()
    >>> options.data.root = 'data'
    >>> options.train.crop_frames = 50
    >>> source = train.load_crops(options, purpose='validation')
    >>> len(source), source[0]['features'].shape
    (1, (50, 64, 7))
  """
  if purpose not in _FIELDS:
    raise InputError(
      f'purpose must be one of {", ".join(_FIELDS)}, got {purpose!r}.'
    )
  config = config_lib.resolve(config)
  config_lib.validate(config, num_devices=1)
  found, paths = prepare.extract_features(config)
  if purpose not in found:
    raise InputError(
      f'The config has no {purpose} recordings; it has those of '
      f'{", ".join(found)}: choose one of them, or set '
      f'--config.data.{_FIELDS[purpose]}.'
    )
  fold = prepare.load_fold(
    config,
    found[purpose],
    paths,
    min_frames=config.train.crop_frames,
    max_bytes=0,
  )
  return dataset.crop_source(
    fold,
    crop_frames=config.train.crop_frames,
    hop_frames=hop_frames,
    statistics=prepare.training_statistics(
      [paths[entry.name] for entry in found['train']]
    ),
  )
