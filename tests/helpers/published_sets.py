"""Small datasets with the folders, names and label files of published ones."""

import itertools

import numpy as np

from seld_jax import audio, geometry

# Folder -> recordings, as STARSS22 and STARSS23 divide them.
STARSS = {
  'dev-train-sony': ('fold3_room21_mix001', 'fold3_room22_mix001'),
  'dev-train-tau': (
    *('fold3_room4_mix001', 'fold3_room4_mix004'),
    *('fold3_room6_mix001', 'fold3_room12_mix002'),
  ),
  'dev-test-sony': ('fold4_room23_mix001',),
  'dev-test-tau': ('fold4_room2_mix002', 'fold4_room10_mix001'),
}
# Mixtures for the baselines of 2022 to 2024, beside these folders.
SYNTHETIC = ('fold1_room1_mix001', 'fold1_room4_mix002')
# Clips of the recordings of STARSS23: viewing angle and first label frame.
CLIPS = {
  folder: tuple(
    f'{name}_deg{degrees:03d}_start{start}'
    for name, (degrees, start) in itertools.product(
      names, ((0, 1978), (213, 5))
    )
  )
  for folder, names in STARSS.items()
}
L3DAS = {
  'L3DAS22_Task2_train': ('split0_ov1_0', 'split3_ov2_17'),
  'L3DAS22_Task2_dev': ('split4_ov3_1',),
}


def starss23(root, *, seconds=2.0, formats=('foa', 'mic')):
  """STARSS23 as unpacked, with videos, and with synthetic recordings beside."""
  places = [
    *(
      (f'{folder}/', name) for folder, names in STARSS.items() for name in names
    ),
    *(('', name) for name in SYNTHETIC),
  ]
  for number, (folder, name) in enumerate(places):
    azimuth = 40 * number - 170
    for format in formats:
      path = root / f'{format}_dev' / f'{folder}{name}.wav'
      audio.write(path, _foa(azimuth, number, seconds=seconds, rate=24000))
    far = '' if name in SYNTHETIC else ',183'
    rows = [
      # Two actors speak at once; music is of a source that is no actor, 0.
      *(f'{frame},1,1,{azimuth},0{far}' for frame in range(2, 12)),
      *(f'{frame},1,2,{azimuth},0{far}' for frame in range(6, 8)),
      *(f'{frame},8,0,{azimuth},0{far}' for frame in range(14, 18)),
    ]
    _write(root / 'metadata_dev' / f'{folder}{name}.csv', rows)
    _write(root / 'video_dev' / f'{folder}{name}.mp4', [])
  _write(root / 'README.md', ['# STARSS23 Dataset'])
  return root


def stereo2025(root, *, seconds=5.0):
  """The stereo set of 2025 as unpacked."""
  for number, (folder, name) in enumerate(
    (folder, name) for folder, names in CLIPS.items() for name in names
  ):
    azimuth = (-60, 75, 20, -85)[number % 4]
    w, y, _, _ = _foa(azimuth, number, seconds=seconds, rate=24000)
    audio.write(
      root / 'stereo_dev' / folder / f'{name}.wav', np.stack([w + y, w - y])
    )
    rows = ['frame,class,source,azimuth,distance,onscreen']
    if number:  # some clips have no event
      rows += [f'{frame},1,0,{azimuth},215,0' for frame in range(2, 12)]
      rows += [f'{frame},8,3,{azimuth},90,1' for frame in range(30, 50)]
    _write(root / 'metadata_dev' / folder / f'{name}.csv', rows)
    _write(root / 'video_dev' / folder / f'{name}.mp4', [])
  return root


def l3das22(root, *, seconds=2.0):
  """Task 2 of L3DAS22 as unpacked: each folder within one of its name."""
  for folder, names in L3DAS.items():
    inside = root / folder / folder
    for number, name in enumerate(names):
      for microphone in 'AB':
        sound = _foa(90, number, seconds=seconds, rate=32000)
        path = inside / 'data' / f'{name}_{microphone}.wav'
        audio.write(path, sound, sample_rate=32000)
      rows = [
        'File,Start,End,Class,X,Y,Z',
        '431.wav,0.2,1.24,Knock,0.0,1.5,0.0',
        '12.wav,0.5,1.1,Female_speech_and_woman_speaking,0.0,0.75,0.0',
      ]
      _write(inside / 'labels' / f'label_{name}.csv', rows)
  return root


def _foa(azimuth, seed, *, seconds, rate):
  """Noise from an azimuth on the horizon, as W, Y, Z, X."""
  rng = np.random.default_rng(seed)
  noise = 0.05 * rng.standard_normal(round(seconds * rate))
  x, y, z = geometry.to_cartesian(float(azimuth), 0.0)
  foa = noise * np.array([[1.0], [y], [z], [x]])
  return foa + 1e-3 * rng.standard_normal(foa.shape)


def _write(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(''.join(f'{row}\n' for row in rows))
