"""Dry sounds: the procedural bank, clips, folders and manifests."""

import functools
import itertools
import os

import numpy as np
import pytest
import soundfile
from scipy import signal

from seld_jax.errors import InputError
from seld_jax.scenes import bank, class_maps, library, sounds, synthesize

RATE = 24000


def write_clip(path, samples, *, rate=RATE):
  path.parent.mkdir(parents=True, exist_ok=True)
  soundfile.write(path, samples, rate)


@pytest.fixture(scope='module')
def bank_sounds():
  """Sounds of the bank by class, 14 of each; the seed is their index."""
  made = {}
  for name, make in bank.GENERATORS.items():
    if make not in made:  # classes with the same sounds have one generator
      made[make] = [
        bank.make_sound(np.random.default_rng(seed), name) for seed in range(14)
      ]
  return {name: made[make] for name, make in bank.GENERATORS.items()}


@pytest.mark.parametrize('name', bank.GENERATORS)
def test_bank_sounds_are_seeded_and_vary_within_sensible_lengths(
  name, bank_sounds
):
  made = bank_sounds[name][:8]
  again = bank.make_sound(np.random.default_rng(3), name)
  np.testing.assert_array_equal(again, made[3])
  assert len({sound.tobytes() for sound in made}) == 8
  for sound in made:
    assert sound.dtype == np.float32
    assert 0.3 * RATE < sound.size <= bank.MAX_SECONDS * RATE
    assert np.abs(sound).max() == pytest.approx(1.0)
    assert abs(sound.mean()) < 0.05
  assert len({sound.size for sound in made}) > 4


@pytest.mark.parametrize('classes', ['tau2020', 'starss', 'l3das22'])
def test_the_classes_of_the_bank_differ(classes, bank_sounds):
  """A nearest-neighbour classifier of spectra recognises unseen sounds."""
  names = class_maps.CLASS_MAPS[classes]
  assert set(names) <= set(bank_sounds)
  table, truth = [], []
  for index, name in enumerate(names):
    for sound in bank_sounds[name]:
      power = np.abs(signal.stft(sound / sound.std(), RATE, nperseg=960)[2])
      edges = np.unique(np.geomspace(2, 480, 25).astype(int))
      bands = np.add.reduceat(power**2, edges[:-1], axis=0)
      level = 10 * np.log10(bands + 1e-7)
      change = np.abs(np.diff(level, axis=-1)).mean(-1)
      table.append(np.concatenate([level.mean(-1), level.std(-1), change]))
      truth.append(index)
  table, truth = np.array(table), np.array(truth)
  table = (table - table.mean(0)) / table.std(0)
  train = np.arange(len(truth)) % 14 < 10
  distance = np.linalg.norm(table[~train, None] - table[train], axis=-1)
  guess = truth[train][distance.argmin(axis=1)]
  right = guess == truth[~train]
  assert right.mean() > 0.8
  assert all(right[truth[~train] == index].any() for index in range(len(names)))


def test_active_intervals_follow_energy_without_short_gaps():
  sound = np.zeros(3 * RATE)
  noise = np.random.default_rng(0).standard_normal(3 * RATE)
  for start, stop in ((0.5, 1.0), (1.2, 1.5), (2.2, 2.6)):
    part = slice(int(start * RATE), int(stop * RATE))
    sound[part] = noise[part]
  sound += 1e-4 * noise
  np.testing.assert_allclose(
    sounds.active_intervals(sound), [[0.5, 1.5], [2.2, 2.6]], atol=0.011
  )


def test_clips_are_resampled_mixed_to_mono_and_trimmed(tmp_path):
  time = np.arange(2 * 44100) / 44100
  tone = 0.5 * np.sin(2 * np.pi * 1000 * time) * ((time > 0.5) & (time < 1.5))
  write_clip(tmp_path / 'a.wav', np.stack([tone, tone], -1), rate=44100)
  clip = sounds.read_clip(str(tmp_path / 'a.wav'))
  assert clip.size == pytest.approx(RATE, abs=0.03 * RATE)
  spectrum = np.abs(np.fft.rfft(clip))
  assert spectrum.argmax() * RATE / clip.size == pytest.approx(1000, abs=2)


def test_without_variation_the_clip_is_unchanged(tmp_path):
  noise = np.random.default_rng(0).standard_normal(RATE) * 0.1
  write_clip(tmp_path / 'dog' / 'a.wav', noise)
  source = library.open_library(tmp_path)
  fold = source.folds[0]
  none = sounds.Variation(0.0, 0.0, 0.0)

  def draw(seed, variation):
    rng = np.random.default_rng(seed)
    return sounds.draw(rng, source, fold, 'barking_dog', variation=variation)

  plain, other = draw(0, none), draw(1, none)
  np.testing.assert_array_equal(plain.samples, other.samples)
  np.testing.assert_allclose(
    plain.samples / plain.samples.std(), noise / noise.std(), atol=2e-3
  )
  varied, other = draw(0, sounds.Variation()), draw(1, sounds.Variation())
  assert varied.samples.tobytes() != other.samples.tobytes()


def noise_and_pause(pause, *, floor=0.0):
  """Two seconds of noise, a pause, and another second; zero-mean."""
  noise = np.random.default_rng(0).uniform(-1, 1, int((3 + pause) * RATE))
  noise[2 * RATE : -RATE] *= floor
  return 0.3 * noise


@pytest.mark.parametrize('floor', [0.0, 1e-3])
def test_a_part_of_a_long_clip_is_never_its_pause(tmp_path, floor):
  write_clip(tmp_path / 'dog' / 'a.wav', noise_and_pause(9.0, floor=floor))
  source = library.open_library(tmp_path)
  fold, none = source.folds[0], sounds.Variation(0.0, 0.0, 0.0)
  for seed in range(100):
    rng = np.random.default_rng(seed)
    sound = sounds.draw(rng, source, fold, 'barking_dog', variation=none)
    # Noise has a flat envelope; the sound before the pause is at most 2 s.
    lengths = np.diff(sound.intervals)
    assert np.isfinite(sound.samples).all() and lengths.max() < 2.05


def test_offsets_and_rumble_are_not_active(tmp_path):
  sound = noise_and_pause(4.0)
  times = np.arange(sound.size) / RATE
  write_clip(tmp_path / 'dog' / 'clean.wav', sound)
  rumble = 0.05 * np.sin(2 * np.pi * 6 * times)
  write_clip(tmp_path / 'dog' / 'rumble.wav', sound + rumble)
  write_clip(tmp_path / 'dog' / 'offset.wav', sound + 0.05)
  source = library.open_library(tmp_path)
  assert source.clips is not None
  none = sounds.Variation(0.0, 0.0, 0.0)
  drawn = {}
  for (fold, name), clips in source.clips.items():
    (clip,) = clips
    rng = np.random.default_rng(0)
    drawn[clip.name] = sounds.draw(rng, source, fold, name, variation=none)
  for name in 'dog/rumble.wav', 'dog/offset.wav':
    np.testing.assert_allclose(
      drawn[name].intervals, drawn['dog/clean.wav'].intervals, atol=0.021
    )
    heard, clean = (
      signal.sosfilt(sounds.HIGH_PASS, drawn[one].samples)[RATE : 2 * RATE]
      for one in (name, 'dog/clean.wav')
    )
    assert np.std(heard) == pytest.approx(np.std(clean), rel=0.01)


def test_long_clips_are_cut_and_short_ones_are_not_repeated(tmp_path):
  noise = np.random.default_rng(0).standard_normal(30 * RATE) * 0.1
  write_clip(tmp_path / 'fire' / 'long.wav', noise)
  write_clip(tmp_path / 'dog' / 'short.wav', noise[: RATE // 2])
  source = library.open_library(tmp_path)
  lengths = {'burning_fire': [], 'barking_dog': []}
  assert source.clips is not None
  for (fold, name), seed in itertools.product(source.clips, range(6)):
    rng = np.random.default_rng(seed)
    sound = sounds.draw(rng, source, fold, name, variation=sounds.Variation())
    lengths[name].append(sound.samples.size / RATE)
  assert min(lengths['burning_fire']) > 2.5
  assert max(lengths['burning_fire']) <= sounds.MAX_SECONDS
  assert max(lengths['barking_dog']) < 0.55


@pytest.mark.parametrize(
  ('content', 'words'),
  [
    (b'no sound at all', 'cannot be read'),
    (None, 'silence'),
  ],
)
def test_a_bad_clip_is_reported_and_nothing_is_written(
  tmp_path, content, words
):
  path = tmp_path / 'events' / 'dog' / 'bad.wav'
  write_clip(path, np.zeros(RATE))
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(InputError, match=f'bad.wav .*{words}'):
    synthesize(
      tmp_path / 'out',
      events=tmp_path / 'events',
      recordings=1,
      seconds=3,
      num_workers=0,
    )
  assert not list((tmp_path / 'out').rglob('fold*'))


def test_a_folder_may_have_both_spellings_and_is_split_into_folds(
  tmp_path, caplog
):
  noise = np.random.default_rng(0).standard_normal(2400) * 0.1
  for k in range(12):
    write_clip(tmp_path / 'femaleScream' / f'a{k}.wav', noise)
    write_clip(tmp_path / 'knocking_on_door' / f'b{k}.flac', noise)
  source = library.open_library(tmp_path)
  assert source.folds == (1, 2, 3, 4, 5, 6)
  assert source.clips is not None
  for fold in source.folds:
    assert source.classes(fold) == ('female_scream', 'knocking_on_door')
    assert len(source.clips[fold, 'female_scream']) == 2
  assert len(caplog.records) == 1
  assert 'piano' in caplog.text
  assert library.open_library(tmp_path) == source


def test_links_to_a_sound_are_in_its_fold(tmp_path):
  noise = np.random.default_rng(0).standard_normal(2400) * 0.1
  events = tmp_path / 'events'
  for k in range(12):
    write_clip(tmp_path / f'{k}.wav', noise)
    for name, stem in ('alarm', f'a{k}'), ('piano', f'p{k}'):
      (events / name).mkdir(parents=True, exist_ok=True)
      (events / name / f'{stem}.wav').symlink_to(tmp_path / f'{k}.wav')
  clips = library.open_library(events).clips
  assert clips is not None
  folds: dict[str, set[int]] = {}
  for (fold, _), some in clips.items():
    for clip in some:
      folds.setdefault(os.path.realpath(clip.path), set()).add(fold)
  assert len(folds) == 12
  assert all(len(one) == 1 for one in folds.values())
  assert set().union(*folds.values()) == {1, 2, 3, 4, 5, 6}


def test_a_manifest_assigns_folds_and_a_group_in_two_is_refused(tmp_path):
  noise = np.random.default_rng(0).standard_normal(2400) * 0.1
  for name in ('a.wav', 'b.wav', 'c.wav'):
    write_clip(tmp_path / name, noise)
  manifest = tmp_path / 'manifest.csv'
  rows = 'a.wav,piano,1,x\nb.wav,baby,7,y\n'
  manifest.write_text('file,class,fold,group\n' + rows)
  source = library.open_library(tmp_path)
  assert source.folds == (1, 7)
  assert source.classes(7) == ('crying_baby',)
  manifest.write_text('file,class,fold,group\n' + rows + 'c.wav,piano,2,x\n')
  with pytest.raises(InputError, match='line 4: group x .* folds 1 and 2'):
    library.open_library(manifest)
  manifest.write_text('file,class,fold,group\n' + rows + './a.wav,piano,2,z\n')
  with pytest.raises(
    InputError, match=r'line 4: .*a\.wav must .* folds 1 and 2'
  ):
    library.open_library(manifest)


def test_an_unreadable_clip_is_found_before_anything_is_rendered(tmp_path):
  noise = 0.1 * np.random.default_rng(0).uniform(-1, 1, 2400)
  for fold in 1, 2:
    write_clip(tmp_path / f'{fold}.ogg', noise)
  (tmp_path / '2.wav').write_bytes(b'no sound at all')
  rows = '1.ogg,piano,1\n2.ogg,piano,2\n2.wav,piano,2\n'
  (tmp_path / 'manifest.csv').write_text('file,class,fold\n' + rows)
  out = tmp_path / 'out'
  make = functools.partial(
    synthesize, out, events=tmp_path, recordings=2, seconds=1, num_workers=0
  )
  with pytest.raises(InputError, match=r'2\.wav cannot be read as a sound'):
    make()
  assert not out.exists()
  write_clip(tmp_path / '2.wav', noise)
  make()
  assert len(list((out / 'foa_dev').iterdir())) == 2


@pytest.mark.parametrize(
  ('row', 'words'),
  [
    ('a.wav,trumpet,1', "line 2: the class .* got 'trumpet'"),
    ('a.wav,piano,9', "line 2: the fold must be 1 to 8, got '9'"),
    ('z.wav,piano,1', 'line 2: .*z.wav does not exist'),
    ('', 'no rows'),
    (',piano,1', 'line 2: the column file is empty'),
    ('a.wav', r'manifest\.csv, line 2: the column class is empty'),
    ('a.wav,piano', 'line 2: the column fold is empty'),
    ('a.wav,piano,1\n\na.wav', 'line 4: the column class is empty'),
  ],
)
def test_bad_manifests_are_refused(tmp_path, row, words):
  write_clip(tmp_path / 'a.wav', np.ones(2400) * 0.1)
  (tmp_path / 'manifest.csv').write_text('file,class,fold\n' + row)
  with pytest.raises(InputError, match=words):
    library.open_library(tmp_path)


def test_manifests_of_spreadsheets_are_read(tmp_path):
  write_clip(tmp_path / 'a.wav', np.ones(2400) * 0.1)
  rows = 'file,class,fold\r\na.wav,piano,1\r\n'
  (tmp_path / 'manifest.csv').write_bytes(b'\xef\xbb\xbf' + rows.encode())
  assert library.open_library(tmp_path).classes(1) == ('piano',)


def test_a_sound_instead_of_a_manifest_is_refused(tmp_path):
  noise = np.random.default_rng(0).standard_normal(2400) * 0.1
  write_clip(tmp_path / 'piano.wav', noise)
  with pytest.raises(InputError, match=r'piano\.wav must be a manifest'):
    library.open_library(tmp_path / 'piano.wav')


def test_text_that_is_not_utf_8_is_refused(tmp_path):
  manifest = tmp_path / 'manifest.csv'
  manifest.write_bytes('file,class,fold\nf\xfc.wav,piano,1\n'.encode('latin-1'))
  with pytest.raises(
    InputError, match=r'manifest\.csv must be .* not UTF-8 text'
  ):
    library.open_library(manifest)


def test_folders_of_unknown_classes_are_reported(tmp_path, caplog):
  for name in 'piano', 'siren', 'theremin':
    write_clip(tmp_path / name / 'a.wav', np.ones(2400) * 0.1)
  (tmp_path / '.git').mkdir()
  library.open_library(tmp_path)
  mine = [r.getMessage() for r in caplog.records if 'siren' in r.getMessage()]
  assert len(mine) == 1
  assert mine[0].startswith(str(tmp_path))
  assert mine[0].endswith(': siren, theremin.')


@pytest.mark.parametrize(
  ('file', 'words'),
  [
    ('siren/a.wav', 'it has other folders: siren'),
    ('dog/a.mp3', 'it has no such files in barking_dog'),
    ('a.wav', 'it has no folders'),
  ],
)
def test_a_folder_without_a_known_class_is_refused(tmp_path, file, words):
  path = tmp_path / 'sounds' / file
  path.parent.mkdir(parents=True)
  path.write_bytes(b'')
  with pytest.raises(InputError, match=f'sounds must .* piano.*{words}'):
    library.open_library(tmp_path / 'sounds')
