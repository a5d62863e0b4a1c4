"""Trains a system from a config, or resumes the training, and reports scores.

python -m seld_jax.main --config=configs/mse_foa.py --workdir=runs/mse_foa
"""

if __name__ == '__main__':
  from seld_jax import stopping
  from seld_jax.devices import large_pages

  # Called first because the imports below take a second.
  with stopping.held():
    large_pages.restart('seld_jax.main')

import logging
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import rich.table
from absl import flags
from ml_collections import config_flags

from seld_jax import (
  commands,
  evaluate,
  metrics,
  runs,
  shards,
  text_tables,
  train,
)
from seld_jax import config as config_lib
from seld_jax.devices import compilation, processes, traced_steps
from seld_jax.errors import InputError
from seld_jax.train import memory, prepare


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  config_flags.DEFINE_config_file(
    'config',
    None,
    'Name of a config that comes with seld_jax, such as mse_foa, or a Python '
    'file with the function get_config(), such as configs/mse_foa.py.',
    flag_values=values,
  )
  define = commands.Define(values)
  define.string(
    'workdir', '', 'Run directory. Default: runs/NAME for configs/NAME.py.'
  )
  define.string(
    'init_from',
    '',
    'Run directory, shared folder or its name on a hub (hf:OWNER/NAME), export '
    "or 'demo' to fine-tune. Layers of the same shape are copied; the output "
    'layers are initialised again if the classes differ.',
  )
  define.bool(
    'extract_only',
    False,
    'Only compute the missing features; do not train.',
  )
  define.string(
    'shard',
    '',
    'With --extract_only: only compute the features of one shard of the '
    'recordings, NUMBER/COUNT such as 3/16, counted from 1. Use it on machines '
    'that share the folder of features.',
  )
  define.string(
    'coordinator_address',
    '',
    'For training with several processes: HOST:PORT on the host of process 0. '
    'Slurm, Open MPI and TPUs set it automatically.',
  )
  define.integer(
    'num_processes',
    None,
    'Number of processes that train together. 1 trains in this process alone, '
    'even if Slurm or Open MPI started several. Default: set automatically, or '
    '1.',
  )
  define.integer(
    'process_id',
    None,
    'Index of this process, from 0. Default: set automatically, as for '
    '--num_processes.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Trains a system, or extracts its features, and prints the scores."""
  commands.refuse_arguments(arguments)
  config = config_lib.resolve(
    loaded_config(values.config),
    stated=config_flags.get_override_values(values['config']),
  )
  config_file = config_flags.get_config_filename(values['config'])
  workdir = pathlib.Path(
    values.workdir or pathlib.Path('runs') / pathlib.Path(config_file).stem
  )
  # After all code is loaded, including the config file.
  traces = traced_steps.kept_in(compilation.use_persistent_cache())
  shard = shards.parse(values.shard)
  if shard is not None and not values.extract_only:
    raise InputError(
      '--shard requires --extract_only; leave out --shard to train.'
    )
  if values.extract_only:
    extract(config, shard)
    return
  processes.start(
    coordinator_address=values.coordinator_address,
    num_processes=values.num_processes,
    process_id=values.process_id,
  )
  if not processes.is_first():
    logging.getLogger('seld_jax').setLevel(logging.ERROR)
  try:
    scores = train.train_and_evaluate(
      config,
      workdir,
      init_from=values.init_from,
      traces=traces,
    )
  except FloatingPointError as error:
    saved = ''
    if runs.has_run(workdir):
      saved = f'; {workdir / "checkpoints"} has the last valid checkpoint'
    raise InputError(
      f'{error} The run stopped{saved}. Try a lower config.train.learning_rate '
      'in another --workdir.'
    ) from error
  except Exception:
    processes.leave_at_exit()
    raise
  if processes.is_first():
    # Imported here because Matplotlib is slow to import and needed last.
    from seld_jax import report

    print_scores(scores)
    print(f'report: {report.write_report(workdir)}')


def extract(config: config_lib.Config, shard: shards.Shard | None) -> None:
  """Computes missing features and prints how many recordings have them.

  Args:
    config: The config of the run.
    shard: The recordings to work on; None for all.
  """
  config_lib.validate(config, num_devices=1)
  memory.check_extraction(config)
  found, paths = prepare.extract_features(config, shard=shard)
  total = sum(map(len, found.values()))
  print(f'{len(paths)} of {total} recordings have their features.')


def prepare_words(words: Sequence[str]) -> list[str]:
  """Finds the config file of the flags, and checks that their fields exist.

  Args:
    words: The arguments of the command line.

  Returns:
    The same words, in which the name of a config that comes with seld_jax is
    the path of its file.

  Raises:
    InputError: The file or a field does not exist. For a field, the message
      suggests the most similar one.
  """
  found = list(words)
  for place, word in enumerate(words):
    name, equals, value = word.partition('=')
    if name in ('--config', '-config') and (equals or place + 1 < len(words)):
      given = value if equals else words[place + 1]
      file, colon, options = given.partition(':')
      path = f'{config_lib.find_config(file)}{colon}{options}'
      if equals:
        found[place] = f'{name}={path}'
      else:
        found[place + 1] = path
    field = re.fullmatch(r'--?(?:no)?config\.(.+)', name)
    if field:
      # Flags can also set an item of a tuple: config.data.train_folds[0].
      config_lib.refuse_unknown(re.sub(r'\[.*', '', field[1]))
  return found


def loaded_config(config: Any) -> config_lib.Config:
  """Returns the config of the flag --config.

  Args:
    config: The value of the flag.

  Returns:
    The config.

  Raises:
    InputError: The config file raised an OSError, which the flag only raises
      when the config is used, or the value is not a config.
  """
  if isinstance(config, ml_collections.ConfigDict):
    return config
  try:
    getattr(config, 'seed', None)
  except OSError as error:
    raise InputError(commands.explain(error)) from error
  raise InputError(
    '--config: get_config() must return a config made by '
    f'seld_jax.config.default(), got {config!r}.'
  )


def print_scores(scores: Mapping[str, Any]) -> None:
  """Prints the table of scores of a run.

  Args:
    scores: The content of scores.json.
  """
  edition = runs.edition_of(scores)
  names = metrics.main_scores(edition)
  table = rich.table.Table(
    title=f'DCASE {edition} scores of step {scores["selected_step"]} '
    f'({scores["selection"]})'
  )
  table.add_column('result')
  for name in names:
    table.add_column(name, justify='right')
  for result in scores['results']:
    values = result['scores']
    about = f'{result["name"]}, window {result["window_seconds"]:g} s'
    if result.get('selected_on'):
      about += ' (selected on it)'
    if values is None:  # recordings without labels
      values = dict.fromkeys(names)
    numbers = [evaluate.tables.number(name, values[name]) for name in names]
    table.add_row(about, *numbers)
  text_tables.show(text_tables.console(), table)


def _config_help() -> str:
  """All fields of the config with their defaults and meanings."""
  lines = ['', 'Fields of the config, with their defaults:']
  for field in config_lib.describe_fields():
    lines.append(f'  --config.{field.path}={field.default}')
    lines += commands.HELP_LINES.wrap(field.about)
  return '\n'.join(lines)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('config',),
    more_help=_config_help,
    prepare=prepare_words,
    resumes=True,
  )
