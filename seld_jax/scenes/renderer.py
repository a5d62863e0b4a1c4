"""Renders scenes: events filtered by room responses, plus ambience."""

from collections.abc import Sequence

import numpy as np
from scipy import signal

from seld_jax import labels
from seld_jax.scenes import fourier, measured, responses, rooms, sounds
from seld_jax.scenes.arrays import ARRAYS, MicArray
from seld_jax.scenes.composer import (
  ARC_STEP,
  SAMPLE_RATE,
  Event,
  Scene,
  active_frames,
)

# Level of a recording: its root mean square is RMS, or lower if its loudest
# sample would exceed PEAK.
PEAK = 0.89
RMS = 0.05
# Keys of the random generators for different purposes.
_TAIL_CHOICE, _AMBIENCE, _TAILS, _TAILS_OF_OTHERS = range(4)


def render(
  scene: Scene, formats: Sequence[str], *, num_tails: int = 6
) -> dict[str, np.ndarray]:
  """Renders the recordings of a scene in several formats.

  A recording does not depend on the other formats: the levels of all formats
  follow from the pressure at the centre of the array, which is W of FOA. The
  SNR of the scene is the ratio of the power of the reverberant events, in
  frames with any event, to the power of the ambience.

  Args:
    scene: The scene. In a measured room it can be rendered in FOA and stereo
      only.
    formats: Keys of `arrays.ARRAYS`, and `'stereo'` for FOA at a level at which
      its conversion to stereo keeps that peak at all headings.
    num_tails: Number of realisations of the late reverberation. Each event gets
      one of them at random.

  Returns:
    For each format, audio at 24 kHz with shape `[channels, samples]`, float32,
    with a peak of 0.89 or less, or that of the scene if it has one.
  """
  names = ['foa', *(name for name in formats if name not in ('foa', 'stereo'))]
  arrays = [ARRAYS[name] for name in names]
  tails = []
  if isinstance(scene.room, rooms.Room):
    tails = [
      responses.late_tail(_generator(scene, _TAILS, k), scene.room, arrays)
      for k in range(min(num_tails, max(len(scene.events), 1)))
    ]
  num_samples = round(scene.seconds * SAMPLE_RATE)
  mix = np.zeros(
    (sum(array.num_channels for array in arrays), num_samples), np.float32
  )
  _add_events(mix, scene, scene.events, arrays, tails, key=_TAIL_CHOICE)
  noise = ambience(_generator(scene, _AMBIENCE), arrays, num_samples)
  power = _active_power(mix[0], scene)
  noise *= np.float32(np.sqrt(power * 10 ** (-scene.snr_db / 10)))
  _add_events(mix, scene, scene.others, arrays, tails, key=_TAILS_OF_OTHERS)
  mix += noise
  scale = RMS / max(np.sqrt(np.mean(np.square(mix[0]))), 1e-12)
  ends = np.cumsum([array.num_channels for array in arrays])
  audio = dict(zip(names, np.split(mix, ends[:-1]), strict=True))
  peaks = {name: np.abs(sound).max() for name, sound in audio.items()}
  if 'stereo' in formats:
    omni, left, _, front = audio['stereo'] = audio['foa']
    # The largest of W + Y and W - Y at any heading.
    peaks['stereo'] = np.max(np.abs(omni) + np.hypot(left, front))
  if scene.peak_dbfs is None:
    limit = PEAK
  else:
    limit, scale = 10 ** (scene.peak_dbfs / 20), np.inf
  return {
    name: audio[name] * np.float32(min(scale, limit / max(peaks[name], 1e-12)))
    for name in formats
  }


def _add_events(
  mix: np.ndarray,
  scene: Scene,
  events: Sequence[Event],
  arrays: Sequence[MicArray],
  tails: Sequence[np.ndarray],
  *,
  key: int,
) -> None:
  """Renders some events of a scene, and adds them to the mix in place.

  Args:
    mix: Audio with shape `[channels of all arrays, samples]`.
    scene: The scene.
    events: The events.
    arrays: The arrays.
    tails: Realisations of the late reverberation; none in a measured room.
    key: Key of the random generator that chooses the tails.
  """
  choice = _generator(scene, key)
  for event in events:
    tail = tails[int(choice.integers(len(tails)))] if tails else None
    wet = render_event(event, scene, arrays, tail=tail)
    start = round(event.onset * SAMPLE_RATE)
    stop = min(start + wet.shape[-1], mix.shape[-1])
    mix[:, start:stop] += wet[:, : stop - start]


def render_event(
  event: Event,
  scene: Scene,
  arrays: Sequence[MicArray],
  *,
  tail: np.ndarray | None = None,
) -> np.ndarray:
  """Renders one event in the room, from its onset on.

  Args:
    event: The event.
    scene: The scene, for room and receiver.
    arrays: The arrays.
    tail: Late reverberation of a simulated room, with shape `[channels of all
      arrays, n]`; a measured response has its own.

  Returns:
    Audio with shape `[channels of all arrays, samples]`, float32. It is longer
    than the dry sound by the reverberation.
  """
  # Compensates the attenuation by distance: levels are those at the array.
  gain = event.distance * 10 ** (event.level_db / 20)
  dry = np.asarray(signal.sosfilt(sounds.HIGH_PASS, event.sound.samples))
  dry = (dry * gain).astype(np.float32)
  if event.speed:
    hop = round(ARC_STEP / abs(event.speed) * SAMPLE_RATE)
    times = np.arange(dry.size // hop + 2) * (hop / SAMPLE_RATE)
  else:
    hop, times = 0, np.zeros(1)
  if event.response is not None:
    early, tail = measured.turned_parts(
      event.response, event.azimuth + event.speed * times
    )
  else:
    assert isinstance(scene.room, rooms.Room) and tail is not None
    early = responses.early_responses(
      scene.room,
      scene.receiver,
      scene.receiver + event.position(times),
      arrays,
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
  """Filters a sound by a sequence of responses with crossfades.

  The sound is cut into pieces by triangular windows that overlap by half and
  sum to 1. Each piece is filtered by its own response. The output has no steps,
  and equal responses give an ordinary convolution.

  Args:
    dry: The sound, with shape `[samples]`.
    responses: Responses with shape `[k, channels, n]`; response k is that at
      sample k * hop. The last one must be at the end of the sound or later.
    hop: Samples between two responses.

  Returns:
    Audio with shape `[channels, samples + n - 1]`, float32.
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
  rng: np.random.Generator, arrays: Sequence[MicArray], num_samples: int
) -> np.ndarray:
  """Draws spherically isotropic noise with a roughly pink spectrum.

  Args:
    rng: Determines the noise and the slope of its spectrum, which falls by 2 to
      4 dB per octave.
    arrays: Arrays at the same place.
    num_samples: Length at 24 kHz.

  Returns:
    Noise with shape `[channels of all arrays, samples]`, float32, for a
    pressure of unit power.
  """
  size = fourier.fast_size(num_samples)
  frequencies = fourier.frequencies(size, SAMPLE_RATE)
  slope = rng.uniform(2.0, 4.0) / (20 * np.log10(2))
  shape = (np.maximum(frequencies, 50.0) / 1000) ** -slope
  shape *= frequencies**2 / (frequencies**2 + 30.0**2)
  # White noise of unit power has |spectrum|^2 = size in every bin.
  shape /= np.sqrt(np.mean(np.square(shape)))
  spectrum = responses.diffuse_spectrum(rng, arrays, size, SAMPLE_RATE)
  spectrum *= shape.astype(np.float32)
  return fourier.irfft(spectrum, size)[:, :num_samples]


def _generator(scene: Scene, *key: int) -> np.random.Generator:
  return np.random.default_rng(
    np.random.SeedSequence(scene.seed, spawn_key=key)
  )


def _active_power(omni: np.ndarray, scene: Scene) -> float:
  """Mean square of a signal over the frames in which any event is active."""
  frames = [active_frames(event) for event in scene.events]
  if not frames:
    return 1.0
  hop = SAMPLE_RATE // labels.FRAMES_PER_SECOND
  whole = omni[: omni.size // hop * hop].reshape(-1, hop)
  index = np.unique(np.concatenate(frames))
  index = index[index < len(whole)]
  if not index.size:
    return 1.0
  return max(float(np.mean(np.square(whole[index], dtype=np.float64))), 1e-12)
