"""Features equal those of the sound and are computed only when needed."""

import dataclasses
import functools
import io
import os
import pathlib
import shutil
import zlib

import jax
import numpy as np
import pytest
import soundfile

from seld_jax import audio, dataset, features
from seld_jax.dataset import cache
from seld_jax.errors import InputError

OPTIONS = {
  'format': 'foa',
  'sample_rate': 24000,
  'n_fft': 1024,
  'hop_length': 480,
  'win_length': 960,
  'n_mels': 16,
  'top_db': 80.0,
  'offset': 1e-8,
  'pad_mode': 'constant',
  'layout': 'aligned',
}


@pytest.fixture
def root(tiny_root, tmp_path):
  """A copy of the two recordings of fold 1, which tests may change."""
  for folder in 'foa_dev', 'mic_dev', 'metadata_dev':
    (tmp_path / folder).mkdir()
    for path in (tiny_root / folder).glob('fold1_*'):
      shutil.copy2(path, tmp_path / folder)
  return tmp_path


@pytest.fixture
def computed(monkeypatch):
  """Counts computations; feature functions are replaced by a cheap one."""
  calls = []

  def feature_function(options):
    named = dict(options)

    def compute(signal):
      calls.append(named['format'])
      frames = -(-signal.shape[-1] // named['hop_length'])
      value = signal[0, 0] + named['n_mels']
      row = features.shape(**named)
      return np.full((frames, *row), value, np.float32)

    return compute

  monkeypatch.setattr(cache, '_feature_function', feature_function)
  return calls


def extract(root, **changes):
  options = OPTIONS | changes
  recordings = dataset.find_recordings(root, format=options['format'])
  return cache.extract(recordings, root / 'features', options=options)


def cached(root):
  return sorted(
    path for path in (root / 'features').rglob('*') if path.is_file()
  )


def test_features_equal_a_direct_call(root):
  """For recordings of different lengths."""
  path = root / 'foa_dev' / 'fold1_room1_mix001_ov1.wav'
  audio.write(path, audio.read(path)[:, :30001])
  paths = extract(root)
  keywords = {k: v for k, v in OPTIONS.items() if k != 'format'}
  compute = jax.jit(functools.partial(features.foa_features, **keywords))
  lengths = []
  for entry in dataset.find_recordings(root):
    array = np.load(paths[entry.name])
    direct = compute(audio.read(entry.audio))
    assert array.dtype == np.float32
    assert array.shape == direct.shape
    np.testing.assert_allclose(array, direct, atol=1e-3)
    lengths.append(len(array))
  assert lengths == [63, 200]


def test_second_call_computes_nothing(root, computed):
  paths = extract(root)
  assert len(computed) == 2
  before = {path: path.stat().st_mtime_ns for path in cached(root)}
  assert set(before) == set(paths.values())
  assert extract(root) == paths
  assert len(computed) == 2
  assert {path: path.stat().st_mtime_ns for path in cached(root)} == before


@pytest.mark.parametrize(
  'change',
  [
    {'n_mels': 17},
    {'n_fft': 2048},
    {'hop_length': 600},
    {'win_length': 1000},
    {'top_db': None},
    {'offset': 0.0},
    {'pad_mode': 'reflect'},
    {'layout': 'published'},
    {'intensity': 'energy'},
    {'kind': 'salsa'},
  ],
  ids=lambda change: next(iter(change)),
)
def test_each_option_changes_the_cache_entry(change, root, computed):
  old = extract(root)
  new = extract(root, **change)
  assert len(computed) == 4
  assert not set(old.values()) & set(new.values())
  # Another run may still be reading the features of the old options.
  assert cached(root) == sorted([*old.values(), *new.values()])
  assert extract(root) == old
  assert len(computed) == 4


def test_later_options_keep_the_entries_of_features_without_them():
  """The name is that of the default features before there were these."""
  options = dataclasses.asdict(features.FeatureOptions()) | {'format': 'foa'}
  assert cache._folder('x', options).name == 'foa_20eec103b65cb765'
  for name in cache._LATER:
    del options[name]
  assert cache._folder('x', options).name == 'foa_20eec103b65cb765'


def test_every_later_option_changes_the_entry():
  changes = [
    {},
    {'num_channels': 6},
    {'kind': 'salsa'},
    {'kind': 'salsa', 'alias_frequency': 3000.0},
    {'kind': 'salsa_lite'},
    {'stereo': ('mid',)},
    {'stereo': ('mid', 'side')},
    {'intensity': 'energy'},
    {'xy_correlation': True},
  ]
  assert {name for change in changes for name in change} == set(cache._LATER)
  names = {cache._folder('x', OPTIONS | change).name for change in changes}
  assert len(names) == len(changes)


def test_both_formats_are_kept(root, computed):
  foa = extract(root)
  mic = extract(root, format='mic')
  assert computed == ['foa', 'foa', 'mic', 'mic']
  assert cached(root) == sorted([*foa.values(), *mic.values()])
  extract(root)
  extract(root, format='mic')
  assert len(computed) == 4


def test_changed_recording_is_computed_again(root, computed):
  old = extract(root)
  name = 'fold1_room1_mix002_ov1'
  path = root / 'foa_dev' / f'{name}.wav'
  audio.write(path, audio.read(path)[:, :-480])
  new = extract(root)
  assert len(computed) == 3, 'only the changed one'
  assert len(np.load(new[name])) == 199
  assert old[name] != new[name]
  assert cached(root) == sorted(new.values())


def test_a_shared_folder_keeps_the_features_of_other_datasets(root, tmp_path):
  other, shared = tmp_path / 'other', tmp_path / 'shared'
  shutil.copytree(root, other)
  for path in (other / 'foa_dev').iterdir():
    audio.write(path, audio.read(path)[:, :-480])
  paths = [
    cache.extract(
      dataset.find_recordings(one), shared, options=OPTIONS, shared=True
    )
    for one in (root, other)
  ]
  for found in paths:
    assert all(map(cache.is_intact, found.values()))
  assert not {*paths[0].values()} & {*paths[1].values()}


def test_changed_modification_time_is_computed_again(root, computed):
  """A file of the same size may have other contents."""
  extract(root)
  path = root / 'foa_dev' / 'fold1_room1_mix001_ov1.wav'
  status = path.stat()
  os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
  paths = extract(root)
  assert len(computed) == 3
  assert cached(root) == sorted(paths.values())


def test_features_of_a_longer_name_are_not_deleted(root, computed):
  """`a.b` is not an old version of the recording `a`."""
  for folder, suffix in ('foa_dev', 'wav'), ('metadata_dev', 'csv'):
    for source in list((root / folder).iterdir()):
      shutil.copy2(source, source.with_name(f'{source.stem}.take2.{suffix}'))
  extract(root)
  assert len(computed) == 4
  path = root / 'foa_dev' / 'fold1_room1_mix001_ov1.wav'
  status = path.stat()
  os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
  paths = extract(root)
  assert len(computed) == 5
  assert cached(root) == sorted(paths.values())


@pytest.mark.parametrize(
  'damage',
  [
    lambda content: content[:-1],
    lambda content: content[:100],
    lambda content: content[:9],
    lambda content: b'',
    lambda content: b'x' * len(content),
    lambda content: content + b'more',
    # The same length, with one wrong bit.
    lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
    lambda content: content[:-1] + bytes([content[-1] ^ 1]),
  ],
)
def test_damaged_features_are_computed_again(damage, root, computed):
  paths = extract(root)
  path = paths['fold1_room1_mix001_ov1']
  whole = path.read_bytes()
  path.write_bytes(damage(whole))
  assert not cache.is_intact(path)
  assert extract(root) == paths
  assert len(computed) == 3
  assert path.read_bytes() == whole
  assert cache.is_intact(path)


def with_checksum(array):
  """The content of a file with any array, objects included."""
  buffer = io.BytesIO()
  np.save(buffer, array, allow_pickle=True)
  content = buffer.getvalue()
  numbers = content[content.index(b'\n') + 1 :]
  return content + zlib.crc32(numbers).to_bytes(4, 'little')


@pytest.mark.parametrize(
  'array',
  [
    np.zeros((0, 16, 7), np.float32),
    np.zeros((200, 16, 7), np.float64),
    np.zeros((200, 16, 7), np.int32),
    np.zeros((200, 8, 7), np.float32),
    np.zeros((200, 16, 10), np.float32),
    np.zeros((200, 16), np.float32),
    np.float32(0),
    np.asfortranarray(np.zeros((200, 16, 7), np.float32)),
    np.array([None] * 3),
    np.zeros(3, [('a', 'f4'), ('b', 'f4')]),
  ],
  ids=range(10),
)
def test_files_of_other_arrays_are_computed_again(array, root, computed):
  """Their checksums are right, so a stranger made them, not an accident."""
  paths = extract(root)
  path = paths['fold1_room1_mix001_ov1']
  whole = path.read_bytes()
  path.write_bytes(with_checksum(array))
  assert extract(root) == paths
  assert path.read_bytes() == whole


def test_a_header_that_is_no_python_is_damage(root, computed):
  path = extract(root)['fold1_room1_mix001_ov1']
  path.write_bytes(b'\x93NUMPY\x01\x00\x20\x00' + b'(' * 32)
  assert not cache.is_intact(path)
  path.write_bytes(b'\x93NUMPY\x03\x00\x20\x00' + b'{' * 32)
  assert not cache.is_intact(path)


def test_old_temporary_files_are_removed(root, computed):
  """New ones stay: another process may be writing them."""
  folder = next(iter(extract(root).values())).parent
  old, new = folder / '.a-1234abcd.half.npy', folder / '.b-1234abcd.half.npy'
  for path in old, new:
    path.write_bytes(b'half')
  os.utime(old, (1e9, 1e9))
  extract(root, format='foa')
  next(folder.glob('fold1*')).unlink()
  extract(root)
  assert new.exists() and not old.exists()


def test_error_names_the_unreadable_recording(root, computed):
  path = root / 'foa_dev' / 'fold1_room1_mix002_ov1.wav'
  path.write_bytes(path.read_bytes()[:1000])
  with pytest.raises(InputError, match=f'{path} is truncated'):
    extract(root)
  assert not any(entry.name[0] == '.' for entry in cached(root))
  audio.write(path, np.zeros((4, 4800)), sample_rate=16000)
  with pytest.raises(InputError, match=f'{path} has a sample rate of 16000'):
    extract(root)


def test_features_that_are_not_finite_are_refused(root):
  """The squares of samples that are far too large are infinite."""
  path = root / 'foa_dev' / 'fold1_room1_mix002_ov1.wav'
  sound = audio.read(path)
  sound[1, 5000] = 3e30
  soundfile.write(path, sound.T, 24000, subtype='FLOAT')
  with pytest.raises(InputError, match=f'{path} has features .* reach 3e\\+30'):
    extract(root)
  assert not any(path.stem in entry.name for entry in cached(root))


@pytest.mark.skipif(
  not os.path.exists('/dev/full'), reason='this system has no /dev/full'
)
def test_a_full_disk_is_told_in_one_sentence(root, monkeypatch):
  real = pathlib.Path.open

  def full(path, *arguments, **options):
    is_features = path.suffix == '.npy' and arguments == ('wb',)
    return real(
      pathlib.Path('/dev/full') if is_features else path, *arguments, **options
    )

  monkeypatch.setattr(pathlib.Path, 'open', full)
  with pytest.raises(InputError, match=r'\.npy could not be written: the disk'):
    extract(root)
  monkeypatch.undo()
  assert not any(path.name[0] == '.' for path in cached(root))


@pytest.mark.parametrize('shape', [(), (0, 3), (4, 3)])
def test_the_array_can_be_read_without_this_package(shape, tmp_path):
  array = np.random.default_rng(0).standard_normal(shape)
  cache.write(tmp_path / 'a.npy', array.T)
  np.testing.assert_array_equal(np.load(tmp_path / 'a.npy'), array.T)
  assert cache.is_intact(tmp_path / 'a.npy')


def test_progress_is_shown_only_when_something_is_computed(
  root, computed, capsys
):
  extract(root)
  assert 'features: 2 recordings' in capsys.readouterr().err
  extract(root)
  assert capsys.readouterr().err == ''


def test_the_first_four_channels_of_higher_orders_are_used(root):
  (entry,) = dataset.find_recordings(root)[:1]
  sound = audio.read(entry.audio)
  of_four = cache.extract([entry], root / 'features', options=OPTIONS)
  expected = np.load(of_four[entry.name])
  audio.write(entry.audio, np.concatenate([sound, 0.5 * sound, sound[:1]]))
  of_nine = cache.extract([entry], root / 'features', options=OPTIONS)
  np.testing.assert_array_equal(np.load(of_nine[entry.name]), expected)


@pytest.mark.parametrize(
  ('format', 'number', 'text'),
  [
    ('foa', 2, 'has 2 channels, but 4 are needed, W, Y, Z, X .*fewer'),
    ('foa', 6, r'num_channels=6\)\[\[0, 1, 2, 3\]\]'),
    ('mic', 9, r'of four microphones: .*num_channels=9\)\[\[0, 1, 2, 3\]\]'),
    ('mic', 32, r'num_channels=32\)\[\[5, 9, 25, 21\]\]'),
  ],
)
def test_other_numbers_of_channels_are_refused(root, format, number, text):
  (entry,) = dataset.find_recordings(root, format=format)[:1]
  audio.write(entry.audio, np.zeros((number, 4800)))
  options = OPTIONS | {'format': format}
  with pytest.raises(InputError, match=text):
    cache.extract([entry], root / 'features', options=options)
