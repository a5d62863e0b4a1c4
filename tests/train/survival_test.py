"""Runs that are killed at random moments resume to the same bits."""

import pytest

from benchmarks import survival


@pytest.mark.slow
def test_runs_survive_kills_at_random_moments(tmp_path):
  tally = survival.survive(7, tmp_path)
  assert tally.kills.total() == 7
  assert not tally.differences
  for aim in 'synthesis', 'extraction', 'step', 'save', 'evaluation':
    assert tally.kills[aim], f'no kill in {aim}'
