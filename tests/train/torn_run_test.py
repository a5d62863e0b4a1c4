"""Every file of a run directory, emptied and garbled, one at a time.

All that read the directory say in one sentence what is wrong, or do without the
file. No other error is allowed, and no traceback is printed.
"""

import logging
import pathlib
import shutil
import types
from typing import Any

import numpy as np
import pytest

from seld_jax import report, reproduce, runs, train
from seld_jax.errors import InputError
from seld_jax.train import checkpoint, fine_tuning, loop, snapshot, sources

RUN = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1' / 'run'
FILES = sorted(
  str(path.relative_to(RUN)) for path in RUN.rglob('*') if path.is_file()
)
ARRAYS = [name for name in FILES if '/default/' in name]
OTHERS = [name for name in FILES if name not in ARRAYS] + ['init_from.json']

GARBAGE = np.random.default_rng(0).integers(0, 256, 200, np.uint8).tobytes()
DAMAGES = {
  'empty': b'',
  'garbled': GARBAGE,
  'zeros': b'\0' * 50 + b'\n',
  'other encoding': b'{"step": "\xff"}\n',
  'list': b'[]\n',
  'number': b'5\n',
  'object': b'{}\n',
  'deep': b'[' * 5000 + b']' * 5000 + b'\n',
  'long numbers': b'{"step": 9%b, "seld_score": 9%b}\n' % ((b'0' * 400,) * 2),
  'strings': b'{"step": "4", "seld_score": "x", "source": 5}\n',
}


@pytest.fixture(scope='module')
def state():
  return train.create_state(snapshot.read(RUN).config)


@pytest.fixture(scope='module')
def config():
  return snapshot.read(RUN).config


def resume(workdir, config, state):
  """What a training does before its first step, and a save."""
  run: Any = types.SimpleNamespace(workdir=workdir, config=config, mirror=None)
  with runs.lock(workdir):
    runs.claim(workdir, config)
    if runs.is_complete(workdir):
      runs.read_scores(workdir)
    with checkpoint.open_manager(workdir / 'checkpoints') as manager:
      found = checkpoint.restore_latest(manager, state)
      assert found is not None and found[0] == 4
      loop._rewind(run, 4)
      fine_tuning.begin(run, state, '', is_resumed=True)
      assert checkpoint.restore_best(manager, state)[0] == 4
      checkpoint.save(manager, 6, state, seld_score=0.5)


def read_all(workdir, config, state):
  """What each reader says of a directory; None where it says nothing."""
  readers = {
    # Of predictions and fine-tuning.
    'network': lambda: sources.load_variables(workdir),
    'report': lambda: report.read_run(workdir),
    'compare': lambda: reproduce.read_result(
      workdir, system='mse', format='foa', seed=0
    ),
    'training': lambda: resume(workdir, config, state),
  }
  said = {}
  for name, read in readers.items():
    try:
      read()
    except InputError as error:
      said[name] = str(error)
      assert str(workdir) in said[name], said
      assert len(said[name]) < 500 and '\n' not in said[name]
  return said


def damaged(tmp_path, name, content):
  workdir = shutil.copytree(RUN, tmp_path / 'run')
  (workdir / name).write_bytes(content)
  return workdir


NEEDED = {
  'config.json': {'network', 'report', 'compare'},
  'checkpoints/config.json': {'training'},
  'scores.json': {'report', 'compare', 'training'},
  'init_from.json': {'training'},
}


@pytest.mark.parametrize('name', [*NEEDED, 'all others'])
def test_an_empty_file_is_a_sentence_or_does_no_harm(
  tmp_path, capfd, name, config, state
):
  workdir = shutil.copytree(RUN, tmp_path / 'run')
  others = [other for other in OTHERS if other not in NEEDED]
  for file in [name] if name in NEEDED else others:
    (workdir / file).write_bytes(b'')
  said = read_all(workdir, config, state)
  assert 'Traceback' not in capfd.readouterr().err
  assert set(said) == NEEDED.get(name, set())


# Orbax leaves coroutines behind that failed to read an array.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.slow
@pytest.mark.parametrize(
  'kind', ['garbled', 'other encoding', 'deep', 'strings']
)
def test_any_damage_is_a_sentence_or_does_no_harm(
  tmp_path, capfd, kind, config, state
):
  for name in OTHERS + ARRAYS if kind == 'garbled' else OTHERS:
    folder = tmp_path / name.replace('/', '_')
    read_all(damaged(folder, name, DAMAGES[kind]), config, state)
  assert 'Traceback' not in capfd.readouterr().err


@pytest.mark.parametrize(
  'content',
  [
    *DAMAGES.values(),
    b'{"seld_score": true}',
    b'{"seld_score": null}',
    b'{"seld_score": [1]}',
    b'[0.5]',
    b'"\xff"',
  ],
)
def test_an_unreadable_score_counts_as_none(tmp_path, caplog, content, state):
  """In the folder of the tests of checkpoints, the best one is the first."""
  folder = tmp_path / 'checkpoints'
  tiny = {'params': {'kernel': np.zeros(3, np.float32)}}
  with checkpoint.open_manager(folder) as manager:
    for step, score in (1, 0.1), (2, 0.5), (3, 0.9):
      checkpoint.save(manager, step, tiny, seld_score=score)
      manager.wait_until_finished()
    assert checkpoint.restore_best(manager, tiny)[0] == 1
  (folder / '1' / 'metrics' / 'metrics').write_bytes(content)
  caplog.set_level(logging.WARNING, 'seld_jax')
  assert checkpoint.read_best(folder, tiny, made_from='a test')[0] == 2
  assert any(
    f'The score of checkpoint {folder / "1"} cannot be read' in message
    for message in caplog.messages
  )
  with checkpoint.open_manager(folder) as manager:
    found = checkpoint.restore_latest(manager, tiny)
    assert found is not None and found[0] == 3
    assert checkpoint.restore_best(manager, tiny)[0] == 2


def test_without_a_readable_score_the_latest_is_the_best(tmp_path):
  tiny = {'params': {'kernel': np.zeros(3, np.float32)}}
  with checkpoint.open_manager(tmp_path) as manager:
    for step in 1, 2:
      checkpoint.save(manager, step, tiny, seld_score=step)
      manager.wait_until_finished()
  for step in 1, 2:
    (tmp_path / str(step) / 'metrics' / 'metrics').write_bytes(b'')
  assert checkpoint.read_best(tmp_path, tiny, made_from='a test')[0] == 2


def test_arrays_of_other_shapes_are_refused_before_they_are_read(tmp_path):
  huge = {'params': {'kernel': np.zeros((500, 3), np.float32)}}
  tiny = {'params': {'kernel': np.zeros(3, np.float32)}}
  with checkpoint.open_manager(tmp_path) as manager:
    checkpoint.save(manager, 1, huge)
  with pytest.raises(
    InputError,
    match=r'/1 does not fit a test: params\.kernel must have the shape \(3,\),'
    r' got \(500, 3\)',
  ):
    checkpoint.read_best(tmp_path, tiny, made_from='a test')
