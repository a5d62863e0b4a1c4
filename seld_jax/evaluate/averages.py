"""What the predictions in a folder are averages of, as `predict` noted it."""

import os
import pathlib
from collections.abc import Collection
from typing import Any

from seld_jax import averaging_record, listing
from seld_jax.errors import printable


def of_recordings(
  folder: str | os.PathLike[str], names: Collection[str]
) -> list[dict[str, Any]]:
  """Says how the predictions of some recordings were averaged.

  Args:
    folder: The folder of predictions.
    names: Names of the recordings.

  Returns:
    For each way in which some of them were made: `models`,
    `average_symmetries`, `recordings` (their number) and `text`, a phrase that
    says so. Nothing if the folder has no record.

  Raises:
    InputError: The record in the folder is damaged.
  """
  found = []
  for record in averaging_record.read(folder):
    stems = {listing.name_of(pathlib.Path(file)) for file in record.files}
    if count := len(stems.intersection(map(printable, names))):
      found.append(
        {
          'models': list(record.models),
          'average_symmetries': record.average_symmetries,
          'recordings': count,
          'text': str(record),
        }
      )
  return found
