"""Writes an HTML page about a run, or about the CSV files of any system.

python -m seld_jax.report --workdir=DIR
python -m seld_jax.report --follow --workdir=DIR
python -m seld_jax.report --reference=DIR --predictions=DIR --out=FILE.html
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from seld_jax import commands, runs
from seld_jax.errors import InputError
from seld_jax.evaluate import (
  define_folder_flags,
  folder_options,
)
from seld_jax.report.folder_page import write_folder_report
from seld_jax.report.progress_page import describe_progress, follow_run
from seld_jax.report.run_page import write_report

# The flags that a page about two folders needs.
_NEEDED = ('reference', 'predictions', 'out')


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string(
    'workdir',
    None,
    'Directory of a run, finished unless --follow is given. The name of the '
    'directory alone says the same.',
  )
  define.bool(
    'follow',
    False,
    'Make the page of a training again whenever it has new losses or scores, '
    'until the run is finished.',
  )
  define.float(
    'every', 10.0, 'With --follow: seconds between two looks.', lower_bound=0.1
  )
  define_folder_flags(values)
  define.string('out', None, 'The page to write, FILE.html.')
  define.list(
    'show',
    None,
    'Names of the recordings to show. Default: the median, the worst and '
    'the best.',
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Writes the page about a run or about two folders, and prints its path."""
  workdir = _workdir(argv, values)
  if values['every'].present and not values.follow:
    raise InputError('--every means nothing without --follow: add it.')
  if workdir:
    if values.edition:
      raise InputError(
        '--edition cannot be used with --workdir: the page shows the scores '
        'that the run was trained with (eval.edition); for another edition, '
        'give --reference, --predictions and --out.'
      )
    of_folders = flags.FlagValues()
    define_folder_flags(of_folders)
    for name in (*_NEEDED, *of_folders, 'show'):
      if values[name].present:
        raise InputError(
          f'--{name} cannot be used with --workdir: a run directory already '
          'says where its data and its predictions are, and how they are '
          f'scored; leave out --{name}.'
        )
    if values.follow:
      _follow(workdir, values.every)
      return
    if pathlib.Path(workdir, 'config.json').is_file() and not runs.is_complete(
      workdir
    ):
      raise InputError(
        f'{workdir} has no scores.json, so its run is not finished: --follow '
        'shows a training, and `python -m seld_jax.main --config=CONFIG '
        f'--workdir={workdir}` resumes one that was stopped.'
      )
    print(write_report(workdir))
    return
  if values.follow:
    raise InputError(
      '--follow needs the directory of a run: --follow --workdir=DIR.'
    )
  for name in _NEEDED:
    if not getattr(values, name):
      raise InputError(
        'A report needs --workdir=DIR of a run, or --reference=DIR, '
        f'--predictions=DIR and --out=FILE.html; --{name} is missing.'
      )
  print(
    write_folder_report(
      values.reference,
      values.predictions,
      out=values.out,
      show=values.show or (),
      **vars(folder_options(values)),
    )
  )


def _workdir(arguments: Sequence[str], values: flags.FlagValues) -> str | None:
  """The run directory, from --workdir or the one argument."""
  if not arguments:
    return values.workdir
  if values.workdir:
    raise InputError(
      f'--workdir={values.workdir} already names the run, got {arguments[0]!r} '
      'as well; leave out one of them.'
    )
  if len(arguments) > 1:
    raise InputError(
      f'A report is about one run, got {len(arguments)}: '
      f'{" and ".join(arguments)}; `python -m seld_jax.compare` compares runs.'
    )
  return arguments[0]


def _follow(workdir: str, every: float) -> None:
  """Makes the page again and again, and says so."""
  for path, training in follow_run(workdir, every=every):
    progress = '' if training is None else f': {describe_progress(training)}'
    print(f'{path}{progress}', flush=True)


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
