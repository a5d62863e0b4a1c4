"""The page about the results of any system, from folders of CSV files."""

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest
from helpers.command_outcomes import outcome

from seld_jax import audio, evaluate, geometry, labels, report
from seld_jax.errors import InputError
from seld_jax.report import choice, error_sections, page, score_tables
from seld_jax.scenes import scenes_csv

SECONDS = 6
FRAMES = SECONDS * labels.FRAMES_PER_SECOND


def make_events(rng: np.random.Generator, offset: float) -> labels.Events:
  """Makes events of three classes in turn; each moves to the left."""
  frame = np.arange(4, FRAMES - 3)
  azimuth = -170 + 5.0 * frame + offset * rng.normal(size=frame.size)
  kept = rng.random(frame.size) >= offset / 40
  xyz = geometry.to_cartesian(azimuth, np.full(frame.size, 20.0))
  zeros = np.zeros(kept.sum(), np.int64)
  return labels.Events(frame[kept], frame[kept] // 20, zeros, xyz[kept])


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> pathlib.Path:
  """References, predictions and sound of four recordings."""
  folder = tmp_path_factory.mktemp('system')
  rng = np.random.default_rng(0)
  for number in range(4):
    name = f'fold1_room{number // 2}_mix00{number}_ov1'
    for kind, offset in ('metadata_dev', 0.0), ('system', 3.0 * number):
      events = make_events(rng, offset)
      labels.write_csv(folder / kind / f'{name}.csv', events)
    sound = rng.normal(size=(4, SECONDS * 24000)) * 0.01
    audio.write(folder / 'foa_dev' / f'{name}.wav', sound)
  return folder


@pytest.fixture
def without_figures(monkeypatch):
  """Leaves out the figures, which take most of the time of a page."""
  image = b'no picture'
  monkeypatch.setattr(page, 'write_figure', lambda *_, **__: (image, image))


def write(folder: pathlib.Path, out: pathlib.Path, **options) -> str:
  path = report.write_folder_report(
    folder / 'metadata_dev', folder / 'system', out=out, **options
  )
  assert path == out
  return out.read_text(encoding='utf-8')


@pytest.mark.parametrize(
  ('scales', 'units'),
  [((None, None), None), ((1.0, None), ('m', 'cm')), ((100, 1), ('cm', 'm'))],
)
def test_players_show_metres(tmp_path, scales, units, without_figures):
  """Label files of 2023 have centimetres, unless the units are stated."""
  frame = np.arange(20)
  events = labels.Events(
    frame,
    frame % 2,
    0 * frame,
    np.tile([0.0, 1.0, 0.0], (20, 1)),
    2.5 + frame % 2,
  )
  for kind, scale in zip(('metadata_dev', 'system'), scales, strict=True):
    path = tmp_path / kind / 'mix001.csv'
    labels.write_csv(path, events, edition='2023', distance_scale=scale)
  out = tmp_path / 'page.html'
  options = {'edition': '2022', 'num_frames': FRAMES, 'csv_edition': '2023'}
  text = write(tmp_path, out, units=units, **options)
  (data,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
  for kind in 'reference', 'prediction':
    assert {row[5] for row in json.loads(data)[kind]} == {2.5, 3.5}


@pytest.mark.parametrize('edition', ['2019', '2020', '2021', '2022'])
def test_every_score_of_an_edition_is_in_the_table(folder, edition):
  result = evaluate.evaluate_folders(
    folder / 'metadata_dev',
    folder / 'system',
    edition=edition,
    num_frames=FRAMES,
  )
  check_scores(score_tables.scores_table(result), result)
  text = score_tables.breakdown_tables(result)
  for kind in 'class', 'room':
    assert f'<h3>By {kind}</h3>' in text
  # All recordings have the same overlap and fold.
  assert text.count('<h3>') == 2


def test_the_page_of_2025_shows_the_directions_that_are_scored(
  tmp_path, without_figures
):
  frame = np.arange(40)
  events = labels.Events(
    frame,
    frame % 2,
    0 * frame,
    geometry.to_cartesian(np.full(40, 50.0), np.zeros(40)),
    np.full(40, 2.0),
    frame % 3 == 0,
  )
  behind = geometry.to_cartesian(np.full(40, 120.0), np.full(40, 35.0))
  prediction = dataclasses.replace(events, xyz=behind)
  path = tmp_path / 'metadata_dev' / 'mix001.csv'
  labels.write_csv(path, events, edition='2025', distance_scale=None)
  path = tmp_path / 'system' / 'mix001.csv'
  labels.write_csv(path, prediction, edition='2023', distance_scale=None)
  out = tmp_path / 'page.html'
  text = write(tmp_path, out, edition='2025')
  (data,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
  shown = json.loads(data)
  for kind, azimuth in ('reference', 50), ('prediction', 60):
    places = {tuple(row[3:6]) for row in shown[kind]}
    assert places == {(azimuth, 0, 2)}
  assert '>10.0°<' in text and '>60.0°<' not in text
  assert 'azimuths folded to the front' in text
  # The predictions do not say what is on screen.
  result = evaluate.evaluate_folders(
    tmp_path / 'metadata_dev', tmp_path / 'system', edition='2025'
  )
  assert result['onscreen_accuracy'] is None
  row = r'<th scope="row">onscreen_accuracy</th><td>–</td><td>–</td><td>higher'
  assert re.search(row, text)
  flagged = dataclasses.replace(prediction, onscreen=frame % 2 == 0)
  labels.write_csv(path, flagged, edition='2025', distance_scale=None)
  text = write(tmp_path, out, edition='2025')
  assert re.search(r'onscreen_accuracy</th><td>0\.\d+</td>', text)


def check_scores(text: str, result: dict) -> None:
  """The table of the scores holds those of the result."""
  rows = {
    name: cells
    for name, *cells in re.findall(
      r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td>'
      r'<td>(higher|lower)</td></tr>',
      text,
    )
  }
  assert set(rows) == set(result['intervals'])
  for name, (value, ends, better) in rows.items():
    shown = [
      float(one) for one in re.findall(r'-?\d+\.\d+', value + ' ' + ends)
    ]
    expected = [result[name], *(result['intervals'][name] or ())]
    np.testing.assert_allclose(shown, expected, atol=0.0501)
    assert (better == 'higher') == name.startswith(('F', 'LR', 'frame'))


def test_page_without_sound_says_so(folder, tmp_path):
  text = write(folder, tmp_path / 'page.html', num_frames=FRAMES)
  result = evaluate.evaluate_folders(
    folder / 'metadata_dev', folder / 'system', num_frames=FRAMES
  )
  check_scores(text, result)
  assert '<audio' not in text
  assert text.count('no folder of sound files was given') == 3
  names = {path.name for path in (tmp_path / 'page_figures').iterdir()}
  assert {'tracks.png', 'confusion.png', 'direction_errors_dark.png'} <= names
  assert 'no scenes.csv' in text


def test_a_wrong_folder_of_sound_is_noticed(folder, tmp_path, without_figures):
  out = tmp_path / 'page.html'
  options = {'num_frames': FRAMES, 'audio': tmp_path / 'sound'}
  with pytest.raises(InputError, match='sound must be a folder of sound files'):
    write(folder, out, **options)
  options['audio'].mkdir()
  text = write(folder, out, **options)
  assert len(re.findall(r'There is no sound: \S+ov1\.wav', text)) == 3
  assert 'no folder of sound files was given' not in text


def test_distances_of_predictions_are_metres_without_those_of_references(
  tmp_path, without_figures
):
  for kind, columns, row in (
    ('metadata_dev', 'frame,class,track,azimuth,elevation', '3,1,0,30,0'),
    (
      'system',
      'frame,class,track,azimuth,elevation,distance',
      '3,1,0,30,0,150',
    ),
  ):
    (tmp_path / kind).mkdir()
    (tmp_path / kind / 'mix1.csv').write_text(f'{columns}\n{row}\n')
  text = write(tmp_path, tmp_path / 'page.html', num_frames=50)
  assert '"farthest":1.5' in text


def test_page_with_sound_and_chosen_recordings(
  folder, tmp_path, without_figures
):
  names = ['fold1_room1_mix003_ov1', 'fold1_room0_mix000_ov1']
  text = write(
    folder,
    tmp_path / 'page.html',
    audio=folder / 'foa_dev',
    num_frames='audio',
    show=names,
    class_names=[f'</script>{index}' for index in range(14)],
  )
  assert text.count('<audio') == 2
  pattern = r'<script type="application/json">(.*?)</script>'
  shown = [json.loads(one) for one in re.findall(pattern, text, re.DOTALL)]
  assert [one['name'] for one in shown] == names
  assert all(one['seconds'] == SECONDS for one in shown)
  assert shown[0]['classes'][1]['name'] == '</script>1'
  assert not re.search(r'https?:', re.sub(r'base64,\S+', '', text))


def test_errors_are_shown_by_noise_and_speed_if_scenes_have_them(tmp_path):
  rng = np.random.default_rng(1)
  made, lines = [], [','.join(scenes_csv.COLUMNS)]
  for number in range(2):
    reference = make_events(rng, 0.0)
    found = choice.make_recording(
      f'mix{number}', reference, reference, num_frames=FRAMES, num_classes=3
    )
    made.append(found)
    for index, name in enumerate('abc'):
      row = dict.fromkeys(scenes_csv.COLUMNS, '1') | {
        'file': found.name,
        'class': name,
        'track': '0',
        'onset': str(2.0 * index),
        'duration': '2.0',
        'speed': str((-1) ** index * 20 * number),
        'snr_db': str(6 + 10 * number),
      }
      lines.append(','.join(row[column] for column in scenes_csv.COLUMNS))
  scenes = tmp_path / 'scenes.csv'
  scenes.write_text('\n'.join(lines))
  options = {'classes': list('abc'), 'scenes': scenes}
  profiles = error_sections.make_profiles(made, **options)
  assert len(profiles) == 4
  rows = sum(len(one.reference.frame) for one in made)
  for profile in profiles.values():
    assert profile.rows.sum() == profile.found.sum() == rows
    middle = profile.quartiles[1][profile.rows > 0]
    np.testing.assert_allclose(middle, 0, atol=1e-5)
  speed = profiles['speed (°/s)']
  assert speed.value[speed.rows > 0].tolist() == [0, 20]
  snr = profiles['SNR (dB)']
  assert snr.value[snr.rows > 0].tolist() == [6, 16]
  options['classes'] = list('xyz')
  assert len(error_sections.make_profiles(made, **options)) == 2
  section = error_sections.directions_section(made, **options, folder=tmp_path)
  assert 'describes none of these events' in section
  scenes.unlink()
  assert len(error_sections.make_profiles(made, **options)) == 2
  section = error_sections.directions_section(made, **options, folder=tmp_path)
  assert 'There is no scenes.csv' in section


def test_folders_without_any_event_make_a_page(tmp_path):
  for kind in 'metadata_dev', 'system':
    labels.write_csv(tmp_path / kind / 'mix001.csv', labels.no_events())
  text = write(tmp_path, tmp_path / 'page.html')
  assert 'No recording has any event to show' in text


def test_names_of_unknown_recordings_are_refused(folder, tmp_path):
  with pytest.raises(InputError, match="no recording 'mix9' to show"):
    write(folder, tmp_path / 'page.html', show=['mix9'])
  assert not (tmp_path / 'page.html').exists()


def test_command_writes_the_page_or_names_the_wrong_flag(folder, tmp_path):
  out = tmp_path / 'deep' / 'page.html'
  folders = [
    f'--reference={folder / "metadata_dev"}',
    f'--predictions={folder / "system"}',
  ]
  names = ','.join(f'kind{index}' for index in range(14))
  show = '--show=fold1_room0_mix001_ov1'
  words = [*folders, f'--out={out}', show, f'--class_names={names}']
  refused = {
    'needs --workdir=DIR of a run, or --reference=DIR': [],
    '--out is missing': folders,
    '--class_names has 2 names, but --classes is 3': [
      *folders,
      '--out=x.html',
      '--class_names=a,b',
      '--classes=3',
    ],
    '--edition cannot be used with --workdir': [
      f'--workdir={tmp_path}',
      '--edition=2022',
    ],
    '--folds cannot be used with --workdir': [
      f'--workdir={tmp_path}',
      '--folds=3',
    ],
    '--every means nothing without --follow': [
      f'--workdir={tmp_path}',
      '--every=3',
    ],
    '--out cannot be used with --workdir': [
      f'--workdir={tmp_path}',
      '--out=x.html',
    ],
  }
  assert outcome('seld_jax.report', *words) == (0, f'{out}\n', '')
  text = out.read_text(encoding='utf-8')
  assert 'kind' in text and 'footsteps' not in text
  for message, words in refused.items():
    status, output, errors = outcome('seld_jax.report', *words)
    assert (status, output) == (1, '')
    assert message in errors and errors.count('\n') == 1
