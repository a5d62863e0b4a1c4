"""Writes Table 1 and Figure 2 of finished runs, as files and as a page."""

import os
import pathlib
from collections.abc import Sequence

from seld_jax import figures, files
from seld_jax.report import page
from seld_jax.reproduce import comparison, tables
from seld_jax.reproduce.results import FORMATS, Result

_LEGEND = (
  'Means over seeds ± sample standard deviation. LE_CD in degrees; LR_CD and '
  'F20 in percent; ER20, LE_CD and SELD: lower is better. '
  "The paper's values, where shown, are quoted from its Table 1."
)

# The systems in Figure 2, which differ only in their losses.
LOSSES = ('mse', 'ce_mse_1_1', 'ce_mse_1_1000')


def write_comparison(
  workdir: str | os.PathLike[str],
  results: Sequence[Result],
  *,
  notes: Sequence[str],
) -> pathlib.Path:
  """Writes Table 1 and Figure 2 as files and as a page.

  Args:
    workdir: Folder that gets `table1.md`, `table1.csv`, `runs.csv`,
      `curves.csv`, `figure2.png`, `figure2_dark.png` and `report.html`.
    results: Results of at least one run.
    notes: Sentences about the comparison, from `describe`.

  Returns:
    The path of the page.

  Raises:
    InputError: A file cannot be written.
  """
  workdir = pathlib.Path(workdir)
  rows = comparison.make_table(results)
  differences = {
    split: comparison.paired_differences(results, split=split)
    for split in ('validation', 'test')
  }
  text = '\n'.join(
    [
      '# Table 1\n',
      *(f'- {note}' for note in notes),
      '',
      tables.to_markdown(rows),
      *(
        f'\nDifference to {comparison.label("mse")} on {split}, seed by seed:\n'
        f'\n{tables.differences_to_markdown(found)}'
        for split, found in differences.items()
        if found
      ),
    ]
  )
  for name, content in {
    'table1.md': text,
    'table1.csv': tables.to_csv(rows),
    'runs.csv': tables.runs_csv(results),
    'curves.csv': tables.curves_csv(results),
  }.items():
    files.write_text(workdir / name, content)
  title = 'Multitask losses for sound event localization and detection'
  sections = [
    f'<h1>{page.escape(title)}</h1>',
    *map(page.paragraph, notes),
    '<h2>Table 1</h2>',
    tables.to_html(rows),
    page.paragraph(_LEGEND, note=True),
  ]
  for split, found in differences.items():
    if found:
      heading = f'Difference to {comparison.label("mse")} on {split}'
      sections.append(f'<h2>{page.escape(heading)}</h2>')
      sections.append(tables.differences_to_html(found))
  sections += _figure_2(workdir, results)
  path = workdir / 'report.html'
  files.write_text(path, page.document(title, sections))
  return path


def describe(
  results: Sequence[Result], *, scale: str, layout: str
) -> list[str]:
  """Describes a comparison, and how it deviates from the paper.

  Args:
    results: The results in the table.
    scale: One of `config.systems.SCALES`.
    layout: Layout of the features.

  Returns:
    The sentences.
  """
  roots = sorted({one.root for one in results})
  is_synthetic = any(
    (pathlib.Path(root) / 'synthesis.json').is_file() for root in roots
  )
  test_selected = sorted(
    {comparison.label(one.system) for one in results if one.is_selected_on_test}
  )
  has_baseline = any(one.system == 'baseline' for one in results)
  facts = {
    f'Dataset: {", ".join(roots)}{", synthetic scenes" * is_synthetic}.': True,
    'The checkpoint of each run was selected by its score on the validation '
    'folds. Submission 2 has none; its last checkpoint was taken.': True,
    f'But {", ".join(test_selected)} selected it on the test folds '
    '(eval.select_on_test), so that these test scores are too good.': bool(
      test_selected
    ),
    'Deviation: standardisation is fitted on the training folds alone; the '
    'published code fits it on all development folds.': True,
    'Deviation: the features have the aligned layout; the published code '
    'scrambles their order (--layout=published).': layout == 'aligned',
    'The features have the scrambled order of the published code.': (
      layout == 'published'
    ),
    'Scenes were not rotated in training, because scrambled features do not '
    'allow it.': layout == 'published' and scale != 'paper',
    'Rows such as test_2s are of shorter windows. The paper tests in windows '
    'of 2 s, but its published script in windows of 12 s. So the values of the '
    'paper are quoted for both.': True,
    'The baseline normalises each channel; its published code normalises each '
    'band (config.model.normalise_bands).': has_baseline,
    'The baseline is trained for its published 50 epochs, with a fortieth of '
    'the audio that the other systems get.': has_baseline and scale == 'paper',
    f'Scale {scale}: networks, features and training are smaller than in the '
    'paper (seld_jax/config/systems.py), so only the order of the systems can '
    'be compared with the paper.': scale != 'paper',
    'There are no evaluation recordings with labels, so the table has no rows '
    'for them.': not any('evaluation' in one.scores for one in results),
  }
  return [sentence for sentence, holds in facts.items() if holds]


def _figure_2(workdir: pathlib.Path, results: Sequence[Result]) -> list[str]:
  """Writes and embeds the figure of each format that has curves."""
  sections = []
  for format in FORMATS:
    runs = {}
    for system in LOSSES:
      seeds = [
        one.records
        for one in results
        if (one.system, one.format) == (system, format)
      ]
      if any(r['split'] in ('test', 'train_fold') for s in seeds for r in s):
        runs[comparison.label(system)] = seeds
    if not runs:
      continue
    images = page.write_figure(
      lambda dark, runs=runs: figures.plot_systems(runs, dark=dark),
      folder=workdir,
      name='figure2' if format == 'foa' else f'figure2_{format}',
    )
    sections.append(f'<h2>Figure 2, {format.upper()}</h2>')
    sections.append(
      page.figure(
        *images,
        caption='Losses and errors during training. Lines are means over the '
        'seeds; areas reach from the lowest to the highest value.',
        alt='Curves of the loss combinations on training and test recordings',
      )
    )
  return sections
