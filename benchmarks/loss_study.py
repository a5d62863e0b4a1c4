"""Studies why the proposed losses win, and what the paper leaves open.

python -m benchmarks.loss_study --study=weights --data=DIR --workdir=DIR
python -m benchmarks.loss_study --study=ablation --data=DIR --workdir=DIR
python -m benchmarks.loss_study --study=length --data=DIR --workdir=DIR

The study `weights` trains two combinations of losses with several weights of
the directions. It shows the scores over the weight, and over the ratio of the
gradient norms of both tasks at the last layer that they share. The question is
whether homogeneous losses win, or balanced ones. The study `ablation` changes
one thing at a time in the proposed system. Runs of `seld_jax.reproduce` in the
same workdir are reused. The study `length` trains the four systems of the
paper, and two more weights of CE + MSE, for as many steps as --steps says: does
their order stand if no system is cut short?

The study `recipe` changes one thing at a time in `configs/best_foa.py`, made as
small as --scale says, and `augmentation` compares augmentations alone and left
out in a ResNet-Conformer; see `benchmarks.recipe`. --only selects runs, and
--seeds how often each is trained.
"""

import csv
import io
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from benchmarks import recipe, studies
from seld_jax import commands, figures, files, reproduce
from seld_jax.config import Config
from seld_jax.report import page
from seld_jax.reproduce import tables

CE_WEIGHTS = (1, 10, 30, 100, 1000)
MSE_WEIGHTS = (0.1, 1, 10)
SPLITS = ('validation', 'test')
STUDIES = ('weights', 'ablation', 'length', 'recipe', 'augmentation')


def weight_runs() -> dict[str, tuple[str, float, Callable[[Config], None]]]:
  """Lists the runs of the study of weights.

  Returns:
    Name of a system -> its losses, its weight of the directions, and a function
    that turns the configuration of `mse` into its configuration.
  """

  def weigh(sed: str, weight: float) -> Callable[[Config], None]:
    def change(config: Config) -> None:
      config.loss.sed = sed
      config.loss.doa_weight = float(weight)

    return change

  runs: dict[str, tuple[str, float, Callable[[Config], None]]] = {
    f'ce_mse_1_{weight}': ('CE + MSE', weight, weigh('cross_entropy', weight))
    for weight in CE_WEIGHTS
  }
  for weight in MSE_WEIGHTS:
    name = 'mse' if weight == 1 else f'mse_1_{weight}'
    runs[name] = ('MSE + MSE', weight, weigh('mse', weight))
  return runs


def _mask(config: Config, *, share_channels: bool) -> None:
  """Sets the masks of the scale, or of the scale `small` if it has none."""
  augment = config.augment
  if not augment.num_time_masks:
    augment.num_time_masks = augment.num_band_masks = 2
    augment.max_time_width, augment.max_band_width = 8, 5
  augment.share_channels = share_channels


def _publish(config: Config) -> None:
  config.augment.rotate = False  # rotations need the aligned layout
  config.features.layout = 'published'


# Name of a system -> its change of `mse`. Changes that a scale has already are
# left out.
ABLATIONS: Mapping[str, Callable[[Config], object]] = {
  'mse': lambda config: None,
  'mse_unrotated': lambda config: config.augment.update(rotate=False),
  'mse_published_layout': _publish,
  'mse_unmasked_directions': lambda config: config.loss.update(doa='mse'),
  'mse_masks': lambda config: _mask(config, share_channels=False),
  'mse_shared_masks': lambda config: _mask(config, share_channels=True),
  'mse_no_attention': lambda config: config.model.update(attention_features=0),
}


def plan(
  changes: Mapping[str, Callable[[Config], object]],
  *,
  data: str,
  scale: str,
  format: str,
  seed: int,
) -> dict[str, Config]:
  """Makes a configuration for each change of the proposed system, by run."""
  configs = {}
  for name, change in changes.items():
    (config,) = reproduce.plan(
      data, names=['mse'], formats=[format], seeds=[seed], scale=scale
    ).values()
    change(config)
    if config not in configs.values():
      configs[reproduce.run_name(name, format, seed)] = config
  return configs


# Runs of the study of lengths. Those that learn slowly come first: their curves
# show early whether there are enough steps.
LENGTHS: Sequence[str] = (
  'ce_mse_1_1000',
  'baseline',
  'mse',
  'ce_mse_1_1',
  'ce_mse_1_10',
  'ce_mse_1_30',
)
_EVALUATIONS = 16


def plan_length(
  *, data: str, scale: str, format: str, seed: int, steps: int
) -> dict[str, Config]:
  """Makes the configurations of the study of lengths, by run.

  Args:
    data: Folder of the scenes.
    scale: A name in `systems.SCALES`.
    format: `'foa'` or `'mic'`.
    seed: Seed of all runs.
    steps: Number of steps of each run; the baseline has half as many, since its
      batches have twice the audio.

  Returns:
    Configurations by the name of the run.
  """
  weighted = weight_runs()
  configs = {}
  for name in LENGTHS:
    (config,) = reproduce.plan(
      data,
      names=['mse' if name in weighted else name],
      formats=[format],
      seeds=[seed],
      scale=scale,
    ).values()
    if name in weighted:
      weighted[name][2](config)
    own = steps // 2 if name == 'baseline' else steps
    studies.set_steps(config, own, num_evaluations=_EVALUATIONS)
    configs[reproduce.run_name(name, format, seed)] = config
  return configs


def write_length(
  workdir: pathlib.Path, results: Sequence[reproduce.Result]
) -> list[pathlib.Path]:
  """Writes the scores as Markdown, and all curves as CSV."""
  names = list(LENGTHS)
  results = sorted(results, key=lambda one: names.index(one.system))
  lines = [
    [one.system, f'{gradient_ratio(one):.3g}', *_cells(one)] for one in results
  ]
  paths = [workdir / 'length.md', workdir / 'length.csv']
  heads = ['system', 'gradients, DOA by SED', *_HEADS]
  texts = [studies.markdown(heads, lines), tables.curves_csv(results)]
  for path, text in zip(paths, texts, strict=True):
    files.write_text(path, text)
  return paths


def gradient_ratio(result: reproduce.Result) -> float:
  """Geometric mean of the gradient norm of directions over that of activity."""
  ratios = [
    math.log(record['doa_shared_gradient'] / record['sed_shared_gradient'])
    for record in result.records
    if record['split'] == 'train'
  ]
  return math.exp(sum(ratios) / len(ratios))


def write_weights(
  workdir: pathlib.Path, results: Sequence[reproduce.Result]
) -> list[pathlib.Path]:
  """Writes the scores over the weights as Markdown, as CSV and as a figure."""
  runs = weight_runs()
  output, curves, lines = io.StringIO(), {}, []
  writer = csv.writer(output, lineterminator='\n')
  writer.writerow(
    ['losses', 'weight', 'gradient_ratio']
    + [f'{split}_{name}' for split in SPLITS for name in reproduce.METRICS]
  )
  for one in sorted(results, key=lambda one: list(runs).index(one.system)):
    losses, weight, _ = runs[one.system]
    ratio = gradient_ratio(one)
    scores = [one.scores[s][m] for s in SPLITS for m in reproduce.METRICS]
    writer.writerow([losses, weight, f'{ratio:.4g}', *map(_precise, scores)])
    point = {'weight': weight, 'gradient_ratio': ratio, **one.scores['test']}
    curves.setdefault(losses, []).append(point)
    lines.append([f'{losses} (1, {weight:g})', f'{ratio:.3g}', *_cells(one)])
  heads = ['losses', 'gradients, DOA by SED', *_HEADS]
  texts = {'weights.md': studies.markdown(heads, lines), 'weights.csv': output}
  paths = []
  for name, text in texts.items():
    paths.append(workdir / name)
    content = text if isinstance(text, str) else text.getvalue()
    files.write_text(paths[-1], content)
  page.write_figure(
    lambda dark: figures.plot_weights(curves, dark=dark),
    folder=workdir,
    name='weights',
  )
  return [*paths, workdir / 'weights.png', workdir / 'weights_dark.png']


def write_ablation(
  workdir: pathlib.Path, results: Sequence[reproduce.Result]
) -> list[pathlib.Path]:
  """Writes the scores as Markdown: first long windows, then shorter ones."""
  lines = []
  tests = {split for one in results for split in one.scores} - {'validation'}
  for split in sorted(tests):
    for one in results:
      window = f'{one.windows[split]:g} s'
      lines.append([one.system, window, *_cells(one, ('validation', split))])
  path = workdir / 'ablation.md'
  heads = ['system', 'window at test', *_HEADS]
  files.write_text(path, studies.markdown(heads, lines))
  return [path]


_HEADS = [
  f'{split} {"SELD" if metric == "seld_score" else metric}'
  for split in SPLITS
  for metric in reproduce.METRICS
]


def _cells(one: reproduce.Result, splits: Sequence[str] = SPLITS) -> list[str]:
  return [
    tables.format_cell(metric, (one.scores[split][metric], None, 1))
    for split in splits
    for metric in reproduce.METRICS
  ]


def _precise(value: float) -> str:
  return f'{value:.6g}'


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.enum('study', None, STUDIES, 'The study.')
  studies.define_flags(values)
  define.integer('seed', 0, 'Seed of the first runs.', lower_bound=0)
  define.integer(
    'seeds',
    1,
    'Number of seeds in the studies recipe and augmentation.',
    lower_bound=1,
  )
  define.string(
    'events',
    '',
    'Dry sounds of which the scenes in --data were made, as for '
    'seld_jax.synthesize; only new_scenes of the study recipe needs them.',
  )
  define.list(
    'only',
    [],
    'Names of the systems to train, such as base. Default: all. The tables '
    'have all that are finished.',
  )
  define.integer(
    'steps',
    12000,
    'Number of steps of each run in the studies length, recipe and '
    'augmentation.',
    lower_bound=_EVALUATIONS,
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Trains what is not yet trained, and writes the tables of the study."""
  commands.refuse_arguments(arguments)
  if values.study in recipe.STUDIES:
    recipe.run(values)
    return
  options = {
    'data': values.data,
    'scale': values.scale,
    'format': values.format,
    'seed': values.seed,
  }
  if values.study == 'length':
    changes = LENGTHS
    configs = plan_length(**options, steps=values.steps)
  else:
    changes = {
      'weights': {name: run[2] for name, run in weight_runs().items()},
      'ablation': ABLATIONS,
    }[values.study]
    configs = plan(changes, **options)
  failed = studies.train(studies.choose(configs, values), values)
  workdir = pathlib.Path(values.workdir)
  results = [
    result
    for name in changes
    if (run := reproduce.run_name(name, values.format, values.seed)) in configs
    and (
      result := reproduce.read_result(
        workdir / run, system=name, format=values.format, seed=values.seed
      )
    )
  ]
  write = {
    'weights': write_weights,
    'ablation': write_ablation,
    'length': write_length,
  }[values.study]
  for path in write(workdir, results):
    print(path)
  studies.report_failed(failed)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('study', 'data', 'workdir'),
    resumes=True,
  )
