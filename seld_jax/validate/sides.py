"""Whether the louder channel of stereo recordings is on the side of the labels.

Stereo determines neither front and back nor elevation, so only the left and the
right side are compared. A time in which one source stays at nearly one place is
one observation, as in `alignment`.
"""

import os
from collections.abc import Sequence

import numpy as np

from seld_jax.validate.checks import Finding
from seld_jax.validate.whole_set import Sound

# Labels nearer to the front or back than about 6 degrees have no side.
_LEAST_SIDE = 0.1
# Nothing is decided with fewer observations.
_MIN_PIECES = 10
# Standard errors that the mean must be away from 0: for an error, and for the
# statement that the sides agree.
_FAULT, _SURE = 5.0, 3.0


def check_sides(sounds: Sequence[Sound]) -> tuple[list[Finding], str]:
  """Checks whether left and right are exchanged, in channels or labels.

  Args:
    sounds: All stereo recordings.

  Returns:
    One finding if they are, and a sentence on what is known, or an empty one if
    no recording has labels.
  """
  paths = [str(one.path) for one in sounds if one.evidence is not None]
  if not paths:
    return [], ''
  found = np.concatenate([_observations(one) for one in sounds])
  folder = os.path.commonpath(paths)
  count = f'{folder}, {len(found)} times with a single source at a side'
  if len(found) < _MIN_PIECES:
    return [], (
      f'{count}: not determined whether the louder channel is on the side of '
      f'the labels, because at least {_MIN_PIECES} are needed.'
    )
  mean = float(found.mean())
  error = float(found.std(ddof=1)) / np.sqrt(len(found))
  share = np.mean(found > 0)
  agree = f'the louder channel is on the side of the labels in {share:.0%}'
  if mean < -_FAULT * error:
    text = (
      f'{agree} of {len(found)} times with a single source: left and right are '
      'exchanged; exchange the two channels of each sound file, or change the '
      'sign of all azimuths in the labels, whichever is wrong'
    )
    return [Finding('directions', 'error', folder, text)], ''
  if mean > _SURE * error:
    return [], f'{count}: {agree}.'
  return [], (
    f'{count}: {agree}, too few to tell whether labels and sound agree.'
  )


def _observations(sound: Sound) -> np.ndarray:
  """For each time with one source: how much the sound is on its side."""
  evidence = sound.evidence
  if evidence is None or not len(evidence.frame):
    return np.zeros(0)
  side = evidence.xyz[:, 1]
  heard = evidence.intensity[evidence.frame, 0]
  kept = (np.abs(side) > _LEAST_SIDE) & (heard != 0)
  size = int(evidence.piece[-1]) + 1
  piece = evidence.piece[kept]
  total = np.bincount(piece, (side * heard)[kept], size)
  number = np.bincount(piece, minlength=size)
  return (total / np.maximum(number, 1))[number > 0]
