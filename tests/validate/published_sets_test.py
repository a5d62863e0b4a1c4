"""Published datasets have no findings, with the class map of their edition."""

import shutil

import pytest
from helpers.dataset_to_validate import assert_matches, run
from helpers.published_sets import STARSS, l3das22, starss23, stereo2025

from seld_jax import audio, labels, validate


@pytest.fixture(scope='module')
def starss(tmp_path_factory):
  return starss23(tmp_path_factory.mktemp('starss'), formats=('foa',))


@pytest.fixture(scope='module')
def stereo(tmp_path_factory):
  return stereo2025(tmp_path_factory.mktemp('stereo'))


@pytest.fixture(scope='module')
def l3das(tmp_path_factory):
  return l3das22(tmp_path_factory.mktemp('l3das'))


def test_starss_has_no_findings(starss):
  for options in {}, {'csv_edition': '2023', 'num_classes': 13}:
    report = validate.validate(starss, **options)
    assert report.findings == []
    assert report.folds == (1, 3, 4)
    assert report.num_files == report.num_labels == 11


def test_the_stereo_set_has_no_findings(stereo):
  report = validate.validate(stereo, csv_edition='2025', num_classes=13)
  assert report.findings == []
  assert report.folds == (3, 4)
  assert report.num_files == report.num_labels == 18
  assert not report.readings


def test_l3das_has_no_findings_of_microphone_a(l3das):
  report = validate.validate(l3das, sample_rate=32000)
  assert report.findings == []
  assert report.folds == (0, 3, 4)
  assert report.num_files == report.num_labels == 3


@pytest.mark.parametrize(
  ('which', 'flags', 'classes'),
  [
    ('starss', ['--edition=2023'], 13),
    ('stereo', ['--edition=2025'], 13),
    ('l3das', ['--class_map=l3das22', '--sample_rate=32000'], 14),
  ],
)
def test_the_command_knows_the_classes(
  which, flags, classes, request, tmp_path
):
  source = request.getfixturevalue(which)
  done = run(f'--root={source}', *flags)
  assert done.returncode == 0, done.stdout
  assert done.stdout.endswith('Training can start.\n')
  # The config of the edition has these folds, unlike the defaults.
  assert ('also need' in done.stdout) == (which == 'l3das')
  if which == 'l3das':
    return
  root = shutil.copytree(source, tmp_path / 'set')
  name = STARSS['dev-train-tau'][0]
  path = next((root / 'metadata_dev').rglob(f'{name}*.csv'))
  row = '3,13,0,40,100,0' if which == 'stereo' else '3,13,0,40,0,100'
  path.write_text(path.read_text() + row + '\n')
  done = run(f'--root={root}', *flags)
  assert done.returncode == 1
  assert f"0 to {classes - 1}, got '13'" in done.stdout


def test_other_names_of_classes_are_read_from_a_file(l3das, tmp_path):
  path = tmp_path / 'classes.txt'
  path.write_text('\n'.join(labels.L3DAS22_CLASSES[:7]))
  done = run(f'--root={l3das}', '--sample_rate=32000', f'--class_map={path}')
  assert done.returncode == 1
  assert "Keys_jangling, got 'Knock'" in done.stdout
  done = run(f'--root={l3das}', f'--class_map={path}', '--classes=14')
  assert done.returncode == 1
  assert 'has 7 classes, but --classes is 14: leave out one' in done.stderr


def test_left_and_right_of_the_stereo_set_are_compared(stereo, tmp_path):
  root = shutil.copytree(stereo, tmp_path / 'set')
  for path in (root / 'stereo_dev').rglob('*.wav'):
    audio.write(path, audio.read(path, num_channels=2)[::-1])
  (finding,) = validate.validate(root, csv_edition='2025').findings
  assert finding.level == 'error'
  assert_matches('exchange the two channels', finding.text)


def test_labels_shortly_after_the_end_are_a_warning(starss, tmp_path):
  root = shutil.copytree(starss, tmp_path / 'set')
  path = root / 'metadata_dev' / 'dev-test-sony' / 'fold4_room23_mix001.csv'
  text = path.read_text()
  path.write_text(text + '24,0,0,10,0,100\n')
  (finding,) = validate.validate(root).findings
  assert (finding.check, finding.level) == ('duration', 'warning')
  assert_matches('training leaves out the labels after its end', finding.text)
  path.write_text(text + '25,0,0,10,0,100\n')
  (finding,) = validate.validate(root).findings
  assert (finding.check, finding.level) == ('duration', 'error')
