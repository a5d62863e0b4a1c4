"""Times whole commands, from their start to their end."""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import host_speed, timing

# Reads and scores two folders without seld_jax.
_PLAIN = """
import pathlib, sys
from benchmarks import plain_metrics
print(plain_metrics.folder_scores(*map(pathlib.Path, sys.argv[1:])))
"""


def help_figure(*, rounds: int) -> timing.Figure:
  """Times `seld --help`, and that of pip.

  Args:
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  times = timing.interleave(
    {
      'ours': functools.partial(_run, '-m', 'seld_jax', '--help'),
      'pip': functools.partial(_run, '-m', 'pip', '--help'),
    },
    rounds=rounds,
  )
  return timing.Figure(
    name='seld --help',
    ours=times['ours'],
    other=times['pip'],
    against='pip --help',
    target=1.0,
    limit=0.3,
  )


def evaluate_figure(*, recordings: int, rounds: int) -> timing.Figure:
  """Times `seld evaluate`, and a plain program with the same scores.

  Ours has the confidence intervals as well.

  Args:
    recordings: Number of recordings.
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  with tempfile.TemporaryDirectory() as root:
    folders = host_speed.write_random_folders(pathlib.Path(root), recordings)
    names = [str(folder) for folder in folders]
    words = ['--reference=' + names[0], '--predictions=' + names[1]]
    times = timing.interleave(
      {
        'ours': functools.partial(_run, '-m', 'seld_jax', 'evaluate', *words),
        'plain': functools.partial(_run, '-c', _PLAIN, *names),
      },
      rounds=rounds,
    )
  return timing.Figure(
    name=f'seld evaluate, {recordings} files',
    ours=times['ours'],
    other=times['plain'],
    against='csv, dictionaries',
    target=1.0,
    limit=1.5,
  )


def _run(*words: str) -> None:
  subprocess.run(
    [sys.executable, *words],
    check=True,
    capture_output=True,
    # An installed package is compiled once, and not at each start.
    env={**os.environ, 'PYTHONDONTWRITEBYTECODE': ''},
  )
