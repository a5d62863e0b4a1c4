"""A generator of random sounds for each class of the datasets of scenes.

Pitch, tempo, spectrum, length and the number of repetitions are all drawn at
random, so that a network can learn a class but not single recordings. The
sounds are used when the user has no recordings.
"""

from collections.abc import Callable

import numpy as np

from seld_jax.scenes.bank import (
  household,
  music,
  objects,
  office,
  tones,
  voices,
)

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

_female_speech = _female(voices.speech, 175, 260)
_male_speech = _male(voices.speech, 85, 145)

GENERATORS: dict[str, Generator] = {
  # TAU-NIGENS 2020 and 2021.
  'alarm': tones.alarm,
  'crying_baby': voices.crying_baby,
  'crash': objects.crash,
  'barking_dog': voices.barking_dog,
  'running_engine': objects.running_engine,
  'female_scream': _female(voices.scream, 900, 1700),
  'female_speech': _female_speech,
  'burning_fire': objects.burning_fire,
  'footsteps': objects.footsteps,
  'knocking_on_door': objects.knocking_on_door,
  'male_scream': _male(voices.scream, 320, 620),
  'male_speech': _male_speech,
  'ringing_phone': tones.ringing_phone,
  'piano': tones.piano,
  # STARSS22 and STARSS23, as far as their classes have other names.
  'clapping': household.clapping,
  'telephone': tones.ringing_phone,
  'laughter': voices.laughter,
  'domestic_sounds': household.domestic_sounds,
  'door': household.door,
  'music': music.music,
  'musical_instrument': music.musical_instrument,
  'water_tap': household.water_tap,
  'bell': household.bell,
  'knock': objects.knocking_on_door,
  # L3DAS22.
  'Chink_and_clink': office.clink,
  'Computer_keyboard': office.computer_keyboard,
  'Cupboard_open_or_close': office.cupboard,
  'Drawer_open_or_close': office.drawer,
  'Female_speech_and_woman_speaking': _female_speech,
  'Finger_snapping': office.finger_snapping,
  'Keys_jangling': office.keys_jangling,
  'Knock': objects.knocking_on_door,
  'Laughter': voices.laughter,
  'Male_speech_and_man_speaking': _male_speech,
  'Printer': office.printer,
  'Scissors': office.scissors,
  'Telephone': tones.ringing_phone,
  'Writing': office.writing,
}
