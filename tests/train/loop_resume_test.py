"""A stopped run resumes to the same bits; other runs are not resumed."""

import contextlib
import json
import logging
import shutil
import signal

import jax
import pytest
from helpers.tiny import make_one_convolution
from helpers.training import (
  assert_same_run,
  final_state,
  train_until_first_checkpoint,
)

from seld_jax import losses, runs, train
from seld_jax.errors import InputError
from seld_jax.train import checkpoint, scoring, stepping, weighting


@pytest.fixture
def copied_run(plain_run, tmp_path):
  """A copy of `plain_run` that a test may change."""
  return shutil.copytree(plain_run, tmp_path / 'copy')


@pytest.mark.parametrize(
  'stop_at',
  [
    pytest.param(1, marks=pytest.mark.slow),
    2,
    pytest.param(3, marks=pytest.mark.slow),
  ],
)
def test_a_run_that_is_stopped_by_a_signal_resumes_to_the_same_bits(
  stop_at, plain_run, tiny_config, tmp_path, monkeypatch, caplog
):
  make = stepping.stepper

  @contextlib.contextmanager
  def make_interrupted(*args, **options):
    with make(*args, **options) as advance:

      def interrupted(state, step):
        state, done = advance(state, step)
        if step + done == stop_at:
          signal.raise_signal(signal.SIGTERM)
        return state, done

      yield interrupted

  with monkeypatch.context() as patch:
    patch.setattr(stepping, 'stepper', make_interrupted)
    with pytest.raises(SystemExit) as stop:
      train.train_and_evaluate(tiny_config, tmp_path)
  assert stop.value.code == 128 + signal.SIGTERM
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, tmp_path)
  assert f'resuming after step {stop_at}' in caplog.messages
  assert_same_run(tiny_config, plain_run, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
  'fields',
  [
    {
      'output.format': 'tracks',
      'loss.weighting': 'dynamic',
      'train.sampler': 'segments',
    },
    {
      'loss.weighting': 'uncertainty',
      'train.schedule': 'tri_stage',
      'train.ema_decay': 0.9,
      'train.weight_decay': 0.1,
    },
  ],
  ids=lambda fields: '-'.join(map(str, fields.values())),
)
def test_runs_with_weights_or_formats_of_their_own_resume_to_the_same_bits(
  fields, tiny_config, tmp_path, monkeypatch
):
  """The run is killed after its first checkpoint, in the middle of an epoch."""
  make_one_convolution(tiny_config)
  for path, value in fields.items():
    section, name = path.split('.')
    tiny_config[section][name] = value
  tiny_config.train.num_steps = 13
  tiny_config.train.evaluate_every = 9
  whole, stopped = tmp_path / 'whole', tmp_path / 'stopped'
  train.train_and_evaluate(tiny_config, whole)
  train_until_first_checkpoint(tiny_config, stopped, monkeypatch)
  train.train_and_evaluate(tiny_config, stopped)
  assert_same_run(tiny_config, whole, stopped)
  state = final_state(tiny_config, whole)
  if tiny_config.loss.weighting == 'dynamic':
    assert state.loss_history['num_epochs'] > 1
    weights = losses.dynamic_weights(
      state.loss_history['previous'], state.loss_history['before']
    )
    assert len({float(weight) for weight in weights.values()}) > 1
  if tiny_config.loss.weighting == 'uncertainty':
    assert all(jax.tree.leaves(state.params[weighting.LOG_VARIANCES]))


@pytest.mark.slow
@pytest.mark.parametrize('calls', [1, 6])
def test_an_evaluation_that_is_stopped_by_a_signal_is_repeated(
  calls, watched_run, watched_config, tmp_path, monkeypatch, caplog
):
  """The first of six evaluations is stopped, or the last: the test fold's."""
  evaluate = scoring.Evaluator.__call__
  seen = []

  def interrupted(*args):
    seen.append(args)
    if len(seen) == calls:
      signal.raise_signal(signal.SIGTERM)
      raise AssertionError('the evaluation goes on')
    return evaluate(*args)

  caplog.set_level(logging.INFO, 'seld_jax')
  with monkeypatch.context() as patch:
    patch.setattr(scoring.Evaluator, '__call__', interrupted)
    with pytest.raises(SystemExit) as stop:
      train.train_and_evaluate(watched_config, tmp_path)
  assert stop.value.code == 128 + signal.SIGTERM
  assert f'saved step {2 if calls == 1 else 4}' in caplog.messages[-1]
  train.train_and_evaluate(watched_config, tmp_path)
  assert_same_run(watched_config, watched_run, tmp_path)
  for name in 'scores.json', 'metrics.jsonl':
    assert (tmp_path / name).read_bytes() == (watched_run / name).read_bytes()
  assert runs.read_training(tmp_path).step == 4


@pytest.mark.slow
def test_another_seed_gives_other_losses(plain_run, tiny_config, tmp_path):
  """Otherwise, the comparisons with equal bytes would prove nothing."""
  tiny_config.seed = 1
  tiny_config.train.num_steps = tiny_config.train.evaluate_every = 1
  train.train_and_evaluate(tiny_config, tmp_path)
  first, other = (
    runs.read_records(workdir / runs.METRICS)[0]
    for workdir in (plain_run, tmp_path)
  )
  assert first['step'] == other['step'] == 1
  assert first['loss'] != other['loss']


@pytest.mark.slow
def test_a_run_that_was_killed_resumes_to_the_same_bits(
  plain_run, tiny_config, tmp_path, monkeypatch
):
  """A kill saves nothing: records after the checkpoint are written again."""
  save = checkpoint.save

  def die(manager, step, state, **keywords):
    if step == 4:
      manager.wait_until_finished()
      raise KeyboardInterrupt
    save(manager, step, state, **keywords)

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint, 'save', die)
    with pytest.raises(KeyboardInterrupt):
      train.train_and_evaluate(tiny_config, tmp_path)
  # A temporary file, as a kill during a write leaves it.
  (tmp_path / '.metrics-1234abcd.half.jsonl').write_text('{"step"')
  train.train_and_evaluate(tiny_config, tmp_path)
  assert_same_run(tiny_config, plain_run, tmp_path)
  assert [path.name for path in tmp_path.rglob('.*')] == ['.lock']


@pytest.mark.parametrize('change', ['lacks', 'also has'])
def test_a_run_is_not_resumed_with_other_recordings(
  copied_run, tiny_config, tiny_root, tmp_path, change
):
  (copied_run / 'scores.json').unlink()
  root = tmp_path / 'data'
  shutil.copytree(tiny_root, root)
  name = 'fold3_room1_mix002_ov1'
  for folder, suffix in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
    path = root / folder / f'{name}.{suffix}'
    shutil.copy(path, path.with_name(f'fold3_room1_mix009_ov1.{suffix}'))
    if change == 'lacks':
      path.unlink()
  tiny_config.data.root = str(root)
  with pytest.raises(
    InputError, match=f'of 2 training recordings, but .* {change} fold3_room1'
  ):
    train.train_and_evaluate(tiny_config, copied_run)


@pytest.mark.slow
def test_a_run_resumes_before_a_damaged_checkpoint(
  plain_run, copied_run, tiny_config, caplog
):
  (copied_run / 'scores.json').unlink()
  # The test that is repeated may have had other recordings.
  (copied_run / 'predictions' / 'test' / 'fold9_mix1.csv').write_text('')
  for path in (copied_run / 'checkpoints/4').rglob('*'):
    if path.is_file() and 'metrics' not in path.parts:
      path.write_bytes(path.read_bytes()[:7])
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, copied_run)
  assert 'step 4 cannot be read' in caplog.text
  assert 'resuming after step 2' in caplog.messages
  assert_same_run(tiny_config, plain_run, copied_run)
  assert not [*copied_run.rglob('fold9_mix1.csv')]


def test_a_directory_with_another_config_is_refused(plain_run, tiny_config):
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match=r'model\.gru_features = 4, not 5'):
    train.train_and_evaluate(tiny_config, plain_run)


def test_fields_that_are_newer_than_a_run_have_their_defaults(
  copied_run, tiny_config, caplog
):
  for path in (
    copied_run / 'config.json',
    copied_run / 'checkpoints/config.json',
  ):
    older = json.loads(path.read_text())
    del older['model']['gru_reset_first']
    path.write_text(json.dumps(older))
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, copied_run)
  assert 'is complete' in caplog.messages[-1]
  tiny_config.model.gru_reset_first = True
  with pytest.raises(InputError, match='gru_reset_first = False, not True'):
    train.train_and_evaluate(tiny_config, copied_run)


def test_a_directory_that_is_in_use_is_refused(tiny_config, tmp_path):
  with (
    runs.lock(tmp_path),
    pytest.raises(InputError, match='in use by process'),
  ):
    train.train_and_evaluate(tiny_config, tmp_path)
  assert not (tmp_path / 'config.json').exists()


def test_checkpoints_of_another_network_are_refused_without_any_config(
  copied_run, tiny_config
):
  """Their shapes differ, although all copies of the configuration are lost."""
  for name in 'scores.json', 'config.json', 'checkpoints/config.json':
    (copied_run / name).unlink()
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match='step 4 .* another network'):
    train.train_and_evaluate(tiny_config, copied_run)
  tiny_config.model.gru_features = 4
  scores = train.train_and_evaluate(tiny_config, copied_run)
  assert scores['num_steps'] == 4
