"""Steps that are written as text are calls of the functions of the package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import distinct_features
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import augment, outputs
from seld_jax.errors import InputError

OUTPUT = outputs.make('accdoa', num_classes=3)
DOMAIN = augment.feature_domain(format='foa', output=OUTPUT, num_frames=50)
KEY = jax.random.key(1)


def targets():
  return {'accdoa': np.ones((10, 1, 3, 3), np.float32)}


def test_written_steps_are_those_made_in_python():
  before, after, names = augment.make_steps(
    [
      'symmetries(count=48)',
      ' gain( max_db = 3 ) ',
      'equaliser(max_db=2.5)',
      'frequency_shift(max_bands=2)',
      'cutout(max_frames=10, max_bands=4)',
      'masks(share_channels=True, labels=True)',
    ],
    domain=DOMAIN,
  )
  assert names == (
    *('symmetries', 'gain', 'equaliser', 'frequency_shift', 'cutout'),
    'masks',
  )
  first = augment.compose(
    augment.symmetries(DOMAIN, count=48),
    augment.gain(DOMAIN, max_db=3.0),
    augment.equaliser(DOMAIN, max_db=2.5),
    augment.frequency_shift(DOMAIN, max_bands=2),
  )
  second = augment.compose(
    augment.cutout(DOMAIN, max_frames=10, max_bands=4),
    augment.masks(DOMAIN, share_channels=True, labels=True),
  )
  cells = distinct_features((50, 64, 7))
  for written, made in (before, first), (after, second):
    found, expected = (one(KEY, cells, targets()) for one in (written, made))
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_every_step_can_be_written_without_parameters():
  domain = augment.feature_domain(
    format='foa', output=OUTPUT, xy_correlation=True
  )
  for name in augment.STEPS:
    augment.make_steps([f'{name}()'], domain=domain)
  of_audio = augment.audio_domain(format='foa', output=OUTPUT)
  augment.make_steps(['rotation(max_angle=20)'], domain=of_audio)


@pytest.mark.parametrize(
  'call', ['gain(max_db={})', 'equaliser(max_db={})', 'mixup(probability={})']
)
def test_a_number_without_a_point_is_the_same_number(call):
  keys = jax.random.split(KEY, 2)
  cells = jnp.stack([distinct_features((5, 64, 7))] * 2)
  batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), targets())
  found = []
  for number in '1', '1.0':
    step, _, _ = augment.make_steps([call.format(number)], domain=DOMAIN)
    batched = jax.vmap(step, axis_name=augment.EXAMPLES)
    found.append(batched(keys, cells, batch))
  jax.tree.map(np.testing.assert_array_equal, *found)


def test_no_steps_change_nothing():
  before, after, names = augment.make_steps([], domain=DOMAIN)
  cells = distinct_features((5, 64, 7))
  for step in before, after:
    assert step(KEY, cells, targets())[0] is cells
  assert names == ()


@pytest.mark.parametrize(
  ('texts', 'message'),
  [
    (['gian()'], r"Step 1, 'gian\(\)': there is no step gian \(did you mean"),
    (['gain()', 'blur()'], r'Step 2, .* there is no step blur; the steps are'),
    (
      ['blur()'],
      'the steps are symmetries, rotation, gain, equaliser, mixup, frequency',
    ),
    (['mixup()', 'gain()', 'mixup()'], 'Step 3, .* add the same example again'),
    (
      ['masks(labels=True, share_channels=True, num_time_masks=0)'],
      'labels = True has no effect without time masks',
    ),
    (['gain'], 'must be a call with named parameters'),
    (['gain('], 'must be a call with named parameters'),
    (['gain().real()'], 'must be a call with named parameters'),
    (['1'], 'must be a call with named parameters'),
    ([''], 'must be a call with named parameters'),
    (['gain(' + '(' * 500], 'must be a call with named parameters'),
    (['gain(max_db=' + '-' * 5000 + '1)'], 'must be a call with named'),
    (['gain(6)'], r'parameters need a name, such as gain\(max_db=...\)'),
    (['gain(**{"max_db": 6})'], r'gain has no parameter \*\*'),
    (['gain(max_bd=6)'], r'no parameter max_bd \(did you mean max_db\?\)'),
    (['gain(domain=6)'], 'gain has no parameter domain'),
    (['gain(max_db=6, max_db=7)'], 'given twice|must be a call'),
    (['gain(max_db="6")'], "max_db must be a number, got '6'"),
    (['gain(max_db=True)'], 'max_db must be a number, got True'),
    (['gain(max_db=1e999)'], 'max_db must be a number'),
    (['gain(max_db=open)'], 'max_db must be a number, got open'),
    (['cutout(max_frames=2.0)'], 'max_frames must be an integer, got 2.0'),
    (['cutout(max_frames=10**9)'], 'max_frames must be an integer'),
    ([f'cutout(max_frames={10**30})'], 'max_frames must be an integer'),
    (['masks(labels=1)'], 'labels must be True or False, got 1'),
    (['gain(max_db=-6)'], 'max_db must be above 0 and at most 60, got -6'),
    (['cutout(max_frames=51)'], 'max_frames must be from 1 to 50, got 51'),
    (['rotation()'], 'set features.xy_correlation = True .* or use symmetries'),
    (['symmetries(count=5)'], '4, 8, 16 or 48, got 5'),
    (
      ['gain()', 'masks()', 'mixup()'],
      r"Step 3, 'mixup\(\)': mixup changes features before .* but masks after",
    ),
  ],
)
def test_mistakes_are_one_sentence_that_names_the_step(texts, message):
  with pytest.raises(InputError, match=message) as caught:
    augment.make_steps(texts, domain=DOMAIN)
  assert '\n' not in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='gain(max_db=0.5)[]{},*\'"\\\n\0é-', max_size=30))
def test_any_text_is_a_step_or_a_sentence(text):
  try:
    augment.make_steps([text], domain=DOMAIN)
  except InputError as error:
    assert str(error).startswith('Step 1')


def test_symmetries_of_arrays_are_only_those_they_have():
  domain = augment.feature_domain(format='mic', output=OUTPUT)
  with pytest.raises(InputError, match='mic has 8 symmetries here, got count'):
    augment.make_steps(['symmetries(count=48)'], domain=domain)
  salsa = augment.feature_domain(format='mic', kind='salsa', output=OUTPUT)
  with pytest.raises(InputError, match='SALSA of microphones cannot be turned'):
    augment.make_steps(['symmetries()'], domain=salsa)
