"""The page in a browser: it loads nothing, plays, and its cursor moves."""

import pathlib

import numpy as np
import pytest
from helpers import browser

from seld_jax import audio, geometry, labels, report

SECONDS = 8
FRAMES = SECONDS * labels.FRAMES_PER_SECOND

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(browser.find() is None, reason='needs Chromium'),
]


@pytest.fixture(scope='module')
def tab(tmp_path_factory):
  program = browser.find()
  assert program is not None
  with browser.tab(program, tmp_path_factory.mktemp('profile')) as tab:
    yield tab


@pytest.fixture(scope='module', params=['with sound', 'without sound'])
def page(request, tmp_path_factory) -> pathlib.Path:
  """A page with one recording: a class moves and is detected 10 degrees off."""
  folder = tmp_path_factory.mktemp('page')
  frame = np.arange(FRAMES)
  for kind, offset in ('metadata_dev', 0), ('system', 10):
    xyz = geometry.to_cartesian(-40.0 + frame + offset, np.zeros(FRAMES))
    zeros = np.zeros(FRAMES, np.int64)
    events = labels.Events(frame, zeros + 3, zeros, xyz)
    labels.write_csv(folder / kind / 'mix001.csv', events)
  sound = np.random.default_rng(0).normal(size=(4, SECONDS * 24000)) * 0.01
  audio.write(folder / 'foa_dev' / 'mix001.wav', sound)
  return report.write_folder_report(
    folder / 'metadata_dev',
    folder / 'system',
    out=folder / 'page.html',
    audio=folder / 'foa_dev' if request.param == 'with sound' else None,
    num_frames=FRAMES,
  )


def cursor_seconds(tab: browser.Tab) -> float:
  """The position of the cursor on the time axis, in seconds."""
  return tab.run(
    '(() => {const p = players[0]; '
    'const shift = new DOMMatrix(getComputedStyle(p.cursor).transform).e; '
    'return (shift - p.left) / p.width * p.data.seconds;})()'
  )


def show(tab: browser.Tab, page: pathlib.Path, **options) -> None:
  tab.problems.clear()
  tab.requests.clear()
  tab.open(page, **options)
  tab.wait('[...document.querySelectorAll("audio")].every(a => a.readyState)')


@pytest.mark.parametrize('width', [1200, 360])
@pytest.mark.parametrize('dark', [False, True])
def test_page_loads_no_other_file_and_logs_no_problem(tab, page, width, dark):
  show(tab, page, width=width, dark=dark)
  outside = [one for one in tab.requests if not one.startswith('data:')]
  assert outside == [page.resolve().as_uri()]
  assert tab.problems == []
  # Only tables and pictures may be wider; they scroll by themselves.
  assert tab.run('document.documentElement.scrollWidth') <= width
  # The canvases are not empty.
  for canvas in 'players[0].canvas', 'players[0].sphere':
    colors = tab.run(
      f'(() => {{const c = {canvas}; const d = c.getContext("2d")'
      '.getImageData(0, 0, c.width, c.height).data; '
      'return new Set(new Uint32Array(d.buffer)).size;})()'
    )
    assert colors > 10


def test_other_scripts_do_not_run(tab, page):
  show(tab, page)
  tab.run(
    'document.body.append(Object.assign(document.createElement("script"), '
    '{textContent: "window.intruder = 1"}))'
  )
  assert tab.run('window.intruder === undefined')
  assert any('Content Security Policy' in one for one in tab.problems)


def test_cursor_moves_only_while_the_recording_plays(tab, page):
  show(tab, page)
  assert cursor_seconds(tab) == 0
  tab.run('players[0].tracks.focus()')
  tab.press(' ')
  tab.wait('players[0].time > 0.3')
  first = cursor_seconds(tab)
  tab.wait(f'players[0].time > {first} + 0.3')
  assert cursor_seconds(tab) > first > 0
  tab.press(' ')
  tab.wait('!players[0].playing')
  tab.run('new Promise((done) => setTimeout(done, 200))')
  stopped = cursor_seconds(tab)
  assert abs(stopped - tab.run('players[0].time')) < 0.05
  tab.run('new Promise((done) => setTimeout(done, 200))')
  assert cursor_seconds(tab) == stopped
  assert tab.problems == []


def test_seeking_does_not_start_the_clock_of_silent_recordings(tab, page):
  """With that clock, a recording with sound would start again at its end."""
  show(tab, page)
  tab.run('players[0].tracks.focus()')
  tab.press(' ')
  tab.wait('players[0].time > 0.1')
  tab.run('players[0].seek(1)')
  assert tab.run('players[0].playing')
  assert tab.run('players[0].silent.since === null')
  tab.press(' ')
  tab.wait('!players[0].playing')


def test_keys_and_clicks_move_the_cursor_and_the_table_follows(tab, page):
  show(tab, page)
  tab.run('players[0].tracks.focus()')
  for key, expected in (
    ('ArrowRight', 1),
    ('ArrowRight', 2),
    ('ArrowLeft', 1),
    ('End', SECONDS),
    ('Home', 0),
  ):
    tab.press(key)
    assert abs(cursor_seconds(tab) - expected) < 0.01
  box = tab.run(
    '(() => {const p = players[0]; p.tracks.scrollIntoView(); '
    'const b = p.tracks.getBoundingClientRect(); '
    'return [b.left + p.left, b.top, p.width];})()'
  )
  tab.click(box[0] + 0.6125 * box[2], box[1] + 40)
  assert abs(cursor_seconds(tab) - 0.6125 * SECONDS) < 0.02
  # Frame 49: the reference is at 9 degrees, the prediction at 19.
  words = tab.run('players[0].readout.innerText')
  assert 'At 4.9 s' in words and 'barking_dog' in words
  assert '9°, 0°' in words and '19°, 0°' in words and '10°' in words
  value = tab.run('players[0].tracks.getAttribute("aria-valuenow")')
  assert abs(float(value) - 4.9) < 0.051
  assert tab.problems == []


def test_tracks_are_drawn_when_a_folded_recording_is_opened(tab, page):
  show(tab, page)
  folded = 'document.querySelector("details:has(.recording)")'
  tab.run(f'{folded}.open = false')
  tab.resize(600)
  tab.run(f'{folded}.open = true')
  tab.wait('players[0].canvas.width === players[0].tracks.clientWidth')
  assert tab.run('players[0].canvas.width') < 600
  tab.run('players[0].seek(2)')
  assert abs(cursor_seconds(tab) - 2) < 0.01
  assert tab.problems == []


def test_left_is_on_the_left_of_the_map(tab, page):
  show(tab, page)
  middle = []
  for seconds in 0.5, 7.5:  # azimuth -25 and 45 of the prediction
    tab.run(f'players[0].seek({seconds})')
    # Only the marker has the colour of its class.
    middle.append(
      tab.run(
        '(() => {const p = players[0]; const c = p.sphere; '
        'const n = parseInt(p.color(p.data.classes[0]).slice(1), 16); '
        'const d = c.getContext("2d").getImageData(0, 0, c.width, c.height)'
        '.data; let sum = 0, count = 0; '
        'for (let i = 0; i < d.length; i += 4) { if (d[i] === n >> 16 && '
        'd[i + 1] === (n >> 8 & 255) && d[i + 2] === (n & 255)) { '
        'sum += i / 4 % c.width / c.width; count++; } } '
        'return sum / count;})()'
      )
    )
  assert middle[1] < 0.45 and middle[0] > 0.52
