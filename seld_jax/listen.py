"""Shows live in the terminal what sounds, and from where.

From a microphone with four channels (as the network was trained: FOA, or the
capsules of a tetrahedral array), or from a file played at its real speed.

Examples:
  python -m seld_jax.listen --model=runs/mse_foa
  python -m seld_jax.listen --model=demo --file=scene.wav --speed=2
"""

from absl import flags

from seld_jax import audio, channels, commands, compilation, live, predictor
from seld_jax.errors import InputError

# Seconds: short enough to follow, long enough to know what it is.
_SHORT_WINDOW = 2.0
_UPDATE = 0.5

_MODEL = flags.DEFINE_string(
  'model',
  None,
  "Run directory, export of `python -m seld_jax.export`, or 'demo'.",
)
_FILE = flags.DEFINE_string(
  'file', None, 'Sound file to play instead of listening to a microphone.'
)
_SPEED = flags.DEFINE_float(
  'speed', 1.0, 'How many times faster the file is played.', lower_bound=0.01
)
_DEVICE = flags.DEFINE_string(
  'device', None, 'Input: its number, or a part of its name.'
)
_WINDOW = flags.DEFINE_float(
  'window',
  None,
  'Seconds that the network sees at once, which is how late it is; by default '
  f'{_SHORT_WINDOW:g}, or that of an export.',
)
_OVERLAP = flags.DEFINE_float(
  'overlap',
  None,
  'Seconds that a window shares with the next; by default all but '
  f'{_UPDATE:g}, so that something new is shown so often.',
)
_THRESHOLD = flags.DEFINE_float(
  'threshold', None, 'Activity above which a class counts as sounding.'
)
_CHANNELS = flags.DEFINE_enum(
  'channels',
  'acn',
  list(channels.ORDERS),
  'Order of the channels, as for python -m seld_jax.predict.',
)
_NORM = flags.DEFINE_enum(
  'norm', 'sn3d', list(channels.NORMS), 'Normalisation of FOA.'
)
_ARRAY = flags.DEFINE_string(
  'array', None, 'JSON file that says where the four channels are.'
)


def main(arguments: list[str]) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  if _FILE.value and _DEVICE.value:
    raise InputError('--file and --device exclude each other.')
  compilation.use_persistent_cache()
  loaded = predictor.load(str(_MODEL.value))
  selection = channels.chosen(
    format=loaded.spec.format,
    order=_CHANNELS.value,
    norm=_NORM.value,
    array=_ARRAY.value,
  )
  window = _WINDOW.value
  if window is None:
    window = _SHORT_WINDOW
    if loaded.has_fixed_window:
      window = loaded.window_seconds
  overlap = _OVERLAP.value
  if overlap is None:
    overlap = max(0.0, window - _UPDATE)
  if _FILE.value:
    rate = audio.info(_FILE.value).sample_rate
    blocks = live.play(_FILE.value, selection=selection, speed=_SPEED.value)
  else:
    rate, blocks = live.microphone(_DEVICE.value, selection=selection)
  live.watch(
    loaded,
    blocks,
    rate,
    window=window,
    overlap=overlap,
    threshold=_THRESHOLD.value,
  )


if __name__ == '__main__':
  commands.run(main, required=('model',))
