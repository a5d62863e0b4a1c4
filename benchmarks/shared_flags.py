"""Flags that several benchmarks have."""

from absl import flags

from seld_jax.config import systems


def define_scale(values: flags.FlagValues, *, default: str = 'paper') -> None:
  """Defines --scale."""
  flags.DEFINE_enum(
    'scale',
    default,
    list(systems.SCALES),
    'Size of the network, the features and the training.',
    flag_values=values,
  )


def define_format(values: flags.FlagValues) -> None:
  """Defines --format."""
  flags.DEFINE_enum(
    'format', 'foa', ['foa', 'mic'], 'Audio format.', flag_values=values
  )


def define_dtypes(values: flags.FlagValues) -> None:
  """Defines --dtypes."""
  flags.DEFINE_list(
    'dtypes',
    ['float32', 'bfloat16'],
    'Data types of the network.',
    flag_values=values,
  )


def define_json(values: flags.FlagValues) -> None:
  """Defines --json."""
  flags.DEFINE_string(
    'json',
    '',
    'JSON file to write all numbers to; when absent, none.',
    flag_values=values,
  )
