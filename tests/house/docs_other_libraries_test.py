"""docs/other_libraries.md: the code of each section runs, one after another."""

import importlib
import json
import pathlib
import re

import numpy as np
import pytest

from seld_jax import labels, scenes

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'other_libraries.md'
# What the code of a section needs beside seld_jax.
NEEDED = {
  'Training examples': None,
  'PyTorch': 'torch',
  'Grain': 'grain',
  'audiotree': 'audiotree',
  'soundata': 'soundata',
  'Published classes': None,
}


def programs():
  """The code of each section."""
  text = PAGE.read_text(encoding='utf-8')
  _, *parts = re.split(r'^## (.*)$', text, flags=re.MULTILINE)
  return {
    name: '\n'.join(re.findall(r'```python\n(.*?)```', part, re.DOTALL))
    for name, part in zip(parts[::2], parts[1::2], strict=True)
  }


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A dataset of six short recordings, and predictions for them."""
  folder = tmp_path_factory.mktemp('page')
  scenes.synthesize(
    folder / 'data', recordings=6, seconds=2.0, formats=('foa',), num_workers=0
  )
  for path in (folder / 'data' / 'metadata_dev').rglob('*.csv'):
    events = labels.read_csv(path)
    labels.write_csv(folder / 'predictions' / path.name, events)
  (path,) = (folder / 'data' / 'foa_dev').glob('fold1_*.wav')
  for one in folder.rglob(f'{path.stem}.*'):
    one.rename(one.with_stem('fold1_room1_mix001_ov1'))
  return folder


def test_the_test_knows_all_sections():
  assert set(programs()) == set(NEEDED)
  assert all(programs().values())


def add_index(folder, monkeypatch):
  """Gives soundata the index that it would download."""
  core = importlib.import_module('soundata.core')
  module = importlib.import_module('soundata.datasets.tau2020sse_nigens')
  clip = 'foa_dev/fold1_room1_mix001_ov1'
  files = {'audio': f'{clip}.wav', 'events': f'{clip}.csv'}
  files['events'] = files['events'].replace('foa', 'metadata')
  index = {'clips': {clip: {key: [path, ''] for key, path in files.items()}}}
  (folder / 'index.json').write_text(json.dumps(index))
  entry = core.Index(filename='index.json')
  entry.indexes_dir = str(folder)
  monkeypatch.setitem(module.INDEXES, module.INDEXES['default'], entry)


# audioread, which librosa imports to read sound, warns about `aifc`.
@pytest.mark.filterwarnings('ignore:.*deprecated:DeprecationWarning')
@pytest.mark.parametrize('section', NEEDED)
def test_the_code_runs(section, folder, monkeypatch):
  library = NEEDED[section]
  if library is not None:
    pytest.importorskip(library, reason=f'{library} is not installed')
  monkeypatch.chdir(folder)
  if library == 'soundata':
    add_index(folder, monkeypatch)
  sections, names = programs(), {}
  if library in ('torch', 'grain'):
    exec(sections['Training examples'], names)
  exec(sections[section], names)
  if section == 'soundata':
    own = labels.read_csv(names['recordings'][0].labels)
    np.testing.assert_array_equal(names['events'].frame, own.frame)
    np.testing.assert_allclose(names['events'].xyz, own.xyz, atol=1e-9)
  elif section == 'audiotree':
    assert names['log_mel'].shape[0] == 1
    assert names['log_mel'].shape[2:] == (64, 7)
  elif section == 'Published classes':
    error_rate, *_ = names['score_obj'].get_SELD_Results('predictions')
    assert error_rate == pytest.approx(0)
    # `SELDMetrics` saw one class of 14, which was found.
    assert names['F'] == pytest.approx(1 / 14)
  elif section == 'Grain':
    assert names['batch']['features'].shape == (2, 600, 64, 7)
  else:
    shapes = names['example']['features'].shape, names['example']['targets']
    assert shapes[0] == (600, 64, 7)
    assert shapes[1]['activity'].shape == (120, 14)
    assert shapes[1]['doa'].shape == (120, 14, 3)
