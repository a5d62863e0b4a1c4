"""All ways to read the axes of a sound field from three channels.

A reading says which of the channels 1 to 3 (channel 0 is W) is which axis, and
whether it is inverted. Axes are x to the front, y to the left, z up.
"""

import itertools

import numpy as np

_Triple = tuple[int, ...]

_SIGNS: list[_Triple] = list(itertools.product((1, -1), repeat=3))
_ORDERS: dict[_Triple, str] = {
  (2, 0, 1): 'ACN order',
  (0, 1, 2): 'FuMa order',
}
# How the sound seems to be changed if an axis is inverted.
_INVERTED = ('front and back exchanged', 'azimuth clockwise', 'upside down')
_SPECIAL_SIGNS: dict[_Triple, str] = {
  (-1, -1, 1): 'azimuth turned by 180 degrees',
  (1, -1, -1): 'array hanging upside down',
  (-1, -1, -1): 'W inverted',
}
_TURNED: dict[_Triple, str] = {
  (1, -1, 1): 'azimuth turned by 90 degrees',
  (-1, 1, 1): 'azimuth turned by -90 degrees',
}


def _name(places: _Triple, signs: _Triple) -> str:
  """The name of a reading."""
  if places == (0, 2, 1) and signs in _TURNED:
    return f'ACN order and {_TURNED[signs]}'
  letters = ['', '', '']
  for axis, place in zip('XYZ', places, strict=True):
    letters[place] = axis
  order = _ORDERS.get(places)
  listed = ', '.join(['W', *letters])
  if signs == (1, 1, 1):
    return f'{order} ({listed})' if order else f'order {listed}'
  changes = _SPECIAL_SIGNS.get(signs) or ' and '.join(
    text for text, sign in zip(_INVERTED, signs, strict=True) if sign < 0
  )
  return f'{order or f"order {listed}"} and {changes}'


def _cost(reading: tuple[_Triple, _Triple]) -> tuple[int, ...]:
  """How unusual a reading is; the simplest explanation comes first."""
  places, signs = reading
  if places == (0, 2, 1) and signs in _TURNED:
    return 1, 1, 1
  known = [*_ORDERS].index(places) if places in _ORDERS else len(_ORDERS)
  return known, signs.count(-1), int(signs[0] < 0), int(signs[1] < 0)


# Places of x, y and z among the channels 1 to 3, and their signs, by name; the
# expected reading is the first, and simple ones come before others.
READINGS: dict[str, tuple[_Triple, _Triple]] = {
  _name(places, signs): (places, signs)
  for places, signs in sorted(
    itertools.product(itertools.permutations(range(3)), _SIGNS), key=_cost
  )
}
EXPECTED_READING = next(iter(READINGS))


def matrices() -> np.ndarray:
  """The readings as matrices that select the products of channels and axes.

  Returns:
    Array with shape `[48, channels 1 to 3, xyz]`.
  """
  found = np.zeros((len(READINGS), 3, 3))
  for number, (places, signs) in enumerate(READINGS.values()):
    found[number, places, range(3)] = signs
  return found
