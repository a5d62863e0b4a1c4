"""The output format of a configuration, and the losses that are trained."""

from collections.abc import Mapping

from seld_jax import outputs
from seld_jax.config.types import Config


def output_format(config: Config) -> outputs.OutputFormat:
  """Makes the output format of a configuration.

  Args:
    config: The configuration.

  Returns:
    The format, for the classes of the configuration.

  Raises:
    InputError: A field of `config.output` is out of range.

  Example:
    >>> from seld_jax import config
    >>> settings = config.default()
    >>> settings.output.format = 'accdoa'
    >>> config.output_format(settings).size
    42
  """
  fields, loss = config.output, config.loss
  return outputs.make(
    fields.format,
    num_classes=len(config.data.classes),
    num_tracks=fields.num_tracks,
    axes=fields.axes,
    distance=fields.distance,
    activation=fields.activation,
    unify=fields.unify,
    weights=(loss.sed_weight, loss.doa_weight, loss.distance_weight),
  )


def trained_terms(config: Config) -> Mapping[str, float]:
  """The loss terms that are trained, and their weights.

  Args:
    config: The configuration.

  Returns:
    Weights by the name of the term, that of activity first if there is one.

  Example:
    >>> from seld_jax import config
    >>> config.trained_terms(config.default())
    {'sed_mse': 1.0, 'doa_masked_mse': 1.0}
  """
  loss, format = config.loss, config.output.format
  if format == 'accdoa':
    return {'accdoa_mse': 1.0}
  if format == 'multi_accdoa':
    return {f'adpit_{loss.adpit}': 1.0}
  tasks = ['sed', 'doa', *(['distance'] if config.output.distance else [])]
  return {
    f'tracks_{task}' if format == 'tracks' else f'{task}_{loss[task]}': loss[
      f'{task}_weight'
    ]
    for task in tasks
  }
