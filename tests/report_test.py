"""The page of a run and its figures."""

import base64
import hashlib
import html.parser
import io
import json
import pathlib
import re

import numpy as np
import pytest
from matplotlib import image

from seld_jax import (
  audio,
  evaluate,
  examples,
  figures,
  geometry,
  labels,
  report,
  runs,
)
from seld_jax.errors import InputError

HOSTILE = ('<script>alert(1)</script>', 'a&b"\'', '$x_{$ \\frac', 'dog' * 40)
NAMES = (
  'fold1_room1_mix001_ov1',
  'fold1_room1_mix002_ov2',
  'fold1_room2_mix003_ov2',
  'fold1_room2_mix004_ov2',
)
SECONDS = 12
NUM_FRAMES = SECONDS * labels.FRAMES_PER_SECOND
VOID = {'meta', 'img', 'source', 'br', 'link', 'input', 'hr'}


class Page(html.parser.HTMLParser):
  """Text, addresses and tags of a page; fails on tags that do not match."""

  def __init__(self, path: pathlib.Path):
    super().__init__()
    self.open: list[str] = []
    self.tags: list[str] = []
    self.addresses: list[str] = []
    self.rows: list[list[str]] = []
    self.text = ''
    self.feed(path.read_text(encoding='utf-8'))
    self.close()
    assert not self.open

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    for name, value in attrs:
      assert not name.startswith('on')
      if name in ('src', 'srcset', 'href', 'data', 'action', 'poster'):
        self.addresses.append(value)
    if tag not in VOID:
      self.open.append(tag)
    if tag == 'tr':
      self.rows.append([])
    elif tag in ('td', 'th'):
      self.rows[-1].append('')

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text += data
    if {'td', 'th'} & set(self.open):
      self.rows[-1][-1] += f'{data} '.lstrip()


def make_events(rng: np.random.Generator, *, noise: float = 0) -> labels.Events:
  """Four classes in turn, one of which moves around the back."""
  frame = np.arange(10, NUM_FRAMES - 10)
  class_index = frame // 20 % len(HOSTILE)
  azimuth = np.where(class_index == 1, 150 + 3.0 * (frame % 20), 40.0)
  azimuth = azimuth + noise * rng.normal(size=frame.size)
  kept = rng.random(frame.size) >= noise / 100
  return labels.Events(
    frame[kept],
    class_index[kept],
    np.zeros(kept.sum(), np.int64),
    geometry.to_cartesian(azimuth, np.full(frame.size, 10.0))[kept],
  )


@pytest.fixture
def workdir(tmp_path) -> pathlib.Path:
  return make_run(tmp_path)


@pytest.fixture(scope='module')
def reported(tmp_path_factory) -> pathlib.Path:
  """A run with its report, which tests only read."""
  workdir = make_run(tmp_path_factory.mktemp('reported'))
  assert report.write_report(workdir) == workdir / 'report.html'
  return workdir


def make_run(folder: pathlib.Path) -> pathlib.Path:
  """A finished run with two results on a dataset that still exists."""
  rng = np.random.default_rng(0)
  root = folder / 'data'
  workdir = folder / 'runs' / 'tiny'
  pairs = []
  for number, name in enumerate(NAMES):
    reference = make_events(rng)
    prediction = make_events(rng, noise=5.0 * number)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', reference)
    folder = workdir / 'predictions' / 'test'
    labels.write_csv(folder / f'{name}.csv', prediction)
    sound = rng.normal(size=(4, SECONDS * 24000)) * 0.01
    audio.write(root / 'foa_dev' / f'{name}.wav', sound)
    pairs.append((name, reference, prediction))
  results = [
    {
      'name': name,
      'folds': [fold],
      'window_seconds': 6.0,
      'num_recordings': len(some),
      'predictions': f'predictions/{name}',
      'scores': evaluate.evaluate_predictions(
        some,
        num_frames=NUM_FRAMES,
        num_classes=len(HOSTILE),
        class_names=HOSTILE,
      ),
    }
    for name, fold, some in (('validation', 2, pairs[:1]), ('test', 1, pairs))
  ]
  (workdir / 'config.json').write_text(
    json.dumps(
      {
        'data': {'root': str(root), 'classes': HOSTILE},
        'features': {'format': 'foa', 'n_mels': 64},
      }
    )
  )
  (workdir / 'scores.json').write_text(
    json.dumps(
      {
        'selected_step': 200,
        'num_steps': 300,
        'num_parameters': 543210,
        'selection': 'lowest seld_score on fold 2',
        'results': results,
      }
    )
  )
  (workdir / 'metrics.jsonl').write_text(
    ''.join(json.dumps(record) + '\n' for record in make_records())
  )
  return workdir


def make_records() -> list[dict]:
  records = []
  for step in (100, 200, 300):
    losses = {'sed_mse': 1 / step, 'doa_masked_mse': 2 / step}
    records.append(
      {'step': step, 'split': 'train', 'loss': 3 / step, **losses}
      | {'learning_rate': 1e-3, 'gradient_norm': 1.0}
    )
    scores = dict.fromkeys(report.COLUMNS, step / 400) | {'LE_CD': 20.0}
    records.append({'step': step, 'split': 'validation', **losses, **scores})
  return records


def change(path: pathlib.Path, **fields) -> None:
  path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def pixels(png: bytes) -> np.ndarray:
  return image.imread(io.BytesIO(png), format='png')


def line(axes, gid: str):
  (found,) = [one for one in axes.get_lines() if one.get_gid() == gid]
  return found


def test_page_is_whole_and_loads_nothing(reported):
  path = reported / 'report.html'
  page = Page(path)
  # Three figures, each for light and dark, and the sound of three recordings.
  assert [a.split(';')[0] for a in page.addresses] == (
    ['data:audio/mpeg'] * 3 + ['data:image/png'] * 6
  )
  assert 'link' not in page.tags and 'iframe' not in page.tags
  text = path.read_text()
  style = text.split('<style>')[1].split('</style>')[0]
  assert 'url(' not in style and '@import' not in style
  assert 'prefers-color-scheme: dark' in style
  assert not re.search(r'https?:|//[a-z]+\.', re.sub(r'base64,\S+', '', text))
  assert len(text) < 5e6


def test_page_allows_its_one_script_and_no_other(reported):
  text = (reported / 'report.html').read_text()
  policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
  rules = dict(one.strip().split(' ', 1) for one in policy.split(';'))
  assert rules['default-src'] == "'none'"
  assert rules['img-src'] == rules['media-src'] == 'data:'
  (script,) = re.findall(r'<script>(.*?)</script>', text, re.DOTALL)
  digest = hashlib.sha256(script.encode()).digest()
  expected = f"'sha256-{base64.b64encode(digest).decode()}'"
  assert rules['script-src'] == expected
  # Everything else in script elements is data, and what others write as a name
  # does not leave it.
  kinds = re.findall(r'<script( [^>]*)?>', text)
  assert sorted(kinds) == ['', *[' type="application/json"'] * 3]


def test_data_in_the_page_is_that_of_the_recordings(reported):
  text = (reported / 'report.html').read_text()
  run = runs.read_run(reported)
  found = {
    one.name: one for one in runs.read_recordings(run, run.scores['results'][1])
  }
  pattern = r'<script type="application/json">(.*?)</script>'
  shown = [json.loads(one) for one in re.findall(pattern, text, re.DOTALL)]
  assert len({one['name'] for one in shown}) == 3
  for one in shown:
    recording = found[one['name']]
    assert one['seconds'] == one['soundSeconds'] == SECONDS
    names = [each['name'] for each in one['classes']]
    for kind in 'reference', 'prediction':
      events = getattr(recording, kind)
      azimuth, elevation = geometry.to_polar(events.xyz)
      expected = sorted(
        zip(events.frame, events.class_index, azimuth, elevation, strict=True)
      )
      rows = sorted(
        (frame, HOSTILE.index(names[index]), a, e)
        for frame, index, _, a, e in one[kind]
      )
      np.testing.assert_allclose(rows, expected, atol=0.0501)


def test_page_says_what_the_run_is(reported):
  text = Page(reported / 'report.html').text
  for fact in ('tiny', '543,210', 'lowest seld_score on fold 2', 'format foa'):
    assert fact in text


def test_class_names_are_text(reported):
  text = Page(reported / 'report.html').text
  for name in HOSTILE:
    assert name in text


def test_every_score_is_shown(reported):
  rows = Page(reported / 'report.html').rows
  results = json.loads((reported / 'scores.json').read_text())['results']
  cells = {row[0].strip(): row[1:] for row in rows}
  for result in results:
    scores = result['scores']
    about = next(name for name in cells if name.startswith(result['name']))
    for name, cell in zip(report.COLUMNS, cells[about], strict=True):
      ends = scores['intervals'][name] or ()
      shown = [float(n) for n in re.findall(r'-?\d+\.\d+', cell)]
      decimals = 0.05 if name == 'LE_CD' else 0.0005
      np.testing.assert_allclose(
        shown, [scores[name], *ends], atol=decimals * 1.001
      )
      assert ('°' in cell) == (name == 'LE_CD')
  test = results[1]['scores']
  for key in ('per_class', 'per_overlap', 'per_room'):
    assert len(test[key]) > 1
    for group, part in test[key].items():
      shown = [float(c.strip(' °')) for c in cells[group]]
      expected = [part[name] for name in report.COLUMNS]
      np.testing.assert_allclose(shown[:-1], expected, atol=0.051)
      assert shown[-1] == part['reference_segments']


def test_score_without_reference_is_a_dash(workdir):
  (workdir / 'metrics.jsonl').unlink()
  results = json.loads((workdir / 'scores.json').read_text())['results'][1:]
  part = results[0]['scores']['per_class'][HOSTILE[1]]
  part.update(dict.fromkeys(part), reference_segments=0)
  change(workdir / 'scores.json', results=results)
  rows = Page(report.write_report(workdir)).rows
  (row,) = [row for row in rows if row[0].strip() == HOSTILE[1]]
  assert [cell.strip() for cell in row[1:]] == ['–'] * 5 + ['0']


def test_figures_show_something(reported):
  found = {path.stem: path for path in (reported / 'figures').iterdir()}
  for name in sorted({name.removesuffix('_dark') for name in found}):
    light = pixels(found[name].read_bytes())
    dark = pixels(found[f'{name}_dark'].read_bytes())
    assert light.shape == dark.shape
    assert light.std() > 0.05 and dark.std() > 0.05
    assert light[0, 0, :3].mean() > 0.9 and dark[0, 0, :3].mean() < 0.2
  assert len(found) == 12
  for name in 'tracks', 'learning_curves', 'confusion', 'direction_errors':
    assert name in found


def test_report_is_deterministic(reported, workdir):
  # The page says where the data lies.
  config = json.loads((reported / 'config.json').read_text())
  change(workdir / 'config.json', **config)
  first = (reported / 'report.html').read_bytes()
  assert report.write_report(workdir).read_bytes() == first


def test_recordings_of_a_run_know_their_length_and_sound(reported):
  run = runs.read_run(reported)
  recordings = runs.read_recordings(run, run.scores['results'][1])
  assert [one.name for one in recordings] == list(NAMES)
  assert {one.num_frames for one in recordings} == {NUM_FRAMES}
  assert all(one.audio.is_file() for one in recordings)
  text = Page(reported / 'report.html').text
  for _, reason in examples.choose_recordings(recordings):
    assert reason in text


def test_missing_audio_is_said(workdir):
  (workdir / 'metrics.jsonl').unlink()
  config = json.loads((workdir / 'config.json').read_text())
  for path in pathlib.Path(config['data']['root'], 'foa_dev').iterdir():
    path.unlink()
  page = Page(report.write_report(workdir))
  assert 'There is no sound' in page.text and 'does not exist' in page.text
  assert len(page.addresses) == 4


def test_missing_labels_are_said(workdir):
  config = json.loads((workdir / 'config.json').read_text())
  change(workdir / 'config.json', data=config['data'] | {'root': '/nowhere'})
  page = Page(report.write_report(workdir))
  assert 'No recording can be shown' in page.text and '/nowhere' in page.text
  assert len(page.addresses) == 2


def test_missing_curves_and_results_are_said(workdir):
  (workdir / 'metrics.jsonl').unlink()
  change(workdir / 'scores.json', results=[])
  page = Page(report.write_report(workdir))
  for sentence in ('no curves', 'no scores', 'no predictions'):
    assert sentence in page.text
  assert not page.addresses


@pytest.mark.parametrize('name', ['config.json', 'scores.json'])
def test_no_finished_run(workdir, name):
  (workdir / name).unlink()
  with pytest.raises(InputError, match=rf'no {name}.*python -m seld_jax\.main'):
    report.write_report(workdir)
  with pytest.raises(InputError, match=r'no config\.json.*seld_jax\.main'):
    report.write_report(workdir / 'elsewhere')
  assert not (workdir / 'report.html').exists()


@pytest.mark.parametrize(
  ('name', 'text', 'message'),
  [
    ('config.json', '{"data": {}}', r'config\.json has no field data\.root'),
    ('config.json', '{', r'config\.json cannot be read as JSON'),
    ('scores.json', '[]', r'scores\.json must hold a JSON object, got list'),
    ('scores.json', '{}', r'scores\.json has no field selected_step'),
    ('metrics.jsonl', '{"step":\n{}\n', r'metrics\.jsonl has a line that'),
    ('metrics.jsonl', '{"loss": 1}\n', r'metrics\.jsonl needs a step'),
  ],
)
def test_damaged_files(workdir, name, text, message):
  (workdir / name).write_text(text)
  with pytest.raises(InputError, match=message):
    report.write_report(workdir)


def test_curves_hold_the_records():
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
    assert list(drawn['selected'].get_xdata()) == [200, 200]


def test_curves_of_a_resumed_run_and_without_value():
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


def test_no_curves_without_records():
  with pytest.raises(InputError, match='no losses'):
    figures.plot_learning_curves([])


def test_tracks_break_at_the_wrap_and_at_gaps():
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
      # Every frame is there, with its direction.
      rows = events.class_index == index
      shown = dict(zip(time, angle, strict=True))
      for frame, xyz in zip(events.frame[rows], events.xyz[rows], strict=True):
        expected = geometry.to_polar(xyz)[0]
        # At 180 either end of the range is right.
        apart = geometry.wrap_degrees(shown[frame / 10] - expected)
        assert abs(apart) < 1e-9 or frame % 20 == 0
      height = line(elevation, f'{source} {index}').get_ydata()
      np.testing.assert_allclose(height[np.isfinite(height)], 10, atol=1e-9)
  # Class 1 passes the back: both ends of the range are used.
  angle = line(azimuth, 'prediction 1').get_ydata()
  assert np.nanmin(angle) < -150 and np.nanmax(angle) > 150
  assert [t.get_text()[:3] for t in activity.get_yticklabels()] == [
    name[:3] for name in HOSTILE
  ]


def test_all_panels_share_their_time_axis():
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
  # Half a bin of the transform, or half a row of the picture.
  assert abs(found - frequency) < max(24000 / 1024, 0.05 * frequency)


def test_tracks_of_silence_and_of_a_single_frame():
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


def test_classes_look_different_in_grey_and_in_colour():
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
def test_tracks_refuse(options, message):
  events = make_events(np.random.default_rng(3))
  defaults = {'classes': HOSTILE, 'num_frames': NUM_FRAMES}
  with pytest.raises(InputError, match=message):
    figures.plot_tracks(events, events, **(defaults | options))


def test_a_dataset_in_folders_of_its_own_is_found(tmp_path):
  """Labels and sound within folders, as STARSS has them."""
  workdir = make_run(tmp_path)
  for kind in 'metadata_dev', 'foa_dev':
    folder = tmp_path / 'data' / kind
    inner = folder / 'dev-train'
    inner.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
      path.rename(inner / path.name)
  runs._dataset.cache_clear()
  run = runs.read_run(workdir)
  shown = runs.read_recordings(run, run.scores['results'][-1])
  assert {one.name for one in shown} <= set(NAMES)
  path = runs.audio_path(run, shown[0].name)
  assert path.parent.name == 'dev-train'
  assert path.is_file()
