"""Scenes with up to three simultaneous events, also of the same class."""

import collections
import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest
from helpers.folder_contents import tree

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  library,
  plan,
  rooms,
  scenes_csv,
  sounds,
  synthesize,
)

RATE = 24000
ROOM = rooms.Room((6.0, 5.0, 3.0), (0.3,) * rooms.OCTAVES.size)
SAME = composer.Style(max_overlap=3, same_class_overlap=True)
# Class, onset and azimuth of the events of two scenes of version 3.
EARLIER = {
  'fold1_room1_mix001_ov1': [
    ('ringing_phone', 0.848, 1.5),
    ('male_speech', 6.457, 57.5),
    ('crying_baby', 11.496, 135.9),
  ],
  'fold2_room1_mix001_ov2': [
    ('male_speech', 0.153, 156.6),
    ('ringing_phone', 1.993, -134.1),
    ('burning_fire', 2.518, -168.6),
    ('running_engine', 6.268, 18.2),
    ('barking_dog', 8.378, 131.0),
    ('footsteps', 9.741, 141.1),
  ],
}
TINY: dict[str, Any] = {
  'recordings': 2,
  'seconds': 2.0,
  'folds': (1, 2),
  'num_workers': 0,
}


def quick_sound(rng, source, fold, name, **options):
  """A sound of 0.5 to 5 s that takes no time to make."""
  seconds = rng.uniform(0.5, 5)
  samples = np.ones(int(seconds * RATE), np.float32)
  origin = f'{name}:{rng.integers(3)}'
  return sounds.Sound(samples, np.array([[0, seconds]]), origin)


def draw(monkeypatch, style, *, overlap, count=30):
  """Draws one-minute scenes without sound."""
  monkeypatch.setattr(sounds, 'draw', quick_sound)
  source = library.open_library(None)
  return [
    composer.draw_scene(
      np.random.default_rng(seed), source, 1, ROOM, overlap=overlap, style=style
    )
    for seed in range(count)
  ]


def pairs(scene):
  """Pairs of events that sound at the same time."""
  for a, b in itertools.combinations(scene.events, 2):
    if a.onset + a.duration > b.onset and b.onset + b.duration > a.onset:
      yield a, b


def test_three_sources_are_often_active_where_three_are_allowed(monkeypatch):
  counts = np.concatenate(
    [
      np.bincount(composer.label_events(scene).frame, minlength=600)
      for scene in draw(monkeypatch, composer.Style(max_overlap=3), overlap=3)
    ]
  )
  shares = np.bincount(counts) / counts.size
  assert shares.size == 4
  assert shares[3] > 0.15
  assert shares.min() > 0.02


@pytest.mark.parametrize('overlap', [2, 3])
def test_about_a_third_of_overlapping_events_share_their_class(
  monkeypatch, overlap
):
  overlapping, sharing, largest = 0, 0, 0
  for scene in draw(monkeypatch, SAME, overlap=overlap):
    found = [pair for one in pairs(scene) for pair in (one, one[::-1])]
    overlapping += len({a.onset for a, _ in found})
    sharing += len({a.onset for a, b in found if a.class_name == b.class_name})
    rows = composer.label_events(scene)
    sources = collections.Counter(
      zip(rows.frame, rows.class_index, strict=True)
    )
    largest = max(largest, *sources.values())
  assert 0.25 < sharing / overlapping < 0.45
  assert largest == overlap


def test_sources_of_a_class_differ_in_track_clip_and_place(monkeypatch):
  same_clip, total = 0, 0
  for scene in draw(monkeypatch, SAME, overlap=3):
    assert not len(labels.find_conflicts(composer.label_events(scene)))
    for a, b in pairs(scene):
      assert a.track != b.track
      assert a.azimuth != b.azimuth
      if a.class_name == b.class_name:
        total += 1
        same_clip += a.sound.origin == b.sound.origin
  # A class has three clips here, so that a third would be by chance.
  assert total > 100
  assert same_clip / total < 0.1


@pytest.mark.parametrize('overlap', [1, 2])
def test_a_larger_overlap_elsewhere_does_not_change_a_scene(
  monkeypatch, overlap
):
  scenes = [
    draw(
      monkeypatch,
      composer.Style(max_overlap=largest),
      overlap=overlap,
      count=2,
    )
    for largest in (2, 3)
  ]
  for one, other in zip(*scenes, strict=True):
    assert [event.onset for event in one.events] == [
      event.onset for event in other.events
    ]
    assert one.seed == other.seed


@pytest.mark.parametrize('largest', [1, 2, 3])
def test_recordings_are_divided_over_the_overlaps(largest):
  recordings = plan.plan_recordings(
    range(1, 9), 36, evaluation=True, seed=0, max_overlap=largest
  )
  for split, total in (('dev', 36), ('eval', 12)):
    counts = collections.Counter(
      one.overlap for one in recordings if one.split == split
    )
    assert sorted(counts) == list(range(1, largest + 1))
    assert set(counts.values()) == {total // largest}
  for one in recordings:
    if one.split == 'dev':
      parts = labels.parse_name(one.name)
      assert parts is not None and parts.overlap == f'ov{one.overlap}'


def test_scenes_by_default_are_those_of_earlier_versions(tmp_path):
  synthesize(tmp_path, **dict(TINY, seconds=12.0))
  rows = scenes_csv.read(tmp_path / 'scenes.csv')
  found = {
    name: [
      (row['class'], float(row['onset']), float(row['azimuth_start']))
      for row in some
    ]
    for name, some in rows.items()
  }
  assert found == EARLIER


def test_a_set_of_an_earlier_version_is_completed(tmp_path):
  """Such a set has no settings of overlap and of label files."""
  synthesize(tmp_path / 'new', **TINY)
  synthesize(tmp_path / 'old', **TINY)
  path = tmp_path / 'old' / 'synthesis.json'
  settings = json.loads(path.read_text())
  del settings['csv_edition'], settings['style']['max_overlap']
  del settings['style']['same_class_overlap']
  settings['style']['same_class'] = False
  path.write_text(json.dumps(settings))
  next((tmp_path / 'old').rglob('*ov2.wav')).unlink()
  synthesize(tmp_path / 'old', **TINY)
  assert tree(tmp_path / 'old') == tree(tmp_path / 'new')


@pytest.mark.parametrize('wanted', [False, True])
def test_a_set_with_the_former_same_class_is_not_continued(tmp_path, wanted):
  synthesize(tmp_path, **TINY)
  path = tmp_path / 'synthesis.json'
  settings = json.loads(path.read_text())
  del settings['style']['same_class_overlap']
  settings['style']['same_class'] = True
  path.write_text(json.dumps(settings))
  style = composer.Style(same_class_overlap=wanted)
  with pytest.raises(InputError, match='by the rules of an earlier version'):
    synthesize(tmp_path, style=style, **TINY)


@pytest.mark.parametrize('field', ['max_overlap', 'same_class_overlap'])
def test_another_overlap_for_the_same_set_is_refused(tmp_path, field):
  synthesize(tmp_path, style=SAME, **TINY)
  default = getattr(composer.Style(), field)
  style = dataclasses.replace(SAME, **{field: default})
  with pytest.raises(InputError, match=f'with {field} .*, but {field} '):
    synthesize(tmp_path, style=style, **TINY)
