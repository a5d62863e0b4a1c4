"""What a sound file contains: levels, clipping, and directions of arrival.

A file is read block by block, so that its length does not matter.
"""

import dataclasses
import pathlib

import numpy as np

from seld_jax import audio, labels

# This many consecutive samples at full scale count as clipping; fewer may be
# a loud peak.
_CLIPPED_RUN = 3
_FULL_SCALE = 1 - 2.0**-14
# Blocks of this many label frames are read at once.
_BLOCK_FRAMES = 50
# Bands in Hz in which the direction of arrival is measured. Hum and rumble have
# no direction. At high frequencies, real Ambisonics deviate from the ideal, and
# the phases of capsules that are some centimetres apart become ambiguous.
_LOWEST = 200.0
_HIGHEST = {'foa': 5000.0, 'mic': 2000.0}
_NUM_BANDS = {'foa': 14, 'mic': 10}
# Microphones of the array whose directions of arrival can be measured.
_TETRAHEDRAL = 4
# W, Y, Z and X from the four capsules of the tetrahedral array.
_TETRAHEDRON = np.array(
  [[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]], np.float32
)


@dataclasses.dataclass(frozen=True)
class Measured:
  """The measurements of a sound file.

  Attributes:
    num_samples: Number of samples in each channel.
    peaks: Largest absolute sample of each channel, with shape `[channels]`.
    clipped: Number of samples of each channel that are clipped, with shape
      `[channels]`.
    moments: The sum of `audio.channel_checks.moments` over the file.
    intensity: For each whole label frame, the sound intensity along Y, Z and X,
      float32 with shape `[frames, 3]`. Its norm is 1 for a single plane wave
      and near 0 for a diffuse field. In stereo, the first is the difference of
      the powers of left and right divided by their sum, and the others are 0.
      None for arrays whose geometry is unknown.
    power: Power of W between 200 Hz and a few kHz in each of these frames,
      float32 with shape `[frames]`; None for arrays whose geometry is unknown.
  """

  num_samples: int
  peaks: np.ndarray
  clipped: np.ndarray
  moments: np.ndarray
  intensity: np.ndarray | None
  power: np.ndarray | None


def measure(
  path: pathlib.Path,
  *,
  format: str,
  sample_rate: int = 24000,
  num_channels: int = 0,
) -> Measured:
  """Measures the channels of a sound file.

  Args:
    path: The file.
    format: `'foa'`, `'mic'` or `'stereo'`.
    sample_rate: The sample rate that it must have, in Hz.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    The measurements.

  Raises:
    InputError: As for `audio.dataset_blocks`.
  """
  hop = max(sample_rate // labels.FRAMES_PER_SECOND, 4)
  size = audio.channels.count(format, num_channels=num_channels)
  has_directions = format != 'mic' or size == _TETRAHEDRAL
  num_samples = 0
  peaks, clipped = np.zeros(size), np.zeros(size, np.int64)
  # The length of the run of samples at full scale that ends the last block.
  runs = np.zeros(size, np.int64)
  moments = np.zeros((3, size, size))
  parts = []
  for block in audio.dataset_blocks(
    path,
    format=format,
    sample_rate=sample_rate,
    num_samples=_BLOCK_FRAMES * hop,
    num_channels=num_channels,
  ):
    num_samples += block.shape[-1]
    peaks = np.maximum(peaks, np.abs(block).max(axis=-1))
    for channel, samples in enumerate(block):
      more, runs[channel] = count_clipped(samples, int(runs[channel]))
      clipped[channel] += more
    moments += audio.channel_checks.moments(block, sample_rate=sample_rate)
    if has_directions:
      parts.append(_directions(block, hop, sample_rate, format))
  intensity = power = None
  if has_directions:
    intensity, power = map(np.concatenate, zip(*parts, strict=True))
  return Measured(num_samples, peaks, clipped, moments, intensity, power)


def count_clipped(samples: np.ndarray, before: int = 0) -> tuple[int, int]:
  """Counts samples at full scale in runs of at least `_CLIPPED_RUN`.

  Args:
    samples: A block of a channel, with shape `[samples]`.
    before: Length of the run that ended the block before it.

  Returns:
    The number of clipped samples that became known with this block, and the
    length of the run that ends it.
  """
  full = np.abs(samples) >= _FULL_SCALE
  if not full.any():
    return 0, 0
  # Starts and ends of all runs.
  edges = np.flatnonzero(np.diff(full.astype(np.int8), prepend=0, append=0))
  starts, ends = edges[::2], edges[1::2]
  lengths = ends - starts
  counted = lengths * (lengths >= _CLIPPED_RUN)
  if before and starts[0] == 0:
    # The run goes on; the part before was counted if it was long enough.
    whole = before + lengths[0]
    counted[0] = (whole >= _CLIPPED_RUN) * (
      whole - before * (before >= _CLIPPED_RUN)
    )
    lengths[0] = whole
  last = int(lengths[-1]) if ends[-1] == len(samples) else 0
  return int(counted.sum()), last


def _directions(
  block: np.ndarray, hop: int, sample_rate: int, format: str
) -> tuple[np.ndarray, np.ndarray]:
  """Intensity `[frames, 3]` and power `[frames]` of the frames of a block."""
  if format == 'stereo':
    return _sides(block, hop, sample_rate)
  foa = block if format == 'foa' else _TETRAHEDRON @ block
  num_frames = foa.shape[-1] // hop
  frames = foa[:, : num_frames * hop].reshape(4, num_frames, hop)
  # Three windows in a frame, which overlap by half.
  step = hop // 4
  windows = np.stack(
    [frames[..., k * step : (k + 2) * step] for k in range(3)], axis=2
  )
  windows = windows * np.hanning(2 * step).astype(np.float32)
  spectrum = np.fft.rfft(windows).astype(np.complex64)
  cross = np.conj(spectrum[:1]) * spectrum[1:]
  # Capsules are pressure sensors: their differences are in quadrature with
  # their sum.
  cross = cross.real if format == 'foa' else cross.imag
  power = np.square(spectrum.real) + np.square(spectrum.imag)
  bins = np.fft.rfftfreq(2 * step, 1 / sample_rate)
  highest = min(_HIGHEST[format], 0.45 * sample_rate)
  edges = np.searchsorted(
    bins, np.geomspace(_LOWEST, highest, _NUM_BANDS[format] + 1)
  )
  edges = np.unique(np.minimum(edges, len(bins) - 1))
  cross = np.add.reduceat(cross.sum(axis=2), edges, axis=-1)[..., :-1]
  power = np.add.reduceat(power.sum(axis=2), edges, axis=-1)[..., :-1]
  omni, dipoles = power[0], power[1:].sum(axis=0)
  # Roots of powers as weights: a few loud bands do not decide alone.
  weight = np.sqrt(omni)
  total = np.maximum(weight.sum(axis=-1), 1e-20)
  cross = cross / np.maximum(np.sqrt(dipoles), 1e-20)
  return (cross.sum(axis=-1) / total).T, omni.sum(axis=-1)


def _sides(
  block: np.ndarray, hop: int, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
  """The same for left and right, whose levels say how far left a sound is."""
  num_frames = block.shape[-1] // hop
  frames = block[:, : num_frames * hop].reshape(2, num_frames, hop)
  spectrum = np.fft.rfft(frames * np.hanning(hop).astype(np.float32))
  bins = np.fft.rfftfreq(hop, 1 / sample_rate)
  kept = spectrum[..., (bins >= _LOWEST) & (bins < _HIGHEST['foa'])]
  left, right = np.square(np.abs(kept)).sum(axis=-1)
  power = left + right
  intensity = np.zeros((num_frames, 3), np.float32)
  intensity[:, 0] = (left - right) / np.maximum(power, 1e-20)
  return intensity, power.astype(np.float32)
