"""Tracks with one class at most, as in EINV2."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError, shown
from seld_jax.outputs import slots, vectors
from seld_jax.outputs.format import (
  Array,
  Arrays,
  SeparateFormat,
  expanded,
  is_integer,
  mean_term,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tracks(SeparateFormat):
  """Two or three tracks, each of which has one event at most.

  The outputs are `sed_logits` and `sed` with shape `[..., tracks, classes]`,
  `doa` with shape `[..., tracks, axes]`, and with distances `distance` with
  shape `[..., tracks]`. The targets are `activity`, `doa` and `distance` with
  the same shapes, zeros for empty tracks. If a frame has more events than
  tracks, the first rows are used; a warning says so once.

  The loss terms `tracks_sed`, `tracks_doa` and `tracks_distance` are those of
  `losses.tracks_pit`: permutation invariant training in each frame.

  An event is the strongest class of a track where its probability exceeds the
  threshold.

  Attributes:
    num_tracks: Number of tracks, 2 or 3.
    weights: Weights of the terms when a permutation is chosen.

  References:
    Cao et al., `An improved event-independent network for polyphonic sound
    event localization and detection <https://arxiv.org/abs/2010.13092>`_, 2021

  Example:
    >>> from seld_jax import outputs
    >>> format = outputs.Tracks(num_classes=14, num_tracks=2)
    >>> format.heads
    {'sed_0': 14, 'doa_0': 3, 'sed_1': 14, 'doa_1': 3}
    >>> predictions = format.activate(jnp.zeros((8, 60, format.size)))
    >>> predictions['sed'].shape, predictions['doa'].shape
    ((8, 60, 2, 14), (8, 60, 2, 3))
  """

  name: ClassVar[str] = 'tracks'

  num_tracks: int = 3  # pyright: ignore[reportIncompatibleMethodOverride]
  weights: tuple[float, ...] = (1.0, 1.0, 1.0)

  def __post_init__(self) -> None:
    """See `OutputFormat.__post_init__`."""
    super().__post_init__()
    if not is_integer(self.num_tracks) or self.num_tracks not in (2, 3):
      raise InputError(
        f'The format tracks has 2 or 3 tracks, got num_tracks='
        f'{shown(self.num_tracks)}.'
      )
    if len(self.weights) != 3 or not all(w >= 0 for w in self.weights):
      raise InputError(
        'The format tracks needs three weights of 0 or more (activity, '
        f'direction, distance), got weights={self.weights}.'
      )

  @property
  def heads(self) -> dict[str, int]:
    """Output layers for each task of each track."""
    sizes = {'sed': self.num_classes, 'doa': self.axes}
    if self.distance:
      sizes['distance'] = 1
    return {
      f'{task}_{track}': size
      for track in range(self.num_tracks)
      for task, size in sizes.items()
    }

  def activate(self, raw: jax.Array) -> dict[str, jax.Array]:
    """See `OutputFormat.activate`."""
    each = dict(zip(self.heads, self.split(raw), strict=True))
    sed, doa, *distance = (
      jnp.stack(
        [each[f'{task}_{track}'] for track in range(self.num_tracks)], axis=-2
      )
      for task in self.predicted
    )
    outputs = {
      'sed_logits': sed,
      'sed': jax.nn.sigmoid(sed),
      'doa': self.activate_vectors(doa),
    }
    if self.distance:
      outputs['distance'] = self.activate_distances(distance[0])[..., 0]
    return outputs

  def targets(
    self, events: labels.Events, *, num_frames: int
  ) -> dict[str, np.ndarray]:
    """See `OutputFormat.targets`."""
    labels.check_range(
      events, num_frames=num_frames, num_classes=self.num_classes
    )
    rows, slot = slots.first_rows(
      events, (events.frame,), limit=self.num_tracks, what='events in a frame'
    )
    frame = events.frame[rows]
    shape = num_frames, self.num_tracks
    targets: dict[str, np.ndarray] = {
      'activity': np.zeros((*shape, self.num_classes), np.float32),
      'doa': np.zeros((*shape, self.axes), np.float32),
    }
    targets['activity'][frame, slot, events.class_index[rows]] = 1
    of_events = vectors.of_events(events, axes=self.axes)
    targets['doa'][frame, slot] = of_events[rows]
    if self.distance:
      targets['distance'] = np.zeros(shape, np.float32)
      targets['distance'][frame, slot] = vectors.distances_of(events)[rows]
    return targets

  def merge(
    self, targets: Arrays, others: Arrays
  ) -> tuple[dict[str, Array], Array]:
    """See `OutputFormat.merge`."""
    count, more = (
      (one['activity'] > 0).any(axis=-1).sum(axis=-1)
      for one in (targets, others)
    )
    merged = {
      name: slots.joined(
        values,
        others[name],
        expanded(count, values.ndim),
        axis=count.ndim,
      )
      for name, values in targets.items()
    }
    return merged, count + more <= self.num_tracks

  def loss_terms(
    self, outputs: Arrays, targets: Arrays
  ) -> dict[str, tuple[jax.Array, jax.Array]]:
    """See `OutputFormat.loss_terms`."""
    from seld_jax import losses  # only training needs Optax

    names = ['tracks_sed', 'tracks_doa', 'tracks_distance']
    names = names[: 2 + self.distance]
    more = {}
    if self.distance:
      more = {
        'distance': outputs['distance'],
        'distance_targets': targets['distance'],
      }
    terms = losses.tracks_pit(
      outputs['sed_logits'],
      outputs['doa'],
      targets['activity'],
      targets['doa'],
      self.weights[: len(names)],
      **more,
    )
    return {
      name: mean_term(values) for name, values in zip(names, terms, strict=True)
    }

  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    threshold: float | np.ndarray = 0.5,
  ) -> labels.Events:
    """See `OutputFormat.events`."""
    self.check_recording(outputs, threshold)
    sed, doa = np.asarray(outputs['sed']), np.asarray(outputs['doa'])
    strongest = sed.argmax(axis=-1)
    limits = np.broadcast_to(threshold, sed.shape[-1:])
    frame, track = np.nonzero(sed.max(axis=-1) > limits[strongest])
    order = np.lexsort((track, strongest[frame, track], frame))
    frame, track = frame[order], track[order]
    distance = None
    if self.distance:
      distance = np.asarray(outputs['distance'])[frame, track]
    return vectors.events_of(
      frame, strongest[frame, track], doa[frame, track], distance
    )

  def activity(self, outputs: Arrays) -> Array:
    """See `OutputFormat.activity`."""
    return outputs['sed'].max(axis=-2)

  def doa(self, outputs: Arrays) -> Array:
    """See `OutputFormat.doa`."""
    xp = geometry.namespace(outputs['doa'])
    strongest = outputs['sed'].argmax(axis=-2)[..., None]
    chosen = xp.take_along_axis(outputs['doa'], strongest, axis=-2)
    return vectors.padded(chosen, axes=self.axes)

  def _track_costs(self, outputs: Arrays, reference: Arrays) -> np.ndarray:
    """See `OutputFormat._track_costs`."""
    sed, doa = (
      np.square(outputs[name][:, :, None] - reference[name][:, None]).sum(-1)
      for name in ('sed', 'doa')
    )
    return sed + doa  # [frames, tracks, places]

  def _reordered(self, outputs: Arrays, order: np.ndarray) -> Arrays:
    """See `OutputFormat._reordered`."""
    return {
      name: np.take_along_axis(
        values, order.reshape(*order.shape, *[1] * (values.ndim - 2)), axis=1
      )
      for name, values in outputs.items()
    }
