"""Sound small enough to be sent within a page."""

import io

import numpy as np
import soundfile
from scipy import signal

_PEAK = 0.9
_MP3_RATE, _FLAC_RATE = 16000, 12000


def compress(channel: np.ndarray, sample_rate: int) -> tuple[bytes, str]:
  """A channel as a small sound file that browsers play.

  Args:
    channel: Samples, with shape `[samples]`.
    sample_rate: Samples a second.

  Returns:
    The file and its media type: MP3 at 16 kHz, scaled to the same peak, or
    FLAC at 12 kHz where libsndfile was built without MP3.
  """
  mp3 = 'MP3' in soundfile.available_formats()
  rate = min(sample_rate, _MP3_RATE if mp3 else _FLAC_RATE)
  divisor = int(np.gcd(rate, sample_rate))
  samples = signal.resample_poly(
    channel.astype(np.float64), rate // divisor, sample_rate // divisor
  )
  samples *= _PEAK / max(np.abs(samples).max(), 1e-6)
  buffer = io.BytesIO()
  if mp3 and rate == _MP3_RATE:
    # At a constant rate, so that a browser seeks to the sample.
    soundfile.write(
      buffer,
      samples,
      rate,
      format='MP3',
      bitrate_mode='CONSTANT',
      compression_level=0.75,
    )
    return buffer.getvalue(), 'audio/mpeg'
  soundfile.write(buffer, samples, rate, format='FLAC', subtype='PCM_16')
  return buffer.getvalue(), 'audio/flac'
