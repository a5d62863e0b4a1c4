"""Several processes give the results of one process with all devices."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import compiling

from seld_jax import runs
from seld_jax.devices import processes
from seld_jax.errors import InputError

# Words of the library that connects the processes.
_GLOO = 'Gloo Rank is connected to peer ranks Expected number of connected'

_CONFIG = """
from helpers.tiny import make_tiny
from seld_jax import config as config_lib

def get_config():
  config = make_tiny(config_lib.default(), {root!r})
  config.train.batch_size = config.eval.batch_size = 8
  config.train.num_steps = {steps}
  config.train.evaluate_every = 2
  return config
"""


@pytest.fixture(scope='module')
def root(tiny_root, tmp_path_factory):
  """Ten recordings per fold: more than a batch, no multiple of eight."""
  folder = tmp_path_factory.mktemp('data')
  for path in tiny_root.glob('*_dev/*_mix00?_ov1.*'):
    for copy in range(5):
      name = path.name.replace('mix00', f'mix{copy}0')
      (folder / path.parent.name).mkdir(exist_ok=True)
      shutil.copy(path, folder / path.parent.name / name)
  return folder


def free_port():
  with socket.socket() as listener:
    listener.bind(('127.0.0.1', 0))
    return listener.getsockname()[1]


def begin(config, workdir, *, num_processes, cache):
  """Starts the command in several processes, with eight devices in total."""
  environment = {
    **os.environ,
    'XLA_FLAGS': f'--xla_force_host_platform_device_count={8 // num_processes} '
    + compiling.QUICK_FLAGS,
    'JAX_PLATFORMS': 'cpu',
    'JAX_COMPILATION_CACHE_DIR': str(cache),
    'PYTHONPATH': os.pathsep.join(
      [*sys.path, str(pathlib.Path(__file__).parents[1])]
    ),
  }
  command = [sys.executable, '-m', 'seld_jax.main', f'--config={config}']
  command += [f'--workdir={workdir}', f'--num_processes={num_processes}']
  if num_processes > 1:
    command.append(f'--coordinator_address=127.0.0.1:{free_port()}')
  return [
    subprocess.Popen(
      command + [f'--process_id={number}'] * (num_processes > 1),
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in range(num_processes)
  ]


def end(started):
  """Waits for the processes; returns their outputs and exit statuses."""
  outputs = [process.communicate(timeout=400) for process in started]
  return outputs, [process.returncode for process in started]


def write_config(path, root, *, steps):
  path.write_text(_CONFIG.format(root=str(root), steps=steps))
  return path


def assert_same_scores(workdir, other):
  records, others = (
    runs.read_records(folder / runs.METRICS) for folder in (workdir, other)
  )
  assert len(records) == len(others) > 0
  for record, expected in zip(records, others, strict=True):
    assert record.keys() == expected.keys()
    for name, value in expected.items():
      if isinstance(value, str):
        assert record[name] == value
      else:
        # Sums over devices may have another order.
        np.testing.assert_allclose(record[name], value, rtol=1e-4, atol=1e-6)
  final, expected = (
    json.loads((folder / 'scores.json').read_text())['results']
    for folder in (workdir, other)
  )
  for result, wanted in zip(final, expected, strict=True):
    for name in 'ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score':
      np.testing.assert_allclose(
        result['scores'][name], wanted['scores'][name], rtol=1e-4
      )


@pytest.mark.slow
def test_two_processes_of_four_devices_equal_one_of_eight(root, tmp_path):
  """Also when a signal stops one of them, and after a resume and a kill."""
  cache = tmp_path / 'xla'
  config = write_config(tmp_path / 'tiny.py', root, steps=6)
  outputs, codes = end(
    begin(config, tmp_path / 'one', num_processes=1, cache=cache)
  )
  assert codes == [0], outputs
  # The two processes extract the features again, each its part.
  shutil.rmtree(root / 'features')

  two = tmp_path / 'two'
  started = begin(config, two, num_processes=2, cache=cache)
  wait_for_step(two, 2, started)
  started[1].send_signal(signal.SIGTERM)
  outputs, codes = end(started)
  assert codes == [143, 143], outputs
  assert 'the same command resumes' in outputs[0][0]

  started = begin(config, two, num_processes=2, cache=cache)
  wait_for_step(two, 4, started)
  for process in started:
    process.kill()
  end(started)

  outputs, codes = end(begin(config, two, num_processes=2, cache=cache))
  assert codes == [0, 0], outputs
  assert 'resuming after step' in outputs[0][0]
  assert 'seld_score' in outputs[0][0]
  # Only the first process prints, except for the library that connects them,
  # whose threads may write into each other's lines.
  words = set(re.findall('[A-Za-z_]+', outputs[1][0]))
  assert words <= set(_GLOO.split()), outputs[1][0]
  assert (two / 'report.html').exists()
  assert_same_scores(two, tmp_path / 'one')


def wait_for_step(workdir, step, started):
  """Waits until metrics.jsonl has a record of the step."""
  while not any(
    record['step'] >= step
    for record in runs.read_records(workdir / runs.METRICS)
  ):
    assert all(process.poll() is None for process in started), end(started)
    time.sleep(0.05)


@pytest.mark.slow
def test_an_error_in_one_process_ends_both(root, tmp_path):
  """A broken recording that only the second process reads."""
  broken = tmp_path / 'broken'
  shutil.copytree(root, broken, ignore=shutil.ignore_patterns('features'))
  second = sorted((broken / 'foa_dev').glob('fold3*.wav'))[1]
  second.write_bytes(second.read_bytes()[:1000])
  config = write_config(tmp_path / 'tiny.py', broken, steps=2)
  cache = tmp_path / 'xla'
  started = begin(config, tmp_path / 'two', num_processes=2, cache=cache)
  outputs, codes = end(started)
  assert codes == [1, 1]
  said = [error for _, error in outputs]
  assert second.name in said[1]
  assert 'Process 1 failed' in said[0]
  assert not any('Traceback' in error for error in said)


@pytest.mark.parametrize(
  ('options', 'reason'),
  [
    ({'coordinator_address': 'node1:1234'}, 'give all three'),
    ({'num_processes': 2, 'process_id': 0}, 'give all three'),
    (
      {
        'coordinator_address': 'node1',
        'num_processes': 2,
        'process_id': 0,
      },
      "HOST:PORT.* got 'node1'",
    ),
    (
      {
        'coordinator_address': 'node1:1234',
        'num_processes': 2,
        'process_id': 2,
      },
      'got 2 of 2',
    ),
  ],
)
def test_flags_that_contradict_each_other_are_refused(options, reason):
  with pytest.raises(InputError, match=reason):
    processes.start(**options)


def test_one_process_works_without_others(monkeypatch):
  monkeypatch.setenv('SLURM_NTASKS', '4')
  monkeypatch.setenv('SLURM_STEP_NODELIST', 'node[1-4]')
  processes.start(num_processes=1)
  assert processes.count() == 1
  assert processes.is_first()
  assert processes.first(lambda: None) == 0
  assert processes.first(lambda: 7) == 7
  assert processes.together(lambda: 'done') == 'done'
  assert processes.Ballot()(15) == 15
  rows = np.arange(6.0).reshape(3, 2)
  np.testing.assert_array_equal(processes.join_rows(rows, 3), rows)
