"""Flags that several benchmarks have."""

from absl import flags

from seld_jax import commands
from seld_jax.config import systems


def define_scale(values: flags.FlagValues, *, default: str = 'paper') -> None:
  """Defines --scale."""
  define = commands.Define(values)
  define.enum(
    'scale',
    default,
    list(systems.SCALES),
    'Size of the network, the features and the training.',
  )


def define_format(values: flags.FlagValues) -> None:
  """Defines --format."""
  define = commands.Define(values)
  define.enum('format', 'foa', ['foa', 'mic'], 'Audio format.')


def define_dtypes(values: flags.FlagValues) -> None:
  """Defines --dtypes."""
  define = commands.Define(values)
  define.list('dtypes', ['float32', 'bfloat16'], 'Data types of the network.')


def define_predictions(values: flags.FlagValues) -> None:
  """Defines --root and --predictions."""
  define = commands.Define(values)
  define.string('root', None, 'Folder of the scenes.')
  define.string('predictions', None, 'Folder of the predictions.')


def define_json(values: flags.FlagValues) -> None:
  """Defines --json."""
  define = commands.Define(values)
  define.string(
    'json', '', 'JSON file to write all numbers to; when absent, none.'
  )
