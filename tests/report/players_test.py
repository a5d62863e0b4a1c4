"""Recordings in a page: what is embedded, and how much of it."""

import json
import re

import numpy as np
import pytest

from seld_jax import audio, geometry, labels
from seld_jax.report import examples, players


def make_recording(folder, name: str, seconds: int) -> examples.Recording:
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
  return examples.make_recording(
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


def test_a_long_recording_is_cut_and_says_so(tmp_path):
  recording = make_recording(tmp_path, 'long', 150)
  text = players.players([(recording, 'why')], classes=['a', 'b'])
  assert 'Its first 120 s are shown.' in text
  (data,) = embedded(text)
  assert data['seconds'] == data['soundSeconds'] == 120
  for kind in 'reference', 'prediction':
    rows = np.array(data[kind])
    assert len(rows) == 2 * 1200 and rows[:, 0].max() == 1199
    # By class and track, so that the script finds pieces one after another.
    order = np.lexsort((rows[:, 0], rows[:, 2], rows[:, 1]))
    np.testing.assert_array_equal(order, np.arange(len(rows)))
  assert [one['name'] for one in data['classes']] == ['b']


def test_sound_is_left_out_where_the_page_would_grow(tmp_path, monkeypatch):
  chosen = [
    (make_recording(tmp_path, name, 5), name) for name in ('one', 'two')
  ]
  whole = players.players(chosen, classes=['a', 'b'])
  assert whole.count('<audio') == 2 and 'left out' not in whole
  (size,) = {len(one) for one in re.findall(r'src="data:audio[^"]*', whole)}
  monkeypatch.setattr(players, '_MOST_SOUND', size)
  text = players.players(chosen, classes=['a', 'b'])
  assert text.count('<audio') == 1
  assert text.count('Its sound is left out, to keep the page small.') == 1
  # Tracks and spectrogram stay.
  assert embedded(text) == embedded(whole)


@pytest.mark.parametrize('missing', [True, False])
def test_no_sound_is_said(tmp_path, missing):
  recording = make_recording(tmp_path, 'one', 2)
  if missing:
    recording.audio.unlink()
  else:
    recording.audio.write_bytes(b'no sound')
  text = players.players([(recording, 'why')], classes=['a', 'b'])
  assert '<audio' not in text and 'There is no sound: ' in text
  (data,) = embedded(text)
  assert data['spectrogram'] is None and data['frequencies'] == {}
