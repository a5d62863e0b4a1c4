"""Reading a finished run: missing parts are named, damaged files refused."""

import dataclasses

import numpy as np
import pytest
from helpers.finished_run import NAMES, change, make_run
from helpers.pages import Page

from seld_jax import json_files, labels, report, runs
from seld_jax.errors import InputError
from seld_jax.report import run_contents


def test_missing_audio_is_reported(tmp_path):
  workdir = make_run(tmp_path)
  (workdir / 'metrics.jsonl').unlink()
  for path in (tmp_path / 'data' / 'foa_dev').iterdir():
    path.unlink()
  for name in NAMES[1:]:  # one recording is enough
    (tmp_path / 'data' / 'metadata_dev' / f'{name}.csv').unlink()
  page = Page(report.write_report(workdir))
  assert 'There is no sound' in page.text and 'does not exist' in page.text
  assert len(page.addresses) == 4


def test_missing_labels_are_reported(workdir):
  config = json_files.read(workdir / 'config.json')
  change(workdir / 'config.json', data=config['data'] | {'root': '/nowhere'})
  (workdir / 'metrics.jsonl').unlink()
  page = Page(report.write_report(workdir))
  assert 'No recording can be shown' in page.text and '/nowhere' in page.text
  assert not page.addresses


def test_missing_curves_and_results_are_reported(workdir):
  (workdir / 'metrics.jsonl').unlink()
  change(workdir / 'scores.json', results=[])
  page = Page(report.write_report(workdir))
  for sentence in ('no curves', 'no scores', 'no predictions'):
    assert sentence in page.text
  assert not page.addresses


def test_distances_of_a_run_are_read_in_metres(tmp_path):
  """As training writes them, even if few rows do not tell their form."""
  workdir = make_run(tmp_path)
  config = json_files.read(workdir / 'config.json')
  data = config['data'] | {'csv_edition': '2023'}
  change(workdir / 'config.json', data=data, output={'distance': True})
  events = labels.Events(
    frame=np.array([0]),
    class_index=np.array([0]),
    track=np.array([0]),
    xyz=np.array([[1.0, 0.0, 0.0]]),
    distance=np.array([0.01]),
  )
  for name, metres in zip(NAMES, (0.01, 2.5, 3.0, 4.0), strict=True):
    events = dataclasses.replace(events, distance=np.array([metres]))
    labels.write_csv(
      tmp_path / 'data' / 'metadata_dev' / f'{name}.csv',
      events,
      edition='2023',
      distance_scale=None,
    )
    labels.write_csv(
      workdir / 'predictions' / 'test' / f'{name}.csv',
      events,
      edition=None,
      distance_scale=None,
    )
  run = runs.read_run(workdir)
  found = run_contents.read_recordings(run, run.scores['results'][-1])
  for kind in 'reference', 'prediction':
    distances = [getattr(one, kind).distance.tolist() for one in found]
    assert distances == [[0.01], [2.5], [3.0], [4.0]]


@pytest.mark.parametrize('name', ['config.json', 'scores.json'])
def test_an_unfinished_run_is_refused(workdir, name):
  (workdir / name).unlink()
  with pytest.raises(InputError, match=rf'no {name}.*python -m seld_jax\.main'):
    report.write_report(workdir)
  with pytest.raises(InputError, match=r'no config\.json.*seld_jax\.main'):
    report.write_report(workdir / 'elsewhere')
  assert not (workdir / 'report.html').exists()


@pytest.mark.parametrize(
  ('name', 'text', 'message'),
  [
    ('config.json', '{"data": {}}', r'config\.json has no field data\.root'),
    ('config.json', '{', r'config\.json cannot be read as JSON'),
    ('scores.json', '[]', r'scores\.json must hold a JSON object, got list'),
    (
      'scores.json',
      '{}',
      r'scores\.json: .* missing required field selected_step',
    ),
    (
      'metrics.jsonl',
      '{"step":\n{}\n',
      r'metrics\.jsonl, line 1, cannot be read as JSON',
    ),
    (
      'metrics.jsonl',
      '{"loss": 1}\n',
      r'metrics\.jsonl, line 1, needs .* step',
    ),
  ],
)
def test_damaged_files_are_refused(workdir, name, text, message):
  (workdir / name).write_text(text)
  with pytest.raises(InputError, match=message):
    report.write_report(workdir)


@pytest.mark.parametrize(
  ('result', 'message'),
  [
    ({'name': 'test'}, 'object missing required field folds'),
    ('test', 'expected object, got str'),
  ],
)
def test_damaged_results_are_refused(workdir, result, message):
  change(workdir / 'scores.json', results=[result])
  with pytest.raises(
    InputError, match=rf'scores\.json: results\[0\]: {message}'
  ):
    report.write_report(workdir)


def test_a_dataset_in_subfolders_is_found(tmp_path):
  """STARSS has its labels and sound files in subfolders."""
  workdir = make_run(tmp_path)
  for kind in 'metadata_dev', 'foa_dev':
    folder = tmp_path / 'data' / kind
    inner = folder / 'dev-train'
    inner.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
      path.rename(inner / path.name)
  run = runs.read_run(workdir)
  shown = run_contents.read_recordings(run, run.scores['results'][-1])
  assert [one.name for one in shown] == list(NAMES)
  for one in shown:
    assert one.audio
    assert one.audio.parent.name == 'dev-train'
    assert one.audio.is_file()


@pytest.mark.parametrize('how', ['absolute', 'above', 'link', 'linked file'])
def test_predictions_elsewhere_are_not_read(workdir, tmp_path, how):
  """A page must not contain files that a stranger names."""
  (workdir / 'metrics.jsonl').unlink()  # curves take long to draw
  secret = tmp_path / 'secret'
  (workdir / 'predictions' / 'test').rename(secret)
  scores = json_files.read(workdir / 'scores.json')
  result = scores['results'][-1]
  if how == 'absolute':
    result['predictions'] = str(secret)
  elif how == 'above':
    result['predictions'] = '../secret'
  elif how == 'link':
    (workdir / 'predictions' / 'test').symlink_to(secret)
  else:
    (workdir / 'predictions' / 'test').mkdir()
    for path in secret.iterdir():
      (workdir / 'predictions' / 'test' / path.name).symlink_to(path)
  change(workdir / 'scores.json', results=scores['results'])
  page = Page(report.write_report(workdir))
  assert 'No recording can be shown' in page.text and 'outside of' in page.text
  for name in NAMES[1:]:
    assert name not in page.text
