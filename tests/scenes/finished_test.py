"""A set that was cut short anywhere becomes whole when it is resumed."""

import shutil

import pytest
from helpers.folder_contents import tree

from seld_jax.scenes import finished, plan, scenes_csv, synthesize

OPTIONS = {'recordings': 2, 'seconds': 5.0, 'folds': (1, 2), 'num_workers': 0}
NAMES = 'fold1_room1_mix001_ov1', 'fold2_room1_mix001_ov2'


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  out = tmp_path_factory.mktemp('whole') / 'set'
  synthesize(out, **OPTIONS)
  return out


@pytest.fixture
def damaged(whole, tmp_path):
  return shutil.copytree(whole, tmp_path / 'set')


def test_a_whole_set_is_left_alone(damaged):
  times = {path: path.stat().st_mtime_ns for path in damaged.rglob('*.*')}
  synthesize(damaged, **OPTIONS)
  again = {path: path.stat().st_mtime_ns for path in damaged.rglob('*.*')}
  changed = {path.name for path in again if again[path] != times[path]}
  assert changed <= {'README.md'}


def cut(size):
  return lambda content: content[:size]


def half(content):
  return content[: len(content) // 2]


def rows(count):
  return lambda content: b'\n'.join(content.split(b'\n')[: count + 1]) + b'\n'


def onset(value):
  """Replaces the onset of the first event."""

  def change(content):
    lines = content.decode().splitlines(keepends=True)
    cells = lines[1].split(',')
    cells[scenes_csv.COLUMNS.index('onset')] = value
    return ''.join([lines[0], ','.join(cells), *lines[2:]]).encode()

  return change


@pytest.mark.parametrize('damage', [cut(1000), cut(0), half, cut(-1)])
def test_sound_that_was_cut_short_is_rendered_again(whole, damaged, damage):
  path = damaged / 'foa_dev' / f'{NAMES[0]}.wav'
  path.write_bytes(damage(path.read_bytes()))
  synthesize(damaged, **OPTIONS)
  assert tree(damaged) == tree(whole)


@pytest.mark.parametrize('damage', [cut(0), cut(10), half, cut(-1), rows(3)])
def test_labels_that_were_cut_short_are_written_again(whole, damaged, damage):
  path = damaged / 'metadata_dev' / f'{NAMES[1]}.csv'
  path.write_bytes(damage(path.read_bytes()))
  synthesize(damaged, **OPTIONS)
  assert tree(damaged) == tree(whole)


@pytest.mark.parametrize(
  'damage',
  [
    cut(0),
    cut(10),
    half,
    cut(-1),
    cut(-9),
    rows(0),
    rows(1),
    rows(2),
    onset('nan'),
    onset('1e400'),
    onset('x' * 200_000),
    onset(''),
    lambda content: content.replace(b'onset', b'begin'),
    lambda content: content.replace(b'file', b'name'),
    lambda content: content + b'\xff\xfe\n',
    lambda content: b'\0' * len(content),
  ],
)
def test_rows_that_are_damaged_are_written_again(whole, damaged, damage):
  path = damaged / 'scenes.csv'
  path.write_bytes(damage(path.read_bytes()))
  synthesize(damaged, **OPTIONS)
  assert tree(damaged) == tree(whole)


@pytest.mark.slow
def test_long_recordings_of_the_default_style_are_finished(tmp_path):
  """The comparison of labels and rows has no false alarms."""
  synthesize(tmp_path, recordings=4, seconds=40.0, num_workers=0)
  found = scenes_csv.read(tmp_path / 'scenes.csv')
  recordings = plan.plan_recordings(range(1, 7), 4, evaluation=False, seed=0)
  assert sum(map(len, found.values())) > 20
  for recording in recordings:
    assert finished.is_finished(
      tmp_path, recording, ('foa',), found, seconds=40.0
    )
