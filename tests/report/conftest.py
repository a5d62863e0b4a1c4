"""A finished run for the tests of reports."""

import pathlib
import shutil

import pytest
from helpers.finished_run import make_run


@pytest.fixture(scope='session')
def finished_run(tmp_path_factory) -> pathlib.Path:
  """The directory of a finished run, which tests only read."""
  return make_run(tmp_path_factory.mktemp('finished'))


@pytest.fixture
def workdir(finished_run, tmp_path) -> pathlib.Path:
  """A copy of the run, which a test may change; its dataset is only read."""
  return shutil.copytree(finished_run, tmp_path / finished_run.name)
