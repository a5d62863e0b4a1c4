# %% [markdown]
# # Scenes of your own sounds
#
# From short sounds to recordings in rooms, with labels, ready for training. The
# sounds are made here, so that the notebook needs no files; yours would be in
# the same folders.

# %%
import io
import os
import pathlib
import tempfile

import IPython.display
import numpy as np
import soundfile

from seld_jax import audio, figures, labels, scenes, validate

SAMPLE_RATE = 24000  # Hz
rng = np.random.default_rng(0)
os.chdir(tempfile.mkdtemp())  # for scenes to keep, another folder
folder = pathlib.Path()


def show(drawing):
  """A figure as a small picture below the cell."""
  file = io.BytesIO()
  drawing.savefig(file, format='jpeg', dpi=64, pil_kwargs={'quality': 70})
  return IPython.display.Image(file.getvalue(), format='jpeg')


# %% [markdown]
# ## The sounds
#
# A folder for each class, named as a class of the set (here those of STARSS23:
# `labels.STARSS_CLASSES`). For sounds of other classes, take the name of one of
# them, and write the real name into `config.data.classes` of the training. A
# class needs several files, because no file is in two folds.


# %%
def knock():
  """Two decaying bursts of noise."""
  time = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
  one = rng.standard_normal(len(time)) * np.exp(-60 * time)
  return np.concatenate([one, one])


def bell():
  """Partials of a metal plate, which decay at their own rates."""
  time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
  pitch = rng.uniform(500, 900)
  partials = zip((1, 2.76, 5.4), (2, 4, 8), strict=True)
  return sum(
    np.sin(2 * np.pi * pitch * ratio * time) * np.exp(-rate * time)
    for ratio, rate in partials
  )


def telephone():
  """A tone that is switched on and off."""
  time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
  tone = np.sin(2 * np.pi * 1200 * time) + np.sin(2 * np.pi * 1500 * time)
  return tone * (np.sin(2 * np.pi * rng.uniform(4, 8) * time) > 0)


for name, make in ('knock', knock), ('bell', bell), ('telephone', telephone):
  for number in range(8):
    sound = make()
    path = folder / 'sounds' / name / f'{number}.wav'
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * sound / abs(sound).max(), SAMPLE_RATE)
print(sorted(str(p.relative_to(folder)) for p in folder.rglob('0.wav')))

# %% [markdown]
# ## The scenes
#
# `Style` says how the scenes are: how many events overlap, how many move, how
# loud the ambience is, how long the rooms reverberate. The same arguments give
# the same files.

# %%
style = scenes.Style(
  max_overlap=2, moving=0.5, snr_db=(15, 30), rt60=(0.2, 0.5), pause=(0.2, 0.5)
)
scenes.synthesize(
  folder / 'data',
  events=folder / 'sounds',
  layout='starss23',
  csv_edition='2024',
  recordings=4,
  seconds=10,
  seed=1,
  num_workers=0,
  style=style,
)
for path in sorted((folder / 'data').rglob('*.*')):
  print(path.relative_to(folder / 'data'))

# %% [markdown]
# ## One of them

# %%
sound_file = sorted((folder / 'data' / 'foa_dev').rglob('*.wav'))[0]
(label_file,) = (folder / 'data' / 'metadata_dev').rglob(
  f'{sound_file.stem}.csv'
)
sound = audio.read(sound_file)
events = labels.read_csv(label_file, distance_scale=None)  # metres
stereo, _ = scenes.foa_to_stereo(sound, events, heading=0)
heard = folder / 'heard.mp3'
soundfile.write(
  heard,
  0.5 * stereo.T / abs(stereo).max(),
  SAMPLE_RATE,
  compression_level=0.9,
)
IPython.display.Audio(filename=heard, embed=True)

# %%
drawing = figures.plot_tracks(
  events, None, classes=labels.STARSS_CLASSES, num_frames=100, audio=sound
)
show(drawing)

# %% [markdown]
# ## A check before the training
#
# `validate` compares labels and sound: directions, channel order, shifts in
# time. It does the same for recordings of your own.

# %%
report = validate.validate(folder / 'data', num_classes=13)
print(report.num_files, 'sound files;', len(report.findings), 'findings')
for finding in report.findings:
  print(finding)
for note in report.notes:
  print(note)

# %% [markdown]
# A training needs some hundred such recordings: change `os.chdir` above, so
# that they are kept, and run the command in that folder. On two CPU cores:
#
# ```
# python -m seld_jax.main --config=small --workdir=runs/own \
#   --config.data.root=data --config.data.edition=2024 \
#   --config.data.train_folds='(3,)' --config.data.validation_folds='()' \
#   --config.data.validation_share=0.2 --config.data.test_folds='(4,)' \
#   --config.output.distance=True
# ```
#
# [own_dataset.md](../docs/own_dataset.md) has a config in a file, and
# [scenes.md](../docs/scenes.md) all properties of scenes: measured rooms,
# sounds without labels, microphone arrays, stereo.
