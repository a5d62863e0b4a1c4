"""The command reads files of other forms and other frames by its flags."""

import json

import numpy as np
import pytest
from helpers.recordings_to_evaluate import run

from seld_jax import evaluate, labels

REFERENCE = ''.join(f'{frame},8,0,0,0,200\n' for frame in range(10, 20))


@pytest.fixture
def write(tmp_path):
  """Writes some recordings; returns the flags with both folders."""

  def write(reference, *predictions):
    flags = []
    for folder, texts in (
      ('reference', [reference] * len(predictions)),
      ('predictions', predictions),
    ):
      (tmp_path / folder).mkdir()
      for index, text in enumerate(texts):
        (tmp_path / folder / f'mix{index}.csv').write_text(text)
      flags.append(f'--{folder}={tmp_path / folder}')
    return flags

  return write


def scores(*flags):
  done = run(*flags, '--edition=2024', '--frames=last_reference', '--json')
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout), done.stderr


def test_each_folder_may_have_its_own_frames(write):
  short = ''.join(f'{frame},8,0,10,0,200\n' for frame in range(50, 100))
  result, _ = scores(*write(REFERENCE, short), '--label_hop=0.1,0.02')
  assert result['DOAE'] == pytest.approx(10)
  assert result['F20'] == pytest.approx(1 / result['num_classes'])


@pytest.mark.parametrize('hop', ['0', 'x', '0.1,0.02,0.1', '-0.1', 'inf'])
def test_wrong_hop_is_refused(write, hop):
  done = run(*write(REFERENCE, ''), f'--label_hop={hop}', '--edition=2021')
  assert done.returncode == 1
  assert '--label_hop needs the seconds of a frame' in done.stderr


def test_five_columns_with_a_distance_are_scored(write):
  near = REFERENCE.replace(',0,0,0,200', ',-1,0,80')
  far = REFERENCE.replace(',0,0,0,200', ',1.5,0,240')
  flags = write(REFERENCE, near, far)
  result, _ = scores(*flags)
  stated, _ = scores(*flags, '--predictions_form=submission_distance')
  assert stated == result
  assert result['RDE'] == pytest.approx((0.6 + 0.2) / 2)
  done = run(
    *flags, '--edition=2024', '--frames=20', '--predictions_form=polar'
  )
  assert done.returncode == 1
  assert 'mix1.csv, line 1: track must be an integer' in done.stderr


def test_folder_with_many_faults_gives_one_warning_of_each_kind(write):
  text = REFERENCE + '12,13,0,5,0,3\n13,8,0,5,0,-0.1\n'
  result, warnings = scores(*write(REFERENCE, *[text] * 20))
  assert result['recordings'] == 20
  found = [line for line in warnings.splitlines() if 'more like this' in line]
  assert len(found) == 2, warnings
  assert all('and 19 more like this, in 20 files' in line for line in found)


def test_options_reach_the_reader(write):
  (reference, predictions) = (
    flag.partition('=')[2]
    for flag in write(REFERENCE, '5,8,0,0,0\n', '6,8,0,0,0\n')
  )
  options = evaluate.FolderOptions(
    edition='2021', label_hop=0.2, predictions_form='polar'
  )
  found = evaluate.read_folders(reference, predictions, options)
  np.testing.assert_array_equal(found.predictions[0].frame, [10, 11])
  np.testing.assert_array_equal(found.references[0].frame, np.arange(20, 40))


@pytest.mark.parametrize('edition', ['2020', '2022', '2023'])
def test_elevations_that_overshoot_are_no_distances(write, edition):
  late = ''.join(f'{frame},8,0,22,92\n' for frame in range(10, 20))
  done = run(*write(REFERENCE, late), f'--edition={edition}', '--frames=20')
  assert done.returncode == 1
  assert 'mix0.csv, line 1: elevation must be' in done.stderr


@pytest.mark.parametrize('edition', ['2020', '2022'])
def test_editions_without_distances_need_a_stated_one(write, edition):
  near = REFERENCE.replace(',0,0,0,200', ',1.5,0,240')
  flags = [*write(REFERENCE, near), f'--edition={edition}', '--frames=20']
  done = run(*flags)
  assert done.returncode == 1
  assert '--predictions_form=submission_distance' in done.stderr
  done = run(*flags, '--predictions_form=submission_distance')
  assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('edition', ['2019', '2021'])
@pytest.mark.parametrize('hop', [[], ['--label_hop=0.1,0.02']])
def test_divided_frames_are_not_scored(write, edition, hop):
  text = ''.join(f'{n // 5},4,0,{10 + 10 * (n % 5)},0\n' for n in range(500))
  flags = write('0,4,0,10,0\n', text)
  done = run(*flags, f'--edition={edition}', *hop)
  assert done.returncode == 1
  assert 'as if its frame numbers had been divided' in done.stderr


@pytest.mark.parametrize(
  ('reference', 'unit'),
  [
    (REFERENCE, ''),  # centimetres, as the form has them
    (REFERENCE.replace(',200', ',2'), 'm'),
  ],
)
def test_small_distances_of_a_run_need_no_units(
  write, tmp_path, reference, unit
):
  near = REFERENCE.replace(',200', ',7')  # a network that has hardly learned
  flags = write(reference, near)
  flags[1] = f'--predictions={into_run(tmp_path, unit)}'
  result, _ = scores(*flags)
  assert result['RDE'] == pytest.approx((2 - 0.07) / 2)


def test_impossible_distances_of_the_reference_of_a_run_are_refused(
  write, tmp_path
):
  flags = write(REFERENCE.replace(',200', ',2'), REFERENCE)
  flags[1] = f'--predictions={into_run(tmp_path, "")}'
  flags += ['--edition=2024', '--frames=last_reference', '--json']
  done = run(*flags)
  assert done.returncode == 1
  assert 'are below 0.02 m, which cannot be; state the units' in done.stderr
  done = run(*flags, '--reference_unit=m', '--predictions_unit=cm')
  assert json.loads(done.stdout)['RDE'] == 0


def into_run(tmp_path, unit):
  """Moves the predictions into a run directory; returns their new folder."""
  folder = tmp_path / 'run' / 'predictions' / 'test'
  folder.parent.mkdir(parents=True)
  (tmp_path / 'predictions').rename(folder)
  config = {
    'data': {'classes': list(labels.TAU2020_CLASSES), 'distance_unit': unit},
    'eval': {'edition': '2024'},
    'output': {'distance': True},
  }
  (tmp_path / 'run' / 'config.json').write_text(json.dumps(config))
  (tmp_path / 'run' / 'scores.json').write_text('{}')
  return folder
