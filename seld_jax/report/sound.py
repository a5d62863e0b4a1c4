"""Sound files that are small enough to be embedded in a page."""

import io

import numpy as np
import soundfile
from scipy import signal

_PEAK = 0.9
_MP3_RATE, _FLAC_RATE = 16000, 12000


def compress(channel: np.ndarray, sample_rate: int) -> tuple[bytes, str]:
  """Encodes a channel as a small sound file that browsers can play.

  The sound is scaled to a peak of 0.9. It becomes MP3 at 16 kHz, or FLAC at 12
  kHz if libsndfile was built without MP3. Sound with a lower sample rate keeps
  its rate and becomes FLAC.

  Args:
    channel: Samples with shape `[samples]`.
    sample_rate: Sample rate in Hz.

  Returns:
    The content of the file and its media type.
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
    # A constant bit rate lets browsers seek exactly.
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
