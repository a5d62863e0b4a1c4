"""Headers of streams and of stopped recorders do not lose samples silently."""

import io
import logging
import os
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import audio
from seld_jax.audio import containers, ogg
from seld_jax.errors import InputError
from seld_jax.scenes import sounds

RATE = 24000
# Samples per channel; the samples of a file have 38400 bytes.
LENGTH = 4800

# Where the size of the samples is: the text before it, the number of bytes
# between them, the format, and the bytes that the size counts beside samples.
SIZES = {
  'WAV': (b'data', 0, '<I', 0),
  'AU': (b'.snd', 4, '>I', 0),
  'AIFF': (b'SSND', 0, '>I', 8),
  'CAF': (b'data', 0, '>Q', 4),
  'RF64': (b'ds64', 12, '<Q', 0),
  'W64': (b'data', 12, '<Q', 24),
}
every_kind = pytest.mark.parametrize('kind', SIZES)


@pytest.fixture(scope='module')
def noise():
  return np.random.default_rng(0).uniform(-1, 1, (4, LENGTH)).astype('float32')


def sound_file(folder, noise, kind='WAV', subtype='PCM_16'):
  path = folder / f'noise.{kind.lower()}'
  soundfile.write(path, noise.T, RATE, format=kind, subtype=subtype)
  return path


def set_size(path, size, kind='WAV'):
  """Writes a size in bytes into the header."""
  text, between, format, extra = SIZES[kind]
  raw = path.read_bytes()
  start = raw.index(text) + len(text) + between
  stop = start + struct.calcsize(format)
  (found,) = struct.unpack(format, raw[start:stop])
  assert found - extra == 8 * LENGTH, 'this is the size of the samples'
  path.write_bytes(raw[:start] + struct.pack(format, size) + raw[stop:])
  return path


def assert_whole(path, noise, size=10**6, atol=1.01 / 32768):
  """All readers agree on the length and the samples."""
  assert audio.info(path).num_samples == noise.shape[-1]
  np.testing.assert_allclose(audio.read(path), noise, atol=atol)
  parts = list(audio.blocks(path, num_samples=size))
  np.testing.assert_allclose(np.concatenate(parts, -1), noise, atol=atol)


@pytest.mark.parametrize(
  'size', [0x7FFFF000, 0x7FFFFFFF, 0xFFFF1000, 0x80000000, 0xFFFFFFFF]
)
@pytest.mark.parametrize('subtype', ['PCM_16', 'PCM_24', 'FLOAT'])
def test_a_stream_of_unknown_length_is_read_to_its_end(
  tmp_path, noise, caplog, size, subtype
):
  path = sound_file(tmp_path, noise, subtype=subtype)
  raw = path.read_bytes()
  place = raw.index(b'data') + 4
  align = {'PCM_16': 8, 'PCM_24': 12, 'FLOAT': 16}[subtype]
  for written in size, size // align * align, size - 44, size - 36:
    value = struct.pack('<I', written)
    path.write_bytes(raw[:place] + value + raw[place + 4 :])
    assert_whole(path, noise)
  assert not caplog.messages


@every_kind
def test_unknown_lengths_are_read_in_every_format(tmp_path, noise, kind):
  path = sound_file(tmp_path, noise, kind)
  most = 2 ** (8 * struct.calcsize(SIZES[kind][2])) - 1
  assert_whole(set_size(path, most, kind), noise, size=1000)


@every_kind
def test_an_unfinished_header_is_read_with_one_warning(
  tmp_path, noise, kind, caplog
):
  path = sound_file(tmp_path, noise, kind)
  assert_whole(set_size(path, 0, kind), noise, size=1000)
  (text,) = caplog.messages
  assert f'noise.{kind.lower()} has an unfinished header' in text
  assert '38400, which are read' in text


@pytest.mark.parametrize('excess', [16, 36, 44])
def test_a_size_that_counts_the_header_is_read_with_a_warning(
  tmp_path, noise, caplog, excess
):
  path = set_size(sound_file(tmp_path, noise), 8 * LENGTH + excess)
  assert_whole(path, noise)
  (text,) = caplog.messages
  assert f'promises {8 * LENGTH + excess} bytes of samples' in text


@every_kind
@pytest.mark.parametrize('lost', [8, 24, 4096, 20000])
def test_a_truncated_file_is_refused_with_the_remedy(
  tmp_path, noise, kind, lost
):
  path = sound_file(tmp_path, noise, kind)
  path.write_bytes(path.read_bytes()[:-lost])
  for reader in audio.info, audio.read, lambda one: list(audio.blocks(one)):
    with pytest.raises(InputError, match=r'is truncated.*ffmpeg -i noise\.'):
      reader(path)


def test_a_header_that_is_too_short_is_refused(tmp_path, noise):
  """libsndfile would read the first half only."""
  path = set_size(sound_file(tmp_path, noise), 4 * LENGTH)
  for reader in audio.info, audio.read, lambda one: list(audio.blocks(one)):
    with pytest.raises(InputError, match=r'0\.10 s of audio: .*-ignore_length'):
      reader(path)


def test_a_few_bytes_behind_the_samples_are_told(tmp_path, noise, caplog):
  path = sound_file(tmp_path, noise)
  path.write_bytes(path.read_bytes() + b'\1\0' * 50)
  assert_whole(path, noise)
  (text,) = caplog.messages
  assert 'has 100 bytes after the samples' in text


@pytest.mark.parametrize(
  'rest',
  [
    bytes(32768 - 44),
    b'TAG' + b'title' * 25,
    b'LIST\4\0\0\0INFO',
    b'LIST\xff\0\0\0INFO',
    b'note\3\0\0\0abc\0LIST\4\0\0\0INFO' + bytes(4000),
  ],
  ids=['zeros', 'ID3', 'chunk', 'damaged chunk', 'chunks and zeros'],
)
def test_known_data_behind_the_samples_are_ignored(
  tmp_path, noise, caplog, rest
):
  path = sound_file(tmp_path, noise)
  path.write_bytes(path.read_bytes() + rest)
  assert_whole(path, noise)
  assert not caplog.messages


def test_a_file_without_samples_has_none_although_chunks_follow(tmp_path):
  path = tmp_path / 'none.wav'
  soundfile.write(path, np.zeros((0, 4)), RATE, subtype='PCM_16')
  path.write_bytes(path.read_bytes() + b'note\3\0\0\0abc\0')
  with pytest.raises(InputError, match='holds no samples'):
    audio.info(path)


def test_a_second_file_behind_the_first_is_not_lost(tmp_path, noise):
  path = sound_file(tmp_path, noise)
  path.write_bytes(2 * path.read_bytes())
  with pytest.raises(InputError, match='cannot be read as a sound file'):
    audio.info(path)


def test_a_stream_longer_than_the_written_size_is_read_to_its_end(
  tmp_path, noise
):
  path = set_size(sound_file(tmp_path, noise), 0x7FFFF000)
  size = 0x80000000 + 2**22
  os.truncate(path, size)  # a sparse file: it takes no space on the disk
  assert audio.info(path).num_samples == (size - 44) // 8


@settings(deadline=None, max_examples=200)
@given(
  size=st.integers(0, 2**32 - 1) | st.integers(38000, 39000),
  rest=st.binary(max_size=100),
)
def test_no_size_loses_samples_without_a_word(size, rest):
  """Whatever the size says: all samples are found, or the fault is known."""
  body = np.full(8 * LENGTH, 200, np.uint8).tobytes()
  head = bytes.fromhex(
    '52494646ffffffff57415645666d74201000000001000400c05d000000ee020008001000'
  )
  file = head + b'data' + struct.pack('<I', size) + body + rest
  found = containers.find_samples(io.BytesIO(file))
  assert found is not None
  if found.size < len(body):
    assert found.fault == 'longer' and found.declared == size
  elif found.fault == 'truncated':
    assert size > len(body) + len(rest)
  elif found.fault == '':
    assert found.declared in (None, size)


@pytest.mark.parametrize('rate', [1, 999, 400001, 299999977, 2**31 - 1])
def test_implausible_sample_rates_are_refused_by_all_readers(
  tmp_path, noise, rate
):
  path = tmp_path / 'fast.wav'
  soundfile.write(path, noise.T, rate)
  for reader in audio.info, audio.read, sounds.read_clip:
    with pytest.raises(InputError, match=f'a sample rate of {rate} Hz, but'):
      reader(str(path))


def flac_of_length(folder, noise, length):
  """A FLAC file whose header promises another number of samples."""
  path = folder / 'noise.flac'
  soundfile.write(path, noise.T, RATE)
  raw = bytearray(path.read_bytes())
  about = int.from_bytes(raw[18:26], 'big') >> 36 << 36
  raw[18:26] = (about | length).to_bytes(8, 'big')
  path.write_bytes(raw)
  return path


@pytest.mark.parametrize(
  ('length', 'words'),
  [
    (2**36 - 1, '33 days, but 31 days are possible'),
    (2**34, 'the last one cannot be read'),
    (LENGTH + 1, 'the last one cannot be read'),
    (0, 'does not say how long it is; .*ffmpeg'),
  ],
)
def test_flac_of_a_wrong_length_is_refused(tmp_path, noise, length, words):
  path = flac_of_length(tmp_path, noise, length)
  with pytest.raises(InputError, match=words):
    audio.info(path)


def test_truncated_flac_is_found_by_its_header(tmp_path, noise):
  path = flac_of_length(tmp_path, noise, LENGTH)
  assert audio.info(path).num_samples == LENGTH
  path.write_bytes(path.read_bytes()[:-3000])
  with pytest.raises(InputError, match='truncated or damaged'):
    audio.info(path)


@pytest.fixture(scope='module', params=['VORBIS', 'OPUS'])
def pages(request, noise):
  """The bytes of an OGG file with several pages."""
  file = io.BytesIO()
  long = 0.1 * np.tile(noise, 20)
  soundfile.write(file, long.T, 48000, format='OGG', subtype=request.param)
  return file.getvalue()


def write_ogg(folder, raw):
  path = folder / 'noise.ogg'
  path.write_bytes(raw)
  return path


def test_complete_ogg_files_are_read(tmp_path, pages):
  path = write_ogg(tmp_path, pages)
  length = audio.info(path).num_samples
  assert audio.read(path, sample_rate=48000).shape == (4, length)
  assert audio.info(write_ogg(tmp_path, pages + bytes(100))).num_samples > 0


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_flipped_bit_of_an_ogg_file_is_found(pages, data):
  position = data.draw(st.integers(0, len(pages) - 1))
  broken = bytearray(pages)
  broken[position] ^= 1 << data.draw(st.integers(0, 7))
  assert ogg.find_damage(io.BytesIO(broken))
  assert not ogg.find_damage(io.BytesIO(pages))


def test_ogg_files_that_lack_pages_are_refused(tmp_path, pages):
  starts = [n for n in range(len(pages)) if pages.startswith(b'OggS', n)]
  assert len(starts) > 4
  for raw, words in (
    (pages[: len(pages) * 6 // 10], 'cut off'),
    (pages[: starts[-1]], 'last page is missing'),
    (pages[: starts[3]] + pages[starts[4] :], 'pages are missing'),
    (pages + pages, 'a second recording begins'),
  ):
    path = write_ogg(tmp_path, raw)
    for reader in audio.info, audio.read, sounds.read_clip:
      with pytest.raises(InputError, match=f'damaged or truncated: .*{words}'):
        reader(str(path))


def test_a_file_that_is_changed_while_it_is_read_is_refused(tmp_path, noise):
  path = sound_file(tmp_path, noise)
  blocks = audio.blocks(path, num_samples=1000)
  next(blocks)
  with open(path, 'r+b') as file:
    file.seek(20000)
    file.write(b'other samples')
  os.utime(path, ns=(1, 1))
  with pytest.raises(InputError, match='was changed while it was read'):
    list(blocks)


def test_a_file_that_is_replaced_after_its_header_was_read_is_refused(
  tmp_path, noise
):
  path = sound_file(tmp_path, noise)
  header = audio.info(path)
  audio.write(path, noise[:, :-1])
  with pytest.raises(InputError, match='was changed while it was read'):
    list(audio.blocks(path, header=header))


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(
  tmp_path, noise
):
  path = sound_file(tmp_path, noise)
  blocks = audio.blocks(path, num_samples=1000)
  parts = [next(blocks)]
  audio.write(path, np.zeros((2, 100)), sample_rate=48000)
  parts += blocks
  np.testing.assert_allclose(
    np.concatenate(parts, -1), noise, atol=1.01 / 32768
  )


def test_pipes_are_refused_and_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'pipe.wav')
  with pytest.raises(InputError, match='is a pipe or a device'):
    audio.info(tmp_path / 'pipe.wav')


def test_a_warning_is_logged_once_for_each_file(tmp_path, noise, caplog):
  caplog.set_level(logging.WARNING, logger='seld_jax')
  for name in 'a', 'b':
    (tmp_path / name).mkdir()
    path = set_size(sound_file(tmp_path / name, noise), 0)
    for _ in range(3):
      audio.info(path)
  assert len(caplog.messages) == 2
