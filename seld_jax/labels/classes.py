"""Class names of the DCASE challenges on localization and detection."""

from collections.abc import Mapping

from seld_jax.errors import InputError

# TAU Spatial Sound Events 2019, in the order of the published baseline. Label
# files of 2019 hold these names instead of indices.
TAU2019_CLASSES = (
  'knock',
  'drawer',
  'clearthroat',
  'phone',
  'keysDrop',
  'speech',
  'keyboard',
  'pageturn',
  'cough',
  'doorslam',
  'laughter',
)

# TAU-NIGENS Spatial Sound Events 2020.
TAU2020_CLASSES = (
  'alarm',
  'crying_baby',
  'crash',
  'barking_dog',
  'running_engine',
  'female_scream',
  'female_speech',
  'burning_fire',
  'footsteps',
  'knocking_on_door',
  'male_scream',
  'male_speech',
  'ringing_phone',
  'piano',
)

# TAU-NIGENS Spatial Sound Events 2021: without two classes of 2020.
TAU2021_CLASSES = tuple(
  name
  for name in TAU2020_CLASSES
  if name not in ('running_engine', 'burning_fire')
)

# STARSS22 and STARSS23, since 2022.
STARSS_CLASSES = (
  'female_speech',
  'male_speech',
  'clapping',
  'telephone',
  'laughter',
  'domestic_sounds',
  'footsteps',
  'door',
  'music',
  'musical_instrument',
  'water_tap',
  'bell',
  'knock',
)

# Task 2 of L3DAS22 and L3DAS23: sounds of an office.
L3DAS22_CLASSES = (
  'Chink_and_clink',
  'Computer_keyboard',
  'Cupboard_open_or_close',
  'Drawer_open_or_close',
  'Female_speech_and_woman_speaking',
  'Finger_snapping',
  'Keys_jangling',
  'Knock',
  'Laughter',
  'Male_speech_and_man_speaking',
  'Printer',
  'Scissors',
  'Telephone',
  'Writing',
)

# The class names of each edition of the challenge.
BY_EDITION: Mapping[str, tuple[str, ...]] = {
  '2019': TAU2019_CLASSES,
  '2020': TAU2020_CLASSES,
  '2021': TAU2021_CLASSES,
  '2022': STARSS_CLASSES,
  '2023': STARSS_CLASSES,
  '2024': STARSS_CLASSES,
  '2025': STARSS_CLASSES,
}


def of_edition(edition: str) -> tuple[str, ...]:
  """The class names of an edition, by index.

  Raises:
    InputError: The edition is unknown.

  Example:
    >>> from seld_jax.labels import classes
    >>> classes.of_edition('2020')[13]
    'piano'
  """
  if edition not in BY_EDITION:
    raise InputError(
      f'Classes of edition {edition!r} are not known; the editions are '
      f'{", ".join(BY_EDITION)}.'
    )
  return BY_EDITION[edition]


def names_of(edition: str, num_classes: int) -> tuple[str, ...] | None:
  """The class names of an edition if it has this number of classes.

  Systems of 2021 may be scored with the 14 classes of 2020.

  Args:
    edition: Year of the challenge.
    num_classes: Number of classes.

  Returns:
    Class names by index; None if the classes are not those of the edition.

  Raises:
    InputError: The edition is unknown.

  See Also: `of_edition` when the number of classes is not known.

  Example:
    >>> from seld_jax.labels import classes
    >>> len(classes.names_of('2021', 12)), classes.names_of('2021', 5)
    (12, None)
  """
  names = of_edition(edition)
  if edition == '2021' and num_classes == len(TAU2020_CLASSES):
    names = TAU2020_CLASSES
  return names if len(names) == num_classes else None
