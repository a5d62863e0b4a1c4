"""Rendering a scene: events through the room's responses, plus ambience."""

import numpy as np
from scipy import signal

from seld_jax.scenes import fourier, responses
from seld_jax.scenes.arrays import MicArray
from seld_jax.scenes.composer import (
  ARC_STEP,
  LABEL_RATE,
  SAMPLE_RATE,
  Event,
  Scene,
  active_frames,
)

# Level of a recording: the loudest sample, and the root mean square if that
# leaves the loudest sample lower.
PEAK = 0.89
RMS = 0.05


def render(scene: Scene, array: MicArray, *, num_tails: int = 6) -> np.ndarray:
  """The recording that the array makes of a scene.

  Args:
    scene: The scene.
    array: The array.
    num_tails: Different realisations of the late reverberation, of which
      every event gets one.

  Returns:
    Audio of 24 kHz with shape `[channels, samples]`, float32, its peak 0.89
    or less.
  """
  rng = np.random.default_rng(scene.seed)
  tails = [
    responses.late_tail(rng, scene.room, array)
    for _ in range(min(num_tails, max(len(scene.events), 1)))
  ]
  num_samples = round(scene.seconds * SAMPLE_RATE)
  mix = np.zeros((tails[0].shape[0], num_samples), np.float32)
  for event in scene.events:
    tail = tails[rng.integers(len(tails))]
    wet = render_event(event, scene, array, tail=tail)
    start = round(event.onset * SAMPLE_RATE)
    stop = min(start + wet.shape[-1], num_samples)
    mix[:, start:stop] += wet[:, : stop - start]
  noise = ambience(rng, array, num_samples)
  power = _active_power(mix[0], scene)
  mix += noise * np.float32(np.sqrt(power * 10 ** (-scene.snr_db / 10)))
  scale = min(
    PEAK / max(np.abs(mix).max(), 1e-12),
    RMS / max(np.sqrt(np.mean(np.square(mix[0]))), 1e-12),
  )
  return mix * np.float32(scale)


def render_event(
  event: Event, scene: Scene, array: MicArray, *, tail: np.ndarray
) -> np.ndarray:
  """One event in the room, from its onset on.

  Args:
    event: The event.
    scene: The scene, for room and receiver.
    array: The array.
    tail: Late reverberation, with shape `[channels, n]`.

  Returns:
    Audio with shape `[channels, samples]`, float32, longer than the dry sound
    by the reverberation.
  """
  # Undo the loss over the distance: levels are meant at the array.
  gain = event.distance * 10 ** (event.level_db / 20)
  dry = event.sound.samples * np.float32(gain)
  if event.speed:
    hop = round(ARC_STEP / abs(event.speed) * SAMPLE_RATE)
    times = np.arange(dry.size // hop + 2) * (hop / SAMPLE_RATE)
  else:
    hop, times = 0, np.zeros(1)
  early = responses.early_responses(
    scene.room,
    scene.receiver,
    scene.receiver + event.position(times),
    array,
  )
  if not event.speed:
    response = tail.copy()
    response[:, : early.shape[-1]] += early[0]
    return signal.oaconvolve(dry[None], response, axes=-1)
  wet = signal.oaconvolve(dry[None], tail, axes=-1)
  moving = convolve_moving(dry, early, hop=hop)
  wet[:, : moving.shape[-1]] += moving[:, : wet.shape[-1]]
  return wet


def convolve_moving(
  dry: np.ndarray, responses: np.ndarray, *, hop: int
) -> np.ndarray:
  """Filters a sound by responses that follow each other, crossfaded.

  The sound is cut by triangles that overlap by half and add up to 1, and every
  piece goes through its own response: the output has no steps, and equal
  responses give an ordinary convolution.

  Args:
    dry: The sound, with shape `[samples]`.
    responses: Response k holds at sample k hop, with shape
      `[k, channels, n]`; they must reach to the end of the sound.
    hop: Samples between two responses.

  Returns:
    Audio with shape `[channels, samples + n - 1]` or somewhat longer, float32.
  """
  count, channels, length = responses.shape
  padded = np.zeros((count + 1) * hop, np.float32)
  padded[hop : hop + dry.size] = dry
  pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]
  ramp = (np.arange(hop, dtype=np.float32) + 0.5) / hop
  pieces = pieces * np.concatenate([ramp, ramp[::-1]])
  size = fourier.fast_size(2 * hop + length - 1)
  spectra = fourier.rfft(pieces, size)[:, None] * fourier.rfft(responses, size)
  blocks = fourier.irfft(spectra, size)
  out = np.zeros((channels, count * hop + size), np.float32)
  for k, block in enumerate(blocks):
    out[:, k * hop : k * hop + size] += block
  return out[:, hop : hop + dry.size + length - 1]


def ambience(
  rng: np.random.Generator, array: MicArray, num_samples: int
) -> np.ndarray:
  """Spherically isotropic noise with a pink-like spectrum.

  Args:
    rng: Determines the noise and the slope of its spectrum, 2 to 4 dB an
      octave.
    array: The array, for its response to a diffuse field.
    num_samples: Length at 24 kHz.

  Returns:
    Noise with shape `[channels, samples]`, float32; the pressure that it
    stands for has unit power.
  """
  size = fourier.fast_size(num_samples)
  frequencies = fourier.frequencies(size, SAMPLE_RATE)
  mixing = array.diffuse(frequencies)
  slope = rng.uniform(2.0, 4.0) / (20 * np.log10(2))
  shape = (np.maximum(frequencies, 50.0) / 1000) ** -slope
  shape *= frequencies**2 / (frequencies**2 + 30.0**2)
  # White noise of unit power has |spectrum|^2 = size in every bin.
  shape /= np.sqrt(np.mean(np.square(shape)))
  noise = rng.standard_normal((mixing.shape[-1], size), np.float32)
  spectrum = fourier.rfft(noise)
  spectrum *= shape.astype(np.float32)
  return fourier.irfft(fourier.mix(mixing, spectrum), size)[:, :num_samples]


def _active_power(omni: np.ndarray, scene: Scene) -> float:
  """Mean square of a signal over the frames in which any event sounds."""
  frames = [active_frames(event) for event in scene.events]
  if not frames:
    return 1.0
  hop = SAMPLE_RATE // LABEL_RATE
  whole = omni[: omni.size // hop * hop].reshape(-1, hop)
  index = np.unique(np.concatenate(frames))
  index = index[index < len(whole)]
  if not index.size:
    return 1.0
  return max(float(np.mean(np.square(whole[index], dtype=np.float64))), 1e-12)
