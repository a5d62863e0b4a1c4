"""Runs that are killed at random moments resume to the same bits."""

import pytest

from benchmarks import survival


@pytest.mark.slow
def test_runs_survive_kills_at_random_moments(tmp_path):
  tally = survival.survive(12, tmp_path)
  assert tally.kills.total() == 12
  assert not tally.differences
  aims = 'synthesis', 'extraction', 'step', 'save', 'evaluation'
  # On a busy machine, random moments may miss one of them.
  missed = [aim for aim in aims if not tally.kills[aim]]
  assert len(missed) <= 1, missed
