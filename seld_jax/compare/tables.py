"""The tables of a comparison, which terminal, Markdown and HTML show alike."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import metrics, runs
from seld_jax.compare.comparison import Comparison
from seld_jax.evaluate import tables
from seld_jax.report import score_tables

# A text, and a smaller text below it, which may be empty.
Cell = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Table:
  """A table whose first column has the names of the rows.

  Attributes:
    heading: What it shows.
    columns: The heading of each column.
    rows: The cells of each row: a text, and a smaller text below it.
    kind: What it is about: `'scores'`, `'differences'`, `'classes'` or
      `'settings'`.
    main: Whether it belongs to what a reader sees first.

  Example:
    >>> from seld_jax import compare
    >>> rows = [[('seed', ''), ('0', ''), ('1', '')]]
    >>> compare.Table('Settings', ('field', 'a', 'b'), rows, 'settings').main
    True
  """

  heading: str
  columns: tuple[str, ...]
  rows: Sequence[Sequence[Cell]]
  kind: str
  main: bool = True


def make_tables(found: Comparison) -> list[Table]:
  """Makes the tables of a comparison.

  Args:
    found: The comparison.

  Returns:
    The scores of all systems; for each system but the first one, its
    differences to the first, over all classes and by class; and the fields of
    the configurations that differ. Tables without rows are left out.

  Example:
    >>> from seld_jax import compare, runs
    >>> import pathlib
    >>> one, two = (
    ...   compare.System(
    ...     name,
    ...     training=runs.Training(
    ...       pathlib.Path(name), {'seed': seed}, [], 0, None, None
    ...     ),
    ...   )
    ...   for name, seed in (('a', 0), ('b', 1))
    ... )
    >>> (table,) = compare.make_tables(compare.compare_systems([one, two]))
    >>> table.columns, table.rows
    (('field', 'a', 'b'), [[('seed', ''), ('0', ''), ('1', '')]])
  """
  made = []
  if found.results:
    made.append(_scores(found))
  made += [_differences(found, other) for other in found.differences]
  for other in found.differences:
    made += _by_class(found, other)
  made.append(_settings(found))
  return [table for table in made if table.rows]


def _scores(found: Comparison) -> Table:
  """The scores of all systems, with the interval of each."""
  names = metrics.main_scores(found.edition or '')
  rows = [
    [
      (name, f'{score_tables.better(name)} is better'),
      *(
        (tables.number(name, result[name]), _ends(name, result['intervals']))
        for result in found.results.values()
      ),
    ]
    for name in names
  ]
  return Table('Scores', ('score', *found.results), rows, 'scores')


def _ends(name: str, intervals: Mapping[str, Sequence[float] | None]) -> str:
  ends = intervals[name]
  return '' if ends is None else interval(name, ends)


def _differences(found: Comparison, other: str) -> Table:
  """The differences of a system to the first one, over all classes."""
  whole = found.differences[other][0]
  rows = [
    [
      (name, ''),
      *_compared(name, found, found.results, other, whole[name]),
    ]
    for name in metrics.main_scores(found.edition or '')
  ]
  return Table(
    f'{other} minus {found.baseline}',
    ('score', *_columns(found, other)),
    rows,
    'differences',
  )


def _by_class(found: Comparison, other: str) -> list[Table]:
  """The differences by class, a table for each score, seld_score first."""
  made = []
  parts = {name: result['per_class'] for name, result in found.results.items()}
  first = parts[found.baseline or '']
  for name in reversed(metrics.main_scores(found.edition or '')):
    rows = []
    for index, group in enumerate(found.class_names):
      segments = first[group]['reference_segments']
      if not segments:  # nothing to find, so that there are no scores
        continue
      scores = {system: part[group] for system, part in parts.items()}
      difference = found.differences[other][1 + index][name]
      rows.append(
        [
          (group, ''),
          *_compared(name, found, scores, other, difference),
          (f'{segments:,}', ''),
        ]
      )
    unit = tables.UNITS.get(found.edition or '', 'seconds')
    made.append(
      Table(
        f'{name} by class: {other} minus {found.baseline}',
        ('class', *_columns(found, other), unit),
        rows,
        'classes',
        main=name == 'seld_score',
      )
    )
  return made


def _columns(found: Comparison, other: str) -> tuple[str, ...]:
  return (
    *(found.baseline or '', other),
    *('difference', 'jackknife 95%', 'bootstrap 95%'),
  )


def _compared(
  name: str,
  found: Comparison,
  scores: Mapping[str, Mapping[str, Any]],
  other: str,
  difference: metrics.Difference,
) -> list[Cell]:
  """Both scores, their difference, and its intervals."""
  # The bootstrap has no interval for a class that few recordings have.
  is_known = not (found.resamples and np.isnan(difference.bootstrap).any())
  mark = ' *' if difference.excludes_zero and is_known else ''
  texts = (
    *(
      tables.number(name, scores[one][name])
      for one in (found.baseline or '', other)
    ),
    f'{signed(name, difference.value)}{mark}',
    interval(name, difference.jackknife, sign=True),
    interval(name, difference.bootstrap, sign=True),
  )
  return [(text, '') for text in texts]


def _settings(found: Comparison) -> Table:
  """The fields of the configurations that differ."""
  known = {
    system.name: system.training.config
    for system in found.systems
    if system.training is not None
  }
  fields = runs.differing_fields(list(known.values())) if known else {}
  rows = [
    [(name, ''), *((_value(one), '') for one in values)]
    for name, values in fields.items()
  ]
  heading = 'What differs in the configurations'
  return Table(heading, ('field', *known), rows, 'settings')


def _value(value: Any) -> str:
  """A field of a configuration, as text."""
  if isinstance(value, str):
    return value or '(empty)'
  return json.dumps(value)


def signed(name: str, value: float) -> str:
  """Formats a difference of scores, with its sign.

  Args:
    name: Name of the score.
    value: The difference; NaN if it is not defined.

  Returns:
    The text; `-` for NaN.
  """
  if np.isnan(value):
    return '-'
  sign = '+' if value > 0 else '-' if value < 0 else ''
  return f'{sign}{tables.number(name, abs(value))}'


def interval(name: str, ends: Sequence[float], *, sign: bool = False) -> str:
  """Formats an interval of a score, or of a difference with its sign.

  Args:
    name: Name of the score.
    ends: Lower and upper end; NaN if they are unknown.
    sign: Whether positive numbers get a plus sign.

  Returns:
    The text; `-` for NaN.
  """
  if np.isnan(ends).any():
    return '-'
  shown = signed if sign else tables.number
  return ' to '.join(shown(name, end) for end in ends)
