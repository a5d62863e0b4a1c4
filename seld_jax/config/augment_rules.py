"""The steps of augmentation of a configuration, and the rules for them."""

from seld_jax import augment
from seld_jax.config.defaults import feature_options
from seld_jax.config.field_types import check as _check
from seld_jax.config.formats import output_format
from seld_jax.config.microphones import microphone_positions
from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown

# Fields of the masks that are applied without `augment.steps`.
_NUMBERS = ('num_time_masks', 'num_band_masks')
_OF_MASKS = ('max_time_width', 'max_band_width', 'share_channels')


def augmentation_steps(
  config: Config,
) -> tuple[augment.Step, augment.Step, tuple[str, ...]]:
  """Makes the steps that `augment.steps` names, for the features of a config.

  Args:
    config: The configuration.

  Returns:
    The step before features are standardised, the step after that, and the
    names of all steps, as `augment.make_steps` gives them.

  Raises:
    InputError: A step is wrong, or does not suit the features or the output
      format; or the positions of microphones cannot be read.

  Example:
    >>> from seld_jax import config
    >>> settings = config.default()
    >>> settings.augment.steps = ('symmetries(count=48)', 'gain()', 'masks()')
    >>> _, _, names = config.augmentation_steps(settings)
    >>> names
    ('symmetries', 'gain', 'masks')
  """
  domain = augment.feature_domain(
    output=output_format(config),
    microphones=microphone_positions(config),
    num_frames=config.train.crop_frames,
    **feature_options(config),
  )
  try:
    return augment.make_steps(config.augment.steps, domain=domain)
  except InputError as error:
    raise InputError(f'augment.steps: {error}') from error


def check_steps(config: Config, example: Config) -> None:
  """Checks the steps, and that nothing else would augment, too.

  Args:
    config: The configuration; its features and output format exist.
    example: The default configuration.

  Raises:
    InputError: A step is wrong, or another field of `augment` has a value that
      asks for what the steps replace.
  """
  settings = config.augment
  if not settings.steps:
    return
  _check(
    not settings.rotate,
    'augment.rotate = True has no effect, because augment.steps is all that is '
    'done: set --config.augment.rotate=False, and write symmetries() in '
    'augment.steps for the same.',
  )
  has_masks = any(settings[name] for name in _NUMBERS)
  for name in (*_NUMBERS, *(_OF_MASKS if has_masks else ())):
    value, default_value = settings[name], example.augment[name]
    _check(
      value == default_value or (name in _NUMBERS and value == 0),
      f'augment.{name} = {shown(value)} has no effect, because augment.steps '
      f'is all that is done: set --config.augment.{name}={default_value}, and '
      f'write masks({name}={value}) in augment.steps for the same.',
    )
  _, _, names = augmentation_steps(config)
  _check(
    'mixup' not in names or config.train.batch_size > 1,
    'augment.steps has mixup, which needs at least two examples, but '
    f'train.batch_size = {config.train.batch_size}: increase it.',
  )
