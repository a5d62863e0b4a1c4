"""A dataset for the tests of validation."""

import pathlib
import shutil

import pytest
from helpers.dataset_to_validate import make_dataset


@pytest.fixture(scope='session')
def sound_dataset(tmp_path_factory) -> pathlib.Path:
  """A dataset without errors, which tests only read."""
  return make_dataset(tmp_path_factory.mktemp('dataset'))


@pytest.fixture
def root(sound_dataset, tmp_path) -> pathlib.Path:
  """A copy of that dataset, which a test may change."""
  return shutil.copytree(sound_dataset, tmp_path / 'data')
