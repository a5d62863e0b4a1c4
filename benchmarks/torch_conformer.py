"""The ResNet-Conformer in plain PyTorch, in eager mode.

`benchmarks.speed` compares `model.ResNetConformer` with it. Inputs have the
shape `[batch, frames, mels, channels]`, as for `torch_seld`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from benchmarks.torch_seld import (
  branches,
  copy,
  load_branches,
  load_dense,
  load_norm,
)

_EPSILON = 1e-5


class BasicBlock(nn.Module):
  """Two convolutions with a residual connection; no pooling."""

  def __init__(self, inputs: int, filters: int, momentum: float) -> None:
    super().__init__()
    norm = lambda: nn.BatchNorm2d(filters, _EPSILON, momentum)
    self.first = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
    self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
    self.norms: Any = nn.ModuleList([norm(), norm()])
    self.widen = None
    if inputs != filters:
      self.widen = nn.Conv2d(inputs, filters, 1, bias=False)
      self.norms.append(norm())

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    """Maps `[batch, inputs, frames, bands]` to as many maps as filters."""
    y = functional.relu(self.norms[0](self.first(x)))
    y = self.norms[1](self.second(y))
    if self.widen is not None:
      x = self.norms[2](self.widen(x))
    return functional.relu(x + y)


class Attention(nn.Module):
  """Self-attention whose keys know their distance from the query."""

  def __init__(self, size: int, heads: int, distance: int) -> None:
    super().__init__()
    self.heads, self.distance = heads, distance
    self.query_key_value = nn.Linear(size, 3 * size, bias=False)
    self.output = nn.Linear(size, size)
    self.positions = nn.Parameter(torch.zeros(2 * distance + 1, size // heads))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    """Maps `[batch, frames, size]` to the same shape."""
    batch, frames, size = x.shape
    split = self.query_key_value(x).view(batch, frames, 3, self.heads, -1)
    query, key, value = split.permute(2, 0, 3, 1, 4)
    query = query / (size // self.heads) ** 0.5
    apart = torch.arange(1 - frames, frames).clamp(
      -self.distance, self.distance
    )
    by_distance = query @ self.positions[apart + self.distance].T
    # The products of query t start in column frames - 1 - t.
    row = 2 * frames - 2
    flat = by_distance.flatten(2)[..., frames - 1 : frames - 1 + frames * row]
    shifted = flat.unflatten(-1, (frames, row))[..., :frames]
    weights = torch.softmax(query @ key.transpose(-1, -2) + shifted, -1)
    means = (weights @ value).transpose(1, 2).reshape(batch, frames, size)
    return self.output(means)


class Block(nn.Module):
  """A conformer block."""

  def __init__(
    self,
    size: int,
    *,
    heads: int,
    distance: int,
    feed_forward: int,
    kernel: int,
    rate: float,
    momentum: float,
  ) -> None:
    super().__init__()
    self.norms: Any = nn.ModuleList(
      nn.LayerNorm(size, _EPSILON) for _ in range(5)
    )
    hidden = feed_forward * size
    self.first = nn.ModuleList(
      [nn.Linear(size, hidden), nn.Linear(hidden, size)]
    )
    self.last = nn.ModuleList(
      [nn.Linear(size, hidden), nn.Linear(hidden, size)]
    )
    self.attention = Attention(size, heads, distance)
    self.gated, self.mixed = nn.Linear(size, 2 * size), nn.Linear(size, size)
    self.depthwise = nn.Conv1d(
      size, size, kernel, padding=kernel // 2, groups=size, bias=False
    )
    self.batch_norm = nn.BatchNorm1d(size, _EPSILON, momentum)
    self.rate = rate

  def _drop(self, x: torch.Tensor) -> torch.Tensor:
    return functional.dropout(x, self.rate, self.training)

  def _step(self, x, norm, layers):
    y = self._drop(functional.silu(layers[0](norm(x))))
    return x + 0.5 * self._drop(layers[1](y))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    """Maps `[batch, frames, size]` to the same shape."""
    x = self._step(x, self.norms[0], self.first)
    x = x + self._drop(self.attention(self.norms[1](x)))
    y = functional.glu(self.gated(self.norms[2](x))).transpose(1, 2)
    y = functional.silu(self.batch_norm(self.depthwise(y))).transpose(1, 2)
    x = x + self._drop(self.mixed(y))
    return self.norms[4](self._step(x, self.norms[3], self.last))


class TorchResNetConformer(nn.Module):
  """`ResNetConformer` of seld_jax, with the same options."""

  def __init__(
    self,
    *,
    num_channels: int,
    num_mels: int,
    num_classes: int,
    filters: Sequence[int],
    pools: Sequence[tuple[int, int]],
    stage_blocks: Sequence[int],
    sequence_features: int,
    sequence_pool: int,
    sequence_layers: int,
    attention_heads: int,
    attention_distance: int,
    feed_forward: int,
    kernel: int,
    head_features: Sequence[int],
    conv_dropout: float,
    sequence_dropout: float,
    head_dropout: float,
    bn_momentum: float,
    memory_format: torch.memory_format,
  ) -> None:
    super().__init__()
    # Type checkers do not know the modules in a list.
    self.stages: Any = nn.ModuleList()
    inputs = num_channels
    for width, count in zip(filters, stage_blocks, strict=True):
      sizes = [inputs, *[width] * count]
      self.stages.append(
        nn.ModuleList(
          BasicBlock(a, b, 1 - bn_momentum)
          for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
      )
      inputs = width
    self.pools = [tuple(pool) for pool in pools]
    for _, bands in self.pools:
      num_mels //= bands
    size = sequence_features
    self.projection = nn.Linear(num_mels * filters[-1], size)
    self.blocks: Any = nn.ModuleList(
      Block(
        size,
        heads=attention_heads,
        distance=attention_distance,
        feed_forward=feed_forward,
        kernel=kernel,
        rate=sequence_dropout,
        momentum=1 - bn_momentum,
      )
      for _ in range(sequence_layers)
    )
    self.heads: Any = nn.ModuleDict()
    for name, outputs in ('sed', num_classes), ('doa', 3 * num_classes):
      widths = [size, *head_features, outputs]
      self.heads[name] = nn.ModuleList(
        nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True)
      )
    self.rates = conv_dropout, head_dropout
    self.sequence_pool = sequence_pool
    self.memory_format = memory_format
    self.to(memory_format=memory_format)

  def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Maps `[batch, frames, mels, channels]` to activity and directions."""
    conv_rate, head_rate = self.rates
    x = features.permute(0, 3, 1, 2).contiguous(
      memory_format=self.memory_format
    )
    for stage, pool in zip(self.stages, self.pools, strict=True):
      for block in stage:
        x = block(x)
      if pool != (1, 1):
        x = functional.max_pool2d(x, pool)
      x = functional.dropout(x, conv_rate, self.training)
    x = self.projection(x.permute(0, 2, 3, 1).flatten(2))
    for block in self.blocks:
      x = block(x)
    x = functional.max_pool1d(x.transpose(1, 2), self.sequence_pool)
    x = x.transpose(1, 2)
    return branches(x, self.heads, rate=head_rate, training=self.training)

  @torch.no_grad()
  def load(self, variables: Mapping[str, Any]) -> None:
    """Copies the variables of the Flax network.

    Args:
      variables: `params` and `batch_stats` of `ResNetConformer`.
    """
    params, stats = variables['params'], variables['batch_stats']
    numbers = {'Conv': 0, 'BatchNorm': 0, 'Dense': 0}

    def following(kind):
      numbers[kind] += 1
      return f'{kind}_{numbers[kind] - 1}'

    def load_convolution(layer, name):
      kernel = np.asarray(params[name]['kernel'])
      if kernel.ndim == 2:  # 1x1
        kernel = kernel[None, None]
      copy(layer.weight, kernel.transpose(3, 2, 0, 1))

    for block in (block for stage in self.stages for block in stage):
      load_convolution(block.first, following('Conv'))
      load_convolution(block.second, following('Conv'))
      if block.widen is not None:
        load_convolution(block.widen, following('Dense'))
      for norm in block.norms:
        name = following('BatchNorm')
        load_norm(norm, params[name], stats[name])
    load_dense(self.projection, params['projection'])
    for number, block in enumerate(self.blocks):
      name = f'ConformerBlock_{number}'
      _load_block(block, params[name], stats[name])
    load_branches(self.heads, params)


def _load_block(block: Block, params: Any, stats: Any) -> None:
  for name in 'first', 'last':
    for layer, part in zip(getattr(block, name), ('in', 'out'), strict=True):
      load_dense(layer, params[f'{name}_{part}'])
  for number, norm in enumerate(block.norms):
    own = params[f'LayerNorm_{number}']
    copy(norm.weight, own['scale'])
    copy(norm.bias, own['bias'])
  attention = params['attention']
  three = np.asarray(attention['query_key_value']['kernel'])
  copy(block.attention.query_key_value.weight, three.T)
  copy(block.attention.positions, attention['positions'])
  load_dense(block.attention.output, attention['output'])
  load_dense(block.gated, params['gated'])
  load_dense(block.mixed, params['mixed'])
  copy(block.depthwise.weight, np.asarray(params['depthwise']).T[:, None])
  load_norm(block.batch_norm, params['BatchNorm_0'], stats['BatchNorm_0'])
