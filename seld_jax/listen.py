"""Shows live in the terminal what sounds, and from where.

From a microphone with four channels (as the network was trained: FOA, or the
capsules of a tetrahedral array), or from a file played at its real speed.

Examples:
  python -m seld_jax.listen --model=runs/mse_foa
  python -m seld_jax.listen --model=demo --file=scene.wav --speed=2
"""

from absl import flags

from seld_jax import audio, commands, predictor
from seld_jax.audio import channels
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import live

# Seconds: short enough to follow, long enough to know what it is.
_SHORT_WINDOW = 2.0
_UPDATE = 0.5


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'model',
    None,
    "Run directory, export of `python -m seld_jax.export`, or 'demo'.",
    flag_values=values,
  )
  flags.DEFINE_string(
    'file',
    None,
    'Sound file to play instead of listening to a microphone.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'speed',
    1.0,
    'How many times faster the file is played.',
    lower_bound=0.01,
    flag_values=values,
  )
  flags.DEFINE_string(
    'device',
    None,
    'Input: its number, or a part of its name.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'window',
    None,
    'Seconds that the network sees at once, which is how late it is; by '
    f'default {_SHORT_WINDOW:g}, or that of an export.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'overlap',
    None,
    'Seconds that a window shares with the next; by default all but '
    f'{_UPDATE:g}, so that something new is shown so often.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'threshold',
    None,
    'Activity above which a class counts as sounding.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'channels',
    'acn',
    list(channels.ORDERS),
    'Order of the channels, as for python -m seld_jax.predict.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'norm',
    'sn3d',
    list(channels.NORMS),
    'Normalisation of FOA.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'array',
    None,
    'JSON file that says where the four channels are.',
    flag_values=values,
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  if values.file and values.device:
    raise InputError('--file and --device exclude each other.')
  compilation.use_persistent_cache()
  loaded = predictor.load(str(values.model))
  selection = channels.from_flags(
    format=loaded.spec.format,
    order=values.channels,
    norm=values.norm,
    array=values.array,
  )
  window = values.window
  if window is None:
    window = _SHORT_WINDOW
    if loaded.has_fixed_window:
      window = loaded.window_seconds
  overlap = values.overlap
  if overlap is None:
    overlap = max(0.0, window - _UPDATE)
  if values.file:
    rate = audio.info(values.file).sample_rate
    blocks = live.play(values.file, selection=selection, speed=values.speed)
  else:
    rate, blocks = live.microphone(values.device, selection=selection)
  live.watch(
    loaded,
    blocks,
    rate,
    window=window,
    overlap=overlap,
    threshold=values.threshold,
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('model',))
