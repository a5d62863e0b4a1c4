"""What networks and methods find in recordings that nobody here made.

python -m benchmarks.real_recordings --folder=DIR --out=DIR --models=demo,srp

Each model predicts each recording of its format as it is. Label frames of a
class that follow each other with similar directions are joined to an event. The
command prints a table in Markdown and writes it as CSV: recording, model, start
and end in seconds, class, mean azimuth and elevation in degrees, and how far
the directions of the label frames are from their mean.
"""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import soundfile
from absl import flags

import seld_jax
from benchmarks import studies
from seld_jax import commands, files, geometry, labels
from seld_jax.audio import channels
from seld_jax.errors import InputError

# By the name of the file: its format, and the order of its channels.
RECORDINGS = {
  'starss23_foa_5s.wav': ('foa', 'acn'),
  'tau2019_foa_1s.wav': ('foa', 'acn'),
  'tau2019_mic_1s.wav': ('mic', ''),
  'jsambisonics_foa_1.ogg': ('foa', 'fuma'),
  'jsambisonics_foa_3.ogg': ('foa', 'fuma'),
}

_HEADS = (
  'recording',
  'model',
  'time',
  'class',
  'azimuth',
  'elevation',
  'spread',
)
# Largest number of label frames without activity within an event, least number
# of label frames of an event, and largest angle between consecutive ones.
_GAP, _LEAST, _ANGLE = 2, 4, 30.0


@dataclasses.dataclass(frozen=True)
class Found:
  """An event: consecutive label frames of a class with similar directions.

  Attributes:
    start: Seconds from the start of the recording.
    end: Seconds from the start of the recording.
    name: The class.
    azimuth: Azimuth of the mean direction in degrees.
    elevation: Elevation of the mean direction in degrees.
    spread: Median angle of the label frames to the mean direction in degrees.
  """

  start: float
  end: float
  name: str
  azimuth: float
  elevation: float
  spread: float


def join(events: labels.Events, classes: Sequence[str]) -> list[Found]:
  """Joins label frames to events.

  Args:
    events: The active sources of each label frame.
    classes: Names of the classes.

  Returns:
    The events of at least four label frames, in the order of their starts.
  """
  open_events: list[list[int]] = []
  done: list[list[int]] = []
  for row in np.argsort(events.frame, kind='stable'):
    is_late = lambda one, now=events.frame[row]: (
      now - events.frame[one[-1]] > _GAP + 1
    )
    done += [one for one in open_events if is_late(one)]
    open_events = [one for one in open_events if not is_late(one)]
    angles = [
      geometry.angular_distance(events.xyz[row], events.xyz[one[-1]])
      if events.class_index[one[-1]] == events.class_index[row]
      and events.frame[one[-1]] < events.frame[row]
      else np.inf
      for one in open_events
    ]
    if angles and min(angles) <= _ANGLE:
      open_events[int(np.argmin(angles))].append(row)
    else:
      open_events.append([row])
  found = [
    _found(events, np.array(one), classes[int(events.class_index[one[0]])])
    for one in [*done, *open_events]
    if len(one) >= _LEAST
  ]
  return sorted(found, key=lambda one: (one.start, one.name))


def _found(events: labels.Events, rows: np.ndarray, name: str) -> Found:
  xyz = events.xyz[rows]
  mean = xyz.mean(axis=0)
  azimuth, elevation = geometry.to_polar(mean)
  angles = [float(geometry.angular_distance(one, mean)) for one in xyz]
  frames = events.frame[rows]
  return Found(
    start=frames[0] / labels.FRAMES_PER_SECOND,
    end=(frames[-1] + 1) / labels.FRAMES_PER_SECOND,
    name=name,
    azimuth=float(azimuth),
    elevation=float(elevation),
    spread=float(np.median(angles)),
  )


def rows(folder: pathlib.Path, models: Sequence[str]) -> Iterator[list[str]]:
  """Yields the rows of the table."""
  predictors = {pathlib.Path(one).name: seld_jax.load(one) for one in models}
  for name, (format, order) in RECORDINGS.items():
    clip, rate = soundfile.read(folder / name, dtype='float32')
    sound = clip.T
    if order:
      norm = 'fuma' if order == 'fuma' else 'sn3d'
      chosen = channels.by_name(format=format, order=order, norm=norm)
      sound = channels.select(sound, chosen)
    for model, predictor in predictors.items():
      if predictor.spec.format != format:
        continue
      prediction = predictor(sound, rate)
      events = join(prediction.events, predictor.spec.classes)
      for one in events:
        yield [
          name,
          model,
          f'{one.start:.1f}-{one.end:.1f} s',
          one.name,
          f'{round(one.azimuth)}°',
          f'{round(one.elevation)}°',
          f'{round(one.spread)}°',
        ]
      if not events:
        highest = f'{float(prediction.activity.max()):.2f}'
        nothing = f'nothing (highest activity {highest})'
        yield [name, model, '', nothing, '', '', '']


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string('folder', None, 'Folder of the recordings.')
  define.string('out', None, 'Folder for real_recordings.csv.')
  define.list(
    'models', ['demo', 'intensity', 'srp'], 'Networks and methods, as --model.'
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the table, and writes it."""
  commands.refuse_arguments(arguments)
  folder = pathlib.Path(values.folder)
  if missing := [name for name in RECORDINGS if not (folder / name).is_file()]:
    raise InputError(f'--folder: {folder} has no {missing[0]}.')
  lines = list(rows(folder, values.models))
  print(studies.markdown(list(_HEADS), lines))
  table = io.StringIO()
  csv.writer(table, lineterminator='\n').writerows([_HEADS, *lines])
  files.write_text(
    pathlib.Path(values.out) / 'real_recordings.csv', table.getvalue()
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('folder', 'out'))
