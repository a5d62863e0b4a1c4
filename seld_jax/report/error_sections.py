"""Sections of a page about errors: confused classes and wrong directions."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from seld_jax import evaluate, figures, geometry
from seld_jax.report import page
from seld_jax.report.choice import Recording

_CONFUSION = (
  'A row is about the seconds in which the reference has exactly one class, '
  'in at least one frame; the number of these seconds is after the name of '
  'the class. A cell is the percentage of these seconds in which the class of '
  'the column was detected, in at least one frame and in any direction. A '
  'second with several detected classes counts in each of their columns, so a '
  'row can add up to more than 100. "nothing" means that no class was '
  'detected. Seconds in which classes overlap are left out, because a wrong '
  'detection could then stand for any of them.'
)
_DIRECTIONS = (
  'Top: the angle between the reference and a detection of the same class in '
  'the same frame, if there is one (median and quartiles over frames). Bottom: '
  'the share of the frames of the reference in which the class was detected. '
  'Each point is at the mean of the values in its bin.'
)
_UNKNOWN = (
  ' There is no scenes.csv beside the labels, so the errors are not shown by '
  'signal-to-noise ratio and speed.'
)
_ALIKE = (
  ' All events have the same signal-to-noise ratio and speed, so the errors '
  'are not shown by these.'
)
_UNRELATED = (
  ' The scenes.csv beside the labels describes none of these events, so the '
  'errors are not shown by signal-to-noise ratio and speed.'
)

_MOST_SNR_BINS = 6


def confusion_section(
  recordings: Sequence[Recording],
  *,
  classes: Sequence[str],
  folder: str | os.PathLike[str],
) -> str:
  """Shows which classes are detected when one class is active alone.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    folder: Folder that gets the figure as `confusion.png`.

  Returns:
    HTML: the heat map, or a sentence if no class is ever active alone.
  """
  counts, alone = evaluate.confusion_matrix(
    [(one.reference, one.prediction) for one in recordings],
    num_classes=len(classes),
  )
  if not alone.any():
    return page.paragraph('No class is active alone in any second.')
  images = page.write_figure(
    lambda dark: figures.plot_confusion(
      counts, alone, classes=classes, dark=dark
    ),
    folder=folder,
    name='confusion',
  )
  return page.figure(
    *images,
    caption=_CONFUSION,
    alt='Heat map of the classes detected, by the class that was active alone',
  )


def directions_section(
  recordings: Sequence[Recording],
  *,
  classes: Sequence[str],
  folder: str | os.PathLike[str],
  scenes: str | os.PathLike[str],
  frontal: bool = False,
) -> str:
  """Shows the errors of directions, and what they depend on.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    folder: Folder that gets the figure as `direction_errors.png`.
    scenes: A scenes.csv, which may be missing.
    frontal: Whether all directions are on the front half of the horizon.

  Returns:
    HTML: the figure, or a sentence if the reference has no events.

  Raises:
    InputError: scenes.csv cannot be read.
  """
  profiles = make_profiles(
    recordings, classes=classes, scenes=scenes, frontal=frontal
  )
  if not any(one.rows.any() for one in profiles.values()):
    return page.paragraph(
      'The reference has no events, so there are no directions.'
    )
  images = page.write_figure(
    lambda dark: figures.plot_direction_errors(
      profiles, frontal=frontal, dark=dark
    ),
    folder=folder,
    name='direction_errors',
  )
  note = ''
  if len(profiles) == 2 - frontal:
    note = _note(recordings, classes=classes, scenes=pathlib.Path(scenes))
  return page.figure(
    *images,
    caption=_DIRECTIONS + note,
    alt='Angles between reference and prediction, and shares of frames '
    f'detected, by {", ".join(profiles)}',
  )


def _note(
  recordings: Sequence[Recording],
  *,
  classes: Sequence[str],
  scenes: pathlib.Path,
) -> str:
  """Why errors are not shown by signal-to-noise ratio and speed."""
  if not scenes.is_file():
    return _UNKNOWN
  conditions = evaluate.read_conditions(scenes)
  for one in recordings:
    both = evaluate.snr_and_speed(
      one.reference, conditions.get(one.name, ()), classes=classes
    )
    if np.isfinite(both).any():
      return _ALIKE
  return _UNRELATED


def make_profiles(
  recordings: Sequence[Recording],
  *,
  classes: Sequence[str],
  scenes: str | os.PathLike[str],
  frontal: bool = False,
) -> dict[str, evaluate.Profile]:
  """Collects errors of directions by the quantities they may depend on.

  Args:
    recordings: Recordings with their references and predictions.
    classes: Name of each class.
    scenes: A scenes.csv, which may be missing.
    frontal: Whether all directions are on the front half of the horizon.

  Returns:
    Label of a quantity -> profile of the errors over it: azimuth, elevation
    (not with `frontal`) and, if scenes.csv has them, signal-to-noise ratio and
    speed.

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
  around = range(-90, 91, 15) if frontal else range(-180, 181, 30)
  profiles = {'azimuth (°)': profile(azimuth, errors, edges=around)}
  if not frontal:
    # Labels are often multiples of ten degrees: the middle of a bin.
    profiles['elevation (°)'] = profile(
      elevation, errors, edges=range(-95, 96, 10)
    )
  known = snr[np.isfinite(snr)]
  if known.size and np.ptp(known) > 0:
    edges = np.linspace(known.min(), known.max(), _MOST_SNR_BINS + 1)
    profiles['SNR (dB)'] = profile(snr, errors, edges=edges.tolist())
  known = speed[np.isfinite(speed)]
  if known.size and np.ptp(known) > 0:
    # TAU-NIGENS has the speeds 0, 10, 20 and 40: none is on an edge.
    edges = (0, 5, 15, 30, 60, 120, max(240.0, float(known.max())))
    profiles['speed (°/s)'] = profile(speed, errors, edges=edges)
  return profiles
