"""Reads the recordings of a finished run: labels, predictions and sound."""

from collections.abc import Mapping
from typing import Any

from seld_jax import runs
from seld_jax.errors import InputError
from seld_jax.report import choice


def read_recordings(
  run: runs.Run, result: Mapping[str, Any]
) -> list[choice.Recording]:
  """Reads the predictions of a result and the labels of the dataset.

  Args:
    run: The run.
    result: One of the `results` in its scores.

  Returns:
    The recordings whose labels have at least one event. Their lengths are at
    least those of their labels.

  Raises:
    InputError: There is no such recording, or a file cannot be read.
  """
  found = [
    choice.make_recording(
      one.name,
      one.reference,
      one.prediction,
      num_frames=max(one.num_frames, int(one.reference.frame.max()) + 1),
      num_classes=len(run.config['data']['classes']),
      edition=runs.edition_of(run.scores),
      audio=one.audio,
    )
    for one in runs.read_predictions(run, result)
    if one.reference.frame.size
  ]
  if not found:
    raise InputError(
      f'{runs.predictions_folder(run.workdir, result)} holds no predictions '
      'for a recording whose labels have an event.'
    )
  return found
