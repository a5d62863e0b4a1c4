"""A small comparison: its plan, runs, failures and signals."""

import importlib.metadata
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from helpers.tiny import make_tiny

from benchmarks import loss_study
from seld_jax import config as config_lib
from seld_jax import reproduce
from seld_jax import runs as run_folder
from seld_jax.config import systems
from seld_jax.devices import large_pages
from seld_jax.errors import InputError
from seld_jax.reproduce import comparison
from seld_jax.train import many


@pytest.fixture
def tiny_scale(tiny_root, monkeypatch):
  """Adds a tiny scale, so that nothing else differs from what users have."""
  make = lambda config: make_tiny(config, tiny_root)
  monkeypatch.setattr(systems, 'SCALES', {**systems.SCALES, 'tiny': make})
  return 'tiny'


def test_planned_systems_differ_only_in_their_losses(tiny_root):
  names = list(systems.SYSTEMS)
  configs = reproduce.plan(
    tiny_root, names=names, formats=['foa', 'mic'], seeds=range(2)
  )
  assert len(configs) == len(names) * 2 * 2
  assert list(configs)[: len(names)] == [f'{name}_foa_seed0' for name in names]
  for seed in range(2):
    mse = config_lib.to_dict(configs[f'mse_foa_seed{seed}'])
    assert mse['seed'] == seed
    for name in 'ce_mse_1_1', 'ce_mse_1_1000':
      other = config_lib.to_dict(configs[f'{name}_foa_seed{seed}'])
      assert {key for key in mse if mse[key] != other[key]} == {'loss'}
  for config in configs.values():
    config_lib.validate(config, num_devices=1)
    # The watched splits are never those that select the snapshot.
    assert set(config.eval.watch) <= {'train', 'test'}
  assert configs['baseline_foa_seed0'].data.evaluation


def test_submissions_need_evaluation_recordings(tmp_path):
  configs = reproduce.plan(
    tmp_path, names=list(systems.SYSTEMS), formats=['foa'], seeds=[0]
  )
  assert not any('submission' in name for name in configs)
  assert not configs['baseline_foa_seed0'].data.evaluation


def test_a_folder_of_another_comparison_is_refused_before_training(
  tmp_path, tiny_root, tiny_scale
):
  options = {'names': ['mse'], 'formats': ['foa'], 'scale': tiny_scale}
  configs = reproduce.plan(tiny_root, **options, seeds=[0, 1])
  folder = tmp_path / 'mse_foa_seed1'
  folder.mkdir()
  other = config_lib.to_dict(configs['mse_foa_seed1'])
  other['loss']['doa_weight'] = 2.0
  (folder / 'config.json').write_text(json.dumps(other))
  (folder / 'scores.json').write_text('{}')
  with pytest.raises(InputError, match=r'loss\.doa_weight = 2\.0, not 1\.0'):
    many.train_many(configs, tmp_path)
  assert not (tmp_path / 'mse_foa_seed0').exists()


@pytest.fixture
def has_cuda(monkeypatch):
  """As if JAX were installed with its plugin for NVIDIA GPUs."""
  found = importlib.metadata.EntryPoint('xla_cuda13', 'x', 'jax_plugins')
  monkeypatch.setattr(importlib.metadata, 'entry_points', lambda group: [found])


@pytest.mark.usefixtures('has_cuda')
def test_more_jobs_than_gpus_are_refused(tmp_path, tiny_root, monkeypatch):
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5')
  configs = reproduce.plan(
    tiny_root, names=['mse'], formats=['foa'], seeds=[0, 1, 2]
  )
  with pytest.raises(InputError, match='3 jobs .* but there are 2'):
    many.train_many(configs, tmp_path, jobs=3)


@pytest.mark.parametrize(
  ('visible', 'platforms', 'expected'),
  [
    ('3, 5', '', ['3', '5']),
    ('3,5', 'cuda,cpu', ['3', '5']),
    ('3,-1,5', '', ['3']),
    ('-1', '', []),
    ('', '', []),
    ('3,5', 'cpu', []),
  ],
)
@pytest.mark.usefixtures('has_cuda')
def test_gpus_are_those_that_jax_would_use(
  visible, platforms, expected, monkeypatch
):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  monkeypatch.setenv('JAX_PLATFORMS', platforms)
  assert many._gpus() == expected


def test_jax_for_the_cpu_uses_no_gpus(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5')
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  monkeypatch.setattr(importlib.metadata, 'entry_points', lambda group: [])
  assert many._gpus() == []


def test_features_of_all_runs_are_extracted_once(
  tmp_path, tiny_root, tiny_scale, monkeypatch
):
  """The first process extracts all folds and recordings that a run needs."""
  started = []

  def start(target, workdir, config, **options):
    started.append((target, config))
    raise InterruptedError

  monkeypatch.setattr(many, '_start', start)
  configs = reproduce.plan(
    tiny_root,
    names=['mse', 'submission2'],
    formats=['foa'],
    seeds=[0, 1],
    scale=tiny_scale,
  )
  with pytest.raises(InterruptedError):
    many.train_many(configs, tmp_path)
  ((target, config),) = started
  assert target is many._extract
  assert config.data.train_folds == (1, 2, 3)
  assert config.data.evaluation


def write_tunables(config, workdir):
  (workdir / 'tunables').write_text(os.environ.get('GLIBC_TUNABLES', ''))


@pytest.mark.slow
def test_runs_have_large_pages(tmp_path, tiny_root, monkeypatch):
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  helps = large_pages.would_help(os.environ)
  config = make_tiny(config_lib.default(), tiny_root)
  child = many._start(write_tunables, tmp_path, config)
  child.process.join()
  assert child.process.exitcode == 0
  expected = 'glibc.malloc.hugetlb=1' if helps else ''
  assert (tmp_path / 'tunables').read_text() == expected
  assert 'GLIBC_TUNABLES' not in os.environ


def test_runs_keep_the_tunables_of_the_user(monkeypatch):
  monkeypatch.setenv('GLIBC_TUNABLES', 'glibc.malloc.check=0')
  with large_pages.for_children():
    assert os.environ['GLIBC_TUNABLES'] == 'glibc.malloc.check=0'
  assert os.environ['GLIBC_TUNABLES'] == 'glibc.malloc.check=0'


def test_the_reason_of_a_failure_is_the_last_error_in_the_log(tmp_path):
  """Errors of earlier starts do not count."""
  log = tmp_path / 'log.txt'
  log.write_text('error: of yesterday.\n')
  ended = types.SimpleNamespace(exitcode=1)
  child = many._Child(tmp_path, ended, log.stat().st_size)
  with log.open('a') as file:
    file.write('step 3\nerror: nowhere is missing.\n  or render scenes\n')
  assert child.last_words() == 'nowhere is missing. or render scenes'
  killed = types.SimpleNamespace(exitcode=-signal.SIGKILL)
  child = many._Child(tmp_path, killed, log.stat().st_size)
  assert child.last_words() == 'the process was stopped by SIGKILL'
  nothing = many._Child(tmp_path / 'none', ended, 0)
  assert nothing.last_words() == 'exit status 1'


NAMES = ('mse', 'baseline', 'submission2')


@pytest.fixture(scope='module')
def trained(tiny_root, tmp_path_factory):
  """Folder, configurations and failures of four runs; the second one fails."""
  workdir = tmp_path_factory.mktemp('runs')
  with pytest.MonkeyPatch.context() as patch:
    make = lambda config: make_tiny(config, tiny_root)
    patch.setattr(systems, 'SCALES', {**systems.SCALES, 'tiny': make})
    options = {'formats': ['foa'], 'scale': 'tiny'}
    configs = reproduce.plan(tiny_root, names=NAMES, seeds=[0], **options)
    others = reproduce.plan(tiny_root, names=['mse'], seeds=[1], **options)
  (bad,) = others.values()
  bad.train.learning_rate = 1e30
  bad.train.schedule = 'paper'
  bad.train.warmup_epochs = 0
  failed = many.train_many({**others, **configs}, workdir, jobs=2)
  return workdir, configs, failed


@pytest.mark.slow
def test_a_run_that_fails_does_not_stop_the_others(trained):
  workdir, configs, failed = trained
  assert set(failed) == {'mse_foa_seed1'}
  assert 'is not a finite number' in failed['mse_foa_seed1']
  assert all(run_folder.is_complete(workdir / name) for name in configs)


@pytest.mark.slow
def test_trained_runs_are_compared(trained, tmp_path):
  results = reproduce.read_results(
    trained[0], names=NAMES, formats=['foa'], seeds=[0, 1]
  )
  assert [one.system for one in results] == list(NAMES)
  splits = [set(one.scores) for one in results]
  assert splits == [
    {'validation', 'test'},
    {'validation', 'test', 'evaluation'},
    {'evaluation'},
  ]
  rows = comparison.make_table(results)
  assert [row.split for row in rows].count('evaluation') == 2
  watched = {r['split'] for r in results[0].records}
  assert watched == {'train', 'validation', 'test', 'train_fold'}
  norms = [r for r in results[0].records if r['split'] == 'train']
  ratios = [r['doa_shared_gradient'] / r['sed_shared_gradient'] for r in norms]
  np.testing.assert_allclose(
    loss_study.gradient_ratio(results[0]), np.prod(ratios) ** (1 / len(ratios))
  )
  paths = loss_study.write_weights(tmp_path / 'study', results[:1])
  assert {p.name for p in paths} == {
    'weights.md',
    'weights.csv',
    'weights.png',
    'weights_dark.png',
  }
  (path,) = loss_study.write_ablation(tmp_path / 'study', results[:1])
  assert path.read_text().count('\n| mse |') == 1


@pytest.mark.slow
def test_complete_runs_are_not_trained_again(trained, caplog):
  workdir, configs, _ = trained
  log = workdir / 'mse_foa_seed0' / 'log.txt'
  before = log.read_text()
  caplog.set_level(logging.INFO, 'seld_jax')
  assert not many.train_many(configs, workdir)
  assert caplog.messages == ['3 of 3 runs are complete.']
  assert log.read_text() == before


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_command_saves_all_runs(number, tmp_path, tiny_root):
  """Even if it is killed: its children notice that."""
  script = (
    'import sys, signal\n'
    'sys.path.insert(0, sys.argv[1])\n'
    'from helpers.tiny import make_tiny\n'
    'from seld_jax import commands, reproduce\n'
    'from seld_jax.config import systems\n'
    'from seld_jax.train import many\n'
    'def tiny(config):\n'
    '  make_tiny(config, sys.argv[2])\n'
    '  config.train.num_steps = 4000\n'
    '  config.train.log_every = config.train.evaluate_every = 20\n'
    '  return config\n'
    "systems.SCALES = {'tiny': tiny}\n"
    "if __name__ == '__main__':\n"
    '  configs = reproduce.plan(\n'
    "    sys.argv[2], names=['mse'], formats=['foa'], seeds=[0, 1],\n"
    "    scale='tiny')\n"
    '  with commands.log_to_terminal():\n'
    '    many.train_many(configs, sys.argv[3], jobs=2)\n'
  )
  path = tmp_path / 'command.py'
  path.write_text(script)
  tests = str(pathlib.Path(__file__).parents[1])
  work = tmp_path / 'work'
  process = subprocess.Popen(
    [sys.executable, path, tests, tiny_root, work],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    start_new_session=True,
  )
  metrics = [work / f'mse_foa_seed{seed}' / 'metrics.jsonl' for seed in (0, 1)]
  while process.poll() is None and not all(p.exists() for p in metrics):
    time.sleep(0.05)
  # A terminal, too, sends Ctrl-C to the command and all its children.
  os.killpg(process.pid, number)
  output, _ = process.communicate(timeout=300)
  if number == signal.SIGKILL:
    assert process.returncode == -number
  else:
    assert process.returncode == 128 + number, output
    assert 'all runs are saved' in output
  for run in metrics:
    log = run.parent / 'log.txt'
    deadline = time.monotonic() + 120
    while 'the same command resumes' not in log.read_text():
      assert time.monotonic() < deadline
      time.sleep(0.1)
    assert not run_folder.is_complete(run.parent)
