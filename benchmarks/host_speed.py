"""Compares features with librosa, and scores with a plain implementation."""

import concurrent.futures
import functools
import itertools
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from benchmarks import floor, plain_metrics, timing
from seld_jax import audio, evaluate, features, geometry, labels, metrics
from seld_jax import config as config_lib
from seld_jax.dataset import Recording, cache
from seld_jax.labels import events

_TARGETS = {'foa': 3.0, 'mic': 8.0}
_TURN = 1.0  # seconds that each side computes recordings in one turn


def feature_figures(
  config: config_lib.Config, *, seconds: float, files: int, rounds: int
) -> list[timing.Figure]:
  """Times the features of one recording in memory, and of several on disk.

  Args:
    config: The configuration of the features.
    seconds: Length of a recording.
    files: Number of recordings on disk.
    rounds: Number of rounds.

  Returns:
    Figures of the computation alone (for microphones one for each of the two
    phase transforms of librosa's side), and from WAV files to cached features.
  """
  from benchmarks import librosa_features

  options = config_lib.feature_options(config)
  format, rate = options['format'], options['sample_rate']
  names = ('sample_rate', 'n_fft', 'hop_length', 'win_length', 'n_mels')
  compute = jax.jit(
    functools.partial(
      features.compute,
      format=format,
      **{name: value for name, value in options.items() if name != 'format'},
    )
  )
  librosa_compute = functools.partial(
    librosa_features.FORMATS[format], **{name: options[name] for name in names}
  )
  signal = np.random.default_rng(0).standard_normal((4, int(seconds * rate)))
  signal = (0.05 * signal).astype(np.float32)
  difference = np.abs(np.asarray(compute(signal)) - librosa_compute(signal))
  for part, limit in (difference[..., :4], 2e-2), (difference[..., 4:], 1e-4):
    assert part.max() < limit, f'librosa differs by {part.max():.2g}'

  sides = {
    'ours': lambda: np.asarray(compute(signal)),
    'librosa': lambda: librosa_compute(signal),
  }
  if format == 'mic':
    quicker = functools.partial(
      librosa_features.QUICKER, **{name: options[name] for name in names}
    )
    sides['librosa, dividing'] = lambda: quicker(signal)
  times = timing.interleave(sides, rounds=rounds, seconds=_TURN)
  figures = [
    timing.Figure(
      name=f'{format.upper()} features of {seconds:g} s',
      ours=times['ours'],
      other=times[side],
      against=side,
      target=_TARGETS[format] if side == 'librosa' else None,
      flops=floor.feature_flops(config, seconds=seconds),
    )
    for side in list(sides)[1:]
  ]

  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    recordings = []
    for number in range(files):
      path = root / f'mix{number:03d}.wav'
      audio.write(path, np.clip(signal, -1, 1), sample_rate=rate)
      recordings.append(Recording(path.stem, path, None, None))
    numbers = itertools.count()

    def ours():
      cache.extract(recordings, root / f'{next(numbers)}', options=options)

    def convert(entry, target):
      sound = audio.read(entry.audio, sample_rate=rate)
      np.save(target / f'{entry.name}.npy', librosa_compute(sound))

    def theirs():
      target = root / f'{next(numbers)}'
      target.mkdir()
      with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda entry: convert(entry, target), recordings))

    times = timing.interleave({'ours': ours, 'librosa': theirs}, rounds=rounds)
  on_disk = timing.Figure(
    name=f'{format.upper()}, {files} WAV files to cached features',
    ours=times['ours'],
    other=times['librosa'],
    against='librosa',
    flops=files * floor.feature_flops(config, seconds=seconds),
  )
  return [*figures, on_disk]


def random_pairs(
  recordings: int, *, num_frames: int = 600, num_classes: int = 14
) -> list[tuple[events.Events, events.Events]]:
  """Makes random references, and predictions with errors of all kinds.

  Args:
    recordings: Number of recordings.
    num_frames: Number of label frames in each recording.
    num_classes: Number of classes.

  Returns:
    Reference and prediction of each recording. The reference has up to two
    sources at a time, in integer degrees. The prediction misses a tenth of the
    events, has a wrong class in a tenth, and directions that are off by some
    degrees.
  """
  rng = np.random.default_rng(0)
  return [_random_pair(rng, num_frames, num_classes) for _ in range(recordings)]


def metric_figure(*, recordings: int, rounds: int) -> timing.Figure:
  """Times the DCASE 2020 scores of one-minute recordings.

  Args:
    recordings: Number of recordings.
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  pairs = random_pairs(recordings)
  times = timing.interleave(
    {
      'ours': lambda: seld_scores(pairs),
      'plain': lambda: plain_metrics.seld_scores(pairs),
    },
    rounds=rounds,
  )
  expected, found = plain_metrics.seld_scores(pairs), seld_scores(pairs)
  for name, value in expected.items():
    difference = abs(found[name] - value)
    assert difference < 1e-9 * max(1, abs(value)), f'{name}: {difference:.2g}'
  return timing.Figure(
    name=f'scores of {recordings} minutes',
    ours=times['ours'],
    other=times['plain'],
    against='dictionaries',
    target=20.0,
    limit=5.0,
  )


def write_random_folders(
  root: pathlib.Path, recordings: int
) -> tuple[pathlib.Path, pathlib.Path]:
  """Writes the pairs of `random_pairs` as CSV files.

  Args:
    root: Folder for both folders.
    recordings: Number of recordings.

  Returns:
    The folder of the references, and that of the predictions.
  """
  folders = root / 'reference', root / 'predicted'
  for index, pair in enumerate(random_pairs(recordings)):
    for folder, part in zip(folders, pair, strict=True):
      labels.write_csv(folder / f'mix{index:03d}.csv', part)
  return folders


def file_figure(*, recordings: int, rounds: int) -> timing.Figure:
  """Times the DCASE 2020 scores of two folders of CSV files.

  Ours has the confidence intervals as well.

  Args:
    recordings: Number of recordings.
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  with tempfile.TemporaryDirectory() as root:
    folders = write_random_folders(pathlib.Path(root), recordings)

    def ours() -> dict[str, float]:
      return evaluate.evaluate_folders(*folders)

    def plain() -> dict[str, float]:
      return plain_metrics.folder_scores(*folders)

    times = timing.interleave({'ours': ours, 'plain': plain}, rounds=rounds)
    found = ours()
    for name, value in plain().items():
      difference = abs(found[name] - value)
      assert difference < 1e-6 * max(1, abs(value)), f'{name}: {difference:.2g}'
  return timing.Figure(
    name=f'scores of {recordings} minutes from files',
    ours=times['ours'],
    other=times['plain'],
    against='csv, dictionaries',
    target=20.0,
    limit=2.0,
  )


def seld_scores(pairs: Sequence[tuple[Any, Any]]) -> dict[str, float]:
  """Computes scores with seld_jax, the same as `plain_metrics.seld_scores`."""
  counts = metrics.counts_each(pairs, num_frames=600)
  return vars(metrics.scores(metrics.merge(counts)))


def _random_pair(rng, num_frames, num_classes):
  rows = []
  for track in range(2):
    frame = 0
    while frame < num_frames:
      end = min(num_frames, frame + int(rng.integers(10, 100)))
      if rng.random() < 0.8:
        direction = rng.integers(-180, 180), rng.integers(-45, 46)
        named = rng.integers(num_classes), track, *direction
        rows += [(at, *named) for at in range(frame, end)]
      frame = end
  frame, class_index, track, azimuth, elevation = (
    np.array(rows, np.int64).reshape(-1, 5).T
  )
  reference = events.Events(
    frame, class_index, track, geometry.to_cartesian(azimuth, elevation)
  )
  kept = rng.random(len(frame)) > 0.1
  wrong = rng.random(len(frame)) < 0.1
  guessed = np.where(
    wrong, rng.integers(0, num_classes, len(frame)), class_index
  )
  off = reference.xyz + 0.2 * rng.standard_normal((len(frame), 3))
  predicted = events.Events(
    frame[kept],
    guessed[kept],
    track[kept],
    off[kept] / np.linalg.norm(off[kept], axis=-1, keepdims=True),
  )
  return reference, predicted
