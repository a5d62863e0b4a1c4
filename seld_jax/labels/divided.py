"""Predictions whose frame numbers were divided, such as those of 20 ms by 5.

In such a file, several rows of one source have the same frame number, in nearly
the same direction. Each would count as a source.
"""

import numpy as np

from seld_jax.errors import InputError
from seld_jax.labels.events import Events, group_rows
from seld_jax.labels.notes import Notes
from seld_jax.labels.rows import Rows

# The smallest number of frames that shows it, counted for each class.
_FRAMES = 10
# The mean number of rows in a frame that shows it. Networks that predict each
# source up to three times, without tracks, are usual: fewer rows of them are
# told only.
_SURE, _LIKELY = 3.5, 1.75
# Rows are close if the angle between them is below this one, in degrees; this
# part of them must be.
_ANGLE, _PART = 15, 0.75


def check_divided(
  rows: Rows, events: Events, notes: Notes, *, has_tracks: bool
) -> None:
  """Refuses frames whose numbers were divided, or notes that they may be.

  Args:
    rows: The rows of a file of predictions, for messages.
    events: Its events, with the frames of the file.
    notes: The notes about files.
    has_tracks: Whether the file has a column of tracks.

  Raises:
    InputError: Most frames have several rows of a class in one direction: four
      or five of them, or two of the same track in a file with several tracks.
  """
  # Many systems write track 0 in all rows: it does not distinguish sources.
  tracked = has_tracks and len(events.track) and np.ptp(events.track) > 0
  if tracked:
    count = _repeated(events, events.frame, events.class_index, events.track)
    if count >= _LIKELY:
      _refuse(rows, count, 'class, track and frame')
  count = _repeated(events, events.frame, events.class_index)
  if count >= _SURE:
    _refuse(rows, count, 'class and frame')
  if count >= _LIKELY and not tracked:
    text = (
      f'there are {count:.1f} rows on average for each class and frame, in '
      'nearly the same direction, and each counts as a source; if frame '
      'numbers were divided, read the original file with --label_hop, such as '
      '--label_hop=0.04 for frames of 40 ms'
    )
    notes.add('divided', path=rows.path, line=None, text=text, count=1)


def _refuse(rows: Rows, count: float, each: str) -> None:
  raise InputError(
    f'{rows.path} has {count:.1f} rows on average for each {each}, in nearly '
    'the same direction, as if its frame numbers had been divided; read the '
    'original file with --label_hop, such as --label_hop=0.02 for frames of '
    '20 ms.'
  )


def _repeated(events: Events, *keys: np.ndarray) -> float:
  """The mean number of rows of a group, if most are close to others, or 0."""
  if len(events.frame) < _LIKELY * _FRAMES:
    return 0.0
  # Nearly all files end here.
  _, group = group_rows(*keys)
  groups = int(group[-1]) + 1
  if groups < _FRAMES or len(group) < _LIKELY * groups:
    return 0.0
  azimuth = np.arctan2(events.xyz[:, 1], events.xyz[:, 0])
  # Sorted by azimuth within each group: sources in several directions are then
  # runs of close rows.
  order = np.lexsort((azimuth, *keys[::-1]))
  same = np.diff(group) == 0  # the same sizes in this order
  xyz = events.xyz[order]
  cosine = np.sum(xyz[1:] * xyz[:-1], axis=-1)[same]
  if np.mean(cosine > np.cos(np.deg2rad(_ANGLE))) < _PART:
    return 0.0
  return len(order) / groups
