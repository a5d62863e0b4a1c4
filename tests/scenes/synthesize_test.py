"""The command that renders sets: formats, pictures, shards, full disks."""

import errno
import functools
import json
import pathlib

import numpy as np
import pytest
import soundfile
from helpers.command_outcomes import outcome
from helpers.folder_contents import tree

from seld_jax import audio, dataset, figures, files, labels, shards
from seld_jax import synthesize as synthesize_command
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  is_complete,
  library,
  plan,
  rooms,
  sounds,
  synthesize,
  writer,
)

RATE = 24000
TINY = {'recordings': 2, 'seconds': 2.0, 'folds': (1, 2)}


run = functools.partial(outcome, 'seld_jax.synthesize')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """A set with pictures, rendered by the command; and its outcome."""
  out = tmp_path_factory.mktemp('made') / 'scenes'
  flags = ('--recordings=3', '--seconds=2', '--format=both', '--plot')
  return out, run(f'--out={out}', '--workers=1', *flags)


def test_the_command_writes_both_formats_in_the_published_layout(made):
  out, done = made
  assert done.returncode == 0, done.stderr
  names = {path.stem for path in (out / 'metadata_dev').iterdir()}
  assert len(names) == 3
  for split in 'dev', 'eval':
    tables = {path.stem for path in (out / f'metadata_{split}').iterdir()}
    for name in 'foa', 'mic':
      folder = out / f'{name}_{split}'
      assert {path.stem for path in folder.iterdir()} == tables
      for path in folder.iterdir():
        info = soundfile.info(path)
        assert (info.samplerate, info.channels) == (RATE, 4)
        assert info.subtype == 'PCM_16'
  for name in 'foa', 'mic':
    found = dataset.find_recordings(out, format=name)
    assert {entry.name for entry in found} == names
  assert {path.name for path in out.iterdir()} == {
    *('foa_dev', 'mic_dev', 'metadata_dev', 'foa_eval', 'mic_eval'),
    *('metadata_eval', 'plots', 'README.md', 'scenes.csv', 'synthesis.json'),
  }
  readme = (out / 'README.md').read_text()
  for word in 'SN3D', 'rigid sphere', 'foa_dev, mic_dev', '13: piano', 'SNR':
    assert word in readme
  assert max(map(len, readme.splitlines())) <= 80


def test_every_recording_gets_one_picture(made):
  out, _ = made
  pictures = sorted((out / 'plots').iterdir())
  assert len(pictures) == 4
  for path in pictures:
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
  first = pictures[0].read_bytes()
  times = {path: path.stat().st_mtime_ns for path in pictures[1:]}
  pictures[0].unlink()
  synthesize_command.plot_set(out, num_workers=0)
  assert pictures[0].read_bytes() == first
  assert times == {path: path.stat().st_mtime_ns for path in pictures[1:]}


@pytest.mark.parametrize(
  ('make', 'words'),
  [
    (
      lambda: composer.Style(rt60=(1.0, 0.2)),
      'rt60 is a range .* got 1 to 0.2',
    ),
    (lambda: composer.Style(snr_db=(0.0, 300.0)), 'snr_db .* got 0 to 300'),
    (lambda: composer.Style(max_overlap=4), 'max_overlap .* 1 to 3, got 4'),
    (
      lambda: composer.Style(max_overlap=1, same_class_overlap=True),
      'same_class_overlap needs .*max_overlap=2',
    ),
    (lambda: composer.Style(moving=-1.0), 'moving is a fraction .* got -1'),
    (lambda: sounds.Variation(stretch=2.0), 'stretch is an amount .* got 2'),
    (lambda: sounds.Variation(gain_db=float('nan')), 'gain_db .* got nan'),
  ],
)
def test_invalid_styles_are_refused(make, words):
  with pytest.raises(InputError, match=words):
    make()


def test_formats_rendered_one_by_one_equal_both_at_once(tmp_path):
  synthesize(tmp_path / 'a', num_workers=0, formats=('foa', 'mic'), **TINY)
  for first, then in (('foa', 'mic'), ('mic', 'foa')):
    out = tmp_path / first
    synthesize(out, num_workers=0, formats=(first,), **TINY)
    assert is_complete(out, formats=(first,))
    assert not is_complete(out, formats=(then,))
    kept = [*(out / f'{first}_dev').iterdir()]
    before = [path.stat().st_mtime_ns for path in kept]
    synthesize(out, num_workers=0, formats=(then,), **TINY)
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert is_complete(out, formats=('foa', 'mic'))
    assert tree(out) == tree(tmp_path / 'a')


@pytest.mark.parametrize('full', ['.csv', '.wav'])
def test_a_full_disk_leaves_no_incomplete_recording(
  tmp_path, monkeypatch, full
):
  """Audio of the second format, or a CSV file, no longer fits."""
  written = []
  real_bytes, real_text = pathlib.Path.write_bytes, pathlib.Path.write_text

  def full_disk(path):
    written.append(path)
    mine = [p for p in written if p.suffix == full and 'fold' in p.name]
    if len(mine) > 3 and path in mine:
      path.touch()
      raise OSError(errno.ENOSPC, 'No space left on device')

  def write_bytes(path, data):
    full_disk(path)
    return real_bytes(path, data)

  def write_text(path, *args, **kwargs):
    full_disk(path)
    return real_text(path, *args, **kwargs)

  monkeypatch.setattr(pathlib.Path, 'write_bytes', write_bytes)
  monkeypatch.setattr(pathlib.Path, 'write_text', write_text)
  options = {**TINY, 'recordings': 4, 'formats': ('foa', 'mic')}
  with pytest.raises(InputError, match=rf'fold.*\{full} .* disk .* is full'):
    synthesize(tmp_path / 'out', num_workers=0, **options)
  monkeypatch.undo()
  out = tmp_path / 'out'
  assert not is_complete(out)
  left = [path for path in out.rglob('*fold*') if path.is_file()]
  by_name = {}
  for path in left:
    assert path.name[0] != '.'
    by_name.setdefault(path.stem, []).append(path)
  assert by_name
  for paths in by_name.values():
    assert len(paths) == 3
  # When there is space again, the same call completes the set.
  synthesize(out, num_workers=0, **options)
  synthesize(tmp_path / 'whole', num_workers=0, **options)
  assert tree(out) == tree(tmp_path / 'whole')


def test_a_failed_second_format_does_not_change_the_first(
  tmp_path, monkeypatch
):
  synthesize(tmp_path, num_workers=0, formats=('foa',), **TINY)
  before = tree(tmp_path, without=(tmp_path.name,))

  def fail(path, sound, **options):
    raise InputError(f'{path} could not be written.')

  monkeypatch.setattr(audio, 'write', fail)
  with pytest.raises(InputError, match='mic_dev'):
    synthesize(tmp_path, num_workers=0, formats=('mic',), **TINY)
  assert tree(tmp_path, without=(tmp_path.name,)) == before
  assert not is_complete(tmp_path)


@pytest.mark.parametrize('count', [2, 3])
def test_joined_shards_equal_the_undivided_set(count, tmp_path):
  """Rendered in any order and resumed, each recording is rendered once."""
  options = {**TINY, 'recordings': 5, 'num_workers': 0}
  whole, parts = tmp_path / 'whole', tmp_path / 'parts'
  synthesize(whole, **options)
  # A killed process, or one on another machine, has left a temporary file.
  fragment = parts / f'.scenes_1_of_{count}-1234abcd.half.csv'
  files.write_text(fragment, '')
  for number in reversed(range(1, count + 1)):
    synthesize(parts, shard=shards.Shard(number, count), **options)
    assert not is_complete(parts)
    assert fragment.exists() == (number > 1)
  made = {path: path.stat().st_mtime_ns for path in parts.rglob('*.wav')}
  assert len(made) == 5
  next(iter(made)).unlink()
  for number in range(1, count + 1):
    synthesize(parts, shard=shards.Shard(number, count), **options)
  names = {path.name for path in parts.glob('scenes*')}
  assert names == {f'scenes_{n}_of_{count}.csv' for n in range(1, count + 1)}
  synthesize(parts, **options)
  same = [p for p, time in made.items() if p.stat().st_mtime_ns == time]
  assert len(same) == 4
  assert tree(parts) == tree(whole)


def test_the_command_renders_a_shard(tmp_path):
  flags = ('--recordings=4', '--seconds=1', '--workers=1', '--noevaluation')
  done = run(f'--out={tmp_path}', '--shard=2/3', *flags)
  assert done.returncode == 0, done.stderr
  assert '2/3' in done.stdout
  assert len(list(tmp_path.glob('foa_dev/*.wav'))) == 1
  done = run(f'--out={tmp_path}', *flags)
  assert 'scenes: 3 recordings to do, 1 done before' in done.stderr
  assert 'No evaluation recordings' not in done.stdout
  assert not list(tmp_path.glob('scenes_*'))


def test_folds_without_evaluation_are_the_reason_why_there_is_none(tmp_path):
  flags = ('--recordings=2', '--seconds=1', '--workers=1', '--evaluation')
  done = run(f'--out={tmp_path}', '--folds=1,2', *flags)
  assert done.returncode == 0, done.stderr
  assert 'written because --folds leaves out folds 7 and 8.' in done.stdout


def test_folds_with_evaluation_have_evaluation_recordings(tmp_path):
  flags = ('--recordings=2', '--seconds=1', '--workers=1', '--peak_dbfs=')
  done = run(f'--out={tmp_path}', '--folds=1,7', *flags)
  assert done.returncode == 0, done.stderr
  assert list((tmp_path / 'foa_eval').iterdir())


def test_a_readme_of_the_user_is_not_replaced(tmp_path):
  (tmp_path / 'README.md').write_text('mine')
  with pytest.raises(InputError, match=r'has a README\.md, which'):
    synthesize(tmp_path, num_workers=0, **TINY)
  assert [path.name for path in tmp_path.iterdir()] == ['README.md']
  assert (tmp_path / 'README.md').read_text() == 'mine'


def test_a_set_is_not_complete_before_its_new_format_is(tmp_path, monkeypatch):
  synthesize(tmp_path, num_workers=0, **TINY)
  assert is_complete(tmp_path)

  def interrupt(*_, **__):
    raise KeyboardInterrupt

  monkeypatch.setattr(writer.finished, 'is_finished', interrupt)
  with pytest.raises(KeyboardInterrupt):
    synthesize(tmp_path, num_workers=0, formats=('foa', 'mic'), **TINY)
  assert not is_complete(tmp_path)


def test_another_style_for_the_same_set_is_refused(tmp_path):
  synthesize(tmp_path, num_workers=0, **TINY)
  style = composer.Style(variation=sounds.Variation(stretch=0.0))
  with pytest.raises(InputError, match='with stretch 0.04, but'):
    synthesize(tmp_path, num_workers=0, style=style, **TINY)


@pytest.mark.parametrize('allowed', [False, True])
def test_simultaneous_events_share_a_class_only_if_allowed(allowed):
  source = library.open_library(None)
  shared = 0
  for seed in 1, 2:
    rng = np.random.default_rng(seed)
    scene = composer.draw_scene(
      rng,
      source,
      1,
      rooms.draw_room(rng),
      overlap=2,
      seconds=25.0,
      style=composer.Style(same_class_overlap=allowed, pause=(0.01, 0.02)),
    )
    rows = composer.label_events(scene)
    keys = rows.frame * 14 + rows.class_index
    shared += keys.size - np.unique(keys).size
  assert (shared > 0) == allowed


def test_without_variation_levels_and_speeds_do_not_change():
  rng = np.random.default_rng(0)
  scene = composer.draw_scene(
    rng,
    library.open_library(None),
    1,
    rooms.draw_room(rng),
    overlap=1,
    style=composer.Style(variation=sounds.Variation(0.0, 0.0, 0.0), moving=0.0),
  )
  assert len(scene.events) > 5
  assert {event.level_db for event in scene.events} == {0.0}
  assert {event.speed for event in scene.events} == {0.0}


@pytest.mark.parametrize('begun', [None, False])
def test_the_command_keeps_the_evaluation_setting_of_a_set(tmp_path, begun):
  """None is a new set, False a set that was begun without evaluation."""
  if begun is not None:
    synthesize(
      tmp_path, recordings=3, seconds=1.0, num_workers=0, evaluation=begun
    )
  flags = ('--recordings=3', '--seconds=1', '--format=both', '--workers=1')
  done = run(f'--out={tmp_path}', *flags)
  assert done.returncode == 0, done.stderr
  assert len(list(tmp_path.glob('mic_dev/*.wav'))) == 3
  number = 0 if begun is False else 1
  assert len(list(tmp_path.glob('mic_eval/*.wav'))) == number
  other = '--evaluation' if begun is False else '--noevaluation'
  done = run(f'--out={tmp_path}', other, *flags)
  assert done.returncode == 1
  assert 'made with evaluation' in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_the_settings_of_a_set_are_in_synthesis_json(made):
  settings = json.loads((made[0] / 'synthesis.json').read_text())
  assert settings['formats'] == ['foa', 'mic']
  assert settings['style']['variation']['gain_db'] == 5.0


def test_a_picture_without_predictions_shows_the_labels_in_colour():
  direction = np.array([[1.0, 0, 0]])
  one = np.zeros(1, np.int64)
  rows = labels.Events(one + 3, one + 2, one, direction)
  figure = figures.plot_tracks(
    rows, None, classes=labels.TAU2020_CLASSES, num_frames=10
  )
  drawn = {line.get_gid() for line in figure.axes[1].get_lines()}
  assert 'prediction 2' in drawn
  assert not figure.legends


def test_the_default_size_has_two_rooms_in_every_fold():
  recordings = plan.plan_recordings(range(1, 9), 60, evaluation=True, seed=0)
  assert len(recordings) == 80
  rooms_of = {}
  for recording in recordings:
    rooms_of.setdefault(recording.fold, set()).add(recording.room)
  assert rooms_of == {fold: {1, 2} for fold in range(1, 9)}
