"""Finds what is wrong with a dataset before training."""

from seld_jax.validate.checks import (
  CHECKS,
  READINGS,
  Finding,
)
from seld_jax.validate.inspection import (
  Report,
  validate,
)

__all__ = [
  'Report',
  'validate',
  'CHECKS',
  'Finding',
  'READINGS',
]
