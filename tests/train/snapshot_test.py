"""A configuration that does not fit its checkpoint takes no memory."""

import json
import pathlib
import shutil
import tracemalloc

import pytest

from seld_jax import config as config_lib
from seld_jax.errors import InputError
from seld_jax.train import snapshot

RUN = pathlib.Path(__file__).parents[1] / 'data' / 'version_0_1' / 'run'


def with_config(workdir, **changes):
  shutil.copytree(RUN, workdir)
  values = json.loads((workdir / 'config.json').read_text())
  for name, value in changes.items():
    section, field = name.split('__')
    values[section][field] = value
  (workdir / 'config.json').write_text(json.dumps(values))
  return workdir


@pytest.mark.parametrize(
  ('name', 'value', 'words'),
  [
    ('model__gru_features', 200_000, r'must have the shape \(2, 200000\)'),
    ('model__filters', [4, 2 * 10**9], 'must have the shape'),
    ('features__n_mels', 2 * 10**9, 'must have the shape'),
    ('features__n_fft', 2 * 10**9, 'n_fft: expected int <= 1048576'),
    ('eval__window', 2 * 10**9, 'window: expected int <= 1048576'),
    ('eval__window', 50_000, r'window = 50000 must be .* at most 600 s'),
    ('data__classes', list(map(str, range(4000))), 'must have the shape'),
    ('data__classes', list(map(str, range(6000))), '1 to 5000 classes'),
  ],
)
def test_sizes_are_compared_before_memory_is_taken(
  tmp_path, name, value, words
):
  workdir = with_config(tmp_path / 'run', **{name: value})
  tracemalloc.start()
  with pytest.raises(InputError, match=rf'config\.json.*{words}'):
    snapshot.read(workdir)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 100e6


def test_without_the_shapes_of_a_checkpoint_no_memory_is_taken(tmp_path):
  workdir = with_config(tmp_path / 'run', model__gru_features=200_000)
  (workdir / 'checkpoints' / '4' / 'default' / '_METADATA').write_bytes(b'{')
  with pytest.raises(InputError, match='4, cannot be read'):
    snapshot.read(workdir)


def test_a_run_with_a_threshold_of_0_is_still_read(tmp_path):
  workdir = with_config(tmp_path / 'run', eval__threshold=0.0)
  assert snapshot.read(workdir).config.eval.threshold == 0


def test_an_export_names_no_file_of_the_machine_that_trained_it():
  config = config_lib.default()
  config.features.format, config.features.num_channels = 'mic', 6
  config.features.microphones = '/home/me/array.csv'
  config.data.class_map = '/home/me/classes.csv'
  values = snapshot.Trained(config, 0, {}).config_values
  assert '/home/me' not in json.dumps(values)
  assert values['data']['classes'] == list(config.data.classes)
  config.data.class_map = 'starss'  # no file
  values = snapshot.Trained(config, 0, {}).config_values
  assert values['data']['class_map'] == 'starss'
