"""Synthetic voices: babble, screams, laughter, a crying baby, a dog.

All of them consist of a band-limited pulse train with a varying fundamental
frequency, plus breath noise, filtered by the resonances of a vocal tract.
Transitions between vowels are crossfades of a few fixed filters, which cost two
FFTs for each vowel.
"""

import numpy as np
from scipy import signal

from seld_jax.scenes import fourier
from seld_jax.scenes.bank import primitives

# Formant frequencies in Hz of an adult male, after Peterson and Barney (1952).
_VOWELS = np.array(
  [
    [270, 2290, 3010, 3600, 4600],  # heed
    [390, 1990, 2550, 3500, 4500],  # hid
    [530, 1840, 2480, 3500, 4500],  # head
    [660, 1720, 2410, 3500, 4500],  # had
    [730, 1090, 2440, 3400, 4400],  # hod
    [570, 840, 2410, 3400, 4400],  # hawed
    [440, 1020, 2240, 3300, 4300],  # hood
    [300, 870, 2240, 3300, 4300],  # who'd
    [640, 1190, 2390, 3400, 4400],  # hud
    [490, 1350, 1690, 3300, 4300],  # heard
  ],
  np.float64,
)
# Higher resonances, which all vowels share. Without them the upper octave would
# be missing.
_HIGHER = np.arange(5500.0, 16000.0, 1000.0)
_OPEN_VOWELS = (2, 3, 4, 8)


def speech(
  rng: np.random.Generator, sample_rate: int, *, f0: float, tract: float
) -> np.ndarray:
  """Babble: syllables with vowels, consonants, accents and pauses.

  Args:
    rng: Determines every parameter.
    sample_rate: Sample rate in Hz.
    f0: Mean fundamental frequency in Hz.
    tract: Factor for the formant frequencies; 1 for an adult male.

  Returns:
    The sound, with shape `[samples]`. Its level has no meaning.
  """
  rate = rng.uniform(3.0, 6.0)
  num_syllables = int(rng.integers(4, 20))
  lengths = rng.gamma(9.0, 1 / 9.0, num_syllables) / rate
  pauses = np.where(
    rng.random(num_syllables) < 0.1, rng.uniform(0.1, 0.35, num_syllables), 0.0
  )
  starts = np.concatenate([[0.0], np.cumsum(lengths + pauses)])
  time = np.arange(int(min(starts[-1], 6.0) * sample_rate)) / sample_rate
  syllable = np.clip(
    np.searchsorted(starts, time, 'right') - 1, 0, num_syllables - 1
  )
  phase = (time - starts[syllable]) / lengths[syllable]

  consonant = rng.uniform(0.0, 0.3, num_syllables)
  voiced = np.clip((phase - consonant[syllable]) / 0.15, 0, 1) * np.clip(
    (1.0 - phase) / 0.3, 0, 1
  )
  voiced *= rng.uniform(0.5, 1.0, num_syllables)[syllable]
  accents = rng.normal(0.0, 0.1, num_syllables + 2)
  melody = np.interp(time, np.append(starts, starts[-1] + 1), accents)
  declination = -rng.uniform(0.0, 0.3) * time / max(time[-1], 1e-3)
  contour = f0 * np.exp(melody + declination + _jitter(rng, time.size, 0.01))

  vowels = rng.integers(0, len(_VOWELS), num_syllables)
  source = pulses(contour, sample_rate) * voiced
  source += rng.uniform(0.02, 0.08) * _noise(rng, time.size) * voiced
  sound = _glide(
    source, vowels[syllable], sample_rate, tract=tract, tilt=rng.uniform(8, 13)
  )
  # Unvoiced consonants: noise in a high band at the start of a syllable.
  kinds = rng.random(num_syllables) < 0.6
  fricative = np.where(phase < consonant[syllable], kinds[syllable], False)
  fricative = _smooth(
    fricative * rng.uniform(0.1, 0.5, num_syllables)[syllable]
  )
  low = rng.uniform(2000, 4500)
  hiss = _band(
    _noise(rng, time.size), sample_rate, low, min(low * 2.2, 11000.0)
  )
  return sound / _rms(sound) + fricative * hiss / _rms(hiss)


def scream(
  rng: np.random.Generator, sample_rate: int, *, f0: float, tract: float
) -> np.ndarray:
  """A scream: long, rough and bright, with rising and falling pitch.

  Args:
    rng: Determines every parameter.
    sample_rate: Sample rate in Hz.
    f0: Highest fundamental frequency in Hz.
    tract: Factor for the formant frequencies; 1 for an adult male.

  Returns:
    The sound, with shape `[samples]`. Its level has no meaning.
  """
  duration = rng.uniform(0.8, 3.0)
  time = np.arange(int(duration * sample_rate)) / sample_rate
  knots = np.cumsum([0, *rng.uniform([0.05, 0.3, 0.1], [0.2, 1.0, 0.5])])
  pitch = np.interp(
    time / duration,
    knots / knots[-1],
    rng.uniform(-1, 1, 4) * 0.1 + [-0.5, 0, -0.1, -0.6],
  )
  vibrato = rng.uniform(0, 0.03) * np.sin(
    2 * np.pi * rng.uniform(4, 9) * time + rng.uniform(0, 6)
  )
  contour = f0 * np.exp(pitch + vibrato + _jitter(rng, time.size, 0.03))
  # Roughness: amplitude modulated at 30 to 150 Hz (Arnal et al., 2015).
  depth = rng.uniform(0.2, 0.8)
  rough_rate = rng.uniform(40, 130) * np.exp(_jitter(rng, time.size, 0.2))
  rough = 1 + depth * np.sin(2 * np.pi * np.cumsum(rough_rate) / sample_rate)
  envelope = primitives.attack_release(
    time, duration, rng.uniform(0.03, 0.15), rng.uniform(0.1, 0.5)
  )
  source = (
    pulses(contour, sample_rate)
    + rng.uniform(0.1, 0.35) * _noise(rng, time.size)
  ) * (rough * envelope)
  which = rng.choice(_OPEN_VOWELS, 2)[(time > duration / 2).astype(int)]
  return _glide(
    source, which, sample_rate, tract=tract * 1.1, tilt=rng.uniform(2, 6)
  )


def laughter(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """Laughter: breathy open vowels in a quick rhythm, with falling pitch."""
  f0 = np.exp(rng.uniform(np.log(130), np.log(420)))
  tract = float(np.interp(f0, [130, 420], [0.95, 1.25])) * rng.uniform(
    0.95, 1.05
  )
  rate = rng.uniform(4.2, 6.5)
  vowel = rng.choice(_OPEN_VOWELS)
  tilt = rng.uniform(5, 9)
  pieces = []
  for _ in range(int(rng.integers(1, 4))):
    count = int(rng.integers(3, 9))
    time = np.arange(int(count / rate * sample_rate)) / sample_rate
    x = time / time[-1]
    beat = (time * rate) % 1.0
    contour = f0 * np.exp(
      rng.uniform(0.1, 0.4) * (0.5 - x)
      + 0.12 * np.sin(np.pi * beat)
      + _jitter(rng, time.size, 0.02)
    )
    voiced = np.clip((beat - 0.35) / 0.08, 0, 1) * np.clip(
      (1 - beat) / 0.2, 0, 1
    )
    breath = np.clip(beat / 0.1, 0, 1) * np.clip((0.5 - beat) / 0.2, 0, 1)
    strength = 1 - rng.uniform(0.2, 0.7) * x
    source = pulses(contour, sample_rate) * voiced + _noise(rng, time.size) * (
      rng.uniform(0.15, 0.4) * breath + 0.08 * voiced
    )
    which = np.full(time.size, vowel)
    pieces += [
      _glide(source * strength, which, sample_rate, tract=tract, tilt=tilt),
      np.zeros(int(rng.uniform(0.15, 0.4) * sample_rate)),
    ]
  return np.concatenate(pieces[:-1])


def crying_baby(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A baby: bursts of gliding harmonics through a very short vocal tract."""
  f0 = rng.uniform(350, 600)
  tract = rng.uniform(1.6, 2.0)
  tilt = rng.uniform(3, 7)
  pieces = []
  for _ in range(int(rng.integers(2, 6))):
    duration = rng.uniform(0.4, 1.2)
    time = np.arange(int(duration * sample_rate)) / sample_rate
    x = time / duration
    arch = rng.uniform(0.1, 0.35) * np.sin(np.pi * x ** rng.uniform(0.5, 1.2))
    fall = -rng.uniform(0.0, 0.25) * x
    vibrato = rng.uniform(0.0, 0.02) * np.sin(
      2 * np.pi * rng.uniform(5, 10) * time
    )
    contour = f0 * np.exp(arch + fall + vibrato + rng.normal(0, 0.04))
    envelope = primitives.attack_release(
      time, duration, rng.uniform(0.05, 0.15), rng.uniform(0.1, 0.3)
    )
    tremble = 1 + rng.uniform(0, 0.4) * np.sin(
      2 * np.pi * rng.uniform(8, 20) * time
    )
    source = pulses(contour, sample_rate) + 0.03 * _noise(rng, time.size)
    which = rng.choice(_OPEN_VOWELS, 2)[(x > rng.uniform(0.3, 0.7)).astype(int)]
    cry = _glide(
      source * envelope * tremble, which, sample_rate, tract=tract, tilt=tilt
    )
    pieces += [cry, np.zeros(int(rng.uniform(0.1, 0.4) * sample_rate))]
  return np.concatenate(pieces[:-1])


def barking_dog(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
  """A dog: short rough bursts; its size determines pitch and vocal tract."""
  size = rng.uniform(0, 1)
  f0 = 650 * (200 / 650) ** size * np.exp(rng.normal(0, 0.1))
  tract = 1.6 - 0.8 * size
  gap = rng.uniform(0.15, 0.6)
  growl = rng.uniform(0.4, 1.2)
  pieces = []
  for _ in range(int(rng.integers(2, 9))):
    duration = rng.uniform(0.09, 0.16) + 0.12 * size
    time = np.arange(int(duration * sample_rate)) / sample_rate
    x = time / duration
    contour = f0 * np.exp(
      0.35 * np.sin(np.pi * np.minimum(1.4 * x, 1)) - 0.5 * x
    )
    contour = contour * np.exp(_jitter(rng, time.size, 0.08))
    envelope = np.minimum(x / 0.08, 1) * (1 - x) ** 0.8
    source = pulses(contour, sample_rate) + growl * _noise(rng, time.size)
    vowel = np.where(x < 0.5, 4, 5)
    bark = _glide(
      source * envelope, vowel, sample_rate, tract=tract, tilt=rng.uniform(5, 8)
    )
    silence = np.zeros(int(gap * rng.uniform(0.7, 1.3) * sample_rate))
    pieces += [bark * rng.uniform(0.6, 1.0), silence]
  return np.concatenate(pieces[:-1])


def pulses(contour: np.ndarray, sample_rate: int) -> np.ndarray:
  """A pulse train with equally strong harmonics below half the sample rate.

  Args:
    contour: Fundamental frequency in Hz at every sample, with shape
      `[samples]`.
    sample_rate: Sample rate in Hz.

  Returns:
    The pulse train (a Dirichlet kernel of the phase), with shape `[samples]`
    and unit mean square.
  """
  harmonics = max(int(0.46 * sample_rate / np.max(contour)), 1)
  half = np.pi * np.cumsum(contour) / sample_rate
  sine = np.sin(half)
  near = np.abs(sine) < 1e-6
  kernel = np.sin((2 * harmonics + 1) * half) / np.where(near, 1.0, sine)
  kernel = np.where(near, 2 * harmonics + 1, kernel) - 1.0
  return kernel / np.sqrt(2 * harmonics)


def _glide(
  source: np.ndarray,
  vowels: np.ndarray,
  sample_rate: int,
  *,
  tract: float,
  tilt: float,
) -> np.ndarray:
  """Filters `source` by vowels that change over time (an index per sample)."""
  size = fourier.fast_size(source.size + sample_rate // 10)
  spectrum = fourier.rfft(source, size)
  frequency = fourier.frequencies(size, sample_rate)
  slope = 10 ** (-tilt / 20 * np.log2(np.maximum(frequency, 100) / 100))
  slope *= frequency**2 / (frequency**2 + 60.0**2)
  # Resonances are far wider than 8 Hz.
  grid = np.arange(0.0, sample_rate / 2 + 8, 8.0)
  sound = np.zeros(source.size)
  for vowel in np.unique(vowels):
    response = _tract_response(grid, _VOWELS[vowel], tract)
    response = np.interp(frequency, grid, response)
    voice = fourier.irfft(spectrum * response * slope, size)[: source.size]
    weight = _smooth((vowels == vowel).astype(float), width=0.06)
    sound += weight * voice / _rms(voice)
  return sound


def _tract_response(
  frequency: np.ndarray, vowel: np.ndarray, tract: float
) -> np.ndarray:
  """Complex response of a vocal tract: a cascade of all its resonances."""
  response = np.ones(frequency.size, complex)
  for formant in np.concatenate([vowel, _HIGHER]) * tract:
    if formant < 0.98 * frequency[-1]:
      response *= formant**2 / (
        formant**2 - frequency**2 + 1j * frequency * (50 + 0.06 * formant)
      )
  return response


def _jitter(rng: np.random.Generator, size: int, depth: float) -> np.ndarray:
  """A slow random deviation in log frequency, with knots every 256 samples."""
  knots = rng.normal(0.0, depth, size // 256 + 2)
  return np.interp(np.arange(size) / 256, np.arange(knots.size), knots)


def _smooth(
  weight: np.ndarray, width: float = 0.02, sample_rate: int = 24000
) -> np.ndarray:
  """Moving average over `width` seconds."""
  length = int(width * sample_rate) | 1
  total = np.cumsum(np.pad(weight, (length // 2 + 1, length // 2), 'edge'))
  return (total[length:] - total[:-length]) / length


def _noise(rng: np.random.Generator, size: int) -> np.ndarray:
  return rng.standard_normal(size)


def _band(
  noise: np.ndarray, sample_rate: int, low: float, high: float
) -> np.ndarray:
  sections = signal.butter(
    2, [low, high], 'bandpass', fs=sample_rate, output='sos'
  )
  return np.asarray(signal.sosfilt(sections, noise))


def _rms(x: np.ndarray) -> float:
  return float(np.sqrt(np.mean(np.square(x)) + 1e-20))
