"""Datasets in any supported layout have no findings."""

import re
import shutil

import pytest
from helpers.dataset_to_validate import NAMES, assert_matches, run

from seld_jax import validate
from seld_jax.errors import InputError
from seld_jax.validate import readings


def scenes_as_generated(root, microphones):
  """Writes the dataset in the layout of scenes that AudibleLight generates."""
  for name in NAMES:
    for microphone in microphones:
      kind = 'mic' if microphone == 'mic' else 'foa'
      folder = root / 'scenes' / name
      folder.mkdir(parents=True, exist_ok=True)
      shutil.copy(
        root / f'{kind}_dev' / f'{name}.wav',
        folder / f'audio_out_{microphone}.wav',
      )
      shutil.copy(
        root / 'metadata_dev' / f'{name}.csv',
        folder / f'metadata_out_{microphone}.csv',
      )
  return root / 'scenes'


def test_evaluation_recordings_need_no_labels(root, sound_dataset):
  (root / 'foa_dev').rename(root / 'foa_eval')
  shutil.rmtree(root / 'metadata_dev')
  shutil.rmtree(root / 'mic_dev')
  without_labels = run(f'--root={root}')
  assert without_labels.returncode == 1
  assert 'there is nothing to train on' in without_labels.stdout
  report = validate.validate(root)
  assert [f.check for f in report.findings] == ['recordings']
  assert report.readings == {None: 4}
  # Together with recordings to train on, they are no problem.
  shutil.copytree(sound_dataset, root, dirs_exist_ok=True)
  assert validate.validate(root).findings == []


@pytest.mark.parametrize('number', [1, 4])
def test_names_without_a_fold_are_reported(root, number):
  for name in NAMES[:number]:
    for folder, end in ('foa', 'wav'), ('mic', 'wav'), ('metadata', 'csv'):
      path = root / f'{folder}_dev' / f'{name}.{end}'
      path.rename(path.with_name(f'a_{path.name}'))
  report = validate.validate(root)
  # Training leaves out recordings without a fold, but it needs some with one.
  level = 'error' if number == 4 else 'warning'
  assert [f.level for f in report.findings] == [level, level]
  for finding in report.findings:
    assert_matches(f'{number} of 4 .* such as a_{NAMES[0]}', finding.text)


def test_the_folds_are_compared_with_those_of_the_edition(root):
  for path in root.glob('*_dev/fold*'):
    fold = int(path.name[4]) + 2  # 3 and 4, as in STARSS
    path.rename(path.with_name(f'fold{fold}{path.name[5:]}'))
  (root / 'scenes.csv').unlink()
  assert 'because the defaults also need 1, 2' in run(f'--root={root}').stdout
  ended = run(f'--root={root}', '--edition=2022', '--csv_edition=2020')
  assert 'Training can start.' in ended.stdout
  assert 'also need' not in ended.stdout


def test_the_same_name_in_two_folders_is_an_error(root):
  shutil.rmtree(root / 'mic_dev')
  shutil.copytree(root / 'foa_dev', root / 'foa_dev' / 'again')
  [finding] = validate.validate(root).findings
  assert finding.level == 'error'
  assert_matches('have the same name', finding.text)


@pytest.mark.parametrize(
  ('microphones', 'files'),
  [(['foa'], 4), (['any'], 4), (['foa', 'mic'], 8), (['foa', 'ambeo'], 4)],
)
def test_generated_scenes_have_no_findings(root, microphones, files):
  report = validate.validate(scenes_as_generated(root, microphones))
  assert report.findings == []
  assert (report.num_files, report.num_labels) == (files, files)
  assert report.readings == {readings.EXPECTED_READING: 4}


def test_generated_scenes_need_one_microphone_and_labels(root):
  scenes = scenes_as_generated(root, ['a', 'b'])
  report = validate.validate(scenes)
  assert report.num_errors == len(report.findings) == 2
  assert_matches('holds the microphones a, b', report.findings[0].text)
  for path in scenes.rglob('*_b.*'):
    path.unlink()
  (scenes / NAMES[0] / 'metadata_out_a.csv').unlink()
  [finding] = validate.validate(scenes).findings
  assert_matches('label file .*metadata_out_a.csv is missing', finding.text)


def test_folders_of_other_generators_have_no_findings(root):
  (root / 'foa_dev').rename(root / 'foa')
  (root / 'metadata_dev').rename(root / 'labels')
  shutil.rmtree(root / 'mic_dev')
  for folder, end in ('foa', 'wav'), ('labels', 'csv'):
    (root / folder / 'dev-test-tau').mkdir()
    for name in NAMES[:2]:
      path = root / folder / f'{name}.{end}'
      path.rename(path.parent / 'dev-test-tau' / path.name)
  report = validate.validate(root)
  assert report.findings == []
  assert report.readings == {readings.EXPECTED_READING: 4}


@pytest.mark.parametrize(
  ('folder', 'target'),
  [
    ('foa_eval', '..'),
    ('metadata_eval', '..'),
    ('mic_dev', '..'),
    ('mic_dev', '/nonexist'),
    ('foa_dev', '..'),
  ],
)
def test_links_that_lead_nowhere_are_one_error_in_any_folder(
  root, folder, target
):
  shutil.copytree(root / 'foa_dev', root / 'foa_eval')
  shutil.copytree(root / 'metadata_dev', root / 'metadata_eval')
  link = root / folder / 'zz'
  link.symlink_to(target)
  [finding] = [
    one for one in validate.validate(root).findings if one.level == 'error'
  ]
  assert_matches(re.escape(str(link)), finding.text)


def test_a_loop_in_the_only_folder_is_the_only_error(root):
  shutil.rmtree(root / 'mic_dev')
  shutil.copytree(root / 'foa_dev', root / 'foa_eval')
  (root / 'foa_dev' / 'loop').symlink_to('..')
  [finding] = validate.validate(root).findings
  assert_matches('loop', finding.text)


def test_a_folder_without_a_dataset_is_refused(tmp_path):
  with pytest.raises(InputError, match='holds no audio: expected foa_dev'):
    validate.validate(tmp_path)
  with pytest.raises(InputError, match='gone is not a folder'):
    validate.validate(tmp_path / 'gone')
