"""3x3 convolution by Winograd's algorithm, with a quarter of the products."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Size of a tile of outputs, and of the inputs that it needs, along each axis.
_OUT, _IN = 4, 6

# Sizes from which Winograd's algorithm is faster (measured). For the outputs:
# input channels times output channels, and tiles, because the kernel is
# transformed, too. For the gradient of the kernel: input channels times output
# channels.
_OUTPUT_CHANNELS, _OUTPUT_TILES = 48 * 48, 64
_KERNEL_CHANNELS = 16 * 16

# Number of elements in the transformed tiles of a block, which should stay in
# the CPU cache: 14 MB in float32. This was the fastest of 2^20 to 2^23.
_BLOCK = 3_600_000


def conv3x3(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Correlates feature maps with 3x3 kernels, with zeros around the maps.

  On a CPU, in float32 or float64 and for large enough arrays, it uses
  Winograd's algorithm for tiles of 4x4 outputs: with transformed inputs and
  kernels, a tile needs 36 products per channel instead of 144. For 64 channels
  and more, forward and backward pass take half the time of XLA's convolution.
  The rounding errors are five times as large (in float32 and for 64 channels,
  8e-7 of the standard deviation of the outputs). In all other cases it is
  XLA's convolution.

  Args:
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    kernel: Weights, with shape `[3, 3, channels, filters]`.

  Returns:
    Maps, with shape `[batch, frames, bands, filters]`.

  References:
    Lavin and Gray, `Fast Algorithms for Convolutional Neural Networks
    <https://arxiv.org/abs/1509.09308>`_, 2016
  """
  is_wide = x.dtype in (jnp.float32, jnp.float64)
  # An exported program is for any batch size and device, unknown here.
  is_known = all(isinstance(size, int) for size in x.shape)
  if jax.default_backend() == 'cpu' and is_wide and is_known:
    return _on_cpu(x, kernel)
  return _direct(x, kernel)


@jax.custom_vjp
def _on_cpu(x, kernel):
  batch, frames, bands, channels = x.shape
  tiles = batch * _tiles(frames) * _tiles(bands)
  if tiles < _OUTPUT_TILES or channels * kernel.shape[3] < _OUTPUT_CHANNELS:
    return _direct(x, kernel)
  return winograd(x, kernel)


def _forward(x, kernel):
  return _on_cpu(x, kernel), (x, kernel)


def _backward(residuals, gradient):
  x, kernel = residuals
  # The gradient of the inputs is a convolution with the flipped kernel.
  turned = jnp.flip(kernel, axis=(0, 1)).swapaxes(2, 3)
  if kernel.shape[2] * kernel.shape[3] < _KERNEL_CHANNELS:
    to_kernel = jax.linear_transpose(functools.partial(_direct, x), kernel)
    return _on_cpu(gradient, turned), to_kernel(gradient)[0]
  return _on_cpu(gradient, turned), winograd_kernel_gradient(x, gradient)


_on_cpu.defvjp(_forward, _backward)


def _direct(x, kernel):
  dimensions = ('NHWC', 'HWIO', 'NHWC')
  return lax.conv_general_dilated(
    x, kernel, (1, 1), 'SAME', dimension_numbers=dimensions
  )


def winograd(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """`conv3x3` by Winograd's algorithm, on any device and for any size."""
  batch, frames, bands, channels = x.shape
  filters = kernel.shape[3]
  to_outputs, _, _ = _factors()
  cells = kernel.reshape(9, channels, filters)
  kernels = jnp.einsum('kj,jco->kco', _to_kernels(kernel.dtype), cells)
  blocks, rows = _blocks(x, filters)
  columns = _tiles(bands)
  x = _whole_tiles(x)

  def fill(block, y):
    tiles = _input_tiles(x, block, rows)
    products = jnp.einsum('ktc,kco->kto', tiles, kernels)
    products = products.reshape(_IN, _IN, batch, rows, columns, filters)
    # The first axis is along bands, as in the tiles of inputs.
    along_bands = _transform(to_outputs, _cells(products, axis=0), axis=4)
    outputs = _transform(to_outputs, _cells(along_bands, axis=0), axis=2)
    outputs = outputs.reshape(batch, rows * _OUT, columns * _OUT, filters)
    start = (0, block * rows * _OUT, 0, 0)
    return lax.dynamic_update_slice(y, outputs[:, :, :bands], start)

  # All elements are overwritten. XLA would share one array of zeros between all
  # layers and copy it for each.
  y = jnp.broadcast_to(x[0, 0, 0, 0], (batch, x.shape[1], bands, filters))
  return _loop(blocks, fill, y)[:, :frames]


def winograd_kernel_gradient(x: jax.Array, gradient: jax.Array) -> jax.Array:
  """Gradient of the kernel of `winograd`.

  Args:
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    gradient: Gradient of the outputs, with shape
      `[batch, frames, bands, filters]`.

  Returns:
    Gradient, with shape `[3, 3, channels, filters]`.
  """
  channels, filters = x.shape[3], gradient.shape[3]
  blocks, rows = _blocks(x, filters)
  x, gradient = _whole_tiles(x), _whole_tiles(gradient)

  def add(block, total):
    tiles = _input_tiles(x, block, rows)
    upstream = _gradient_tiles(gradient, block, rows)
    return total + jnp.einsum('ktc,kto->kco', tiles, upstream)

  total = _loop(blocks, add, jnp.zeros((_IN**2, channels, filters), x.dtype))
  cells = jnp.einsum('kj,kco->jco', _to_kernels(x.dtype), total)
  return cells.reshape(3, 3, channels, filters)


def _to_kernels(dtype: Any) -> jax.Array:
  """The matrix from the 9 elements of a kernel to the factors of 36 products.

  For both axes at once: two products with small matrices take twice as long.
  """
  _, matrix, _ = _matrices()
  # The first axis is along bands, as in the tiles.
  both = np.einsum('ia,jb->jiab', matrix, matrix)
  return jnp.asarray(both.reshape(_IN**2, 9), dtype)


@functools.cache
def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The matrices A, G and B of one axis: to outputs, from kernels, from inputs.

  The correlation of six numbers d with three numbers g is `A (G g * B d)`. G
  evaluates the kernel, as a polynomial, at five points and at infinity. These
  points had the smallest errors of ten sets, half of those of the usual 0, 1,
  -1, 2, -2.
  """
  points = np.sqrt([0, 0.5, 0.5, 2, 2]) * [1, 1, -1, 1, -1]
  to_outputs = np.zeros((_OUT, _IN))
  to_kernels, to_inputs = np.zeros((_IN, 3)), np.zeros((_IN, _IN))
  for row, point in enumerate(points):
    others = np.delete(points, row)
    to_outputs[:, row] = point ** np.arange(_OUT)
    to_kernels[row] = point ** np.arange(3) / np.prod(point - others)
    to_inputs[row, :-1] = np.poly(others)[::-1]
  to_outputs[-1, -1] = to_kernels[-1, -1] = 1
  to_inputs[-1] = np.poly(points)[::-1]
  # Each element that is not exactly 0, because of rounding, costs a product.
  to_inputs[np.abs(to_inputs) < 1e-9] = 0
  return to_outputs, to_kernels, to_inputs


@functools.cache
def _factors() -> tuple[list[np.ndarray], ...]:
  """Factors of A, of its transpose and of B, in the order of application.

  The values at the points x and -x are the sum and the difference of two
  halves, with even and with odd powers. The halves are computed once.
  """
  to_outputs, _, to_inputs = _matrices()
  pairs = np.eye(_IN)
  pairs[1:3, 1:3] = pairs[3:5, 3:5] = [[1, 1], [1, -1]]
  halves = np.linalg.inv(pairs)
  outputs, inputs = to_outputs @ halves, halves @ to_inputs
  return [pairs, outputs], [outputs.T, pairs], [inputs, pairs]


def _tiles(cells: int) -> int:
  """Number of tiles along an axis; the last one is filled up with zeros."""
  return -(-cells // _OUT)


def _blocks(x: jax.Array, filters: int) -> tuple[int, int]:
  """Number of blocks, and number of rows of tiles in each."""
  batch, frames, bands, channels = x.shape
  count = _tiles(frames)
  row = batch * _tiles(bands) * _IN**2 * (channels + filters)
  return even_blocks(count, _BLOCK // row)


def even_blocks(count: int, most: int) -> tuple[int, int]:
  """Divides rows into blocks of the same size.

  Args:
    count: Number of rows.
    most: Largest number of rows in a block; 1 is used for less than 1.

  Returns:
    Number of blocks, and number of rows in each.
  """
  most = max(1, min(count, most))
  rows = max(k for k in range(1, most + 1) if count % k == 0)
  return count // rows, rows


def _whole_tiles(x: jax.Array) -> jax.Array:
  """Pads frames with zeros up to a whole number of tiles."""
  frames = x.shape[1]
  added = _tiles(frames) * _OUT - frames
  return jnp.pad(x, ((0, 0), (0, added), (0, 0), (0, 0)))


def _loop(
  blocks: int, body: Callable[..., jax.Array], start: jax.Array
) -> jax.Array:
  """Calls the body for each block; a single one needs no loop."""
  if blocks == 1:
    return body(0, start)
  return lax.fori_loop(0, blocks, body, start)


def _input_tiles(x: jax.Array, block, rows: int) -> jax.Array:
  """Transformed tiles of 6x6 inputs, `[36, tiles of the block, channels]`."""
  batch, frames, bands, channels = x.shape
  length, columns = rows * _OUT, _tiles(bands)
  start = block * length
  cut = lambda at, size: lax.dynamic_slice_in_dim(x, at, size, axis=1)
  # Only the edges of a block are padded: padding all of x would copy it.
  before = jnp.where(start > 0, cut(jnp.maximum(start - 1, 0), 1), 0)
  after = jnp.where(start + length < frames, cut(start + length, 1), 0)
  parts = jnp.concatenate([before, cut(start, length), after], axis=1)
  right = columns * _OUT + 1 - bands
  parts = jnp.pad(parts, ((0, 0), (0, 0), (1, right), (0, 0)))
  _, _, factors = _factors()
  # The first iteration adds an axis of 6 in front of the others.
  for axis, count in (1, rows), (3, columns):
    last = _OUT * (count - 1) + 1
    cells = [
      lax.slice_in_dim(parts, i, i + last, _OUT, axis) for i in range(_IN)
    ]
    parts = _transform(factors, cells)
  return parts.reshape(_IN**2, -1, channels)


def _gradient_tiles(gradient: jax.Array, block, rows: int) -> jax.Array:
  """Gradients of the products, `[36, tiles of the block, filters]`."""
  batch, _, bands, filters = gradient.shape
  columns = _tiles(bands)
  start, length = block * rows * _OUT, rows * _OUT
  parts = lax.dynamic_slice_in_dim(gradient, start, length, axis=1)
  right = columns * _OUT - bands
  parts = jnp.pad(parts, ((0, 0), (0, 0), (0, right), (0, 0)))
  parts = parts.reshape(batch, rows, _OUT, columns, _OUT, filters)
  _, factors, _ = _factors()
  parts = _transform(factors, _cells(parts, axis=2))
  parts = _transform(factors, _cells(parts, axis=4))
  return parts.reshape(_IN**2, -1, filters)


def _cells(x: jax.Array, *, axis: int) -> list[jax.Array]:
  """Splits an array along an axis, and removes the axis."""
  at = functools.partial(lax.index_in_dim, x, axis=axis, keepdims=False)
  return [at(index) for index in range(x.shape[axis])]


def _transform(
  factors: Sequence[np.ndarray], cells: Sequence[jax.Array], *, axis: int = 0
) -> jax.Array:
  """Multiplies matrices with a list of arrays; stacks them on a new axis."""
  for matrix in factors:
    cells = [_combined(row, cells) for row in matrix]
  return lax.concatenate([lax.expand_dims(c, (axis,)) for c in cells], axis)


def _combined(weights: np.ndarray, cells: Sequence[jax.Array]) -> jax.Array:
  """Weighted sum of arrays, without operations for weights of 0 and 1.

  It uses operations of lax, because tracing those of jax.numpy takes longer
  at every start.
  """
  terms = [
    cell if weight == 1 else lax.mul(cell, np.asarray(weight, cell.dtype))
    for weight, cell in zip(weights, cells, strict=True)
    if weight
  ]
  return functools.reduce(lax.add, terms)
