"""Predicts which sounds occur in recordings, when, and from which direction.

Each recording, from a tenth of a second to a day long, gives a DCASE CSV file
with the columns frame, class, track, azimuth and elevation, and the distance in
centimetres if the network predicts distances; there are 10 label frames per
second. --csv_edition writes the columns of another edition of DCASE. The sound
files need the channels that the network was trained on: FOA (W, Y, Z, X; SN3D),
the microphones of an array, or left and right. --channels, --norm and --array
convert other conventions.

Two methods without a network find directions only: --model=intensity in FOA,
and --model=srp with the four microphones of the tetrahedral array.

Examples:
  python -m seld_jax.predict --model=runs/mse_foa --out=predictions FOLDER
  python -m seld_jax.predict --model=demo --out=predictions --plot a.wav b.flac
  python -m seld_jax.predict --model=runs/a,runs/b --out=means FOLDER
  python -m seld_jax.predict --model=intensity --out=directions FOLDER
"""

from absl import flags

from seld_jax import commands, labels, predictor
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import (
  PredictionOptions,
  channel_selection,
  define_prediction_flags,
  recordings,
)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define_prediction_flags(
    values, window='the length that it was validated with', overlap='0'
  )
  define = commands.Define(values)
  define.string('workdir', None, 'Run directory; another name for --model.')
  define.string('out', None, 'Folder for the CSV files.')
  define.enum(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'Edition of the challenge whose columns the CSV files have. 2020 to 2022: '
    'frame, class, track, azimuth, elevation; distances are left out. 2023 and '
    '2024: also the distance in centimetres, if the network predicts '
    'distances. 2019: name, start and end of each event, elevation, azimuth, '
    'and the distance in metres, 0 if the network predicts none. 2025: frame, '
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
  if not arguments:
    raise InputError(
      'Sound files or folders of them are missing: python -m seld_jax.predict '
      '--model=RUN --out=FOLDER INPUT...'
    )
  given = {value for value in (values.model, values.workdir) if value}
  if len(given) != 1:
    raise InputError(
      '--model must name a run directory, an export or demo, or several with '
      'commas, or be intensity or srp (--workdir is another name for it), got '
      f'{" and ".join(sorted(given)) or "none"}.'
    )
  compilation.use_persistent_cache()
  loaded = predictor.load(
    given.pop(), average_symmetries=values.average_symmetries
  )
  outcome = recordings.predict_files(
    loaded,
    arguments,
    str(values.out),
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
  )
  if outcome.written:
    print(f'{values.out}: {outcome}')
    names = enumerate(loaded.spec.classes)
    print('classes: ' + ', '.join(f'{i} {name}' for i, name in names))
    threshold = values.threshold
    if threshold is None:
      threshold = min(loaded.spec.thresholds)
    if outcome.highest <= threshold:
      print(
        f'No class is active in these recordings: the highest activity is '
        f'{outcome.highest:.2f}, and the threshold is {threshold:g}; a lower '
        '--threshold reports less certain events.'
      )
  if len(outcome.failures) == 1:
    raise InputError(outcome.failures[0])
  if outcome.failures:
    raise InputError(
      f'{len(outcome.failures)} inputs failed:', *outcome.failures
    )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',))
