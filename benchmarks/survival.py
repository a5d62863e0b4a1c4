"""Kills runs at random moments, resumes them, and compares the results.

One command of a run renders scenes; another extracts features, trains,
evaluates and tests. Both are killed with SIGKILL several times and started
again. The files must be equal, to the bit, to those of a run that was never
killed.

Example:
  python -m benchmarks.survival --kills=100
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from absl import flags

from seld_jax import commands, json_files, runs

_CONFIG = pathlib.Path(__file__).with_name('survival_config.py')
_EVALUATE_EVERY, _NUM_STEPS = 4, 32
# Seconds between two checks of a run, and the longest time without progress.
_POLL, _PATIENCE = 0.002, 600.0


@dataclasses.dataclass(frozen=True)
class Folders:
  """The folders of a run: `root` for its scenes and features, `workdir`."""

  base: pathlib.Path

  @property
  def root(self) -> pathlib.Path:
    return self.base / 'data'

  @property
  def workdir(self) -> pathlib.Path:
    return self.base / 'run'


@dataclasses.dataclass
class Tally:
  """Number of kills by the work that was interrupted, and differing files."""

  kills: collections.Counter[str]
  differences: list[str]
  runs: int = 0


def _count(folder: pathlib.Path, pattern: str) -> int:
  return sum(1 for _ in folder.glob(pattern))


def _last_record(folders: Folders) -> dict:
  records = runs.read_records(folders.workdir / runs.METRICS)
  return records[-1] if records else {'step': 0, 'split': ''}


def _is_evaluating(folders: Folders) -> bool:
  last = _last_record(folders)
  return last['split'] == 'train' and last['step'] % _EVALUATE_EVERY == 0


# Work of a run -> a number that grows with its progress, and seconds. A kill
# waits until the number has grown, and then a random time up to these seconds.
_AIMS: dict[str, tuple[Callable[[Folders], float], float]] = {
  'synthesis': (lambda f: _count(f.root, 'foa_dev/*.wav'), 1.0),
  'extraction': (lambda f: _count(f.root, 'features/*/*.npy'), 0.1),
  'step': (lambda f: _last_record(f)['step'], 0.3),
  'evaluation': (
    lambda f: _last_record(f)['step'] * _is_evaluating(f),
    0.1,
  ),
  'save': (lambda f: _count(f.workdir, 'checkpoints/*tmp*'), 0.05),
  'test': (
    lambda f: (
      (f.workdir / 'checkpoints' / str(_NUM_STEPS)).is_dir()
      + _count(f.workdir, 'predictions/*/*.csv')
    ),
    0.3,
  ),
}
# The kills of a run, in three groups; some come too late and do not count.
_PLAN = ('synthesis',) * 2 + ('extraction',) * 2 + ('start',)
_TRAINING = ('step', 'evaluation', 'save') * 2
_END = ('test',)


def survive(
  kills: int,
  folder: str | os.PathLike[str],
  *,
  seed: int = 0,
  say: Callable[[str], None] = print,
) -> Tally:
  """Kills runs until there were enough kills, and compares every result.

  Args:
    kills: Number of kills in all.
    folder: Folder of the runs.
    seed: Seed of the random times. Results still depend on the clock.
    say: Called with lines about the progress.

  Returns:
    The kills, and every file that differs from that of a run without kills.
  """
  folder = pathlib.Path(folder)
  generator = random.Random(seed)
  whole = Folders(folder / 'whole')
  _finish(whole)
  expected = _contents(whole)
  tally = Tally(collections.Counter(), [])
  while tally.kills.total() < kills:
    tally.runs += 1
    started = time.monotonic()
    folders = Folders(folder / f'run{tally.runs}')
    middle = generator.sample(_TRAINING, len(_TRAINING))
    for aim in (*_PLAN, *middle, *_END):
      while aim != 'synthesis' and not (folders.root / 'README.md').exists():
        _start(folders).wait(timeout=_PATIENCE)
      left = kills - tally.kills.total()
      missing = {*_PLAN, *_TRAINING}.difference(tally.kills)
      # The last kills are kept for work that was not interrupted yet.
      is_due = left > len(missing) or (left > 0 and aim in missing)
      if is_due and _kill(folders, aim, generator):
        tally.kills[aim] += 1
    _finish(folders)
    found = _contents(folders)
    for name in sorted(expected.keys() | found.keys()):
      if expected.get(name) != found.get(name):
        tally.differences.append(f'{folders.base}: {name}')
    say(
      f'run {tally.runs}: {tally.kills.total()} kills so far, '
      f'{len(tally.differences)} files differ '
      f'({time.monotonic() - started:.0f} s)'
    )
  return tally


def _start(folders: Folders) -> subprocess.Popen[str]:
  """Starts the next command of a run."""
  folders.base.mkdir(parents=True, exist_ok=True)
  if (folders.root / 'README.md').exists():
    command = (
      *('seld_jax.main', f'--config={_CONFIG}'),
      *(f'--workdir={folders.workdir}', f'--config.data.root={folders.root}'),
    )
  else:
    command = (
      *('seld_jax.synthesize', f'--out={folders.root}', '--noevaluation'),
      *('--recordings=12', '--seconds=8', '--workers=2'),
    )
  with (folders.base / 'log.txt').open('a') as log:
    return subprocess.Popen(
      [sys.executable, '-m', *command],
      stdout=log,
      stderr=log,
      text=True,
      env={
        **os.environ,
        'JAX_COMPILATION_CACHE_DIR': str(folders.base.parent / 'xla'),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.1',
      },
    )


def _finish(folders: Folders) -> None:
  """Lets a run finish; raises an error if it fails."""
  while not (folders.workdir / 'report.html').exists():
    process = _start(folders)
    if process.wait(timeout=_PATIENCE):
      log = (folders.base / 'log.txt').read_text()
      raise RuntimeError(f'A run could not be resumed:\n{log[-3000:]}')


def _kill(folders: Folders, aim: str, generator: random.Random) -> bool:
  """Starts a run and kills it; returns False if it ended before."""
  progress, spread = _AIMS.get(aim, (lambda _: time.monotonic(), 5.0))
  before = progress(folders)
  process = _start(folders)
  deadline = time.monotonic() + _PATIENCE
  while process.poll() is None and progress(folders) <= before:
    assert time.monotonic() < deadline, f'no {aim} in {folders.base}'
    time.sleep(_POLL)
  time.sleep(generator.uniform(0, spread))
  process.kill()
  status = process.wait()
  # Temporary files are only deleted when they are old, because another process
  # could still be writing them. This makes them old.
  for fragment in folders.root.rglob('.*'):
    with contextlib.suppress(FileNotFoundError):
      os.utime(fragment, (0, 0))
  assert status in (0, -9), (folders.base / 'log.txt').read_text()[-3000:]
  return status == -9


def _contents(folders: Folders) -> dict[str, bytes]:
  """Contents of all files that must not depend on kills, and the last state."""
  paths = [
    path
    for path in folders.base.rglob('*')
    if path.is_file()
    and 'xla' not in path.parts
    and path.suffix in ('.wav', '.csv', '.npy', '.jsonl', '.json', '.md')
    and 'checkpoints' not in path.parts
    and path.name not in (runs.TIMINGS, 'config.json')
  ]
  found = {}
  for path in paths:
    # Names of features include the modification time of the recording.
    name = str(path.relative_to(folders.base))
    if path.suffix == '.npy':
      name = name.rpartition('.npy')[0].rpartition('.')[0]
    found[name] = path.read_bytes()
  found['state'] = _state(folders)
  return found


def _state(folders: Folders) -> bytes:
  """The last state, all of it, as one string of bytes."""
  import jax

  from seld_jax import config as config_lib
  from seld_jax import train
  from seld_jax.train import checkpoint

  values = json_files.read(folders.workdir / 'config.json')
  template = train.create_state(config_lib.from_dict(values))
  with checkpoint.open_manager(folders.workdir / 'checkpoints') as manager:
    restored = checkpoint.restore_latest(manager, template)
  assert restored is not None and restored[0] == _NUM_STEPS
  leaves = jax.tree.leaves(jax.device_get(restored[1]))
  return b''.join(leaf.tobytes() for leaf in leaves)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.integer('kills', 100, 'Number of kills.', lower_bound=1)
  define.integer('seed', 0, 'Seed of the random times.')


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints the number of kills by work, and the files that differ."""
  commands.refuse_arguments(argv)
  started = time.monotonic()
  with tempfile.TemporaryDirectory() as folder:
    tally = survive(values.kills, folder, seed=values.seed)
  print(f'{"killed in":12} {"kills":>6}')
  for aim, number in sorted(tally.kills.items()):
    print(f'{aim:12} {number:6}')
  print(
    f'{tally.kills.total()} kills in {tally.runs} runs, '
    f'{(time.monotonic() - started) / 60:.1f} minutes; '
    f'{len(tally.differences)} files differ from the run never stopped'
  )
  for difference in tally.differences:
    print(f'  {difference}')
  sys.exit(bool(tally.differences))


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
