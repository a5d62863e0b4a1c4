"""The classes of scenes: names of each edition, and other spellings of them."""

from collections.abc import Sequence

from seld_jax import labels

CLASS_MAPS: dict[str, tuple[str, ...]] = {
  'tau2020': labels.TAU2020_CLASSES,
  'tau2021': labels.TAU2021_CLASSES,
  'starss': labels.STARSS_CLASSES,
  'l3das22': labels.L3DAS22_CLASSES,
}
# How messages call the datasets that have the classes.
TITLES = {
  'tau2020': 'TAU-NIGENS 2020',
  'tau2021': 'TAU-NIGENS 2021',
  'starss': 'STARSS22 and STARSS23',
  'l3das22': 'L3DAS22',
}
# Names with the same meaning: those of the class maps, of NIGENS and of others.
_SYNONYMS = (
  ('crying_baby', 'baby', 'baby_crying'),
  ('barking_dog', 'dog', 'dog_barking'),
  ('running_engine', 'engine'),
  ('burning_fire', 'fire'),
  ('knocking_on_door', 'knock', 'door_knock'),
  ('ringing_phone', 'phone', 'telephone'),
  (
    'female_speech',
    'female_speech_and_woman_speaking',
    'female_speech_woman_speaking',
  ),
  ('male_speech', 'male_speech_and_man_speaking', 'male_speech_man_speaking'),
  ('footsteps', 'walk_footsteps'),
  ('door', 'door_open_close', 'door_open_or_close'),
  ('water_tap', 'water_tap_faucet'),
  ('cupboard_open_or_close', 'cupboard'),
  ('drawer_open_or_close', 'drawer'),
  ('computer_keyboard', 'keyboard'),
  ('keys_jangling', 'keys'),
)


def find_class(text: str, classes: Sequence[str]) -> str | None:
  """Returns the class that a folder or a manifest means, or None.

  Args:
    text: A name in any spelling: with capitals, spaces, hyphens or commas.
    classes: The names of the classes.
  """
  known = {_key(name): name for name in classes}
  key = _key(text)
  if key in known:
    return known[key]
  for names in _SYNONYMS:
    keys = [_key(name) for name in names]
    if key in keys:
      return next((known[one] for one in keys if one in known), None)
  return None


def map_of(classes: Sequence[str]) -> str | None:
  """Returns the name of the class map with these classes, or None.

  Args:
    classes: Names of the classes, in the order of their index.

  Example:
    >>> from seld_jax import labels, scenes
    >>> scenes.map_of(labels.STARSS_CLASSES)
    'starss'
  """
  names = tuple(classes)
  return next((key for key, own in CLASS_MAPS.items() if own == names), None)


def _key(text: str) -> str:
  return ''.join(c for c in text.lower() if c not in '_-, ')
