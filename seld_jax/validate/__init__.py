"""Checks a dataset before training: files, labels, channels and folds."""

from seld_jax.validate.checks import CHECKS, Finding
from seld_jax.validate.inspection import Report, validate
from seld_jax.validate.readings import READINGS

__all__ = [
  'validate',
  'Report',
  'Finding',
  'CHECKS',
  'READINGS',
]
