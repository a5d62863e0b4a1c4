"""Checkpoints: which are kept, which is best, and damaged ones."""

import errno
import logging
import math
import os
import shutil
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from seld_jax.errors import InputError
from seld_jax.train import checkpoint


def make_state(step):
  """A state with arrays of several types, different for every step."""
  rng = np.random.default_rng(step)
  return {
    'step': jnp.asarray(step, jnp.int32),
    'params': {'kernel': jnp.asarray(rng.standard_normal((3, 2)), jnp.float32)},
    'half': jnp.asarray(rng.standard_normal(5), jnp.bfloat16),
    'odd': jnp.asarray([np.nan, np.inf, -0.0, 1e-40], jnp.float32),
    'key': jnp.asarray(rng.integers(0, 2**32, 2), jnp.uint32),
  }


def assert_same_bits(one, other):
  def check(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()

  jax.tree.map(check, one, other)


def save_all(folder, scores):
  """Saves steps 1, 2, ... with these scores."""
  with checkpoint.open_manager(folder) as manager:
    for step, score in enumerate(scores, 1):
      checkpoint.save(manager, step, make_state(step), seld_score=score)
      manager.wait_until_finished()


def kept(folder):
  return sorted(int(path.name) for path in folder.iterdir() if path.is_dir())


def tear(folder, step):
  """Cuts the files of a checkpoint, as a power cut would."""
  torn = [
    path
    for path in (folder / str(step)).rglob('*')
    if path.is_file() and 'metrics' not in path.parts
  ]
  assert torn
  for path in torn:
    path.write_bytes(path.read_bytes()[:5])


def restored(folder, restore, **options) -> Any:
  with checkpoint.open_manager(folder) as manager:
    return restore(manager, make_state(0), **options)


def test_a_restored_state_is_the_saved_one_to_the_bit(tmp_path):
  save_all(tmp_path, [0.5])
  step, state = restored(tmp_path, checkpoint.restore_latest)
  assert step == 1
  assert_same_bits(state, make_state(1))


def test_a_folder_whose_name_is_no_utf_8_is_refused(tmp_path):
  """Otherwise, all checkpoints would seem to be damaged."""
  folder = tmp_path / 'x\udce9'
  with pytest.raises(InputError, match='no UTF-8.*move or rename'):
    restored(folder, checkpoint.restore_latest)
  with pytest.raises(InputError, match='no UTF-8.*move or rename'):
    checkpoint.read_best(folder, make_state(0), made_from='config.json')


def test_an_empty_folder_has_nothing_to_restore(tmp_path):
  folder = tmp_path / 'new' / 'checkpoints'
  assert restored(folder, checkpoint.restore_latest) is None
  with pytest.raises(InputError, match='contains no checkpoint'):
    restored(folder, checkpoint.restore_best)


@pytest.mark.parametrize(
  ('scores', 'best'),
  [
    ([0.5, 0.2, 0.4, 0.6, 0.7], 2),
    ([0.1, 0.9, 0.8, 0.7, 0.6], 1),
    ([0.9, 0.8, 0.7, 0.6, 0.5], 5),
    # NaN and infinite scores are worse than any finite score.
    ([math.nan, 0.3, math.nan, 0.5, math.nan], 2),
    ([0.9, 0.4, math.nan, -math.inf, math.inf], 2),
    # A checkpoint that a signal caused has no score, and is never the best.
    ([0.9, 0.4, None, 0.5, None], 2),
  ],
)
def test_the_two_latest_and_the_best_are_kept(scores, best, tmp_path):
  save_all(tmp_path, scores)
  assert kept(tmp_path) == sorted({best, 4, 5})
  step, state = restored(tmp_path, checkpoint.restore_best)
  assert step == best
  assert_same_bits(state, make_state(best))
  assert restored(tmp_path, checkpoint.restore_latest)[0] == 5


def test_the_best_of_a_resumed_run_may_be_from_before(tmp_path):
  """Scores of checkpoints from before the resume count."""
  save_all(tmp_path, [0.7, 0.2, 0.6])
  with checkpoint.open_manager(tmp_path) as manager:
    for step in 4, 5:
      checkpoint.save(manager, step, make_state(step), seld_score=0.5)
      manager.wait_until_finished()
    assert checkpoint.restore_best(manager, make_state(0))[0] == 2
  assert kept(tmp_path) == [2, 4, 5]


def test_without_scores_the_latest_is_the_best(tmp_path):
  save_all(tmp_path, [None, None, None])
  step, state = restored(tmp_path, checkpoint.restore_best)
  assert step == 3
  assert_same_bits(state, make_state(3))
  assert kept(tmp_path) == [2, 3]


def test_a_damaged_checkpoint_is_skipped_and_can_be_saved_again(
  tmp_path, caplog
):
  save_all(tmp_path, [0.5, 0.4, 0.3])
  tear(tmp_path, 3)
  caplog.set_level(logging.INFO, 'seld_jax')
  with checkpoint.open_manager(tmp_path) as manager:
    found = checkpoint.restore_latest(manager, make_state(0))
    assert found is not None
    assert found[0] == 2
    assert_same_bits(found[1], make_state(2))
    checkpoint.save(manager, 3, make_state(3), seld_score=0.3)
  (line,) = caplog.messages
  assert 'step 3 cannot be read' in line
  step, state = restored(tmp_path, checkpoint.restore_latest)
  assert step == 3
  assert_same_bits(state, make_state(3))


def test_if_no_checkpoint_can_be_read_none_is_deleted(tmp_path):
  """They may be readable again when the cause is fixed."""
  save_all(tmp_path, [0.5, 0.4])
  for step in 1, 2:
    tear(tmp_path, step)
  with pytest.raises(InputError, match=r'\[2, 1\] .* can be read'):
    restored(tmp_path, checkpoint.restore_latest)
  assert kept(tmp_path) == [1, 2]


def test_the_error_for_a_damaged_best_checkpoint_names_it(tmp_path):
  save_all(tmp_path, [0.1, 0.5, 0.6])
  tear(tmp_path, 1)
  with pytest.raises(InputError, match='/1, cannot be read'):
    restored(tmp_path, checkpoint.restore_best)


def test_a_checkpoint_of_another_network_is_an_error_and_is_kept(tmp_path):
  save_all(tmp_path, [0.5, 0.4])
  other = make_state(0)
  other['params'] = {'kernel': jnp.zeros((3, 5)), 'bias': jnp.zeros(5)}
  with (
    checkpoint.open_manager(tmp_path) as manager,
    pytest.raises(InputError, match=r'params\.bias is missing, .* \(5,\)'),
  ):
    checkpoint.restore_latest(manager, other)
  del other['params']['bias']
  with (
    checkpoint.open_manager(tmp_path) as manager,
    pytest.raises(InputError, match=r'kernel is \(3, 2\), .* \(3, 5\); choose'),
  ):
    checkpoint.restore_latest(manager, other)
  assert kept(tmp_path) == [1, 2]


@pytest.mark.parametrize('asynchronous', [False, True])
def test_a_full_disk_is_reported_and_the_checkpoint_before_is_kept(
  asynchronous, tmp_path, monkeypatch
):
  """A write inside Orbax fails, in the thread of the caller or in another."""
  save_all(tmp_path, [0.5])
  full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  def fail(*args, **keywords):
    raise full

  with (
    pytest.raises(
      InputError, match=r'is full; free 0\.0 MB .* the checkpoint of step 1'
    ),
    checkpoint.open_manager(tmp_path) as manager,
  ):
    if asynchronous:
      monkeypatch.setattr(ocp.StandardCheckpointHandler, 'finalize', fail)
    else:
      monkeypatch.setattr(type(manager), 'save', fail)
    checkpoint.save(manager, 2, make_state(2))
    checkpoint.wait(manager)
  monkeypatch.undo()
  assert restored(tmp_path, checkpoint.restore_latest)[0] == 1


# Saves with a limit of the size of files, then without one.
_LIMIT = """
import resource, sys, numpy as np
from seld_jax.train import checkpoint
from seld_jax.errors import InputError
make = lambda step: {'x': np.random.default_rng(step).standard_normal(15000)}
save = lambda step: checkpoint.save(manager, step, make(step))
with checkpoint.open_manager(sys.argv[1]) as manager:
  save(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
try:
  with checkpoint.open_manager(sys.argv[1]) as manager:
    save(2)
except InputError as error:
  print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
with checkpoint.open_manager(sys.argv[1]) as manager:
  found, state = checkpoint.restore_latest(manager, make(0))
  assert found == 1 and (state['x'] == make(1)['x']).all()
"""


@pytest.mark.parametrize(
  'limit', [20_000, pytest.param(20, marks=pytest.mark.slow)]
)
def test_a_checkpoint_file_that_is_too_large_is_one_sentence(limit, tmp_path):
  """A real limit, for the files that Python writes or that C++ writes."""
  pytest.importorskip('resource')
  done = subprocess.run(
    [sys.executable, '-c', _LIMIT, tmp_path / 'checkpoints', str(limit)],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert 'File too large; raise the limit' in done.stdout
  assert 'resumes from the checkpoint of step 1' in done.stdout
  assert done.stdout.count('\n') == 1 and 'Traceback' not in done.stderr


@pytest.mark.parametrize('free', [0, 16_000, 65_000])
def test_a_save_does_not_begin_without_space_for_it(
  free, tmp_path, monkeypatch
):
  """Orbax would print tracebacks of its threads."""
  save_all(tmp_path, [0.5])
  usage = shutil.disk_usage(tmp_path)._replace(free=free)
  monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage)
  monkeypatch.setattr(checkpoint.Manager, 'save', pytest.fail)
  with (
    pytest.raises(InputError, match=r'is full; .* the checkpoint of step 1'),
    checkpoint.open_manager(tmp_path) as manager,
  ):
    checkpoint.save(manager, 1, make_state(1))
  assert restored(tmp_path, checkpoint.restore_latest)[0] == 1


# Saves until the disk is full, in a file system of a few kilobytes.
_FILL = """
import os, sys, numpy as np
from seld_jax.train import checkpoint
from seld_jax.errors import InputError
make = lambda step: {'x': np.random.default_rng(step).standard_normal(15000)}
step = 0
if sys.argv[2:]:
  folder = os.path.dirname(sys.argv[1])
  status = os.statvfs(folder)
  with open(f'{folder}/filler', 'wb') as filler:
    filler.write(bytes(status.f_bavail * status.f_frsize - int(sys.argv[2])))
try:
  with checkpoint.open_manager(sys.argv[1]) as manager:
    for step in range(1, 9):
      checkpoint.save(manager, step, make(step), seld_score=0.5)
      checkpoint.wait(manager)
except InputError as error:
  print(error)
if sys.argv[2:]:
  sys.exit()
with checkpoint.open_manager(sys.argv[1]) as manager:
  found, state = checkpoint.restore_latest(manager, make(0))
  assert found == step - 1 and (state['x'] == make(found)['x']).all()
"""


@pytest.mark.parametrize(
  'free',
  [
    None,
    pytest.param('16384', marks=pytest.mark.slow),
    pytest.param('102400', marks=pytest.mark.slow),
  ],
)
def test_a_disk_that_fills_up_in_a_save(free, tmp_path):
  """A real full disk: a small file system in memory, with some space left."""
  mount = f'mount -t tmpfs -o size=400k tmpfs {tmp_path}'
  alone = ['unshare', '--map-root-user', '--mount', 'sh', '-c']
  if (
    not shutil.which('unshare')
    or subprocess.run([*alone, mount], capture_output=True).returncode
  ):
    pytest.skip('file systems cannot be mounted here')
  done = subprocess.run(
    [
      *alone,
      f'{mount} && "$0" -c "$1" {tmp_path}/checkpoints {free or ""}',
      sys.executable,
      textwrap.dedent(_FILL),
    ],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  needed = 'some space' if free else '0.1 MB for each'
  assert f'is full; free {needed}' in done.stdout
  assert done.stdout.count('\n') == 1 and 'Traceback' not in done.stderr
