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
# Scenes have no sound below 40 Hz. In an ideal shoebox room, the reflections of
# the lowest frequencies are all in phase and would be unrealistically loud.
HIGH_PASS = signal.butter(2, 40, 'highpass', fs=SAMPLE_RATE, output='sos')
# How far the ends of a cut move to a quiet moment, in seconds.
_NEAR = 0.4
# A cut of a long clip has at least this much of an active interval, in seconds.
_LEAST_ACTIVE = 0.25


@dataclasses.dataclass(frozen=True)
class Variation:
  """How much every event may differ from its clip, in either direction.

  Attributes:
    gain_db: Largest change of the level in dB, 0 to 30.
    equalizer_db: Largest change of the level of an octave in dB, 0 to 30.
    stretch: Largest change of pitch and tempo together, as a fraction: 0, or
      0.01 to 0.3. Changes are whole percents.

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
    if 0 < self.stretch < 0.01:
      raise InputError(
        'stretch changes pitch and tempo by whole percents, so that it is 0 '
        f'(none) or at least 0.01, got {self.stretch:g}.'
      )


@dataclasses.dataclass(frozen=True)
class Sound:
  """A dry sound, ready to be placed in a scene.

  Attributes:
    samples: The samples with shape `[samples]`, float32. Their mean square over
      the active intervals is 1, for clips without frequencies below 40 Hz.
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
  heard = samples
  if library.clips is not None:  # the bank has no offsets and no rumble
    heard = _high_passed(samples)
  samples, heard, intervals = _trim(samples, heard)
  mask = np.zeros(samples.size, bool)
  for start, stop in intervals:
    mask[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)] = True
  samples = samples / np.sqrt(np.mean(np.square(heard[mask])))
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
  """Opens every clip of a library, so that a bad one is found.

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
  samples = resampled(samples, sample_rate)
  heard = _high_passed(samples)
  if not np.max(np.abs(heard)) > 1e-6:
    raise InputError(
      f'{path} contains only silence, or only frequencies below 40 Hz, in its '
      f'first {_MAX_READ_SECONDS:g} s, which are all that is read: remove it, '
      'or cut off the silence.'
    )
  return _trim(samples, heard)[0].astype(np.float32)


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


def _high_passed(samples: np.ndarray) -> np.ndarray:
  """What scenes have of a sound; offsets and rumble must not count as sound."""
  # As if the first sample had been there before, so that an offset does not
  # begin with a step.
  before = signal.sosfilt_zi(HIGH_PASS) * samples[0]
  return np.asarray(signal.sosfilt(HIGH_PASS, samples, zi=before)[0])


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


def _trim(
  samples: np.ndarray, heard: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Cuts leading and trailing silence.

  Args:
    samples: The sound.
    heard: What is heard of it, of the same size.

  Returns:
    Parts of both, and the active intervals.
  """
  intervals = active_intervals(heard)
  start = round(intervals[0, 0] * SAMPLE_RATE)
  stop = round(intervals[-1, 1] * SAMPLE_RATE)
  return samples[start:stop], heard[start:stop], intervals - intervals[0, 0]


def _cut(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
  """Cuts a random part from a long clip, between two quiet moments."""
  limit = int(_MAX_WHOLE_SECONDS * SAMPLE_RATE)
  if samples.size <= limit:
    return samples
  length = int(rng.uniform(0.5, 0.9) * limit)
  # Start in an active interval, not in a pause, and before it ends.
  heard = _high_passed(samples)
  intervals = active_intervals(heard)
  start, stop = intervals[rng.integers(len(intervals))] * SAMPLE_RATE
  latest = max(start, stop - _LEAST_ACTIVE * SAMPLE_RATE)
  start = int(min(rng.uniform(start, latest), samples.size - length))
  first = _quietest(heard, start, after=0.0)
  last = _quietest(heard, start + length, after=_NEAR)
  part = samples[first:last].copy()
  fade = np.linspace(0, 1, int(0.02 * SAMPLE_RATE), dtype=np.float32)
  part[: fade.size] *= fade
  part[-fade.size :] *= fade[::-1]
  return part


def _quietest(samples: np.ndarray, around: int, *, after: float) -> int:
  """Returns the start of the quietest 20 ms near a sample.

  It is at most 0.4 s before the sample, and at most `after` seconds after it.
  """
  width = 2 * _FRAME
  low = max(around - int(_NEAR * SAMPLE_RATE), 0)
  high = min(around + int(after * SAMPLE_RATE) + width + 1, samples.size)
  power = np.cumsum(np.square(samples[low:high], dtype=np.float64))
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
