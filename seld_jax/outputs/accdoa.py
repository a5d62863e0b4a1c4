"""Activity-coupled directions: ACCDOA and multi-ACCDOA."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError, shown
from seld_jax.outputs import slots, vectors
from seld_jax.outputs.format import Array, Arrays, OutputFormat, mean_term


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Coupled(OutputFormat):
  """Vectors whose norm is the activity, in one output, `accdoa`."""

  @property
  def heads(self) -> dict[str, int]:
    """One output layer."""
    size = self.num_tracks * self.num_classes * self.vector_size
    return {'accdoa': size}

  @property
  def predicted(self) -> tuple[str, ...]:
    """The only output."""
    return ('accdoa',)

  def activate(self, raw: jax.Array) -> dict[str, jax.Array]:
    """See `OutputFormat.activate`."""
    (raw,) = self.split(raw)
    shape = self.num_tracks, self.vector_size, self.num_classes
    raw = jnp.swapaxes(raw.reshape(*raw.shape[:-1], *shape), -1, -2)
    directions = self.activate_vectors(raw[..., : self.axes])
    if not self.distance:
      return {'accdoa': directions}
    distances = self.activate_distances(raw[..., self.axes :])
    return {'accdoa': jnp.concatenate([directions, distances], axis=-1)}

  def turn(self, targets: Arrays, matrix: Array) -> dict[str, Array]:
    """See `OutputFormat.turn`."""
    name = 'accdoa' if 'accdoa' in targets else 'sources'
    turned = self.turn_vectors(targets[name][..., : self.axes], matrix)
    rest = targets[name][..., self.axes :]
    if self.distance:
      xp = geometry.namespace(turned, rest)
      turned = xp.concatenate([turned, rest], axis=-1)
    return {**targets, name: turned}

  def activity(self, outputs: Arrays) -> Array:
    """See `OutputFormat.activity`."""
    norms = geometry.norm(outputs['accdoa'][..., : self.axes])
    return norms.max(axis=-2).clip(0, 1)

  def doa(self, outputs: Arrays) -> Array:
    """See `OutputFormat.doa`."""
    directions = outputs['accdoa'][..., : self.axes]
    xp = geometry.namespace(directions)
    strongest = geometry.norm(directions).argmax(axis=-2)[..., None, :, None]
    chosen = xp.take_along_axis(directions, strongest, axis=-3)[..., 0, :, :]
    return vectors.padded(chosen, axes=self.axes)

  def _coupled(self, events: labels.Events) -> np.ndarray:
    """Unit vectors of events, and distances, with shape `[rows, vector]`."""
    directions = vectors.of_events(events, axes=self.axes)
    if not self.distance:
      return directions
    distances = vectors.distances_of(events)[:, None]
    return np.concatenate([directions, distances], axis=-1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accdoa(_Coupled):
  """One vector for each class: its norm is the activity, its direction the DOA.

  The output is `accdoa` with shape `[..., 1, classes, vector]`; `vector` has
  the components of the direction and, with distances, the distance. The target
  has the same name and shape: the activity times the unit vector, then the
  distance, 0 where a class is inactive. If a class has several events in a
  frame, the last row is the target. The raw numbers have the order
  `[vector, classes]`. The loss term is `accdoa_mse`.

  References:
    Shimada et al., `ACCDOA: Activity-coupled Cartesian direction of arrival
    representation for sound event localization and detection
    <https://arxiv.org/abs/2010.15306>`_, 2021

  Example:
    >>> from seld_jax import outputs
    >>> format = outputs.Accdoa(num_classes=2)
    >>> raw = jnp.array([[0.0, 0.0, 2.0, 0.0, 0.0, 0.1]])  # x, y, z of each
    >>> predictions = format.activate(raw)
    >>> predictions['accdoa'].shape
    (1, 1, 2, 3)
    >>> print(format.activity(predictions).round(1))
    [[1.  0.1]]
    >>> found = format.events(jax.device_get(predictions))
    >>> found.class_index.tolist(), found.xyz.tolist()
    ([0], [[0.0, 1.0, 0.0]])
  """

  name: ClassVar[str] = 'accdoa'

  @property
  def num_tracks(self) -> int:
    """One track for each class."""
    return 1

  def targets(
    self, events: labels.Events, *, num_frames: int
  ) -> dict[str, np.ndarray]:
    """See `OutputFormat.targets`."""
    rows = labels.last_rows(
      events, num_frames=num_frames, num_classes=self.num_classes
    )
    shape = num_frames, 1, self.num_classes, self.vector_size
    target = np.zeros(shape, np.float32)
    place = events.frame[rows], 0, events.class_index[rows]
    target[place] = self._coupled(events)[rows]
    return {'accdoa': target}

  def merge(
    self, targets: Arrays, others: Arrays
  ) -> tuple[dict[str, Array], Array]:
    """See `OutputFormat.merge`."""
    ours, theirs = targets['accdoa'], others['accdoa']
    xp = geometry.namespace(ours, theirs)
    is_active, is_other = (
      (xp.asarray(one)[..., : self.axes] != 0).any(axis=-1, keepdims=True)
      for one in (ours, theirs)
    )
    merged = xp.where(is_active, ours, theirs)
    is_full = (is_active & is_other).any(axis=(-3, -2, -1))
    return {'accdoa': merged}, ~is_full

  def loss_terms(
    self, outputs: Arrays, targets: Arrays
  ) -> dict[str, tuple[jax.Array, jax.Array]]:
    """See `OutputFormat.loss_terms`."""
    from seld_jax import losses  # only training needs Optax

    values = losses.accdoa_mse(
      outputs['accdoa'][..., 0, :, :], targets['accdoa'][..., 0, :, :]
    )
    return {'accdoa_mse': mean_term(values)}

  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    threshold: float | np.ndarray = 0.5,
  ) -> labels.Events:
    """See `OutputFormat.events`."""
    self.check_recording(outputs, threshold)
    coupled = np.asarray(outputs['accdoa'], np.float64)[:, 0]
    directions = coupled[..., : self.axes]
    frame, class_index = np.nonzero(geometry.norm(directions) > threshold)
    found = coupled[frame, class_index]
    return vectors.events_of(
      frame,
      class_index,
      found[:, : self.axes],
      found[:, -1] if self.distance else None,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiAccdoa(_Coupled):
  """Three vectors for each class, for up to three events of the same class.

  The output is `accdoa` with shape `[..., 3, classes, vector]`. There are two
  targets. `sources` has the same shape: the vectors of the events of each
  class, then zeros for unused tracks. `count` with shape `[..., classes]` is
  the number of events. If a class has more than three events in a frame, the
  first three rows are used, and a warning says so once. The raw numbers have
  the order `[tracks, vector, classes]`, like those of published networks. The
  loss term is `adpit_mse`: auxiliary duplicating permutation invariant
  training. With distances there is also `adpit_mse_by_doa`, in which directions
  alone decide.

  Tracks of a class are active where their norm exceeds the threshold. Active
  tracks that are closer than `unify` degrees to each other are one event. If
  one pair of tracks is that close, its raw vectors and distances are averaged,
  and the third track, if active, is an event of its own. If two or three pairs
  are, all three tracks are averaged. A distance below 0 counts as 0, in an
  average, too.

  Attributes:
    unify: Angle in degrees below which two tracks are one event, 0 to 180.

  References:
    Shimada et al., `Multi-ACCDOA: Localizing and detecting overlapping sounds
    from the same class with auxiliary duplicating permutation invariant
    training <https://arxiv.org/abs/2110.07124>`_, 2022

  Example:
    >>> from seld_jax import labels, outputs
    >>> format = outputs.MultiAccdoa(num_classes=13, distance=True)
    >>> format.size, format.activate(jnp.zeros((8, 50, 156)))['accdoa'].shape
    (156, (8, 50, 3, 13, 4))
    >>> two_dogs = labels.Events(
    ...   frame=np.array([0, 0]),
    ...   class_index=np.array([5, 5]),
    ...   track=np.array([0, 1]),
    ...   xyz=np.eye(3)[:2],
    ...   distance=np.array([1.0, 2.5]),
    ... )
    >>> targets = format.targets(two_dogs, num_frames=1)
    >>> float(targets['count'][0, 5])
    2.0
    >>> found = format.events({'accdoa': targets['sources']})
    >>> found.track.tolist(), found.distance.tolist()
    ([0, 1], [1.0, 2.5])
  """

  name: ClassVar[str] = 'multi_accdoa'

  unify: float = 15.0

  def __post_init__(self) -> None:
    """See `OutputFormat.__post_init__`."""
    super().__post_init__()
    is_number = isinstance(self.unify, int | float | np.number)
    if not is_number or not 0 <= self.unify <= 180:
      raise InputError(
        f'unify must be an angle from 0 to 180 degrees, got '
        f'{shown(self.unify)}.'
      )

  @property
  def num_tracks(self) -> int:
    """Three tracks for each class."""
    return 3

  def targets(
    self, events: labels.Events, *, num_frames: int
  ) -> dict[str, np.ndarray]:
    """See `OutputFormat.targets`."""
    labels.check_range(
      events, num_frames=num_frames, num_classes=self.num_classes
    )
    rows, slot = slots.first_rows(
      events,
      (events.frame, events.class_index),
      limit=self.num_tracks,
      what='events of a class in a frame',
    )
    frame, class_index = events.frame[rows], events.class_index[rows]
    shape = num_frames, self.num_tracks, self.num_classes, self.vector_size
    sources = np.zeros(shape, np.float32)
    sources[frame, slot, class_index] = self._coupled(events)[rows]
    count = np.zeros((num_frames, self.num_classes), np.float32)
    np.add.at(count, (frame, class_index), 1)
    return {'sources': sources, 'count': count}

  def merge(
    self, targets: Arrays, others: Arrays
  ) -> tuple[dict[str, Array], Array]:
    """See `OutputFormat.merge`."""
    count, total = targets['count'], targets['count'] + others['count']
    sources = slots.joined(
      targets['sources'],
      others['sources'],
      count[..., None, :, None],
      axis=count.ndim - 1,
    )
    merged = {'sources': sources, 'count': total.clip(0, self.num_tracks)}
    return merged, (total <= self.num_tracks).all(axis=-1)

  def loss_terms(
    self, outputs: Arrays, targets: Arrays
  ) -> dict[str, tuple[jax.Array, jax.Array]]:
    """See `OutputFormat.loss_terms`."""
    from seld_jax import losses  # only training needs Optax

    arrays = outputs['accdoa'], targets['sources'], targets['count']
    terms = {'adpit_mse': mean_term(losses.adpit_mse(*arrays))}
    if self.distance:
      by_doa = losses.adpit_mse(*arrays, doa_axes=self.axes)
      terms['adpit_mse_by_doa'] = mean_term(by_doa)
    return terms

  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    threshold: float | np.ndarray = 0.5,
  ) -> labels.Events:
    """See `OutputFormat.events`."""
    self.check_recording(outputs, threshold)
    coupled = np.asarray(outputs['accdoa'], np.float64)
    # [frames, tracks, classes]
    is_active = geometry.norm(coupled[..., : self.axes]) > threshold
    frame, class_index = np.nonzero(is_active.any(axis=1))
    # From here on only classes that are active: [rows, tracks, ...].
    coupled, is_active = (
      values[frame, :, class_index] for values in (coupled, is_active)
    )
    row, track = np.nonzero(is_active)
    vectors.check_finite(frame[row], class_index[row], coupled[row, track])
    coupled[~is_active] = 0  # they may be NaN
    if self.distance:
      coupled[..., -1] = np.maximum(coupled[..., -1], 0)
    directions = vectors.padded(coupled[..., : self.axes], axes=self.axes)
    event = slots.events_of_tracks(directions, is_active, unify=self.unify)
    found = []
    for number in range(self.num_tracks):
      members = (event == number) & is_active
      rows = np.flatnonzero(members.any(axis=1))
      weight = members[rows, :, None]
      mean = (coupled[rows] * weight).sum(axis=1) / weight.sum(axis=1)
      found.append((rows, mean))
    rows = np.concatenate([rows for rows, _ in found])
    means = np.concatenate([mean for _, mean in found])
    order = np.argsort(rows, kind='stable')
    rows, means = rows[order], means[order]
    return vectors.events_of(
      frame[rows],
      class_index[rows],
      means[:, : self.axes],
      means[:, -1] if self.distance else None,
    )

  def _track_costs(self, outputs: Arrays, reference: Arrays) -> np.ndarray:
    """See `OutputFormat._track_costs`; each class has its own order."""
    ours, theirs = outputs['accdoa'], reference['accdoa']
    cost = np.square(ours[:, :, None] - theirs[:, None])[..., : self.axes]
    return cost.sum(axis=-1)  # [frames, tracks, places, classes]

  def _reordered(self, outputs: Arrays, order: np.ndarray) -> Arrays:
    """See `OutputFormat._reordered`."""
    matched = np.take_along_axis(outputs['accdoa'], order[..., None], axis=1)
    return {**outputs, 'accdoa': matched}

  def _chosen(self, stacked: np.ndarray, index: np.ndarray) -> np.ndarray:
    """See `OutputFormat._chosen`; each class has its own choice."""
    index = index[None, :, None, :, None]
    return np.take_along_axis(stacked, index, axis=0)[0]
