"""Quantiles of Student's t distribution, without the long import of SciPy."""

import math

import numpy as np

from seld_jax.errors import InputError


def reach(confidence: float, freedom: int) -> float:
  """How many standard errors a confidence interval reaches to each side.

  `scipy.special.stdtrit(freedom, 0.5 + confidence / 2)` is the same, but
  importing `scipy.special` takes longer than scoring a folder.

  Args:
    confidence: Probability that the interval covers the number, from 0 to 1.
    freedom: Degrees of freedom, 1 or more.

  Returns:
    The quantile; infinite for a confidence of 1.

  Raises:
    InputError: The confidence is not from 0 to 1.

  Source:
    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and
    26.7.4, which give the probability as a finite sum for an angle `a` with
    `t = sqrt(freedom) * tan(a)`.
  """
  if not 0 <= confidence <= 1:
    raise InputError(
      f'confidence must be from 0 to 1, got {confidence}; 95 % is 0.95.'
    )
  if confidence == 1:
    return math.inf
  # The sum is sin(a) * cos(a)^start * (1 + factor_1 * cos(a)^2 + ...).
  start = freedom % 2
  order = np.arange(1, (freedom - start) // 2, dtype=np.float64)
  factors = np.cumprod(
    np.concatenate([[1.0], (2 * order - 1 + start) / (2 * order + start)])
  )
  powers = 2 * np.arange(len(factors)) + start

  def probability(angle: float) -> float:
    total = 0.0
    if freedom > 1:
      total = math.sin(angle) * float(factors @ math.cos(angle) ** powers)
    return (angle + total) * 2 / math.pi if start else total

  low, high = 0.0, math.pi / 2
  while low < (middle := (low + high) / 2) < high:
    if probability(middle) < confidence:
      low = middle
    else:
      high = middle
  return math.sqrt(freedom) * math.tan(low)
