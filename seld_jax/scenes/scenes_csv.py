"""The table scenes.csv of a set, with a row for every event."""

import csv
import dataclasses
import io
import logging
import pathlib
from collections.abc import Sequence

from seld_jax import files, geometry, labels
from seld_jax.scenes import composer, rooms, stereo
from seld_jax.scenes.plan import Recording
from seld_jax.shards import Shard

_log = logging.getLogger(__name__)

COLUMNS = (
  'file',
  'fold',
  'room',
  'class',
  'sound',
  'onset',
  'duration',
  'track',
  'azimuth_start',
  'azimuth_end',
  'elevation',
  'distance',
  'speed',
  'level_db',
  'rt60',
  'room_size',
  'snr_db',
)


def describe(
  recording: Recording, scene: composer.Scene
) -> list[dict[str, str]]:
  """Returns the rows of a recording, each with a value for every column."""
  return _rows(recording, recording.name, scene, scene.events)


def describe_clip(
  recording: Recording,
  clip: stereo.Clip,
  scene: composer.Scene,
  places: Sequence[int],
) -> list[dict[str, str]]:
  """Returns the rows of a stereo clip.

  Args:
    recording: The recording that the clip is from.
    clip: The clip.
    scene: The scene of the recording.
    places: Indices of the events that occur in the clip.

  Returns:
    Rows that describe the events as far as they lie in the clip: time counts
    from its start, and azimuth from the direction in which the camera looks.
  """
  first = clip.start / labels.FRAMES_PER_SECOND
  seen = []
  for event in (scene.events[place] for place in places):
    onset = max(event.onset - first, 0.0)
    end = min(event.onset - first + event.duration, float(stereo.CLIP_SECONDS))
    cut = first + onset - event.onset
    size = round((end - onset) * composer.SAMPLE_RATE)
    sound = dataclasses.replace(event.sound, samples=event.sound.samples[:size])
    azimuth = event.azimuth + event.speed * cut + clip.heading
    seen.append(
      dataclasses.replace(
        event,
        onset=onset,
        sound=sound,
        azimuth=float(geometry.wrap_degrees(azimuth)),
      )
    )
  return _rows(recording, clip.name, scene, seen)


def _rows(
  recording: Recording,
  name: str,
  scene: composer.Scene,
  events: Sequence[composer.Event],
) -> list[dict[str, str]]:
  """The rows of events of a file."""
  rows = []
  for event in events:
    end = event.azimuth + event.speed * event.duration
    values = (
      name,
      recording.fold,
      recording.room,
      event.class_name,
      event.sound.origin,
      f'{event.onset:.3f}',
      f'{event.duration:.3f}',
      event.track,
      f'{event.azimuth:.1f}',
      f'{180 - (180 - end) % 360:.1f}',
      f'{event.elevation:.1f}',
      f'{event.distance:.2f}',
      f'{event.speed:g}',
      f'{event.level_db:.1f}',
      f'{scene.room.mid_rt60:.2f}',
      _size(scene),
      f'{scene.snr_db:.1f}',
    )
    rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
  return rows


def _size(scene: composer.Scene) -> str:
  """The size of a simulated room, or the name of a measured one."""
  if isinstance(scene.room, rooms.Room):
    return 'x'.join(f'{side:.2f}' for side in scene.room.size)
  return scene.room.name


def read(path: pathlib.Path) -> dict[str, list[dict[str, str]]]:
  """Reads the rows by recording; none if the file does not exist.

  A damaged file has the rows of the recordings before the damage; those of the
  others are written again.
  """
  rows: dict[str, list[dict[str, str]]] = {}
  if not path.is_file():
    return rows
  name = ''
  try:
    with open(path, newline='', encoding='utf-8') as file:
      for row in csv.DictReader(file):
        name = row['file']
        rows.setdefault(name, []).append(row)
      file.seek(0)
      if rows and not file.read().endswith('\n'):
        del rows[name]  # cut short, perhaps within a number
  except (csv.Error, KeyError, UnicodeDecodeError) as error:
    _log.warning(
      '%s is damaged (%s: %s); the missing rows are written again.',
      path,
      type(error).__name__,
      str(error)[:80],
    )
  return rows


def table(out: pathlib.Path, shard: Shard | None) -> pathlib.Path:
  """Returns the path of the table of a set, or of a shard of it."""
  if shard is None:
    return out / 'scenes.csv'
  return out / f'scenes_{shard.number}_of_{shard.count}.csv'


def shard_tables(out: pathlib.Path) -> list[pathlib.Path]:
  """Returns the paths of the tables that shards have written in a set."""
  return sorted(out.glob('scenes_*_of_*.csv'))


def write(
  path: pathlib.Path,
  plan: Sequence[Recording],
  rows: dict[str, list[dict[str, str]]],
) -> None:
  """Writes the available rows in the order of the plan, atomically."""
  text = io.StringIO()
  table = csv.writer(text, lineterminator='\n')
  table.writerow(COLUMNS)
  for name in (name for recording in plan for name in recording.files):
    for row in rows.get(name, []):
      table.writerow([row[column] for column in COLUMNS])
  files.write_text(path, text.getvalue())
