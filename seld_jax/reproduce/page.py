"""Table 1 and Figure 2 of finished runs, as files and as a page."""

import os
import pathlib
from collections.abc import Sequence

from seld_jax import figures, files
from seld_jax.report import page
from seld_jax.reproduce import comparison, tables

# The loss combinations of Figure 2; they share everything but their losses.
LOSSES = ('mse', 'ce_mse_1_1', 'ce_mse_1_1000')


def write_comparison(
  workdir: str | os.PathLike[str],
  results: Sequence[comparison.Result],
  *,
  notes: Sequence[str],
) -> pathlib.Path:
  """Writes Table 1 and Figure 2 as files and as a page.

  Args:
    workdir: Folder that gets `table1.md`, `table1.csv`, `runs.csv`,
      `curves.csv`, `figure2.png`, `figure2_dark.png` and `report.html`.
    results: Finished runs, at least one.
    notes: Sentences that say what was compared.

  Returns:
    The path of the page.
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
  results: Sequence[comparison.Result], *, scale: str, layout: str
) -> list[str]:
  """Sentences that say what a table compares, and how it differs.

  Args:
    results: The runs in the table.
    scale: One of `systems.SCALES`.
    layout: Layout of the features.

  Returns:
    The sentences.
  """
  roots = sorted({one.root for one in results})
  is_synthetic = any(
    (pathlib.Path(root) / 'synthesis.json').is_file() for root in roots
  )
  has_baseline = any(one.system == 'baseline' for one in results)
  facts = {
    f'Dataset: {", ".join(roots)}{", synthetic scenes" * is_synthetic}.': True,
    'The snapshot of each run was selected on its validation folds (of '
    'submission 2: the last one).': True,
    'Deviation: standardisation is fitted on the training folds alone; the '
    'published code fits it on all development folds.': True,
    'Deviation: the features are aligned; those of the published code are '
    'scrambled (--layout=published).': layout == 'aligned',
    'The features have the scrambled order of the published code.': (
      layout == 'published'
    ),
    'Scenes were not turned in training, which scrambled features do not '
    'allow.': layout == 'published' and scale != 'paper',
    'Rows named by seconds are of shorter windows. The paper tests in windows '
    'of 2 s, its published script in windows of 12 s: its cells stand beside '
    'both.': True,
    'The baseline normalises each channel; its published code normalises each '
    'band (config.model.normalise_bands).': has_baseline,
    'The baseline is trained for its own 50 epochs, a fortieth of the audio '
    'that the other systems see.': has_baseline and scale == 'paper',
    f'Scale {scale}: networks, features and training are narrowed '
    '(seld_jax/systems.py), so that only the order of the systems can be '
    "compared with the paper's.": scale != 'paper',
    'There are no evaluation recordings with labels, so no row of them.': (
      not any('evaluation' in one.scores for one in results)
    ),
  }
  return [sentence for sentence, holds in facts.items() if holds]


_LEGEND = (
  'Means over seeds ± sample standard deviation. LE_CD in degrees; LR_CD and '
  'F20 in percent; ER20, LE_CD and SELD: lower is better. '
  "The paper's cells, where shown, are quoted from its Table 1."
)


def _figure_2(
  workdir: pathlib.Path, results: Sequence[comparison.Result]
) -> list[str]:
  """Writes the figure for each format that has curves, and embeds it."""
  sections = []
  for format in comparison.FORMATS:
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
    images = []
    for suffix, dark in (('', False), ('_dark', True)):
      images.append(figures.to_png(figures.plot_systems(runs, dark=dark)))
      name = f'figure2{"" if format == "foa" else "_mic"}{suffix}.png'
      with files.atomic(workdir / name) as temporary:
        temporary.write_bytes(images[-1])
    sections.append(f'<h2>Figure 2, {format.upper()}</h2>')
    sections.append(
      page.figure(
        *images,
        caption='Losses and errors over training, means over seeds; areas '
        'reach from the lowest to the highest.',
        alt='Curves of the loss combinations on training and test recordings',
      )
    )
  return sections
