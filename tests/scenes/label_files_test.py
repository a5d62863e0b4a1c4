"""Label files of scenes have the form of an edition, and true distances."""

import csv
from typing import Any

import numpy as np
import pytest
from helpers.folder_contents import tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seld_jax import evaluate, geometry, labels, scenes, validate
from seld_jax.errors import InputError
from seld_jax.scenes import (
  arrays,
  composer,
  is_complete,
  responses,
  rooms,
  sounds,
  synthesize,
  writer,
)

RATE = 24000
DISTANT = ('2023', '2024')
OPTIONS: dict[str, Any] = {
  'recordings': 3,
  'seconds': 6.0,
  'folds': (1, 2, 3),
  'num_workers': 0,
  'style': composer.Style(max_overlap=3, same_class_overlap=True),
  'csv_edition': '2023',
}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """A set of three recordings, with the form of 2023."""
  out = tmp_path_factory.mktemp('labels') / 'set'
  synthesize(out, **OPTIONS)
  return out


def make_event(
  class_name, track, *, onset, duration, azimuth, elevation, distance, speed
):
  samples = np.ones(int(duration * RATE), np.float32)
  intervals = np.array([[0.0, samples.size / RATE]])
  return composer.Event(
    class_name=class_name,
    sound=sounds.Sound(samples, intervals, 'test'),
    onset=onset,
    track=track,
    azimuth=azimuth,
    elevation=elevation,
    distance=distance,
    speed=speed,
    level_db=0.0,
  )


def make_scene(events):
  room = rooms.Room((6.0, 5.0, 3.0), (0.3,) * rooms.OCTAVES.size)
  return composer.Scene(
    room, np.array([3.1, 2.4, 1.45]), tuple(events), 4.0, 20.0, 0
  )


EVENTS = st.lists(
  st.builds(
    make_event,
    st.sampled_from(labels.TAU2020_CLASSES),
    st.integers(0, 2),
    onset=st.floats(0, 3),
    duration=st.floats(0.1, 1),
    azimuth=st.floats(-180, 180),
    elevation=st.floats(-45, 45),
    distance=st.floats(1, 5),
    speed=st.sampled_from((-40.0, 0.0, 10.0, 20.0)),
  ),
  max_size=5,
)


@pytest.mark.parametrize('edition', scenes.CSV_EDITIONS[:-1])
@settings(
  max_examples=25,
  deadline=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=EVENTS)
def test_label_files_are_read_back_as_the_events_of_the_scene(
  tmp_path, edition, events
):
  scene = make_scene(events)
  path = tmp_path / 'labels.csv'
  writer.write_labels(path, scene, csv_edition=edition)
  found = labels.read_csv(path, edition=edition, distance_scale=0.01)
  truth = composer.label_events(scene)
  for name in 'frame', 'class_index', 'track':
    np.testing.assert_array_equal(getattr(found, name), getattr(truth, name))
  np.testing.assert_allclose(found.xyz, truth.xyz, atol=1e-9)
  if not len(truth.frame):
    return
  if edition not in DISTANT:
    assert found.distance is None
    return
  assert found.distance is not None and truth.distance is not None
  np.testing.assert_allclose(found.distance, truth.distance, rtol=1e-9)
  for event in events:
    frames = composer.active_frames(event)
    own = np.isin(truth.frame, frames) & (truth.track == event.track)
    if not own.any() or sum(one.track == event.track for one in events) > 1:
      continue
    np.testing.assert_allclose(
      found.distance[own], event.distance, atol=0.005 + 1e-9
    )


def test_numbers_in_label_files_of_2023_are_integers(made):
  lines = [
    line.split(',')
    for path in (made / 'metadata_dev').iterdir()
    for line in path.read_text().splitlines()
  ]
  table = np.array(lines, np.int64)  # a decimal point would be an error
  assert table.shape[1] == 6
  assert set(table[:, 2]) == {0, 1, 2}
  assert table[:, 5].min() >= 100
  assert table[:, 5].max() <= 500


def test_distances_of_labels_are_those_of_scenes_csv(made):
  with open(made / 'scenes.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  covered = 0
  for row in rows:
    events = labels.read_csv(
      made / 'metadata_dev' / f'{row["file"]}.csv', distance_scale=0.01
    )
    assert events.distance is not None
    middle = 10 * (float(row['onset']) + float(row['duration']) / 2)
    own = (events.track == int(row['track'])) & (events.frame == int(middle))
    own &= events.class_index == labels.TAU2020_CLASSES.index(row['class'])
    np.testing.assert_allclose(
      events.distance[own], float(row['distance']), atol=0.0051
    )
    covered += own.sum()
  assert covered > len(rows) / 2


@pytest.mark.parametrize('speed', [0.0, 40.0])
def test_sound_arrives_after_the_time_of_the_labelled_distance(speed):
  """The room puts the source where its labels say, also when it moves."""
  event = make_event(
    'alarm',
    0,
    onset=0.0,
    duration=1.0,
    azimuth=20.0,
    elevation=10.0,
    distance=1.37,
    speed=speed,
  )
  scene = make_scene([event])
  rows = composer.label_events(scene)
  assert rows.distance is not None and len(rows.distance) == 10
  time = (rows.frame + 0.5) / 10
  assert isinstance(scene.room, rooms.Room)
  early = responses.early_responses(
    scene.room,
    scene.receiver,
    scene.receiver + event.position(time),
    (arrays.ARRAYS['foa'],),
  )
  first = np.argmax(np.abs(early[:, 0]), axis=-1) / RATE
  np.testing.assert_allclose(
    first * rooms.SPEED_OF_SOUND, rows.distance, atol=0.02
  )
  azimuth, _ = geometry.to_polar(rows.xyz)
  assert (np.ptp(azimuth) > 30) == (speed > 0)


def test_a_set_with_distances_is_completed_but_not_in_another_form(
  made, tmp_path
):
  out = tmp_path / 'again'
  synthesize(out, **OPTIONS)
  for path in out.rglob('*ov3.csv'):
    path.write_text(path.read_text()[:50])
  (out / 'README.md').unlink()
  synthesize(out, **OPTIONS)
  assert tree(out) == tree(made)
  with pytest.raises(InputError, match='with csv_edition 2023, but csv_ed'):
    synthesize(out, **dict(OPTIONS, csv_edition='2020'))
  assert is_complete(out)


def test_sound_does_not_depend_on_the_form_of_the_labels(made, tmp_path):
  synthesize(tmp_path, **dict(OPTIONS, csv_edition='2020'))
  without = ('metadata_dev', tmp_path.name, made.name)
  assert tree(tmp_path, without=without) == tree(made, without=without)
  for path in (made / 'metadata_dev').iterdir():
    shorter = (tmp_path / 'metadata_dev' / path.name).read_text().split()
    assert [line.rsplit(',', 1)[0] for line in path.read_text().split()] == (
      shorter
    )


@pytest.mark.parametrize('edition', [None, '2023'])
def test_sets_with_distances_and_three_sources_are_valid(made, edition):
  report = validate.validate(made, csv_edition=edition, num_workers=1)
  assert not report.findings


def test_scores_of_each_overlap_are_those_of_perfect_predictions(made):
  folder = made / 'metadata_dev'
  result = evaluate.evaluate_folders(
    folder, folder, edition='2024', num_frames=60
  )
  assert list(result['per_overlap']) == ['ov1', 'ov2', 'ov3']
  assert result['F20_micro'] == 1
  assert result['RDE_micro'] == 0


def test_the_readme_of_a_set_explains_overlap_and_distance(made):
  text = ' '.join((made / 'README.md').read_text().split())
  assert '`frame,class,track,azimuth,elevation,distance`' in text
  assert 'different tracks (0, 1 and 2)' in text
  assert 'whole centimetres' in text
  assert '`ov3`: at most one, two or three simultaneous events' in text
  assert 'third of the overlapping events have the class of' in text
