"""Trains a system from a config, or resumes it, and reports its scores.

python -m seld_jax.main --config=configs/mse_foa.py --workdir=runs/mse_foa
"""

if __name__ == '__main__':
  from seld_jax import large_pages

  # Before the imports below, which take a second.
  large_pages.restart('seld_jax.main')

import pathlib
import re
from collections.abc import Sequence

import ml_collections
import rich.console
import rich.table
from absl import flags
from ml_collections import config_flags

from seld_jax import (
  commands,
  compilation,
  prepare,
  processes,
  progress,
  shards,
  tracing,
  train,
)
from seld_jax import config as config_lib
from seld_jax.errors import InputError

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'Python file with get_config(), e.g. configs/mse_foa.py.'
)
_WORKDIR = flags.DEFINE_string(
  'workdir', '', 'Run directory; empty: runs/NAME for configs/NAME.py.'
)
_INIT_FROM = flags.DEFINE_string(
  'init_from',
  '',
  "Run directory, export, or 'demo' to fine-tune: its layers are taken over "
  'where they fit, and those of other classes are made anew.',
)
_EXTRACT_ONLY = flags.DEFINE_bool(
  'extract_only', False, 'Computes the features that are missing, and stops.'
)
_SHARD = flags.DEFINE_string(
  'shard',
  '',
  'With --extract_only: one part of the recordings only, such as 3/16 (counted '
  'from 1), for machines that share the folder of features.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator_address',
  '',
  'With several processes: HOST:PORT on the host of process 0. Slurm, Open MPI '
  'and TPUs say it by themselves.',
)
_NUM_PROCESSES = flags.DEFINE_integer(
  'num_processes', None, 'Number of processes; 1: this one alone.'
)
_PROCESS_ID = flags.DEFINE_integer(
  'process_id', None, 'Number of this process, from 0.'
)


def main(arguments: list[str]) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  config = loaded_config()
  config_file = config_flags.get_config_filename(flags.FLAGS['config'])
  workdir = pathlib.Path(
    _WORKDIR.value or pathlib.Path('runs') / pathlib.Path(config_file).stem
  )
  # Here, where all code is loaded, the file of the config included.
  traces = tracing.kept_in(compilation.use_persistent_cache())
  shard = shards.parse(_SHARD.value)
  if shard is not None and not _EXTRACT_ONLY.value:
    raise InputError('--shard divides the work of --extract_only alone.')
  if _EXTRACT_ONLY.value:
    extract(config, shard)
    return
  processes.start(
    coordinator_address=_COORDINATOR.value,
    num_processes=_NUM_PROCESSES.value,
    process_id=_PROCESS_ID.value,
  )
  if not processes.is_first():
    progress.silence()
  try:
    scores = train.train_and_evaluate(
      config,
      workdir,
      init_from=_INIT_FROM.value,
      traces=traces,
      say=print if processes.is_first() else _say_nothing,
    )
  except FloatingPointError as error:
    raise InputError(
      f'{error} The run stopped; {workdir / "checkpoints"} has the last good '
      'state. A lower config.train.learning_rate, in another --workdir, may '
      'help.'
    ) from error
  except Exception:
    processes.leave_at_exit()
    raise
  if processes.is_first():
    # Here, since drawing takes long to import and comes last.
    from seld_jax import report

    print_scores(scores)
    print(f'report: {report.write_report(workdir)}')


def extract(config: config_lib.Config, shard: shards.Shard | None) -> None:
  """Computes the features that are missing, of all recordings or of a part."""
  config_lib.validate(config, num_devices=1)
  found, paths = prepare.extract_features(config, shard=shard)
  total = sum(map(len, found.values()))
  print(f'{len(paths)} of {total} recordings have their features.')


def check_words(words: Sequence[str]) -> None:
  """Refuses a config file or fields of it that do not exist.

  Args:
    words: The command line, without the command.

  Raises:
    InputError: Says which, and the nearest field.
  """
  for word, following in zip(words, [*words, ''][1:], strict=True):
    name, equals, value = word.partition('=')
    if name in ('--config', '-config'):
      path = pathlib.Path((value if equals else following).partition(':')[0])
      if not path.is_file():
        raise InputError(f'--config: there is no file {path}.')
    field = re.fullmatch(r'--?(?:no)?config\.(.+)', name)
    if field:
      # An entry of a tuple is set by its index: config.data.train_folds[0].
      config_lib.refuse_unknown(re.sub(r'\[.*', '', field[1]))


def loaded_config() -> config_lib.Config:
  """The config of the flags.

  Raises:
    InputError: The file raised an OSError, which its flag keeps until the
      config is used, or it gave something else.
  """
  config = _CONFIG.value
  if isinstance(config, ml_collections.ConfigDict):
    return config
  try:
    getattr(config, 'seed', None)
  except OSError as error:
    raise InputError(commands.explain(error)) from error
  raise InputError(
    '--config: get_config() must return what seld_jax.config.default() gave, '
    f'got {config!r}.'
  )


def print_scores(scores: dict) -> None:
  """Prints the table of scores of a run."""
  table = rich.table.Table(
    title=f'DCASE 2020 scores of step {scores["selected_step"]} '
    f'({scores["selection"]})'
  )
  table.add_column('result')
  for name in 'ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score':
    table.add_column(name, justify='right')
  for result in scores['results']:
    values = result['scores']
    about = f'{result["name"]}, window {result["window_seconds"]:g} s'
    if values is None:  # recordings without labels
      table.add_row(about, *'-----')
      continue
    table.add_row(
      about,
      f'{values["ER20"]:.3f}',
      f'{values["F20"]:.3f}',
      f'{values["LE_CD"]:.1f}°',
      f'{values["LR_CD"]:.3f}',
      f'{values["seld_score"]:.3f}',
    )
  rich.console.Console(width=100).print(table)


def _say_nothing(text: str) -> None:
  """What processes other than the first print."""


def _config_help() -> str:
  """All fields of the config with their defaults."""
  lines = ['', 'Fields of the config, with their defaults:']
  for section, fields in config_lib.to_dict(config_lib.default()).items():
    entries = fields.items() if isinstance(fields, dict) else [('', fields)]
    for name, value in entries:
      path = '.'.join(filter(None, ('config', section, name)))
      lines.append(f'  --{path}={value}')
  return '\n'.join(lines)


if __name__ == '__main__':
  commands.run(
    main,
    required=('config',),
    more_help=_config_help,
    check=check_words,
    resumes=True,
  )
