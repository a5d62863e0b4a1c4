"""Checks a dataset before training: files, labels, channels and folds."""

from seld_jax.validate.checks import CHECKS, READINGS, Finding
from seld_jax.validate.inspection import Report, validate

__all__ = [
  'validate',
  'Report',
  'Finding',
  'CHECKS',
  'READINGS',
]
