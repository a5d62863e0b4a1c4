"""Downloads and unpacks TAU-NIGENS Spatial Sound Events 2020."""

from seld_jax.tau2020.published import (
  CHECKSUMS,
  FORMATS,
  SPLITS,
  URL,
  recording_names,
  select,
)

__all__ = [
  'CHECKSUMS',
  'FORMATS',
  'SPLITS',
  'URL',
  'recording_names',
  'select',
]
