"""The player draws directions of stereo on the front half of the horizon.

Its script runs in Node, with a pen that notes what is written and where.
"""

import json
import pathlib
import shutil
import subprocess

import pytest

from seld_jax import report

NODE = shutil.which('node')
SCRIPT = """
const noted = [];
const pen = new Proxy({}, {
  get: (kept, name) => name === 'fillText'
    ? (text, x, y) => noted.push([text, x, y])
    : name in kept ? kept[name] : () => {},
  set: (kept, name, value) => { kept[name] = value; return true; }});
const canvas = {getContext: () => pen, style: {}, clientWidth: 600};
const window = {devicePixelRatio: 1};
const matchMedia = () => ({matches: false});
const document = {querySelectorAll: () => []};
const dog = {name: 'dog', marker: 's', colors: ['#0072B2', '#0072B2']};
const look = {ink: '#000', paper: '#fff', faint: '#bbb', reference: '#888'};
function shown(frontal, azimuth, distance, drawn) {
  const row = [0, 0, 0, azimuth, 0, distance];
  const player = Object.create(Player.prototype);
  Object.assign(player, {sphere: canvas, canvas, tracks: {clientWidth: 800}});
  player.data = {frontal, farthest: 4, rate: 10, seconds: 1, frequencies: {},
    spectrogram: null, classes: [dog], looks: [look, look], reference: [],
    prediction: [row]};
  player.sources = [[], [row]].map(
    (rows) => ({pieces: rows.length ? [rows] : [], frames: new Map()}));
  noted.length = 0;
  if (drawn === 'map') player.drawMap(0, [[null, row]]);
  else player.drawTracks(800);
  return noted.slice();
}
"""


def run(expression):
  player = pathlib.Path(report.__file__).with_name('player.js').read_text()
  code = player.replace("'use strict';", SCRIPT, 1)
  code += f'\nconsole.log(JSON.stringify({expression}));\n'
  assert NODE is not None
  result = subprocess.run(
    [NODE, '-'], input=code, capture_output=True, text=True, check=True
  )
  return json.loads(result.stdout)


@pytest.mark.skipif(NODE is None, reason='needs Node')
def test_stereo_is_shown_from_above_with_left_on_the_left():
  left, right, front, near, sphere, tracks, usual = run(
    '[shown(true, 60, 4, "map"), shown(true, -60, 4, "map"), '
    'shown(true, 0, 4, "map"), shown(true, 0, 1, "map"), '
    'shown(false, 60, 4, "map"), shown(true, 60, 4, "tracks"), '
    'shown(false, 60, 4, "tracks")]'
  )
  places = {text: x for text, x, _ in front}
  assert places['left'] < places['front'] == 300 < places['right']
  assert not {'back', 'up', 'down'} & set(places)
  assert {'back', 'up', 'down'} <= {text for text, *_ in sphere}
  # The name is beside the marker of the source.
  of_dog = lambda noted: next(one[1:] for one in noted if one[0] == 'dog')
  assert of_dog(left)[0] < 150 and of_dog(right)[0] > 450
  assert of_dog(left)[1] == of_dog(right)[1]
  # The front is at the top, and a near source is closer to the middle below.
  assert of_dog(front)[1] + 100 < of_dog(near)[1] < 300
  ticks, usual = ({text for text, *_ in one} for one in (tracks, usual))
  assert {'90° left', '0° front', '−90° right', '4 m'} <= ticks
  assert not {'180° back', '0° elevation'} & ticks
  assert {'180° back', '0° elevation'} <= usual
