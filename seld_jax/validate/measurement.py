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
_HIGHEST = {'foa': 5000.0, 'mic': 2000.0, 'stereo': 5000.0}
_NUM_BANDS = {'foa': 14, 'mic': 10, 'stereo': 14}
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
      and near 0 for a diffuse field. Of stereo, only Y is known: the difference
      of the powers of left and right, relative to their sum; Z and X are 0. It
      has no frames for arrays with other than four microphones.
    power: Power of W (of stereo, of both channels) between 200 Hz and a few kHz
      in each of these frames, float32 with shape `[frames]`.
  """

  num_samples: int
  peaks: np.ndarray
  clipped: np.ndarray
  moments: np.ndarray
  intensity: np.ndarray
  power: np.ndarray


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
  num_samples = 0
  size = audio.channels.count(format, num_channels=num_channels)
  peaks, clipped = np.zeros(size), np.zeros(size, np.int64)
  # The length of the run of samples at full scale that ends the last block.
  runs = np.zeros(size, np.int64)
  moments = np.zeros((3, size, size))
  parts = [(np.zeros((0, 3), np.float32), np.zeros(0, np.float32))]
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
    if format != 'mic' or size == len(_TETRAHEDRON):
      parts.append(_directions(block, hop, sample_rate, format))
  return Measured(
    num_samples,
    peaks,
    clipped,
    moments,
    np.concatenate([intensity for intensity, _ in parts]),
    np.concatenate([power for _, power in parts]),
  )


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
  sound = _TETRAHEDRON @ block if format == 'mic' else block
  num_frames = sound.shape[-1] // hop
  frames = sound[:, : num_frames * hop].reshape(len(sound), num_frames, hop)
  # Three windows in a frame, which overlap by half.
  step = hop // 4
  windows = np.stack(
    [frames[..., k * step : (k + 2) * step] for k in range(3)], axis=2
  )
  windows = windows * np.hanning(2 * step).astype(np.float32)
  spectrum = np.fft.rfft(windows).astype(np.complex64)
  power = np.square(spectrum.real) + np.square(spectrum.imag)
  bins = np.fft.rfftfreq(2 * step, 1 / sample_rate)
  highest = min(_HIGHEST[format], 0.45 * sample_rate)
  edges = np.searchsorted(
    bins, np.geomspace(_LOWEST, highest, _NUM_BANDS[format] + 1)
  )
  edges = np.unique(np.minimum(edges, len(bins) - 1))
  power = np.add.reduceat(power.sum(axis=2), edges, axis=-1)[..., :-1]
  if format == 'stereo':
    both = power.sum(axis=0)
    weight = np.sqrt(both)
    side = (power[0] - power[1]) / np.maximum(both, 1e-20) * weight
    side = side.sum(axis=-1) / np.maximum(weight.sum(axis=-1), 1e-20)
    nothing = np.zeros_like(side)
    return np.stack([side, nothing, nothing], axis=-1), both.sum(axis=-1)
  cross = np.conj(spectrum[:1]) * spectrum[1:]
  # Capsules are pressure sensors: their differences are in quadrature with
  # their sum.
  cross = cross.real if format == 'foa' else cross.imag
  cross = np.add.reduceat(cross.sum(axis=2), edges, axis=-1)[..., :-1]
  omni, dipoles = power[0], power[1:].sum(axis=0)
  # Roots of powers as weights: a few loud bands do not decide alone.
  weight = np.sqrt(omni)
  total = np.maximum(weight.sum(axis=-1), 1e-20)
  cross = cross / np.maximum(np.sqrt(dipoles), 1e-20)
  return (cross.sum(axis=-1) / total).T, omni.sum(axis=-1)
