"""What is in a checkpoint is checked before anything of it is opened."""

import os
import pathlib
import shutil

import pytest

from seld_jax.errors import InputError
from seld_jax.train import checkpoint, checkpoint_files, snapshot

RUN = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1' / 'run'


def fifo(path):
  os.mkfifo(path)


def zeros(path):
  path.symlink_to('/dev/zero')


def huge(path):
  with path.open('wb') as file:
    file.truncate(10**8)


def loop(path):
  path.parent.joinpath('loop').symlink_to(path.parent.parent)
  os.mkfifo(path)


@pytest.mark.parametrize(
  ('name', 'make'),
  [
    ('metrics/metrics', fifo),
    ('_CHECKPOINT_METADATA', zeros),
    ('default/_METADATA', huge),
    ('default/_sharding', loop),
    ('default/array_metadatas/process_0', zeros),
  ],
)
def test_what_cannot_be_read_to_its_end_is_refused(tmp_path, name, make):
  workdir = shutil.copytree(RUN, tmp_path / 'run')
  step = workdir / 'checkpoints' / '4'
  (step / name).unlink()
  make(step / name)
  words = rf'{name} (is not a regular|has more than 64 MB).*delete {step},'
  with pytest.raises(InputError, match=words):
    snapshot.read(workdir)
  with (
    pytest.raises(InputError, match=words),
    checkpoint.open_manager(step.parent),
  ):
    pass


@pytest.mark.parametrize(
  ('name', 'make'),
  [
    ('default/manifest.ocdbt', fifo),
    ('default/d/0', zeros),
    ('metrics/commit', zeros),
    ('../7', fifo),
  ],
)
def test_no_entry_may_be_a_pipe_or_a_device(tmp_path, name, make):
  workdir = shutil.copytree(RUN, tmp_path / 'run')
  path = workdir / 'checkpoints' / '4' / name
  path.unlink(missing_ok=True)
  make(path)
  with pytest.raises(InputError, match='is not a regular file'):
    snapshot.read(workdir)


def test_links_to_files_and_folders_are_followed(tmp_path):
  workdir = shutil.copytree(RUN, tmp_path / 'run')
  step = workdir / 'checkpoints' / '4'
  step.rename(tmp_path / 'elsewhere')
  step.symlink_to(tmp_path / 'elsewhere')
  score = step / 'metrics' / 'metrics'
  score.rename(tmp_path / 'score')
  score.symlink_to(tmp_path / 'score')
  (step / 'metrics' / 'broken').symlink_to(tmp_path / 'missing')
  assert snapshot.read(workdir).step == 4


def test_arrays_may_be_large_but_not_without_number(tmp_path, monkeypatch):
  (tmp_path / '4' / 'default' / 'd').mkdir(parents=True)
  huge(tmp_path / '4' / 'default' / 'd' / 'array')
  checkpoint_files.refuse_strange(tmp_path)
  checkpoint_files.refuse_strange(tmp_path / 'missing')
  monkeypatch.setattr(checkpoint_files, '_MOST_ENTRIES', 3)
  with pytest.raises(InputError, match='has more than 3 files'):
    checkpoint_files.refuse_strange(tmp_path)
