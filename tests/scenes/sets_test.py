"""Sets of scenes have the published layout, and every run the same bytes."""

import csv
import math
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.folder_contents import tree

from seld_jax import audio, labels
from seld_jax.errors import InputError
from seld_jax.scenes import check_settings, is_complete, plan, synthesize

RATE = 24000
SMALL = {
  'recordings': 12,
  'seconds': 1.5,
  'evaluation': True,
  'formats': ('foa', 'mic'),
}


@pytest.fixture(scope='module')
def small_set(tmp_path_factory):
  out = tmp_path_factory.mktemp('sets') / 'one'
  synthesize(out, num_workers=0, **SMALL)
  return out


def test_the_layout_is_that_of_the_published_set(small_set):
  names = {path.stem for path in (small_set / 'foa_dev').iterdir()}
  assert names == {path.stem for path in (small_set / 'metadata_dev').iterdir()}
  assert len(names) == 12
  for fold in range(1, 7):
    mine = sorted(name for name in names if name.startswith(f'fold{fold}_'))
    assert [name.split('_')[1] for name in mine] == ['room1', 'room2']
    assert [name.split('_')[2] for name in mine] == ['mix001', 'mix001']
    assert {name.split('_')[3] for name in mine} == {'ov1', 'ov2'}
  evaluation = sorted(path.name for path in (small_set / 'foa_eval').iterdir())
  assert evaluation == [f'mix{n:03d}.wav' for n in range(1, 5)]
  for path in (small_set / 'foa_dev').iterdir():
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames) == (
      RATE,
      4,
      1.5 * RATE,
    )
    assert info.subtype == 'PCM_16'
    text = small_set / 'metadata_dev' / f'{path.stem}.csv'
    for line in text.read_text().splitlines():
      frame, index, track, azimuth, elevation = map(int, line.split(','))
      assert 0 <= frame < 15
      assert 0 <= index < 14
      assert track in (0, 1)
      assert -180 < azimuth <= 180
      assert -45 <= elevation <= 45


def test_scenes_csv_matches_the_labels_and_folds_share_nothing(small_set):
  with open(small_set / 'scenes.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  by_file = {row['file'] for row in rows}
  assert len(by_file) == 16
  folds_of = {}
  for row in rows:
    folds_of.setdefault(row['sound'], set()).add(row['fold'])
    folds_of.setdefault(row['room_size'], set()).add(row['fold'])
    if row['file'].startswith('fold'):
      read = labels.read_csv(small_set / 'metadata_dev' / f'{row["file"]}.csv')
      index = labels.TAU2020_CLASSES.index(row['class'])
      frames = read.frame[read.class_index == index]
      first, last = 10 * float(row['onset']), 10 * float(row['duration'])
      assert np.any((frames >= first - 1) & (frames <= first + last + 1))
  assert all(len(folds) == 1 for folds in folds_of.values())
  sounds_used = [row['sound'] for row in rows]
  assert len(set(sounds_used)) == len(sounds_used)


def test_bytes_do_not_depend_on_workers_or_interruptions(small_set, tmp_path):
  synthesize(tmp_path / 'two', num_workers=2, **SMALL)
  assert tree(tmp_path / 'two') == tree(small_set)
  # As if the command was interrupted before two recordings were complete.
  gone = [
    tmp_path / 'two' / 'foa_dev' / 'fold1_room1_mix001_ov1.wav',
    tmp_path / 'two' / 'metadata_dev' / 'fold6_room2_mix001_ov1.csv',
  ]
  for path in gone:
    path.unlink()
  for path in *gone, tmp_path / 'two' / 'scenes.csv':
    path.with_name(f'.{path.stem}-1234abcd.half{path.suffix}').write_bytes(b'')
  kept = tmp_path / 'two' / 'foa_dev' / 'fold2_room1_mix001_ov2.wav'
  before = kept.stat().st_mtime_ns
  synthesize(tmp_path / 'two', num_workers=0, **SMALL)
  assert tree(tmp_path / 'two') == tree(small_set)
  assert kept.stat().st_mtime_ns == before


def test_a_folder_of_another_set_is_refused(small_set, tmp_path):
  with pytest.raises(InputError, match='made with seed 0, but seed 1'):
    synthesize(small_set, num_workers=0, seed=1, **SMALL)
  (tmp_path / 'foa_dev').mkdir()
  with pytest.raises(InputError, match='synthesis.json'):
    synthesize(tmp_path, num_workers=0, **SMALL)


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'recordings': 0}, 'at least 1 recording'),
    ({'seconds': 0.5}, 'at least 1 second'),
    ({'seconds': math.inf}, 'at most 86400 seconds, .* got 60 of inf s'),
    ({'seconds': math.nan}, 'at most 86400 seconds'),
    ({'formats': ('binaural',)}, 'one of foa, mic, stereo, got binaural'),
    ({'events': 'nowhere'}, 'nowhere does not exist'),
    (
      {'csv_edition': '2025'},
      'scenes .*2024, got .2025.; 2025 .*--format=stereo',
    ),
    ({'folds': (9,)}, r'folds 1, .*8, got 9 \(--folds\)'),
    ({'folds': (7,)}, 'leaves nothing to render'),
    ({'classes': 'esc50'}, 'classes must be one of tau2020, .*got .esc50'),
    ({'layout': 'own'}, 'layout must be one of tau2020, .*got .own'),
  ],
)
def test_impossible_requests_are_refused(tmp_path, options, words):
  with pytest.raises(InputError, match=words):
    synthesize(tmp_path / 'out', num_workers=0, **options)
  assert not (tmp_path / 'out').exists()


def test_recordings_are_distributed_evenly():
  made = plan.plan_recordings(range(1, 9), 600, evaluation=True, seed=0)
  development = [r for r in made if r.split == 'dev']
  assert len(development) == 600
  assert len(made) == 800
  for fold in range(1, 7):
    mine = [r for r in development if r.fold == fold]
    assert sorted(r.mix for r in mine) == list(range(1, 101))
    assert sum(r.overlap == 1 for r in mine) == 50
    assert len({r.room for r in mine}) == 20
  evaluation = [r for r in made if r.split == 'eval']
  assert {r.fold for r in evaluation[:100]} == {7, 8}
  assert [r.name for r in evaluation] == [f'mix{n:03d}' for n in range(1, 201)]


def test_names_are_as_in_the_published_set():
  """Numbers start at 1 in every room; recordings of overlap 1 come first."""
  made = plan.plan_recordings(range(1, 7), 600, evaluation=False, seed=0)
  rooms_of_fold = {}
  for one in made:
    room = rooms_of_fold.setdefault((one.fold, one.room), [])
    room.append(one.name)
  assert len(rooms_of_fold) == 120
  for (fold, room), names in rooms_of_fold.items():
    first = sum(name.endswith('ov1') for name in names)
    assert first in (2, 3)
    assert names == [
      f'fold{fold}_room{room}_mix{n:03d}_ov{1 if n <= first else 2}'
      for n in range(1, 6)
    ]


def test_an_unfinished_set_keeps_its_choice_of_evaluation(tmp_path):
  """Training can continue a set of the command, and the other way round."""
  options = {'recordings': 6, 'seconds': 1.0, 'num_workers': 0}
  for begun, number in (True, 2), (False, 0):
    out = tmp_path / str(begun)
    synthesize(out, evaluation=begun, **options)
    (out / 'README.md').unlink()
    synthesize(out, **options)
    assert len(list(out.glob('foa_eval/*.wav'))) == number
  with pytest.raises(InputError, match='evaluation False, but evaluation True'):
    synthesize(out, evaluation=True, **options)


def test_other_settings_than_those_of_the_set_are_refused(tmp_path, caplog):
  sound = 0.1 * np.random.default_rng(0).standard_normal(RATE)
  for name in 'mine', 'other':
    (tmp_path / name / 'piano').mkdir(parents=True)
    soundfile.write(tmp_path / name / 'piano' / f'{name}.wav', sound, RATE)
  options: dict[str, Any] = {'recordings': 2, 'seed': 3}
  mine = {**options, 'events': tmp_path / 'mine'}
  out = tmp_path / 'out'
  check_settings(out, **mine)
  synthesize(out, seconds=1.0, num_workers=0, **mine)
  warnings = len(caplog.records)
  check_settings(out, **options)
  check_settings(out, **mine)
  for wrong, words in (
    ({'recordings': 240}, 'recordings 2, but recordings 240 was requested'),
    ({'seed': 0}, 'seed 3, but seed 0 was requested'),
    ({'events': tmp_path / 'other'}, 'from other events than requested'),
    ({'events': None}, 'from other events than requested'),
  ):
    with pytest.raises(InputError, match=f'out contains scenes made .*{words}'):
      check_settings(out, **{**mine, **wrong})
  # Rendered scenes do not need the sounds any more.
  (tmp_path / 'mine').rename(tmp_path / 'gone')
  check_settings(out, **mine)
  # Warnings about the sounds are given only when scenes are rendered.
  assert len(caplog.records) == warnings


def test_other_sounds_and_rooms_than_those_of_the_set_are_refused(tmp_path):
  for name in 'mine', 'other':
    for number in range(6):
      sound = 0.1 * np.random.default_rng(number).standard_normal(RATE)
      path = tmp_path / name / 'rain' / f'{name}{number}.wav'
      audio.write(path, sound[None])
  options: dict[str, Any] = {'recordings': 2, 'seed': 0}
  plain, out = tmp_path / 'plain', tmp_path / 'out'
  synthesize(plain, seconds=1.0, num_workers=0, **options)
  mine = {'others': tmp_path / 'mine'}
  synthesize(out, seconds=1.0, num_workers=0, **options, **mine)
  check_settings(plain, events=None, **options)
  check_settings(out, events=None, **options)
  check_settings(out, events=None, **options, **mine)
  other = {'others': tmp_path / 'other'}
  with pytest.raises(InputError, match='with other unlabelled sounds'):
    check_settings(out, events=None, **options, **other)
  for name in 'others', 'rirs':
    gone = {name: tmp_path / 'gone'}
    with pytest.raises(InputError, match=f'made without --{name}, but .*gone'):
      check_settings(plain, events=None, **options, **gone)
  # Rendered scenes do not need the sounds any more.
  (tmp_path / 'mine').rename(tmp_path / 'gone')
  check_settings(out, events=None, **options, **mine)


def test_folders_in_the_place_of_files_are_refused(tmp_path):
  options = {'recordings': 1, 'seconds': 1.0, 'num_workers': 0}
  synthesize(tmp_path, **options)
  (path,) = tmp_path.rglob('*.wav')
  for place in path, tmp_path / 'README.md':
    place.unlink(missing_ok=True)
    place.mkdir()
    with pytest.raises(
      InputError, match=f'{place.name} .*([Dd]irectory|folder)'
    ):
      synthesize(tmp_path, **options)
    place.rmdir()
  synthesize(tmp_path, **options)


@pytest.mark.parametrize('text', ['', '{', '[]', 'null'])
def test_a_damaged_settings_file_is_unknown_until_something_is_rendered(
  text, tmp_path
):
  (tmp_path / 'synthesis.json').write_text(text)
  (tmp_path / 'README.md').write_text('')
  check_settings(tmp_path, recordings=60, seed=0)
  assert is_complete(tmp_path)
  assert not is_complete(tmp_path, formats=('foa',))
  with pytest.raises(
    InputError, match=r'synthesis\.json .*nobody knows how .* choose another'
  ):
    synthesize(tmp_path, recordings=1, seconds=1.0, num_workers=0)
