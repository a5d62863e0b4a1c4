"""The page of a run shows all that the run holds, and loads nothing."""

import base64
import hashlib
import json
import pathlib
import re

import numpy as np
import pytest
from helpers.finished import (
  HOSTILE,
  NAMES,
  NUM_FRAMES,
  SECONDS,
  Page,
  change,
  make_run,
  pixels,
)

from seld_jax import geometry, report
from seld_jax.report import examples, run_contents


@pytest.fixture(scope='module')
def reported(tmp_path_factory) -> pathlib.Path:
  """A run with its report, which tests only read."""
  workdir = make_run(tmp_path_factory.mktemp('reported'))
  assert report.write_report(workdir) == workdir / 'report.html'
  return workdir


def test_page_is_whole_and_loads_nothing(reported):
  path = reported / 'report.html'
  page = Page(path)
  # Three figures, each for light and dark, and the sound of three recordings.
  assert [a.split(';')[0] for a in page.addresses] == (
    ['data:audio/mpeg'] * 3 + ['data:image/png'] * 6
  )
  assert 'link' not in page.tags and 'iframe' not in page.tags
  text = path.read_text()
  style = text.split('<style>')[1].split('</style>')[0]
  assert 'url(' not in style and '@import' not in style
  assert 'prefers-color-scheme: dark' in style
  assert not re.search(r'https?:|//[a-z]+\.', re.sub(r'base64,\S+', '', text))
  assert len(text) < 5e6


def test_page_allows_its_one_script_and_no_other(reported):
  text = (reported / 'report.html').read_text()
  policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
  rules = dict(one.strip().split(' ', 1) for one in policy.split(';'))
  assert rules['default-src'] == "'none'"
  assert rules['img-src'] == rules['media-src'] == 'data:'
  (script,) = re.findall(r'<script>(.*?)</script>', text, re.DOTALL)
  digest = hashlib.sha256(script.encode()).digest()
  expected = f"'sha256-{base64.b64encode(digest).decode()}'"
  assert rules['script-src'] == expected
  # Everything else in script elements is data, and what others write as a name
  # does not leave it.
  kinds = re.findall(r'<script( [^>]*)?>', text)
  assert sorted(kinds) == ['', *[' type="application/json"'] * 3]


def test_data_in_the_page_is_that_of_the_recordings(reported):
  text = (reported / 'report.html').read_text()
  run = run_contents.read_run(reported)
  found = {
    one.name: one
    for one in run_contents.read_recordings(run, run.scores['results'][1])
  }
  pattern = r'<script type="application/json">(.*?)</script>'
  shown = [json.loads(one) for one in re.findall(pattern, text, re.DOTALL)]
  assert len({one['name'] for one in shown}) == 3
  for one in shown:
    recording = found[one['name']]
    assert one['seconds'] == one['soundSeconds'] == SECONDS
    names = [each['name'] for each in one['classes']]
    for kind in 'reference', 'prediction':
      events = getattr(recording, kind)
      azimuth, elevation = geometry.to_polar(events.xyz)
      expected = sorted(
        zip(events.frame, events.class_index, azimuth, elevation, strict=True)
      )
      rows = sorted(
        (frame, HOSTILE.index(names[index]), a, e)
        for frame, index, _, a, e in one[kind]
      )
      np.testing.assert_allclose(rows, expected, atol=0.0501)


def test_page_says_what_the_run_is(reported):
  text = Page(reported / 'report.html').text
  for fact in ('tiny', '543,210', 'lowest seld_score on fold 2', 'format foa'):
    assert fact in text


def test_class_names_are_text(reported):
  text = Page(reported / 'report.html').text
  for name in HOSTILE:
    assert name in text


def test_every_score_is_shown(reported):
  rows = Page(reported / 'report.html').rows
  results = json.loads((reported / 'scores.json').read_text())['results']
  cells = {row[0].strip(): row[1:] for row in rows}
  for result in results:
    scores = result['scores']
    about = next(name for name in cells if name.startswith(result['name']))
    for name, cell in zip(report.COLUMNS, cells[about], strict=True):
      ends = scores['intervals'][name] or ()
      shown = [float(n) for n in re.findall(r'-?\d+\.\d+', cell)]
      decimals = 0.05 if name == 'LE_CD' else 0.0005
      np.testing.assert_allclose(
        shown, [scores[name], *ends], atol=decimals * 1.001
      )
      assert ('°' in cell) == (name == 'LE_CD')
  test = results[1]['scores']
  for key in ('per_class', 'per_overlap', 'per_room'):
    assert len(test[key]) > 1
    for group, part in test[key].items():
      shown = [float(c.strip(' °')) for c in cells[group]]
      expected = [part[name] for name in report.COLUMNS]
      np.testing.assert_allclose(shown[:-1], expected, atol=0.051)
      assert shown[-1] == part['reference_segments']


def test_score_without_reference_is_a_dash(workdir):
  (workdir / 'metrics.jsonl').unlink()
  results = json.loads((workdir / 'scores.json').read_text())['results'][1:]
  part = results[0]['scores']['per_class'][HOSTILE[1]]
  part.update(dict.fromkeys(part), reference_segments=0)
  change(workdir / 'scores.json', results=results)
  rows = Page(report.write_report(workdir)).rows
  (row,) = [row for row in rows if row[0].strip() == HOSTILE[1]]
  assert [cell.strip() for cell in row[1:]] == ['–'] * 5 + ['0']


def test_figures_show_something(reported):
  found = {path.stem: path for path in (reported / 'figures').iterdir()}
  for name in sorted({name.removesuffix('_dark') for name in found}):
    light = pixels(found[name].read_bytes())
    dark = pixels(found[f'{name}_dark'].read_bytes())
    assert light.shape == dark.shape
    assert light.std() > 0.05 and dark.std() > 0.05
    assert light[0, 0, :3].mean() > 0.9 and dark[0, 0, :3].mean() < 0.2
  assert len(found) == 12
  for name in 'tracks', 'learning_curves', 'confusion', 'direction_errors':
    assert name in found


def test_report_is_deterministic(reported, workdir):
  # The page says where the data lies.
  config = json.loads((reported / 'config.json').read_text())
  change(workdir / 'config.json', **config)
  first = (reported / 'report.html').read_bytes()
  assert report.write_report(workdir).read_bytes() == first


def test_recordings_of_a_run_know_their_length_and_sound(reported):
  run = run_contents.read_run(reported)
  recordings = run_contents.read_recordings(run, run.scores['results'][1])
  assert [one.name for one in recordings] == list(NAMES)
  assert {one.num_frames for one in recordings} == {NUM_FRAMES}
  assert all(one.audio.is_file() for one in recordings)
  text = Page(reported / 'report.html').text
  for _, reason in examples.choose_recordings(recordings):
    assert reason in text
