"""The tasks of 2021 to 2025: their configs, and trainings on their layouts."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from helpers.config_files import load

from seld_jax import config as config_lib
from seld_jax import runs, scenes, train
from seld_jax.config import tasks

CONFIGS = {
  path.stem: path
  for path in (pathlib.Path(__file__).parents[2] / 'configs').glob('dcase*.py')
}

# The names of recordings and the label form that each edition was published
# with.
LAYOUTS: dict[str, dict[str, Any]] = {
  '2021': {'layout': 'tau2021'},
  '2022': {'layout': 'starss23', 'csv_edition': '2022'},
  '2023': {'layout': 'starss23', 'csv_edition': '2023'},
  '2024': {'layout': 'starss23', 'csv_edition': '2024'},
  '2025': {'layout': 'dcase2025'},
}


def shrink(config, root):
  """Makes the network, its windows and the training as small as can be."""
  config.data.root = str(root)
  # Two of four short recordings of the training fold.
  if config.data.validation_share:
    config.data.validation_share = 0.5
  bands = 8 if config.features.kind == 'log_mel' else 32
  config.model.filters = (4,)
  config.model.pools = ((5, bands),)
  config.model.gru_features = 8
  config.model.head_features = (8,)
  config.train.batch_size = 2
  config.train.crop_frames = config.eval.window = 50
  config.eval.test_windows = (50,)
  config.eval.batch_size = 4
  config.train.num_steps = 4
  config.train.log_every = 2
  config.train.evaluate_every = 4
  return config


# Every network, kind of features and layout once; the other configs combine
# them in another way. A quick test trains on stereo.
TRAINED = (
  *('dcase2021_foa', 'dcase2022_mic', 'dcase2023_foa'),
  *('dcase2024_mic_salsa_lite', 'dcase2025_stereo'),
)


@pytest.mark.slow
@pytest.mark.parametrize('name', TRAINED)
def test_tasks_train_on_a_set_in_its_published_layout(name, tmp_path):
  config = load(CONFIGS[name])
  edition = config.data.edition
  scenes.synthesize(
    tmp_path / 'data',
    recordings=6 if edition == '2021' else 8,
    formats=(config.features.format,),
    seconds=5.0,
    num_workers=0,
    **LAYOUTS[edition],
  )
  scores = train.train_and_evaluate(
    shrink(config, tmp_path / 'data'), tmp_path / 'run'
  )
  records = runs.read_records(tmp_path / 'run' / 'metrics.jsonl')
  trained = [record for record in records if record['split'] == 'train']
  assert trained[-1]['step'] == 4
  assert np.isfinite(trained[-1]['loss'])
  assert scores['edition'] == edition
  assert scores['results'][-1]['name'] == 'test'
  # What selected the checkpoint is not what tests it.
  used = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert not used['eval']['select_on_test']
  assert any(record['split'] == 'validation' for record in records)


@pytest.mark.parametrize('name', sorted(CONFIGS))
def test_every_task_is_a_short_and_valid_file(name):
  config = config_lib.resolve(load(CONFIGS[name]))
  config_lib.validate(config, num_devices=1)
  assert len(CONFIGS[name].read_text().splitlines()) <= 15
  task, _, format = name.partition('_')
  assert task in tasks.TASKS
  assert config.features.format == format.partition('_')[0]
  # The classes are those of the edition; nobody states them twice.
  assert len(config.data.classes) == {'2021': 12}.get(config.data.edition, 13)


@pytest.mark.parametrize(
  ('name', 'size'),
  [
    ('dcase2021_foa', 12 * 3),
    ('dcase2022_mic', 3 * 3 * 13),
    ('dcase2024_mic_salsa_lite', 3 * 4 * 13),
    ('dcase2025_stereo', 3 * 3 * 13),
  ],
)
def test_outputs_have_the_published_sizes(name, size):
  """Tracks x (vector and, since 2024, distance) x classes."""
  config = config_lib.resolve(load(CONFIGS[name]))
  assert config_lib.output_format(config).size == size
