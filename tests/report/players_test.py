"""Players in a page: the embedded data, and the limits of its size."""

import dataclasses
import json
import re

import numpy as np
import pytest

from seld_jax import audio, geometry, labels
from seld_jax.report import players
from seld_jax.report.choice import Recording, make_recording


def moving_classes(folder, name: str, seconds: int) -> Recording:
  """Makes a recording in which two tracks of a class move, with noise."""
  frame = np.repeat(np.arange(seconds * labels.FRAMES_PER_SECOND), 2)
  track = np.arange(frame.size) % 2
  azimuth = 3.0 * frame + 90 * track
  events = labels.Events(
    frame,
    np.full(frame.size, 1),
    track,
    geometry.to_cartesian(azimuth, np.full(frame.size, 70.0)),
  )
  path = folder / f'{name}.flac.wav'
  sound = np.random.default_rng(0).normal(size=(2, seconds * 8000)) * 0.01
  audio.write(path, sound, sample_rate=8000)
  return make_recording(
    name,
    events,
    events,
    num_frames=seconds * labels.FRAMES_PER_SECOND,
    num_classes=2,
    audio=path,
  )


def embedded(text: str) -> list[dict]:
  pattern = r'<script type="application/json">(.*?)</script>'
  return [json.loads(one) for one in re.findall(pattern, text, re.DOTALL)]


def test_a_long_recording_is_cut_and_the_page_says_so(tmp_path):
  recording = moving_classes(tmp_path, 'long', 150)
  text = players.players([(recording, 'why')], classes=['a', 'b'])
  assert 'Its first 120 s are shown.' in text
  (data,) = embedded(text)
  assert data['seconds'] == data['soundSeconds'] == 120
  for kind in 'reference', 'prediction':
    rows = np.array(data[kind])
    assert len(rows) == 2 * 1200 and rows[:, 0].max() == 1199
    # player.js needs the rows sorted by class, track and frame.
    order = np.lexsort((rows[:, 0], rows[:, 2], rows[:, 1]))
    np.testing.assert_array_equal(order, np.arange(len(rows)))
  assert [one['name'] for one in data['classes']] == ['b']


@pytest.mark.parametrize('which', [(), ('prediction',), ('reference', 'x')])
def test_distances_are_in_the_data_if_there_are_any(tmp_path, which):
  """Two sources of a class, 1.25 m and 3.5 m away."""
  one = moving_classes(tmp_path, 'one', 2)
  metres = np.where(one.reference.track == 1, 3.504, 1.25)
  changed = {
    kind: dataclasses.replace(getattr(one, kind), distance=metres)
    for kind in ('reference', 'prediction')
    if kind in which
  }
  chosen = [(dataclasses.replace(one, **changed), 'why')]
  (data,) = embedded(players.players(chosen, classes=['a', 'b']))
  assert data['farthest'] == (3.504 if which else 0)
  for kind in 'reference', 'prediction':
    rows = np.array(data[kind])
    assert rows.shape == (40, 6 if kind in which else 5)
    if kind in which:
      np.testing.assert_array_equal(rows[:, 5], 1.25 + 2.25 * rows[:, 2])


def test_sound_is_left_out_if_the_page_would_be_too_large(
  tmp_path, monkeypatch
):
  chosen = [
    (moving_classes(tmp_path, name, 5), name) for name in ('one', 'two')
  ]
  whole = players.players(chosen, classes=['a', 'b'])
  assert whole.count('<audio') == 2 and 'left out' not in whole
  (size,) = {len(one) for one in re.findall(r'src="data:audio[^"]*', whole)}
  monkeypatch.setattr(players, '_MAX_SOUND_BYTES', size)
  text = players.players(chosen, classes=['a', 'b'])
  assert text.count('<audio') == 1
  assert text.count('Its sound is left out, to keep the page small.') == 1
  # The tracks and the spectrograms are still there.
  assert embedded(text) == embedded(whole)


@pytest.mark.parametrize('missing', [True, False])
def test_a_missing_or_damaged_sound_file_is_reported(tmp_path, missing):
  recording = moving_classes(tmp_path, 'one', 2)
  assert recording.audio
  if missing:
    recording.audio.unlink()
  else:
    recording.audio.write_bytes(b'no sound')
  text = players.players([(recording, 'why')], classes=['a', 'b'])
  assert '<audio' not in text and 'There is no sound: ' in text
  (data,) = embedded(text)
  assert data['spectrogram'] is None and data['frequencies'] == {}


def test_only_the_seconds_that_are_shown_are_read(tmp_path, monkeypatch):
  monkeypatch.setattr(players, '_MAX_SECONDS', 1)
  recording = moving_classes(tmp_path, 'long', 5)
  read = []

  def blocks(path, **options):
    for block in audio_blocks(path, num_samples=2000):
      read.append(block.shape[-1])
      yield block

  audio_blocks = players.audio.blocks
  monkeypatch.setattr(players.audio, 'blocks', blocks)
  text = players.players([(recording, 'why')], classes=['a', 'b'])
  assert '<audio' in text
  # 1 s at 8 kHz.
  assert sum(read) == 8000
