"""The features written with librosa and NumPy, to compare speeds.

All channels are computed in one call, in the data type of the audio; float32
takes two thirds of the time of float64. The phase transform is the exponential
of the angle, as in the published code, or a division, which is much faster.
"""

import functools
import itertools
import math

import librosa
import numpy as np

PAIRS = tuple(itertools.combinations(range(4), 2))


def foa_features(
  audio: np.ndarray,
  *,
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
) -> np.ndarray:
  """Computes log-mel spectrograms and intensity vectors.

  Args:
    audio: FOA in ACN order, with shape `[4, samples]`.
    sample_rate: Sample rate in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Number of samples from one frame to the next.
    win_length: Length of the Hann window in samples.
    n_mels: Number of mel bands.

  Returns:
    Features with shape `[frames, n_mels, 7]`.
  """
  filters = librosa.filters.mel(
    sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=audio.dtype
  )
  spectrum = _spectrum(audio, n_fft, hop_length, win_length)
  intensity = np.real(np.conj(spectrum[0]) * spectrum[1:])
  norm = np.sqrt(np.sum(intensity**2, axis=0)) + 1e-8
  return _stack(_log_mels(spectrum, filters), (intensity / norm) @ filters.T)


def mic_features(
  audio: np.ndarray,
  *,
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
  by_division: bool = False,
) -> np.ndarray:
  """Computes log-mel spectrograms and GCC-PHAT.

  Args:
    audio: The four microphones, with shape `[4, samples]`.
    sample_rate: Sample rate in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Number of samples from one frame to the next.
    win_length: Length of the Hann window in samples.
    n_mels: Number of mel bands, and of lags.
    by_division: Whether the cross-spectrum is divided by its magnitude;
      otherwise its phase is the exponential of its angle.

  Returns:
    Features with shape `[frames, n_mels, 10]`.
  """
  filters = librosa.filters.mel(
    sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=audio.dtype
  )
  spectrum = _spectrum(audio, n_fft, hop_length, win_length)
  correlations = []
  for first, second in PAIRS:
    cross = np.conj(spectrum[first]) * spectrum[second]
    if by_division:
      phase = cross / np.maximum(np.abs(cross), 1e-24)
    else:
      phase = np.exp(1j * np.angle(cross))
    whole = np.fft.irfft(phase, axis=-1)
    half = n_mels // 2
    correlations.append(
      np.concatenate([whole[:, -half:], whole[:, : n_mels - half]], axis=-1)
    )
  return _stack(_log_mels(spectrum, filters), np.stack(correlations))


FORMATS = {'foa': foa_features, 'mic': mic_features}
QUICKER = functools.partial(mic_features, by_division=True)


def _spectrum(audio, n_fft, hop_length, win_length):
  spectrum = librosa.stft(
    audio + audio.dtype.type(1e-8),
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    window='hann',
  )
  num_frames = math.ceil(audio.shape[-1] / hop_length)
  return np.swapaxes(spectrum, -1, -2)[:, :num_frames]


def _log_mels(spectrum, filters):
  return np.stack(
    [
      librosa.power_to_db(np.abs(channel) ** 2 @ filters.T, top_db=80.0)
      for channel in spectrum
    ]
  )


def _stack(log_mels, spatial):
  stacked = np.concatenate([log_mels, spatial]).astype(np.float32)
  return np.ascontiguousarray(np.moveaxis(stacked, 0, -1))
