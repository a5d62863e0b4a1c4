"""Recordings with unlabelled sounds, without events, and of any level."""

import csv
import io

import numpy as np
import pytest

from seld_jax import audio, labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import composer, library, renderer, rooms

RATE = 24000


def write_sounds(folder, kinds):
  """A folder with three clips of noise for each kind."""
  rng = np.random.default_rng(0)
  for kind in kinds:
    (folder / kind).mkdir(parents=True)
    for number in range(6):
      sound = 0.2 * rng.standard_normal((1, RATE))
      audio.write(folder / kind / f'{kind}{number}.wav', sound)
  return folder


def draw(*, seed=0, style=None, others=None, seconds=20.0):
  rng = np.random.default_rng(seed)
  return composer.draw_scene(
    rng,
    library.open_library(None),
    1,
    rooms.draw_room(rng),
    overlap=2,
    seconds=seconds,
    style=style,
    others=others,
  )


def open_others(folder):
  return library.open_others(folder, labelled=library.open_library(None))


def names_of(found):
  assert found.clips is not None
  return {clip.name for some in found.clips.values() for clip in some}


@pytest.fixture(scope='module')
def extra(tmp_path_factory):
  folder = tmp_path_factory.mktemp('sounds') / 'others'
  return write_sounds(folder, ['bell', 'laughter', 'Dog', 'barking dog'])


def test_others_are_of_no_labelled_class(extra):
  found = open_others(extra)
  names = names_of(found)
  assert {name.split('/')[0] for name in names} == {'bell', 'laughter'}
  assert len(names) == 12
  assert found.folds == (1, 2, 3, 4, 5, 6, 7, 8)
  assert found.class_names == ('other',)


def test_others_are_no_clip_of_the_labelled_sounds(extra, tmp_path):
  rows = ['file,class,fold']
  rows += [f'{extra}/bell/bell{k}.wav,alarm,1' for k in range(5)]
  (tmp_path / 'manifest.csv').write_text('\n'.join(rows))
  labelled = library.open_library(tmp_path / 'manifest.csv', quiet=True)
  found = library.open_others(extra, labelled=labelled)
  names = names_of(found)
  assert {name for name in names if 'bell' in name} == {'bell/bell5.wav'}


def test_labelled_sounds_of_unused_folds_are_no_others_either(extra, tmp_path):
  rows = ['file,class,fold']
  rows += [f'{extra}/bell/bell{k}.wav,alarm,{k + 1}' for k in range(6)]
  (tmp_path / 'manifest.csv').write_text('\n'.join(rows))
  some = [None, {1: (1,)}]
  both = [
    library.open_others(
      extra,
      labelled=library.open_library(
        tmp_path / 'manifest.csv', sounds=folds, quiet=True
      ),
    )
    for folds in some
  ]
  assert both[0].fingerprint == both[1].fingerprint
  for found in both:
    assert not [name for name in names_of(found) if 'bell' in name]


def test_damaged_others_are_found_before_anything_is_rendered(tmp_path):
  folder = write_sounds(tmp_path / 'sounds', ['wind'])
  for path in (folder / 'wind').iterdir():
    path.write_bytes(b'no sound')
  with pytest.raises(InputError, match='wind.* cannot be read as a sound'):
    scenes.synthesize(
      tmp_path / 'out', recordings=2, seconds=1.0, others=folder, num_workers=0
    )
  assert not (tmp_path / 'out').exists()
  for path in (folder / 'wind').iterdir():
    path.rename(folder / path.name)
  with pytest.raises(InputError, match='must have folders of wav, flac or ogg'):
    open_others(folder)


def test_one_sound_of_each_kind_is_not_all_for_the_first_fold(tmp_path):
  folder = write_sounds(tmp_path / 'many', [f'kind{k}' for k in range(9)])
  for path in folder.rglob('*[1-5].wav'):
    path.unlink()
  found = open_others(folder)
  assert found.folds == (1, 2, 3, 4, 5, 6, 7, 8)


def test_folds_without_other_sounds_are_told(tmp_path, caplog):
  folder = write_sounds(tmp_path / 'few', ['bell'])
  tiny = {'recordings': 6, 'seconds': 1.0, 'num_workers': 0}
  caplog.set_level('WARNING')
  scenes.synthesize(tmp_path / 'a', others=folder, evaluation=False, **tiny)
  assert not caplog.messages
  scenes.synthesize(tmp_path / 'b', others=folder, evaluation=True, **tiny)
  (text,) = caplog.messages
  assert 'few (--others) has no sounds for the recordings of the folds' in text


def test_a_manifest_of_others_keeps_its_folds(extra, tmp_path):
  rows = ['file,class,fold', f'{extra}/bell/bell0.wav,Doorbell,4']
  rows += [f'{extra}/bell/bell1.wav,piano,2']
  (tmp_path / 'm.csv').write_text('\n'.join(rows))
  found = open_others(tmp_path / 'm.csv')
  assert found.folds == (4,)
  (tmp_path / 'n.csv').write_text('\n'.join([rows[0], rows[2]]))
  with pytest.raises(InputError, match='no other sounds.*labelled classes'):
    open_others(tmp_path / 'n.csv')
  with pytest.raises(InputError, match='does not exist.*--others'):
    open_others(tmp_path / 'o.csv')


def test_others_are_heard_but_not_labelled(extra):
  style = scenes.Style(others=1.0, silent=1.0, snr_db=(60.0, 60.0))
  scene = draw(style=style, others=open_others(extra))
  assert not scene.events and scene.others
  assert not len(composer.label_events(scene).frame)
  sound = renderer.render(scene, ('foa',))['foa'][0]
  heard = np.zeros(sound.size, bool)
  for event in scene.others:
    first = round(event.onset * RATE)
    heard[first : first + round(event.duration * RATE)] = True
  power = np.square(sound)
  assert power[heard].mean() > 30 * power[: heard.argmax()].mean()


def test_without_others_nothing_else_changes(extra):
  plain, more = draw(), draw(others=open_others(extra))
  assert [event.onset for event in plain.events] == [
    event.onset for event in more.events
  ]
  assert plain.snr_db != more.snr_db or not more.others


def test_the_shares_of_recordings(extra):
  style = scenes.Style(others=0.3, silent=0.4)
  others = open_others(extra)
  drawn = [
    draw(seed=seed, style=style, others=others, seconds=8.0)
    for seed in range(30)
  ]
  assert 0.2 < np.mean([not scene.events for scene in drawn]) < 0.6
  assert 0.1 < np.mean([bool(scene.others) for scene in drawn]) < 0.5


def test_silent_sets_are_complete_and_resume(extra, tmp_path):
  make = lambda: scenes.synthesize(
    tmp_path / 'set',
    recordings=12,
    seconds=4.0,
    num_workers=0,
    others=extra,
    style=scenes.Style(silent=0.5, others=1.0, peak_dbfs=(-40.0, -3.0)),
  )
  make()
  written = {
    path: path.stat().st_mtime_ns
    for path in sorted((tmp_path / 'set').rglob('*_dev/*'))
  }
  make()
  for path, time in written.items():
    assert path.stat().st_mtime_ns == time, path
  counts, peaks = [], []
  for path in written:
    if path.suffix == '.csv':
      counts.append(len(labels.read_csv(path, edition='2020').frame))
    else:
      sound = audio.read(path, num_channels=4)
      peaks.append(20 * np.log10(np.abs(sound).max()))
  assert len(counts) == len(peaks) == 12
  assert 2 <= sum(count == 0 for count in counts) <= 10
  assert -40.1 < min(peaks) < -20 and -25 < max(peaks) < -2.9
  text = (tmp_path / 'set' / 'scenes.csv').read_text()
  rows = list(csv.DictReader(io.StringIO(text)))
  assert len({row['file'] for row in rows}) == sum(x > 0 for x in counts)
  assert 'other' not in {row['class'] for row in rows}
  readme = ' '.join((tmp_path / 'set' / 'README.md').read_text().split())
  assert 'About 50% of the recordings have no labelled event' in readme
  assert 'peak level of a recording is -40 to -3 dB' in readme


@pytest.mark.parametrize(
  'options, text',
  [
    ({'silent': 1.5}, '--silent is a fraction of the recordings'),
    ({'others': -1}, '--others_share is a fraction'),
    ({'measured_rooms': 2}, '--measured_rooms is a fraction of the rooms'),
    ({'peak_dbfs': (-3, -40)}, 'peak_dbfs is a range from low to high'),
    ({'peak_dbfs': (-40, 3)}, 'peak_dbfs is a range'),
  ],
)
def test_wrong_styles_are_refused(options, text):
  with pytest.raises(InputError, match=text):
    scenes.Style(**options)
