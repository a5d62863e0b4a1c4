# %% [markdown]
# # Score and compare two systems
#
# Scores need the label files of a reference and of each system, and nothing
# else. Here the systems are the demo network, and the same network averaged
# over four rotations of each recording. Any program can write such files.

# %%
import pathlib
import tempfile

import numpy as np

import seld_jax
from seld_jax import audio, evaluate, labels, metrics, scenes

folder = pathlib.Path(tempfile.mkdtemp())
scenes.synthesize(
  folder / 'data', recordings=6, seconds=20, seed=3, num_workers=0
)
reference = folder / 'data' / 'metadata_dev'

# %% [markdown]
# ## Predictions of both systems
#
# A label file has a row `frame, class, track, azimuth, elevation` for each
# source in each frame of 0.1 s.

# %%
systems = {
  'demo': seld_jax.load('demo'),
  'average of 4': seld_jax.load('demo', average_symmetries=4),
}
for name, system in systems.items():
  for path in sorted((folder / 'data' / 'foa_dev').glob('*.wav')):
    found = system(audio.read(path), 24000)
    labels.write_csv(folder / name / f'{path.stem}.csv', found.events)
print((folder / 'demo' / f'{path.stem}.csv').read_text()[:80])

# %% [markdown]
# ## Scores of an edition
#
# ER20 and LE_CD are better when they are lower, F20 and LR_CD when they are
# higher. The interval is the 95% interval of the challenge (jackknife over the
# recordings); six recordings are few, so that it is wide.


# %%
def table(edition, **options):
  """Prints the scores of all systems in an edition of the challenge."""
  names = metrics.main_scores(edition)
  print(f'{edition:14}', *(f'{name:>22}' for name in names))
  for system in systems:
    scores = evaluate.evaluate_folders(
      reference, folder / system, edition=edition, num_frames=200, **options
    )
    cells = [
      f'{scores[name]:.3f} ({low:.2f} to {high:.2f})'
      for name in names
      for low, high in [scores['intervals'][name]]
    ]
    print(f'{system:14}', *(f'{cell:>22}' for cell in cells))


table('2020')

# %% [markdown]
# The editions count differently, so that only numbers of the same edition can
# be compared: in 2020 a class counts once in a second, in 2023 each source
# does. LE_CD of 2023 is the mean over classes, with 180° for a class that was
# never found. So few recordings say little about it, and its interval can
# contain angles that do not exist.

# %%
table('2023')

# %% [markdown]
# ## Is the difference certain?
#
# Intervals of two systems that overlap do not say that the systems are equal:
# both have the same recordings, and a difficult one is difficult for both. So
# compare recording by recording. Of the differences, a paired bootstrap over
# recordings gives an interval.


# %%
def counts(system):
  """Counts of each recording, from which scores are computed."""
  pairs = [
    (labels.read_csv(path), labels.read_csv(folder / system / path.name))
    for path in sorted(reference.glob('*.csv'))
  ]
  return metrics.counts_each(pairs, edition='2020', num_frames=200)


def score(chosen):
  """SELD score of some recordings together; lower is better."""
  return metrics.scores(metrics.merge(chosen)).seld_score


ours, theirs = counts('average of 4'), counts('demo')
for path, *both in zip(
  sorted(reference.glob('*.csv')), ours, theirs, strict=True
):
  print(f'{path.stem}: {score(both[:1]) - score(both[1:]):+.3f}')

drawn = metrics.draw_recordings(np.random.default_rng(0), len(ours))
(differences,) = metrics.paired_differences(theirs, ours, drawn=drawn)
difference = differences['seld_score']
low, high = difference.bootstrap
print(f'all: {difference.value:+.3f} ({low:+.3f} to {high:+.3f})')

# %% [markdown]
# If the interval contains 0, these recordings do not tell which system is
# better. `seld compare` makes this comparison for run directories or folders of
# label files, for all scores and each class.
#
# ## Directions alone
#
# `classless` compares directions whatever their class, also with methods that
# know no classes.

# %%
intensity = seld_jax.load('intensity')
for path in sorted((folder / 'data' / 'foa_dev').glob('*.wav')):
  found = intensity(audio.read(path), 24000)
  labels.write_csv(folder / 'intensity' / f'{path.stem}.csv', found.events)

for system in [*systems, 'intensity']:
  scores = evaluate.evaluate_folders(
    reference, folder / system, num_frames=200, classless=True
  )
  print(f'{system:14} LE {scores["LE"]:4.1f}°  F20 {scores["F20"]:.3f}')

# %% [markdown]
# On the command line: `python -m seld_jax.evaluate --reference=DIR
# --predictions=DIR --edition=2023 --frames=audio --audio=DIR`, and
# `python -m seld_jax.report` for a page with figures and sound.
