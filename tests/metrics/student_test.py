"""Quantiles of Student's t distribution, beside those of SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from seld_jax import metrics
from seld_jax.errors import InputError
from seld_jax.metrics import student


@given(st.floats(0, 0.9999), st.integers(1, 3000))
def test_the_probability_within_reach_is_the_confidence(confidence, freedom):
  reach = student.reach(confidence, freedom)
  np.testing.assert_allclose(
    special.stdtr(freedom, reach), 0.5 + confidence / 2, rtol=1e-9
  )


def test_a_certain_interval_reaches_everywhere():
  assert student.reach(1, 10) == math.inf


@pytest.mark.parametrize('confidence', [95, -0.5, math.nan])
def test_percentages_are_refused(confidence):
  with pytest.raises(InputError, match=r'confidence must be .* 95 % is 0\.95'):
    metrics.jackknife_interval(
      np.zeros(1), np.ones((3, 1)), confidence=confidence
    )
