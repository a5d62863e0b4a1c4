"""Shows live in the terminal which sounds occur and from which direction.

The audio comes from an input with the channels that the network was trained on
(FOA, the microphones of an array, or left and right), or from a sound file that
is played at its real speed.

Examples:
  python -m seld_jax.listen --model=runs/mse_foa
  python -m seld_jax.listen --model=demo --file=scene.wav --speed=2
"""

from absl import flags

from seld_jax import audio, commands, predictor
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import (
  PredictionOptions,
  channel_selection,
  define_prediction_flags,
  live,
)

# Default window in seconds: a short delay, but enough context for the network.
_WINDOW = 2.0
# Default time between two windows in seconds; of a causal network, which needs
# no window again, one label frame.
_UPDATE, _CAUSAL_UPDATE = 0.5, 0.1


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define_prediction_flags(
    values,
    window=f'{_WINDOW:g}, or the window of an export; it determines the delay',
    overlap=f'{_UPDATE:g} s less than the window, for a result every '
    f'{_UPDATE:g} s; {_CAUSAL_UPDATE:g} s less for a causal network, whose '
    'delay is this difference and its look-ahead',
  )
  define = commands.Define(values)
  define.string(
    'file', None, 'Sound file to play instead of using a microphone.'
  )
  define.float(
    'speed',
    1.0,
    'Speed of the file as a factor; 2 is twice as fast.',
    lower_bound=0.01,
  )
  define.string(
    'device',
    None,
    'Audio input: its number or a part of its name. Default: the default input '
    'of the system.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Shows predictions until the file ends or the user stops the command."""
  commands.refuse_arguments(arguments)
  if values.file and values.device:
    raise InputError(
      '--file and --device exclude each other: leave out one of them.'
    )
  compilation.use_persistent_cache()
  loaded = predictor.load(
    values.model or 'demo',
    average_symmetries=values.average_symmetries,
    refine_directions=values.refine_directions,
  )
  loaded.stream()  # refuses a network that needs whole recordings
  selection = channel_selection(
    values,
    format=loaded.spec.format,
    num_channels=loaded.spec.num_channels,
  )
  window, overlap = values.window, values.overlap
  if window is None and not loaded.has_fixed_window:
    window = _WINDOW
  if overlap is None:
    update = _CAUSAL_UPDATE if loaded.is_causal else _UPDATE
    overlap = live.overlap_for(
      update, window=window or loaded.window_seconds, spec=loaded.spec
    )
  if values.file:
    rate = audio.info(values.file).sample_rate
    blocks = live.play(values.file, selection=selection, speed=values.speed)
  else:
    rate, blocks = live.microphone(values.device, selection=selection)
  live.watch(
    loaded,
    live.with_check(blocks, rate, format=loaded.spec.format),
    rate,
    options=PredictionOptions(
      window=window, overlap=overlap, threshold=values.threshold
    ),
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
