"""Files of any bytes are read or refused with one sentence."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seld_jax import audio, labels
from seld_jax.errors import InputError


def sound_file(format, subtype):
  rng = np.random.default_rng(0)
  buffer = io.BytesIO()
  sound = 0.1 * rng.standard_normal((300, 4))
  soundfile.write(buffer, sound, 24000, format=format, subtype=subtype)
  return buffer.getvalue()


SOUNDS = [
  sound_file('WAV', 'PCM_16'),
  sound_file('WAV', 'FLOAT'),
  sound_file('RF64', 'PCM_24'),
  sound_file('FLAC', 'PCM_16'),
  sound_file('OGG', 'VORBIS'),
]
TABLES = [
  b'0,1,0,30,-10\n1,1,0,31,-10\n5,13,1,-180,45\n',
  b'0,1,30,-10\r\n1,1,31,-10\r\n',
  b'0,1,0,0.6,0.8,0.0\n1,1,0,1.0,0.0,0.0\n',
  b'10,3,0,-50,30,1.5\n11,3,0,-51,30,1.6\n',
  b'\xef\xbb\xbfframe,class,source,azimuth,distance,onscreen\n0,1,0,5,2.0,1\n',
  b'sound_event_recording,start_time,end_time,ele,azi,dist\n'
  b'knock,0.1,0.5,10,-20,1\nspeech,0.45,1.7,0,90,2\n',
]
# Bytes that parsers often handle wrongly.
WORDS = [
  b'\x00',
  b'\xff\xff\xff\xff',
  b'\xff\xff\xff\x7f',
  b'\x00\x00\x00\x80',
  b'nan',
  b'inf',
  b'-1',
  b'1e400',
  b'9' * 30,
  b',',
  b'\n',
  b'"',
  b'\xc3',
  '\u0663'.encode(),
]


def mutate(rng, raw):
  """Changes, inserts, deletes and repeats bytes at random."""
  data = bytearray(raw)
  # Half of the changes are at the beginning, where headers are.
  reach = len(data) if rng.random() < 0.5 else min(64, len(data))
  for _ in range(rng.integers(1, 6)):
    place = int(rng.integers(0, max(1, reach)))
    kind = rng.integers(0, 5)
    if kind == 0 and place < len(data):
      data[place] = rng.integers(0, 256)
    elif kind == 1:
      word = WORDS[rng.integers(len(WORDS))]
      data[place : place + len(word)] = word
    elif kind == 2:
      data[place:place] = WORDS[rng.integers(len(WORDS))]
    elif kind == 3:
      del data[place : place + int(rng.integers(1, 40))]
    else:
      data[place:place] = data[place : place + int(rng.integers(1, 40))]
  return bytes(data)


def read_sound(path):
  try:
    whole = audio.read(path)
  except InputError as error:
    check_sentence(error, path)
  else:
    assert whole.shape[0] == 4
    assert np.isfinite(whole).all()
  try:
    for block in audio.blocks(path, num_samples=100):
      assert np.isfinite(block).all()
  except InputError as error:
    check_sentence(error, path)


def read_table(path):
  for edition in None, '2019', '2020', '2021', '2023', '2025':
    try:
      events = labels.read_csv(path, edition=edition, num_classes=14)
    except InputError as error:
      check_sentence(error, path)
    else:
      assert np.isfinite(events.xyz).all()
      assert (events.frame >= 0).all()
      assert (events.class_index < 14).all()


def check_sentence(error, path):
  text = str(error)
  assert path.name in text
  assert text.count('\n') == 0
  assert len(text) < 1000


@pytest.mark.parametrize(
  ('seeds', 'read', 'count'),
  [(SOUNDS, read_sound, 150), (TABLES, read_table, 150)],
  ids=['sounds', 'tables'],
)
def test_mutated_files_are_read_or_refused(tmp_path, seeds, read, count):
  fuzz(tmp_path, seeds, read, count, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize(
  ('seeds', 'read', 'count'),
  [(SOUNDS, read_sound, 6000), (TABLES, read_table, 6000)],
  ids=['sounds', 'tables'],
)
def test_many_mutated_files_are_read_or_refused(tmp_path, seeds, read, count):
  fuzz(tmp_path, seeds, read, count, seed=1)


def fuzz(folder, seeds, read, count, *, seed):
  rng = np.random.default_rng(seed)
  for number in range(count):
    path = folder / f'mutant{number % 2}.bin'
    path.write_bytes(mutate(rng, seeds[number % len(seeds)]))
    read(path)


anything = settings(
  deadline=None,
  max_examples=80,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@anything
@given(st.binary(max_size=300), st.sampled_from([b'', b'RIFF', b'fLaC']))
def test_any_bytes_as_sound_are_read_or_refused(tmp_path, content, head):
  path = tmp_path / 'any.wav'
  path.write_bytes(head + content)
  read_sound(path)


@anything
@given(
  st.binary(max_size=200)
  | st.lists(
    st.lists(
      st.integers().map(str)
      | st.floats().map(str)
      | st.text(max_size=8)
      | st.integers(0, 20).map(str),
      min_size=1,
      max_size=8,
    ).map(','.join),
    max_size=6,
  ).map(lambda rows: '\n'.join(rows).encode('utf-8', 'surrogatepass'))
)
@example(b'0,0,0,0,0,1e200')  # the square of a number may overflow
def test_any_bytes_as_labels_are_read_or_refused(tmp_path, content):
  path = tmp_path / 'any.csv'
  path.write_bytes(content)
  read_table(path)
