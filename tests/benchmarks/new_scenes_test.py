"""The benchmark of new scenes: which runs it makes, and what it prints."""

import json

import pytest

from benchmarks import new_scenes
from seld_jax import config as config_lib
from seld_jax import train
from seld_jax.errors import InputError


@pytest.mark.parametrize('reuse', [0, 8])
def test_runs_are_valid(tiny_root, reuse):
  config = new_scenes.make_config(
    str(tiny_root), scale='quick', steps=300, reuse=reuse
  )
  config_lib.validate(config, num_devices=1)
  assert config.data.synthesize_reuse == (reuse or 1)


def test_the_start_of_a_run_does_not_count(tmp_path, monkeypatch):
  """Compilation, and the wait for the first scenes, come before."""

  def run(config, workdir):
    del config
    records = [
      {'step': 100, 'seconds': 50.0, 'waiting_seconds': 40.0},
      {'step': 200, 'seconds': 60.0, 'waiting_seconds': 41.0},
      {'step': 300, 'seconds': 70.0, 'waiting_seconds': 45.0},
    ]
    text = ''.join(json.dumps(one) + '\n' for one in records)
    (workdir / 'timings.jsonl').write_text(text)

  monkeypatch.setattr(train, 'train_and_evaluate', run)
  assert new_scenes.measure(config_lib.default(), tmp_path) == (10.0, 0.25)


def test_the_table_has_medians_and_ratios():
  lines = new_scenes.table(
    {0: [(10.0, 0.0), (20.0, 0.0)], 8: [(5.0, 0.5), (10.0, 0.1)]}
  )
  assert [line.split() for line in lines[1:]] == [
    ['none', '15.00', '1.00', '0%'],
    ['8', '7.50', '0.50', '30%'],
  ]


def test_numbers_of_epochs_are_above_0():
  with pytest.raises(InputError, match="above 0, got '0'"):
    new_scenes._epochs('0')
