# %% [markdown]
# # Hear and see a recording
#
# A scene with known sources is rendered, played, drawn, and predicted by the
# network that comes with seld_jax. Nothing is downloaded.

# %%
import io
import pathlib
import tempfile

import IPython.display
import jax
import numpy as np
import soundfile
from matplotlib import figure as mpl

import seld_jax
from seld_jax import audio, features, figures, labels, scenes

SAMPLE_RATE = 24000  # Hz


def show(drawing):
  """A figure as a small picture below the cell."""
  file = io.BytesIO()
  drawing.savefig(file, format='jpeg', dpi=64, pil_kwargs={'quality': 70})
  return IPython.display.Image(file.getvalue(), format='jpeg')


# %% [markdown]
# ## A scene
#
# Twelve seconds of synthetic sounds in a simulated room, as first-order
# Ambisonics: the channels W, Y, Z, X. To use a recording of your own, read it
# with `audio.read(path)`.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
scenes.synthesize(
  folder,
  recordings=1,
  seconds=12,
  seed=8,
  num_workers=0,
  style=scenes.Style(snr_db=(20, 20)),
)
(sound_file,) = (folder / 'foa_dev').glob('*.wav')
sound = audio.read(sound_file)
reference = labels.read_csv(folder / 'metadata_dev' / f'{sound_file.stem}.csv')
print(sound.shape, len(reference.frame), 'rows of labels')

# %% [markdown]
# ## Hear it
#
# Left is W + Y and right is W - Y: two cardioids that point to the sides.

# %%
stereo, _ = scenes.foa_to_stereo(sound, reference, heading=0)
heard = folder / 'heard.mp3'
soundfile.write(
  heard,
  0.5 * stereo.T / abs(stereo).max(),
  SAMPLE_RATE,
  compression_level=0.9,
)
IPython.display.Audio(filename=heard, embed=True)

# %% [markdown]
# ## See it
#
# What a network sees: spectrograms in mel bands, and where the energy of each
# band comes from. The intensity has one channel for each axis; red is positive.

# %%
x = np.asarray(jax.jit(features.foa_features)(sound.astype(np.float32)))
print(x.shape, '[frames of 20 ms, mel bands, channels]')

shown = {0: 'log-mel of W', 4: 'intensity: left', 6: 'intensity: front'}
drawing = mpl.Figure(figsize=(8, 4.5), layout='constrained')
panels = drawing.subplots(3, sharex=True)
for panel, (channel, name) in zip(panels, shown.items(), strict=True):
  limit = np.quantile(abs(x[:, :, channel]), 0.995)
  panel.imshow(
    x[:, :, channel].T,
    origin='lower',
    aspect='auto',
    extent=(0, 12, 0, 64),
    cmap='RdBu_r' if channel else 'magma',
    vmin=-limit if channel else None,
    vmax=limit if channel else None,
  )
  panel.set(ylabel='mel band', title=name)
panels[-1].set_xlabel('seconds')
show(drawing)

# %% [markdown]
# ## Predict it
#
# The demo network was trained on real sounds, so that it takes some of these
# synthetic ones for others. Grey is the reference.

# %%
prediction = seld_jax.load('demo')(sound, SAMPLE_RATE)
drawing = figures.plot_tracks(
  reference,
  prediction.events,
  classes=labels.TAU2020_CLASSES,
  num_frames=120,
  audio=sound,
)
show(drawing)

# %% [markdown]
# `prediction.events` has a row for each label frame of 0.1 s and source, as the
# label files have.

# %%
events = prediction.events
azimuth = np.degrees(np.arctan2(events.xyz[:, 1], events.xyz[:, 0]))
for row in range(0, len(events.frame), 20):
  name = labels.TAU2020_CLASSES[events.class_index[row]]
  print(f'{events.frame[row] / 10:5.1f} s  {name:18} {azimuth[row]:5.0f}°')

# %% [markdown]
# ## Directions without a network
#
# The intensity alone says where a sound is, but not what it is.

# %%
found = seld_jax.load('intensity')(sound, SAMPLE_RATE)
drawing = figures.plot_tracks(
  reference,
  found.events,
  classes=['sound', *labels.TAU2020_CLASSES[1:]],
  num_frames=120,
)
show(drawing)
