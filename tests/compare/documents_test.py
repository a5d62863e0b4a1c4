"""A comparison as a page, as Markdown and on the terminal."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
from helpers.command_outcomes import outcome
from helpers.finished_run import HOSTILE, NAMES, change
from helpers.pages import Page, pixels

from seld_jax import compare, figures, json_files, metrics, runs
from seld_jax.compare import tables as tables_lib
from seld_jax.errors import InputError
from seld_jax.evaluate import tables


@pytest.fixture(scope='module')
def found(made):
  paths = [made / 'runs' / name for name in ('tiny', 'other', 'young')]
  return compare.compare_systems(
    compare.read_runs(paths), class_names=HOSTILE, resamples=50
  )


@pytest.fixture(scope='module')
def written(found, tmp_path_factory):
  """The folder of the page and of the Markdown file, only read."""
  folder = tmp_path_factory.mktemp('written')
  compare.write_page(found, folder / 'page.html')
  compare.write_markdown(found, folder / 'a note.md')
  return folder


def expected_scores(found):
  """The texts that stand in the rows of the overall scores and differences."""
  rows = {}
  for name in metrics.main_scores('2020'):
    both = [found.results[one] for one in ('tiny', 'other')]
    rows[name] = [tables.number(name, one[name]) for one in both]
  return rows


def test_the_page_is_well_formed_and_loads_nothing(written):
  path = written / 'page.html'
  page = Page(path)
  assert [one.split(';')[0] for one in page.addresses] == ['data:image/png'] * 2
  assert 'script' not in page.tags and 'link' not in page.tags
  assert not re.search(r'https?:', re.sub(r'base64,\S+', '', path.read_text()))
  for name in HOSTILE:
    assert name in page.text
  light, dark = (
    pixels((written / 'page_figures' / name).read_bytes())
    for name in ('learning_curves.png', 'learning_curves_dark.png')
  )
  assert light[0, 0, :3].mean() > 0.9 and dark[0, 0, :3].mean() < 0.2


def test_numbers_of_the_page_are_those_of_evaluate(written, found):
  rows = [
    [cell.strip() for cell in row] for row in Page(written / 'page.html').rows
  ]
  scores = found.results
  for name, (one, two) in expected_scores(found).items():
    (overall,) = [row for row in rows if row[0].startswith(f'{name} ')]
    ends = [
      tables.number(name, end)
      for system in ('tiny', 'other')
      for end in scores[system]['intervals'][name]
    ]
    low, high, other_low, other_high = ends
    assert overall[1:] == [
      f'{one} {low} to {high}',
      f'{two} {other_low} to {other_high}',
    ]
    (compared,) = [row for row in rows if row[0] == name]
    assert compared[1:3] == [one, two]
    difference = found.differences['other'][0][name]
    shown = float(compared[3].rstrip(' *').rstrip('°'))
    assert shown == pytest.approx(difference.value, abs=0.051)
    assert compared[3].endswith('*') == difference.excludes_zero
  for index, group in enumerate(HOSTILE):
    of_class = [row for row in rows if row[0] == group]
    assert len(of_class) == 5  # a table for each score, seld_score first
    part = [scores[one]['per_class'][group] for one in ('tiny', 'other')]
    assert of_class[0][1:3] == [
      tables.number('seld_score', one['seld_score']) for one in part
    ]
    assert of_class[0][-1] == f'{part[0]["reference_segments"]:,}'
    value = found.differences['other'][1 + index]['seld_score'].value
    assert float(of_class[0][3].rstrip(' *')) == pytest.approx(value, abs=6e-4)


def test_the_page_says_what_is_compared(written):
  text = Page(written / 'page.html').text
  assert 'Comparison of tiny, other and young' in text
  assert 'young has no scores yet (step 200)' in text
  assert '50 bootstrap samples (seed 0)' in text
  assert 'train.batch_size' in text and 'DCASE 2020' in text
  assert 'There are only 4 recordings' in text


def test_markdown_has_valid_tables_and_a_figure(written, found):
  text = (written / 'a note.md').read_text()
  lines = text.splitlines()
  blocks = re.findall(r'(?:^\|.*\n)+', text, re.MULTILINE)
  assert len(blocks) == 2 + 5 + 1
  for block in blocks:
    rows = block.splitlines()
    cells = [len(re.findall(r'(?<!\\)\|', row)) for row in rows]
    assert len(set(cells)) == 1
    assert re.fullmatch(r'\|( (:---|---:) \|)+', rows[1])
  for name, (one, two) in expected_scores(found).items():
    assert any(line.startswith(f'| {name} | {one} | {two} |') for line in lines)
  assert '<script>' not in text.replace('\\<script\\>', '')
  (link,) = re.findall(r'!\[.*\]\((.*)\)', text)
  assert link == 'a%20note_figures/learning_curves.png'
  assert (written / link.replace('%20', ' ')).is_file()


def test_equal_runs_have_no_table_of_settings(made, tmp_path):
  systems = [
    compare.System(name, training=one.training)
    for name, one in zip(
      'ab', compare.read_runs([made / 'runs' / 'young']) * 2, strict=True
    )
  ]
  both = compare.compare_systems(systems)
  assert compare.make_tables(both) == []
  path = compare.write_markdown(both, tmp_path / 'same.md')
  text = path.read_text()
  assert 'The configurations of the runs are the same.' in text
  assert 'Fewer than two systems have scores' in text
  assert '## Learning curves' in text and '|' not in text


def test_curves_are_on_one_axis(made):
  records = {
    one.name: one.training.records
    for one in compare.read_runs(
      [made / 'runs' / name for name in ('tiny', 'young')]
    )
    if one.training
  }
  figure = figures.plot_runs(records)
  score, loss = figure.axes
  for panel in score, loss:
    assert [np.size(line.get_xdata()) for line in panel.lines] == [3, 2]
  assert len({line.get_color() for line in score.lines}) == 2
  drawn = score.lines[0].get_ydata()
  np.testing.assert_array_equal(drawn, [0.25, 0.5, 0.75])
  (legend,) = figure.legends
  assert [text.get_text() for text in legend.get_texts()] == ['tiny', 'young']


def test_curves_of_nothing_are_refused():
  with pytest.raises(InputError, match='no seld_score and no training loss'):
    figures.plot_runs({'a': [{'step': 1, 'split': 'validation', 'loss': 1.0}]})


def test_infinite_losses_are_not_drawn():
  lines = [
    {'step': step, 'split': 'train', 'loss': loss}
    for step, loss in ((1, float('inf')), (2, None), (3, 0.5))
  ]
  figure = figures.plot_runs({'a': lines, 'b': lines[:2]})
  (loss,) = figure.axes
  assert len(loss.lines) == 1
  figures.to_png(figure, dpi=30)


def run(*words, folder=None):
  return outcome('seld_jax.compare', *words, folder=folder)


def test_the_command_compares_runs(made, tmp_path):
  paths = [made / 'runs' / name for name in ('tiny', 'other')]
  out = tmp_path / 'page.html'
  status, text, err = run(*paths, f'--out={out}', '--bootstrap=20')
  assert (status, err) == (0, '')
  assert text.splitlines()[-1] == str(out) and Page(out).rows
  assert 'DCASE 2020, 4 recordings, 95% intervals' in text
  assert 'other minus tiny' in text and 'train.batch_size' in text


def test_the_command_compares_folders_like_runs(made, tmp_path):
  """Also with the run directories themselves, for a dataset that was moved."""
  workdirs = [made / 'runs' / name for name in ('tiny', 'other')]
  folders = [one / 'predictions' / 'test' for one in workdirs]
  reference = f'--reference={made / "data" / "metadata_dev"}'
  pages = []
  for number, words in enumerate(
    (workdirs, [reference, '--frames=120', *folders], [reference, *workdirs])
  ):
    out = tmp_path / f'{number}.md'
    words = [*words] + ['--frames=120'] * (number == 2)
    status, _, err = run(*words, f'--out={out}', '--bootstrap=20')
    assert (status, err) == (0, '')
    text = out.read_text()
    pages.append(re.findall(r'^\| (?:\w+|\\<script).*', text, re.MULTILINE))
  rows = [
    [row for row in one if not re.match(r'\| (field|seed|train)', row)]
    for one in pages
  ]
  assert len(rows[0]) > 20
  assert rows[0] == rows[1] == rows[2]


def test_a_run_beside_a_folder_has_the_name_of_its_directory(made, tmp_path):
  folder = tmp_path / 'system'
  shutil.copytree(made / 'runs' / 'other' / 'predictions' / 'test', folder)
  reference = f'--reference={made / "data" / "metadata_dev"}'
  words = [reference, '--frames=120', made / 'runs' / 'tiny', folder]
  status, out, err = run(*words, '--bootstrap=20')
  assert (status, err) == (0, '')
  assert 'system minus tiny' in ' '.join(out.split())


def test_runs_of_other_classes_are_refused_as_folders_too(made, folder):
  path = folder / 'other' / 'config.json'
  data = {**json_files.read(path)['data'], 'classes': [*HOSTILE[:3], 'cat']}
  change(path, data=data)
  status, out, err = run(
    f'--reference={made / "data" / "metadata_dev"}',
    *(folder / name for name in ('tiny', 'other')),
    '--frames=120',
  )
  assert (status, out) == (1, '')
  assert 'tiny and other cannot be compared: class 3 is ' in err
  # The number of classes does not make them the same.
  status, out, err = run(
    f'--reference={made / "data" / "metadata_dev"}',
    *(folder / name for name in ('tiny', 'other')),
    *('--frames=120', '--classes=14'),
  )
  assert (status, out) == (1, '')
  assert 'tiny and other cannot be compared: class 3 is ' in err


def test_names_reach_the_terminal_without_control_characters(tmp_path):
  names = 'a\x1b[31m', '$\\frac$'
  for name in ('reference', *names):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'mix1.csv').write_text('0,0,0,10,0\n')
  status, out, err = run('--reference=reference', *names, folder=tmp_path)
  assert (status, err) == (0, '')
  assert '\x1b' not in out and 'There is only one recording' in out


def test_curves_of_a_name_with_dollar_signs_are_drawn(made):
  records = runs.read_records(made / 'runs' / 'tiny' / runs.METRICS)
  figures.to_png(figures.plot_runs({'$\\frac$': records, 'b$': records}))


def test_the_command_leaves_out_recordings_on_request(made, folder, tmp_path):
  folders = [
    folder / name / 'predictions' / 'test' for name in ('tiny', 'other')
  ]
  (folders[1] / f'{NAMES[0]}.csv').unlink()
  words = [
    f'--reference={made / "data" / "metadata_dev"}',
    *folders,
    '--frames=120',
    '--names=first,second',
    '--bootstrap=0',
  ]
  status, _, err = run(*words, folder=tmp_path)
  assert status == 1 and f'lacks {NAMES[0]}.csv' in err
  status, text, err = run(*words, '--common', folder=tmp_path)
  assert status == 0 and 'are left out and not' in err
  assert '3 recordings' in text and 'second minus first' in text
  assert 'bootstrap samples' not in text


@pytest.mark.parametrize(
  ('words', 'message'),
  [
    (['a'], 'at least two runs, .* got 1'),
    (['a', 'b'], 'a is not a folder, but a run directory is needed'),
    (['a', 'b', '--frames=600'], '--frames is for folders of CSV files: add'),
    (['a', 'b', '--out=x.pdf'], r'--out must be a page FILE\.html or FILE\.md'),
    (['a', 'b', '--out=x'], '--out must be a page'),
    (['a', 'b', '--reference=c'], 'is not a folder, but a folder of CSV'),
    (['.', 'b', '--reference=.', '--names=x,'], 'names that are not empty'),
    (
      ['.', 'b', '--reference=.', '--result=test'],
      r'of \., b are folders of CSV',
    ),
  ],
)
def test_the_command_refuses_mistakes(words, message, tmp_path):
  status, out, err = run(*words, folder=tmp_path)
  assert (status, out) == (1, '')
  assert re.search(message, err) and 'Traceback' not in err
  assert list(tmp_path.iterdir()) == []


def test_a_star_needs_both_intervals(found):
  """The bootstrap has none for a class that few recordings have."""
  whole = {
    name: metrics.Difference(0.2, (0.1, 0.3), (np.nan, np.nan))
    for name in metrics.main_scores('2020')
  }
  before = found.differences['other']
  differences = {**found.differences, 'other': [whole, *before[1:]]}
  for resamples, star in (50, False), (0, True):
    one = dataclasses.replace(
      found, differences=differences, resamples=resamples
    )
    (table,) = [
      table
      for table in tables_lib.make_tables(one)
      if table.kind == 'differences' and 'other' in table.columns
    ]
    assert [row[3][0].endswith('*') for row in table.rows] == [star] * 5
