"""Two finished runs on the same dataset, and one that is training."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from helpers.finished_run import HOSTILE, NAMES, NUM_FRAMES, change, make_run

from seld_jax import evaluate, json_files, labels


def read(path):
  return labels.read_csv(path, num_classes=len(HOSTILE), role='prediction')


def make_another(workdir: pathlib.Path, name: str) -> pathlib.Path:
  """Copies a run and drops a part of what it predicted."""
  other = shutil.copytree(workdir, workdir.parent / name)
  config = json_files.read(workdir / 'config.json')
  root = pathlib.Path(config['data']['root'])
  rng = np.random.default_rng(1)
  pairs = []
  for path in sorted((other / 'predictions' / 'test').iterdir()):
    events = read(path)
    kept = np.flatnonzero(rng.random(len(events.frame)) < 0.7)
    labels.write_csv(path, labels.choose_rows(events, kept))
    reference = labels.read_csv(
      root / 'metadata_dev' / path.name, num_classes=len(HOSTILE)
    )
    pairs.append((path.stem, reference, read(path)))
  results = json_files.read(workdir / 'scores.json')['results']
  results[1]['scores'] = evaluate.evaluate_predictions(
    pairs,
    num_frames=NUM_FRAMES,
    num_classes=len(HOSTILE),
    class_names=HOSTILE,
  )
  change(other / 'scores.json', results=results)
  change(other / 'config.json', train={'batch_size': 8}, seed=5)
  return other


@pytest.fixture(scope='session')
def made(tmp_path_factory):
  """The folder of the runs `tiny`, `other` and `young`, only read."""
  folder = tmp_path_factory.mktemp('compared')
  first = make_run(folder)
  name = f'{NAMES[0]}.csv'
  validation = first / 'predictions' / 'validation'
  validation.mkdir()
  shutil.copy(first / 'predictions' / 'test' / name, validation / name)
  make_another(first, 'other')
  young = folder / 'runs' / 'young'
  young.mkdir()
  config = json.loads((first / 'config.json').read_text())
  (young / 'config.json').write_text(json.dumps({**config, 'seed': 7}))
  lines = (first / 'metrics.jsonl').read_text().splitlines()
  (young / 'metrics.jsonl').write_text('\n'.join(lines[:4]) + '\n')
  return folder


@pytest.fixture
def folder(made, tmp_path):
  """A copy of the runs, which a test may change; the dataset is only read."""
  return shutil.copytree(made / 'runs', tmp_path / 'runs')
