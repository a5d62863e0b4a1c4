"""Training as a user runs it: signals and kills."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from seld_jax import runs, scenes

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'


# A small version of configs/quick.py: it learns something, and takes long
# enough to be killed.
_ARGUMENTS = (
  '--config.data.synthesize=12',
  '--config.train.batch_size=8',
  '--config.train.num_steps=24',
  '--config.train.log_every=3',
  '--config.train.evaluate_every=6',
  '--config.eval.test_windows=(120,)',
)


def start(workdir, root):
  return subprocess.Popen(
    [
      sys.executable,
      '-m',
      'seld_jax.main',
      f'--config={CONFIGS / "quick.py"}',
      f'--workdir={workdir}',
      f'--config.data.root={root}',
      *_ARGUMENTS,
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env={**os.environ, 'JAX_COMPILATION_CACHE_DIR': str(root.parent / 'xla')},
  )


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """Twelve scenes of ten seconds, in the folder that the command would use."""
  root = tmp_path_factory.mktemp('scenes') / 'quick'
  scenes.synthesize(root, recordings=12, seconds=10.0, num_workers=0)
  return root


@pytest.fixture(scope='module')
def whole(root, tmp_path_factory):
  """A run that was never stopped."""
  workdir = tmp_path_factory.mktemp('whole')
  process = start(workdir, root)
  output, _ = process.communicate(timeout=600)
  assert process.returncode == 0, output
  assert 'test, window 6 s' in output and 'report.html' in output
  return workdir


@pytest.mark.slow
def test_24_steps_learn_something_about_directions(whole):
  """After 24 steps, the error is less than that of zero vectors, 1/3."""
  records = runs.read_records(whole / 'metrics.jsonl')
  errors = [r['doa_masked_mse'] for r in records if r['split'] == 'train']
  assert errors[-1] < 0.325 < errors[0]


@pytest.mark.slow
def test_a_terminated_run_resumes_to_the_same_metrics(whole, root, tmp_path):
  process = start(tmp_path, root)
  wait_for_lines(tmp_path, 3, process)
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 128 + signal.SIGTERM, output
  assert 'the same command resumes' in output
  assert_finishes_as(whole, tmp_path, root)


def wait_for_lines(workdir, number, process):
  """Waits until metrics.jsonl has this many records, or the process ended."""
  path = workdir / runs.METRICS
  while process.poll() is None:
    if path.exists() and path.read_bytes().count(b'\n') >= number:
      return
    time.sleep(0.02)


def assert_finishes_as(whole, workdir, root):
  process = start(workdir, root)
  output, _ = process.communicate(timeout=600)
  assert process.returncode == 0, output
  for name in runs.METRICS, 'scores.json':
    assert (workdir / name).read_bytes() == (whole / name).read_bytes(), name
  again = start(workdir, root)
  output, _ = again.communicate(timeout=300)
  assert again.returncode == 0 and 'is complete' in output
  assert json.loads((workdir / 'scores.json').read_text())['num_steps'] == 24
  # The step was traced in the first run only, and read in all others.
  (trace,) = (root.parent / 'xla' / 'traced').iterdir()
  written = [p.stat().st_mtime_ns for p in (trace, whole / 'scores.json')]
  assert written == sorted(written)
