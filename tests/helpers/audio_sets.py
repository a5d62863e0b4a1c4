"""Tiny datasets and configurations of each audio format and feature kind."""

import numpy as np

from helpers.tiny import make_one_convolution, make_tiny
from seld_jax import audio, geometry, labels
from seld_jax import config as config_lib

RATE = 24000
SECONDS = 2
# Label frames in which the only source of a recording is active.
ACTIVE = range(5, 15)
# Microphones of a robot's head, in metres: x, y, z.
ROBOT = (
  np.array([[6, 0, 0], [0, 8, 0], [-6, 0, 2], [0, -8, 0], [0, 0, 10]]) / 100.0
)

# Fields of `config.features`, and of `config.output`.
CASES = {
  'stereo': (
    {'format': 'stereo', 'stereo': ('level', 'phase')},
    {'format': 'accdoa', 'axes': 2},
  ),
  'five microphones': ({'format': 'mic', 'num_channels': 5}, {}),
  'salsa_lite of five': (
    {
      'format': 'mic',
      'num_channels': 5,
      'kind': 'salsa_lite',
      'n_fft': 512,
      'win_length': 480,
    },
    {},
  ),
  'foa with a correlation': ({'format': 'foa', 'xy_correlation': True}, {}),
  'salsa': (
    {'format': 'foa', 'kind': 'salsa', 'n_fft': 512, 'win_length': 480},
    {},
  ),
}


def make_sound(format, azimuth, *, num_channels=4, seed=0):
  """A noise burst from an azimuth, in soft noise: `[channels, samples]`."""
  rng = np.random.default_rng(seed)
  size = SECONDS * RATE
  burst = 0.1 * rng.standard_normal(size)
  hop = RATE // labels.FRAMES_PER_SECOND
  burst[: ACTIVE.start * hop] = burst[ACTIVE.stop * hop :] = 0
  direction = geometry.to_cartesian(azimuth, 0.0)
  x, y, z = direction
  if format == 'mic':
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    places = ROBOT[:num_channels]
    turn = np.exp(2j * np.pi * frequency * (places @ direction)[:, None] / 343)
    sound = np.fft.irfft(np.fft.rfft(burst) * turn, n=size)
  else:
    gains = [1 + y, 1 - y] if format == 'stereo' else [1, y, z, x]
    sound = np.array(gains)[:, None] * burst
  return (sound + 1e-3 * rng.standard_normal(sound.shape)).astype(np.float32)


def write_recording(root, name, azimuth, *, format, **options):
  """Writes a recording and its labels into a dataset; returns both paths."""
  frame = np.array(ACTIVE)
  zero = np.zeros_like(frame)
  xyz = np.tile(geometry.to_cartesian(azimuth, 0.0), (len(frame), 1))
  paths = [
    root / f'{format}_dev' / f'{name}.wav',
    root / 'metadata_dev' / f'{name}.csv',
  ]
  audio.write(paths[0], make_sound(format, azimuth, **options))
  events = labels.Events(frame, zero + 3, zero, xyz)
  labels.write_csv(paths[1], events)
  return paths


def make_set(root, *, format, num_channels=4):
  """Writes three folds of two recordings: a source on the left, or right."""
  for fold in 1, 2, 3:
    for mix, azimuth in enumerate((60, -40), 1):
      write_recording(
        root,
        f'fold{fold}_room1_mix{mix:03d}_ov1',
        azimuth + 10 * fold,
        format=format,
        num_channels=num_channels,
        seed=10 * fold + mix,
      )
  return root


def make_config(case, root):
  """The configuration of a case, as small as can be."""
  config = make_one_convolution(make_tiny(config_lib.default(), root))
  features, output = CASES[case]
  if 'kind' in features:  # no other kind has mel bands
    config.features.n_mels = config_lib.default().features.n_mels
  config.features.update(features)
  config.output.update(output)
  return config
