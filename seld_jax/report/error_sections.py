"""Where a system errs, in a page: confused classes, directions that are off."""

import os
from collections.abc import Sequence

import numpy as np

from seld_jax import evaluate, figures, geometry
from seld_jax.report import embedding, examples, page

_CONFUSION = (
  'Of the seconds in which only the class of the row sounded (in however few '
  'frames; their number is behind its name), the percentage in which the class '
  'of the column was detected anywhere in that second, from whatever '
  'direction. A second with several detections counts in each of their '
  'columns, so that a row may exceed 100; "nothing" are the seconds without '
  'any. Seconds in which classes overlap are left out: there, nobody can tell '
  'what a wrong detection stands for.'
)
_DIRECTIONS = (
  'Above, the angle between the reference and the detection of the same class '
  'in the same frame, where there is one: median and quartiles over frames. '
  'Below, the share of frames of the reference whose class was detected. '
  'Points stand at the mean of what lies in a bin.'
)
_UNKNOWN = (
  ' No scenes.csv beside the labels tells the noise and the motion of these '
  'recordings.'
)

_MOST_SNR_BINS = 6


def confusion_section(
  recordings: Sequence[examples.Recording],
  *,
  classes: Sequence[str],
  folder: str | os.PathLike[str],
) -> str:
  """What is detected where one class sounds alone.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    folder: Folder that gets the figure as `confusion.png`.

  Returns:
    HTML: the heat map, or a sentence where no class sounds alone.
  """
  counts, alone = evaluate.confusion_matrix(
    [(one.reference, one.prediction) for one in recordings],
    num_classes=len(classes),
  )
  if not alone.any():
    return page.paragraph('No class sounds alone in any second.')
  return embedding.write_and_embed(
    lambda dark: figures.plot_confusion(
      counts, alone, classes=classes, dark=dark
    ),
    folder=folder,
    name='confusion',
    caption=_CONFUSION,
    alt='Heat map of the classes detected, by the class that sounded alone',
  )


def directions_section(
  recordings: Sequence[examples.Recording],
  *,
  classes: Sequence[str],
  folder: str | os.PathLike[str],
  scenes: str | os.PathLike[str],
) -> str:
  """How far off directions are, and on what that depends.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    folder: Folder that gets the figure as `direction_errors.png`.
    scenes: A scenes.csv, which may be missing.

  Returns:
    HTML: the figure, or a sentence where nothing sounds.

  Raises:
    InputError: scenes.csv cannot be read.
  """
  profiles = make_profiles(recordings, classes=classes, scenes=scenes)
  if not any(one.rows.any() for one in profiles.values()):
    return page.paragraph('The reference has no events, so no directions.')
  return embedding.write_and_embed(
    lambda dark: figures.plot_direction_errors(profiles, dark=dark),
    folder=folder,
    name='direction_errors',
    caption=_DIRECTIONS + (_UNKNOWN if len(profiles) == 2 else ''),
    alt='Angles between reference and prediction, and shares of frames '
    f'detected, by {", ".join(profiles)}',
  )


def make_profiles(
  recordings: Sequence[examples.Recording],
  *,
  classes: Sequence[str],
  scenes: str | os.PathLike[str],
) -> dict[str, evaluate.Profile]:
  """Errors of directions by what they may depend on, by its label.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    scenes: A scenes.csv, which may be missing.

  Returns:
    Profiles over azimuth and elevation, and those over the ratio to the noise
    and the speed of motion that scenes.csv tells.

  Raises:
    InputError: scenes.csv cannot be read.
  """
  conditions = evaluate.read_conditions(scenes)
  columns: list[np.ndarray] = []
  for one in recordings:
    azimuth, elevation = geometry.to_polar(one.reference.xyz)
    snr, speed = evaluate.snr_and_speed(
      one.reference, conditions.get(one.name, ()), classes=classes
    )
    errors = evaluate.direction_errors(
      one.reference, one.prediction, num_classes=len(classes)
    )
    columns.append(np.stack([azimuth, elevation, snr, speed, errors]))
  azimuth, elevation, snr, speed, errors = np.concatenate(
    [np.zeros((5, 0)), *columns], axis=1
  )
  profile = evaluate.profile
  profiles = {
    'azimuth (°)': profile(azimuth, errors, edges=range(-180, 181, 30)),
    # Whole tens lie inside of a bin, as labels like to lie on them.
    'elevation (°)': profile(elevation, errors, edges=range(-95, 96, 10)),
  }
  known = snr[np.isfinite(snr)]
  if known.size and np.ptp(known) > 0:
    edges = np.linspace(known.min(), known.max(), _MOST_SNR_BINS + 1)
    profiles['SNR (dB)'] = profile(snr, errors, edges=edges.tolist())
  known = speed[np.isfinite(speed)]
  if known.size and np.ptp(known) > 0:
    # The speeds of TAU-NIGENS, 0, 10, 20 and 40, in the middle of bins.
    edges = (0, 5, 15, 30, 60, 120, max(240.0, float(known.max())))
    profiles['speed (°/s)'] = profile(speed, errors, edges=edges)
  return profiles
