"""Tables of a comparison of systems, as Markdown, CSV and HTML."""

import csv
import io
from collections.abc import Iterable, Sequence

from seld_jax.report import page
from seld_jax.reproduce.comparison import Cell, Difference, Row, label
from seld_jax.reproduce.results import FORMATS, METRICS, Result

# Metric -> factor, number of decimals and unit of the printed value.
_PRINTED = {
  'LE_CD': (1, 1, '°'),
  'LR_CD': (100, 1, ''),
  'ER20': (1, 3, ''),
  'F20': (100, 1, ''),
  'seld_score': (1, 3, ''),
}

# Losses, gradient norms and scores in curves.csv.
CURVES = (
  'loss',
  'sed_mse',
  'sed_cross_entropy',
  'doa_masked_mse',
  'sed_shared_gradient',
  'doa_shared_gradient',
  *METRICS,
)

# A column of the CSV files, only there if it holds for one of the runs.
_SELECTED = 'selected_on_test'


def to_markdown(rows: Sequence[Row]) -> str:
  """Makes Table 1 as Markdown, with the paper's values in italics below ours.

  Args:
    rows: The rows. A format that no row has gets no columns.

  Returns:
    The text.
  """
  columns = _columns(rows)
  heads = [f'{f.upper()} {_head(m)}' for f, m in columns]
  lines = [
    f'| split | system | window | seeds | {" | ".join(heads)} |',
    f'|---|---|---|---|{"---:|" * len(heads)}',
  ]
  for row in rows:
    cells = [_text(row, f, m) for f, m in columns]
    lines.append(
      f'| {_split(row)} | {label(row.system)} | {_window(row)} | {_seeds(row)} '
      f'| {" | ".join(cells)} |'
    )
    if row.paper:
      cells = [f'*{row.paper[f][m]}*' for f, m in columns]
      lines.append(f"| | *the paper's* | | | {' | '.join(cells)} |")
  return '\n'.join(lines) + '\n'


def to_csv(rows: Iterable[Row]) -> str:
  """Makes Table 1 as CSV: means, deviations and the paper's values."""
  rows = list(rows)
  columns = [(f, m) for f in FORMATS for m in METRICS]
  more = [_SELECTED] * any(row.is_selected_on for row in rows)
  output = io.StringIO()
  writer = csv.writer(output, lineterminator='\n')
  writer.writerow(
    ['split', 'folds', 'system', 'window_seconds', 'seeds']
    + [f'{f}_{m}' for f, m in columns]
    + [f'{f}_{m}_deviation' for f, m in columns]
    + [f'paper_{f}_{m}' for f, m in columns]
    + more
  )
  for row in rows:
    found = [row.cells.get(f, {}).get(m, (None, None, 0)) for f, m in columns]
    writer.writerow(
      [row.split, ' '.join(map(str, row.folds))]
      + [row.system, _window(row, unit=''), _seeds(row)]
      + [_precise(mean) for mean, _, _ in found]
      + [_precise(deviation) for _, deviation, _ in found]
      + [row.paper.get(f, {}).get(m, '') for f, m in columns]
      + [str(row.is_selected_on)] * len(more)
    )
  return output.getvalue()


def to_html(rows: Sequence[Row]) -> str:
  """Makes Table 1 as HTML, with the paper's values in small print below ours.

  Args:
    rows: The rows. A format that no row has gets no columns.

  Returns:
    HTML.
  """
  columns = _columns(rows)
  lines = []
  for row in rows:
    about = f'{_split(row)}, windows of {_window(row)}'
    line = [(label(row.system), about), (_seeds(row), '')]
    for f, m in columns:
      quoted = row.paper.get(f, {}).get(m)
      line.append((_text(row, f, m), f'paper: {quoted}' if quoted else ''))
    lines.append(line)
  heads = [f'{f.upper()} {_head(m)}' for f, m in columns]
  return page.table(['', 'seeds', *heads], lines)


def differences_to_markdown(rows: Iterable[Difference]) -> str:
  """Makes a table of paired differences as Markdown."""
  lines = [
    f'| system | format | seeds | {" | ".join(map(_head, METRICS))} |',
    f'|---|---|---|{"---:|" * len(METRICS)}',
  ]
  for system, format, cells in rows:
    texts = [format_cell(name, cells[name], sign=True) for name in METRICS]
    lines.append(
      f'| {label(system)} | {format.upper()} | {cells["ER20"][2]} '
      f'| {" | ".join(texts)} |'
    )
  return '\n'.join(lines) + '\n'


def differences_to_html(rows: Iterable[Difference]) -> str:
  """Makes a table of paired differences as HTML."""
  lines = [
    [
      (label(system), format.upper()),
      (str(cells['ER20'][2]), ''),
      *((format_cell(name, cells[name], sign=True), '') for name in METRICS),
    ]
    for system, format, cells in rows
  ]
  return page.table(['', 'seeds', *map(_head, METRICS)], lines)


def runs_csv(results: Iterable[Result]) -> str:
  """Makes CSV of the scores of each run, a line for each split and window."""
  results = list(results)
  more = [_SELECTED] * any(one.is_selected_on_test for one in results)
  output = io.StringIO()
  writer = csv.writer(output, lineterminator='\n')
  writer.writerow(
    ['system', 'format', 'seed', 'split', 'window_seconds', *METRICS, *more]
  )
  for one in results:
    for split, scores in one.scores.items():
      writer.writerow(
        [one.system, one.format, one.seed, split, one.windows[split]]
        + [_precise(scores[name]) for name in METRICS]
        + [str(one.is_selected_on_test and split.startswith('test'))]
        * len(more)
      )
  return output.getvalue()


def curves_csv(results: Iterable[Result]) -> str:
  """Makes CSV of losses and scores over the steps, a line for each record."""
  output = io.StringIO()
  writer = csv.writer(output, lineterminator='\n')
  writer.writerow(['system', 'format', 'seed', 'split', 'step', *CURVES])
  for one in results:
    for record in one.records:
      writer.writerow(
        [one.system, one.format, one.seed, record['split'], record['step']]
        + [_precise(record.get(name)) for name in CURVES]
      )
  return output.getvalue()


def format_cell(metric: str, cell: Cell, *, sign: bool = False) -> str:
  """Prints mean and deviation of a metric in the units of the paper.

  Args:
    metric: One of `METRICS`.
    cell: Mean, deviation or None, and number of seeds.
    sign: Whether positive numbers get a plus sign, for differences.

  Returns:
    The text.
  """
  factor, decimals, unit = _PRINTED[metric]
  mean, deviation, _ = cell
  text = f'{factor * mean:{"+" if sign else ""}.{decimals}f}'
  if deviation is not None:
    text += f' ± {factor * deviation:.{decimals}f}'
  return text + unit


def _columns(rows: Sequence[Row]) -> list[tuple[str, str]]:
  """Format and metric of each column; only formats that have results."""
  there = [f for f in FORMATS if any(f in row.cells for row in rows)]
  return [(f, m) for f in there for m in METRICS]


def _text(row: Row, format: str, metric: str) -> str:
  if format not in row.cells:
    return ''
  return format_cell(metric, row.cells[format][metric])


def _head(metric: str) -> str:
  return {'seld_score': 'SELD'}.get(metric, metric)


def _split(row: Row) -> str:
  """Name of the split, with its folds."""
  folds = ', '.join(map(str, row.folds))
  about = [f'fold {folds}'] * bool(folds)
  about += ['selected on it'] * row.is_selected_on
  return f'{row.split} ({", ".join(about)})' if about else row.split


def _window(row: Row, *, unit: str = ' s') -> str:
  return '/'.join(f'{window:g}' for window in row.windows) + unit


def _seeds(row: Row) -> str:
  numbers = {cells['ER20'][2] for cells in row.cells.values()}
  return '/'.join(map(str, sorted(numbers)))


def _precise(value: float | None) -> str:
  return '' if value is None else f'{value:.6g}'
