"""Scenes that are rendered beside the training, and runs that use them."""

import concurrent.futures
import contextlib
import logging
import multiprocessing
import signal
import time

import numpy as np
import pytest
import threadpoolctl
from helpers.tiny import make_one_convolution
from helpers.training import assert_same_run

from seld_jax import audio, dataset, evaluate, labels, runs, scenes, train
from seld_jax import config as config_lib
from seld_jax.dataset import cache
from seld_jax.errors import InputError
from seld_jax.train import rendering


@pytest.fixture(scope='module')
def scene_root(tmp_path_factory):
  """A set of scenes: a recording of 2 s in each of six folds."""
  root = tmp_path_factory.mktemp('scenes')
  scenes.synthesize(
    root, recordings=6, seconds=2.0, num_workers=0, csv_edition='2023'
  )
  return root


@pytest.fixture
def config(tiny_config, scene_root):
  """A run of 8 steps on four generations of four scenes of 1.5 s."""
  make_one_convolution(tiny_config)
  tiny_config.data.root = str(scene_root)
  tiny_config.data.synthesize_every_epoch = 4
  tiny_config.data.synthesize_seconds = 1.5
  tiny_config.data.synthesize_workers = 2
  tiny_config.train.num_steps = 8
  tiny_config.train.evaluate_every = 8
  tiny_config.data.validation_folds = tiny_config.data.test_folds = ()
  return tiny_config


def in_this_process(monkeypatch, *, before=lambda number: None):
  """Renders in this process; `before` is called before each generation."""

  @contextlib.contextmanager
  def workers(count, *, niceness=0):
    unfinished = []

    def submit(make, todo):
      jobs = [concurrent.futures.Future() for _ in todo]
      unfinished.extend(jobs)
      if before(make.args[-1]) is None:
        for item, job in zip(todo, jobs, strict=True):
          with threadpoolctl.threadpool_limits(1):
            job.set_result(make(item))
      return jobs

    try:
      yield submit
    finally:
      for job in unfinished:
        job.cancel()

  monkeypatch.setattr(scenes, 'workers', workers)


@contextlib.contextmanager
def generations(config, *, first_step=0):
  with rendering.rendered(
    rendering.plan(config),
    first_step=first_step,
    num_steps=config.train.num_steps,
    steps_per_epoch=2,
  ) as made:
    assert made is not None
    yield made


def fold_of(made, step) -> dataset.Fold:
  assert made.wait(step, is_stopped=lambda: False)
  fold = made.fold_at(step)
  assert fold is not None
  return fold


def assert_same_fold(one, other):
  np.testing.assert_array_equal(
    np.asarray(one.features), np.asarray(other.features)
  )
  for name, values in one.targets.items():
    np.testing.assert_array_equal(values, other.targets[name])


@pytest.mark.slow
def test_workers_render_the_same_scenes_until_one_is_killed(
  config, monkeypatch
):
  """Scenes from two processes, and from this one, as a resumed run has them."""
  with generations(config) as made:
    there = {step: fold_of(made, step) for step in (0, 1, 2)}
    assert made.waited > 0
    assert made.fold_at(1) is None and made.fold_at(3) is there[2]
    for worker in multiprocessing.active_children():
      worker.kill()
    with pytest.raises(InputError, match='data.synthesize_workers'):
      for step in range(2, 8):
        fold_of(made, step)
  assert not multiprocessing.active_children()
  assert there[0] is there[1]
  first, third = (np.asarray(there[step].features) for step in (0, 2))
  assert not np.array_equal(first, third)
  in_this_process(monkeypatch)
  for first in 0, 2:
    with generations(config, first_step=first) as made:
      assert_same_fold(fold_of(made, first), there[first])


def test_a_worker_that_ends_between_two_generations_is_an_input_error(config):
  """Workers have nothing to do while the scenes of a generation are used."""
  with generations(config) as made:
    fold_of(made, 0)
    while made._joined is not None and not made._joined.done():
      time.sleep(0.05)
    for worker in multiprocessing.active_children():
      worker.kill()
      worker.join()
    with pytest.raises(InputError, match='data.synthesize_workers'):
      for step in range(2, 8):
        fold_of(made, step)


def test_features_and_targets_are_those_of_recordings_on_disk(
  config, monkeypatch, tmp_path
):
  """Sound and labels are written to files and read as those of a dataset."""
  config.output.distance = True
  config.eval.edition = '2024'
  in_this_process(monkeypatch)
  plan = rendering.plan(config)
  assert plan is not None
  with generations(config) as made:
    fold = fold_of(made, 0)
  for number in range(plan.count):
    # As the workers do: another number of threads can change the last bits.
    with threadpoolctl.threadpool_limits(1):
      samples, events = scenes.render_new_scene(plan.new, 0, number)
    name = f'fold3_room1_mix{number:03d}'
    audio.write(tmp_path / 'foa_dev' / f'{name}.wav', audio.as_float(samples))
    table = tmp_path / 'metadata_dev' / f'{name}.csv'
    labels.write_csv(table, events, edition='2024', distance_scale=100)
  recordings = dataset.find_recordings(tmp_path, format='foa', folds=(3,))
  paths = cache.extract(
    recordings,
    tmp_path / 'features',
    options=config_lib.feature_options(config),
  )
  expected = dataset.load_fold(
    recordings,
    paths,
    output=config_lib.output_format(config),
    pool=5,
    min_frames=config.train.crop_frames,
    distance_scale=evaluate.UNITS['cm'],
  )
  assert_same_fold(fold, expected)
  np.testing.assert_array_equal(fold.offsets, expected.offsets)
  assert fold.targets['activity'].any()


def test_at_most_two_generations_exist_and_none_after_the_last_step(
  config, monkeypatch
):
  begun = []
  in_this_process(monkeypatch, before=begun.append)
  config.data.synthesize_reuse = 2  # two generations
  with generations(config) as made:
    assert begun == [0]
    fold_of(made, 0)
    assert begun == [0, 1]
    fold = fold_of(made, 3)
    assert begun == [0, 1]
    assert fold_of(made, 4) is not fold
    fold_of(made, 7)
  assert begun == [0, 1]


@pytest.mark.slow
def test_a_run_that_is_stopped_while_it_waits_resumes_to_the_same_bits(
  config, monkeypatch, tmp_path, caplog
):
  """The stopped run reads its crops from memory, the other one from devices."""
  whole, stopped = tmp_path / 'whole', tmp_path / 'stopped'
  in_this_process(monkeypatch)
  train.train_and_evaluate(config, whole)

  def stop(number):
    if number == 3:
      signal.raise_signal(signal.SIGTERM)
      return 'never rendered'
    return None

  config.data.device_budget = 1e-9
  with monkeypatch.context() as patch:
    in_this_process(patch, before=stop)
    with pytest.raises(SystemExit) as left:
      train.train_and_evaluate(config, stopped)
  assert left.value.code == 128 + signal.SIGTERM
  caplog.set_level(logging.INFO, 'seld_jax')
  config.data.synthesize_workers = 1
  train.train_and_evaluate(config, stopped)
  assert 'resuming after step' in caplog.text
  assert '4 new scenes of 1.5 s every epoch, 8 steps' in caplog.text
  config.data.device_budget = -1.0
  assert_same_run(config, whole, stopped)
  times = runs.read_records(whole / runs.TIMINGS)
  assert times[-1]['waiting_seconds'] >= 0
  losses = [
    record['loss']
    for record in runs.read_records(whole / runs.METRICS)
    if record['split'] == 'train'
  ]
  assert len({*losses}) == 8


@pytest.mark.slow
def test_several_steps_in_one_program_stay_within_a_generation(
  config, monkeypatch, tmp_path
):
  """Three steps at a time, of generations that have two or four."""
  in_this_process(monkeypatch)
  config.train.log_every = config.train.evaluate_every = 3
  config.train.num_steps = 9
  config.data.synthesize_reuse = 2
  train.train_and_evaluate(config, tmp_path / 'single')
  config.train.steps_per_dispatch = 3
  train.train_and_evaluate(config, tmp_path / 'several')
  single, several = (
    [r['loss'] for r in runs.read_records(path / runs.METRICS) if 'loss' in r]
    for path in (tmp_path / 'single', tmp_path / 'several')
  )
  np.testing.assert_allclose(several, single, rtol=1e-4)


def test_scenes_shorter_than_a_crop_are_refused(config):
  config.data.synthesize_seconds = 0.0
  config.train.crop_frames = 150
  with pytest.raises(InputError, match='have 2 s, which is shorter than a tra'):
    rendering.plan(config)
