"""One mistake in many files is printed for the first files only."""

import pytest

from seld_jax.validate import Finding
from seld_jax.validate.__main__ import lines


def findings(number, *, text='a rate of {} Hz', check='rate', level='error'):
  return [
    Finding(check, level, f'{index}.wav', text.format(40000 + index))
    for index in range(number)
  ]


def test_findings_of_one_kind_are_counted_after_the_first_ones():
  alike = findings(30)
  other = findings(1, text='channel 3 is silent', check='silence')
  found = list(lines([alike[0], *other, *alike[1:]], shown=3))
  assert found == [
    'error: 0.wav: a rate of 40000 Hz',
    'error: 1.wav: a rate of 40001 Hz',
    'error: 2.wav: a rate of 40002 Hz',
    'error: and 27 more files like this (--all shows them)',
    'error: 0.wav: channel 3 is silent',
  ]


@pytest.mark.parametrize('number', [1, 3, 4, 5, 12])
@pytest.mark.parametrize('shown', [None, 3])
def test_all_findings_have_a_line_or_are_counted(number, shown):
  found = list(lines(findings(number), shown=shown))
  more = [line for line in found if 'more files' in line]
  counted = sum(int(line.split()[2]) for line in more)
  assert len(found) - len(more) + counted == number
  assert counted != 1
  assert bool(more) == (shown is not None and number > 4)


def test_findings_of_other_texts_checks_or_levels_are_not_mixed():
  mixed = [
    one
    for options in (
      {},
      {'text': 'no sound in {}'},
      {'check': 'silence'},
      {'level': 'warning'},
    )
    for one in findings(3, **options)
  ]
  assert len(list(lines(mixed, shown=3))) == len(mixed)
