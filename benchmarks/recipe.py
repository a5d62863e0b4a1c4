"""The runs of the studies `recipe` and `augmentation`, and their tables.

`recipe` starts from `configs/best_foa.py` and changes one thing at a time.
`augmentation` trains the best network of the recipe, `together_conformer`, with
no augmentation, with each one alone, with all, and with all but one.
`benchmarks.loss_study` trains the runs.
"""

import csv
import io
import pathlib
import re
import statistics
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from benchmarks import output_study, studies
from seld_jax import figures, files, reproduce, runs
from seld_jax.config import Config, default, systems
from seld_jax.report import page
from seld_jax.reproduce import comparison, tables

# The studies, and how often each of their runs is evaluated.
STUDIES: Mapping[str, int] = {'recipe': 8, 'augmentation': 4}

Change = Callable[[Config], object]

# Each augmentation of the study by name, in the order of their application.
AUGMENTATIONS: Mapping[str, str] = {
  'symmetries_8': 'symmetries(count=8)',
  'symmetries_16': 'symmetries(count=16)',
  'symmetries_48': 'symmetries(count=48)',
  'gain': 'gain()',
  'equaliser': 'equaliser()',
  'mixup': 'mixup(probability=0.5)',
  'frequency_shift': 'frequency_shift(max_bands=2)',
  'cutout': 'cutout(max_frames=20)',
  'masks': 'masks(max_time_width=8, max_band_width=5)',
}
# The symmetries that stand for all when others are left out, by audio format.
_USUAL = {'foa': 'symmetries_16', 'mic': 'symmetries_8'}


def base(config: Config) -> None:
  """Three tracks, as in `configs/best_foa.py`, at any scale."""
  systems.tracks(config)
  config.output.num_tracks = 3
  config.train.log_gradient_norms = False


def _network(trunk: str, sequence: str) -> Change:
  """A composed network whose step takes about as long as that of the base."""

  def change(config: Config) -> None:
    model, usual = config.model, default().model
    model.update(systems.narrow(systems.resnet_conformer(default())).model)
    model.trunk, model.sequence = trunk, sequence
    if trunk == 'cnn':  # that of the base
      model.filters = (24, 24, 48, 48, 96, 96)
      model.pools = ((2, 2), (1, 2), (1, 2), (1, 1), (1, 2), (1, 1))
      model.stage_blocks = usual.stage_blocks
    if sequence == 'conformer':
      model.sequence_features = 128
    else:
      model.sequence_layers = usual.sequence_layers
      model.sequence_dropout = usual.sequence_dropout
      model.gru_features, model.gru_dropout = 96, 0.0
      model.gru_layers = model.attention_layers = 1

  return change


def _format(system: str) -> Change:
  def change(config: Config) -> None:
    config.output.num_tracks = 3
    systems.LATER_SYSTEMS[system](config)

  return change


def _more(step: str) -> Change:
  """One more augmentation after the rotations of the base."""

  def change(config: Config) -> None:
    names = ['symmetries_16', *([step] if step else [])]
    if step.startswith('symmetries'):
      names = [step]
    augment(config, names)

  return change


def augment(config: Config, names: Sequence[str]) -> None:
  """Sets the augmentations of a run, and no others.

  Args:
    config: The configuration to change.
    names: Keys of `AUGMENTATIONS`.
  """
  config.augment.rotate = False
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  config.augment.steps = tuple(
    step for name, step in AUGMENTATIONS.items() if name in names
  )


def _crops(config: Config) -> None:
  """Crops of twice the length, half as many in a batch."""
  config.train.crop_frames *= 2
  config.train.batch_size //= 2
  config.eval.window = config.train.crop_frames
  config.eval.test_windows = (config.train.crop_frames,)


def _batches(config: Config) -> None:
  """Batches of half the size, and twice as many steps: the same audio."""
  train = config.train
  train.batch_size //= 2
  train.num_steps *= 2
  train.evaluate_every *= 2


def _dropout(config: Config) -> None:
  """The dropout of the scale `small`."""
  model = config.model
  model.conv_dropout = model.gru_dropout = 0.1
  model.head_dropout = 0.2


def _together(config: Config) -> None:
  """What a long training needs: small batches, symmetries and dropout."""
  _batches(config)
  _dropout(config)
  augment(config, ['symmetries_16'])


def _conformer(config: Config) -> None:
  """The ResNet-Conformer, which has its own dropout, and small batches."""
  _network('resnet', 'conformer')(config)
  _batches(config)


def _together_conformer(config: Config) -> None:
  """As `_together`, with the ResNet-Conformer."""
  _conformer(config)
  augment(config, ['symmetries_16'])


def _bands(config: Config) -> None:
  """As `_together_conformer`, with the 64 mel bands of the paper."""
  _together_conformer(config)
  config.features.n_mels = 64
  config.model.pools = ((2, 4), (1, 4), (1, 2))


def _varied(config: Config) -> None:
  """As `_together`, and clips that hardly ever sound the same twice."""
  _together(config)
  augment(config, ['symmetries_16', 'equaliser', 'frequency_shift', 'masks'])
  config.train.ema_decay = 0.999


def _mixed(config: Config) -> None:
  """As `_varied`, and half of the crops are mixed with another one."""
  _varied(config)
  augment(
    config,
    ['symmetries_16', 'equaliser', 'mixup', 'frequency_shift', 'masks'],
  )


def _scenes(config: Config) -> None:
  """New scenes for every forty epochs, as many as the dataset has."""
  config.data.synthesize_every_epoch = 128
  config.data.synthesize_seconds = 12.0
  config.data.synthesize_reuse = 40
  config.data.synthesize_workers = 1


# Name of a run -> what differs from the base, and the change of the base.
RECIPE: Mapping[str, tuple[str, Change]] = {
  'base': ('nothing (three tracks)', lambda config: None),
  'resnet': ('trunk: ResNet', _network('resnet', 'gru_attention')),
  'conformer': ('sequence: conformer', _network('cnn', 'conformer')),
  'resnet_conformer': (
    'both: ResNet-Conformer',
    _network('resnet', 'conformer'),
  ),
  'accdoa': ('format: ACCDOA', _format('accdoa')),
  'multi_accdoa': ('format: multi-ACCDOA', _format('multi_accdoa')),
  'doa_weight_0.3': (
    'weight of directions 0.3',
    lambda config: config.loss.update(doa_weight=0.3),
  ),
  'doa_weight_3': (
    'weight of directions 3',
    lambda config: config.loss.update(doa_weight=3.0),
  ),
  'unrotated': ('no rotations', lambda config: augment(config, [])),
  **{
    name: (f'with {name.replace("_", " ")}', _more(name))
    for name in AUGMENTATIONS
    if name not in _USUAL.values()
  },
  'ema': (
    'moving average, 0.998',
    lambda config: config.train.update(ema_decay=0.998),
  ),
  'dropout': ('dropout of 0.1 and 0.2', _dropout),
  'weight_decay': (
    'AdamW, decay 0.05',
    lambda config: config.train.update(weight_decay=0.05),
  ),
  'half_the_scenes': (
    'half of the training folds',
    lambda config: config.data.update(train_folds=(3, 4)),
  ),
  'new_scenes': ('new scenes during the training', _scenes),
  'crops': ('crops of twice the length', _crops),
  'batches': ('batches of half the size, twice the steps', _batches),
  'together': ('small batches, 16 symmetries, dropout', _together),
  'together_conformer': (
    'small batches, 16 symmetries, ResNet-Conformer',
    _together_conformer,
  ),
  'together_conformer_64': ('and 64 mel bands instead of 32', _bands),
  'varied': (
    'and equaliser, frequency shift, masks, moving average',
    _varied,
  ),
  'mixed': ('and mixup', _mixed),
}


def _rotated(*steps: str) -> Change:
  """The correlation of X and Y as one more channel, and these steps alone."""

  def change(config: Config) -> None:
    config.features.xy_correlation = True
    augment(config, ())
    config.augment.steps = steps

  return change


# Runs with FOA alone: rotation by any angle needs one more channel.
_ROTATIONS: Mapping[str, Change] = {
  'correlation': _rotated(),
  'only_rotation': _rotated('rotation()'),
  'rotation_and_symmetries_16': _rotated('rotation()', 'symmetries(count=16)'),
}


def recipe_changes() -> dict[str, Change]:
  """The changes of the proposed system `mse` by name of a run."""
  changes: dict[str, Change] = {
    'mse': lambda config: config.train.update(log_gradient_norms=False)
  }
  for name, (_, change) in RECIPE.items():
    changes[name] = _both(base, change)
  return changes


def augmentation_changes(format: str) -> dict[str, Change]:
  """The runs with one augmentation, all, all but one, and none.

  Args:
    format: `'foa'` or `'mic'`.

  Returns:
    The changes of the proposed system by name of a run.
  """
  counts = (8, 16, 48) if format == 'foa' else (8,)
  alone = [
    name
    for name in AUGMENTATIONS
    if not name.startswith('symmetries')
    or int(name.partition('_')[2]) in counts
  ]
  usual = _USUAL[format]
  together = [
    name for name in alone if name == usual or 'symmetries' not in name
  ]
  chosen = {
    'none': [],
    **{f'only_{name}': [name] for name in alone},
    'all': together,
    **{
      f'without_{name}': [one for one in together if one != name]
      for name in together
    },
  }
  changes: dict[str, Change] = {
    name: lambda config, names=names: augment(config, names)
    for name, names in chosen.items()
  }
  if format == 'foa':
    changes |= _ROTATIONS
  network = _both(base, _conformer)
  return {name: _both(network, change) for name, change in changes.items()}


def _both(first: Change, second: Change) -> Change:
  def change(config: Config) -> None:
    first(config)
    second(config)

  return change


def minutes(workdir: pathlib.Path) -> float:
  """Minutes of the training steps of a run, without evaluations."""
  records = runs.read_records(workdir / runs.TIMINGS)
  rate = statistics.median(one['steps_per_second'] for one in records)
  return records[-1]['num_steps'] / rate / 60


def write(
  workdir: pathlib.Path,
  study: str,
  results: Sequence[reproduce.Result],
  *,
  drawn: Sequence[str] = (),
) -> list[pathlib.Path]:
  """Writes the means over seeds as Markdown, each run and its curves as CSV.

  Args:
    workdir: The folder of the runs, to which the files are written.
    study: Name of the files.
    results: The finished runs.
    drawn: Systems whose learning curves are drawn.

  Returns:
    The files.
  """
  by_system: dict[str, list[reproduce.Result]] = {}
  for one in results:
    by_system.setdefault(one.system, []).append(one)
  time_of = lambda one: minutes(
    workdir / reproduce.run_name(one.system, one.format, one.seed)
  )
  lines, table = [], io.StringIO()
  writer = csv.writer(table, lineterminator='\n')
  writer.writerow(
    ['system', 'format', 'seed', 'minutes']
    + [f'{s}_{m}' for s in ('validation', 'test') for m in reproduce.METRICS]
  )
  for name, alike in by_system.items():
    cells = [
      tables.format_cell(
        metric,
        comparison.over_seeds([one.scores[split][metric] for one in alike]),
      )
      for split, metric in _COLUMNS
    ]
    time = statistics.fmean(map(time_of, alike))
    lines.append([_what(name), str(len(alike)), f'{time:.1f}', *cells])
    for one in alike:
      values = [
        one.scores[split][metric]
        for split in ('validation', 'test')
        for metric in reproduce.METRICS
      ]
      writer.writerow(
        [name, one.format, one.seed, f'{time_of(one):.2f}']
        + [f'{value:.6g}' for value in values]
      )
  heads = ['changed', 'seeds', 'minutes']
  heads += [f'{split} {metric}' for split, metric in _COLUMNS]
  texts = {
    f'{study}.md': studies.markdown(heads, lines),
    f'{study}.csv': table.getvalue(),
    f'{study}_curves.csv': tables.curves_csv(results),
  }
  for name, text in texts.items():
    files.write_text(workdir / name, text)
  paths = [workdir / name for name in texts]
  shown = {
    _what(name): [one.records for one in by_system[name]]
    for name in drawn
    if name in by_system
  }
  if shown:
    page.write_figure(
      lambda dark: figures.plot_systems(shown, dark=dark),
      folder=workdir,
      name=study,
    )
    paths += [workdir / f'{study}.png', workdir / f'{study}_dark.png']
  return paths


_COLUMNS = (
  ('validation', 'seld_score'),
  *(('test', metric) for metric in reproduce.METRICS),
)


def _what(name: str) -> str:
  """What a run changes, in words."""
  if name in RECIPE:
    return RECIPE[name][0]
  if name == 'mse':
    return output_study.SYSTEMS[name][0] + ', proposed'
  kind, _, rest = re.sub('_(?=[0-9])', ' ', name).partition('_')
  return f'{kind} {rest}'.replace('_', ' ').strip()


def plan(
  study: str,
  *,
  data: str,
  scale: str,
  format: str,
  seeds: Sequence[int],
  steps: int,
  events: str = '',
) -> dict[str, Config]:
  """Makes the configuration of each run.

  Args:
    study: `'recipe'` or `'augmentation'`.
    data: Folder of the scenes.
    scale: A name in `systems.SCALES`.
    format: `'foa'` or `'mic'`.
    seeds: The seeds.
    steps: Number of steps of each run.
    events: The dry sounds of the scenes, for runs that render new ones.

  Returns:
    Configurations by the name of the run. All runs of a seed are together.
  """
  changes = (
    recipe_changes() if study == 'recipe' else augmentation_changes(format)
  )
  configs = {}
  for seed in seeds:
    for name, change in changes.items():
      (config,) = reproduce.plan(
        data, names=['mse'], formats=[format], seeds=[seed], scale=scale
      ).values()
      studies.set_steps(config, steps, num_evaluations=STUDIES[study])
      change(config)
      if config.data.synthesize_every_epoch:
        config.data.synthesize_events = events
      configs[reproduce.run_name(name, format, seed)] = config
  return configs


def run(values: flags.FlagValues) -> None:
  """Trains the runs of a study, and writes its tables.

  Args:
    values: The flags of `benchmarks.loss_study`.

  Raises:
    InputError: The scenes are missing, `--only` has an unknown name, or a run
      failed.
  """
  configs = plan(
    values.study,
    data=values.data,
    scale=values.scale,
    format=values.format,
    seeds=range(values.seed, values.seed + values.seeds),
    steps=values.steps,
    events=values.events,
  )
  known = studies.systems_of(configs, values.format).values()
  failed = studies.train(studies.choose(configs, values), values)
  workdir = pathlib.Path(values.workdir)
  results = []
  for name in dict.fromkeys(known):
    start = f'{name}_{values.format}_seed'
    for folder in sorted(workdir.glob(f'{start}*')):
      result = reproduce.read_result(
        folder,
        system=name,
        format=values.format,
        seed=int(folder.name.removeprefix(start)),
      )
      if result is not None:
        results.append(result)
  drawn = ('mse', 'base', *values.only) if values.study == 'recipe' else ()
  for path in write(workdir, values.study, results, drawn=drawn):
    print(path)
  studies.report_failed(failed)
