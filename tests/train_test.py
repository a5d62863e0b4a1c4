"""A run as a whole: it resumes exactly, refuses clearly, and learns."""

import contextlib
import json
import signal

import jax
import numpy as np
import optax
import pytest
from conftest import make_tiny

from seld_jax import (
  checkpoint,
  metric_writer,
  model,
  optimizer,
  prepare,
  report,
  run_folder,
  scoring,
  step_metrics,
  stepping,
  train,
  train_step,
)
from seld_jax import config as config_lib
from seld_jax.errors import InputError


def silent(_):
  """Drops what a run says."""


def final_state(config, workdir):
  state = train.create_state(config)
  with checkpoint.open_manager(workdir / 'checkpoints') as manager:
    restored = checkpoint.restore_latest(manager, state)
  assert restored is not None
  return jax.device_get(restored[1])


def assert_same_run(config, one, other):
  """Parameters, optimiser, statistics and metrics are equal to the bit."""
  name = metric_writer.METRICS
  assert (one / name).read_bytes() == (other / name).read_bytes()
  states = final_state(config, one), final_state(config, other)
  jax.tree.map(np.testing.assert_array_equal, *states)


def test_the_first_state_is_the_same_under_jit(tiny_config):
  eager = train.create_state(tiny_config)
  jitted = jax.jit(lambda: train.create_state(tiny_config))()
  # The program that draws is compiled with another effort, which may round.
  close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
  jax.tree.map(close, eager, jitted)
  shapes = jax.eval_shape(lambda: train.create_state(tiny_config))
  for leaf, shape in zip(
    jax.tree.leaves(eager), jax.tree.leaves(shapes), strict=True
  ):
    assert (leaf.shape, leaf.dtype) == (shape.shape, shape.dtype)


def test_a_run_leaves_what_the_readme_says(tiny_config, tmp_path):
  scores = train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  assert json.loads((tmp_path / 'scores.json').read_text()) == scores
  assert (
    config_lib.from_dict(json.loads((tmp_path / 'config.json').read_text()))
    == tiny_config
  )
  records = metric_writer.read(tmp_path / 'metrics.jsonl')
  assert [r['step'] for r in records if r['split'] == 'train'] == [1, 2, 3, 4]
  validations = [r for r in records if r['split'] == 'validation']
  assert [r['step'] for r in validations] == [2, 4]
  best = min(validations, key=lambda record: record['seld_score'])
  selected = {r['step']: r for r in validations}[scores['selected_step']]
  assert selected['seld_score'] == best['seld_score']
  by_name = {result['name']: result for result in scores['results']}
  assert by_name['validation']['scores']['seld_score'] == best['seld_score'], (
    'the restored snapshot scores as it did when it was saved'
  )
  assert len(list((tmp_path / 'predictions' / 'test').glob('*.csv'))) == 2


def test_a_complete_run_is_left_alone(tiny_config, tmp_path):
  first = train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  said = []
  again = train.train_and_evaluate(tiny_config, tmp_path, say=said.append)
  assert again == first
  assert 'complete' in said[-1]


@pytest.mark.parametrize(
  'stop_at',
  [
    pytest.param(1, marks=pytest.mark.slow),
    2,
    pytest.param(3, marks=pytest.mark.slow),
  ],
)
def test_a_stopped_run_resumes_to_the_same_bits(
  stop_at, tiny_config, tmp_path, monkeypatch
):
  train.train_and_evaluate(tiny_config, tmp_path / 'whole', say=silent)

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
    train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=silent)
  assert stop.value.code == 128 + signal.SIGTERM
  monkeypatch.setattr(stepping, 'stepper', make)
  said = []
  train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=said.append)
  assert any(f'resuming after step {stop_at}' in line for line in said)
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')


@pytest.mark.parametrize('calls', [pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_signal_in_an_evaluation_leaves_it_to_the_resumed_run(
  calls, tiny_config, tmp_path, monkeypatch
):
  """In the first, or in the second half of the last: the watched fold's."""
  tiny_config.eval.watch = ('test',)
  train.train_and_evaluate(tiny_config, tmp_path / 'whole', say=silent)
  evaluate = scoring.Evaluator.__call__
  seen = []

  def interrupted(*args):
    seen.append(args)
    if len(seen) == calls:
      signal.raise_signal(signal.SIGTERM)
      raise AssertionError('the evaluation goes on')
    return evaluate(*args)

  monkeypatch.setattr(scoring.Evaluator, '__call__', interrupted)
  said = []
  with pytest.raises(SystemExit) as stop:
    train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=said.append)
  assert stop.value.code == 128 + signal.SIGTERM
  assert f'saved step {2 if calls == 1 else 4}' in said[-1]
  monkeypatch.undo()
  train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=silent)
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')
  for name in 'scores.json', 'metrics.jsonl':
    whole, parts = (tmp_path / run / name for run in ('whole', 'parts'))
    assert whole.read_bytes() == parts.read_bytes()


def test_the_same_run_twice_gives_the_same_bytes(tiny_config, tmp_path):
  """And another seed others, or it would prove nothing."""
  records = {}
  for name, seed in ('one', 0), ('two', 0), ('other', 1):
    tiny_config.seed = seed
    train.train_and_evaluate(tiny_config, tmp_path / name, say=silent)
    records[name] = (tmp_path / name / metric_writer.METRICS).read_bytes()
  assert records['one'] == records['two'] != records['other']


def test_a_run_that_was_killed_resumes_to_the_same_bits(
  tiny_config, tmp_path, monkeypatch
):
  """Nothing is saved at a kill: what was written since is written again."""
  train.train_and_evaluate(tiny_config, tmp_path / 'whole', say=silent)
  save = checkpoint.save

  def dies(manager, step, state, **keywords):
    if step == 4:
      manager.wait_until_finished()
      raise KeyboardInterrupt
    save(manager, step, state, **keywords)

  monkeypatch.setattr(checkpoint, 'save', dies)
  with pytest.raises(KeyboardInterrupt):
    train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=silent)
  monkeypatch.setattr(checkpoint, 'save', save)
  # What a kill in the middle of a file leaves.
  (tmp_path / 'parts' / '.metrics-1234abcd.half.jsonl').write_text('{"step"')
  train.train_and_evaluate(tiny_config, tmp_path / 'parts', say=silent)
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')
  hidden = [path.name for path in (tmp_path / 'parts').rglob('.*')]
  assert hidden == ['.lock']


def test_a_torn_checkpoint_falls_back(tiny_config, tmp_path):
  train.train_and_evaluate(tiny_config, tmp_path / 'whole', say=silent)
  train.train_and_evaluate(tiny_config, tmp_path / 'torn', say=silent)
  (tmp_path / 'torn' / 'scores.json').unlink()
  state_files = [
    path
    for path in (tmp_path / 'torn/checkpoints/4').rglob('*')
    if path.is_file() and 'metric' not in str(path)
  ]
  for path in state_files:
    path.write_bytes(path.read_bytes()[:7])
  said = []
  train.train_and_evaluate(tiny_config, tmp_path / 'torn', say=said.append)
  assert any('step 4 cannot be read' in line for line in said)
  assert any('resuming after step 2' in line for line in said)
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'torn')


@pytest.mark.parametrize('budget', ['device_budget', 'host_budget'])
def test_a_run_that_streams_equals_one_in_memory(budget, tiny_config, tmp_path):
  """From memory when the device is small, and from disk when both are."""
  tiny_config.eval.watch = ('train',)
  tiny_config.eval.watch_recordings = 1
  said = []
  whole = train.train_and_evaluate(tiny_config, tmp_path / 'whole', say=silent)
  tiny_config.data[budget] = 1e-9
  scores = train.train_and_evaluate(
    tiny_config, tmp_path / 'parts', say=said.append
  )
  assert any('(on disk)' in line for line in said) == (budget == 'host_budget')
  assert scores == whole
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')


def test_steps_in_one_program_are_those_of_many(tiny_config, tmp_path):
  """Two at a time, and the one that is left; rounding apart."""
  tiny_config.train.num_steps = 5
  tiny_config.train.log_every = tiny_config.train.evaluate_every = 2
  train.train_and_evaluate(tiny_config, tmp_path / 'one', say=silent)
  tiny_config.train.steps_per_dispatch = 2
  train.train_and_evaluate(tiny_config, tmp_path / 'two', say=silent)
  records, others = (
    metric_writer.read(tmp_path / name / metric_writer.METRICS)
    for name in ('one', 'two')
  )
  assert [r['step'] for r in records if r['split'] == 'train'] == [2, 4, 5]
  for record, other in zip(records, others, strict=True):
    assert record.keys() == other.keys()
    for name, value in record.items():
      if name != 'split':
        np.testing.assert_allclose(other[name], value, rtol=1e-3, atol=1e-5)


def test_another_config_in_the_same_directory_is_refused(tiny_config, tmp_path):
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match=r'model\.gru_features = 4, not 5'):
    train.train_and_evaluate(tiny_config, tmp_path, say=silent)


def test_a_run_of_a_version_with_fewer_fields_is_its_own(tiny_config, tmp_path):
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  path = tmp_path / 'config.json'
  older = json.loads(path.read_text())
  del older['model']['gru_reset_first']
  path.write_text(json.dumps(older))
  said = []
  train.train_and_evaluate(tiny_config, tmp_path, say=said.append)
  assert 'is complete' in said[-1]
  path.write_text(json.dumps(older))
  tiny_config.model.gru_reset_first = True
  with pytest.raises(InputError, match='gru_reset_first = False, not True'):
    train.train_and_evaluate(tiny_config, tmp_path, say=silent)


def test_a_loss_that_is_not_finite_names_its_step(tiny_config, tmp_path):
  tiny_config.train.learning_rate = 1e30
  tiny_config.train.schedule = 'paper'
  tiny_config.train.warmup_epochs = 0
  tiny_config.train.num_steps = 40
  tiny_config.train.evaluate_every = 10
  with pytest.raises(
    FloatingPointError, match=r'step \d+ is not a finite number'
  ):
    train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  assert not (tmp_path / 'scores.json').exists()


def test_a_gradient_that_is_not_finite_is_found_though_the_loss_is():
  """The loss of a step is taken before its gradient spoils the state."""
  metrics = step_metrics.zero_metrics()
  values = {
    name: np.float32(0.1)
    for name in metrics
    if name not in ('num_steps', 'failed_step')
  }
  good = step_metrics.add_metrics(metrics, values, np.int32(5))
  assert step_metrics.mean_metrics(good)['loss'] == np.float32(0.1)
  values['gradient_norm'] = np.float32(np.inf)
  added = step_metrics.add_metrics(good, values, np.int32(6))
  with pytest.raises(FloatingPointError, match='step 7 '):
    step_metrics.mean_metrics(added)


def test_missing_dataset_says_what_to_do(tiny_config, tmp_path):
  tiny_config.data.root = str(tmp_path / 'nowhere')
  with pytest.raises(InputError) as error:
    train.train_and_evaluate(tiny_config, tmp_path / 'run', say=silent)
  for word in 'metadata_dev', 'seld_jax.synthesize', '--config.data.root':
    assert word in str(error.value)


def test_without_validation_the_last_snapshot_is_tested(tiny_config, tmp_path):
  tiny_config.data.validation_folds = ()
  scores = train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  assert scores['selected_step'] == 4
  assert scores['selection'] == 'last snapshot'
  assert [result['name'] for result in scores['results']] == ['test']


def test_evaluation_recordings_are_predicted_and_scored(tiny_config, tmp_path):
  tiny_config.data.evaluation = True
  scores = train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  result = scores['results'][-1]
  assert result['name'] == 'evaluation'
  assert result['num_recordings'] == result['scores']['recordings'] == 2
  names = {p.name for p in (tmp_path / result['predictions']).iterdir()}
  assert names == {'mix001.csv', 'mix002.csv'}


def test_evaluation_recordings_without_labels_are_predicted_alone(
  tiny_config, tiny_root, tmp_path
):
  """As it was while the challenge ran."""
  root = tmp_path / 'data'
  root.mkdir()
  for folder in 'foa_dev', 'metadata_dev', 'foa_eval':
    (root / folder).symlink_to(tiny_root / folder)
  tiny_config.data.root = str(root)
  tiny_config.data.evaluation = True
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'run', say=silent)
  result = scores['results'][-1]
  assert (result['name'], result['scores']) == ('evaluation', None)
  assert len(list((tmp_path / 'run' / result['predictions']).iterdir())) == 2
  page = report.write_report(tmp_path / 'run').read_text()
  assert '2 recordings without labels' in page
  # One label file of two is a mistake.
  (root / 'metadata_eval').mkdir()
  (root / 'metadata_eval/mix002.csv').write_text('10,1,0,5,0\n')
  with pytest.raises(InputError, match='mix001.wav has no labels, like 1 of'):
    train.train_and_evaluate(tiny_config, tmp_path / 'other', say=silent)


def test_missing_evaluation_recordings_are_said_before_training(
  tiny_config, tiny_root, tmp_path
):
  root = tmp_path / 'data'
  root.mkdir()
  for folder in 'foa_dev', 'metadata_dev':
    (root / folder).symlink_to(tiny_root / folder)
  tiny_config.data.root = str(root)
  tiny_config.data.evaluation = True
  with pytest.raises(InputError, match=r'foa_eval .*data\.evaluation=False'):
    train.train_and_evaluate(tiny_config, tmp_path / 'run', say=silent)


def test_watching_more_folds_changes_nothing_but_the_records(
  tiny_config, tmp_path
):
  train.train_and_evaluate(tiny_config, tmp_path / 'plain', say=silent)
  state = final_state(tiny_config, tmp_path / 'plain')
  tiny_config.eval.watch = ('train', 'test')
  tiny_config.eval.watch_recordings = 1
  scores = train.train_and_evaluate(
    tiny_config, tmp_path / 'watched', say=silent
  )
  jax.tree.map(
    np.testing.assert_array_equal,
    state,
    final_state(tiny_config, tmp_path / 'watched'),
  )
  plain = metric_writer.read(tmp_path / 'plain' / 'metrics.jsonl')
  watched = metric_writer.read(tmp_path / 'watched' / 'metrics.jsonl')
  extra = [r for r in watched if r['split'] in ('train_fold', 'test')]
  assert [r for r in watched if r not in extra] == plain
  assert [r['step'] for r in extra] == [2, 2, 4, 4]
  # At the selected step the curve has what the table has.
  at = {r['step']: r for r in extra if r['split'] == 'test'}
  table = scores['results'][-1]['scores']
  assert table['seld_score'] == at[scores['selected_step']]['seld_score']


@pytest.mark.parametrize(
  ('network', 'doa'),
  [
    ('seld_crnn', 'masked_mse'),
    pytest.param('seld_net', 'masked_norm', marks=pytest.mark.slow),
  ],
)
def test_gradient_norms_at_the_shared_layer(doa, network, tiny_config):
  """Against a gradient of each term alone, and without a change of the step."""
  tiny_config.loss.doa, tiny_config.loss.doa_weight = doa, 7.0
  if network == 'seld_net':
    tiny_config.model.attention_features = 64
    tiny_config.model.name = network
  rng = np.random.default_rng(0)
  batch = {
    'features': rng.standard_normal((2, 50, 16, 7)).astype(np.float32),
    'activity': (rng.random((2, 10, 14)) < 0.2).astype(np.float32),
    'doa': rng.standard_normal((2, 10, 14, 3)).astype(np.float32),
  }
  gradients, found = {}, {}
  for case, weights in {
    'both': (1.0, 7.0),
    'sed': (1.0, 0.0),
    'doa': (0.0, 7.0),
  }.items():
    tiny_config.loss.sed_weight, tiny_config.loss.doa_weight = weights
    tiny_config.train.log_gradient_norms = case == 'both'
    step = jax.jit(
      train.make_train_step(tiny_config),
      # Compiled quickly rather than well.
      compiler_options={'xla_backend_optimization_level': '0'},
    )
    state = step(train.create_state(tiny_config), batch)
    found[case] = state.metrics
    # Adam's first moment after one step is a tenth of the gradient.
    moments = state.opt_state[0].mu
    layer = moments[model.last_shared_layer(moments)]
    gradients[case] = 10 * optax.tree.norm(layer)
  for task in 'sed', 'doa':
    np.testing.assert_allclose(
      found['both'][f'{task}_shared_gradient'], gradients[task], rtol=1e-3
    )
  assert 'sed_shared_gradient' not in found['sed']


def test_the_paper_schedule_is_the_papers():
  config = config_lib.default()
  rate = optimizer.make_schedule(config, steps_per_epoch=6)
  at_epoch = lambda epoch: float(rate(6 * epoch))
  np.testing.assert_allclose(at_epoch(0), 2e-5, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(10), 2e-5, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(11), 2e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(199), 2e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(200), 1.6e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(600), 1.28e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(9999), 1.024e-4, rtol=1e-6)
  assert optimizer.total_steps(config, steps_per_epoch=6) == 60000


@pytest.mark.parametrize(
  ('sed', 'doa'),
  [
    ('mse', 'masked_mse'),
    ('cross_entropy', 'masked_norm'),
    *(
      pytest.param(sed, doa, marks=pytest.mark.slow)
      for sed, doa in (
        ('mse', 'mse'),
        ('mse', 'masked_norm'),
        ('cross_entropy', 'masked_mse'),
        ('cross_entropy', 'mse'),
      )
    ),
  ],
)
def test_training_by_any_loss_overfits_one_batch(sed, doa, tiny_root):
  """Two hundred steps on the same two crops bring the loss far down."""
  config = make_tiny(config_lib.default(), tiny_root)
  config.loss.sed, config.loss.doa = sed, doa
  config.train.schedule = 'paper'
  config.train.warmup_epochs = 0
  config.train.learning_rate = 1e-2
  config.model.gru_features = 16
  config.model.conv_dropout = 0.0
  config.model.head_dropout = 0.0
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  data = prepare.load_data(config, say=silent)
  fold = data.train
  batch = {
    'features': np.stack([fold.features[:50], fold.features[200:250]]),
    'activity': np.stack([fold.activity[:10], fold.activity[40:50]]),
    'doa': np.stack([fold.doa[:10], fold.doa[40:50]]),
  }
  batch['activity'][:, 5:, 3] = 1
  batch['doa'][:, 5:, 3] = [0, 0.6, 0.8]
  step = jax.jit(train.make_train_step(config))
  state = train.create_state(config, statistics=data.statistics)
  losses = []
  for _ in range(200):
    state = step(state.replace(metrics=train_step.zero_metrics(config)), batch)
    losses.append(float(state.metrics['loss']))
  assert np.mean(losses[-5:]) < 0.1 * losses[0]


def test_a_second_run_in_the_same_directory_is_refused(tiny_config, tmp_path):
  with (
    run_folder.lock(tmp_path),
    pytest.raises(InputError, match='in use by process'),
  ):
    train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  assert not (tmp_path / 'config.json').exists()


def test_checkpoints_of_another_network_are_refused_without_any_config(
  tiny_config, tmp_path
):
  """The shapes tell, where everything that names the configuration is lost."""
  tiny_config.train.num_steps = 2
  train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  for name in 'scores.json', 'config.json', 'checkpoints/config.json':
    (tmp_path / name).unlink()
  tiny_config.model.gru_features = 5
  with pytest.raises(InputError, match='step 2 .* is of another network'):
    train.train_and_evaluate(tiny_config, tmp_path, say=silent)
  tiny_config.model.gru_features = 4
  train.train_and_evaluate(tiny_config, tmp_path, say=silent)
