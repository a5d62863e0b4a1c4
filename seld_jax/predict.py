"""Predicts which sounds occur in recordings, when, and from which direction.

Without any flag, the bundled network is applied. A line is printed for each
event, and each recording, from a tenth of a second to 31 days long, gives a
DCASE CSV file beside the sound file, or in the folder --out. Its columns are
frame, class, track, azimuth and elevation, and the distance in centimetres if
the network predicts distances; there are 10 label frames per second.
--csv_edition writes the columns of another edition of DCASE. The sound files
need the channels that the network was trained on: FOA (W, Y, Z, X; SN3D), the
microphones of an array, or left and right. --channels, --norm and --array
convert other conventions.

Two methods without a network find directions only: --model=intensity in FOA,
and --model=srp with the four microphones of the tetrahedral array.

The input - is a sound file from a pipe, and --out=- prints the CSV file.

Examples:
  python -m seld_jax.predict song.wav
  python -m seld_jax.predict --model=runs/mse_foa --out=predictions FOLDER
  python -m seld_jax.predict --model=demo --out=predictions --plot a.wav b.flac
  python -m seld_jax.predict --model=runs/a,runs/b --out=means FOLDER
  python -m seld_jax.predict --model=intensity --out=directions FOLDER
"""

import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from seld_jax import commands, labels, predictor
from seld_jax.devices import compilation
from seld_jax.errors import InputError, printable
from seld_jax.prediction import (
  PredictionOptions,
  Spec,
  channel_selection,
  define_prediction_flags,
  event_list,
  piped_audio,
  recordings,
)

# The value of --out for standard output.
_STDOUT = '-'


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define_prediction_flags(
    values,
    window='the length that it was validated with',
    overlap='0',
    has_methods=True,
  )
  define = commands.Define(values)
  define.string('workdir', None, 'Run directory; another name for --model.')
  define.string(
    'out',
    None,
    'Folder for the CSV files, in which those of the same name are replaced; - '
    'prints the CSV file of one recording. Default: beside each sound file, '
    'where no file is replaced.',
  )
  define.bool(
    'list',
    None,
    'Print a line for each event. Default: for sound files that are named, not '
    'for those of folders.',
  )
  define.bool(
    'json',
    False,
    'Print one JSON object with the events of each recording instead.',
  )
  define.enum(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'Edition of the challenge whose columns the CSV files have. 2020 to 2022: '
    'frame, class, track, azimuth, elevation; distances are left out. 2023 and '
    '2024: also the distance in centimetres, if the network predicts '
    'distances. 2019: name, start and end of each frame, or of several with '
    'the same direction, elevation, azimuth, and the distance in metres, 0 if '
    'the network predicts none. 2025: frame, '
    'class, source, azimuth folded to the front, distance in centimetres, and '
    'onscreen, which is 0 in all rows, because no network here predicts it; '
    'elevations are left out. Default: 2023 if the network predicts '
    'distances, else 2020.',
  )
  define.bool(
    'plot',
    False,
    'Draw a picture of each recording, or of its first ten minutes, beside its '
    'CSV file.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Predicts the recordings on the command line."""
  _check(arguments, values)
  compilation.use_persistent_cache()
  model = values.model or values.workdir or 'demo'
  loaded = predictor.load(
    model,
    average_symmetries=values.average_symmetries,
    refine_directions=values.refine_directions,
  )
  is_piped = arguments == [piped_audio.NAME]
  with contextlib.ExitStack() as stack:
    inputs, out = arguments, values.out
    if is_piped:
      piped = stack.enter_context(piped_audio.stored())
      inputs = [str(piped)]
    if out == _STDOUT or (is_piped and out is None):
      # The CSV file is printed, or not asked for.
      out = stack.enter_context(piped_audio.temporary_folder())
    spare = None
    if values.json and out is None:
      spare = stack.enter_context(piped_audio.temporary_folder())
    is_listed = values.list
    if is_listed is None:
      is_listed = not any(map(os.path.isdir, inputs))
    if values.out == _STDOUT or values.json:
      # Standard output is for the results alone.
      stack.enter_context(contextlib.redirect_stdout(sys.stderr))
    outcome = recordings.predict_files(
      loaded,
      inputs,
      out,
      selection=channel_selection(
        values,
        format=loaded.spec.format,
        num_channels=loaded.spec.num_channels,
      ),
      options=PredictionOptions(
        window=values.window,
        overlap=values.overlap or 0.0,
        threshold=values.threshold,
      ),
      csv_edition=values.csv_edition,
      plot=values.plot,
      find_intervals=is_listed or values.json,
      spare=spare,
    )
    csv = [path.read_text(encoding='utf-8') for path in outcome.written[:1]]
  failures = outcome.failures
  if is_piped:
    outcome.sources = [pathlib.Path(piped_audio.NAME)] * len(outcome.sources)
    failures = [piped_audio.rename(text, piped) for text in failures]
    if values.out is None:
      outcome.written = []
  if values.out == _STDOUT:
    print(*csv, sep='', end='')
  elif values.json:
    print(json.dumps(_values(outcome, loaded.spec, spare), indent=2))
  elif outcome.sources:
    if is_listed:
      _print_events(outcome, loaded.spec)
    _print_summary(outcome, loaded.spec, values, is_listed=is_listed)
  if len(failures) == 1:
    raise InputError(failures[0])
  if failures:
    raise InputError(f'{len(failures)} inputs failed:', *failures)


def _check(arguments: Sequence[str], values: flags.FlagValues) -> None:
  """Refuses flags and inputs that do not fit together.

  Raises:
    InputError: Some do not.
  """
  if not arguments:
    raise InputError(
      'Sound files or folders of them are missing: seld predict FILE ...'
    )
  if '' in arguments:
    raise InputError(
      'An input is empty, such as "$FILE" without a value: name a sound file '
      'or a folder.'
    )
  if values.model and values.workdir and values.model != values.workdir:
    raise InputError(
      '--model and --workdir are two names of the same flag, got '
      f'{values.model} and {values.workdir}: leave out one of them.'
    )
  if values.out == '':
    raise InputError('--out must name a folder, or be - for standard output.')
  to_stdout = values.out == _STDOUT
  for name in ('json', 'plot', 'list'):
    if to_stdout and values[name].value:
      raise InputError(
        f'--out=- writes a CSV file to standard output and nothing else: leave '
        f'out --{name}, or give --out a folder.'
      )
  is_piped = piped_audio.NAME in arguments
  if len(arguments) > 1 and (is_piped or to_stdout):
    what = f'the input {piped_audio.NAME}' if is_piped else '--out=-'
    raise InputError(
      f'{what} is for one sound file alone, got {len(arguments)} inputs.'
    )
  if to_stdout and os.path.isdir(arguments[0]):
    raise InputError(
      f'--out=- is for one sound file, but {arguments[0]} is a folder; give '
      '--out a folder.'
    )
  if is_piped and values.plot and values.out is None:
    raise InputError('--plot needs --out=FOLDER for the picture.')


def _print_events(outcome: recordings.Outcome, spec: Spec) -> None:
  """Prints a line for each event."""
  for source, intervals in zip(outcome.sources, outcome.intervals, strict=True):
    indent = ''
    if len(outcome.sources) > 1:
      print(f'{printable(source)}:')
      indent = '  '
    for line in event_list.lines(intervals, spec):
      print(f'{indent}{line}')
    if not intervals:
      print(f'{indent}no events')


def _print_summary(
  outcome: recordings.Outcome,
  spec: Spec,
  values: flags.FlagValues,
  *,
  is_listed: bool,
) -> None:
  """Prints where the CSV files are, and hints at what is in them."""
  where = values.out
  if where is None and outcome.written:
    first, *others = map(printable, outcome.written)
    where = f'{first} and {len(others)} more' if others else first
  print(f'{where}: {outcome}' if where else outcome)
  if not is_listed:
    names = enumerate(spec.classes)
    print('classes: ' + ', '.join(f'{i} {name}' for i, name in names))
  threshold = values.threshold
  if threshold is None:
    threshold = min(spec.thresholds)
  if outcome.highest <= threshold:
    print(
      f'No class is active in these recordings: the highest activity is '
      f'{_below(outcome.highest, threshold)}, and the threshold is '
      f'{threshold:g}; a lower --threshold reports less certain events.'
    )


def _below(value: float, limit: float) -> str:
  """A number with two decimals, or as many as show that it is not above."""
  digits = 2
  while float(f'{value:.{digits}f}') > limit and digits < 17:
    digits += 1
  return f'{value:.{digits}f}'


def _values(
  outcome: recordings.Outcome, spec: Spec, spare: pathlib.Path | None
) -> dict[str, Any]:
  """What `--json` prints; label files in `spare` are not kept."""
  written = [
    None if path.parent == spare else str(path) for path in outcome.written
  ] or [None] * len(outcome.sources)
  return {
    'recordings': [
      {
        'file': str(source),
        'csv': csv,
        'events': event_list.values(intervals, spec),
      }
      for source, csv, intervals in zip(
        outcome.sources, written, outcome.intervals, strict=True
      )
    ]
  }


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
