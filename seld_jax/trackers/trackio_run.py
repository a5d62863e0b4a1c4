"""trackio: a run in its local database, or where its variables point to."""

import contextlib
import importlib
import pathlib
import sys
from collections.abc import Mapping
from typing import Any


class TrackioRun:
  """Sends the records of a run to trackio.

  Its variables choose where to: TRACKIO_DIR another folder, TRACKIO_SPACE_ID
  or TRACKIO_SERVER_URL a server. A thread of trackio writes, so that the
  records of the last second may be missing after a crash.

  Args:
    folder: The run directory.
    project: The project.
    name: The name of the run, which no other run has.
    settings: The configuration, by the name of each field.

  Attributes:
    written: None: trackio does not say how many records it has.
  """

  written: int | None = None

  def __init__(
    self,
    folder: pathlib.Path,
    *,
    project: str,
    name: str,
    settings: Mapping[str, Any],
  ):
    del folder
    with _quiet():
      self._run = importlib.import_module('trackio').init(
        project=project,
        name=name,
        config=dict(settings),
        resume='allow',
        embed=False,
      )

  def write(self, index: int, step: int, values: Mapping[str, float]) -> None:
    """Sends a record; see `mirroring.Tracker`."""
    del index
    self._run.log(dict(values), step=step)

  def close(self, *, is_complete: bool) -> None:
    """Waits until all is written; see `mirroring.Tracker`."""
    del is_complete
    with _quiet():
      importlib.import_module('trackio').finish()


@contextlib.contextmanager
def _quiet():
  """Standard output is for results; trackio prints messages to it."""
  with contextlib.redirect_stdout(sys.stderr):
    yield
