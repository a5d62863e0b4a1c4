"""Which layers are copied from another network, and how such a run starts."""

import copy
import json
import logging
import pathlib
import shutil
import types
from typing import Any

import jax
import numpy as np
import pytest
from helpers.tiny import make_run, make_tiny

from seld_jax import config as config_lib
from seld_jax import predictor, runs, train
from seld_jax.errors import InputError
from seld_jax.prediction import export_file
from seld_jax.train import fine_tuning, step

OLD = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1'
HEADS = ('sed', 'doa')


def network(classes=3, filters=2, fill=1.0):
  shapes = {
    'params/Conv_0/kernel': (3, 3, 7, filters),
    'params/BatchNorm_0/scale': (filters,),
    'batch_stats/BatchNorm_0/mean': (filters,),
    'params/sed/kernel': (8, classes),
    'params/sed/bias': (classes,),
    'params/doa/kernel': (8, 3 * classes),
    'statistics/mean': (16, 7),
  }
  return {name: np.full(shape, fill) for name, shape in shapes.items()}


def test_all_layers_of_an_equal_network_are_copied():
  merged = fine_tuning.merge(network(fill=1), network(fill=2))
  assert not merged.anew
  assert all((value == 2).all() for value in merged.variables.values())
  assert 'initialised' not in str(merged)


def test_output_layers_of_other_classes_are_not_copied():
  merged = fine_tuning.merge(network(fill=1), network(classes=5, fill=2))
  assert merged.anew == ('sed', 'doa')
  assert merged.taken == ('Conv_0', 'BatchNorm_0', 'statistics')
  assert (merged.variables['params/sed/bias'] == 1).all()
  assert (merged.variables['params/Conv_0/kernel'] == 2).all()
  assert str(merged).endswith('initialised: sed, doa')


def test_a_layer_is_copied_as_a_whole_or_not_at_all():
  theirs = network(fill=2)
  theirs['batch_stats/BatchNorm_0/mean'] = np.zeros(9)
  del theirs['params/sed/bias']
  merged = fine_tuning.merge(network(fill=1), theirs)
  assert merged.anew == ('BatchNorm_0', 'sed')
  assert (merged.variables['params/BatchNorm_0/scale'] == 1).all()
  assert (merged.variables['params/sed/kernel'] == 1).all()


def test_layers_to_keep_are_not_copied():
  merged = fine_tuning.merge(network(fill=1), network(fill=2), keep=HEADS)
  assert merged.anew == ('sed', 'doa')


def test_networks_without_a_common_layer_are_refused():
  with pytest.raises(InputError, match='no layer of the same name and shape'):
    fine_tuning.merge(network(), {'statistics/mean': np.zeros((16, 7))})


@pytest.fixture(scope='module')
def started(tmp_path_factory):
  """The start of a run of another format from an export of version 0.1."""
  config = runs.read_config(OLD / 'run')
  config.output.format, config.output.axes = 'accdoa', 2
  config.output.distance = True
  workdir = tmp_path_factory.mktemp('started')
  run: Any = types.SimpleNamespace(config=config, workdir=workdir)
  state = step.create_state(config)
  source = str(OLD / 'run.seld')
  return run, state, fine_tuning.begin(run, state, source, is_resumed=False)


def test_a_run_of_another_format_takes_all_but_the_output_layers(started):
  run, fresh, state = started
  note = json.loads((run.workdir / fine_tuning.NOTE).read_text())
  anew = {'accdoa_hidden_0', 'accdoa'}
  assert set(note['anew']) == anew
  theirs, _ = predictor.load_variables(OLD / 'run.seld')
  before, ours = (
    export_file.flatten({'params': jax.device_get(one.params)})
    for one in (fresh, state)
  )
  for name, value in ours.items():
    is_new = fine_tuning.layer_of(name) in anew
    expected = (before if is_new else theirs)[name]
    np.testing.assert_array_equal(value, expected)


def test_output_layers_of_other_vectors_are_not_copied(
  started, tmp_path, monkeypatch
):
  """(x, y, distance) has as many numbers as (x, y, z)."""
  from seld_jax.train import snapshot, sources

  source, state, _ = started
  run: Any = types.SimpleNamespace(config=source.config, workdir=tmp_path)
  tree = {name: getattr(state, name) for name in ('params', 'batch_stats')}
  variables = export_file.flatten({**tree, 'statistics': state.statistics})
  for axes, distance, anew in ((3, False, ['accdoa']), (2, True, [])):
    config = copy.deepcopy(run.config)
    config.output.axes, config.output.distance = axes, distance
    spec = snapshot.spec_of(config)
    monkeypatch.setattr(
      sources, 'load_variables', lambda _, spec=spec: (variables, spec, {})
    )
    (tmp_path / fine_tuning.NOTE).unlink(missing_ok=True)
    fine_tuning.begin(run, state, 'source', is_resumed=False)
    note = json.loads((tmp_path / fine_tuning.NOTE).read_text())
    assert note['anew'] == anew


@pytest.fixture(scope='module')
def config(tiny_root):
  config = make_tiny(config_lib.default(), tiny_root)
  config.train.num_steps = 2
  config.train.learning_rate = 1e-12
  config.data.classes = (*config.data.classes[:13], 'violin')
  return config


@pytest.mark.slow
def test_a_run_starts_from_another_network_and_resumes_exactly(
  tiny_run, config, tmp_path, caplog
):
  """With a tiny learning rate, the parameters are still those of the start."""
  caplog.set_level(logging.INFO, 'seld_jax')
  workdir = tmp_path / 'tuned'
  train.train_and_evaluate(config, workdir, init_from=str(tiny_run))
  (line,) = [m for m in caplog.messages if m.startswith('starting from')]
  assert line.endswith(('initialised: sed, doa', 'initialised: doa, sed'))
  note = json.loads((workdir / 'init_from.json').read_text())
  assert note['source'] == str(tiny_run)
  assert set(note['anew']) == {'sed', 'doa'}

  theirs, _ = predictor.load_variables(tiny_run)
  ours, classes = predictor.load_variables(workdir)
  assert classes[-1] == 'violin'
  fresh = export_file.flatten(
    {'params': jax.device_get(step.create_state(config).params)}
  )
  for name, value in ours.items():
    if name.startswith('batch_stats'):
      continue  # updated with the new data
    is_head = fine_tuning.layer_of(name) in HEADS
    expected = (fresh if is_head else theirs)[name]
    np.testing.assert_allclose(value, expected, atol=1e-9)

  # Resumed at its end, and from its start, which is noted in the run directory.
  metrics = (workdir / 'metrics.jsonl').read_text()
  (workdir / 'scores.json').unlink()
  train.train_and_evaluate(config, workdir)
  assert (workdir / 'metrics.jsonl').read_text() == metrics
  (workdir / 'scores.json').unlink()
  shutil.rmtree(workdir / 'checkpoints')
  train.train_and_evaluate(config, workdir)
  assert (workdir / 'metrics.jsonl').read_text() == metrics

  (workdir / 'scores.json').unlink()
  with pytest.raises(InputError, match='started from .* not from elsewhere'):
    train.train_and_evaluate(config, workdir, init_from='elsewhere')


def test_a_run_with_random_parameters_does_not_change_to_fine_tuning(
  tiny_run, config, tmp_path
):
  make_run(tmp_path, config.copy_and_resolve_references())
  with pytest.raises(
    InputError, match='was started from random parameters, not'
  ):
    train.train_and_evaluate(config, tmp_path, init_from=str(tiny_run))
