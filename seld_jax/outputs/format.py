"""What all output formats have in common."""

import abc
import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError, shown
from seld_jax.outputs import slots

# NumPy arrays outside of compiled programs, JAX arrays within.
Array = Any
Arrays = Mapping[str, Array]

ACTIVATIONS = ('tanh', 'linear')


def is_integer(value: Any) -> bool:
  """Whether an option is an integer; True and False are none."""
  return isinstance(value, int | np.integer) and not isinstance(value, bool)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputFormat(abc.ABC):
  """The interface of an output format; `outputs.make` makes one.

  Every method is a pure function, and `activate`, `loss_terms`, `turn`,
  `merge`, `silence`, `activity` and `doa` work under jit, vmap, grad and pmap.
  Formats can be compared and hashed, so that they can be static arguments of
  `jit` and fields of Flax modules.

  Attributes:
    num_classes: Number of classes.
    axes: Components of a direction vector: 3 for (x, y, z), 2 for (x, y), the
      horizon.
    distance: Whether distances in metres are predicted, too.
    activation: `'tanh'`: components of vectors are in (-1, 1) and distances are
      rectified (ReLU); `'linear'`: both are the raw numbers.
    name: The name by which `outputs.make` knows the format.

  Example:
    >>> from seld_jax import outputs
    >>> format = outputs.make('accdoa', num_classes=13)
    >>> isinstance(format, outputs.OutputFormat), format.size
    (True, 39)
  """

  name: ClassVar[str] = ''

  num_classes: int
  axes: int = 3
  distance: bool = False
  activation: str = 'tanh'

  def __post_init__(self) -> None:
    """Checks the options.

    Raises:
      InputError: An option is out of range.
    """
    if not is_integer(self.num_classes) or self.num_classes < 1:
      raise InputError(
        f'An output format needs at least 1 class, got num_classes='
        f'{shown(self.num_classes)}.'
      )
    if self.axes not in (2, 3):
      raise InputError(
        f'axes must be 3 (x, y, z) or 2 (x, y: the horizon), got '
        f'{shown(self.axes)}.'
      )
    if self.activation not in ACTIVATIONS:
      raise InputError(
        f"activation must be 'tanh' or 'linear', got {shown(self.activation)}."
      )

  @property
  @abc.abstractmethod
  def num_tracks(self) -> int:
    """Number of tracks: of each class, or of all classes together."""

  @property
  @abc.abstractmethod
  def heads(self) -> dict[str, int]:
    """Name and size of each output layer, in the order of the raw numbers."""

  @property
  @abc.abstractmethod
  def predicted(self) -> tuple[str, ...]:
    """Names of the outputs that `events`, `activity` and `doa` need."""

  @abc.abstractmethod
  def activate(self, raw: jax.Array) -> dict[str, jax.Array]:
    """Turns the raw numbers of a network into outputs.

    Args:
      raw: Outputs of the last layers without activation, with shape
        `[..., size]`.

    Returns:
      Outputs by name.
    """

  @abc.abstractmethod
  def targets(
    self, events: labels.Events, *, num_frames: int
  ) -> dict[str, np.ndarray]:
    """Makes the targets of a recording.

    Args:
      events: The labelled events.
      num_frames: Number of label frames of the recording.

    Returns:
      Targets by name, float32 with shape `[num_frames, ...]`.

    Raises:
      InputError: A frame or class is out of range, or distances are missing.
    """

  @abc.abstractmethod
  def loss_terms(
    self, outputs: Arrays, targets: Arrays
  ) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Computes all loss terms of the format.

    Args:
      outputs: From `activate`.
      targets: From `targets`, with the same leading axes.

    Returns:
      Sum and count over all leading axes by the name of the term; their ratio
      is the loss. What is trained is a weighted sum of terms.
    """

  @abc.abstractmethod
  def turn(self, targets: Arrays, matrix: Array) -> dict[str, Array]:
    """Rotates or mirrors every direction of targets or outputs.

    Args:
      targets: From `targets` or `activate`.
      matrix: Orthogonal matrix of shape `[3, 3]`, which maps old directions to
        new ones. With `axes=2` it must map the horizon to itself: only its
        upper left 2 x 2 block is used.

    Returns:
      The targets or outputs of the turned scene. Norms, distances, activities
      and padding are the same.
    """

  @abc.abstractmethod
  def merge(
    self, targets: Arrays, others: Arrays
  ) -> tuple[dict[str, Array], Array]:
    """Merges the targets of two recordings into those of their mixture.

    Formats with one direction for each class have no room for two events of a
    class in a frame, and the others only for as many as they have tracks.

    Args:
      targets: From `targets`.
      others: From `targets` for as many frames of another recording.

    Returns:
      Targets with the events of both, those of the first recording first; and
      for each frame whether there was room for all of them, bool with shape
      `[...]`. A frame without room has all events of the first recording, and
      those of the second that have a place.
    """

  def silence(self, targets: Arrays, is_silent: Array) -> dict[str, Array]:
    """Removes all events from some frames.

    Args:
      targets: From `targets`.
      is_silent: Whether a label frame loses its events, bool with shape `[...]`
        (the axes before those of a frame, usually `[num_frames]`).

    Returns:
      Targets in which nothing is active in these frames, with the same shapes.

    Example:
      >>> from seld_jax import outputs
      >>> format = outputs.make('accdoa', num_classes=1)
      >>> targets = {'accdoa': np.ones((2, 1, 1, 3))}
      >>> silent = format.silence(targets, np.array([False, True]))
      >>> print(silent['accdoa'][:, 0, 0])
      [[1. 1. 1.]
       [0. 0. 0.]]
    """
    xp = geometry.namespace(is_silent, *targets.values())
    is_silent = xp.asarray(is_silent)
    return {
      name: xp.where(expanded(is_silent, values.ndim), 0, values)
      for name, values in targets.items()
    }

  @abc.abstractmethod
  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    threshold: float | np.ndarray = 0.5,
  ) -> labels.Events:
    """Finds the events of a recording.

    Args:
      outputs: The outputs of `predicted`, with shape `[frames, ...]`.
      threshold: A class or track is active where its activity is above this:
        one number, or one for each class with shape `[classes]`.

    Returns:
      Events in the order of frame, then class. Several events of a class in a
      frame have the tracks 0, 1, ... Distances below 0 count as 0.

    Raises:
      InputError: An active direction or distance is not finite, or there is not
        one threshold, or one for each class.
      ValueError: An output is missing, or has another shape.
    """

  @abc.abstractmethod
  def activity(self, outputs: Arrays) -> Array:
    """Activity of each class.

    Args:
      outputs: The outputs of `predicted`, with shape `[..., ...]`.

    Returns:
      Activity in [0, 1], with shape `[..., classes]`: that of the most active
      track of each class.
    """

  @abc.abstractmethod
  def doa(self, outputs: Arrays) -> Array:
    """Direction of each class.

    Args:
      outputs: The outputs of `predicted`, with shape `[..., ...]`.

    Returns:
      Vectors (x, y, z) of any length, with shape `[..., classes, 3]`: that of
      the most active track of each class.
    """

  def match(self, outputs: Arrays, reference: Arrays) -> Arrays:
    """Puts the tracks of each frame into the order of other outputs.

    Where two windows overlap, a network may place the same source on one track
    in the first window, and on another track in the second one.

    Args:
      outputs: The outputs of `predicted`, NumPy arrays with shape
        `[frames, ...]`.
      reference: Other outputs for the same frames.

    Returns:
      The outputs. The tracks of each frame have the order with the smallest
      squared error relative to those of the reference.
    """
    cost = self._track_costs(outputs, reference)
    if cost is None:
      return outputs
    return self._reordered(outputs, slots.best_order(cost)[0])

  def average(self, parts: Sequence[Arrays]) -> Arrays:
    """Averages the outputs of several predictions of the same frames.

    Numbers of all kinds are averaged as they are: probabilities, components of
    vectors, distances. In formats whose tracks can exchange places, the tracks
    of each frame are first put into the order that is closest to those of one
    of the parts: the part to which all others are closest. So the mean does not
    depend on the order of the parts, except for the order of its tracks, which
    is the one that is closest to the first part.

    Args:
      parts: For each prediction, the outputs of `predicted`, NumPy arrays with
        shape `[frames, ...]`.

    Returns:
      The mean outputs, float32 with the same shapes.

    Example:
      Two networks that have the same two dogs on other tracks:

      >>> from seld_jax import outputs
      >>> format = outputs.make('tracks', num_classes=1, num_tracks=2)
      >>> sed, doa = np.array([[[0.9], [0.7]]]), np.eye(3)[None, :2]
      >>> first = {'sed': sed, 'doa': doa}
      >>> second = {'sed': sed[:, ::-1], 'doa': doa[:, ::-1]}
      >>> print(format.average([first, second])['sed'][0])
      [[0.9]
       [0.7]]
    """
    if not parts:
      raise ValueError('The mean of no outputs was asked for.')
    matched = parts
    if self.num_tracks > 1 and len(parts) > 1:
      middle = self._most_central(parts)
      matched = [self.match(part, middle) for part in parts]
    mean = {
      name: np.mean(
        [part[name] for part in matched], axis=0, dtype=np.float64
      ).astype(np.float32)
      for name in self.predicted
    }
    return self.match(mean, parts[0]) if len(parts) > 1 else mean

  def _most_central(self, parts: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """In each frame (and class), the part to which all others are closest."""
    least: dict[tuple[int, int], np.ndarray] = {}
    for i, j in itertools.combinations(range(len(parts)), 2):
      cost = self._track_costs(parts[i], parts[j])
      least[i, j] = least[j, i] = slots.best_order(cost)[1]
    totals = np.stack(
      [
        sum(least[i, j] for j in range(len(parts)) if j != i)
        for i in range(len(parts))
      ]
    )
    chosen = totals.argmin(axis=0)  # [frames] or [frames, classes]
    return {
      name: self._chosen(np.stack([part[name] for part in parts]), chosen)
      for name in self.predicted
    }

  def _track_costs(self, outputs: Arrays, reference: Arrays) -> Any:
    """Cost of each track of outputs at the place of each of the reference.

    Args:
      outputs: As for `match`.
      reference: As for `match`.

    Returns:
      Squared errors with shape `[frames, tracks, places, ...]`; None if tracks
      cannot exchange places.
    """
    del outputs, reference
    return None

  def _reordered(self, outputs: Arrays, order: np.ndarray) -> Arrays:
    """Puts the tracks of outputs into an order of `slots.best_order`."""
    del order
    return outputs

  def _chosen(self, stacked: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Takes one of several arrays `[n, frames, ...]` in each frame."""
    index = index.reshape(1, -1, *[1] * (stacked.ndim - 2))
    return np.take_along_axis(stacked, index, axis=0)[0]

  @property
  def size(self) -> int:
    """Numbers per label frame that the output layers have to give."""
    return sum(self.heads.values())

  @functools.cached_property
  def shapes(self) -> dict[str, tuple[int, ...]]:
    """Shape of each output of `predicted` in one label frame."""
    raw = jax.ShapeDtypeStruct((self.size,), np.float32)
    made = jax.eval_shape(self.activate, raw)
    return {name: made[name].shape for name in self.predicted}

  def check_recording(
    self, outputs: Mapping[str, np.ndarray], threshold: float | np.ndarray
  ) -> None:
    """Checks names and shapes of the outputs of one recording, and thresholds.

    Without this check, the component z of a network without distances could be
    read as a distance.

    Raises:
      InputError: There is not one threshold, or one for each class.
      ValueError: An output is missing, or has another shape, as in a batch.
    """
    limits = np.asarray(threshold)
    if limits.shape not in ((), (self.num_classes,)) or np.isnan(limits).any():
      raise InputError(
        f'threshold must be a number, or {self.num_classes} numbers, one for '
        f'each class, got {shown(limits.tolist())}.'
      )
    for name, shape in self.shapes.items():
      if name not in outputs or np.shape(outputs[name])[1:] != shape:
        expected = ', '.join(['frames', *map(str, shape)])
        got = 'no such output'
        if name in outputs:
          got = f'shape {list(np.shape(outputs[name]))}'
        raise ValueError(
          f'The events of a recording with the format {self.name} need '
          f'{name!r} with shape [{expected}], got {got}.'
        )

  @property
  def vector_size(self) -> int:
    """Components of a direction vector, with the distance behind them."""
    return self.axes + self.distance

  def split(self, raw: jax.Array) -> list[jax.Array]:
    """Divides raw numbers `[..., size]` into those of each head."""
    if raw.shape[-1] != self.size:
      raise ValueError(
        f'{self.name} needs {self.size} numbers per label frame, got shape '
        f'{tuple(raw.shape)}.'
      )
    ends = np.cumsum(list(self.heads.values()))[:-1].tolist()
    return jnp.split(raw, ends, axis=-1)

  def activate_vectors(self, raw: jax.Array) -> jax.Array:
    """Activates direction vectors."""
    return jnp.tanh(raw) if self.activation == 'tanh' else raw

  def activate_distances(self, raw: jax.Array) -> jax.Array:
    """Activates distances."""
    return jax.nn.relu(raw) if self.activation == 'tanh' else raw

  def turn_vectors(self, vectors: Array, matrix: Array) -> Array:
    """Turns vectors of shape `[..., axes]`."""
    xp = geometry.namespace(vectors, matrix)
    matrix = xp.asarray(matrix)[: self.axes, : self.axes]
    matrix = matrix.T.astype(vectors.dtype)
    if xp is np:
      return vectors @ matrix
    return jnp.matmul(vectors, matrix, precision=jax.lax.Precision.HIGHEST)


def expanded(values: Array, ndim: int) -> Array:
  """Adds axes of size 1 at the end, up to `ndim` axes."""
  return values.reshape(*values.shape, *[1] * (ndim - values.ndim))


def mean_term(values: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Sum, float32 or wider, and count of a loss with one value per frame."""
  wide = jnp.promote_types(jnp.float32, values.dtype)
  return jnp.sum(values, dtype=wide), jnp.float32(math.prod(values.shape))


class SeparateFormat(OutputFormat):
  """Formats whose activity, directions and distances are outputs of their own.

  The targets have directions under the same name, `doa`.
  """

  @property
  def predicted(self) -> tuple[str, ...]:
    """Activity, directions and distances."""
    return ('sed', 'doa', *(['distance'] if self.distance else []))

  def turn(self, targets: Arrays, matrix: Array) -> dict[str, Array]:
    """See `OutputFormat.turn`."""
    return {**targets, 'doa': self.turn_vectors(targets['doa'], matrix)}
