"""Whether labels and sound agree: in direction, in angle units, and in time.

The sound intensity of frames with a single labelled source is compared with the
label, for every reading of the channels, for shifts of up to 3 seconds, and for
usual mistakes in angles. Evidence is summed over recordings. It is counted in
pieces: times in which one source stays at nearly one place. Reflections change
the intensity of a whole piece in the same way, so that its frames are not
independent.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import special

from seld_jax import geometry, labels
from seld_jax.validate import readings

# Largest shift between labels and sound, in label frames, and the smallest one
# that is reported: rounding and reverberation shift them by less.
MAX_LAG = 30
MIN_LAG = 3
_LAGS = range(-MAX_LAG, MAX_LAG + 1)
# A piece ends when its source has moved by this angle in degrees.
_PIECE_ANGLE = 20.0
# Frames more than 20 dB below the loudest frame are not used.
_QUIET = 0.01
# Nothing is decided with fewer frames with a single source, or fewer pieces.
_MIN_FRAMES = 20
_MIN_PIECES = 4
# A fault is reported if the agreement is better by this share of it without
# the fault. The smaller share is for inverted axes on which sources are on both
# sides, so that a constant error of the intensity does not matter.
_GAIN, _BALANCED_GAIN = 0.1, 0.03
# With sources at fewer places, reflections can turn the intensity everywhere in
# the same way, and the share has to be larger.
_FEW_PLACES, _FEW_GAIN = 4, 0.5
# Probability of an error by chance, for faults of a whole set, for faults of
# one recording, and for statements that are no reports of faults.
SET_LEVEL, RECORDING_LEVEL, _SURE = 1e-5, 1e-6, 1e-3
# With a lower mean cosine than this, labels and sound do not belong together.
_NO_FIT = 0.25
_NO_FIT_FRAMES, _NO_FIT_PIECES = 30, 10
# The mean cosine of a set whose labels are right was at least 0.5, even with
# long reverberation and ambience as loud as the events. Single recordings can
# have less.
LEAST_FIT, _SET_NO_FIT = 0.4, 0.3

# Usual mistakes in angles, as clauses; the first entry means degrees, without a
# mistake.
ANGLES = {
  'as they are': 'angles are degrees',
  'radians': 'azimuths and elevations are radians',
  'radians in azimuth': 'azimuths are radians',
  'radians in elevation': 'elevations are radians',
  'colatitude': 'elevations are colatitudes, with 0 for up',
}
_DEGREES = next(iter(ANGLES))


@dataclasses.dataclass(frozen=True)
class Evidence:
  """Frames with a single source of a recording.

  Attributes:
    intensity: Sound intensity of all frames along the channels 1 to 3, zero in
      quiet frames, float32 with shape `[frames, 3]`.
    frame: The frames with a single labelled source, with shape `[n]`.
    xyz: The label in these frames, with shape `[n, 3]`.
    piece: Number of the piece that each belongs to, from 0, with shape `[n]`.
    angles: The mistakes of `ANGLES` that the labels of the recording allow.
  """

  intensity: np.ndarray
  frame: np.ndarray
  xyz: np.ndarray
  piece: np.ndarray
  angles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Decision:
  """How labels and sound of recordings fit together.

  Attributes:
    angles: One of `ANGLES`.
    lag: Label frames by which the sound is later than the labels.
    reading: Key of `readings.READINGS`.
    fit: Agreement of labels and sound with these three, at most 1.
    fit_as_is: Agreement without any change.
    is_fault: Whether the three differ from what is expected, without doubt.
    disagrees: Whether labels and sound do not agree, and no change makes them
      agree without doubt.
    is_likely: Whether they probably differ, which more evidence could prove.
    unknown: What cannot be determined, as clauses.
    is_reading_sure: Whether the expected reading fits better than all others.
  """

  angles: str = _DEGREES
  lag: int = 0
  reading: str = readings.EXPECTED_READING
  fit: float = 0.0
  fit_as_is: float = 0.0
  is_fault: bool = False
  is_likely: bool = False
  disagrees: bool = False
  unknown: tuple[str, ...] = ()
  is_reading_sure: bool = False


def collect(
  events: labels.Events, intensity: np.ndarray, power: np.ndarray
) -> Evidence:
  """Selects the frames to compare.

  Args:
    events: The labels.
    intensity: From `measurement.measure`, with shape `[frames, 3]`.
    power: From `measurement.measure`, with shape `[frames]`.

  Returns:
    The evidence.
  """
  loud = power > _QUIET * power.max(initial=0)
  frame, first, count = np.unique(
    events.frame, return_index=True, return_counts=True
  )
  alone = (count == 1) & (frame < len(intensity))
  frame, row = frame[alone], first[alone]
  xyz = events.xyz[row]
  source = np.stack([events.class_index[row], events.track[row]])
  # Where another source begins, or the same one after a pause.
  new = (np.diff(frame, prepend=-9) > 1) | np.any(
    np.diff(source, axis=-1, prepend=-1), axis=0
  )
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  allowed = [_DEGREES]
  is_radian = [
    bool(np.all(np.abs(angle) < turn))
    for angle, turn in ((azimuth, 6.29), (elevation, 1.58))
  ]
  if all(is_radian):
    allowed.append('radians')
  # Elevations of 0 are the same in both units.
  if np.any(np.abs(elevation) > 1e-3):
    allowed += ['radians in azimuth'] * is_radian[0]
    allowed += ['radians in elevation'] * is_radian[1]
  if np.all(elevation > -1e-6):
    allowed.append('colatitude')
  least = np.cos(np.deg2rad(_PIECE_ANGLE))
  start = np.zeros(3)
  # Radians are all near the front if they are read as degrees.
  near = [name for name in allowed if name.startswith('radians')]
  places = _change(xyz, near[0] if is_radian[0] and near else _DEGREES)
  for index, one in enumerate(places):
    if not new[index] and one @ start < least:
      new[index] = True
    if new[index]:
      start = one
  return Evidence(
    (intensity * loud[:, None]).astype(np.float32),
    frame.astype(np.int32),
    xyz.astype(np.float32),
    np.cumsum(new) - 1,
    tuple(allowed),
  )


def decide(evidences: Sequence[Evidence], *, is_set: bool = True) -> Decision:
  """Decides how labels and sound of some recordings fit together.

  Args:
    evidences: The evidence of each recording.
    is_set: Whether they are a whole set. For a single recording, a report
      needs more evidence.

  Returns:
    The decision.
  """
  level = SET_LEVEL if is_set else RECORDING_LEVEL
  evidences = [one for one in evidences if len(one.frame)]
  num_frames = sum(len(one.frame) for one in evidences)
  num_pieces = sum(int(one.piece[-1]) + 1 for one in evidences)
  if num_frames < _MIN_FRAMES or num_pieces < _MIN_PIECES:
    return Decision(unknown=('there are too few frames with a single source',))
  allowed = [
    name for name in ANGLES if all(name in one.angles for one in evidences)
  ]
  total = sum(
    float(np.linalg.norm(one.intensity[one.frame], axis=-1).sum())
    for one in evidences
  )
  if total == 0:
    return Decision(unknown=('there is no sound where the labels are',))
  # Mean cosine for each mistake, lag and reading.
  fits = np.stack([_fits(evidences, name) for name in allowed]) / total
  angles, lag, reading = _simplest_best(fits)
  fit, as_is = float(fits[angles, lag, reading]), float(fits[0, MAX_LAG, 0])
  best = _Change(allowed[angles], _LAGS[lag], reading)
  found = Decision(
    best.angles, best.lag, list(readings.READINGS)[reading], fit, as_is
  )
  before = _pieces(evidences, _AS_IS)
  is_likely = False
  if best != _AS_IS:
    after = _pieces(evidences, best)
    # With another lag, other frames are compared.
    cosine = after.fits[:, reading].sum() / max(after.norm.sum(), 1e-20)
    found = dataclasses.replace(found, fit=float(cosine))
    gain = after.fits[:, reading] - before.fits[:, 0]
    expected = _expected_gain(after, before)[:, reading]
    few = _count_places(evidences, best.angles) < _FEW_PLACES
    share = _GAIN
    if best == _FLAT:
      share = _BALANCED_GAIN  # few sources are far from the horizon
    is_enough = fit - as_is > (_FEW_GAIN if few else share) * fit
    # A constant label fits any constant sound if enough is changed.
    changes = (best.angles != _DEGREES) + (best.lag != 0) + (reading != 0)
    is_possible = fit > _NO_FIT and (
      not few or (changes == 1 and best.angles == _DEGREES)
    )
    if not is_enough and not few and best.angles == _DEGREES and not best.lag:
      # Without the mean direction of all labels.
      mean = np.average(
        [one.xyz.mean(axis=0) for one in evidences],
        axis=0,
        weights=[len(one.frame) for one in evidences],
      )
      centred = _pieces(evidences, best, mean=mean).fits
      is_enough = fit - as_is > _BALANCED_GAIN * fit and bool(
        _is_positive(centred[:, reading] - centred[:, 0], expected, level)
      )
    if is_possible and is_enough and _is_positive(gain, expected, level):
      return dataclasses.replace(found, is_fault=True)
    is_likely = (
      is_possible
      and fit - as_is > share * fit
      and bool(_is_positive(gain, expected, _SURE))
    )
  deviation = np.std(before.fits[:, 0], ddof=1) * np.sqrt(num_pieces) / total
  is_low = as_is + 4 * deviation < _NO_FIT or (
    is_set and as_is < _SET_NO_FIT and as_is + 2 * deviation < LEAST_FIT
  )
  disagrees = bool(
    num_frames >= _NO_FIT_FRAMES and num_pieces >= _NO_FIT_PIECES and is_low
  )
  if is_likely:
    return dataclasses.replace(found, is_likely=True, disagrees=disagrees)
  if disagrees:
    return Decision(fit=as_is, fit_as_is=as_is, disagrees=True)
  worse = before.fits[:, :1] - before.fits
  sure = (fits[0, MAX_LAG] < (1 - _BALANCED_GAIN) * as_is) & _is_positive(
    worse, _expected_gain(before, before), _SURE
  )
  sure[0] = True
  unknown = _unknown(sure.tolist())
  for text, others in (
    ('shifts', [_Change(_DEGREES, lag, 0) for lag in (-5, 5)]),
    *(
      (f'whether {ANGLES[name]}', [_Change(name, 0, 0)]) for name in allowed[1:]
    ),
  ):
    for other in others:
      there = _pieces(evidences, other)
      worse = before.fits[:, 0] - there.fits[:, 0]
      expected = _expected_gain(before, there)[:, 0]
      if text not in unknown and not _is_positive(worse, expected, _SURE):
        unknown.append(text)
  return Decision(
    fit=as_is,
    fit_as_is=as_is,
    unknown=tuple(unknown),
    is_reading_sure=bool(sure.all()),
  )


@dataclasses.dataclass(frozen=True)
class _Change:
  """A hypothesis: mistake in angles, lag in frames, index of the reading."""

  angles: str
  lag: int
  reading: int


_AS_IS = _Change(_DEGREES, 0, 0)
_FLAT = _Change('radians in elevation', 0, 0)


@dataclasses.dataclass(frozen=True)
class _Pieces:
  """Sums over each piece.

  Attributes:
    change: Angles and lag.
    fits: Agreement by reading, with shape `[pieces, 48]`.
    length: Number of frames, with shape `[pieces]`.
    norm: Norm of the intensity, with shape `[pieces]`.
    products: Products of the labels as they are and with changed angles,
      weighted by the norm, with shape `[pieces, 3, 3]`.
  """

  change: _Change
  fits: np.ndarray
  length: np.ndarray
  norm: np.ndarray
  products: np.ndarray


def _count_places(evidences: Iterable[Evidence], angles: str) -> int:
  """Number of directions that differ from each other, up to `_FEW_PLACES`."""
  found: list[np.ndarray] = []
  least = np.cos(np.deg2rad(_PIECE_ANGLE))
  for one in evidences:
    starts = np.flatnonzero(np.diff(one.piece, prepend=-1))
    for xyz in _change(one.xyz[starts], angles):
      if all(xyz @ other < least for other in found):
        found.append(xyz)
        if len(found) == _FEW_PLACES:
          return len(found)
  return len(found)


def _unknown(sure: Sequence[bool]) -> list[str]:
  """Names the axes whose sign or place is not known."""
  names = ('the sign of x', 'the sign of y', 'the sign of z')
  listed = list(readings.READINGS.values())
  places = listed[0][0]
  unknown = []
  for axis, name in enumerate(names):
    signs = tuple(-1 if other == axis else 1 for other in range(3))
    if not sure[listed.index((places, signs))]:
      unknown.append(name)
  if not unknown and not all(sure):
    unknown.append('the order of the channels')
  return unknown


def _change(xyz: np.ndarray, angles: str) -> np.ndarray:
  """Unit vectors as they are without a mistake in angles."""
  if angles == _DEGREES:
    return xyz
  azimuth, elevation = geometry.to_polar(np.asarray(xyz, np.float64))
  if angles == 'colatitude':
    return geometry.to_cartesian(azimuth, 90 - elevation)
  if angles != 'radians in elevation':
    azimuth = np.rad2deg(azimuth)
  if angles != 'radians in azimuth':
    elevation = np.rad2deg(elevation)
  return geometry.to_cartesian(azimuth, elevation)


def _fits(evidences: Iterable[Evidence], angles: str) -> np.ndarray:
  """Sum of the agreement by lag and reading, with shape `[lags, 48]`."""
  products = np.zeros((len(_LAGS), 3, 3))
  for one in evidences:
    xyz = _change(one.xyz, angles)
    for number, lag in enumerate(_LAGS):
      frame = one.frame + lag
      there = (frame >= 0) & (frame < len(one.intensity))
      products[number] += one.intensity[frame[there]].T @ xyz[there]
  return np.einsum('lij,rij->lr', products, readings.matrices())


def _pieces(
  evidences: Iterable[Evidence],
  change: _Change,
  *,
  mean: np.ndarray | float = 0.0,
) -> _Pieces:
  """Sums over pieces; `mean` is subtracted from the labels."""
  fits, lengths, norms, labelled = [], [], [], []
  for one in evidences:
    xyz = _change(one.xyz, change.angles)
    frame = one.frame + change.lag
    there = (frame >= 0) & (frame < len(one.intensity))
    intensity = one.intensity[np.where(there, frame, 0)] * there[:, None]
    norm = np.linalg.norm(intensity, axis=-1)
    starts = np.flatnonzero(np.diff(one.piece, prepend=-1))
    for sums, values in (
      (fits, intensity[:, :, None] * (xyz - mean)[:, None, :]),
      (lengths, np.ones(len(xyz))),
      (norms, norm),
      (labelled, norm[:, None, None] * one.xyz[:, :, None] * xyz[:, None, :]),
    ):
      sums.append(np.add.reduceat(values, starts, axis=0))
  return _Pieces(
    change,
    np.einsum('pij,rij->pr', np.concatenate(fits), readings.matrices()),
    np.concatenate(lengths),
    np.concatenate(norms),
    np.concatenate(labelled),
  )


def _expected_gain(true: _Pieces, other: _Pieces) -> np.ndarray:
  """Expected advantage of the truth over another hypothesis.

  Args:
    true: The sums with the angles and the lag that are true.
    other: Those of the other hypothesis.

  Returns:
    For each piece, the difference of agreement, except for a common factor, by
    the reading in which the two differ, with shape `[pieces, 48]`.
  """
  if true.change.lag != other.change.lag:
    # Shifts matter where a piece begins and ends.
    lag = abs(true.change.lag - other.change.lag)
    norm = (true.norm + other.norm) / 2
    norm = norm * np.minimum(1, lag / true.length)
    return np.repeat(norm[:, None], len(readings.READINGS), axis=1)
  changed = true if true.change.angles != _DEGREES else other
  # Directions of the two readings as channels 1 to 3.
  matrices = readings.matrices()
  turn = np.einsum('ia,rib->rab', matrices[0], matrices)
  if changed is not true:
    turn = turn.swapaxes(1, 2)
  cosine = np.einsum('pab,rab->pr', changed.products, turn)
  return changed.norm[:, None] - cosine


def _simplest_best(fits: np.ndarray) -> tuple[int, int, int]:
  """Finds the best place; a simpler one wins when it is nearly as good.

  Args:
    fits: Agreement, with shape `[mistakes, lags, readings]`.

  Returns:
    Indices of the mistake, the lag and the reading.
  """
  best: tuple[float, tuple[int, int, int]] | None = None
  near = slice(MAX_LAG - MIN_LAG + 1, MAX_LAG + MIN_LAG)
  for with_angles in False, True:
    for with_lag in False, True:
      for with_reading in False, True:
        some = fits.copy()
        some[(slice(1, None) if not with_angles else slice(0, 1))] = -np.inf
        if with_lag:
          some[:, near] = -np.inf
        else:
          some[:, :MAX_LAG] = some[:, MAX_LAG + 1 :] = -np.inf
        some[
          :, :, (slice(1, None) if not with_reading else slice(0, 1))
        ] = -np.inf
        if not np.isfinite(some.max()):
          continue
        place = np.unravel_index(np.argmax(some), some.shape)
        if with_reading:
          # The simplest of the readings that are nearly as good.
          row = some[place[:2]]
          enough = np.flatnonzero(row >= row.max() - abs(row.max()) * 0.01)
          place = (*place[:2], enough[0])
        changes = with_angles + with_lag + with_reading
        value = float(some[place]) * (1 - _BALANCED_GAIN) ** changes
        if best is None or value > best[0]:
          best = value, (int(place[0]), int(place[1]), int(place[2]))
  assert best is not None
  return best[1]


def _is_positive(
  gain: np.ndarray, expected: np.ndarray, level: float
) -> np.ndarray:
  """Whether gains are as expected, and not the opposite or 0 by chance.

  The gain of the pieces is a multiple of what is expected, plus errors that
  are independent and can be larger in some pieces than in others.

  Args:
    gain: Gain of the pieces, with shape `[pieces, ...]`.
    expected: What is expected except for a factor, with the same shape.
    level: Probability of a positive result by chance if the multiple is 0.

  Returns:
    Booleans with shape `[...]`.
  """
  total = expected.sum(axis=0)
  square = np.square(expected).sum(axis=0)
  # A few pieces in which the hypotheses differ count, but not the others.
  count = np.where(square > 0, total**2 / np.where(square > 0, square, 1), 1)
  share = expected / np.where(total > 0, total, 1)
  summed = gain.sum(axis=0)
  errors = np.sqrt(np.square(gain - summed * share).sum(axis=0))
  errors *= np.sqrt(count / np.maximum(count - 1, 1e-3))
  least = -special.stdtrit(np.maximum(count - 1, 1), level)
  return (count >= _MIN_PIECES) & (summed > 0) & (summed > least * errors)
