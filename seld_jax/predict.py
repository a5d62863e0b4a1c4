"""Predicts what sounds in recordings, when, and from which direction.

Each recording, from a tenth of a second to a day, becomes a DCASE CSV file with
the rows frame, class, track, azimuth, elevation; there are 10 frames a second.
The files have four channels: FOA (W, Y, Z, X; SN3D), or the capsules of a
tetrahedral microphone, whichever the network was trained on.

Examples:
  python -m seld_jax.predict --model=runs/mse_foa --out=predictions FOLDER
  python -m seld_jax.predict --model=demo --out=predictions --plot a.wav b.flac
"""

from absl import flags

from seld_jax import commands, predictor
from seld_jax.audio import channels
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import recordings


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'model',
    None,
    "Run directory, export of `python -m seld_jax.export`, or 'demo'.",
    flag_values=values,
  )
  flags.DEFINE_string(
    'workdir',
    None,
    'Run directory: the same as --model=WORKDIR.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'out', None, 'Folder to write CSV files to.', flag_values=values
  )
  flags.DEFINE_float(
    'threshold',
    None,
    'Activity above which a class counts as sounding; by default that of the '
    'config.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'window',
    None,
    'Seconds that the network sees at once; by default as it was validated.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'overlap',
    0.0,
    'Seconds that a window shares with the next; activity and directions are '
    'averaged there.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'plot',
    False,
    'Draw a picture of each recording, or of its first ten minutes, beside its '
    'CSV file.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'channels',
    'acn',
    list(channels.ORDERS),
    'Order of the channels: W, Y, Z, X (acn; the same for four capsules), W, '
    'X, Y, Z (fuma), or the 32 capsules of an Eigenmike (em32), of which 6, '
    '10, 26 and 22 are taken.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'norm',
    'sn3d',
    list(channels.NORMS),
    'Normalisation of FOA; fuma: SN3D with a W that is 3 dB lower.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'array',
    None,
    'JSON file that says where the four channels are, counted from 1, and '
    'which are inverted: {"channels": [1, 3, 2, 4], "signs": [1, 1, -1, 1]}.',
    flag_values=values,
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Runs what the flags say."""
  if not arguments:
    raise InputError(
      'Sound files or folders of them are missing: python -m seld_jax.predict '
      '--model=RUN --out=FOLDER INPUT...'
    )
  given = {value for value in (values.model, values.workdir) if value}
  if len(given) != 1:
    raise InputError(
      '--model needs one run directory, export or demo (--workdir says the '
      f'same), got {" and ".join(sorted(given)) or "none"}.'
    )
  compilation.use_persistent_cache()
  loaded = predictor.load(given.pop())
  selection = channels.from_flags(
    format=loaded.spec.format,
    order=values.channels,
    norm=values.norm,
    array=values.array,
  )
  outcome = recordings.predict_files(
    loaded,
    arguments,
    str(values.out),
    selection=selection,
    window=values.window,
    overlap=values.overlap,
    threshold=values.threshold,
    plot=values.plot,
  )
  if outcome.written:
    print(f'{values.out}: {outcome}')
    names = enumerate(loaded.spec.classes)
    print('classes: ' + ', '.join(f'{i} {name}' for i, name in names))
  if len(outcome.failures) == 1:
    raise InputError(outcome.failures[0])
  if outcome.failures:
    raise InputError(
      '\n  '.join(
        [f'{len(outcome.failures)} inputs failed:', *outcome.failures]
      )
    )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',))
