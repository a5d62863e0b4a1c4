"""Scenes in measured rooms: sound comes from where the labels say."""

import csv
import io
import shutil

import numpy as np
import pytest
from helpers.output_formats import distances_of
from helpers.shared_files import shared
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from seld_jax import audio, geometry, labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import arrays, composer, measured, renderer, sounds

RATE = 24000
FOA = (arrays.ARRAYS['foa'],)
DIRECTIONS = {'a': (30.0, -10.0, 2.0), 'b': (-110.0, 20.0, 1.0)}


def direct_gains(azimuth, elevation):
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  return np.array([1.0, y, z, x])


def make_response(azimuth, elevation, *, seconds=0.3, seed=0):
  """The direct sound after 4 ms, then a diffuse tail that is weaker."""
  rng = np.random.default_rng(seed)
  size = int(seconds * RATE)
  tail = rng.standard_normal((4, size)) * [[1], [0.6], [0.6], [0.6]]
  tail *= 0.003 * 10 ** (-3 * np.arange(size) / size)
  tail[:, : int(0.01 * RATE)] = 0
  tail[:, int(0.004 * RATE)] = 0.8 * direct_gains(azimuth, elevation)
  return tail


def write_rooms(folder, **columns):
  """A folder with a response of each of DIRECTIONS; all are in one room."""
  folder.mkdir(exist_ok=True)
  rows = []
  for name, (azimuth, elevation, distance) in DIRECTIONS.items():
    audio.write(folder / f'{name}.wav', make_response(azimuth, elevation))
    row = {
      'file': f'{name}.wav',
      'room': 'hall',
      'azimuth_deg': azimuth,
      'elevation_deg': elevation,
      'distance_m': distance,
      'calibration_residual_deg': 1.0,
      'rt60_s': 0.3,
    }
    rows.append(row | {key: some[name] for key, some in columns.items()})
  with open(folder / 'directions.csv', 'w', newline='') as file:
    table = csv.DictWriter(file, rows[0])
    table.writeheader()
    table.writerows(rows)
  return folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return write_rooms(tmp_path_factory.mktemp('rirs') / 'responses')


def response_of(folder, name):
  ((room,)) = measured.open_rooms(folder).rooms
  return next(r for r in room.responses if r.path.endswith(f'{name}.wav'))


def direction_of(sound):
  """The direction of the intensity vector of FOA, as azimuth and elevation."""
  omni, left, up, front = sound
  xyz = np.array([omni @ front, omni @ left, omni @ up])
  return [float(x) for x in geometry.to_polar(xyz)]


def make_event(folder, name, *, azimuth, speed=0.0, seed=0):
  samples = np.random.default_rng(seed).standard_normal(RATE)
  sound = sounds.Sound(
    samples.astype(np.float32), np.array([[0.0, 1.0]]), 'noise'
  )
  response = response_of(folder, name)
  return composer.Event(
    class_name='alarm',
    sound=sound,
    onset=0.0,
    track=0,
    azimuth=azimuth,
    elevation=response.elevation,
    distance=response.distance,
    speed=speed,
    level_db=0.0,
    response=response,
  )


def make_scene(folder, events):
  (room,) = measured.open_rooms(folder).rooms
  return composer.Scene(room, np.zeros(3), tuple(events), 1.5, 60.0, 0)


@pytest.mark.parametrize('name', list(DIRECTIONS))
def test_a_response_has_the_delay_and_the_level_of_its_distance(folder, name):
  _, _, distance = DIRECTIONS[name]
  sound = measured.read_response(response_of(folder, name))
  delay = round(distance / 343 * RATE)
  assert np.argmax(np.abs(sound[0])) == delay
  assert np.abs(sound[0]).max() == pytest.approx(1 / distance, rel=1e-3)
  gains = sound[:, delay] * distance
  np.testing.assert_allclose(
    gains, direct_gains(*DIRECTIONS[name][:2]), atol=1e-3
  )


@pytest.mark.parametrize('rate', [44100, 48000])
def test_a_response_may_have_any_sample_rate(folder, rate, tmp_path):
  shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
  for name in DIRECTIONS:
    at_24_khz = audio.read(folder / f'{name}.wav')
    other = signal.resample_poly(at_24_khz, rate // 300, RATE // 300, axis=-1)
    audio.write(tmp_path / f'{name}.wav', other, sample_rate=rate)
    found, expected = (
      measured.read_response(response_of(where, name))
      for where in (tmp_path, folder)
    )
    peak = np.argmax(np.abs(expected[0]))
    assert abs(np.argmax(np.abs(found[0])) - peak) <= 1
    around = slice(peak - 20, peak + 20)
    for sound in found, expected:
      energy = sound[:, around] @ sound[0, around]
      gains = energy / energy[0]
      np.testing.assert_allclose(
        gains, direct_gains(*DIRECTIONS[name][:2]), atol=0.02
      )


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.floats(-720, 720))
@settings(max_examples=30)
def test_turning_moves_directions_about_the_vertical(values, degrees):
  omni, front, left, up = values
  (turned,) = measured.turn(
    np.array([[omni], [left], [up], [front]]), np.array([degrees])
  )
  angle = np.radians(degrees)
  matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
  x, y = np.array(matrix) @ [front, left]
  np.testing.assert_allclose(turned[:, 0], [omni, y, up, x], atol=1e-6)


@given(st.floats(-180, 180))
@settings(max_examples=20, deadline=None)
def test_the_parts_of_a_response_sum_to_the_whole(folder, azimuth):
  response = response_of(folder, 'a')
  early, late = measured.turned_parts(response, np.array([azimuth, 5.0]))
  late = late.copy()
  late[:, : early.shape[-1]] += early[0]
  (whole,) = measured.turn(
    measured.read_response(response), np.array([azimuth - response.azimuth])
  )
  np.testing.assert_allclose(late, whole, atol=1e-6)


@pytest.mark.parametrize('azimuth', [-170.0, -35.5, 0.0, 91.0])
@pytest.mark.parametrize('name', list(DIRECTIONS))
def test_a_static_event_comes_from_its_label(folder, name, azimuth):
  event = make_event(folder, name, azimuth=azimuth)
  wet = renderer.render_event(event, make_scene(folder, [event]), FOA)
  found = direction_of(wet)
  assert abs(geometry.wrap_degrees(found[0] - azimuth)) < 1.0
  assert abs(found[1] - DIRECTIONS[name][1]) < 1.0
  # The level of the direct sound does not depend on the distance.
  assert np.sqrt(np.mean(wet[0, 5000:20000] ** 2)) == pytest.approx(1, abs=0.1)


def test_a_moving_event_follows_its_labels(folder):
  event = make_event(folder, 'a', azimuth=170.0, speed=40.0)
  scene = make_scene(folder, [event])
  wet = renderer.render_event(event, scene, FOA)
  events = composer.label_events(scene)
  for frame, xyz in zip(events.frame, events.xyz, strict=True):
    part = wet[:, frame * 2400 : (frame + 1) * 2400]
    azimuth, elevation = geometry.to_polar(xyz)
    found = direction_of(part)
    assert abs(geometry.wrap_degrees(found[0] - azimuth)) < 4, frame
    assert abs(found[1] - elevation) < 3


def test_a_very_slow_event_sounds_as_a_static_one(folder):
  parts = [
    renderer.render_event(event, make_scene(folder, [event]), FOA)
    for event in (
      make_event(folder, 'b', azimuth=20.0),
      make_event(folder, 'b', azimuth=20.0, speed=0.1),
    )
  ]
  size = min(part.shape[-1] for part in parts)
  static, slow = (part[:, :size] for part in parts)
  assert np.abs(static - slow).max() < 4e-3 * np.abs(static).max()


def read_rows(root):
  text = (root / 'scenes.csv').read_text()
  return list(csv.DictReader(io.StringIO(text)))


def test_sets_are_in_measured_rooms_and_name_them(folder, tmp_path):
  scenes.synthesize(
    tmp_path,
    recordings=6,
    seconds=3.0,
    num_workers=0,
    rirs=folder,
    csv_edition='2023',
    style=scenes.Style(moving=0.0),
  )
  rows = read_rows(tmp_path)
  assert {row['room_size'] for row in rows} == {'hall'}
  assert {row['rt60'] for row in rows} == {'0.30'}
  places = {(row['elevation'], row['distance']) for row in rows}
  assert places <= {('-10.0', '2.00'), ('20.0', '1.00')}
  readme = ' '.join((tmp_path / 'README.md').read_text().split())
  assert 'All of the rooms are measured: hall' in readme
  assert 'Folds share no sounds.' in readme
  for path in sorted((tmp_path / 'metadata_dev').iterdir()):
    events = labels.read_csv(path, edition='2023', distance_scale=0.01)
    assert {*distances_of(events).tolist()} <= {1.0, 2.0}


def test_a_share_of_the_rooms_may_be_simulated(folder, tmp_path):
  scenes.synthesize(
    tmp_path,
    recordings=24,
    seconds=1.0,
    num_workers=0,
    rirs=folder,
    style=scenes.Style(measured_rooms=0.5),
  )
  rows = read_rows(tmp_path)
  rooms = {(row['fold'], row['room']): row['room_size'] for row in rows}
  share = np.mean([room == 'hall' for room in rooms.values()])
  assert len(rooms) >= 12 and 0.2 < share < 0.8
  readme = ' '.join((tmp_path / 'README.md').read_text().split())
  assert '50% of the rooms are measured' in readme and 'shoeboxes' in readme


def test_new_scenes_need_the_same_responses(folder, tmp_path):
  scenes.synthesize(
    tmp_path / 'set', recordings=1, seconds=1.0, num_workers=0, rirs=folder
  )
  options = {'folds': (3,), 'count': 2, 'classes': labels.TAU2020_CLASSES}
  with pytest.raises(InputError, match='rendered with --rirs, but none'):
    scenes.open_new_scenes(tmp_path / 'set', **options)
  other = write_rooms(tmp_path / 'other', rt60_s={'a': 0.4, 'b': 0.4})
  with pytest.raises(InputError, match='other is not the same'):
    scenes.open_new_scenes(tmp_path / 'set', rirs=other, **options)
  new = scenes.open_new_scenes(tmp_path / 'set', rirs=folder, **options)
  sound, events = scenes.render_new_scene(new, 0, 0)
  assert sound.shape == (4, RATE) and len(events.frame)
  _, elevation = geometry.to_polar(events.xyz)
  assert {*np.round(elevation).tolist()} <= {-10.0, 20.0}


@pytest.mark.parametrize(
  'column, value, text',
  [
    ('azimuth_deg', 'north', 'azimuth_deg must be a number'),
    ('azimuth_deg', 'nan', 'azimuth_deg must be a number'),
    ('elevation_deg', 91, 'elevation_deg must be a number from -90 to 90'),
    ('distance_m', 0, 'distance_m must be a number from 0.1'),
    ('rt60_s', '', 'rt60_s must be a number'),
    ('file', 'c.wav', r'line 3: .*c\.wav does not exist'),
  ],
)
def test_wrong_rows_are_named(tmp_path, column, value, text):
  good = {'a': 'a.wav', 'b': 'b.wav'} if column == 'file' else {'a': 1, 'b': 1}
  folder = write_rooms(tmp_path / 'r', **{column: good | {'b': value}})
  with pytest.raises(InputError, match=text):
    measured.open_rooms(folder)


def test_inexact_responses_are_left_out(tmp_path, caplog):
  residual = {'a': 10.5, 'b': 9.5}
  folder = write_rooms(tmp_path / 'r', calibration_residual_deg=residual)
  (room,) = measured.open_rooms(folder).rooms
  assert [one.azimuth for one in room.responses] == [-110.0]
  assert '1 responses' in caplog.text
  far = write_rooms(
    tmp_path / 'far', calibration_residual_deg={'a': 11, 'b': 12}
  )
  with pytest.raises(InputError, match='no usable response'):
    measured.open_rooms(far)


def test_rooms_are_chosen_by_name(tmp_path):
  folder = write_rooms(tmp_path / 'r', room={'a': 'hall', 'b': 'cellar'})
  assert [one.name for one in measured.open_rooms(folder).rooms] == [
    'cellar',
    'hall',
  ]
  (room,) = measured.open_rooms(folder, names=['cellar']).rooms
  assert (room.name, len(room.responses)) == ('cellar', 1)
  with pytest.raises(InputError, match="'attic'.*has the rooms cellar, hall"):
    measured.open_rooms(folder, names=['attic'])


def test_what_is_no_response_is_refused(tmp_path):
  with pytest.raises(
    InputError, match=r'directions\.csv must be .*--rirs.* does not exist'
  ):
    measured.open_rooms(tmp_path)
  folder = write_rooms(tmp_path / 'r')
  audio.write(folder / 'a.wav', np.zeros((2, 100)))
  with pytest.raises(InputError, match='four channels.*but it has 2'):
    measured.open_rooms(folder)
  audio.write(folder / 'a.wav', np.zeros((4, 100)))
  with pytest.raises(InputError, match='is silent'):
    measured.read_response(response_of(folder, 'a'))
  (folder / 'directions.csv').write_text('file,azimuth_deg\na.wav,1\n')
  with pytest.raises(InputError, match='lacks the column elevation_deg'):
    measured.open_rooms(folder)
  with pytest.raises(InputError, match='microphone arrays.*--format=foa'):
    scenes.synthesize(tmp_path / 'out', formats=('mic',), rirs=folder)


def test_directions_of_the_recorded_responses():
  """The direct sound of real responses comes from about their direction."""
  rooms = measured.open_rooms(shared('rirs')).rooms
  assert {room.name: len(room.responses) for room in rooms} == {
    'AudioBooth': 10,
    'OldChurch': 10,
  }
  for response in (one for room in rooms for one in room.responses):
    sound = measured.read_response(response)
    start = round(response.distance / 343 * RATE)
    direct = sound[:, max(start - 24, 0) : start + 48]
    found = geometry.to_cartesian(*direction_of(direct))
    angle = geometry.angular_distance(
      found, geometry.to_cartesian(response.azimuth, response.elevation)
    )
    assert angle < 15, response
