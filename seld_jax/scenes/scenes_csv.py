"""The table scenes.csv of a set, with a row for every event."""

import csv
import io
import logging
import pathlib
from collections.abc import Sequence

from seld_jax import files
from seld_jax.scenes import composer
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
  rows = []
  for event in scene.events:
    end = event.azimuth + event.speed * event.duration
    values = (
      recording.name,
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
      'x'.join(f'{side:.2f}' for side in scene.room.size),
      f'{scene.snr_db:.1f}',
    )
    rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
  return rows


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
  for recording in plan:
    for row in rows.get(recording.name, []):
      table.writerow([row[column] for column in COLUMNS])
  files.write_text(path, text.getvalue())
