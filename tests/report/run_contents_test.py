"""A finished run is read: what is missing is said, what is damaged refused."""

import json
import pathlib

import pytest
from helpers.finished import NAMES, Page, change, make_run

from seld_jax import report
from seld_jax.errors import InputError
from seld_jax.report import run_contents


def test_missing_audio_is_said(workdir):
  (workdir / 'metrics.jsonl').unlink()
  config = json.loads((workdir / 'config.json').read_text())
  for path in pathlib.Path(config['data']['root'], 'foa_dev').iterdir():
    path.unlink()
  page = Page(report.write_report(workdir))
  assert 'There is no sound' in page.text and 'does not exist' in page.text
  assert len(page.addresses) == 4


def test_missing_labels_are_said(workdir):
  config = json.loads((workdir / 'config.json').read_text())
  change(workdir / 'config.json', data=config['data'] | {'root': '/nowhere'})
  page = Page(report.write_report(workdir))
  assert 'No recording can be shown' in page.text and '/nowhere' in page.text
  assert len(page.addresses) == 2


def test_missing_curves_and_results_are_said(workdir):
  (workdir / 'metrics.jsonl').unlink()
  change(workdir / 'scores.json', results=[])
  page = Page(report.write_report(workdir))
  for sentence in ('no curves', 'no scores', 'no predictions'):
    assert sentence in page.text
  assert not page.addresses


@pytest.mark.parametrize('name', ['config.json', 'scores.json'])
def test_no_finished_run(workdir, name):
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
    ('scores.json', '{}', r'scores\.json has no field selected_step'),
    ('metrics.jsonl', '{"step":\n{}\n', r'metrics\.jsonl has a line that'),
    ('metrics.jsonl', '{"loss": 1}\n', r'metrics\.jsonl needs a step'),
  ],
)
def test_damaged_files(workdir, name, text, message):
  (workdir / name).write_text(text)
  with pytest.raises(InputError, match=message):
    report.write_report(workdir)


def test_a_dataset_in_folders_of_its_own_is_found(tmp_path):
  """Labels and sound within folders, as STARSS has them."""
  workdir = make_run(tmp_path)
  for kind in 'metadata_dev', 'foa_dev':
    folder = tmp_path / 'data' / kind
    inner = folder / 'dev-train'
    inner.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
      path.rename(inner / path.name)
  run_contents._dataset.cache_clear()
  run = run_contents.read_run(workdir)
  shown = run_contents.read_recordings(run, run.scores['results'][-1])
  assert {one.name for one in shown} <= set(NAMES)
  path = run_contents.audio_path(run, shown[0].name)
  assert path.parent.name == 'dev-train'
  assert path.is_file()
