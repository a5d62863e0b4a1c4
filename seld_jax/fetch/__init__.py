"""Downloads and unpacks published datasets of the DCASE challenges."""

from seld_jax.fetch import command
from seld_jax.fetch.archives import Archive
from seld_jax.fetch.published import DATASETS, Dataset, recording_names, select

__all__ = [
  'DATASETS',
  'Archive',
  'Dataset',
  'command',
  'recording_names',
  'select',
]
