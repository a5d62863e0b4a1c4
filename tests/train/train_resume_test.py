"""A run resumes to the same bits, however it ended, and resumes no other."""

import contextlib
import json
import logging
import signal

import pytest
from helpers.training import assert_same_run

from seld_jax import runs, train
from seld_jax.errors import InputError
from seld_jax.train import checkpoint, scoring, stepping


@pytest.mark.parametrize(
  'stop_at',
  [
    pytest.param(1, marks=pytest.mark.slow),
    2,
    pytest.param(3, marks=pytest.mark.slow),
  ],
)
def test_a_stopped_run_resumes_to_the_same_bits(
  stop_at, tiny_config, tmp_path, monkeypatch, caplog
):
  train.train_and_evaluate(tiny_config, tmp_path / 'whole')

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

  monkeypatch.setattr(stepping, 'stepper', make_interrupted)
  with pytest.raises(SystemExit) as stop:
    train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert stop.value.code == 128 + signal.SIGTERM
  monkeypatch.setattr(stepping, 'stepper', make)
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert f'resuming after step {stop_at}' in caplog.messages
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')


@pytest.mark.parametrize('calls', [pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_signal_in_an_evaluation_leaves_it_to_the_resumed_run(
  calls, tiny_config, tmp_path, monkeypatch, caplog
):
  """In the first, or in the second half of the last: the watched fold's."""
  tiny_config.eval.watch = ('test',)
  train.train_and_evaluate(tiny_config, tmp_path / 'whole')
  evaluate = scoring.Evaluator.__call__
  seen = []

  def interrupted(*args):
    seen.append(args)
    if len(seen) == calls:
      signal.raise_signal(signal.SIGTERM)
      raise AssertionError('the evaluation goes on')
    return evaluate(*args)

  monkeypatch.setattr(scoring.Evaluator, '__call__', interrupted)
  caplog.set_level(logging.INFO, 'seld_jax')
  with pytest.raises(SystemExit) as stop:
    train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert stop.value.code == 128 + signal.SIGTERM
  assert f'saved step {2 if calls == 1 else 4}' in caplog.messages[-1]
  monkeypatch.undo()
  train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')
  for name in 'scores.json', 'metrics.jsonl':
    whole, parts = (tmp_path / run / name for run in ('whole', 'parts'))
    assert whole.read_bytes() == parts.read_bytes()


def test_the_same_run_twice_gives_the_same_bytes(tiny_config, tmp_path):
  """And another seed others, or it would prove nothing."""
  records = {}
  for name, seed in ('one', 0), ('two', 0), ('other', 1):
    tiny_config.seed = seed
    train.train_and_evaluate(tiny_config, tmp_path / name)
    records[name] = (tmp_path / name / runs.METRICS).read_bytes()
  assert records['one'] == records['two'] != records['other']


def test_a_run_that_was_killed_resumes_to_the_same_bits(
  tiny_config, tmp_path, monkeypatch
):
  """Nothing is saved at a kill: what was written since is written again."""
  train.train_and_evaluate(tiny_config, tmp_path / 'whole')
  save = checkpoint.save

  def dies(manager, step, state, **keywords):
    if step == 4:
      manager.wait_until_finished()
      raise KeyboardInterrupt
    save(manager, step, state, **keywords)

  monkeypatch.setattr(checkpoint, 'save', dies)
  with pytest.raises(KeyboardInterrupt):
    train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  monkeypatch.setattr(checkpoint, 'save', save)
  # What a kill in the middle of a file leaves.
  (tmp_path / 'parts' / '.metrics-1234abcd.half.jsonl').write_text('{"step"')
  train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')
  hidden = [path.name for path in (tmp_path / 'parts').rglob('.*')]
  assert hidden == ['.lock']


def test_a_torn_checkpoint_falls_back(tiny_config, tmp_path, caplog):
  train.train_and_evaluate(tiny_config, tmp_path / 'whole')
  train.train_and_evaluate(tiny_config, tmp_path / 'torn')
  (tmp_path / 'torn' / 'scores.json').unlink()
  state_files = [
    path
    for path in (tmp_path / 'torn/checkpoints/4').rglob('*')
    if path.is_file() and 'metric' not in str(path)
  ]
  for path in state_files:
    path.write_bytes(path.read_bytes()[:7])
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, tmp_path / 'torn')
  assert 'step 4 cannot be read' in caplog.text
  assert 'resuming after step 2' in caplog.messages
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'torn')


def test_another_config_in_the_same_directory_is_refused(tiny_config, tmp_path):
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path)
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match=r'model\.gru_features = 4, not 5'):
    train.train_and_evaluate(tiny_config, tmp_path)


def test_a_run_of_a_version_with_fewer_fields_is_its_own(
  tiny_config, tmp_path, caplog
):
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path)
  path = tmp_path / 'config.json'
  older = json.loads(path.read_text())
  del older['model']['gru_reset_first']
  path.write_text(json.dumps(older))
  caplog.set_level(logging.INFO, 'seld_jax')
  train.train_and_evaluate(tiny_config, tmp_path)
  assert 'is complete' in caplog.messages[-1]
  path.write_text(json.dumps(older))
  tiny_config.model.gru_reset_first = True
  with pytest.raises(InputError, match='gru_reset_first = False, not True'):
    train.train_and_evaluate(tiny_config, tmp_path)


def test_a_second_run_in_the_same_directory_is_refused(tiny_config, tmp_path):
  with (
    runs.lock(tmp_path),
    pytest.raises(InputError, match='in use by process'),
  ):
    train.train_and_evaluate(tiny_config, tmp_path)
  assert not (tmp_path / 'config.json').exists()


def test_checkpoints_of_another_network_are_refused_without_any_config(
  tiny_config, tmp_path
):
  """The shapes tell, where everything that names the configuration is lost."""
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path)
  for name in 'scores.json', 'config.json', 'checkpoints/config.json':
    (tmp_path / name).unlink()
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match='step 2 .* another network'):
    train.train_and_evaluate(tiny_config, tmp_path)
  tiny_config.model.gru_features = 4
  train.train_and_evaluate(tiny_config, tmp_path)
