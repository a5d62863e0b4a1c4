"""Recordings of a result to be looked at: how good they are, which to show."""

import dataclasses
import pathlib
from collections.abc import Sequence

from seld_jax import labels, metrics
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Recording:
  """A recording of a result, to be looked at.

  Attributes:
    name: Its name, such as `fold1_room1_mix003_ov2`.
    reference: Events of the reference.
    prediction: Events of the system.
    num_frames: Label frames.
    score: Its own seld_score of 2020.
    audio: Where its sound file is, or should be; None when nobody knows.
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
  audio: pathlib.Path | None = None,
) -> Recording:
  """A recording with its score.

  Args:
    name: Its name.
    reference: Events of the reference.
    prediction: Events of the system.
    num_frames: Label frames.
    num_classes: Number of classes.
    audio: Its sound file, where it is known.

  Returns:
    The recording.

  Raises:
    InputError: An event is out of range.
  """
  counts = metrics.counts(
    reference, prediction, num_frames=num_frames, num_classes=num_classes
  )
  score = metrics.scores(counts).seld_score
  return Recording(name, reference, prediction, num_frames, score, audio)


def choose_recording(candidates: Sequence[Recording]) -> tuple[Recording, str]:
  """The one recording to show, and why: neither the best nor the worst.

  Args:
    candidates: At least one.

  Returns:
    The one with the median seld_score (the lower of two) among those whose
    name tells of overlapping events, `_ov2`, or among all where none does; and
    a sentence that says so.
  """
  if len(candidates) == 1:
    (chosen,) = candidates
    return chosen, (
      f'{chosen.name}, the one recording (seld_score {chosen.score:.3f}).'
    )
  ranked, which = _ranked(candidates)
  chosen = ranked[(len(ranked) - 1) // 2]
  return chosen, _reason(chosen, 'median', which)


def choose_recordings(
  candidates: Sequence[Recording],
) -> list[tuple[Recording, str]]:
  """The median, the worst and the best recording, each once, and why.

  Args:
    candidates: At least one.

  Returns:
    As `choose_recording`, which gives the first, with the ends of the same
    ranking after it, as far as there are others.
  """
  ranked, which = _ranked(candidates)
  chosen = [choose_recording(candidates)]
  for kind, one in ('highest', ranked[-1]), ('lowest', ranked[0]):
    if all(one is not other for other, _ in chosen):
      worse = {'highest': ', the worst', 'lowest': ', the best'}[kind]
      chosen.append((one, _reason(one, kind, which + worse)))
  return chosen


def named_recordings(
  candidates: Sequence[Recording], names: Sequence[str]
) -> list[tuple[Recording, str]]:
  """Recordings that somebody asks for, in that order.

  Args:
    candidates: At least one.
    names: Their names.

  Returns:
    As `choose_recordings`.

  Raises:
    InputError: There is no recording of a name.
  """
  by_name = {one.name: one for one in candidates}
  for name in names:
    if name not in by_name:
      raise InputError(
        f'There is no recording {name!r} to show; the first of '
        f'{len(by_name)} is {next(iter(by_name))}.'
      )
  return [
    (by_name[name], f'{name}, with a seld_score of {by_name[name].score:.3f}.')
    for name in names
  ]


def _ranked(candidates: Sequence[Recording]) -> tuple[list[Recording], str]:
  """From the best to the worst; and what they are called together."""
  overlapping = [one for one in candidates if one.name.endswith('_ov2')]
  among = overlapping or candidates
  which = f'the {len(among)} recordings'
  if overlapping:
    which += ' with overlapping events'
  if len(among) == 1:
    which = which.replace('the 1 recordings', 'the one recording')
  return sorted(among, key=lambda one: (one.score, one.name)), which


def _reason(chosen: Recording, kind: str, which: str) -> str:
  return (
    f'{chosen.name}, chosen as the one with the {kind} seld_score '
    f'({chosen.score:.3f}) of {which}.'
  )
