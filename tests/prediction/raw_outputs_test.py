"""Outputs of a network for features, from run directories and exports."""

import dataclasses

import numpy as np
import pytest
from helpers.random_arrays import numbers
from jax import jit

import seld_jax
from seld_jax import config as config_lib
from seld_jax import dataset, runs
from seld_jax import features as features_lib
from seld_jax.errors import InputError
from seld_jax.prediction import Predictor, export_file
from seld_jax.train import snapshot, step


def test_they_are_those_of_the_model_in_training(tiny_run):
  features = numbers(2, 20, 16, 7)
  found = seld_jax.load(tiny_run).outputs(features)
  trained = snapshot.read(tiny_run)
  model = step.make_model(trained.config)
  names = 'params', 'batch_stats'
  expected = jit(model.apply)(
    {name: trained.variables[name] for name in names}, features
  )
  assert set(found) == {'sed', 'sed_logits', 'doa'}
  for name, array in found.items():
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, expected[name], atol=1e-5)


def test_audio_and_its_standardised_features_have_the_same_outputs():
  """Without clipping at the edge of a window: noise of constant level."""
  predictor = seld_jax.load('demo')
  audio = 0.1 * numbers(4, 24000 * 6)
  export = export_file.read(export_file.DEMO)
  config = config_lib.from_dict(export.config)
  options = config_lib.feature_options(config)
  statistics = {
    name: export.variables[f'statistics/{name}'] for name in ('mean', 'std')
  }
  features = dataset.standardise(
    np.asarray(features_lib.compute(audio, **options)), statistics
  )
  raw = predictor.outputs(np.asarray(features)[None])
  found = predictor(audio, 24000)
  for name, values in found.outputs.items():
    np.testing.assert_allclose(raw[name][0], values, atol=1e-4)


def test_features_of_another_shape_are_refused(tiny_run):
  predictor = seld_jax.load(tiny_run)
  for features in (
    np.zeros((1, 20, 16, 6)),
    np.zeros((1, 20, 15, 7)),
    np.zeros((1, 21, 16, 7)),
    np.zeros((20, 16, 7)),
    np.zeros((1, 0, 16, 7)),
    np.zeros((0, 20, 16, 7)),
    np.full((1, 20, 16, 7), 'x'),
    np.zeros((1, 20, 16, 7), complex),
  ):
    with pytest.raises(InputError, match='16 bands, 7 channels.* multiple of'):
      predictor.outputs(features)


@pytest.mark.parametrize(
  ('section', 'field', 'value', 'match'),
  [
    ('model', 'sequence_features', 64, 'does not fit the variables'),
    ('model', 'newer_field', 7, 'newer_field'),
    ('eval', 'edition', '3000', 'eval.edition'),
    ('features', 'offset', 1e-7, 'does not fit the inputs and outputs'),
    ('data', 'classes', ['a'], 'does not fit the inputs and outputs'),
  ],
)
def test_an_export_whose_network_is_unknown_says_so(
  section, field, value, match
):
  export = export_file.read(export_file.DEMO)
  config = {**export.config, section: {**export.config[section], field: value}}
  changed = dataclasses.replace(export, config=config)
  with pytest.raises(InputError, match=f'{match}.*load the run directory'):
    snapshot.network_of_export(changed, source='demo')


def test_a_predictor_of_a_program_alone_says_so():
  export = export_file.read(export_file.DEMO)
  predictor = Predictor(
    export.program.call, export.variables, export.spec, source='mine'
  )
  with pytest.raises(InputError, match='mine has a program for audio only'):
    predictor.outputs(np.zeros((1, 20, 32, 7)))


def test_a_run_is_written_with_variables_that_fit_it(tiny_run, tmp_path):
  trained = snapshot.read(tiny_run)
  snapshot.write_run(tmp_path / 'copy', trained, origin='copied')
  again = snapshot.read(tmp_path / 'copy')
  assert runs.is_complete(tmp_path / 'copy')
  ours, theirs = (
    export_file.flatten(one.variables) for one in (trained, again)
  )
  assert ours.keys() == theirs.keys()
  for name, array in ours.items():
    np.testing.assert_array_equal(array, theirs[name])
  params = {**trained.variables['params'], 'sed': {'bias': np.zeros(3)}}
  changed = dataclasses.replace(
    trained, variables={**trained.variables, 'params': params}
  )
  with pytest.raises(InputError, match='sed.* must have the shape'):
    snapshot.write_run(tmp_path / 'other', changed, origin='copied')
  assert not (tmp_path / 'other').exists()
