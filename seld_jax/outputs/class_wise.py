"""The class-wise format: activity and one direction for each class."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import numpy as np

from seld_jax import geometry, labels
from seld_jax.outputs import vectors
from seld_jax.outputs.format import Array, Arrays, SeparateFormat, expanded


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassWise(SeparateFormat):
  """The activity and one direction of each class.

  The outputs are `sed_logits` and `sed` with shape `[..., classes]`, `doa` with
  shape `[..., classes, axes]`, and with distances `distance` with shape
  `[..., classes]`. The targets are `activity`, `doa` and `distance` with the
  same shapes; directions and distances of inactive classes are 0. If a class
  has several events in a frame, the last row is the target.

  The loss terms are the entries of `losses.TERMS` that have `sum_and_count`.
  Those of distances are included if the format predicts distances.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020

  Example:
    >>> from seld_jax import labels, outputs
    >>> format = outputs.ClassWise(num_classes=2)
    >>> format.heads
    {'sed': 2, 'doa': 6}
    >>> raw = jnp.array([[9.0, -9.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0]])
    >>> found = format.events(jax.device_get(format.activate(raw)))
    >>> found.class_index.tolist(), found.xyz.tolist()
    ([0], [[0.0, 1.0, 0.0]])
  """

  name: ClassVar[str] = 'class_wise'

  @property
  def num_tracks(self) -> int:
    """One track for each class."""
    return 1

  @property
  def heads(self) -> dict[str, int]:
    """One output layer for each task."""
    sizes = {'sed': self.num_classes, 'doa': self.axes * self.num_classes}
    return sizes | ({'distance': self.num_classes} if self.distance else {})

  def activate(self, raw: jax.Array) -> dict[str, jax.Array]:
    """See `OutputFormat.activate`."""
    sed, doa, *distance = self.split(raw)
    doa = self.activate_vectors(doa)
    outputs = {
      'sed_logits': sed,
      'sed': jax.nn.sigmoid(sed),
      'doa': doa.reshape(*doa.shape[:-1], self.num_classes, self.axes),
    }
    if self.distance:
      outputs['distance'] = self.activate_distances(distance[0])
    return outputs

  def targets(
    self, events: labels.Events, *, num_frames: int
  ) -> dict[str, np.ndarray]:
    """See `OutputFormat.targets`."""
    rows = labels.last_rows(
      events, num_frames=num_frames, num_classes=self.num_classes
    )
    place = events.frame[rows], events.class_index[rows]
    shape = num_frames, self.num_classes
    targets = {
      'activity': np.zeros(shape, np.float32),
      'doa': np.zeros((*shape, self.axes), np.float32),
    }
    targets['activity'][place] = 1
    targets['doa'][place] = vectors.of_events(events, axes=self.axes)[rows]
    if self.distance:
      targets['distance'] = np.zeros(shape, np.float32)
      targets['distance'][place] = vectors.distances_of(events)[rows]
    return targets

  def merge(
    self, targets: Arrays, others: Arrays
  ) -> tuple[dict[str, Array], Array]:
    """See `OutputFormat.merge`."""
    xp = geometry.namespace(*targets.values(), *others.values())
    is_active = xp.asarray(targets['activity']) > 0
    merged = {
      name: xp.where(expanded(is_active, values.ndim), values, others[name])
      for name, values in targets.items()
    }
    is_full = is_active & (xp.asarray(others['activity']) > 0)
    return merged, ~is_full.any(axis=-1)

  def loss_terms(
    self, outputs: Arrays, targets: Arrays
  ) -> dict[str, tuple[jax.Array, jax.Array]]:
    """See `OutputFormat.loss_terms`."""
    from seld_jax import losses  # only training needs Optax

    return {
      name: term.sum_and_count(outputs, targets)
      for name, term in losses.TERMS.items()
      if term.sum_and_count is not None
      and (term.task != 'distance' or self.distance)
    }

  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    threshold: float | np.ndarray = 0.5,
  ) -> labels.Events:
    """See `OutputFormat.events`."""
    self.check_recording(outputs, threshold)
    sed, doa = np.asarray(outputs['sed']), np.asarray(outputs['doa'])
    frame, class_index = np.nonzero(sed > threshold)
    distance = None
    if self.distance:
      distance = np.asarray(outputs['distance'])[frame, class_index]
    return vectors.events_of(
      frame, class_index, doa[frame, class_index], distance
    )

  def activity(self, outputs: Arrays) -> Array:
    """See `OutputFormat.activity`."""
    return outputs['sed']

  def doa(self, outputs: Arrays) -> Array:
    """See `OutputFormat.doa`."""
    return vectors.padded(outputs['doa'], axes=self.axes)
