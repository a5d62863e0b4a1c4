"""Model cards, read by the library of a hub."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import huggingface_hub
import pytest

import seld_jax
from seld_jax import config as config_lib
from seld_jax import runs
from seld_jax.train import model_card, snapshot

RUN = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1' / 'run'


def metadata(card: huggingface_hub.ModelCard) -> Any:
  return card.data


def make(config=None, **keywords):
  trained = snapshot.Trained(config or config_lib.default(), 4, {'params': {}})
  return model_card.make(trained, name='rooms: "two"', **keywords)


def test_a_hub_reads_the_scores():
  scores = runs.read_scores(RUN)
  card = huggingface_hub.ModelCard(make(scores=scores, license='cc-by-4.0'))
  data = metadata(card)
  assert data.library_name == 'seld_jax'
  assert data.license == 'cc-by-4.0'
  assert 'ambisonics' in data.tags
  assert data.model_name == 'rooms: "two"'
  found = {
    (one.dataset_name, one.metric_type): one.metric_value
    for one in data.eval_results
  }
  expected = {
    (f'{one["name"]} ({one["num_recordings"]})', name): one['scores'][name]
    for one in scores['results']
    for name in ('ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score')
  }
  assert found == expected
  for value in '3.062', '180.0°':
    assert f'| {value} |' in card.text


@pytest.mark.parametrize(
  ('fields', 'words'),
  [
    ({'format': 'foa'}, 'log-mel spectra and intensity vectors'),
    ({'format': 'mic'}, 'log-mel spectra and GCC-PHAT'),
    ({'format': 'mic', 'kind': 'salsa_lite'}, 'SALSA-Lite'),
    ({'format': 'stereo'}, 'log-mel spectra'),
    ({'format': 'stereo', 'stereo': ('level',)}, 'log-mel spectra, level'),
  ],
)
def test_the_features_are_those_of_the_network(fields, words):
  config = config_lib.default()
  config.features.update(fields)
  assert f'| features | {words} |' in make(config)


def test_recordings_without_labels_have_no_scores():
  scores = runs.read_scores(RUN)
  scores['results'][-1] |= {'name': 'evaluation', 'scores': None}
  card = huggingface_hub.ModelCard(make(scores=scores))
  assert '| evaluation (2) | - | - |' in card.text
  names = {one.dataset_name for one in metadata(card).eval_results}
  assert names and not any('evaluation' in name for name in names)


def test_a_card_without_scores_and_licence_says_so():
  card = huggingface_hub.ModelCard(make())
  assert metadata(card).license is None
  assert 'The run has no scores.' in card.text
  assert 'no licence is stated' in card.text


@pytest.mark.parametrize('format', ['foa', 'mic', 'stereo'])
def test_the_audio_is_named(format):
  config = config_lib.default()
  config.features.format = format
  card = huggingface_hub.ModelCard(make(config))
  word = {'foa': 'W, Y, Z, X', 'mic': 'array', 'stereo': 'left, right'}[format]
  assert word in card.text
  assert 'alarm' in card.text


def save(folder, *options):
  done = subprocess.run(
    [sys.executable, '-m', 'seld_jax.save_pretrained', *options]
    + [str(RUN), str(folder)],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  return done


def test_the_command_writes_what_load_reads(tmp_path):
  folder = tmp_path / 'shared'
  done = save(folder, '--dtype=float16', '--license=cc-by-nc-4.0')
  assert 'step 4, 1,524 parameters in float16' in done.stdout
  card = huggingface_hub.ModelCard.load(folder / 'README.md')
  assert metadata(card).model_name == 'shared'
  assert metadata(card).license == 'cc-by-nc-4.0'
  assert json.loads((folder / 'config.json').read_text())['step'] == 4
  assert len(seld_jax.load(folder).spec.classes) == 14
  (folder / 'README.md').write_text('What I know about it.')
  assert 'is not changed' in save(folder).stdout
  assert (folder / 'README.md').read_text() == 'What I know about it.'
  assert 'float32' in save(folder, '--replace_card').stdout
  assert (
    metadata(huggingface_hub.ModelCard.load(folder / 'README.md')).model_name
    == 'shared'
  )
