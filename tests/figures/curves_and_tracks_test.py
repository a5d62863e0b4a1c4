"""Figures of learning curves and of tracks show their data."""

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from helpers.finished_run import (
  HOSTILE,
  NUM_FRAMES,
  SECONDS,
  make_events,
  make_records,
)
from helpers.pages import pixels

from seld_jax import audio, figures, geometry, labels, report
from seld_jax.errors import InputError
from seld_jax.figures import recording, style


def line(axes, gid: str) -> Any:
  (found,) = [one for one in axes.get_lines() if one.get_gid() == gid]
  return found


def test_curves_show_the_records():
  records = make_records()
  figure = figures.plot_learning_curves(records, selected_step=200)
  panels = {
    axes.get_title().split()[0].strip(':'): axes for axes in figure.axes
  }
  assert set(panels) == {'loss', 'sed_mse', 'doa_masked_mse', *report.COLUMNS}
  for name, axes in panels.items():
    drawn = {one.get_label(): one for one in axes.get_lines()}
    for split in ('train', 'validation'):
      points = [
        (record['step'], record[name])
        for record in records
        if record['split'] == split and name in record
      ]
      assert (split in drawn) == bool(points)
      if points:
        np.testing.assert_array_equal(drawn[split].get_xydata(), points)
    assert np.array_equal(drawn['selected'].get_xdata(), [200, 200])


def test_repeated_steps_and_missing_values_of_curves():
  records = make_records()
  again = {'step': 300, 'split': 'train', 'loss': 7.0}
  none = {'step': 400, 'split': 'train', 'loss': None}
  figure = figures.plot_learning_curves([none, *records, again])
  (axes,) = [axes for axes in figure.axes if axes.get_title() == 'loss']
  (drawn,) = axes.get_lines()
  np.testing.assert_array_equal(
    drawn.get_xydata(),
    [(100, 3 / 100), (200, 3 / 200), (300, 7.0), (400, np.nan)],
  )


@pytest.mark.parametrize(
  'values',
  [(1e308, -1e308), (1e308, 0), (-1e308, None), (np.inf, -np.inf), (5e-324, 0)],
)
@pytest.mark.parametrize('name', ['loss', 'ER20', 'F20'])
def test_curves_of_absurd_numbers_are_drawn(name, values):
  figure = figures.plot_learning_curves(
    [
      {'step': step, 'split': 'validation', name: value}
      for step, value in enumerate(values)
    ],
    selected_step=1,
  )
  with io.BytesIO() as file:
    figure.savefig(file, format='svg')
    assert file.tell() > 1000


def test_a_score_that_is_never_defined_has_no_panel():
  records: list[dict[str, Any]] = [
    {'step': step, 'split': 'validation', 'DOAE': doae, 'F20_onscreen': None}
    for step, doae in enumerate([None, 20.0])
  ]
  figure = figures.plot_learning_curves(records)
  (title,) = [axes.get_title() for axes in figure.axes]
  assert title == 'DOAE (°): lower is better'
  records[0]['F20_onscreen'] = 0.5
  figure = figures.plot_learning_curves(records)
  titles = [axes.get_title() for axes in figure.axes]
  assert titles == [title, 'F20_onscreen: higher is better']


def test_curves_without_records_are_refused():
  with pytest.raises(InputError, match='no losses'):
    figures.plot_learning_curves([])


def test_tracks_are_interrupted_at_the_wrap_and_at_gaps():
  rng = np.random.default_rng(1)
  events = make_events(rng)
  figure = figures.plot_tracks(
    events, events, classes=HOSTILE, num_frames=NUM_FRAMES
  )
  activity, azimuth, elevation = figure.axes
  for source in ('reference', 'prediction'):
    for index in range(len(HOSTILE)):
      time, angle = line(azimuth, f'{source} {index}').get_xydata().T
      joined = np.isfinite(angle[1:]) & np.isfinite(angle[:-1])
      assert np.abs(np.diff(angle)[joined]).max() < 10
      assert np.diff(time)[joined].max() < 0.11
      # Every frame is drawn with its direction.
      rows = events.class_index == index
      shown = dict(zip(time, angle, strict=True))
      for frame, xyz in zip(events.frame[rows], events.xyz[rows], strict=True):
        expected = geometry.to_polar(xyz)[0]
        # At 180 degrees, both ends of the range are right.
        apart = geometry.wrap_degrees(shown[frame / 10] - expected)
        assert abs(apart) < 1e-9 or frame % 20 == 0
      height = line(elevation, f'{source} {index}').get_ydata()
      np.testing.assert_allclose(height[np.isfinite(height)], 10, atol=1e-9)
  # Class 1 moves behind the array: both ends of the range are used.
  angle = line(azimuth, 'prediction 1').get_ydata()
  assert np.nanmin(angle) < -150 and np.nanmax(angle) > 150
  assert [t.get_text()[:3] for t in activity.get_yticklabels()] == [
    name[:3] for name in HOSTILE
  ]


def test_all_panels_have_the_same_time_axis():
  rng = np.random.default_rng(2)
  events = make_events(rng)
  sound = rng.normal(size=(4, SECONDS * 24000))
  figure = figures.plot_tracks(
    events,
    labels.no_events(),
    classes=HOSTILE,
    num_frames=NUM_FRAMES,
    audio=sound,
  )
  assert pixels(figures.to_png(figure)).std() > 0.05
  assert len(figure.axes) == 4
  left, right = [], []
  for axes in figure.axes:
    assert axes.get_xlim() == (0, SECONDS)
    left.append(axes.get_position().x0)
    right.append(axes.get_position().x1)
  assert np.ptp(left) < 1e-9 and np.ptp(right) < 1e-9


def two_dogs(distance):
  """Two dogs at the same time; the second is farther away and moves."""
  frame = np.tile(np.arange(20), 2)
  track = np.repeat([0, 1], 20)
  azimuth = np.where(track == 1, 90.0 + frame, 0.0)
  metres = np.where(track == 1, 3 + frame / 10, 1.25)
  return labels.Events(
    frame,
    np.ones(40, np.int64),
    track,
    geometry.to_cartesian(azimuth, np.zeros(40)),
    metres if distance else None,
  )


@pytest.mark.parametrize('of_reference', [True, False])
@pytest.mark.parametrize('of_prediction', [True, False])
def test_distances_have_a_panel_if_there_are_any(of_reference, of_prediction):
  figure = figures.plot_tracks(
    two_dogs(of_reference),
    two_dogs(of_prediction),
    classes=HOSTILE,
    num_frames=25,
  )
  assert pixels(figures.to_png(figure)).std() > 0.05
  names = [panel.get_ylabel() for panel in figure.axes]
  assert names[:3] == ['activity', 'azimuth', 'elevation']
  assert figure.axes[-1].get_xlabel() == 'time (s)'
  if not of_reference and not of_prediction:
    assert len(names) == 3
    return
  *_, azimuth, elevation, distance = figure.axes
  assert names[3:] == ['distance (m)']
  assert distance.get_ylim()[1] > 4.9
  for source, has in (
    ('reference', of_reference),
    ('prediction', of_prediction),
  ):
    drawn = [one.get_gid() for one in distance.get_lines()]
    assert (f'{source} 1' in drawn) == has
    if not has:
      continue
    # One piece for each dog; each ends with the end of its last frame.
    time, metres = line(distance, f'{source} 1').get_xydata().T
    ends = np.flatnonzero(np.isnan(time))
    first, second = slice(0, ends[0]), slice(ends[0] + 1, ends[1])
    np.testing.assert_allclose(metres[first], 1.25)
    np.testing.assert_allclose(metres[second][:-1], 3 + np.arange(20) / 10)
    angle = line(azimuth, f'{source} 1').get_ydata()
    np.testing.assert_allclose(angle[first], 0, atol=1e-9)
    np.testing.assert_allclose(angle[second][:-1], 90 + np.arange(20))
    assert len(line(elevation, f'{source} 1').get_ydata()) == len(time)


def test_distances_of_nothing_have_no_panel():
  none = labels.no_events()
  none = labels.Events(
    none.frame, none.class_index, none.track, none.xyz, np.zeros(0)
  )
  figure = figures.plot_tracks(none, None, classes=HOSTILE, num_frames=5)
  assert len(figure.axes) == 3


@pytest.mark.parametrize('edition', ['2020', '2023'])
def test_label_files_of_any_edition_are_drawn(edition, tmp_path, monkeypatch):
  shown = []

  def plot(events, *_, **options):
    shown.append(events.distance)
    return figures.plot_tracks(events, *_, **options)

  monkeypatch.setattr(recording.tracks, 'plot_tracks', plot)
  table, sound = tmp_path / 'x.csv', tmp_path / 'x.wav'
  labels.write_csv(table, two_dogs(True), edition=edition, distance_scale=None)
  audio.write(sound, np.zeros((4, 60000), np.float32))
  figures.write_recording((sound, table), folder=tmp_path)
  if edition == '2020':
    assert shown == [None]
  else:
    expected = two_dogs(True).distance
    assert expected is not None
    np.testing.assert_allclose(shown[0], expected)


@pytest.mark.parametrize('frequency', [200.0, 1000.0, 5000.0])
def test_spectrogram_peaks_at_the_tone(frequency):
  time = np.arange(24000) / 24000
  sound = np.sin(2 * np.pi * frequency * time)[None]
  figure = figures.plot_tracks(
    labels.no_events(),
    labels.no_events(),
    classes=HOSTILE,
    num_frames=10,
    audio=sound,
  )
  (shown,) = figure.axes[0].get_images()
  level = np.asarray(shown.get_array())
  bottom, top = shown.get_extent()[2:]
  row = level[:, level.shape[1] // 2].argmax() + 0.5
  found = 2 ** (bottom + (top - bottom) * row / len(level))
  # Half a bin of the FFT, or half a row of the picture.
  assert abs(found - frequency) < max(24000 / 1024, 0.05 * frequency)


def test_tracks_of_no_event_and_of_a_single_frame_can_be_drawn():
  one = labels.Events(
    np.array([4]), np.array([2]), np.array([0]), np.array([[1.0, 0, 0]])
  )
  for events in (labels.no_events(), one):
    figure = figures.plot_tracks(
      events,
      events,
      classes=HOSTILE,
      num_frames=5,
      audio=np.zeros((4, 7)),
      sample_rate=24000,
    )
    assert pixels(figures.to_png(figure)).std() > 0.05


def test_classes_have_different_markers_and_colours():
  frame = np.arange(50)
  events = labels.Events(
    frame, frame, np.zeros(50, np.int64), np.tile([1.0, 0, 0], (50, 1))
  )
  classes = [f'class {index}' for index in range(50)]
  figure = figures.plot_tracks(events, events, classes=classes, num_frames=50)
  looks = [
    (one.get_marker(), one.get_color())
    for one in (line(figure.axes[1], f'prediction {i}') for i in frame)
  ]
  assert len(set(looks)) == 50
  assert len({marker for marker, _ in looks[:7]}) == 7


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'classes': ['only']}, '1 names for classes up to 3'),
    ({'num_frames': 0}, '0 frames'),
    ({'audio': np.zeros(9)}, r'got shape \(9,\)'),
  ],
)
def test_wrong_arguments_of_tracks_are_refused(options, message):
  events = make_events(np.random.default_rng(3))
  defaults = {'classes': HOSTILE, 'num_frames': NUM_FRAMES}
  with pytest.raises(InputError, match=message):
    figures.plot_tracks(events, events, **(defaults | options))


@pytest.mark.parametrize('num_samples', [1, 700, 1025, 24000, 100001])
@pytest.mark.parametrize('size', [1000, 4096, 2**17])
def test_spectrogram_does_not_depend_on_blocks(num_samples, size):
  noise = np.random.default_rng(0).standard_normal(num_samples + 50)
  whole = figures.measure_spectrogram(
    [noise[:num_samples]], num_samples=num_samples, sample_rate=24000
  )
  blocks = [noise[k : k + size] for k in range(0, len(noise), size)]
  found = figures.measure_spectrogram(
    blocks, num_samples=num_samples, sample_rate=24000
  )
  np.testing.assert_allclose(found.level, whole.level)
  assert found.seconds == num_samples / 24000


def test_directions_in_front_have_the_front_half_alone():
  """Those of stereo: the azimuth, left at the top, and no elevation."""
  frame = np.arange(20)
  azimuth = np.linspace(80, -70, 20)
  events = labels.Events(
    frame, 0 * frame, 0 * frame, geometry.to_cartesian(azimuth, 0 * azimuth)
  )
  with_distances = dataclasses.replace(events, distance=np.full(20, 2.0))
  for one, names in (
    (events, ['activity', 'azimuth']),
    (with_distances, ['activity', 'azimuth', 'distance (m)']),
  ):
    figure = figures.plot_tracks(
      one, one, classes=['dog'], num_frames=20, frontal=True
    )
    assert [panel.get_ylabel() for panel in figure.axes] == names
    panel = figure.axes[1]
    assert panel.get_ylim() == (-95, 95)
    texts = {
      tick: text.get_text()
      for tick, text in zip(
        panel.get_yticks(), panel.get_yticklabels(), strict=True
      )
    }
    assert texts[90] == '90° left' and texts[-90] == '−90° right'
    for kind in 'reference', 'prediction':
      drawn = line(panel, f'{kind} 0').get_ydata()
      np.testing.assert_allclose(drawn[:20], azimuth)
    if len(names) == 3:
      drawn = line(figure.axes[2], 'prediction 0').get_ydata()
      np.testing.assert_allclose(drawn[:20], 2)


def test_names_that_differ_at_their_end_stay_different():
  names = [f'together_conformer_64_foa_seed{k}' for k in range(3)] + ['short']
  short = style.short_names(names)
  assert len({*short}) == 4 and short[3] == 'short'
  assert all(len(one) <= 24 for one in short)
  (legend,) = figures.plot_runs(
    {name: make_records() for name in names[:2]}
  ).legends
  shown = [text.get_text() for text in legend.get_texts()]
  assert shown[:2] == short[:2]
