"""Flags of the commands that apply a trained network to audio."""

from absl import flags

from seld_jax import commands
from seld_jax.audio import channels


def define_prediction_flags(
  values: flags.FlagValues,
  *,
  window: str,
  overlap: str,
  has_methods: bool = False,
) -> None:
  """Defines the flags that `predict` and `listen` share.

  Args:
    values: The flags of the command.
    window: Default of `--window` in words, for the help. The flag is None when
      it is absent.
    overlap: Default of `--overlap` in words, as for `window`.
    has_methods: Whether the command also finds directions without a network.

  Example:
    >>> from absl import flags
    >>> from seld_jax.prediction import define_prediction_flags
    >>> values = flags.FlagValues()
    >>> define_prediction_flags(values, window='6 s', overlap='0')
    >>> _ = values(['predict', '--model=demo', '--window=2'])
    >>> values.window, values.overlap, values.channels
    (2.0, None, 'acn')
  """
  define = commands.Define(values)
  define.string(
    'model',
    None,
    'The trained network: a run directory, a folder of `python -m '
    'seld_jax.save_pretrained` or its name on a model hub (hf:OWNER/NAME), an '
    "export of `python -m seld_jax.export`, or 'demo'. Several, separated by "
    'commas, are averaged before events are found; they need the same classes, '
    'format of audio and output format. Default: demo.'
    + (
      ' Without a network: intensity (FOA) or srp (the four microphones of the '
      'tetrahedral array), which find the directions of one or two sources in '
      'complete recordings, all of the class sound.'
    )
    * has_methods,
  )
  define.integer(
    'average_symmetries',
    0,
    'Number of rotations and reflections of the audio over which outputs are '
    'averaged before events are found: 2, 4, 8 or 16 for FOA, up to 8 for '
    'the tetrahedral array, 2 for stereo. It takes as many times longer. 0: '
    'none.',
  )
  define.bool(
    'refine_directions',
    None,
    'Make the directions of FOA more exact: those of the network are moved to '
    'the mean intensity of the onsets around them. Default: if an export '
    'among the networks says so, as that of the demo network does; a run '
    'directory does not.',
  )
  define.float(
    'window',
    None,
    f'Length of the windows of the network in seconds. Default: {window}.',
  )
  define.float(
    'overlap',
    None,
    'Overlap of consecutive windows in seconds; activity and directions are '
    f'averaged there. Default: {overlap}.',
  )
  define.float(
    'threshold',
    None,
    'A class is active if its activity, from 0 to 1, is above this threshold. '
    'Default: the threshold of the config.'
    + (
      ' For intensity and srp: the share of the sound that comes from a '
      'direction, by default 0.09 and 0.11.'
    )
    * has_methods,
  )
  define.enum(
    'channels',
    'acn',
    list(channels.ORDERS),
    'Order of the channels: W, Y, Z, X (acn), which also stands for the '
    'microphones of an array in their order, and for left and right; W, X, Y, '
    'Z (fuma); the cardioids FLU, FRD, BLD, BRU of an A-format microphone '
    '(aformat), which are converted to FOA; or the 32 capsules of an Eigenmike '
    '(em32), of which capsules 6, 10, 26 and 22 are used. A stereo network '
    'needs left and right; foa (W, Y, Z, X), fuma and aformat mix them from '
    'FOA. AMB files, whose header says FuMa, need no flag. Files of higher '
    'orders of Ambisonics may have 9, 16, ... channels.',
  )
  define.enum(
    'norm',
    'sn3d',
    list(channels.NORMS),
    'Normalisation of FOA; fuma is SN3D with a W that is 3 dB lower.',
  )
  define.string(
    'array',
    None,
    'JSON file with the positions of the channels of the network in the sound '
    'file, counted from 1, and with their signs if some are inverted: '
    '{"channels": [1, 3, 2, 4], "signs": [1, 1, -1, 1]}. It can be combined '
    'with --norm, with --channels=aformat, and with --channels=foa (W and Y '
    'for a stereo network).',
  )


def channel_selection(
  values: flags.FlagValues, *, format: str, num_channels: int = 0
) -> channels.Selection:
  """Returns the channels that the flags select.

  Args:
    values: Flags of `define_prediction_flags`.
    format: Format of the network, `'foa'`, `'mic'` or `'stereo'`.
    num_channels: Number of channels of the network; 0 for that of the format.

  Returns:
    The selection.

  Raises:
    InputError: The flags do not fit together or do not fit the format.

  Example:
    >>> from absl import flags
    >>> from seld_jax.prediction import (
    ...   channel_selection, define_prediction_flags
    ... )
    >>> values = flags.FlagValues()
    >>> define_prediction_flags(values, window='6 s', overlap='0')
    >>> _ = values(['predict', '--channels=fuma'])
    >>> channel_selection(values, format='foa').channels
    (0, 2, 3, 1)
  """
  return channels.from_flags(
    format=format,
    order=values.channels,
    norm=values.norm,
    array=values.array,
    num_channels=num_channels,
  )
