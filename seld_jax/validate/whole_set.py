"""Checks of all recordings together: kinds of channels, labels against sound.

A short recording with one source at one place says little about its channels. A
whole set decides, and single recordings that differ from it without doubt are
reported as well.
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from seld_jax.audio import channel_checks, channels
from seld_jax.validate import alignment, left_right, readings
from seld_jax.validate.checks import Finding

# What to change in the labels if a reading inverts these axes.
_LABEL_STEPS: dict[tuple[int, ...], str] = {
  (1, 1, 1): '',
  (1, -1, 1): 'change the sign of all azimuths',
  (1, 1, -1): 'change the sign of all elevations',
  (-1, 1, 1): 'replace each azimuth by 180 minus it',
  (-1, -1, 1): 'add 180 degrees to all azimuths',
  (1, -1, -1): 'change the sign of all azimuths and elevations',
  (-1, 1, -1): (
    'replace each azimuth by 180 minus it and change the sign of all elevations'
  ),
  (-1, -1, -1): (
    'add 180 degrees to all azimuths and change the sign of all elevations'
  ),
}
_ACN, _TURNED = (2, 0, 1), (0, 2, 1)
# Signs of X, Y and Z at the four capsules of the tetrahedral array.
_CAPSULES = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])


_STEPS = (
  ' (only predict has these flags; in a dataset, convert the files, or move '
  'them to the folder of their format)'
)


@dataclasses.dataclass(frozen=True)
class Sound:
  """What is known of a sound file.

  Attributes:
    path: The file.
    format: `'foa'`, `'mic'` or `'stereo'`.
    moments: Sum of its `audio.channel_checks.moments`; None if it cannot be
      read or has a silent channel.
    evidence: Its frames with a single source, or None without labels.
    decision: What its own evidence says.
  """

  path: pathlib.Path
  format: str
  moments: np.ndarray | None = None
  evidence: alignment.Evidence | None = None
  decision: alignment.Decision = alignment.Decision()

  @property
  def reading(self) -> str | None:
    """The reading that its own evidence determines, or None."""
    known = self.decision.is_fault or self.decision.is_reading_sure
    return self.decision.reading if known else None


def check_channels(sounds: Sequence[Sound], *, format: str) -> list[Finding]:
  """Checks whether levels and correlations are those of the format.

  Args:
    sounds: All recordings of the format.
    format: `'foa'`, `'mic'` or `'stereo'`.

  Returns:
    One finding if the set has other channels, else one for each recording that
    has.
  """
  moments = {one.path: one.moments for one in sounds if one.moments is not None}
  faults = {
    path: text
    for path, sums in moments.items()
    if (text := channel_checks.find_mismatch(sums, format=format))
  }
  if not faults:
    return []
  # Every recording counts the same, however loud it is.
  pooled = np.sum(
    [sums / np.trace(sums[0]) for sums in moments.values()], axis=0
  )
  text = channel_checks.find_mismatch(pooled, format=format)
  if text is None or 2 * len(faults) < len(moments):
    return [
      Finding('channels', 'warning', str(path), text + _STEPS)
      for path, text in faults.items()
      if not text.startswith('its dipoles') or _is_clear(moments[path])
    ]
  has_other_scale = text.startswith('its dipoles') and _is_other_scale(pooled)
  text = text.removeprefix('its ')
  text = f'in {len(faults)} of {len(moments)} recordings, the {text}{_STEPS}'
  level = 'error'
  if has_other_scale:
    level = 'warning'
    text += (
      '; a network can be trained on these files, but then it needs the same '
      'normalisation in prediction, without --norm'
    )
  return [Finding('channels', level, _folder(moments), text)]


def check_agreement(
  sounds: Sequence[Sound], *, format: str, is_comparable: bool = True
) -> tuple[list[Finding], str]:
  """Checks whether labels and sound agree in direction and time.

  Args:
    sounds: All recordings of the format.
    format: `'foa'`, `'mic'` or `'stereo'`.
    is_comparable: Whether the channels of the set are those of the format. If
      not, nothing is said about labels that seem to be those of other sounds.

  Returns:
    One finding if labels and sound of the set do not agree, else one for each
    recording whose labels and sound do not; and a sentence on what is known, or
    an empty one if there are no labels.
  """
  some = {
    one.path: one.evidence
    for one in sounds
    if one.evidence is not None and len(one.evidence.frame)
  }
  if not some:
    return [], ''
  evidences, folder = list(some.values()), _folder(some)
  if format == 'stereo':
    level, text = left_right.compare(evidences)
    if level == 'note':
      return [], f'{folder}, {text}.'
    return [Finding('directions', level, folder, text)], ''
  decision = alignment.decide(evidences)
  if decision.is_fault:
    text = explain(decision, format=format)
    # Another array than the tetrahedral one has other axes.
    has_doubt = (
      format == 'mic' and decision.reading != readings.EXPECTED_READING
    )
    level = 'warning' if has_doubt else 'error'
    return [Finding('directions', level, folder, text)], ''
  if decision.disagrees and format == 'foa' and is_comparable:
    text = _doubt(decision, 'these recordings', format)
    return [Finding('directions', 'warning', folder, text)], ''
  found = [
    Finding(
      'directions',
      'error' if format == 'foa' else 'warning',
      str(one.path),
      explain(one.decision, format=format),
    )
    for one in sounds
    if one.decision.is_fault
  ]
  found += [
    Finding(
      'directions',
      'warning',
      str(one.path),
      _doubt(one.decision, 'it', format),
    )
    for one in sounds
    if one.decision.disagrees and format == 'foa' and is_comparable
  ]
  return found, _note(decision, folder, evidences, format, is_comparable)


def _doubt(decision: alignment.Decision, sounds: str, format: str) -> str:
  """Says that labels and sound do not agree, and what may be the reason."""
  start = 'labels and sound intensity do not agree'
  if decision.is_likely:
    return (
      f'{start} (mean cosine {decision.fit_as_is:.2f}); probably '
      f'{explain(decision, format=format)}; or do the labels belong to other '
      'recordings?'
    )
  return (
    f'{start}, however the channels are read (mean cosine {decision.fit:.2f}): '
    f'do the labels belong to {sounds}?'
  )


def explain(decision: alignment.Decision, *, format: str) -> str:
  """Says under which conditions labels and sound agree, and what to do.

  Args:
    decision: A decision with a fault.
    format: `'foa'` or `'mic'`.

  Returns:
    The text of a finding.
  """
  conditions, steps = [], []
  if decision.angles != alignment.Decision.angles:
    conditions.append(alignment.ANGLES[decision.angles])
    steps.append(
      'replace each elevation by 90 minus it'
      if decision.angles == 'colatitude'
      else 'convert them to degrees'
    )
  if decision.lag:
    seconds, late = abs(decision.lag) / 10, decision.lag < 0
    conditions.append(
      f'the labels are {seconds:.1f} s {"earlier" if late else "later"}'
    )
    steps.append(
      f'{"subtract" if late else "add"} {seconds:.1f} s ({abs(decision.lag)} '
      f'frames of 0.1 s) {"from" if late else "to"} all times of the labels'
    )
  if decision.reading != readings.EXPECTED_READING:
    conditions.append(f'the channels are read as {decision.reading}')
    steps.append(_channel_step(decision.reading, format))
  return (
    f'labels and sound agree (mean cosine {decision.fit:.2f}) if '
    f'{" and ".join(conditions)}, but not as they are '
    f'({decision.fit_as_is:.2f}); {"; ".join(steps)}'
  )


def _channel_step(reading: str, format: str) -> str:
  """What to do if the channels have another reading than expected."""
  places, signs = readings.READINGS[reading]
  ways = []
  if places == _ACN:
    ways.append(f'{_LABEL_STEPS[signs]} in the labels')
  elif places == _TURNED and signs in ((1, -1, 1), (-1, 1, 1)):
    step = 'add 90 degrees to' if signs[1] < 0 else 'subtract 90 degrees from'
    ways.append(f'{step} all azimuths in the labels')
  if format == 'foa':
    # Y, Z and X, in the order of the network.
    taken = [places[axis] + 2 for axis in (1, 2, 0)]
    inverted = [k for k, axis in ((2, 1), (3, 2), (4, 0)) if signs[axis] < 0]
    step = []
    if taken != [2, 3, 4]:
      step.append(
        f'write the channels {", ".join(map(str, [1, *taken]))} of each sound '
        'file as its channels 1, 2, 3, 4'
      )
    if len(inverted) == 3:
      inverted = [1]  # the same intensity, in one step
    if inverted:
      listed = ' and '.join(map(str, inverted))
      where = '' if step else ' of the sound files'
      step.append(f'invert channel{"s" * (len(inverted) > 1)} {listed}{where}')
    ways.append(' and '.join(step))
  elif order := _capsule_order(places, signs):
    ways.append(
      f'write the channels {", ".join(map(str, order))} of each sound file as '
      'its channels 1, 2, 3, 4'
    )
  text = ' or '.join(ways)
  if len(ways) > 1:
    text = f'either {text}, whichever is wrong'
  if format == 'mic':
    text = f'{text or "check the places of the capsules"} (if the array is that'
    text += ' of TAU-NIGENS; this check does not apply to others)'
  return text


def _capsule_order(
  places: tuple[int, ...], signs: tuple[int, ...]
) -> list[int] | None:
  """The channels, counted from 1, that are M1 to M4; None if no order is."""
  # Rows in the order Y, Z, X of the channels that a reading selects from.
  rows = _CAPSULES[[1, 2, 0]]
  for order in itertools.permutations(range(4)):
    # Channel `order[k]` holds the capsule k.
    held = np.empty_like(_CAPSULES)
    held[:, list(order)] = _CAPSULES
    read = np.array(signs)[:, None] * rows[list(places)]
    if np.array_equal(read, held):
      return [one + 1 for one in order]
  return None


def _note(
  decision: alignment.Decision,
  folder: str,
  evidences: Sequence[alignment.Evidence],
  format: str,
  is_comparable: bool,
) -> str:
  """A sentence on what the set determines and what it does not."""
  number = sum(len(one.frame) for one in evidences)
  start = f'{folder}, {number} frames with a single source'
  unknown = f'{start}: not determined whether labels and sound agree, because'
  if not is_comparable:
    kind = {'foa': 'FOA', 'mic': 'microphones'}[format]
    return f'{unknown} the channels are not those of {kind}.'
  if decision.is_likely:
    return (
      f'{unknown} there is too little evidence; probably '
      f'{explain(decision, format=format)}.'
    )
  if not decision.fit_as_is:
    reason = ' and '.join(decision.unknown) or 'they do not agree'
    return f'{unknown} {reason}.'
  if decision.disagrees or decision.fit_as_is < alignment.LEAST_FIT:
    end = ': do the labels belong to these recordings?'
    if format == 'mic':
      end = ', and only the array of TAU-NIGENS can be tested.'
    return (
      f'{unknown} they agree too little (mean cosine '
      f'{decision.fit_as_is:.2f}){end}'
    )
  text = f'{start}: labels and sound agree (mean cosine {decision.fit:.2f})'
  if decision.unknown:
    text += (
      f'; not determined: {", ".join(decision.unknown)}, because the sources '
      'are at too few places, or near places where it makes no difference'
    )
  return f'{text}.'


def _is_clear(sums: np.ndarray) -> bool:
  """Whether FOA is wrong even if its dipoles were 1.2 dB softer or louder.

  Resonances of a room can change the levels of one recording.
  """
  return all(
    channel_checks.find_mismatch(sums * np.outer(gains, gains), format='foa')
    for gains in (np.array([1, *[factor**0.5] * 3]) for factor in (0.75, 1.33))
  )


def _is_other_scale(sums: np.ndarray) -> bool:
  """Whether another normalisation of FOA is all that is wrong."""
  if channel_checks.find_mismatch(sums, format='mic') is None:
    return False
  for norm in channels.NORMS[1:]:
    gains = np.array(channels.by_name(format='foa', norm=norm).gains)
    for factors in gains, 1 / gains:
      scaled = sums * np.outer(factors, factors)
      if channel_checks.find_mismatch(scaled, format='foa') is None:
        return True
  return False


def _folder(paths: Iterable[pathlib.Path]) -> str:
  """The folder that holds all these files, or the file if it is one."""
  return os.path.commonpath([str(path) for path in paths])
