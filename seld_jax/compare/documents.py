"""The documents of a comparison: an HTML page, Markdown, and the terminal."""

import os
import pathlib
import re
import urllib.parse
from collections.abc import Sequence

import rich.console
import rich.table
import rich.text

from seld_jax import figures, files, runs, text_tables
from seld_jax.compare.comparison import Comparison
from seld_jax.compare.tables import Table, make_tables
from seld_jax.errors import printable
from seld_jax.evaluate import tables as score_texts
from seld_jax.report import describe_progress, page, score_tables

# Values of settings may be long; other cells are not broken.
_STYLE = """
.settings td { white-space: normal; overflow-wrap: anywhere; }
"""

_CURVES = (
  'Left: seld_score of the validation recordings over the steps (dotted: of '
  'the test recordings, where they were watched). Right: training loss; losses '
  'of different kinds cannot be compared.'
)
_ALT = 'Learning curves of all runs: seld_score and training loss by step'

_SECTIONS = {
  'scores': 'Scores',
  'differences': 'Differences',
  'curves': 'Learning curves',
  'classes': 'Differences by class',
  'settings': 'Configurations',
}


def write_page(found: Comparison, out: str | os.PathLike[str]) -> pathlib.Path:
  """Writes a comparison as an HTML page.

  The page needs no other file and no network.

  Args:
    found: The comparison.
    out: The page to write. Its figures are also written as PNG files, into the
      folder `NAME_figures` beside it, where NAME is its name without suffix.

  Returns:
    The path of the page.

  Raises:
    InputError: A file cannot be written.

  Example:
    >>> from seld_jax import compare
    >>> systems = [compare.System('a'), compare.System('b')]
    >>> found = compare.compare_systems(systems)
    >>> compare.write_page(found, 'comparison.html').name
    'comparison.html'
  """
  out = pathlib.Path(out)
  made = make_tables(found)
  title = _title(found)
  parts = [f'<h1>{page.escape(title)}</h1>', page.facts(_facts(found))]
  parts += [page.paragraph(one) for one in _notes(found)]
  for kind, heading in _SECTIONS.items():
    if kind == 'curves':
      content = _curves(found, out)
    else:
      content = [_html(one) for one in made if one.kind == kind]
    legend = [page.paragraph(one, note=True) for one in _legend(found, kind)]
    if content:
      parts += [f'<h2>{page.escape(heading)}</h2>', *content, *legend]
  files.write_text(out, page.document(title, parts, style=_STYLE))
  return out


def write_markdown(
  found: Comparison, out: str | os.PathLike[str]
) -> pathlib.Path:
  """Writes a comparison as Markdown, with tables as GitHub shows them.

  Args:
    found: The comparison.
    out: The file to write. The figure of the learning curves is in the folder
      `NAME_figures` beside it, where NAME is its name without suffix.

  Returns:
    The path of the file.

  Raises:
    InputError: A file cannot be written.

  Example:
    >>> from seld_jax import compare
    >>> systems = [compare.System('a'), compare.System('b')]
    >>> found = compare.compare_systems(systems)
    >>> path = compare.write_markdown(found, 'comparison.md')
    >>> path.read_text().splitlines()[0]
    '# Comparison of a and b'
  """
  out = pathlib.Path(out)
  made = make_tables(found)
  lines = [f'# {_escape(_title(found))}', '']
  lines += [
    f'- {_escape(name)}: {_escape(value)}'
    for name, value in _facts(found).items()
  ]
  for note in _notes(found):
    lines += ['', _escape(note)]
  for kind, heading in _SECTIONS.items():
    content = []
    if kind == 'curves':
      if _write_curves(found, out):
        folder = urllib.parse.quote(f'{out.stem}_figures')
        content = [f'![{_ALT}]({folder}/learning_curves.png)']
    else:
      for one in made:
        if one.kind == kind:
          if one.heading != heading:
            content += [f'### {_escape(one.heading)}', '']
          content += [_markdown(one), '']
    if content:
      lines += ['', f'## {heading}', '', *content]
      lines += [f'\n{_escape(one)}' for one in _legend(found, kind)]
  text = re.sub(r'\n{3,}', '\n\n', '\n'.join(lines)).strip()
  files.write_text(out, f'{text}\n')
  return out


def show(found: Comparison, console: rich.console.Console) -> None:
  """Prints a comparison on a terminal, except tables of single scores."""
  for note in _notes(found):
    console.print(rich.text.Text(printable(note)))
  for table in make_tables(found):
    if not table.main:
      continue
    first, *others = table.columns
    shown = rich.table.Table(
      title=rich.text.Text(_terminal_title(found, table)), show_lines=False
    )
    shown.add_column(rich.text.Text(printable(first)), overflow='fold')
    align = 'left' if table.kind == 'settings' else 'right'
    for name in others:
      shown.add_column(
        rich.text.Text(printable(name)), justify=align, overflow='fold'
      )
    for row in table.rows:
      shown.add_row(
        *(
          rich.text.Text('\n'.join(printable(part) for part in cell if part))
          for cell in row
        )
      )
    text_tables.show(console, shown)
  if found.differences:
    legend = map(printable, _legend(found, 'differences'))
    console.print(rich.text.Text('\n'.join(legend)))


def _terminal_title(found: Comparison, table: Table) -> str:
  if table.kind != 'scores':
    return printable(table.heading)
  count = len(found.recordings)
  several = 's' * (count != 1)
  return f'DCASE {found.edition}, {count} recording{several}, 95% intervals'


def _title(found: Comparison) -> str:
  *some, last = [system.name for system in found.systems]
  if not some:
    return f'Comparison of {last}'
  return f'Comparison of {", ".join(some)} and {last}'


def _facts(found: Comparison) -> dict[str, str]:
  """What is compared."""
  facts = {}
  for number, system in enumerate(found.systems, 1):
    place = '' if system.training is None else str(system.training.workdir)
    about = ', '.join(filter(None, (system.about, place)))
    facts[f'{number}. {system.name}'] = about
  if found.results:
    result = next(iter(found.results.values()))
    frames = result['num_frames']
    if isinstance(frames, list):
      frames = ' to '.join(map(str, frames))
    rule = score_texts.LENGTH_RULES[result['length_rule']]
    facts |= {
      'edition': f'DCASE {found.edition}',
      'recordings': f'{len(found.recordings):,}, the same for all systems',
      'length': f'{frames} label frames, {rule}',
    }
  if found.differences:
    facts['differences'] = f'each system minus {found.baseline}'
  return facts


def _notes(found: Comparison) -> list[str]:
  """Sentences that a reader has to know first."""
  notes = []
  for system in found.systems:
    if system.note:
      notes.append(f'{system.name}: {system.note}')
    elif system.found is None and system.training is not None:
      notes.append(
        f'{system.name} has no scores yet '
        f'({describe_progress(system.training)}): it is still training, or was '
        'stopped. It is compared by its learning curves and its '
        'configuration.'
      )
  if len(found.results) < 2:
    notes.append(
      'Fewer than two systems have scores, so that there are no differences.'
    )
  trainings = [one.training for one in found.systems if one.training]
  if len(trainings) > 1 and not runs.differing_fields(
    [one.config for one in trainings]
  ):
    notes.append('The configurations of the runs are the same.')
  if found.left_out:
    count = f'{found.left_out:,} recording{"s" * (found.left_out != 1)}'
    notes.append(f'Left out, because only some systems have them: {count}.')
  if len(found.recordings) == 1 and found.differences:
    notes.append('There is only one recording, so that there are no intervals.')
  elif len(found.recordings) < 10 and found.differences:
    notes.append(
      f'There are only {len(found.recordings)} recordings: intervals over so '
      'few are not reliable.'
    )
  return notes


def _legend(found: Comparison, kind: str) -> list[str]:
  """Sentences below the tables of a kind."""
  if kind == 'scores' and found.edition:
    return [score_tables.legend(found.edition)]
  if kind == 'differences' and found.differences:
    bootstrap = (
      f', and the percentiles of {found.resamples:,} bootstrap samples (seed '
      f'{found.seed}), which draw the same recordings for both systems'
    )
    return [
      f'Differences are those of each system minus {found.baseline}. Their 95% '
      'intervals are paired over recordings: a jackknife that leaves out one '
      'recording for both systems'
      f'{bootstrap * bool(found.resamples)}.',
      f'{_mark(found)} Of twenty intervals of systems that do not differ, '
      'about one excludes 0 by chance. Intervals over recordings do not '
      'include what another seed of the training would change.',
    ]
  if kind == 'classes' and found.differences and found.edition:
    return [
      'Scores of each class alone; classes that are not in the reference are '
      f'left out. {_mark(found)}',
      score_tables.breakdown_legend(found.edition),
    ]
  return []


def _mark(found: Comparison) -> str:
  """What the mark beside a difference means."""
  if found.resamples:
    return '*: both intervals exclude 0.'
  return '*: the interval excludes 0.'


def _html(table: Table) -> str:
  content = page.table(table.columns, table.rows)
  if table.kind == 'settings':
    return f'<div class="settings">{content}</div>'
  if table.kind == 'classes':
    return page.fold(table.heading, content, opened=table.main)
  if table.kind == 'scores':
    return content
  return f'<h3>{page.escape(table.heading)}</h3>\n{content}'


def _curves(found: Comparison, out: pathlib.Path) -> list[str]:
  images = _write_curves(found, out)
  if images is None:
    return []
  return [page.figure(*images, caption=_CURVES, alt=_ALT)]


def _write_curves(
  found: Comparison, out: pathlib.Path
) -> tuple[bytes, bytes] | None:
  """Writes the figure of the learning curves; None if there are none."""
  records = {
    system.name: system.training.records
    for system in found.systems
    if system.training is not None
  }
  if not figures.has_curves(records):
    return None
  return page.write_figure(
    lambda dark: figures.plot_runs(records, dark=dark),
    folder=out.parent / f'{out.stem}_figures',
    name='learning_curves',
  )


def _markdown(table: Table) -> str:
  """A table in Markdown; the smaller text of a cell is in parentheses."""
  rule = ':---' if table.kind == 'settings' else '---:'
  lines = [
    _line([_escape(name) for name in table.columns]),
    _line([':---', *[rule] * (len(table.columns) - 1)]),
  ]
  for row in table.rows:
    lines.append(
      _line(
        [
          _escape(text) + (f' ({_escape(below)})' if below else '')
          for text, below in row
        ]
      )
    )
  return '\n'.join(lines)


def _line(cells: Sequence[str]) -> str:
  return f'| {" | ".join(cells)} |'


def _escape(text: str) -> str:
  """Escapes plain text for Markdown, also in the cells of tables."""
  text = ' '.join(printable(part) for part in text.split('\n'))
  text = re.sub(r'([\\`*{}\[\]<>|#$~&])', r'\\\1', text)
  # Within a word, as in seld_score, an underscore means nothing.
  return re.sub(r'(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])', r'\\_', text)
