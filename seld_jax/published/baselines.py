"""The variables of `model.DcaseNet` from the tensors of a published baseline.

The network is the same, but the names and the order of the numbers differ:

- Kernels of convolutions have the shape `[filters, channels, 3, 3]` there, and
  all other matrices `[outputs, inputs]`.
- The first GRU gets the feature maps with the channel first, ours with the band
  first.
- Each GRU has two biases for each gate. Those of the gates r and z are added,
  and so are ours.
- The bias of a convolution moves the mean that batch normalisation subtracts.
"""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax.errors import InputError, shown
from seld_jax.published.torch_files import Tensor

# Most layers of one kind, and most numbers of a network, far above those of the
# baselines.
_MOST_LAYERS = 100
_MOST_NUMBERS = 100_000_000

# Components of a vector, its distance included.
_VECTORS = {'dcase2024': 4, 'dcase2025': 3}

# Baselines whose weights can be read.
EDITIONS = tuple(_VECTORS)

# Names of the layers in the published code of each edition. In 2024, pooling
# and dropout count as well, so that every third block is a convolution.
_LAYERS = {
  'dcase2024': {
    'conv_block_list': ('conv', 3),
    'gru': ('gru', 0),
    'mhsa_block_list': ('attention', 1),
    'layer_norm_list': ('norm', 1),
    'fnn_list': ('dense', 1),
  },
  'dcase2025': {
    'conv_blocks': ('conv', 1),
    'gru': ('gru', 0),
    'mhsa_layers': ('attention', 1),
    'layer_norms': ('norm', 1),
    'fnn_list': ('dense', 1),
  },
}

# Layers of the networks for audio and video.
_VISUAL = ('visual_embed', 'transformer_decoder')


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
  """A published network in the form of `model.DcaseNet`.

  Attributes:
    variables: Arrays by name, such as `params/Conv_0/kernel` and
      `batch_stats/BatchNorm_0/mean`; float32.
    channels: Number of feature channels.
    filters: Number of filters of each convolution.
    bands: Bands that pooling leaves.
    gru_features: Units of each GRU in each direction.
    gru_layers: Number of GRUs.
    attention_layers: Number of layers of self-attention.
    head_features: Units of the hidden layers before the output.
    tracks: Tracks of each class: 1 (ACCDOA) or 3 (multi-ACCDOA).
    vector: Components of each vector, its distance included.

  Example:
    >>> from seld_jax import published
    >>> network = published.Network(
    ...   variables={}, channels=7, filters=(64, 64, 64), bands=2,
    ...   gru_features=128, gru_layers=2, attention_layers=2,
    ...   head_features=(128,), tracks=3, vector=4,
    ... )
    >>> network.tracks
    3
  """

  variables: Mapping[str, np.ndarray]
  channels: int
  filters: tuple[int, ...]
  bands: int
  gru_features: int
  gru_layers: int
  attention_layers: int
  head_features: tuple[int, ...]
  tracks: int
  vector: int


def read_network(
  tensors: Mapping[str, Tensor],
  *,
  edition: str,
  num_classes: int,
  source: str | os.PathLike[str],
) -> Network:
  """Reads a published baseline from its tensors.

  Args:
    tensors: From `read_tensors`.
    edition: The baseline that wrote them, one of `EDITIONS`.
    num_classes: Number of classes.
    source: The file, for messages.

  Returns:
    The network.

  Raises:
    InputError: A tensor is missing, unknown or damaged, or has a shape that the
      network cannot have; the message names it.

  Example:
    >>> from seld_jax import published
    >>> published.read_network(
    ...   {}, edition='dcase2024', num_classes=13, source='model.h5'
    ... )
    Traceback (most recent call last):
    ...
    seld_jax.errors.InputError: model.h5 has no tensor
    conv_block_list.0.conv.weight, which the network of dcase2024 needs.
  """
  reader = _Reader(tensors, edition=edition, source=source)
  variables: dict[str, np.ndarray] = {}
  filters, channels = _convolutions(reader, variables)
  units, layers, bands = _grus(reader, variables, filters=filters[-1])
  attentions = _attentions(reader, variables, units=units)
  widths, outputs = _head(reader, variables, inputs=units)
  reader.check_all_used()
  vector = _VECTORS[edition]
  tracks, rest = divmod(outputs, vector * num_classes)
  if rest or tracks not in (1, 3):
    raise InputError(
      f'{source} has {outputs} outputs, but the network of {edition} has '
      f'{vector * num_classes} (ACCDOA) or {3 * vector * num_classes} '
      f'(multi-ACCDOA) for {num_classes} classes: check --from and '
      '--class_names.'
    )
  return Network(
    variables={
      name: np.ascontiguousarray(array, np.float32)
      for name, array in variables.items()
    },
    channels=channels,
    filters=tuple(filters),
    bands=bands,
    gru_features=units,
    gru_layers=layers,
    attention_layers=attentions,
    head_features=tuple(widths),
    tracks=tracks,
    vector=vector,
  )


class _Reader:
  """The tensors of a file by the kind and number of their layer."""

  def __init__(
    self,
    tensors: Mapping[str, Tensor],
    *,
    edition: str,
    source: str | os.PathLike[str],
  ):
    # torch.nn.DataParallel puts this before all names.
    if tensors and all(name.startswith('module.') for name in tensors):
      tensors = {
        name.removeprefix('module.'): tensor for name, tensor in tensors.items()
      }
    self._tensors, self._edition, self._source = tensors, edition, source
    self._unused = set(tensors)
    total = 0
    for name, tensor in tensors.items():
      if 0 in tensor.shape:
        raise InputError(f'{source}: {shown(name)} has no numbers.')
      total += math.prod(tensor.shape)
    if total > _MOST_NUMBERS:
      raise InputError(
        f'{source} has {total:,} numbers; the networks of the baselines have '
        'less than a million.'
      )

  def count(self, kind: str, ending: str) -> int:
    """Number of layers of a kind, counted by one of their tensors."""
    for number in range(_MOST_LAYERS + 1):
      if self._name(kind, number, ending) not in self._tensors:
        return number
    raise InputError(f'{self._source} has more than {_MOST_LAYERS} layers.')

  def shape(self, kind: str, number: int, ending: str) -> tuple[int, ...]:
    """Shape of a tensor."""
    return self._find(self._name(kind, number, ending)).shape

  def read(
    self, kind: str, number: int, ending: str, shape: Sequence[int]
  ) -> np.ndarray:
    """Numbers of a tensor that must have a shape, in float64."""
    name = self._name(kind, number, ending)
    tensor = self._find(name)
    if tensor.shape != tuple(shape):
      raise self.refused(
        f'{name} has the shape {list(tensor.shape)}, but the other layers need '
        f'{list(shape)}'
      )
    self._unused.discard(name)
    try:
      numbers = tensor.read()
    except ValueError as error:
      raise InputError(
        f'{self._source} is damaged: {name} cannot be read ({error}).'
      ) from error
    if not np.isfinite(numbers).all():
      raise self.refused(f'{name} has NaN or infinite numbers')
    return numbers.astype(np.float64)

  def refused(self, reason: str) -> InputError:
    """The error for sizes that the network cannot have."""
    return InputError(f'{self._source}: {reason}.')

  def check_all_used(self) -> None:
    """Raises InputError for tensors that the network does not have."""
    # How many batches the statistics come from is of no use.
    left = sorted(
      name for name in self._unused if not name.endswith('.num_batches_tracked')
    )
    if not left:
      return
    more = f' and {len(left) - 1} more tensors' if len(left) > 1 else ''
    what = 'which its network does not have; check --from'
    if any(name.startswith(_VISUAL) for name in left):
      what = 'which is of a network for audio and video; convert one for audio'
    raise InputError(
      f'{self._source} cannot be read as {self._edition}: it has '
      f'{shown(left[0])}{more}, {what}.'
    )

  def _find(self, name: str) -> Tensor:
    if name not in self._tensors:
      found = next(iter(sorted(self._tensors)), None)
      other = next(
        (
          edition
          for edition, layers in _LAYERS.items()
          if edition != self._edition
          and f'{next(iter(layers))}.0.conv.weight' in self._tensors
        ),
        None,
      )
      hint = f', and not {shown(found)}' if found else ''
      if other:
        hint = f'; it looks like one of --from={other}'
      raise InputError(
        f'{self._source} has no tensor {name}, which the network of '
        f'{self._edition} needs{hint}.'
      )
    return self._tensors[name]

  def _name(self, kind: str, number: int, ending: str) -> str:
    """The published name of a tensor of a layer."""
    layers = _LAYERS[self._edition].items()
    ((prefix, step),) = (
      (prefix, step) for prefix, (layer, step) in layers if layer == kind
    )
    if not step:  # the numbers of GRUs are in the names of the tensors
      start, reverse, _ = ending.partition('_reverse')
      return f'{prefix}.{start}_l{number}{reverse}'
    return f'{prefix}.{step * number}.{ending}'


def _convolutions(
  reader: _Reader, variables: dict[str, np.ndarray]
) -> tuple[list[int], int]:
  """Adds convolutions and normalisations; returns filters and channels."""
  first = reader.shape('conv', 0, 'conv.weight')
  channels = inputs = first[1] if len(first) == 4 else 0
  filters = []
  for number in range(reader.count('conv', 'conv.weight')):
    size = (reader.shape('conv', number, 'conv.weight') or (0,))[0]
    read = lambda name, *shape, number=number: reader.read(
      'conv', number, name, shape
    )
    kernel = read('conv.weight', size, inputs, 3, 3)
    scale, shift, mean, var = (
      read(f'bn.{name}', size)
      for name in ('weight', 'bias', 'running_mean', 'running_var')
    )
    variables |= {
      f'params/Conv_{number}/kernel': kernel.transpose(2, 3, 1, 0),
      f'params/BatchNorm_{number}/scale': scale,
      f'params/BatchNorm_{number}/bias': shift,
      f'batch_stats/BatchNorm_{number}/mean': mean - read('conv.bias', size),
      f'batch_stats/BatchNorm_{number}/var': var,
    }
    filters.append(size)
    inputs = size
  return filters, channels


def _grus(
  reader: _Reader, variables: dict[str, np.ndarray], *, filters: int
) -> tuple[int, int, int]:
  """Adds the GRUs; returns their units, their number, and bands of the input.

  The gates have the order r, z, n here and there.
  """
  first = reader.shape('gru', 0, 'weight_ih')
  units = first[0] // 3 if len(first) == 2 else 0
  inputs = first[1] if len(first) == 2 else 0
  bands = inputs // max(1, filters)
  if not units or not bands or inputs != bands * filters:
    raise reader.refused(
      f'gru.weight_ih_l0 has the shape {list(first)}, which does not fit the '
      f'{filters} filters of the last convolution'
    )
  layers = reader.count('gru', 'weight_ih')
  for number in range(layers):
    directions = []
    for reverse in '', '_reverse':
      read = lambda name, *shape, end=reverse, number=number: reader.read(
        'gru', number, f'{name}{end}', shape
      )
      kernel = read('weight_ih', 3 * units, inputs)
      if not number:
        kernel = kernel.reshape(-1, filters, bands).swapaxes(1, 2)
      recurrent = read('weight_hh', 3 * units, units)
      bias = read('bias_ih', 3 * units).reshape(3, units)
      added = read('bias_hh', 3 * units).reshape(3, units)
      bias[:2] += added[:2]
      gates = lambda matrix, rows: np.moveaxis(
        matrix.reshape(3, units, rows), 2, 0
      )
      directions.append(
        {
          'input_kernel': gates(kernel, inputs),
          'input_bias': bias,
          'hidden_kernel': gates(recurrent, units),
          'hidden_bias': added[2],
        }
      )
    for name in directions[0]:
      both = np.stack([direction[name] for direction in directions])
      variables[f'params/BiGru_{number}/{name}'] = both
    inputs = 2 * units
  return units, layers, bands


def _attentions(
  reader: _Reader, variables: dict[str, np.ndarray], *, units: int
) -> int:
  """Adds attention and layer normalisation; returns the number of layers."""
  count = reader.count('attention', 'in_proj_weight')
  for number in range(count):
    of = lambda kind, name, *shape, number=number: reader.read(
      kind, number, name, shape
    )
    layer, norm = f'params/MultiHeadAttention_{number}', f'LayerNorm_{number}'
    variables |= {
      f'{layer}/query_key_value/kernel': of(
        'attention', 'in_proj_weight', 3 * units, units
      ).T,
      f'{layer}/query_key_value/bias': of(
        'attention', 'in_proj_bias', 3 * units
      ),
      f'{layer}/output/kernel': of(
        'attention', 'out_proj.weight', units, units
      ).T,
      f'{layer}/output/bias': of('attention', 'out_proj.bias', units),
      f'params/{norm}/scale': of('norm', 'weight', units),
      f'params/{norm}/bias': of('norm', 'bias', units),
    }
  return count


def _head(
  reader: _Reader, variables: dict[str, np.ndarray], *, inputs: int
) -> tuple[list[int], int]:
  """Adds the last layers; returns the hidden widths and the outputs.

  The order of the outputs, (track, component, class), is that of
  `outputs.MultiAccdoa`, and without tracks that of `outputs.Accdoa`.
  """
  count = reader.count('dense', 'weight')
  widths = []
  for number in range(max(1, count)):
    size = (reader.shape('dense', number, 'weight') or (0,))[0]
    name = f'accdoa_hidden_{number}' if number < count - 1 else 'accdoa'
    variables[f'params/{name}/kernel'] = reader.read(
      'dense', number, 'weight', (size, inputs)
    ).T
    variables[f'params/{name}/bias'] = reader.read(
      'dense', number, 'bias', (size,)
    )
    widths.append(size)
    inputs = size
  return widths[:-1], widths[-1]
