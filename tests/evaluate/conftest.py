"""Label files for the tests of evaluation."""

import pytest
from helpers.recordings_to_evaluate import some_recordings

from seld_jax import labels


@pytest.fixture
def folders(tmp_path):
  """A folder of references and a folder of predictions."""
  for name, reference, predictions in some_recordings():
    labels.write_csv(tmp_path / 'reference' / f'{name}.csv', reference)
    labels.write_csv(tmp_path / 'predictions' / f'{name}.csv', predictions)
  return tmp_path / 'reference', tmp_path / 'predictions'
