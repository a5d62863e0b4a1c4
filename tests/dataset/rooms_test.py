"""Whole rooms are taken out of the training recordings for validation."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import labels
from seld_jax.dataset import Recording, rooms_of, split_rooms
from seld_jax.errors import InputError


def recordings(*names):
  return [
    Recording(name, pathlib.Path(f'{name}.wav'), None, labels.fold_of(name))
    for name in names
  ]


def names(some):
  return [one.name for one in some]


STARSS = recordings(
  *(f'fold1_room{room}_mix{mix:03d}' for room in (1, 4) for mix in (1, 2)),
  *(f'fold3_room{room}_mix{mix:03d}' for room in (4, 6) for mix in (1, 2, 3)),
  'fold3_room21_mix001',
)
# Clips of the set of 2025, several of one recording.
CLIPS = recordings(
  'fold3_room12_mix001_deg000_start1978',
  'fold3_room12_mix001_deg213_start5',
  'fold3_room12_mix004_deg012_start77',
  'fold3_room4_mix001_deg359_start0',
)


def test_named_rooms_are_taken_with_all_their_recordings():
  train, validation = split_rooms(STARSS, rooms=['fold3_room6', 'room21'])
  assert names(validation) == [
    *(f'fold3_room6_mix00{mix}' for mix in (1, 2, 3)),
    'fold3_room21_mix001',
  ]
  assert sorted(names(train + validation)) == sorted(names(STARSS))


def test_all_clips_of_a_room_stay_together():
  train, validation = split_rooms(CLIPS, rooms=['room12'])
  assert (len(validation), names(train)) == (3, [CLIPS[-1].name])


def test_recordings_without_a_room_stay_in_training():
  some = recordings('fold3_kitchen', 'fold3_room1_mix001')
  train, _ = split_rooms(some, rooms=['room1'])
  assert names(train) == ['fold3_kitchen']


def test_a_room_belongs_to_its_fold():
  with pytest.raises(InputError, match='write fold1_room4 or fold3_room4'):
    split_rooms(STARSS, rooms=['room4'])
  _, validation = split_rooms(STARSS, rooms=['fold1_room4'])
  assert {one.fold for one in validation} == {1}


@pytest.mark.parametrize(
  ('rooms', 'words'),
  [
    (['room2'], "'room2', but data.train_folds has the rooms fold1_room1, "),
    (['fold4_room4'], "'fold4_room4', but data.train_folds has"),
    (['room'], "'room', but"),
    (
      ['fold1_room1', 'fold1_room4', 'fold3_room4', 'room6', 'room21'],
      'takes all 11 recordings of data.train_folds',
    ),
  ],
)
def test_rooms_that_cannot_be_taken_are_one_sentence(rooms, words):
  with pytest.raises(InputError) as error:
    split_rooms(STARSS, rooms=rooms)
  assert words in str(error.value)


def test_rooms_can_be_drawn_only_if_all_recordings_have_one():
  with pytest.raises(InputError, match=r'fold3_kitchen\.wav has no room'):
    split_rooms(STARSS + recordings('fold3_kitchen'), share=0.2)
  with pytest.raises(InputError, match='has only the room fold3_room6'):
    split_rooms(STARSS[7:10], share=0.2)


@given(
  st.dictionaries(
    st.sampled_from([f'fold{f}_room{r}' for f in (1, 3) for r in range(9)]),
    st.integers(1, 9),
    min_size=2,
  ),
  st.floats(0.01, 0.99),
  st.integers(0, 2**32 - 1),
  st.randoms(use_true_random=False),
)
def test_drawn_rooms_are_whole_and_their_share_is_near(
  sizes, share, seed, random
):
  some = recordings(
    *(f'{room}_mix{mix:03d}' for room, n in sizes.items() for mix in range(n))
  )
  train, validation = split_rooms(some, share=share, seed=seed)
  assert len(train) + len(validation) == len(some)
  assert train and validation
  assert not {*rooms_of(names(train))} & {*rooms_of(names(validation))}
  # No room that was left out would have brought the share nearer.
  wished = share * len(some)
  distance = abs(len(validation) - wished)
  if len(rooms_of(names(train))) > 1 and len(rooms_of(names(validation))) > 1:
    assert distance <= max(sizes.values())
  # The order of the recordings does not matter.
  mixed = list(some)
  random.shuffle(mixed)
  _, again = split_rooms(mixed, share=share, seed=seed)
  assert sorted(names(again)) == sorted(names(validation))


def test_the_seed_draws_the_rooms():
  drawn = {
    rooms_of(names(split_rooms(STARSS, share=0.3, seed=seed)[1]))
    for seed in range(20)
  }
  assert len(drawn) > 2


def test_one_room_needs_no_list_and_shares_are_between_0_and_1():
  two = recordings('fold1_room1_a', 'fold1_room2_a')
  assert split_rooms(two, rooms='room2') == split_rooms(two, rooms=['room2'])
  for share in (-0.1, 1.5, float('nan')):
    with pytest.raises(InputError, match='share must be between 0 and 1'):
      split_rooms(two, share=share)
