"""Sound files are read as written; errors name the broken file."""

import contextlib
import errno
import gc
import io
import os
import pathlib
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.amb_files import write_amb
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import audio
from seld_jax.audio import containers
from seld_jax.errors import InputError


@pytest.fixture
def noise():
  return np.random.default_rng(0).uniform(-1, 1, (4, 2400))


@pytest.fixture
def path(tmp_path, noise):
  path = tmp_path / 'noise.wav'
  audio.write(path, noise)
  return path


def test_written_samples_are_read_back_within_one_16_bit_step(path, noise):
  back = audio.read(path)
  assert back.dtype == np.float32
  assert back.shape == noise.shape
  np.testing.assert_allclose(back, noise, atol=1.01 / 32768)
  assert audio.info(path) == audio.AudioInfo(24000, 4, 2400)
  assert soundfile.info(path).subtype == 'PCM_16'


def test_full_scale_does_not_wrap_around(tmp_path):
  square = np.tile([[1.0, -1.0]], (4, 50))
  audio.write(tmp_path / 'square.wav', square)
  back = audio.read(tmp_path / 'square.wav')
  np.testing.assert_allclose(back, square, atol=1.01 / 32768)


@pytest.mark.parametrize('kind', ['>f4', '>f8', '<f8', np.float16])
def test_floats_of_any_type_and_byte_order_are_written(tmp_path, noise, kind):
  audio.write(tmp_path / 'x.wav', noise.astype(kind))
  back = audio.read(tmp_path / 'x.wav')
  step = 2**-10 if kind == np.float16 else 2**-14
  np.testing.assert_allclose(back, noise, rtol=0, atol=step)


@pytest.mark.parametrize('kind', [np.int16, np.int32, np.int64])
def test_written_integers_are_values_not_pcm_steps(tmp_path, kind):
  ones = np.tile(np.array([[0, 1, -1]], kind), (4, 10))
  audio.write(tmp_path / 'x.wav', ones)
  back = audio.read(tmp_path / 'x.wav')
  np.testing.assert_allclose(back, ones, rtol=0, atol=2**-14)
  with pytest.raises(InputError, match='would clip'):
    audio.write(tmp_path / 'x.wav', 1000 * ones)


def test_float_and_flac_files_are_read(tmp_path, noise):
  noise = noise.astype(np.float32)
  soundfile.write(tmp_path / 'a.wav', noise.T, 24000, subtype='FLOAT')
  np.testing.assert_array_equal(audio.read(tmp_path / 'a.wav'), noise)
  soundfile.write(tmp_path / 'a.flac', noise.T, 24000, subtype='PCM_24')
  np.testing.assert_allclose(
    audio.read(tmp_path / 'a.flac'), noise, atol=2**-22
  )


def test_other_rate_or_channel_count_is_refused(path):
  with pytest.raises(InputError, match=r'noise\.wav.* 24000 Hz.* 48000 Hz'):
    audio.read(path, sample_rate=48000)
  with pytest.raises(InputError, match=r'noise\.wav.* 4 channels.* 2 are'):
    audio.read(path, num_channels=2)


@pytest.mark.parametrize('lost', [1, 8, 100, 19200])
def test_truncated_wav_is_refused(path, lost):
  path.write_bytes(path.read_bytes()[:-lost])
  for function in (audio.read, audio.info):
    with pytest.raises(InputError, match=r'noise\.wav is truncated: .*19244'):
      function(path)


@pytest.mark.parametrize('kind', ['AIFF', 'AU', 'CAF', 'W64', 'WAVEX'])
def test_bytes_behind_the_samples_are_not_read(tmp_path, noise, kind, caplog):
  path = tmp_path / f'noise.{kind.lower()}'
  soundfile.write(path, noise.T, 24000, format=kind, subtype='PCM_16')
  path.write_bytes(path.read_bytes() + bytes(range(1, 251)) * 4)
  assert audio.info(path).num_samples == noise.shape[1]
  np.testing.assert_allclose(audio.read(path), noise, atol=1.01 / 32768)
  assert 'has 1000 bytes after the samples' in caplog.text


@pytest.mark.parametrize('kind', ['AIFF', 'AU', 'CAF', 'W64', 'WAVEX'])
@pytest.mark.parametrize('lost', [1, 2000])
def test_truncated_files_of_other_formats_are_refused(
  tmp_path, noise, kind, lost
):
  path = tmp_path / f'noise.{kind.lower()}'
  soundfile.write(path, noise.T, 24000, format=kind, subtype='PCM_16')
  np.testing.assert_allclose(audio.read(path), noise, atol=1.01 / 32768)
  path.write_bytes(path.read_bytes()[:-lost])
  with pytest.raises(InputError, match=rf'noise\.{kind.lower()} is truncated'):
    audio.info(path)


@given(
  start=st.sampled_from(
    [b'RIFF\0\0\0\0WAVE', b'FORM\0\0\0\0AIFF', b'caff', b'riff', b'.snd', b'']
  ),
  rest=st.binary(max_size=120),
)
def test_any_header_gives_samples_within_the_file(start, rest):
  found = containers.find_samples(io.BytesIO(start + rest))
  if found is not None and found.fault != 'truncated' and found.size:
    assert 0 < found.first + found.size <= len(start + rest)


def test_truncated_rf64_is_refused(tmp_path, noise):
  """RF64 is the format of WAV files of more than 4 GiB."""
  path = tmp_path / 'long.wav'
  soundfile.write(path, noise.T, 24000, format='RF64', subtype='PCM_16')
  np.testing.assert_allclose(audio.read(path), noise, atol=1.01 / 32768)
  whole = path.read_bytes()
  path.write_bytes(whole[:-8])
  with pytest.raises(InputError, match=r'long\.wav is truncated'):
    audio.info(path)
  # A writer that was killed, or that wrote into a pipe, leaves no size.
  path.write_bytes(whole[:28] + bytes(8) + whole[36:])
  with contextlib.suppress(InputError):
    audio.info(path)


def test_wav_file_larger_than_its_header_can_describe_is_refused(path):
  """libsndfile would read 4 GiB of it, or less when the size wraps around."""
  size = 2**32 + 19244
  os.truncate(path, size)  # a sparse file: it takes no space on the disk
  with pytest.raises(
    InputError, match=r'noise\.wav has 4\.3 GB, .* to FLAC or'
  ):
    audio.info(path)


def test_truncated_flac_is_refused(tmp_path, noise):
  path = tmp_path / 'noise.flac'
  soundfile.write(path, noise.T, 24000)
  path.write_bytes(path.read_bytes()[:-3000])
  with pytest.raises(InputError, match=r'noise\.flac'):
    audio.read(path)


def test_other_chunks_around_the_data_are_skipped(path, noise):
  raw = path.read_bytes()
  # A chunk of odd size before the data, padded, and another after it.
  chunk = b'note\x03\x00\x00\x00abc\x00'
  raw = raw[:36] + chunk + raw[36:] + chunk
  raw = raw[:4] + (len(raw) - 8).to_bytes(4, 'little') + raw[8:]
  path.write_bytes(raw)
  np.testing.assert_allclose(audio.read(path), noise, atol=1.01 / 32768)
  path.write_bytes(raw[: -len(chunk) - 10])
  with pytest.raises(InputError, match='truncated'):
    audio.read(path)


def test_streamed_wav_of_unknown_length_is_read(path, noise):
  raw = path.read_bytes()
  path.write_bytes(raw[:40] + b'\xff' * 4 + raw[44:])
  np.testing.assert_allclose(audio.read(path), noise, atol=1.01 / 32768)


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    (b'', 'is empty'),
    (b'0,1,0,30,10\n' * 20, 'cannot be read as a sound file'),
    (b'RIFF', 'cannot be read as a sound file'),
    (b'RIFF\x24\x00\x00\x00WAVE', 'cannot be read as a sound file'),
  ],
)
def test_file_that_is_not_sound_is_refused(tmp_path, content, message):
  path = tmp_path / 'not.wav'
  path.write_bytes(content)
  with pytest.raises(InputError, match=rf'not\.wav {message}'):
    audio.read(path)


def test_missing_file_and_folder_are_refused(tmp_path):
  with pytest.raises(InputError, match=r'gone\.wav does not exist'):
    audio.read(tmp_path / 'gone.wav')
  with pytest.raises(InputError, match='is a folder'):
    audio.read(tmp_path)


def test_file_without_samples_is_refused(tmp_path):
  soundfile.write(tmp_path / 'none.wav', np.zeros((0, 4)), 24000)
  with pytest.raises(InputError, match=r'none\.wav holds no samples'):
    audio.read(tmp_path / 'none.wav')


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_refused(tmp_path, noise, value):
  noise[2, 77] = value
  path = tmp_path / 'bad.wav'
  soundfile.write(path, noise.T, 24000, subtype='FLOAT')
  with pytest.raises(InputError, match=r'bad\.wav.*sample 77 of channel 3'):
    audio.read(path)
  with pytest.raises(InputError, match='finite'):
    audio.write(path, noise)


def test_full_disk_is_reported_and_the_old_file_stays(path, noise, monkeypatch):
  """Python 3.12.1 crashed when it collected the objects of the traceback."""

  def full(path, data):
    raise OSError(errno.ENOSPC, 'No space left on device')

  before = path.read_bytes()
  with monkeypatch.context() as patch:
    patch.setattr(pathlib.Path, 'write_bytes', full)
    with pytest.raises(InputError, match=rf'{path.name} .* is full'):
      audio.write(path, noise / 2)
  gc.collect()
  assert path.read_bytes() == before


def test_refused_audio_leaves_the_old_file(path, noise):
  before = path.read_bytes()
  with pytest.raises(InputError, match=r'peak of 1\.001'):
    audio.write(path, np.array([[0.0, -1.001]]))
  with pytest.raises(InputError, match='channels, samples'):
    audio.write(path, noise[0])
  assert path.read_bytes() == before
  assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('size', [1, 100, 2400, 10**6])
def test_blocks_concatenate_to_the_whole(path, size):
  parts = list(audio.blocks(path, num_samples=size))
  assert all(part.shape[-1] == size for part in parts[:-1])
  np.testing.assert_array_equal(np.concatenate(parts, -1), audio.read(path))


def test_blocks_name_the_bad_sample(tmp_path, noise):
  noise[2, 777] = np.nan
  path = tmp_path / 'bad.wav'
  soundfile.write(path, noise.T, 24000, subtype='FLOAT')
  with pytest.raises(InputError, match=r'bad\.wav.*sample 777 of channel 3'):
    list(audio.blocks(path, num_samples=100))


def test_blocks_of_truncated_files_are_refused(path, tmp_path, noise):
  flac = tmp_path / 'noise.flac'
  soundfile.write(flac, noise.T, 24000)
  for broken in path, flac:
    broken.write_bytes(broken.read_bytes()[:-3000])
    with pytest.raises(InputError, match=broken.name):
      list(audio.blocks(broken, num_samples=100))


def test_integers_are_pcm_of_their_type():
  for kind in np.int8, np.int16, np.int32:
    limit = np.iinfo(kind)
    converted = audio.as_float(np.array([limit.min, 0, limit.max], kind))
    assert converted.dtype == np.float32
    np.testing.assert_allclose(converted, [-1, 0, 1], atol=1 / limit.max)
  unsigned = audio.as_float(np.array([0, 128, 255], np.uint8))
  np.testing.assert_allclose(unsigned, [-1, 0, 1], atol=1 / 127)
  floats = np.array([0.5, -3])
  assert audio.as_float(floats) is floats


@pytest.mark.parametrize('subtype', ['PCM_16', 'FLOAT'])
@pytest.mark.parametrize('count', [4, 9])
def test_amb_files_are_read_as_acn_sn3d(tmp_path, noise, subtype, count):
  path = tmp_path / 'room.AMB'
  file = np.resize(0.5 * noise, (count, 2400)).astype('float32')
  write_amb(path, file, subtype=subtype)
  assert audio.list_files(tmp_path) == [path]
  assert audio.info(path) == audio.AudioInfo(24000, count, 2400, is_fuma=True)
  (stored,) = audio.blocks(path, raw=True)
  np.testing.assert_allclose(stored, file, atol=1.01 / 32768)
  expected = file.copy()
  expected[:4] = file[[0, 2, 3, 1]] * [[2**0.5], [1], [1], [1]]
  back = audio.read(path, num_channels=count)
  np.testing.assert_allclose(back, expected, atol=1.5 / 32768)


@settings(deadline=None, max_examples=30)
@given(
  st.lists(
    st.tuples(
      st.sampled_from(['', 'a/', 'a/b/']),
      st.sampled_from(['', '.', 'x.']),
      st.sampled_from(['wav', 'WAV', 'flac', 'ogg', 'csv', 'wav2']),
    ),
    unique=True,
    max_size=12,
  )
)
def test_lists_the_visible_files_with_a_suffix_of_sound(
  tmp_path_factory, entries
):
  folder = tmp_path_factory.mktemp('sounds')
  for inside, start, suffix in entries:
    (folder / inside).mkdir(parents=True, exist_ok=True)
    (folder / inside / f'{start}sound.{suffix}').touch()

  def expected(suffixes, insides):
    return sorted(
      folder / inside / f'{start}sound.{suffix}'
      for inside, start, suffix in entries
      if start != '.' and suffix.lower() in suffixes and inside in insides
    )

  every = ['', 'a/', 'a/b/']
  assert audio.list_files(folder) == expected(['wav', 'flac', 'ogg'], every)
  lossless = audio.list_files(folder, suffixes=audio.LOSSLESS_SUFFIXES)
  assert lossless == expected(['wav', 'flac'], every)
  top = audio.list_files(folder, recursive=False)
  assert top == expected(['wav', 'flac', 'ogg'], [''])
  assert audio.list_files(folder / 'gone') == []


@pytest.mark.parametrize(
  ('shape', 'kind', 'rate', 'message'),
  [
    ((24000, 4), np.float32, 24000, r'got shape \(24000, 4\): transpose it'),
    ((1000, 2), np.float32, 24000, r'got shape \(1000, 2\): transpose it'),
    ((2, 100), np.complex64, 24000, 'real numbers, got complex64'),
    ((2, 100), np.float32, 0, 'sample rate between 1000 and 400000 Hz.* got 0'),
    ((2, 100), np.float32, 44100.5, 'without a fraction, got 44100.5'),
  ],
)
def test_what_is_no_sound_is_not_written(tmp_path, shape, kind, rate, message):
  with pytest.raises(InputError, match=message):
    audio.write(tmp_path / 'x.wav', np.zeros(shape, kind), sample_rate=rate)
  assert list(tmp_path.iterdir()) == []


def test_whole_rates_may_be_floats_and_blocks_have_samples(tmp_path):
  rate: Any = 44100.0
  audio.write(tmp_path / 'x.wav', np.zeros((2, 100)), sample_rate=rate)
  assert audio.info(tmp_path / 'x.wav').sample_rate == 44100
  with pytest.raises(InputError, match='at least one sample, got 0'):
    list(audio.blocks(tmp_path / 'x.wav', num_samples=0))


def test_pcm_is_clipped_at_both_ends():
  found = audio.as_pcm(np.array([1.5, -1.5, 1.0, -1.0]))
  assert found.tolist() == [32767, -32768, 32767, -32768]
