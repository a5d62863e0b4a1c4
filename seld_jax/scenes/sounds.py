"""Dry sounds: how they are read, trimmed, cut and varied."""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import signal

from seld_jax import audio
from seld_jax.errors import InputError
from seld_jax.scenes import bank, fourier
from seld_jax.scenes.library import Library

SAMPLE_RATE = 24000
# Longest event in seconds.
MAX_SECONDS = 8.5
# Clips that are longer than this many seconds are cut.
_MAX_WHOLE_SECONDS = 8.0
_MAX_READ_SECONDS = 120.0
# Length of the frames that energy is measured in, in samples.
_FRAME = SAMPLE_RATE // 100


@dataclasses.dataclass(frozen=True)
class Variation:
  """How much every event may differ from its clip, in either direction.

  Attributes:
    gain_db: Largest change of the level in dB, 0 to 30.
    equalizer_db: Largest change of the level of an octave in dB, 0 to 30.
    stretch: Largest change of pitch and tempo together, as a fraction of 0 to
      0.3.

  Example:
    >>> from seld_jax import scenes
    >>> scenes.Variation(gain_db=0.0)
    Variation(gain_db=0.0, equalizer_db=3.0, stretch=0.04)
  """

  gain_db: float = 5.0
  equalizer_db: float = 3.0
  stretch: float = 0.04

  def __post_init__(self) -> None:
    """Raises InputError if a value is out of its range."""
    for name, value, most in (
      ('gain_db', self.gain_db, 30.0),
      ('equalizer_db', self.equalizer_db, 30.0),
      ('stretch', self.stretch, 0.3),
    ):
      if not 0 <= value <= most:
        raise InputError(
          f'{name} is an amount of variation from 0 (none) to {most:g}, got '
          f'{value:g}.'
        )


@dataclasses.dataclass(frozen=True)
class Sound:
  """A dry sound, ready to be placed in a scene.

  Attributes:
    samples: The samples with shape `[samples]`, float32. Their mean square over
      the active intervals is 1.
    intervals: Start and end of the active intervals in seconds, with shape
      `[n, 2]`.
    origin: The name of the clip, or procedural:a:b for the sound that
      `bank.make_sound` makes with `np.random.default_rng((a, b))`.
  """

  samples: np.ndarray
  intervals: np.ndarray
  origin: str


def draw(
  rng: np.random.Generator,
  library: Library,
  fold: int,
  class_name: str,
  *,
  variation: Variation,
) -> Sound:
  """Draws a sound of a class from a fold and varies it.

  Args:
    rng: Determines the choice and the variation.
    library: The library of dry sounds.
    fold: The fold to draw from.
    class_name: The class, which must have sounds in the fold.
    variation: How much the sound is varied.

  Returns:
    The sound at 24 kHz, without silence at its ends.

  Raises:
    InputError: The clip cannot be read.
  """
  if library.clips is None:
    # The fold is part of the seed, so that no sound occurs in two folds.
    seed = (fold, int(rng.integers(2**32)))
    samples = bank.make_sound(
      np.random.default_rng(seed), class_name, sample_rate=SAMPLE_RATE
    )
    origin = f'procedural:{seed[0]}:{seed[1]}'
  else:
    clips = library.clips[fold, class_name]
    clip = clips[rng.integers(len(clips))]
    samples = _cut(rng, read_clip(clip.path))
    origin = clip.name
  samples = _vary(rng, samples, variation)
  samples, intervals = _trim(samples)
  mask = np.zeros(samples.size, bool)
  for start, stop in intervals:
    mask[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)] = True
  samples = samples / np.sqrt(np.mean(np.square(samples[mask])))
  return Sound(samples.astype(np.float32), intervals, origin)


def shorten(sound: Sound, seconds: float) -> Sound:
  """Cuts a sound that is longer than `seconds`, with a fade-out."""
  size = int(seconds * SAMPLE_RATE)
  if sound.samples.size <= size:
    return sound
  samples = sound.samples[:size].copy()
  fade = min(size, SAMPLE_RATE // 20)
  samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
  intervals = np.minimum(sound.intervals, seconds)
  intervals = intervals[intervals[:, 1] > intervals[:, 0]]
  return Sound(samples, intervals, sound.origin)


def check_clips(library: Library, folds: Sequence[int]) -> None:
  """Opens every clip, so that a bad one is found before scenes are rendered.

  Args:
    library: The library of dry sounds.
    folds: The folds that will be used.

  Raises:
    InputError: A clip is not a sound file, or is empty.
  """
  for (fold, _), clips in sorted((library.clips or {}).items()):
    for clip in clips if fold in folds else ():
      audio.info(clip.path)


@functools.lru_cache(maxsize=128)
def read_clip(path: str) -> np.ndarray:
  """Reads a clip as mono at 24 kHz, without silence at its ends.

  Args:
    path: The file.

  Returns:
    The samples, with shape `[samples]`.

  Raises:
    InputError: The clip is unreadable, empty, silent or not finite.
  """
  sample_rate = audio.info(path).sample_rate
  size = int(_MAX_READ_SECONDS * sample_rate)
  # The first block has all that is needed.
  samples = next(audio.blocks(path, num_samples=size)).mean(axis=0)
  if not np.max(np.abs(samples)) > 1e-6:
    raise InputError(
      f'{path} contains only silence in its first {_MAX_READ_SECONDS:g} s, '
      'which are all that is read: remove it, or cut off the silence.'
    )
  return _trim(resampled(samples, sample_rate))[0].astype(np.float32)


def resampled(samples: np.ndarray, sample_rate: int) -> np.ndarray:
  """Resamples `[..., samples]` to 24 kHz."""
  if sample_rate == SAMPLE_RATE:
    return samples
  divisor = math.gcd(sample_rate, SAMPLE_RATE)
  return np.asarray(
    signal.resample_poly(
      samples, SAMPLE_RATE // divisor, sample_rate // divisor, axis=-1
    )
  )


def active_intervals(
  samples: np.ndarray,
  *,
  threshold_db: float = 35.0,
  gap: float = 0.3,
) -> np.ndarray:
  """Finds the active intervals of a sound by its energy.

  Args:
    samples: A sound at 24 kHz that is not silent, with shape `[samples]`.
    threshold_db: A frame of 10 ms is active when its level is at most this
      many dB below that of the loudest frame.
    gap: Pauses that are shorter than this many seconds count as active.

  Returns:
    Start and end of the intervals in seconds, with shape `[n, 2]`.
  """
  padded = np.pad(samples.astype(np.float64), (0, -samples.size % _FRAME))
  energy = np.sum(np.square(padded.reshape(-1, _FRAME)), axis=-1)
  active = energy >= energy.max() * 10 ** (-threshold_db / 10)
  edges = np.flatnonzero(np.diff(active.astype(int), prepend=0, append=0))
  starts, stops = edges[::2], edges[1::2]
  apart = (starts[1:] - stops[:-1]) * _FRAME >= gap * SAMPLE_RATE
  starts = np.concatenate([starts[:1], starts[1:][apart]])
  stops = np.concatenate([stops[:-1][apart], stops[-1:]])
  intervals = np.stack([starts, stops], axis=-1) * (_FRAME / SAMPLE_RATE)
  return np.minimum(intervals, samples.size / SAMPLE_RATE)


def _trim(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Cuts leading and trailing silence; returns samples and intervals."""
  intervals = active_intervals(samples)
  start = round(intervals[0, 0] * SAMPLE_RATE)
  stop = round(intervals[-1, 1] * SAMPLE_RATE)
  return samples[start:stop], intervals - intervals[0, 0]


def _cut(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
  """Cuts a random part from a long clip, between two quiet moments."""
  limit = int(_MAX_WHOLE_SECONDS * SAMPLE_RATE)
  if samples.size <= limit:
    return samples
  length = int(rng.uniform(0.5, 0.9) * limit)
  # Start in an active interval, not in a pause.
  intervals = active_intervals(samples)
  start, stop = intervals[rng.integers(len(intervals))] * SAMPLE_RATE
  start = int(min(rng.uniform(start, stop), samples.size - length))
  first = _quietest(samples, start)
  part = samples[first : _quietest(samples, start + length)].copy()
  fade = np.linspace(0, 1, int(0.02 * SAMPLE_RATE), dtype=np.float32)
  part[: fade.size] *= fade
  part[-fade.size :] *= fade[::-1]
  return part


def _quietest(samples: np.ndarray, around: int) -> int:
  """Returns the start of the quietest 20 ms within 0.4 s of a sample."""
  low = max(around - int(0.4 * SAMPLE_RATE), 0)
  high = min(around + int(0.4 * SAMPLE_RATE), samples.size)
  power = np.cumsum(np.square(samples[low:high], dtype=np.float64))
  width = 2 * _FRAME
  return low + int(np.argmin(power[width:] - power[:-width]))


def _vary(
  rng: np.random.Generator, samples: np.ndarray, variation: Variation
) -> np.ndarray:
  """Changes speed and spectrum by random amounts."""
  stretch, gains = rng.uniform(-1, 1), rng.uniform(-1, 1, 9)
  percent = round(100 * variation.stretch * stretch)
  if percent:
    samples = np.asarray(signal.resample_poly(samples, 100, 100 + percent))
  if variation.equalizer_db:
    size = fourier.fast_size(samples.size + SAMPLE_RATE // 10)
    frequencies = np.maximum(fourier.frequencies(size, SAMPLE_RATE), 1.0)
    octaves = np.log2(frequencies / 62.5)
    curve = np.interp(octaves, np.arange(9), gains * variation.equalizer_db)
    spectrum = fourier.rfft(samples.astype(np.float32), size)
    spectrum *= (10 ** (curve / 20)).astype(np.float32)
    samples = fourier.irfft(spectrum, size)[: samples.size]
  return samples
