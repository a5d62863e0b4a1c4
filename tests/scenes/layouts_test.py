"""Sets have the folders, folds and names of the published datasets."""

import collections
import csv
import json
import re
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.folder_contents import tree
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import dataset, validate
from seld_jax.errors import InputError
from seld_jax.scenes import is_complete, layouts, plan, synthesize

STARSS = {
  'dev-train-sony': (3, 40),
  'dev-train-tau': (3, 50),
  'dev-test-sony': (4, 30),
  'dev-test-tau': (4, 48),
}
OPTIONS: dict[str, Any] = {
  'recordings': 6,
  'seconds': 2.0,
  'layout': 'starss23',
  'csv_edition': '2024',
  'num_workers': 0,
}


@pytest.fixture(scope='module')
def starss(tmp_path_factory):
  """A set in the layout of STARSS23, with synthetic recordings beside it."""
  out = tmp_path_factory.mktemp('layouts') / 'starss'
  synthesize(out, folds=(1, 3, 4), **OPTIONS)
  return out


def test_a_set_like_starss_has_its_folders_and_is_found_and_valid(starss):
  found = collections.Counter()
  for path in (starss / 'foa_dev').rglob('*.wav'):
    part = path.parent.name
    table = starss / 'metadata_dev' / part / f'{path.stem}.csv'
    assert table.is_file()
    assert path.parent.parent == starss / 'foa_dev'
    fold = 1 if part == 'dev-train-synth' else STARSS[part][0]
    assert re.fullmatch(rf'fold{fold}_room\d+_mix\d{{3}}', path.stem)
    found[part] += 1
  assert set(found) == {*STARSS, 'dev-train-synth'}
  for fold in 1, 3, 4:
    assert dataset.find_recordings(starss, folds=(fold,))
  report = validate.validate(starss, csv_edition='2024', num_workers=1)
  assert not report.findings
  text = ' '.join((starss / 'README.md').read_text().split())
  assert 'in the layout of STARSS23' in text
  assert 'dev-train-synth (fold 1)' in text
  assert '- 12: knock' in text
  settings = json.loads((starss / 'synthesis.json').read_text())
  assert settings['layout'] == 'starss23'
  assert settings['classes'] == 'starss'


def test_folds_and_sites_share_neither_rooms_nor_sounds(starss):
  with open(starss / 'scenes.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  where = collections.defaultdict(set)
  for row in rows:
    (path,) = (starss / 'foa_dev').rglob(f'{row["file"]}.wav')
    where['room', row['room_size']].add(path.parent.name)
    where['sound', row['sound']].add(row['fold'])
  assert all(len(places) == 1 for places in where.values())


def test_an_interrupted_set_in_folders_is_completed(starss, tmp_path):
  out = tmp_path / 'again'
  synthesize(out, folds=(1, 3, 4), **OPTIONS)
  wavs = sorted(out.rglob('*.wav'))
  wavs[0].unlink()
  fragment = wavs[1].with_name(f'.{wavs[1].stem}-1234abcd.half.wav')
  fragment.touch()
  (out / 'README.md').unlink()
  assert not is_complete(out)
  kept = wavs[2].stat().st_mtime_ns
  synthesize(out, folds=(1, 3, 4), **OPTIONS)
  assert tree(out) == tree(starss)
  assert wavs[2].stat().st_mtime_ns == kept
  with pytest.raises(InputError, match='layout starss23, but layout tau2020'):
    synthesize(out, **dict(OPTIONS, layout='tau2020'), folds=(1, 3, 4))


def test_numbers_of_recordings_are_in_the_published_proportion():
  made = plan.plan_recordings(
    (3, 4), 168, evaluation=False, seed=0, layout=layouts.LAYOUTS['starss23']
  )
  counts = collections.Counter((one.folder, one.fold) for one in made)
  assert counts == {
    (folder, fold): count for folder, (fold, count) in STARSS.items()
  }


@pytest.mark.parametrize('layout', layouts.LAYOUTS)
@pytest.mark.parametrize('total', [1, 5, 60, 1500])
def test_every_layout_has_all_recordings_and_every_room_in_one_part(
  layout, total
):
  form = layouts.LAYOUTS[layout]
  folds = sorted({part.fold for part in form.parts})
  made = plan.plan_recordings(
    folds, total, evaluation=False, seed=0, layout=form
  )
  assert len(made) == total
  assert len({one.name for one in made}) == total
  assert len({(one.fold, one.mix) for one in made}) == total
  parts = collections.defaultdict(set)
  for one in made:
    parts[one.fold, one.room].add(one.folder)
    assert f'fold{one.fold}_room{one.room}_' in one.name
    assert one.name.endswith(f'_ov{one.overlap}') == (layout == 'tau2020')
  assert all(len(folders) == 1 for folders in parts.values())


def test_rooms_of_sony_begin_at_21_as_published():
  made = plan.plan_recordings(
    (3, 4), 20, evaluation=False, seed=0, layout=layouts.LAYOUTS['starss23']
  )
  rooms = {
    (one.folder, one.room) for one in made if one.folder.endswith('sony')
  }
  assert min(room for _, room in rooms) == 21
  assert len({room for _, room in rooms}) == len(rooms)


def test_folders_of_2021_are_those_of_its_folds():
  made = plan.plan_recordings(
    range(1, 7), 12, evaluation=False, seed=0, layout=layouts.LAYOUTS['tau2021']
  )
  assert {(one.fold, one.folder) for one in made} == {
    *((fold, 'dev-train') for fold in (1, 2, 3, 4)),
    (5, 'dev-val'),
    (6, 'dev-test'),
  }


@pytest.mark.parametrize('layout', layouts.LAYOUTS)
@pytest.mark.parametrize('folds', [None, (1, 3, 4), (3,), (3, 4, 7, 8)])
def test_no_fold_of_sounds_is_used_by_two_folds(layout, folds):
  sounds = layouts.sounds_of(layouts.LAYOUTS[layout], folds)
  used = [fold for own in sounds.values() for fold in own]
  assert len(used) == len(set(used))
  if folds is None:
    assert sorted(used) == list(range(1, 9))


@given(
  total=st.integers(0, 5000),
  shares=st.lists(st.integers(1, 99), min_size=1, max_size=8),
)
def test_quotas_add_up_and_are_the_exact_shares_but_for_rounding(total, shares):
  counts = plan._quotas(total, shares)
  assert sum(counts) == total
  exact = np.array(shares) * total / sum(shares)
  assert np.abs(counts - exact).max() < 1


def test_a_fold_without_sounds_leaves_its_folders_out(tmp_path):
  (tmp_path / 'sounds').mkdir()
  noise = np.random.default_rng(0).standard_normal(9600) * 0.1
  soundfile.write(tmp_path / 'sounds' / 'a.wav', noise, 24000)
  (tmp_path / 'sounds' / 'manifest.csv').write_text(
    'file,class,fold\na.wav,bell,5\n'
  )
  out = tmp_path / 'out'
  options = dict(OPTIONS, events=tmp_path / 'sounds', seconds=1.0, recordings=2)
  synthesize(out, **options)
  assert {path.name for path in (out / 'foa_dev').iterdir()} == {
    'dev-train-sony',
    'dev-train-tau',
  }
  with pytest.raises(InputError, match=r'nothing to render.* folds 4'):
    synthesize(tmp_path / 'other', **options, folds=(4,))
  assert not (tmp_path / 'other').exists()
