"""Spectra of label frames at any sample rate, piece by piece."""

from collections.abc import Iterator

import numpy as np
from scipy import fft

from seld_jax.errors import InputError

FRAMES_PER_SECOND = 10
# Spectra in each label frame, and half the length of their windows in seconds.
PER_FRAME = 5
_HALF_WINDOW = 0.02
# Label frames that are computed together, so that memory is limited.
_PIECE = 600


def checked(
  audio: np.ndarray, *, num_channels: int | None, sample_rate: int
) -> tuple[np.ndarray, float]:
  """Checks audio, and divides it by its largest sample.

  Args:
    audio: Audio with shape `[channels, samples]`.
    num_channels: Number of channels that it must have; None for any.
    sample_rate: Sample rate in Hz.

  Returns:
    The audio, float32 with the same shape, and the largest sample.

  Raises:
    InputError: As for `check_audio` and `check_rate`.
  """
  audio = check_audio(audio, num_channels=num_channels)
  check_rate(sample_rate)
  peak = float(np.abs(audio).max(initial=0))
  return (audio / (peak or 1.0)).astype(np.float32), peak


def check_audio(audio: np.ndarray, *, num_channels: int | None) -> np.ndarray:
  """Checks audio.

  Args:
    audio: Audio with shape `[channels, samples]`.
    num_channels: Number of channels that it must have; None for any.

  Returns:
    The audio as an array.

  Raises:
    InputError: The shape is wrong, or samples are NaN or infinite.
  """
  audio = np.asarray(audio)
  known = num_channels or 'channels'
  if audio.ndim != 2 or num_channels not in (None, len(audio)):
    raise InputError(
      f'Audio must have shape [{known}, samples], got shape {audio.shape}.'
    )
  if not np.isfinite(audio).all():
    raise InputError('Audio must be finite, got NaN or infinite samples.')
  return audio


def check_rate(sample_rate: int) -> None:
  """Raises an InputError if the sample rate is no positive integer."""
  is_rate = isinstance(sample_rate, int | float | np.number)
  if not is_rate or not 0 < sample_rate < np.inf or sample_rate % 1:
    raise InputError(
      f'sample_rate must be a positive integer, got {sample_rate}.'
    )


def check_options(
  *,
  num_sources: int,
  low: float,
  high: float,
  sample_rate: int,
  min_angle: float,
  context: int,
) -> None:
  """Checks the options that all methods have.

  Args:
    num_sources: Number of sources.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz.
    sample_rate: Sample rate in Hz.
    min_angle: Least angle between two sources in degrees.
    context: Label frames before and after a label frame.

  Raises:
    InputError: There is no source, an option is out of its range, or there is
      no frequency between `low` and `high`.
  """
  is_number = isinstance(num_sources, int | np.integer)
  if not is_number or num_sources not in (1, 2):
    raise InputError(f'num_sources must be 1 or 2, got {num_sources}.')
  if not isinstance(context, int | np.integer) or context < 0:
    raise InputError(f'context must be an integer of 0 or more, got {context}.')
  check_range('min_angle', min_angle, (0, 180))
  check_frequencies(sample_rate, low=low, high=high)


def check_frequencies(sample_rate: int, *, low: float, high: float) -> None:
  """Checks a range of frequencies.

  Args:
    sample_rate: Sample rate in Hz.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz.

  Raises:
    InputError: One of them is negative or NaN, or there is no frequency between
      them.
  """
  for name, value in ('low', low), ('high', high):
    check_range(name, value, (0, np.inf))
  if not len(frequencies(sample_rate, low=low, high=high)[1]):
    raise InputError(
      f'There are no frequencies from low={low:g} to high={high:g} Hz at a '
      f'sample rate of {sample_rate} Hz: state others.'
    )


def check_range(name: str, value: float, bounds: tuple[float, float]) -> None:
  """Raises an InputError unless an option is within its bounds, and no NaN."""
  least, most = bounds
  if not least <= value <= most:
    raise InputError(
      f'{name} must be a number from {least} to {most}, got {value}.'
    )


def frequencies(
  sample_rate: int, *, low: float, high: float
) -> tuple[slice, np.ndarray]:
  """The bins of spectra that are used.

  Args:
    sample_rate: Sample rate in Hz.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz.

  Returns:
    The bins, and their frequencies in Hz with shape `[bins]`.
  """
  every = fft.rfftfreq(window_length(sample_rate), 1 / sample_rate)
  used = slice(*np.searchsorted(every, [low, np.nextafter(high, np.inf)]))
  return used, every[used]


def pieces(
  audio: np.ndarray, *, sample_rate: int, low: float, high: float, context: int
) -> Iterator[tuple[np.ndarray, slice]]:
  """Yields the spectra of a recording, some label frames at a time.

  Args:
    audio: Audio with shape `[channels, samples]`.
    sample_rate: Sample rate in Hz.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz.
    context: Label frames before and after those of a piece that are added to
      it, as far as the recording has them.

  Yields:
    Spectra, complex64 with shape `[channels, label_frames, PER_FRAME, bins]`;
    and which of these label frames are those of the piece.
  """
  total = -(-audio.shape[-1] * FRAMES_PER_SECOND // sample_rate)
  used, _ = frequencies(sample_rate, low=low, high=high)
  for start in range(0, total, _PIECE):
    stop = min(start + _PIECE, total)
    first, last = max(0, start - context), min(total, stop + context)
    spectrum = spectra_of(
      audio, sample_rate=sample_rate, first=first, last=last
    )[..., used]
    shape = len(audio), last - first, PER_FRAME, spectrum.shape[-1]
    yield spectrum.reshape(shape), slice(start - first, stop - first)


def with_context(frames: np.ndarray, context: int) -> np.ndarray:
  """Adds up each label frame and its neighbours.

  Args:
    frames: Numbers with shape `[label_frames, ...]`.
    context: Label frames before and after.

  Returns:
    The sums, with the same shape.
  """
  sums = frames.copy()
  for distance in range(1, context + 1):
    sums[distance:] += frames[:-distance]
    sums[:-distance] += frames[distance:]
  return sums


def levels(power: np.ndarray, *, sample_rate: int, peak: float) -> np.ndarray:
  """Levels of label frames from the power of their spectra.

  Args:
    power: Mean over the spectra of a label frame of the sum of |X|^2 over
      bins, with shape `[label_frames]`, for audio divided by `peak`.
    sample_rate: Sample rate in Hz.
    peak: The factor.

  Returns:
    Levels in dB, float64 with shape `[label_frames]`; -inf for a power of 0.
  """
  length = window_length(sample_rate)
  # Parseval's theorem, with the mean square of a Hann window, 3/8.
  square = 2 * power.astype(np.float64) / (length**2 * 3 / 8)
  with np.errstate(divide='ignore'):
    return 10 * np.log10(square) + 20 * np.log10(peak)


def spectra_of(
  audio: np.ndarray,
  *,
  sample_rate: int,
  first: int,
  last: int,
  per_frame: int = PER_FRAME,
  begin: int = 0,
) -> np.ndarray:
  """Spectra of some label frames.

  Args:
    audio: Samples of a recording, with shape `[channels, samples]`. Those that
      a window needs and that are missing are 0.
    sample_rate: Sample rate in Hz.
    first: The first label frame.
    last: The end of the label frames, above `first`.
    per_frame: Number of spectra of each label frame, evenly spaced.
    begin: Index in the recording of the first sample of `audio`.

  Returns:
    Spectra of windows of 40 ms, complex64 with shape `[channels, times, bins]`.
  """
  length = window_length(sample_rate)
  starts = window_starts(
    sample_rate, first=first, last=last, per_frame=per_frame
  )
  starts -= begin
  low, high = int(starts[0]), int(starts[-1]) + length
  inside = audio[:, max(0, low) : high]
  before = max(0, -low)
  after = high - low - before - inside.shape[-1]
  padded = np.pad(inside, ((0, 0), (before, max(0, after))))
  windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=-1)
  # Periodic, as it is usual for spectra.
  hann = np.hanning(length + 1)[:-1].astype(np.float32)
  return np.asarray(fft.rfft(windows[:, starts - low] * hann, axis=-1))


def window_starts(
  sample_rate: int, *, first: int, last: int, per_frame: int = PER_FRAME
) -> np.ndarray:
  """The first sample of the window of each spectrum of some label frames.

  Args:
    sample_rate: Sample rate in Hz.
    first: The first label frame.
    last: The end of the label frames, above `first`.
    per_frame: Number of spectra of each label frame.

  Returns:
    Indices in the recording, int64 with shape `[times]`; the first ones may be
    negative.
  """
  time = np.arange(first * per_frame, last * per_frame) + 0.5
  hop = sample_rate / (FRAMES_PER_SECOND * per_frame)
  start = np.round(time * hop).astype(np.int64)
  return start - window_length(sample_rate) // 2


def window_length(sample_rate: int) -> int:
  """Samples of a window."""
  return 2 * max(1, round(_HALF_WINDOW * sample_rate))
