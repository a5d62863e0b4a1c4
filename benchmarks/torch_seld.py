"""The network of the paper and its training step in PyTorch, in eager mode.

`benchmarks.speed` compares seld_jax with it. Inputs have the shape `[batch,
frames, mels, channels]`, which is NCHW with the memory format channels last.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

MEMORY_FORMATS = {
  'channels first': torch.contiguous_format,
  'channels last': torch.channels_last,
}


class TorchSeld(nn.Module):
  """`SeldCrnn` of seld_jax, with the same options."""

  def __init__(
    self,
    *,
    num_channels: int,
    num_mels: int,
    num_classes: int,
    filters: Sequence[int],
    pools: Sequence[tuple[int, int]],
    gru_features: int,
    attention_features: int,
    head_features: Sequence[int],
    conv_dropout: float,
    gru_dropout: float,
    head_dropout: float,
    bn_momentum: float,
    memory_format: torch.memory_format,
  ) -> None:
    super().__init__()
    sizes = [num_channels, *filters]
    self.convolutions = nn.ModuleList(
      nn.Conv2d(a, b, 3, padding=1, bias=False)
      for a, b in zip(sizes[:-1], sizes[1:], strict=True)
    )
    self.norms = nn.ModuleList(
      nn.BatchNorm2d(b, eps=1e-3, momentum=1 - bn_momentum) for b in filters
    )
    self.pools = [tuple(pool) for pool in pools]
    self.rates = conv_dropout, gru_dropout, head_dropout
    self.memory_format = memory_format
    for _, bands in self.pools:
      num_mels //= bands
    self.gru = nn.GRU(
      num_mels * filters[-1], gru_features, batch_first=True, bidirectional=True
    )
    width = 2 * gru_features
    self.query = nn.Linear(width, attention_features)
    self.key = nn.Linear(width, attention_features)
    self.value = nn.Linear(width, width)
    self.heads = nn.ModuleDict()
    for name, size in ('sed', num_classes), ('doa', 3 * num_classes):
      widths = [width, *head_features, size]
      self.heads[name] = nn.ModuleList(
        nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True)
      )
    self.to(memory_format=memory_format)

  def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Maps `[batch, frames, mels, channels]` to activity and directions."""
    conv_rate, gru_rate, head_rate = self.rates
    x = features.permute(0, 3, 1, 2).contiguous(
      memory_format=self.memory_format
    )
    for convolution, norm, pool in zip(
      self.convolutions, self.norms, self.pools, strict=True
    ):
      x = functional.relu(norm(convolution(x)))
      if pool != (1, 1):
        x = functional.max_pool2d(x, pool)
        x = functional.dropout(x, conv_rate, self.training)
    x = x.permute(0, 2, 3, 1).flatten(2)
    x = functional.dropout(self.gru(x)[0], gru_rate, self.training)
    query, key, value = self.query(x), self.key(x), self.value(x)
    scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    x = torch.softmax(scores, -1) @ value
    return branches(x, self.heads, rate=head_rate, training=self.training)

  @torch.no_grad()
  def load(self, variables: Mapping[str, Any]) -> None:
    """Copies the variables of the Flax network.

    Args:
      variables: `params` and `batch_stats` of `SeldCrnn`.
    """
    params, stats = variables['params'], variables['batch_stats']
    for i, layer in enumerate(self.convolutions):
      kernel = np.asarray(params[f'Conv_{i}']['kernel'])
      copy(layer.weight, kernel.transpose(3, 2, 0, 1))
    for i, norm in enumerate(self.norms):
      name = f'BatchNorm_{i}'
      load_norm(norm, params[name], stats[name])
    gru = {k: np.asarray(v) for k, v in params['BiGru_0'].items()}
    size = gru['hidden_bias'].shape[-1]
    for direction, suffix in enumerate(('l0', 'l0_reverse')):
      for ours, theirs in ('input', 'weight_ih'), ('hidden', 'weight_hh'):
        kernel = gru[f'{ours}_kernel'][direction]
        weight = getattr(self.gru, f'{theirs}_{suffix}')
        copy(weight, kernel.reshape(-1, 3 * size).T)
      bias = gru['input_bias'][direction].reshape(-1)
      copy(getattr(self.gru, f'bias_ih_{suffix}'), bias)
      # Flax has a second bias only for the third gate.
      bias = np.concatenate([np.zeros(2 * size), gru['hidden_bias'][direction]])
      copy(getattr(self.gru, f'bias_hh_{suffix}'), bias)
    for name in 'query', 'key', 'value':
      load_dense(getattr(self, name), params['SelfAttention_0'][name])
    load_branches(self.heads, params)


def branches(
  x: torch.Tensor, heads: Any, *, rate: float, training: bool
) -> tuple[torch.Tensor, ...]:
  """Applies the branches of activity and directions."""
  outputs = []
  for head in heads.values():
    y = x
    for layer in head[:-1]:
      y = functional.dropout(functional.relu(layer(y)), rate, training)
    outputs.append(head[-1](y))
  sed, doa = outputs
  return torch.sigmoid(sed), torch.tanh(doa).unflatten(-1, (-1, 3))


def losses(
  outputs: tuple[torch.Tensor, ...],
  activity: torch.Tensor,
  doa: torch.Tensor,
) -> torch.Tensor:
  """Sum of the squared errors of activity, and of directions if active."""
  errors = functional.mse_loss(outputs[1], doa, reduction='none')
  masked = (errors * activity[..., None]).sum() / (3 * activity.sum()).clamp(1)
  return functional.mse_loss(outputs[0], activity) + masked


def spec_augment(
  features: torch.Tensor,
  *,
  num_time_masks: int,
  max_time_width: int,
  num_band_masks: int,
  max_band_width: int,
) -> torch.Tensor:
  """Masks each example and channel at random, with the mean of the channel.

  Args:
    features: Standardised features, `[batch, frames, mels, channels]`.
    num_time_masks: Number of masks along time.
    max_time_width: Largest width of a time mask in frames.
    num_band_masks: Number of masks along frequency.
    max_band_width: Largest width of a frequency mask in bands.

  Returns:
    Masked features, with the same shape.
  """
  batch, frames, mels, channels = features.shape
  fill = features.mean((1, 2), keepdim=True)
  for axis, size, count, most in (
    (1, frames, num_time_masks, max_time_width),
    (2, mels, num_band_masks, max_band_width),
  ):
    widths = torch.randint(0, most + 1, (batch, 1, count, channels))
    starts = torch.rand(widths.shape) * (size - widths + 1)
    starts = starts.long()
    index = torch.arange(size)[None, :, None, None]
    masked = ((index >= starts) & (index < starts + widths)).any(2)
    features = torch.where(masked.unsqueeze(3 - axis), fill, features)
  return features


def train_step(
  network: nn.Module,
  optimizer: torch.optim.Optimizer,
  batch: Mapping[str, torch.Tensor],
  statistics: Mapping[str, torch.Tensor],
  *,
  masks: Mapping[str, int],
) -> float:
  """Does one step: standardise, mask, forward, backward, Adam.

  Args:
    network: The network, in training mode.
    optimizer: Adam with the parameters of the network.
    batch: `features`, `activity` and `doa`, as for the step of seld_jax.
    statistics: `mean` and `std` of the features.
    masks: Options of `spec_augment`.

  Returns:
    The loss.
  """
  features = (batch['features'] - statistics['mean']) / statistics['std']
  features = spec_augment(features, **masks)
  optimizer.zero_grad(set_to_none=True)
  loss = losses(network(features), batch['activity'], batch['doa'])
  loss.backward()
  optimizer.step()
  return loss.item()


def copy(target: torch.Tensor, values: Any) -> None:
  """Copies numbers into a parameter or buffer."""
  target.copy_(torch.from_numpy(np.array(values, np.float32)))


def load_dense(layer: nn.Linear, params: Mapping[str, Any]) -> None:
  """Copies the parameters of a dense layer of Flax."""
  copy(layer.weight, np.asarray(params['kernel']).T)
  copy(layer.bias, params['bias'])


def load_branches(heads: Any, params: Mapping[str, Any]) -> None:
  """Copies the parameters of all branches of a network of Flax."""
  for name, head in heads.items():
    for i, layer in enumerate(head[:-1]):
      load_dense(layer, params[f'{name}_hidden_{i}'])
    load_dense(head[-1], params[name])


def load_norm(norm: Any, params: Any, stats: Any) -> None:
  """Copies parameters and statistics of a batch normalisation of Flax."""
  copy(norm.weight, params['scale'])
  copy(norm.bias, params['bias'])
  copy(norm.running_mean, stats['mean'])
  copy(norm.running_var, stats['var'])
