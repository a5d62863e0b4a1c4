"""Sound files in a page: the same sound, small, in a format of browsers."""

import io

import numpy as np
import pytest
import soundfile

from seld_jax.report.sound import compress


def make_sound(sample_rate: int) -> np.ndarray:
  """Makes a tone of 3 s whose loudness identifies the time."""
  time = np.arange(3 * sample_rate) / sample_rate
  return 0.01 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(3 * time**2))


@pytest.mark.parametrize('sample_rate', [24000, 16000, 44100, 48000])
@pytest.mark.parametrize('mp3', [True, False])
def test_compressed_sound_keeps_its_timing(monkeypatch, sample_rate, mp3):
  if not mp3:
    monkeypatch.setattr(soundfile, 'available_formats', lambda: {'FLAC': ''})
  sound = make_sound(sample_rate)
  content, media_type = compress(sound, sample_rate)
  assert media_type == ('audio/mpeg' if mp3 else 'audio/flac')
  heard, rate = soundfile.read(io.BytesIO(content))
  assert rate == (16000 if mp3 else 12000)
  assert abs(len(heard) / rate - 3) < 0.01
  assert 0.85 < np.abs(heard).max() < 0.95
  # A shift by a fraction of a period would lower the correlation.
  time = np.arange(len(heard)) / rate
  expected = np.interp(time, np.arange(len(sound)) / sample_rate, sound)
  assert np.corrcoef(heard, expected)[0, 1] > 0.99
  assert len(content) < (20e3 if mp3 else 30e3)


@pytest.mark.parametrize('sample_rate', [8000, 11025])
def test_low_sample_rates_are_kept(sample_rate):
  content, media_type = compress(make_sound(sample_rate), sample_rate)
  heard, rate = soundfile.read(io.BytesIO(content))
  assert (media_type, rate) == ('audio/flac', sample_rate)
  assert len(heard) == 3 * sample_rate


def test_silence_stays_silence():
  content, _ = compress(np.zeros(24000, np.float32), 24000)
  heard, _ = soundfile.read(io.BytesIO(content))
  assert np.abs(heard).max() < 1e-4
