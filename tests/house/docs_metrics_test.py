"""docs/metrics.md: its program runs, its tables list all editions and forms."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from seld_jax import geometry, labels, metrics

DOCS = pathlib.Path(__file__).parents[2] / 'docs'


def test_the_program_of_ten_lines_scores_without_jax(tmp_path):
  text = (DOCS / 'metrics.md').read_text(encoding='utf-8')
  [program] = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
  lines = [line for line in program.splitlines() if line]
  assert len(lines) <= 10
  frames = np.arange(60)
  for name, azimuth in ('a', 30), ('b', -60):
    for folder, turn in ('metadata_dev', 0), ('predictions', 10):
      xyz = geometry.to_cartesian(azimuth + turn + 0 * frames, 0 * frames)
      events = labels.Events(frames, frames * 0, frames * 0, xyz)
      labels.write_csv(tmp_path / folder / f'{name}.csv', events)
  program += 'import sys\nassert not {"jax", "flax"} & set(sys.modules)\n'
  done = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    timeout=100,
  )
  assert done.returncode == 0, done.stderr
  [angle] = re.findall(r'LE_CD=([0-9.]+)', done.stdout)
  assert float(angle) == pytest.approx(10)
  assert "'seld_score': (" in done.stdout


def test_the_tables_list_all_editions_and_forms():
  rows = [
    line.split('|')[1].strip()
    for page in ('metrics.md', 'formats.md')
    for line in (DOCS / page).read_text(encoding='utf-8').splitlines()
    if line.startswith('|')
  ]
  assert set(metrics.EDITIONS) <= set(', '.join(rows).split(', '))
  assert {f'`{form}`' for form in labels.FORMS} <= set(rows)
