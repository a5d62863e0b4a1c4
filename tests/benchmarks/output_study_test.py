"""Runs of the comparison of output formats, and its tables."""

import csv

import pytest

from benchmarks import output_study
from seld_jax import config as config_lib
from seld_jax import labels


def test_the_runs_are_valid_and_differ_in_outputs_and_losses_only(tiny_root):
  configs = output_study.plan(
    str(tiny_root), scale='quick', format='foa', seeds=2, steps=300
  )
  assert len(configs) == 2 * len(output_study.SYSTEMS)
  reference = config_lib.to_dict(configs['mse_foa_seed0'])
  seen = []
  for name, config in configs.items():
    config_lib.validate(config, num_devices=1)
    values = config_lib.to_dict(config)
    assert values['train'] == reference['train']
    assert values['model'] == reference['model']
    assert values['seed'] == int(name[-1])
    seen.append((values['seed'], values['output'], values['loss']))
  assert all(seen.count(one) == 1 for one in seen)


def test_perfect_predictions_are_perfect_by_every_edition(tiny_root, tmp_path):
  (config,) = [
    config
    for name, config in output_study.plan(
      str(tiny_root), scale='quick', format='foa', seeds=1, steps=300
    ).items()
    if name == 'mse_foa_seed0'
  ]
  present = set()
  for path in sorted((tiny_root / 'metadata_dev').glob('fold1_*.csv')):
    events = labels.read_csv(path, num_classes=14)
    present |= set(events.class_index.tolist())
    labels.write_csv(tmp_path / 'predictions' / 'test' / path.name, events)
  scores = output_study.score(tmp_path, config)
  for edition in output_study.EDITIONS:
    assert scores[edition]['ER20'] == 0
  assert scores['2020']['F20'] == 1
  assert scores['2020']['LE_CD'] == 0
  # A mean over all classes, in which absent ones count as 0.
  assert scores['2023']['F20'] == pytest.approx(len(present) / 14)
  paths = output_study.write(tmp_path, {'mse': [scores, scores]})
  rows = list(csv.DictReader(paths[1].read_text().splitlines()))
  assert len(rows) == 4
  assert [row['F20'] for row in rows if row['edition'] == '2020'] == ['1'] * 2
  assert '100.0 ± 0.0' in paths[0].read_text()
