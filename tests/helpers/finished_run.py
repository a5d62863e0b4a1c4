"""A finished run as training leaves it, and its dataset."""

import json
import pathlib

import numpy as np

from seld_jax import audio, evaluate, geometry, labels, metrics

# Class names that would break a page or a figure if they were not escaped.
HOSTILE = ('<script>alert(1)</script>', 'a&b"\'', '$x_{$ \\frac', 'dog' * 40)
NAMES = (
  'fold1_room1_mix001_ov1',
  'fold1_room1_mix002_ov2',
  'fold1_room2_mix003_ov2',
  'fold1_room2_mix004_ov2',
)
SECONDS = 12
NUM_FRAMES = SECONDS * labels.FRAMES_PER_SECOND


def make_events(rng: np.random.Generator, *, noise: float = 0) -> labels.Events:
  """Makes events of four classes in turn; one moves around the back."""
  frame = np.arange(10, NUM_FRAMES - 10)
  class_index = frame // 20 % len(HOSTILE)
  azimuth = np.where(class_index == 1, 150 + 3.0 * (frame % 20), 40.0)
  azimuth = azimuth + noise * rng.normal(size=frame.size)
  kept = rng.random(frame.size) >= noise / 100
  return labels.Events(
    frame[kept],
    class_index[kept],
    np.zeros(kept.sum(), np.int64),
    geometry.to_cartesian(azimuth, np.full(frame.size, 10.0))[kept],
  )


def make_run(
  folder: pathlib.Path, *, edition: str | None = None
) -> pathlib.Path:
  """Writes a finished run with two results, and its dataset.

  Without an edition, it is the run of a version that knew only that of 2020.

  Returns the run directory, `runs/tiny` in the folder. The dataset is in its
  subfolder `data`.
  """
  rng = np.random.default_rng(0)
  root = folder / 'data'
  workdir = folder / 'runs' / 'tiny'
  pairs = []
  for number, name in enumerate(NAMES):
    reference = make_events(rng)
    prediction = make_events(rng, noise=5.0 * number)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', reference)
    folder = workdir / 'predictions' / 'test'
    labels.write_csv(folder / f'{name}.csv', prediction)
    sound = rng.normal(size=(4, SECONDS * 24000)) * 0.01
    audio.write(root / 'foa_dev' / f'{name}.wav', sound)
    pairs.append((name, reference, prediction))
  results = [
    {
      'name': name,
      'folds': [fold],
      'window_seconds': 6.0,
      'num_recordings': len(some),
      'predictions': f'predictions/{name}',
      'scores': evaluate.evaluate_predictions(
        some,
        edition=edition or '2020',
        num_frames=NUM_FRAMES,
        num_classes=len(HOSTILE),
        class_names=HOSTILE,
      ),
    }
    for name, fold, some in (('validation', 2, pairs[:1]), ('test', 1, pairs))
  ]
  (workdir / 'config.json').write_text(
    json.dumps(
      {
        'data': {'root': str(root), 'classes': HOSTILE},
        'features': {'format': 'foa', 'n_mels': 64},
      }
    )
  )
  (workdir / 'scores.json').write_text(
    json.dumps(
      {
        'selected_step': 200,
        'num_steps': 300,
        'num_parameters': 543210,
        'selection': 'lowest seld_score on fold 2',
        'results': results,
        **({'edition': edition} if edition else {}),
      }
    )
  )
  (workdir / 'metrics.jsonl').write_text(
    ''.join(
      json.dumps(record) + '\n' for record in make_records(edition or '2020')
    )
  )
  return workdir


def make_records(edition: str = '2020') -> list[dict]:
  """Makes the records of metrics.jsonl: losses and scores at three steps."""
  records = []
  for step in (100, 200, 300):
    losses = {'sed_mse': 1 / step, 'doa_masked_mse': 2 / step}
    records.append(
      {'step': step, 'split': 'train', 'loss': 3 / step, **losses}
      | {'learning_rate': 1e-3, 'gradient_norm': 1.0}
    )
    names = metrics.main_scores(edition)
    scores = dict.fromkeys(names, step / 400)
    scores |= {'LE_CD': 20.0} if 'LE_CD' in names else {}
    records.append({'step': step, 'split': 'validation', **losses, **scores})
  return records


def change(path: pathlib.Path, **fields) -> None:
  """Replaces fields of a JSON file."""
  path.write_text(json.dumps(json.loads(path.read_text()) | fields))
