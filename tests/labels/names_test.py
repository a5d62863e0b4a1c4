"""Names of recordings are parsed; other names give None."""

import re

from hypothesis import given
from hypothesis import strategies as st

from seld_jax import labels

number = st.integers(0, 999)
rest = st.text(st.characters(exclude_categories=['Cs']), max_size=20)


kinds = st.sampled_from(['fold', 'split'])


@given(kinds, number, number, number, st.none() | number)
def test_parts_of_a_name_of_2020_to_2025(kind, fold, room, mix, overlap):
  name = f'{kind}{fold}_room{room}_mix{mix:03d}'
  if overlap is not None:
    name += f'_ov{overlap}'
  expected = labels.NameParts(
    f'{kind}{fold}', f'room{room}', None if overlap is None else f'ov{overlap}'
  )
  assert labels.parse_name(name) == expected
  assert labels.fold_of(name) == fold


@given(kinds, number, number, number, number)
def test_parts_of_a_name_of_2019(kind, split, room, overlap, index):
  name = f'{kind}{split}_ir{room}_ov{overlap}_{index}'
  expected = labels.NameParts(f'{kind}{split}', f'ir{room}', f'ov{overlap}')
  assert labels.parse_name(name) == expected
  assert labels.fold_of(name) == split


@given(number, number, number, st.integers(0, 359), st.integers(0))
def test_clips_of_2025_have_the_room_of_their_recording(
  fold, room, mix, degrees, start
):
  recording = f'fold{fold}_room{room}_mix{mix:03d}'
  clip = f'{recording}_deg{degrees:03d}_start{start}'
  assert labels.parse_name(clip) == labels.parse_name(recording)
  assert labels.room_of(clip) == f'fold{fold}_room{room}'


@given(kinds, number, number, rest)
def test_the_room_needs_only_the_beginning_of_a_name(kind, fold, room, rest):
  for place in 'room', 'ir':
    beginning = f'{kind}{fold}_{place}{room}'
    assert labels.room_of(f'{beginning}_{rest}') == beginning
    assert labels.room_of(beginning) == beginning
    assert labels.room_of(f'x{beginning}_{rest}') is None
  assert labels.room_of(f'{kind}{fold}_rooms{room}_{rest}') is None


@given(kinds, number, rest)
def test_fold_needs_only_the_beginning_of_a_name(kind, fold, rest):
  assert labels.fold_of(f'{kind}{fold}_{rest}') == fold
  assert labels.fold_of(f'x{kind}{fold}_{rest}') is None


@given(
  rest
  | st.from_regex(
    r'(fold|split)[0-9]{0,3}(_(room|ir|mix|ov)[0-9]{0,3}){0,4}', fullmatch=True
  )
)
def test_any_text_is_parsed_consistently(text):
  parts, fold = labels.parse_name(text), labels.fold_of(text)
  if parts is not None:
    assert text.startswith(f'{parts.fold}_{parts.room}_')
    assert int(re.sub('fold|split', '', parts.fold)) == fold
    assert parts.overlap is None or f'_{parts.overlap}' in text
  if fold is None:
    assert parts is None
  else:
    assert re.match(f'(fold|split)0*{fold}_', text)


def test_names_of_other_forms_have_no_parts():
  for name in (
    '',
    'mix001',
    'kitchen_01',
    'fold1',
    'fold1_room1',
    'fold_room1_mix001',
    'fold1_room1_mix001_ov1.wav',
    'fold1_room1_mix001_ov1_extra',
    'fold1_room1_mix001_deg000',
    'sample0001',
  ):
    assert labels.parse_name(name) is None, name
  assert labels.fold_of('fold1') is None
  assert labels.fold_of('fold1_room1') == 1


@given(st.integers(1, 10**7), st.sampled_from([16000, 24000, 44100, 48000]))
def test_label_frames_cover_the_recording(num_samples, sample_rate):
  frames = labels.count_frames(num_samples, sample_rate)
  # Exact, in units of 1 / (10 sample_rate) seconds.
  assert (frames - 1) * sample_rate < 10 * num_samples <= frames * sample_rate
  assert labels.count_frames(0, sample_rate) == 0
