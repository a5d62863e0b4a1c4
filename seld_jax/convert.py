"""Converts the weights of a published baseline to a run directory or an export.

The weights of the DCASE baselines of 2024 and 2025 for audio are files of
PyTorch. They and a StandardScaler of scikit-learn are read as data: neither
library is needed, and nothing in the files is executed. The result predicts,
listens, is exported and fine-tuned like a network that was trained here.

Examples:
  python -m seld_jax.convert --from=dcase2024 \
    --weights=3_1_dev_split0_multiaccdoa_foa_model.h5 \
    --scaler=foa_scaler.joblib --out=runs/published_foa
  python -m seld_jax.convert --from=dcase2024 --weights=model.h5 \
    --statistics=data/starss23 --export --out=published.seld
"""

import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from absl import flags

from seld_jax import commands, dataset, files, labels, published
from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax import model as model_lib
from seld_jax.config import tasks
from seld_jax.dataset import cache
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import export_file
from seld_jax.train import snapshot

# The features of each published network by the numbers of feature channels and
# of bands that pooling leaves, named as in the names of the configs.
_FEATURES: Mapping[str, Mapping[tuple[int, int], str]] = {
  'dcase2024': {(7, 2): 'foa', (10, 2): 'mic', (7, 11): 'mic_salsa_lite'},
  'dcase2025': {(2, 2): 'stereo'},
}

# Baselines whose networks expect standardised features.
_STANDARDISED = ('dcase2024',)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.enum(
    'from', None, list(published.EDITIONS), 'Baseline that wrote the weights.'
  )
  define.string(
    'weights', None, 'State dict of PyTorch, such as *.h5 or *.pth.'
  )
  define.string(
    'scaler',
    '',
    'StandardScaler of the features: a file of joblib or pickle, or an .npz '
    'file with the arrays mean and scale.',
  )
  define.string(
    'statistics',
    '',
    'Folder of a dataset, such as data/starss23. Mean and standard deviation '
    'of its development recordings replace --scaler, as in the published code.',
  )
  define.string(
    'cache',
    '',
    'Folder of the features that --statistics extracts. Default: the folder '
    'features in the dataset.',
  )
  define.string(
    'out', None, 'Run directory to write, or with --export FILE.seld.'
  )
  define.bool('export', False, 'Write an export instead of a run directory.')
  define.list(
    'class_names',
    list(labels.STARSS_CLASSES),
    'Names of the classes, in the order of their index.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Converts a network, and prints what it is."""
  commands.refuse_arguments(arguments)
  compilation.use_persistent_cache()
  out = pathlib.Path(str(values.out))
  if values.export:
    inputs = {'weights': str(values.weights), 'scaler': values.scaler}
    files.check_output(out, example='network.seld', inputs=inputs)
  else:
    snapshot.check_new_run(out)
  trained = convert(
    str(values.weights),
    baseline=getattr(values, 'from'),
    scaler=values.scaler,
    statistics=values.statistics,
    feature_cache=values.cache,
    class_names=values.class_names,
  )
  if values.export:
    spec = snapshot.spec_of(trained.config)
    export = export_file.make(
      snapshot.make_program(trained.config),
      trained.variables,
      spec,
      config=trained.config_values,
      step=trained.step,
    )
    export_file.write(out, export)
  else:
    origin = f'converted from {pathlib.Path(str(values.weights)).name}'
    snapshot.write_run(out, trained, origin=origin)
  config = trained.config
  count = model_lib.count_parameters(trained.variables['params'])
  samples = config.eval.window * config.features.hop_length
  seconds = samples / config.features.sample_rate
  print(
    f'{out}: {config.features.format} of {config.features.sample_rate} Hz, '
    f'{len(config.data.classes)} classes, {config.output.format} with '
    f'distances, {count:,} parameters, windows of {seconds:g} s'
  )


def convert(
  weights: str | os.PathLike[str],
  *,
  baseline: str,
  scaler: str | os.PathLike[str] = '',
  statistics: str | os.PathLike[str] = '',
  feature_cache: str | os.PathLike[str] = '',
  class_names: Sequence[str] = labels.STARSS_CLASSES,
) -> snapshot.Trained:
  """Reads a published network and the standardisation of its features.

  Args:
    weights: State dict of PyTorch.
    baseline: Baseline that wrote it, one of `published.EDITIONS`.
    scaler: File of the StandardScaler of the features; empty for none.
    statistics: Folder of a dataset whose development recordings replace the
      scaler; empty for none.
    feature_cache: Folder of the features that `statistics` extracts; empty for
      the folder `features` in the dataset.
    class_names: Names of the classes, in the order of their index.

  Returns:
    The network with its configuration, as if it was read from a run directory.

  Raises:
    InputError: A file or the dataset cannot be used, the features have no
      standardisation, or there are no classes.
  """
  if not class_names:
    raise InputError('--class_names must have a class at least; it is empty.')
  if scaler and statistics:
    raise InputError('Give --scaler or --statistics, not both.')
  if baseline in _STANDARDISED and not scaler and not statistics:
    raise InputError(
      f'The network of {baseline} expects standardised features: give '
      '--scaler=FILE, or --statistics=FOLDER of a dataset if no scaler is '
      'published.'
    )
  if baseline not in _STANDARDISED and (scaler or statistics):
    raise InputError(
      f'The network of {baseline} was trained on features without a '
      f'standardisation: leave out --{"scaler" if scaler else "statistics"}.'
    )
  network = published.read_network(
    published.read_tensors(weights),
    edition=baseline,
    num_classes=len(class_names),
    source=weights,
  )
  config = _config(network, baseline, class_names=class_names, source=weights)
  if statistics:
    config.data.root, config.data.cache = str(statistics), str(feature_cache)
  config_lib.validate(config, num_devices=1)
  if statistics:
    found = _fitted(config)
  else:
    found = _of_scaler(config, scaler)
  tree = export_file.unflatten(network.variables)
  return snapshot.Trained(config, 0, {**tree, 'statistics': found})


def _config(
  network: published.Network,
  baseline: str,
  *,
  class_names: Sequence[str],
  source: str | os.PathLike[str],
) -> config_lib.Config:
  """The configuration of the task, with the sizes of a published network."""
  config = config_lib.default()
  known = _FEATURES[baseline]
  features = known.get((network.channels, network.bands))
  if features == 'mic_salsa_lite':
    tasks.salsa_lite(config)
  elif features is not None:
    config.features.format = features
  model = tasks.TASKS[baseline](config).model
  if features is None or len(network.filters) != len(model.pools):
    raise InputError(
      f'{source} has {len(network.filters)} convolutions, {network.channels} '
      f'feature channels and {network.bands} bands before its GRU; the known '
      f'networks have {len(model.pools)} and '
      + ' or '.join(f'{c} and {b}' for c, b in known)
      + '.'
    )
  # The classes are those of the file, and nothing selects a checkpoint.
  config.eval.edition, config.data.edition = config.data.edition, ''
  config.data.classes = tuple(class_names)
  config.data.validation_share = 0.0
  model.filters = network.filters
  model.gru_features = network.gru_features
  model.gru_layers = network.gru_layers
  model.attention_layers = network.attention_layers
  model.head_features = network.head_features
  if network.tracks == 1:
    config.output.format = 'accdoa'
  return config


def _of_scaler(
  config: config_lib.Config, path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
  """The statistics of a scaler, whose features have the channel first."""
  bands, channels = features_lib.shape(**config_lib.feature_options(config))
  if not path:
    shape = bands, channels
    return {'mean': np.zeros(shape, 'f4'), 'std': np.ones(shape, 'f4')}
  scaler = published.read_scaler(path)
  if len(scaler.mean) != bands * channels:
    raise InputError(
      f'{path} has {len(scaler.mean)} features, but the network needs '
      f'{bands * channels}: {channels} channels of {bands} bands.'
    )
  return {
    name: np.ascontiguousarray(values.reshape(channels, bands).T, np.float32)
    for name, values in (('mean', scaler.mean), ('std', scaler.scale))
  }


def _fitted(config: config_lib.Config) -> dict[str, np.ndarray]:
  """The statistics of all development recordings of a dataset."""
  root = pathlib.Path(config.data.root)
  if not root.is_dir():
    raise InputError(f'--statistics: there is no folder {root}.')
  recordings = dataset.find_recordings(root, format=config.features.format)
  paths = cache.extract(
    recordings,
    config.data.cache or root / 'features',
    options=config_lib.feature_options(config),
    # A folder of the user may have features of other datasets.
    shared=bool(config.data.cache),
  )
  return dataset.statistics(
    dataset.moments([paths[recording.name] for recording in recordings])
  )


if __name__ == '__main__':
  commands.run(
    main, define_flags=define_flags, required=('from', 'weights', 'out')
  )
