"""The page about a run shows all its contents, and loads nothing."""

import base64
import dataclasses
import hashlib
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
from helpers.finished_run import (
  HOSTILE,
  NAMES,
  NUM_FRAMES,
  SECONDS,
  make_run,
)
from helpers.pages import Page, pixels

from seld_jax import (
  evaluate,
  figures,
  geometry,
  json_files,
  metrics,
  report,
  runs,
)
from seld_jax.report import (
  choice,
  run_contents,
  run_page,
  run_settings,
  score_tables,
)


@pytest.fixture(scope='module')
def reported(finished_run, tmp_path_factory) -> pathlib.Path:
  """A run with its report, which tests only read."""
  workdir = tmp_path_factory.mktemp('reported') / finished_run.name
  shutil.copytree(finished_run, workdir)
  assert report.write_report(workdir) == workdir / 'report.html'
  return workdir


def test_page_is_complete_and_loads_nothing(reported):
  path = reported / 'report.html'
  page = Page(path)
  # Three figures, each for light and dark pages, and three sounds.
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


def test_page_allows_only_its_own_script(reported):
  text = (reported / 'report.html').read_text()
  (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', text)
  rules = dict(one.strip().split(' ', 1) for one in policy.split(';'))
  assert rules['default-src'] == "'none'"
  assert rules['img-src'] == rules['media-src'] == 'data:'
  (script,) = re.findall(r'<script>(.*?)</script>', text, re.DOTALL)
  digest = hashlib.sha256(script.encode()).digest()
  expected = f"'sha256-{base64.b64encode(digest).decode()}'"
  assert rules['script-src'] == expected
  # All other script elements are data, and a class name cannot end them.
  kinds = re.findall(r'<script( [^>]*)?>', text)
  assert sorted(kinds) == ['', *[' type="application/json"'] * 3]


def test_page_has_the_events_of_the_recordings(reported):
  text = (reported / 'report.html').read_text()
  run = runs.read_run(reported)
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


def test_page_describes_the_run(reported):
  text = Page(reported / 'report.html').text
  for fact in ('tiny', '543,210', 'lowest seld_score on fold 2', 'format foa'):
    assert fact in text


@pytest.mark.parametrize(
  ('fields', 'shown'),
  [
    (None, 'class_wise, axes 3, distance False'),  # of an earlier version
    (
      {'format': 'tracks', 'num_tracks': 2, 'distance': True, 'unify': 15.0},
      'tracks, axes 3, distance True, activation tanh, num_tracks 2',
    ),
  ],
)
def test_summary_names_the_output_format(reported, fields, shown):
  run = runs.read_run(reported)
  config = (
    {**run.config} if fields is None else {**run.config, 'output': fields}
  )
  text = run_page._summary(dataclasses.replace(run, config=config))
  assert shown in text and 'unify' not in text


def test_class_names_are_escaped(reported):
  text = Page(reported / 'report.html').text
  for name in HOSTILE:
    assert name in text


def test_every_score_is_shown(reported):
  rows = Page(reported / 'report.html').rows
  results = json_files.read(reported / 'scores.json')['results']
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


def test_a_class_without_reference_has_dashes_for_scores(reported, tmp_path):
  scores = json_files.read(reported / 'scores.json')['results'][1]['scores']
  part = scores['per_class'][HOSTILE[1]]
  part.update(dict.fromkeys(part), reference_segments=0)
  (tmp_path / 'tables.html').write_text(score_tables.breakdown_tables(scores))
  rows = Page(tmp_path / 'tables.html').rows
  (row,) = [row for row in rows if row[0].strip() == HOSTILE[1]]
  assert [cell.strip() for cell in row[1:]] == ['–'] * 5 + ['0']


def test_figures_are_not_empty_and_suit_light_and_dark_pages(reported):
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


@pytest.mark.slow
def test_report_is_deterministic(reported, workdir):
  first = (reported / 'report.html').read_bytes()
  assert report.write_report(workdir).read_bytes() == first


def test_recordings_have_their_length_and_sound_file(reported):
  run = runs.read_run(reported)
  found = run_contents.read_recordings(run, run.scores['results'][1])
  assert [one.name for one in found] == list(NAMES)
  assert {one.num_frames for one in found} == {NUM_FRAMES}
  assert all(one.audio and one.audio.is_file() for one in found)
  text = Page(reported / 'report.html').text
  for _, reason in choice.choose_recordings(found):
    assert reason in text


@pytest.mark.parametrize('edition', ['2019', '2022'])
def test_a_run_of_another_edition_has_its_scores(edition, tmp_path):
  run = runs.read_run(make_run(tmp_path, edition=edition))
  sections = {
    name: run_page.SECTIONS[f'{name}'](run)
    for name in ('Scores', 'Scores by class, overlap and room')
  }
  names = metrics.main_scores(edition)
  for text in sections.values():
    (tmp_path / 'section.html').write_text(text)
    page = Page(tmp_path / 'section.html')
    heads = [cell.strip() for cell in page.rows[0]]
    assert [head for head in heads if head in names] == list(names)
    assert not set(heads) & (set(metrics.main_scores('2020')) - set(names))
  unit = {'2019': 'seconds', '2022': 'tracks'}[edition]
  assert f'{unit}: the number of' in text
  legend = {'2019': 'frame_recall: share', '2022': 'LR_CD are means over'}
  assert legend[edition] in sections['Scores']
  titles = {
    axes.get_title().split()[0].strip(':')
    for axes in figures.plot_learning_curves(run.records).axes
  }
  assert set(names) <= titles
  recordings = run_contents.read_recordings(run, run.scores['results'][1])
  scores = {
    one.name: evaluate.evaluate_predictions(
      [(one.name, one.reference, one.prediction)],
      edition=edition,
      num_frames=NUM_FRAMES,
      num_classes=len(HOSTILE),
    )['seld_score']
    for one in recordings
  }
  assert {one.name: one.score for one in recordings} == scores


def test_an_option_of_a_later_version_stops_no_report(finished_run):
  config = json.loads((finished_run / 'config.json').read_text())
  before = run_settings.facts(finished_run, config)
  config['output'] = config.get('output', {}) | {'later': 1}
  assert run_settings.facts(finished_run, config) == before
