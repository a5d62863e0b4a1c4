"""A generator of random sounds for each class of TAU-NIGENS 2020.

Pitch, tempo, spectrum, length and the number of repetitions are all drawn at
random, so that a network can learn a class but not single recordings. The
sounds are used when the user has no recordings.
"""

from collections.abc import Callable

import numpy as np

from seld_jax.scenes.bank import objects, tones, voices

MAX_SECONDS = 6.0


def make_sound(
  rng: np.random.Generator, class_name: str, *, sample_rate: int = 24000
) -> np.ndarray:
  """Makes a new sound of a class.

  Args:
    rng: Determines the sound.
    class_name: A key of `GENERATORS`.
    sample_rate: Sample rate in Hz.

  Returns:
    The dry sound with shape `[samples]`, float32, 0.1 to 6 seconds long, with
    a peak of 1.
  """
  sound = GENERATORS[class_name](rng, sample_rate)
  sound = sound[: int(MAX_SECONDS * sample_rate)]
  fade = min(int(0.01 * sample_rate), sound.size // 2)
  sound[-fade:] *= np.linspace(1.0, 0.0, fade)
  return (sound / np.max(np.abs(sound))).astype(np.float32)


def _female(make: Callable[..., np.ndarray], low: float, high: float):
  return lambda rng, sample_rate: make(
    rng, sample_rate, f0=rng.uniform(low, high), tract=rng.uniform(1.1, 1.22)
  )


def _male(make: Callable[..., np.ndarray], low: float, high: float):
  return lambda rng, sample_rate: make(
    rng, sample_rate, f0=rng.uniform(low, high), tract=rng.uniform(0.92, 1.03)
  )


Generator = Callable[[np.random.Generator, int], np.ndarray]

GENERATORS: dict[str, Generator] = {
  'alarm': tones.alarm,
  'crying_baby': voices.crying_baby,
  'crash': objects.crash,
  'barking_dog': voices.barking_dog,
  'running_engine': objects.running_engine,
  'female_scream': _female(voices.scream, 900, 1700),
  'female_speech': _female(voices.speech, 175, 260),
  'burning_fire': objects.burning_fire,
  'footsteps': objects.footsteps,
  'knocking_on_door': objects.knocking_on_door,
  'male_scream': _male(voices.scream, 320, 620),
  'male_speech': _male(voices.speech, 85, 145),
  'ringing_phone': tones.ringing_phone,
  'piano': tones.piano,
}
