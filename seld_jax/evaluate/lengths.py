"""The lengths of recordings, and files whose frames do not fit them.

A file does not say how long its recording is or how long its frames last.
Predictions with frames of 20 ms against a reference with frames of 0.1 s would
be scored without a warning. This module detects such files, and suggests the
length of their frames.
"""

import dataclasses
import functools
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import audio as sound
from seld_jax import labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import pairs

_log = logging.getLogger(__name__)

# Usual ratios of two frame lengths: frames of 0.1 s against frames of 50, 40,
# 25, 20 and 10 ms.
_FACTORS = (2, 2.5, 4, 5, 10)
# Events end a little before the recording does: up to this share of the length.
_SILENT_END = 0.1
# With at least this many recordings, their ends can show that the two folders
# have frames of different length, even if no frame is too late.
_ENOUGH = 3
# Label frames of all recordings together: about 35 days.
_MOST_FRAMES = 3 * 10**7


@dataclasses.dataclass(frozen=True)
class Recordings:
  """The recordings of two folders.

  Attributes:
    names: Name of each recording.
    references: Reference events of each recording.
    predictions: Predicted events of each recording.
    hops: Seconds of a frame in the files of both folders.
    frame: Seconds of a frame of the events.
  """

  names: Sequence[str]
  references: Sequence[labels.Events]
  predictions: Sequence[labels.Events]
  hops: tuple[float, float] = (0.1, 0.1)
  frame: float = 0.1

  @functools.cached_property
  def ends(self) -> tuple[np.ndarray, np.ndarray]:
    """The frame after the last one of both, for each recording; 0 if none."""
    reference, predicted = (
      np.array([int(np.max(one.frame, initial=-1)) + 1 for one in part])
      for part in (self.references, self.predictions)
    )
    return reference, predicted

  def hint(self, factors: tuple[float, float]) -> str:
    """The flag that divides the frames of both folders by these factors."""
    a, b = (f'{hop / k:g}' for hop, k in zip(self.hops, factors, strict=True))
    return f'--label_hop={a}' if a == b else f'--label_hop={a},{b}'

  def guess(self, factor: float) -> str:
    """What to state if this factor divides the frames of both folders."""
    return (
      f'if the frames of the files last {self.hops[0] / factor:g} s, state '
      f'{self.hint((factor, factor))}'
    )


def find_lengths(
  rule: int | str | Mapping[str, int] | None,
  recordings: Recordings,
  *,
  edition: str,
  audio: str | os.PathLike[str] | None,
  as_published: bool,
) -> tuple[int | Mapping[str, int] | None, str | None]:
  """Finds the label frames of recordings, and checks that their files fit.

  A reference that ends up to a second after its sound file makes the recording
  longer. Predictions after the end do not count, and a warning says so; up to a
  second after the last annotated frame is usual, because that need not be the
  end of the recording.

  Args:
    rule: Number of frames of all recordings, or of each by its name; `'audio'`,
      `'last_reference'`, or None for the default of the edition.
    recordings: The recordings.
    edition: The edition whose scores are computed.
    audio: Folder of the sound files, for `'audio'`.
    as_published: Whether to follow the published code of the edition.

  Returns:
    The lengths, as `evaluate_predictions` takes them, and the rule that gave
    them; None if they were given or are the default.

  Raises:
    InputError: The lengths are unknown, or a file has frames that are later by
      more than a second and 1 % of the length. If the length is that of the
      reference, only predictions are refused that seem to have another clock.
  """
  names = recordings.names
  ends, _ = recordings.ends
  if rule is None and as_published:
    if edition >= '2022':  # recordings end with their references
      _check_after_reference(recordings)
      if (ends == 0).any():
        _log.warning(
          '%d of %d references have no events: the published code %s count as '
          'recordings without frames.',
          np.sum(ends == 0),
          len(ends),
          'stops at such files, and here they'
          if edition < '2025'
          else 'scores no prediction there, because they',
        )
      return None, 'as_published'
    published = [
      metrics.published_num_frames(edition, one)
      for one in recordings.references
    ]
    _check_predictions(recordings, published, 'the published code scores')
    return None, 'as_published'
  if rule == 'audio':
    known = _audio_lengths(audio, names, frame=recordings.frame)
    lengths = _with_reference(recordings, known)
    _check_predictions(
      recordings,
      lengths,
      'its sound file has',
      other=', and check that the sound file belongs to it',
    )
    return dict(zip(names, lengths, strict=True)), 'audio'
  if rule == 'last_reference':
    _check_after_reference(recordings)
    lengths = np.maximum(ends, 1).tolist()
    _refuse_endless(names, lengths)
    return dict(zip(names, lengths, strict=True)), 'last_reference'
  if isinstance(rule, str):
    raise InputError(
      "The length of recordings can be a number of frames, 'audio' or "
      f"'last_reference', got {rule!r}."
    )
  stated = rule
  if rule is None:
    stated = metrics.DEFAULT_NUM_FRAMES.get(edition)
  if stated is not None:
    lengths = [length_of(stated, name) for name in names]
    if min(lengths) < 1:
      raise InputError(
        f'A recording needs at least one frame, got {min(lengths)} (--frames).'
      )
    _refuse_endless(names, lengths)
    if not as_published:
      _check_reference(recordings, lengths)
    _check_predictions(recordings, lengths, 'the recording has')
  return rule, None


def _refuse_endless(names: Sequence[str], lengths: Sequence[int]) -> None:
  """Raises InputError for lengths that would take far too much memory."""
  total = sum(lengths)
  if total > _MOST_FRAMES:
    longest = int(np.argmax(lengths))
    raise InputError(
      f'The recordings have {total} frames in all, but at most {_MOST_FRAMES} '
      f'are scored at once; the longest, {names[longest]}, has '
      f'{lengths[longest]}: correct its last frame or --frames.'
    )


def length_of(num_frames: int | Mapping[str, int], name: str) -> int:
  """Label frames of a recording.

  Raises:
    InputError: There is no number for this name.
  """
  if not isinstance(num_frames, Mapping):
    return num_frames
  if name not in num_frames:
    raise InputError(f'num_frames has no number of frames for {name}.')
  return num_frames[name]


def _audio_lengths(
  folder: str | os.PathLike[str] | None, names: Sequence[str], *, frame: float
) -> list[int]:
  """Label frames of the sound files; the last one may be cut short.

  Raises:
    InputError: The folder is not given, or a file is missing or unreadable.
  """
  if folder is None:
    raise InputError(
      'To take lengths from the audio, its folder is needed: --audio=DIR.'
    )
  paths = pairs.audio_files(folder)
  lengths = []
  for name in names:
    if name not in paths:
      raise InputError(
        f'{pathlib.Path(folder, name)}.wav is missing, so the length of the '
        'recording is unknown; state it with --frames=N, or use '
        '--frames=last_reference.'
      )
    info = sound.info(paths[name])
    count = labels.count_frames(
      info.num_samples, info.sample_rate, frames_per_second=round(1 / frame)
    )
    lengths.append(count)
  return lengths


def _most_frames_after(
  lengths: Sequence[int] | np.ndarray, frame: float
) -> np.ndarray:
  """Largest numbers of frames after the ends that give only a warning."""
  return np.round(np.maximum(1 / frame, 0.01 * np.asarray(lengths)))


def _factor(end: float, length: float) -> float | None:
  """The factor between two clocks that explains an end that is too late."""
  for factor in _FACTORS if length > 0 else ():
    if (1 - _SILENT_END) * factor <= end / length <= 1.02 * factor:
      return factor
  return None


def _with_reference(
  recordings: Recordings, lengths: Sequence[int]
) -> list[int]:
  """The lengths of sound files, or up to the reference if that is longer.

  Raises:
    InputError: A reference ends more than a second and 1 % later.
  """
  ends, _ = recordings.ends
  late = ends - lengths
  allowed = _most_frames_after(lengths, recordings.frame)
  if (late > allowed).any():
    worst = int(np.argmax(late - allowed))
    end, length = int(ends[worst]), lengths[worst]
    factor = _factor(end, length)
    guess = 'check that the sound file belongs to it and is complete'
    if factor is not None:
      guess = recordings.guess(factor)
    raise InputError(
      f'{recordings.names[worst]}: the reference has frame {end - 1}, but its '
      f'sound file has {length} frames of {recordings.frame:g} s; {guess}.'
    )
  worst = int(np.argmax(late))
  if late[worst] > 0:
    _log.warning(
      '%d of %d references end after their sound files, by at most %d frame%s '
      '(%s): their recordings are scored up to the last reference frame.',
      np.sum(late > 0),
      len(late),
      late[worst],
      's' * bool(late[worst] > 1),
      recordings.names[worst],
    )
  return np.maximum(ends, lengths).tolist()


def _check_reference(recordings: Recordings, lengths: Sequence[int]) -> None:
  """Raises InputError for a reference that is longer than stated."""
  ends, _ = recordings.ends
  worst = int(np.argmax(ends - lengths))
  if ends[worst] <= lengths[worst]:
    return
  factor = _factor(ends[worst], lengths[worst])
  guess = ''
  if factor is not None:
    guess = f'{recordings.guess(factor)}; otherwise '
  raise InputError(
    f'{recordings.names[worst]}: The reference has an event with frame '
    f'{ends[worst] - 1}, but frames must be 0 to {lengths[worst] - 1}: {guess}'
    f'state the length with --frames={ends.max()} or more, or with '
    '--frames=audio or --frames=last_reference.'
  )


def _check_predictions(
  recordings: Recordings,
  lengths: Sequence[int],
  known: str,
  *,
  other: str = ' or --frames=audio',
) -> None:
  """Warns about predictions after the end of recordings, or refuses them.

  Args:
    recordings: The recordings.
    lengths: Label frames of each recording.
    known: What the message says before the length.
    other: Where another length may come from, as the message says it.

  Raises:
    InputError: Predictions are later by more than a second and 1 %.
  """
  _, ends = recordings.ends
  late = ends - lengths
  allowed = _most_frames_after(lengths, recordings.frame)
  too_late = int(np.sum(late > allowed))
  worst = int(np.argmax(late - allowed if too_late else late))
  name, end, length = recordings.names[worst], ends[worst], lengths[worst]
  if too_late:
    factor = _factor(end, length)
    guess = (
      f'if recordings last {end * recordings.frame:g} s, state --frames={end}'
      f'{other}'
    )
    if factor is not None:
      guess = (
        f'if its frames last {recordings.hops[1] / factor:g} s, '
        f'state {recordings.hint((1, factor))}; {guess}'
      )
    others = f' and {too_late - 1} more' if too_late > 1 else ''
    raise InputError(
      f'{name}{others}: the prediction has frame {end - 1}, but {known} '
      f'{length} frames of {recordings.frame:g} s; {guess}.'
    )
  if late[worst] > 0:
    _log.warning(
      'In %d of %d recordings, predictions come after the end, by up to %d '
      'frames (%s); they are not scored.',
      np.sum(late > 0),
      len(late),
      late[worst],
      name,
    )
  _compare_clocks(recordings)


def _check_after_reference(recordings: Recordings) -> None:
  """Warns about predictions that come long after the last annotated frame.

  Raises:
    InputError: Most recordings have them, and end later by one of `_FACTORS`.
  """
  reference, predicted = recordings.ends
  late = predicted - reference
  allowed = _most_frames_after(reference, recordings.frame)
  both = (reference > 0) & (predicted > 0)
  if both.any():
    ratio = float(np.median(predicted[both] / reference[both]))
    factor = _factor(ratio, 1)
    most = np.mean(predicted[both] >= (1 - _SILENT_END) * 2 * reference[both])
    one = int(np.argmax(np.where(both, late - allowed, -np.inf)))
    is_clear = both.sum() >= _ENOUGH and most > 0.5
    if factor is not None and is_clear and late[one] > allowed[one]:
      raise InputError(
        f'The predictions end about {ratio:.2g} times as late as the reference '
        f'(frame {predicted[one] - 1} against {reference[one] - 1} in '
        f'{recordings.names[one]}), as if their frames lasted '
        f'{recordings.hops[1] / factor:g} s: if that is right, state '
        f'{recordings.hint((1, factor))}; if the recordings are that long, '
        'state --frames=N or --frames=audio.'
      )
  if (late > allowed).any():
    worst = int(np.argmax(late))
    _log.warning(
      'In %d of %d recordings, predictions come more than a second after the '
      'last frame of the reference, by up to %d frames (%s). They are not '
      'scored, because the length of the recordings is unknown; state it with '
      '--frames=audio or --frames=N.',
      np.sum(late > allowed),
      len(late),
      late[worst],
      recordings.names[worst],
    )
  _compare_clocks(recordings)


def _compare_clocks(recordings: Recordings) -> None:
  """Warns if most predictions end earlier or later by one of `_FACTORS`."""
  reference, predicted = recordings.ends
  both = (reference > 0) & (predicted > 0)
  if both.sum() < _ENOUGH:
    return
  ratios = predicted[both] / reference[both]
  middle = float(np.median(ratios))
  alike = np.mean(np.abs(ratios / middle - 1) < 0.25)
  later = _factor(middle, 1)
  earlier = _factor(1 / middle, 1)
  if alike < 0.75 or (later is None and earlier is None):
    return
  if later is not None:
    factors = (1.0, later)
  elif earlier and recordings.hops[1] * earlier <= 0.1 + 1e-9:
    # The frames of the predictions were stated too short.
    factors = (1.0, 1 / earlier)
  else:
    factors = (earlier or 1.0, 1.0)
  _log.warning(
    'The predictions of %d recordings end at about %.2g times the end of the '
    'reference, as if the frames of the two folders had different lengths: if '
    'that is right, state %s.',
    both.sum(),
    middle,
    recordings.hint(factors),
  )
