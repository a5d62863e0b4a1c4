"""Whether left and right of stereo recordings are those of the labels."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from seld_jax.validate.alignment import SET_LEVEL, Evidence

# Pieces of a source count if it is at least this far to one side, as the sine
# of its azimuth.
_ASIDE = 0.3
# Nothing is decided with fewer pieces on each side.
_MIN_PIECES = 4
# Correlation of sides and levels that is an agreement.
_LEAST = 0.3


def compare(evidences: Sequence[Evidence]) -> tuple[str, str]:
  """Compares the sides of labelled sources with the levels of the channels.

  Args:
    evidences: The evidence of each recording, whose intensity has the level
      difference of left and right first; see `measurement.Measured`.

  Returns:
    `'error'` and the text of a finding if left and right are exchanged, else
    `'note'` and the start of a sentence on what is known.
  """
  number = sum(len(one.frame) for one in evidences)
  start = f'{number} frames with a single source'
  sides, levels = np.concatenate(
    [_pieces(one) for one in evidences if len(one.frame)], axis=1
  )
  aside = np.abs(sides) > _ASIDE
  sides, levels = sides[aside], levels[aside]
  if min(np.sum(sides > 0), np.sum(sides < 0)) < _MIN_PIECES:
    return 'note', (
      f'{start}: not determined whether left and right are those of the '
      'labels, because too few sources are clearly on one side'
    )
  if np.ptp(levels) == 0:
    return 'note', (
      f'{start}: not determined whether left and right are those of the '
      'labels, because both channels have the same level'
    )
  share, chance = map(float, stats.pearsonr(sides, levels))
  if share < -_LEAST and chance < SET_LEVEL:
    return 'error', (
      'sources that the labels have on the left are louder on the right '
      f'(correlation {share:.2f} over {len(sides)} sounds); exchange the two '
      'channels of each sound file, or change the sign of all azimuths in the '
      'labels, whichever is wrong'
    )
  if share > _LEAST and chance < SET_LEVEL:
    return 'note', (
      f'{start}: left and right are those of the labels (correlation of side '
      f'and level {share:.2f} over {len(sides)} sounds)'
    )
  return 'note', (
    f'{start}: not determined whether left and right are those of the labels, '
    f'because sides and levels agree too little (correlation {share:.2f} over '
    f'{len(sides)} sounds)'
  )


def _pieces(one: Evidence) -> np.ndarray:
  """Mean side and level difference of each piece, with shape `[2, pieces]`."""
  starts = np.flatnonzero(np.diff(one.piece, prepend=-1))
  rows = np.stack([one.xyz[:, 1], one.intensity[one.frame, 0]])
  sums = np.add.reduceat(rows, starts, axis=1)
  return sums / np.diff(starts, append=len(one.frame))
