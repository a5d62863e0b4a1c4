"""Sound that is sent within a page."""

import io

import numpy as np
import pytest
import soundfile

from seld_jax.report import sound as listening


def make_sound(sample_rate: int) -> np.ndarray:
  """A tone whose loudness tells where in its three seconds one is."""
  time = np.arange(3 * sample_rate) / sample_rate
  return 0.01 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(3 * time**2))


@pytest.mark.parametrize('sample_rate', [24000, 16000, 44100, 48000])
@pytest.mark.parametrize('mp3', [True, False])
def test_sound_is_the_same_at_the_same_time(monkeypatch, sample_rate, mp3):
  if not mp3:
    monkeypatch.setattr(soundfile, 'available_formats', lambda: {'FLAC': ''})
  sound = make_sound(sample_rate)
  content, media_type = listening.compress(sound, sample_rate)
  assert media_type == ('audio/mpeg' if mp3 else 'audio/flac')
  heard, rate = soundfile.read(io.BytesIO(content))
  assert rate == (16000 if mp3 else 12000)
  assert abs(len(heard) / rate - 3) < 0.01
  assert 0.85 < np.abs(heard).max() < 0.95
  # The tone is the same to a fraction of its period, all along.
  time = np.arange(len(heard)) / rate
  expected = np.interp(time, np.arange(len(sound)) / sample_rate, sound)
  assert np.corrcoef(heard, expected)[0, 1] > 0.99
  assert len(content) < (20e3 if mp3 else 30e3)


@pytest.mark.parametrize('sample_rate', [8000, 11025])
def test_what_has_few_samples_keeps_them(sample_rate):
  content, media_type = listening.compress(make_sound(sample_rate), sample_rate)
  heard, rate = soundfile.read(io.BytesIO(content))
  assert (media_type, rate) == ('audio/flac', sample_rate)
  assert len(heard) == 3 * sample_rate


def test_silence_stays_silent():
  content, _ = listening.compress(np.zeros(24000, np.float32), 24000)
  heard, _ = soundfile.read(io.BytesIO(content))
  assert np.abs(heard).max() < 1e-4
