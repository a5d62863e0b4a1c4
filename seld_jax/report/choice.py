"""Recordings for a page: their scores, and which of them are shown."""

import dataclasses
import pathlib
import unicodedata
from collections.abc import Sequence

from seld_jax import geometry, labels, metrics
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Recording:
  """A recording with its reference, its prediction and its score.

  Attributes:
    name: Its name, such as `fold1_room1_mix003_ov2`.
    reference: Events of the reference.
    prediction: Events that the system predicted.
    num_frames: Its length in label frames.
    score: Its own seld_score; lower is better.
    audio: Path of its sound file, which need not exist; None when unknown.
  """

  name: str
  reference: labels.Events
  prediction: labels.Events
  num_frames: int
  score: float
  audio: pathlib.Path | None = None


def make_recording(
  name: str,
  reference: labels.Events,
  prediction: labels.Events,
  *,
  num_frames: int,
  num_classes: int,
  edition: str = '2020',
  audio: pathlib.Path | None = None,
) -> Recording:
  """Makes a recording and computes its score.

  Args:
    name: Its name.
    reference: Events of the reference.
    prediction: Events that the system predicted.
    num_frames: The label frames that are scored. The recording lasts up to the
      last event, if that is later.
    num_classes: Number of classes.
    edition: The edition of the challenge whose seld_score is computed.
    audio: Path of its sound file, if known.

  Returns:
    The recording. That of 2025 has the directions that are scored: in front, on
    the horizon.

  Raises:
    InputError: A frame or a class of an event is out of range, or distances
      that the edition needs are missing.
  """
  counts = metrics.counts(
    reference,
    prediction,
    edition=edition,
    num_frames=num_frames,
    num_classes=num_classes,
  )
  score = metrics.scores(counts).seld_score
  if edition == '2025':
    reference, prediction = map(_as_stereo, (reference, prediction))
  last = max(one.frame.max(initial=0) for one in (reference, prediction))
  length = max(num_frames, int(last) + 1)
  return Recording(name, reference, prediction, length, score, audio)


def _as_stereo(events: labels.Events) -> labels.Events:
  """Events with the directions that the scores of 2025 compare."""
  directions = geometry.stereo_directions(events.xyz)
  return dataclasses.replace(events, xyz=directions)


def choose_recordings(
  candidates: Sequence[Recording],
) -> list[tuple[Recording, str]]:
  """Chooses the median, the worst and the best recording by seld_score.

  The choice is among the recordings with overlapping events (`ov2` or `ov3` in
  their names) if there are any, and among all recordings otherwise. Of two
  medians it takes the better one.

  Args:
    candidates: At least one recording.

  Returns:
    Up to three different recordings, each with a sentence that says why it was
    chosen.
  """
  if len(candidates) == 1:
    (one,) = candidates
    reason = f'{one.name}, the one recording (seld_score {one.score:.3f}).'
    return [(one, reason)]
  overlapping = [one for one in candidates if _has_overlap(one.name)]
  ranked = sorted(
    overlapping or candidates, key=lambda one: (one.score, one.name)
  )
  group = (
    f'the {len(ranked)} recordings' if len(ranked) > 1 else 'the one recording'
  )
  if overlapping:
    group += ' with overlapping events'
  chosen: list[tuple[Recording, str]] = []
  for one, kind, ending in (
    (ranked[(len(ranked) - 1) // 2], 'median', ''),
    (ranked[-1], 'highest', ', the worst'),
    (ranked[0], 'lowest', ', the best'),
  ):
    if all(one is not other for other, _ in chosen):
      reason = (
        f'{one.name}, chosen as the one with the {kind} seld_score '
        f'({one.score:.3f}) of {group}{ending}.'
      )
      chosen.append((one, reason))
  return chosen


def named_recordings(
  candidates: Sequence[Recording], names: Sequence[str]
) -> list[tuple[Recording, str]]:
  """Finds the recordings that the user asked for, in that order.

  Args:
    candidates: At least one recording.
    names: Names of the recordings.

  Returns:
    The recordings, each with a sentence that says its score.

  Raises:
    InputError: There is no recording with one of these names.
  """
  by_name = {one.name: one for one in candidates}
  names = [unicodedata.normalize('NFC', name) for name in names]
  for name in names:
    if name not in by_name:
      raise InputError(
        f'There is no recording {name!r} to show; the first of '
        f'{len(by_name)} is {next(iter(by_name))}; correct --show.'
      )
  return [
    (by_name[name], f'{name}, with a seld_score of {by_name[name].score:.3f}.')
    for name in names
  ]


def _has_overlap(name: str) -> bool:
  parts = labels.parse_name(name)
  overlap = parts.overlap if parts else name.rpartition('_')[-1]
  return overlap in ('ov2', 'ov3')
