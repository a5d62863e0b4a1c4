"""`ComputeSELDResults` returns what the published class of an edition returns.

The second implementation of the published rules is in `published_results`.
"""

import math

import numpy as np
import pytest
from helpers import published_results as published

from seld_jax import evaluate
from seld_jax.errors import InputError

EDITIONS = ('2020', '2021', '2022', '2023', '2024', '2025')
CLASSES = 3
NAMES = tuple(
  f'fold4_room{room}_mix00{mix}' for room in (1, 2) for mix in (1, 2)
)


def write(path, edition, rows, *, predicted):
  """Writes rows in a form that files of the edition have."""
  lines = []
  for frame, c, track, azimuth, elevation, distance, onscreen in rows:
    place = [azimuth, elevation]
    if predicted and edition in ('2023', '2024'):
      # As the published networks write them, the latter in metres.
      last = distance / 100 if edition == '2024' else 0
      place = [*map(float, published.unit(azimuth, elevation)), last]
    elif edition in ('2023', '2024'):
      place = [azimuth, elevation, distance]
    elif edition == '2025':
      place = [azimuth, distance, onscreen]
    lines.append(','.join(map(repr, (frame, c, track, *place))))
  if edition == '2025':
    lines.insert(0, 'frame,class,source,azimuth,distance,onscreen')
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text('\n'.join([*lines, '']))


def make(folder, edition, *, left_out=()):
  """Writes folders of references and predictions; returns their rows."""
  rng = np.random.default_rng(int(edition))
  found = []
  for index, name in enumerate(NAMES):
    reference, predictions = published.scene(rng, CLASSES)
    split = 'dev-test-sony' if index % 2 else 'dev-test-tau'
    write(
      folder / 'metadata_dev' / split / f'{name}.csv',
      edition,
      reference,
      predicted=False,
    )
    if name not in left_out:
      path = folder / 'predictions' / f'{name}.csv'
      write(path, edition, predictions, predicted=True)
      found.append((reference, predictions))
  return found


def parameters(folder, edition, **changes):
  """The parameters that the published code of an edition has."""
  params = {'dataset_dir': str(folder), 'lad_doa_thresh': 20}
  params |= {'label_hop_len_s': 0.1, 'max_audio_len_s': 60}
  params['unique_classes'] = CLASSES
  if edition <= '2021':
    params['unique_classes'] = {'alarm': 0, 'baby': 1, 'crash': 2}
  else:
    params['average'] = 'macro'
  if edition >= '2024':
    params |= {'segment_based_metrics': False, 'lad_dist_thresh': math.inf}
    params['lad_reldist_thresh'] = 1.0
  if edition == '2024':
    params['evaluate_distance'] = True
  if edition == '2025':
    params['root_dir'] = params.pop('dataset_dir')
    params['nb_classes'] = params.pop('unique_classes')
    params |= {'lad_req_onscreen': False, 'modality': 'audio_visual'}
  return params | changes


def results_of(params, edition, **options):
  # Only 2020, whose published code has no class, and 2023 must be stated.
  stated = edition if edition in ('2020', '2023') else None
  return evaluate.ComputeSELDResults(params, edition=stated, **options)


def published_results(edition, pairs, average='macro', **options):
  """What the class of the edition returns; 2024 has distances in metres."""
  values = list(published.returned(edition, pairs, CLASSES, average, **options))
  if edition == '2024' and len(values) == 8:
    values[3] /= 100
    if average == 'macro':
      values[-1][3] /= 100
  return values


def assert_equal(found, expected):
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)
    assert np.shape(one) == np.shape(other)


@pytest.mark.parametrize('edition', EDITIONS)
@pytest.mark.parametrize('average', ['macro', 'micro'])
def test_results_are_those_of_the_published_class(tmp_path, edition, average):
  pairs = make(tmp_path, edition)
  changes = {} if edition <= '2021' else {'average': average}
  params = parameters(tmp_path, edition, **changes)
  found = results_of(params, edition).get_SELD_Results(tmp_path / 'predictions')
  expected = published_results(edition, pairs, average)
  assert_equal(found, expected)
  f_score = found[0 if edition == '2025' else 1]
  assert 0.01 < f_score < 0.99


@pytest.mark.parametrize('edition', EDITIONS)
@pytest.mark.parametrize('average', ['macro', 'micro'])
def test_intervals_are_those_of_the_published_class(tmp_path, edition, average):
  pairs = make(tmp_path, edition)
  changes = {} if edition <= '2021' else {'average': average}
  params = parameters(tmp_path, edition, **changes)
  found = results_of(params, edition).get_SELD_Results(
    tmp_path / 'predictions', is_jackknife=True
  )

  def of_some(indices):
    some = [pairs[index] for index in indices]
    return published_results(edition, some, average)

  assert_equal([value for value, _ in found], of_some(range(len(pairs))))
  ends = [np.reshape(end, (-1, 2)) for _, end in found if len(end)]
  expected = published.intervals(of_some, len(pairs))
  np.testing.assert_allclose(np.concatenate(ends), expected, atol=1e-6)
  if edition > '2021' and average == 'macro':
    table, table_ends = found[-1]
    assert table_ends.shape == (*table.shape, 2)


@pytest.mark.parametrize('edition', ['2021', '2022', '2023'])
def test_angles_can_be_those_of_vectors(tmp_path, edition):
  pairs = make(tmp_path, edition)
  found = results_of(
    parameters(tmp_path, edition), edition, use_polar_format=False
  ).get_SELD_Results(tmp_path / 'predictions')
  assert_equal(found, published_results(edition, pairs, polar=False))


@pytest.mark.parametrize(
  'changes,options',
  [
    (
      {'segment_based_metrics': True, 'evaluate_distance': False},
      {'by_segment': True},
    ),
    ({'evaluate_distance': False}, {'eval_dist': False}),
    ({'lad_dist_thresh': 1.0}, {'distance': 100}),
  ],
)
def test_modes_of_2024(tmp_path, changes, options):
  pairs = make(tmp_path, '2024')
  params = parameters(tmp_path, '2024', **changes)
  scorer = evaluate.ComputeSELDResults(params)
  assert scorer.segment_level == params['segment_based_metrics']
  assert scorer.evaluate_distance == params['evaluate_distance']
  found = scorer.get_SELD_Results(tmp_path / 'predictions')
  assert_equal(found, published_results('2024', pairs, **options))


def test_modes_of_2025(tmp_path, caplog):
  pairs = make(tmp_path, '2025')
  for modality, onscreen in ('audio_visual', True), ('audio', False):
    params = parameters(
      tmp_path,
      '2025',
      lad_req_onscreen=True,
      lad_dist_thresh=100,
      modality=modality,
    )
    found = evaluate.ComputeSELDResults(params).get_SELD_Results(
      tmp_path / 'predictions'
    )
    expected = published_results('2025', pairs, onscreen=onscreen, distance=100)
    assert_equal(found, expected)
  assert 'is taken as False' in caplog.text


def test_references_without_predictions_are_left_out(tmp_path):
  pairs = make(tmp_path, '2022', left_out=NAMES[:2])
  scorer = evaluate.ComputeSELDResults(parameters(tmp_path, '2022'))
  found = scorer.get_SELD_Results(tmp_path / 'predictions')
  assert_equal(found, published_results('2022', pairs))


@pytest.mark.parametrize('edition', EDITIONS)
def test_files_without_rows_are_silence(tmp_path, edition):
  pairs = make(tmp_path, edition)
  pairs[1] = (pairs[1][0], [])
  write(
    tmp_path / 'predictions' / f'{NAMES[1]}.csv', edition, [], predicted=True
  )
  scorer = results_of(parameters(tmp_path, edition), edition)
  found = scorer.get_SELD_Results(tmp_path / 'predictions')
  assert_equal(found, published_results(edition, pairs))


def test_rooms_are_scored_alone(tmp_path, capsys):
  pairs = make(tmp_path, '2023')
  folder = tmp_path / 'metadata_dev'
  scorer = evaluate.ComputeSELDResults(
    parameters(tmp_path / 'none', '2023'), ref_files_folder=folder
  )
  found = scorer.get_consolidated_SELD_results(tmp_path / 'predictions')
  assert found.keys() == {'all', 'room'}
  assert_equal(found['all'][0], published_results('2023', pairs))
  for room in 1, 2:
    some = pairs[2 * room - 2 : 2 * room]
    assert_equal(found['room'][room], published_results('2023', some))
  assert 'Scores of room 2 (2): ER ' in capsys.readouterr().out


def test_files_are_grouped_by_room():
  group = evaluate.ComputeSELDResults.get_nb_files
  names = ['fold4_room2_mix001.csv', 'fold4_room10_mix001.csv']
  assert group(names) == {0: names}
  assert group(names, tag='room') == {2: names[:1], 1: names[1:]}
  with pytest.raises(InputError, match='no digit of a room'):
    group(['mix001.csv'], 'room')
  with pytest.raises(InputError, match='tag must be'):
    group(names, 'ir')


@pytest.mark.parametrize(
  'edition,changes,message',
  [
    ('2022', {'lad_doa_thresh': None}, "needs 'lad_doa_thresh'"),
    ('2022', {'unique_classes': None}, "'unique_classes' or 'nb_classes'"),
    ('2022', {'average': 'mean'}, 'average must be one of macro, micro'),
    ('2022', {'dataset_dir': None}, "needs 'dataset_dir'"),
    ('2022', {'dataset_dir': 'nowhere'}, 'is not a folder'),
    ('2022', {'label_hop_len_s': 0}, 'label_hop_len_s must be above 0'),
    ('2024', {'segment_based_metrics': True}, 'no scores of distances'),
    ('2022', {'lad_doa_thresh': 'wide'}, "must be a number, got 'wide'"),
    ('2022', {'max_audio_len_s': float('nan')}, 'must be a number, got nan'),
    ('2022', {'max_audio_len_s': float('inf')}, 'above 0 and finite'),
  ],
)
def test_wrong_parameters_are_refused(tmp_path, edition, changes, message):
  make(tmp_path, edition)
  params = parameters(tmp_path, edition, **changes)
  params = {key: value for key, value in params.items() if value is not None}
  with pytest.raises(InputError, match=message):
    evaluate.ComputeSELDResults(params)


def test_numbers_of_other_types_are_numbers(tmp_path):
  make(tmp_path, '2022')
  params = parameters(tmp_path, '2022')
  expected = evaluate.ComputeSELDResults(params)
  count = params['unique_classes']
  for classes in np.int64(count), float(count), range(count):
    other = {**params, 'unique_classes': classes, 'lad_doa_thresh': '20'}
    found = evaluate.ComputeSELDResults(other, edition=2022)
    scores, wanted = (
      one.get_SELD_Results(tmp_path / 'predictions')
      for one in (found, expected)
    )
    np.testing.assert_equal(scores, wanted)


def test_wrong_files_are_refused(tmp_path):
  make(tmp_path, '2022')
  scorer = evaluate.ComputeSELDResults(parameters(tmp_path, '2022'))
  (tmp_path / 'empty').mkdir()
  with pytest.raises(InputError, match='holds no CSV files'):
    scorer.get_SELD_Results(tmp_path / 'empty')
  (tmp_path / 'predictions' / 'other.csv').write_text('')
  with pytest.raises(InputError, match='has no reference'):
    scorer.get_SELD_Results(tmp_path / 'predictions')
  with pytest.raises(InputError, match='no published results class'):
    evaluate.ComputeSELDResults(parameters(tmp_path, '2022'), edition='2019')
