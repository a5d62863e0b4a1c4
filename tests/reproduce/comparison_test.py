"""Comparing systems: statistics, the paper's values, tables and figures."""

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest

from seld_jax import figures, reproduce, runs
from seld_jax.errors import InputError
from seld_jax.reproduce import METRICS, comparison, comparison_page, tables


def scores(seed, shift=0.0):
  rng = np.random.default_rng(seed)
  values = dict(zip(METRICS, rng.uniform(0.1, 0.6, 5) + shift, strict=True))
  return values | {'LE_CD': 40 * values['LE_CD']}


def records(seed, *, splits=('test', 'train_fold', 'train')):
  rng = np.random.default_rng(seed)
  return [
    {
      'step': step,
      'split': split,
      'sed_mse': float(rng.random()),
      'sed_cross_entropy': float(rng.random()),
      'doa_masked_mse': float(rng.random()),
      **({} if split == 'train' else scores(step + seed)),
    }
    for step in (100, 200)
    for split in splits
  ]


FOLDS = {'validation': (2,), 'test': (1,), 'test_2s': (1,), 'evaluation': ()}


def result(
  system, seed, *, format='foa', shift=0.0, splits=('test',), folds=FOLDS
):
  return reproduce.Result(
    system=system,
    format=format,
    seed=seed,
    scores={split: scores(seed, shift) for split in splits},
    windows=dict.fromkeys(splits, 6.0),
    folds={split: folds[split] for split in splits},
    root='somewhere',
    records=records(seed),
  )


RESULTS = [
  result(system, seed, format=format, shift=shift, splits=splits)
  for seed in (0, 1, 2)
  for system, shift in (('mse', 0.0), ('ce_mse_1_1', 0.05))
  for format in ('foa', 'mic')
  for splits in (('validation', 'test', 'test_2s'),)
]


def test_cells_are_mean_and_sample_deviation_over_seeds():
  rows = comparison.make_table(RESULTS)
  for row in rows:
    shift = 0.05 * (row.system == 'ce_mse_1_1')
    for metric in METRICS:
      values = [scores(seed, shift)[metric] for seed in (0, 1, 2)]
      mean, deviation, count = row.cells['foa'][metric]
      assert mean == pytest.approx(np.mean(values))
      assert deviation == pytest.approx(np.std(values, ddof=1))
      assert count == 3


def test_rows_are_in_the_order_of_the_paper():
  rows = comparison.make_table(RESULTS[::-1])
  assert [(row.split, row.system) for row in rows] == [
    (split, system)
    for split in ('validation', 'test', 'test_2s')
    for system in ('ce_mse_1_1', 'mse')
  ]
  one = comparison.make_table([result('mse', 0, splits=('evaluation',))])
  assert one[0].cells['foa']['F20'][1] is None, 'one seed has no deviation'
  assert 'mic' not in one[0].cells


def test_the_values_of_the_paper_are_quoted():
  """Checks two values of the printed table, and that no row is missing."""
  cells = comparison.paper_cells()
  assert cells['test', 'mse']['foa']['LE_CD'] == '19.0'
  assert cells['evaluation', 'submission2']['mic']['F20'] == '59.2'
  assert len(cells) == 11
  assert {system for _, system in cells} == set(comparison.PAPER_ROWS)


def test_csv_markdown_and_html_have_the_same_numbers():
  rows = comparison.make_table(RESULTS)
  table = list(csv.DictReader(io.StringIO(tables.to_csv(rows))))
  markdown = tables.to_markdown(rows)
  html = tables.to_html(rows)
  assert len(table) == len(rows)
  lines = [line for line in markdown.splitlines() if 'paper' not in line][2:]
  for row, line, values in zip(rows, lines, table, strict=True):
    for metric, (factor, decimals) in {
      'LE_CD': (1, 1),
      'F20': (100, 1),
      'ER20': (1, 3),
    }.items():
      mean, deviation, _ = row.cells['mic'][metric]
      assert deviation is not None
      np.testing.assert_allclose(
        float(values[f'mic_{metric}']), mean, rtol=1e-5
      )
      shown = (
        f'{factor * mean:.{decimals}f} ± {factor * deviation:.{decimals}f}'
      )
      assert shown in line
      assert shown in html
    split = 'validation' if row.split == 'validation' else 'test'
    quoted = comparison.paper_cells()[split, row.system]['foa']['LE_CD']
    assert values['paper_foa_LE_CD'] == quoted
  assert 'MIC' not in tables.to_markdown(
    comparison.make_table([result('mse', 0)])
  )
  # In Markdown every line has as many cells as the heading.
  widths = {line.count('|') for line in markdown.splitlines()}
  assert len(widths) == 1
  assert "*the paper's*" in markdown and 'paper: 19.0' in html


def test_differences_are_taken_seed_by_seed():
  found = comparison.paired_differences(RESULTS)
  assert [(system, format) for system, format, _ in found] == [
    ('ce_mse_1_1', 'foa'),
    ('ce_mse_1_1', 'mic'),
  ]
  for _, _, cells in found:
    mean, deviation, count = cells['ER20']
    assert mean == pytest.approx(0.05)
    # The seeds differ much more than the systems with the same seed.
    assert deviation == pytest.approx(0, abs=1e-12)
    assert count == 3
  text = tables.differences_to_markdown(found)
  assert '+0.050 ± 0.000' in text
  assert not comparison.paired_differences([result('baseline', 0)])


def test_systems_with_other_folds_are_not_subtracted():
  """Submission 1 is validated on the fold on which the others are tested."""
  both = [
    result('mse', 0, splits=('validation',)),
    result(
      'submission1', 0, splits=('validation',), folds={'validation': (1,)}
    ),
  ]
  assert not comparison.paired_differences(both, split='validation')
  text = tables.to_markdown(comparison.make_table(both))
  assert '| validation (fold 1) | submission 1 |' in text
  assert '| validation (fold 2) | MSE + MSE (1, 1) |' in text


def test_differences_need_both_runs_of_a_seed():
  some = [result('mse', 0), result('mse', 1), result('baseline', 1)]
  ((_, _, cells),) = comparison.paired_differences(some)
  assert cells['F20'] == (0.0, None, 1)


def test_a_run_is_read_if_it_is_finished(tmp_path):
  options = {'system': 'mse', 'format': 'foa', 'seed': 4}
  assert reproduce.read_result(tmp_path, **options) is None
  config = {
    'data': {'root': 'there', 'classes': ['a']},
    'features': {'format': 'foa'},
  }
  (tmp_path / 'config.json').write_text(json.dumps(config))
  common = {
    'window_seconds': 12.0,
    'folds': [1, 3],
    'num_recordings': 2,
    'predictions': 'predictions/test',
  }
  entry = {'name': 'test', 'scores': scores(0), **common}
  unlabelled = {'name': 'evaluation', 'scores': None, **common}
  scores_json = {'selected_step': 100, 'num_steps': 200, 'selection': 'best'}
  scores_json['results'] = [entry, unlabelled]
  (tmp_path / 'scores.json').write_text(json.dumps(scores_json))
  for record in records(0):
    runs.append_record(tmp_path / 'metrics.jsonl', record)
  found = reproduce.read_result(tmp_path, **options)
  assert found is not None
  assert found.scores == {'test': scores(0)}
  assert found.windows == {'test': 12.0}
  assert found.folds == {'test': (1, 3)}
  assert found.root == 'there'
  assert found.records == records(0)
  assert found.seed == 4
  assert not found.is_selected_on_test
  entry['selected_on'] = True
  (tmp_path / 'scores.json').write_text(json.dumps(scores_json))
  again = reproduce.read_result(tmp_path, **options)
  assert again == dataclasses.replace(found, is_selected_on_test=True)
  scores_json['edition'] = '2021'  # whose scores have the same names
  (tmp_path / 'scores.json').write_text(json.dumps(scores_json))
  with pytest.raises(InputError, match='edition 2021, but the tables compare'):
    reproduce.read_result(tmp_path, **options)
  (tmp_path / 'config.json').write_text('{')
  with pytest.raises(InputError, match=r'config\.json cannot be read as JSON'):
    reproduce.read_result(tmp_path, **options)


def test_runs_that_were_selected_on_the_test_are_marked(tmp_path):
  splits = ('validation', 'test', 'test_2s')
  fair = [result('mse', seed, splits=splits) for seed in (0, 1)]
  selected = [
    dataclasses.replace(
      result('ce_mse_1_1', seed, splits=splits[1:]), is_selected_on_test=True
    )
    for seed in (0, 1)
  ]
  rows = comparison.make_table([*fair, *selected])
  marked = {(row.split, row.system) for row in rows if row.is_selected_on}
  assert marked == {('test', 'ce_mse_1_1'), ('test_2s', 'ce_mse_1_1')}
  lines = tables.to_markdown(rows).split('\n')
  (line,) = [one for one in lines if '| test (fold 1, selected on it) ' in one]
  assert 'CE + MSE (1, 1)' in line
  assert tables.to_html(rows).count('selected on it') == 2
  for text, found in (
    (tables.to_csv(rows), 2),
    (tables.runs_csv([*fair, *selected]), 4),
  ):
    values = [
      one['selected_on_test'] for one in csv.DictReader(io.StringIO(text))
    ]
    assert values.count('True') == found
  assert 'selected' not in tables.to_csv(comparison.make_table(fair))
  assert 'selected' not in tables.runs_csv(fair)
  (note,) = [
    one
    for one in comparison_page.describe(
      [*fair, *selected], scale='paper', layout='aligned'
    )
    if 'eval.select_on_test' in one
  ]
  assert note.startswith('But CE + MSE (1, 1) selected it on the test folds')


def test_csv_has_each_run_and_each_record():
  curves = list(csv.DictReader(io.StringIO(tables.curves_csv(RESULTS))))
  assert len(curves) == sum(len(one.records) for one in RESULTS)
  first = RESULTS[0].records[0]
  np.testing.assert_allclose(
    float(curves[0]['sed_mse']), first['sed_mse'], 1e-5
  )
  assert curves[0]['loss'] == '', 'the record has no loss'
  lines = list(csv.DictReader(io.StringIO(tables.runs_csv(RESULTS))))
  assert len(lines) == 3 * len(RESULTS)


@pytest.mark.parametrize('dark', [False, True])
def test_figure_2_shows_means_over_seeds(dark):
  seeds = [records(0), records(1)]
  figure = figures.plot_systems({'one': seeds, 'two': seeds[:1]}, dark=dark)
  panel = next(p for p in figure.axes if 'cross-entropy' in p.get_title())
  line = panel.lines[0]
  values = [
    [r['sed_cross_entropy'] for r in run if r['split'] == 'test']
    for run in seeds
  ]
  np.testing.assert_array_equal(line.get_xdata(), [100, 200])
  shown = np.asarray(line.get_ydata())
  np.testing.assert_allclose(shown, np.mean(values, axis=0))
  # The curves of both splits and both systems differ without colour.
  looks = {(one.get_linestyle(), one.get_marker()) for one in panel.lines}
  assert len(looks) == len(panel.lines) == 4
  assert figures.to_png(figure).startswith(b'\x89PNG')


def test_figure_2_needs_curves():
  alone = records(0, splits=('train',))
  with pytest.raises(InputError, match=r"eval\.watch = \('train', 'test'\)"):
    figures.plot_systems({'mse': [alone]})


def test_the_page_is_complete_and_loads_nothing(tmp_path):
  notes = ['Compared: <this>.']
  path = comparison_page.write_comparison(tmp_path, RESULTS, notes=notes)
  written = {entry.name for entry in tmp_path.iterdir()}
  assert written == {
    'table1.md',
    'table1.csv',
    'runs.csv',
    'curves.csv',
    'figure2.png',
    'figure2_dark.png',
    'figure2_mic.png',
    'figure2_mic_dark.png',
    'report.html',
  }
  page = path.read_text()
  assert '&lt;this&gt;' in page
  assert not re.search(r'(src|href)="?https?:', page)
  assert page.count('<img') == 2
  text = (tmp_path / 'table1.md').read_text()
  assert notes[0] in text
  assert 'Difference to MSE + MSE (1, 1) on test' in text


def notes(tmp_path, **options):
  options = {'scale': 'paper', 'layout': 'aligned'} | options
  systems = options.pop('systems', ('mse',))
  results = [
    dataclasses.replace(result(system, 0), root=str(tmp_path))
    for system in systems
  ]
  return ' '.join(comparison_page.describe(results, **options))


def test_notes_name_the_deviations(tmp_path):
  text = notes(tmp_path)
  assert text.count('Deviation: ') == 2
  assert 'training folds alone' in text and '--layout=published' in text
  assert str(tmp_path) in text
  assert 'no rows for them' in text
  for word in 'Scale', 'synthetic', 'rotated', 'baseline':
    assert word not in text
  assert 'a fortieth of the audio' in notes(tmp_path, systems=('baseline',))
  text = notes(tmp_path, layout='published')
  assert text.count('Deviation: ') == 1 and 'rotated' not in text
  (tmp_path / 'synthesis.json').write_text('{}')
  text = notes(tmp_path, scale='small', layout='published')
  assert 'Scale small' in text and 'synthetic scenes' in text
  assert 'not rotated' in text
