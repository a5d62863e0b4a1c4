"""Live predictions: speed, display, and microphones."""

import dataclasses
import io
import itertools
import logging
import re
import sys
import types
from typing import Any

import numpy as np
import pytest
import rich.console
import soundfile
from helpers import perfect_outputs
from hypothesis import given
from hypothesis import strategies as st

import seld_jax
from seld_jax import audio, labels, outputs
from seld_jax.audio import channels
from seld_jax.errors import InputError
from seld_jax.prediction import Frames, PredictionOptions, Spec, live

CLASSES = ('alarm', 'dog', 'piano')
SPEC = Spec(
  **perfect_outputs.spec_fields(
    classes=CLASSES, output=outputs.make('class_wise', num_classes=3)
  )
)


@pytest.fixture(scope='module')
def predictor(tiny_run):
  return seld_jax.load(tiny_run)


@pytest.fixture
def path(tmp_path):
  rng = np.random.default_rng(0)
  audio.write(tmp_path / 'x.wav', 0.1 * rng.uniform(-1, 1, (4, 52345)))
  return str(tmp_path / 'x.wav')


def frames():
  """A dog at the back left, above; a piano at the front right."""
  activity = np.tile(np.array([0.1, 0.9, 0.6], np.float32), (3, 1))
  doa = np.zeros((3, 3, 3), np.float32)
  doa[:, 1] = (-0.5, 0.5, np.sqrt(0.5))
  doa[:, 2] = (0.2, -0.2, 0)
  return Frames(7, activity, doa, {'sed': activity, 'doa': doa})


@given(
  window=st.floats(0.01, 12),
  update=st.sampled_from([0.1, 0.5]),
)
def test_every_window_has_an_overlap_that_is_shorter(window, update):
  label = SPEC.label_samples / SPEC.sample_rate
  overlap = live.overlap_for(update, window=window, spec=SPEC)
  frames = max(1, round(window / label))
  assert 0 <= round(overlap / label) < frames
  if frames * label > update:
    assert overlap == pytest.approx(frames * label - update)


def test_active_classes_are_shown_with_their_directions():
  text = live.line(frames(), SPEC, threshold=0.5)
  expected = '1.0 s dog ↙ 135° 45°, piano ↗ -45° 0°'
  assert text.split() == expected.split()
  out = io.StringIO()
  console = rich.console.Console(file=out, width=80)
  console.print(live.table(frames(), SPEC, threshold=0.5))
  shown = out.getvalue()
  assert 'at 1.0 s' in shown
  assert 'alarm' not in shown
  assert '135°' in shown
  assert '█' * 18 + '░' * 2 in shown
  assert live.line(frames(), SPEC, threshold=0.95).endswith('-')


def test_angles_have_no_negative_zero():
  one = frames()
  doa = np.where(one.doa == 0, np.float32(-1e-9), one.doa)
  one = dataclasses.replace(one, doa=doa, outputs={**one.outputs, 'doa': doa})
  text = live.line(one, SPEC, threshold=0.5)
  assert '-45° 0°' in text and '-0°' not in text


def test_brackets_in_names_of_classes_are_shown():
  classes = 'alarm', 'door [front]', 'door [/back]'
  spec = dataclasses.replace(SPEC, classes=classes)
  out = io.StringIO()
  console = rich.console.Console(file=out, width=80)
  console.print(live.table(frames(), spec, threshold=0.5))
  for name in classes[1:]:
    assert name in out.getvalue()


def two_dogs(format, *, swapped):
  """A dog in front, 1.25 m away, and one on the left, 3 m.

  They bark in two of three frames, in another order of tracks if swapped.
  """
  events = labels.Events(
    frame=np.array([0, 0, 2, 2]),
    class_index=np.ones(4, np.int64),
    track=np.array([0, 1, 0, 1]),
    xyz=np.eye(3)[[0, 1, 0, 1]],
    distance=np.array([1.25, 3.0, 1.25, 3.0]),
  )
  made = perfect_outputs.perfect_outputs(format, events, num_frames=3)
  if swapped:
    made = {
      name: np.stack([array[0], array[1, ::-1], array[2, ::-1]])
      for name, array in made.items()
    }
  made = {name: array.astype(np.float32) for name, array in made.items()}
  return Frames(7, format.activity(made), format.doa(made), made)


@pytest.mark.parametrize('swapped', [False, True])
@pytest.mark.parametrize('name', ['multi_accdoa', 'tracks'])
def test_several_sources_of_a_class_are_shown_with_distances(name, swapped):
  format = outputs.make(name, num_classes=3, distance=True)
  spec = Spec(**perfect_outputs.spec_fields(classes=CLASSES, output=format))
  both = two_dogs(format, swapped=swapped)
  text = live.line(both, spec, threshold=0.5)
  shown = sorted(text.strip().removeprefix('1.0 s  ').split(', '))
  assert shown == ['dog ← 90° 0° 3.0 m', 'dog ↑ 0° 0° 1.2 m']
  out = io.StringIO()
  console = rich.console.Console(file=out, width=80)
  console.print(live.table(both, spec, threshold=0.5))
  table = out.getvalue()
  assert 'distance' in table and '1.2 m' in table and '3.0 m' in table
  assert table.count('dog') == 2
  assert '█' * 13 + '░' * 7 in table  # active in two of three frames
  assert live.line(both, spec, threshold=0.7).endswith('-')


@pytest.mark.parametrize('speed', [1.0, 4.0])
def test_a_file_is_played_at_the_given_speed(path, speed):
  """The clock is simulated: sleep and work advance it."""
  now = np.array(100.0)

  def sleep(seconds):
    assert seconds > 0
    now[...] += seconds

  parts, recorded = [], 0
  for block in live.play(path, speed=speed, sleep=sleep, clock=now.item):
    parts.append(block)
    recorded += block.shape[-1] / 24000 / speed
    assert now - 100 >= recorded - 1e-9, 'no block comes before it was recorded'
    now[...] += 0.01
  assert now - 100 < recorded + 0.05
  np.testing.assert_array_equal(np.concatenate(parts, -1), audio.read(path))


@pytest.mark.parametrize('is_terminal', [True, False])
def test_all_of_a_file_is_shown(predictor, path, is_terminal):
  out = io.StringIO()
  console = rich.console.Console(
    file=out, force_terminal=is_terminal, width=300
  )
  blocks = live.play(path, speed=1e6)
  options = PredictionOptions(window=1.0, overlap=0.5, threshold=0.2)
  count = live.watch(predictor, blocks, 24000, options=options, console=console)
  assert count == 22
  shown = out.getvalue()
  assert 'up to 1.0 s after they occur' in shown
  assert '2.2 s' in shown
  assert any(name in shown for name in predictor.spec.classes)


@pytest.mark.parametrize('is_terminal', [True, False])
def test_short_sounds_at_the_end_are_shown(is_terminal):
  """Even if the recording is shorter than the window."""
  activity = np.zeros((23, 3), np.float32)
  activity[5:10, 0] = activity[20:, 2] = 1
  doa = np.tile(np.array([1, 0, 0], np.float32), (23, 3, 1))
  made = {'sed': activity, 'doa': doa}
  empty = Frames(0, activity[:0], doa[:0], made)
  stream = types.SimpleNamespace(
    latency=6.0,
    push=lambda block: empty,
    flush=lambda: Frames(0, activity, doa, made),
  )
  network: Any = types.SimpleNamespace(
    source='x',
    spec=SPEC,
    check=lambda options: None,
    stream=lambda rate, **options: stream,
  )
  out = io.StringIO()
  console = rich.console.Console(
    file=out, force_terminal=is_terminal, width=100
  )
  blocks = iter([np.zeros((4, 2400))])
  assert live.watch(network, blocks, 24000, console=console) == 23
  lines = re.findall(r'([\d.]+) s  (\S+)', out.getvalue())
  assert [name for _, name in lines] == ['-', 'alarm', '-', '-', 'piano']
  assert [float(end) for end, _ in lines] == [0.5, 1, 1.5, 2, 2.3]


def test_resampling_is_reported_by_the_logger(predictor, path, caplog):
  caplog.set_level(logging.INFO, logger='seld_jax')
  console = rich.console.Console(file=io.StringIO(), width=300)
  live.watch(predictor, live.play(path, speed=1e6), 48000, console=console)
  assert '48000 Hz is resampled to the 24000 Hz' in caplog.text


def test_files_that_cannot_be_played_are_refused(tmp_path):
  soundfile.write(tmp_path / 'two.wav', np.zeros((9000, 2)), 24000)
  with pytest.raises(InputError, match='has 2 channels, but 4'):
    next(live.play(str(tmp_path / 'two.wav')))
  with pytest.raises(InputError, match='does not exist'):
    next(live.play(str(tmp_path / 'gone.wav')))


def test_a_missing_sounddevice_package_is_explained(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sounddevice', None)
  with pytest.raises(InputError, match='pip install sounddevice'):
    live.microphone(None)


class FakeInput:
  """Replaces InputStream of sounddevice; calls back with some blocks."""

  count, status, active = 3, None, False

  def __init__(self, *, channels, blocksize, callback, **_):
    for number in range(self.count):
      block = np.arange(channels) + 100.0 * number
      callback(
        np.tile(np.float32(block), (blocksize, 1)), blocksize, None, self.status
      )

  def __enter__(self):
    return self

  def __exit__(self, *_):
    pass


def fake_sounddevice(num_channels):
  class PortAudioError(Exception):
    pass

  def check_input_settings(*, device, channels, samplerate):
    if channels > num_channels:
      raise PortAudioError('Invalid number of channels')

  return types.SimpleNamespace(
    PortAudioError=PortAudioError,
    query_devices=lambda device, kind: {'default_samplerate': 48000.0},
    check_input_settings=check_input_settings,
    InputStream=FakeInput,
  )


def test_a_microphone_gives_the_selected_channels(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sounddevice', fake_sounddevice(32))
  selection = channels.by_name(format='mic', order='em32')
  rate, blocks = live.microphone('3', selection=selection)
  assert rate == 48000
  first, second = itertools.islice(blocks, 2)
  assert first.shape == (4, 4800)
  np.testing.assert_array_equal(first[:, 0], [5, 9, 25, 21])
  np.testing.assert_array_equal(second[:, 0], [105, 109, 125, 121])


def test_an_input_that_ends_is_an_error(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sounddevice', fake_sounddevice(4))
  monkeypatch.setattr(live, '_LONGEST_SILENCE', 0.05)
  _, blocks = live.microphone(None)
  assert len([*itertools.islice(blocks, 3)]) == 3
  with pytest.raises(InputError, match='The audio input has ended'):
    next(blocks)


def test_lost_audio_is_told_once_in_a_while(monkeypatch, caplog):
  """Twelve seconds wait for a network, but only ten are kept."""
  monkeypatch.setitem(sys.modules, 'sounddevice', fake_sounddevice(4))
  monkeypatch.setattr(FakeInput, 'count', 120)
  overflow = types.SimpleNamespace(input_overflow=True)
  monkeypatch.setattr(FakeInput, 'status', overflow)
  _, blocks = live.microphone(None)
  first, *_ = itertools.islice(blocks, 50)
  assert first[0, 0] == 100 * 20
  lost, overflows = caplog.messages
  assert lost.startswith('2.0 s of audio were lost, because the network is')
  assert 'lost samples 120 times' in overflows


def test_an_input_that_another_program_has_is_an_error(monkeypatch):
  fake = fake_sounddevice(4)

  def refuse(**_):
    raise fake.PortAudioError('Device unavailable')

  fake.InputStream = refuse
  monkeypatch.setitem(sys.modules, 'sounddevice', fake)
  _, blocks = live.microphone('3')
  with pytest.raises(InputError, match='cannot record 4 .* 3: Device unavail'):
    next(blocks)


def test_a_table_shows_what_sounds_anywhere_in_it():
  """A sound of 3 s in 12 s that arrive at once."""
  activity = np.zeros((120, 3), np.float32)
  activity[30:60, 1] = 0.9
  doa = np.tile(np.array([1, 0, 0], np.float32), (120, 3, 1))
  many = Frames(0, activity, doa, {'sed': activity, 'doa': doa})
  out = io.StringIO()
  console = rich.console.Console(file=out, width=80)
  console.print(live.table(many, SPEC, threshold=0.5))
  assert out.getvalue().count('dog') == 1
  assert 'alarm' not in out.getvalue()


def test_a_microphone_with_too_few_channels_is_refused(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sounddevice', fake_sounddevice(2))
  with pytest.raises(InputError, match='cannot record 4 channels from the def'):
    live.microphone(None)


@pytest.mark.parametrize('seconds', [2.0, 25.0])
def test_channels_that_cannot_be_right_are_reported_once(seconds, caplog):
  rng = np.random.default_rng(0)
  noise = 0.1 * rng.standard_normal(int(seconds * 8000))
  source = np.outer([1, 0.3, 0.2, 0.93], noise)
  right, silent, soft = [1, 1, 1, 1], [1, 1, 0, 1], [0.1, 1, 1, 1]
  for gains, number in (right, 0), (silent, 1), (soft, 1):
    caplog.clear()
    signal = source * np.array(gains)[:, None]
    blocks = np.split(signal, 10, axis=1)
    kept = [*live.with_check(blocks, 8000, format='foa')]
    np.testing.assert_array_equal(np.concatenate(kept, axis=1), signal)
    assert caplog.text.count('may not have the channels') == number
