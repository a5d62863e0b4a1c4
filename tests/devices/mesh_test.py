"""Eight devices give the results of one, under jit and under pmap."""

import json
import pathlib
import shutil

import pytest
from helpers.eight_devices import start

# The number of devices is fixed when JAX starts, so this is a process of its
# own.
_SCRIPT = """
import json
import jax
import numpy as np
from jax.sharding import PartitionSpec
jax.config.update('jax_enable_x64', True)
from seld_jax import config as config_lib, devices, labels, train

config = config_lib.default()
config.features.n_mels = 16
config.model.filters, config.model.pools = (4,), ((5, 8),)
config.model.gru_features = 4
config.model.name = NETWORK
for path, value in FIELDS.items():
  section, name = path.split('.')
  config[section][name] = value
if NETWORK == 'seld_crnn':
  config.model.attention_features = 4
config.model.head_features = (8,)
config.model.dtype = DTYPE
config.augment.rotate = True
rng = np.random.default_rng(0)
batch = {'features': rng.standard_normal((16, 30, 16, 7))}
if config.output.format == 'class_wise':
  batch['targets'] = targets = {
    'activity': (rng.random((16, 6, 14)) < 0.1) * 1.0,
    'doa': rng.standard_normal((16, 6, 14, 3)),
    'distance': rng.uniform(1, 5, (16, 6, 14)),
  }
  # The devices have different numbers of events: a mean of means would be
  # wrong.
  targets['activity'][:9] = 0
else:
  frame, class_index = np.nonzero(rng.random((96, 14)) < 0.2)
  keep = frame >= 9 * 6
  frame, class_index = (np.tile(x[keep], 2) for x in (frame, class_index))
  xyz = rng.standard_normal((len(frame), 3))
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  events = labels.Events(
    frame, class_index, np.arange(len(frame)), xyz,
    rng.uniform(1, 5, len(frame)),
  )
  targets = config_lib.output_format(config).targets(events, num_frames=96)
  batch['targets'] = {
    name: np.float64(values).reshape(16, 6, *values.shape[1:])
    for name, values in targets.items()
  }
state = train.create_state(config)
widen = lambda x: x.astype(DTYPE) if x.dtype.kind == 'f' else x
state = jax.tree.map(widen, state)
batch = jax.tree.map(widen, batch)

assert len(jax.devices()) == 8
one = jax.jit(train.make_train_step(config))(state, batch)

mesh = devices.make_mesh()
many = jax.jit(
  train.make_train_step(config), out_shardings=devices.replicated(mesh)
)(
  devices.put_replicated(mesh, state),
  jax.device_put(batch, devices.divided(mesh)),
)

others = {'jit': many}
if PMAP:
  step = jax.pmap(
    train.make_train_step(config, axis_name='batch'),
    axis_name='batch', in_axes=(None, 0), out_axes=None,
  )
  parts = jax.tree.map(lambda x: x.reshape(8, 2, *x.shape[1:]), batch)
  others['pmap'] = step(state, parts)

def worst(a, b):
  scale = lambda x: max(np.abs(np.float64(x)).max(), 1e-300)
  errors = jax.tree.map(
    lambda x, y: np.abs(np.float64(x) - np.float64(y)).max() / scale(x), a, b)
  return max(jax.tree.leaves(errors))

HEADS = config_lib.output_format(config).heads

# Compares the first moment of Adam, a tenth of the gradient. The parameters
# cannot be compared: Adam makes a full step of the noise of a zero gradient.
def moments(state):
  import optax
  adam = [s for s in jax.tree.leaves(
    state.opt_state, is_leaf=lambda x: isinstance(x, optax.ScaleByAdamState))
    if isinstance(s, optax.ScaleByAdamState)]
  gradients = jax.device_get(adam[0].mu)
  # The softmax removes the bias of the attention keys, and batch normalisation
  # removes the bias of a convolution: their true gradient is 0.
  names = [name for name in gradients if name.startswith('Conv_')]
  layers = [gradients[name] for name in names if 'bias' in gradients[name]]
  if 'SelfAttention_0' in gradients:
    layers.append(gradients['SelfAttention_0']['key'])
  for layer in layers:
    noise = np.abs(layer.pop('bias')).max()
    heads = [head for head in gradients if head in HEADS]
    assert noise < 1e-5 * max(
      np.abs(gradients[head]['kernel']).max() for head in heads
    )
  return gradients

result = {}
for name, other in others.items():
  result[name] = {
    'gradients': worst(moments(one), moments(other)),
    'batch_stats': worst(one.batch_stats, other.batch_stats),
    'metrics': worst(one.metrics, other.metrics),
    'history': worst(
      one.loss_history or {'none': 0.0}, other.loss_history or {'none': 0.0}
    ),
  }
print(json.dumps(result))
"""


# Trains the config files of the arguments in the tiny shape.
_RUN_ALL = """
import pathlib, sys
import jax
from helpers.tiny import make_tiny
from helpers.config_files import load
from seld_jax import train
from seld_jax.devices import traced_steps
jax.config.update('jax_compilation_cache_dir', sys.argv[2])
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
assert len(jax.devices()) == 8
for path in map(pathlib.Path, sys.argv[3:]):
  config = make_tiny(load(path), sys.argv[1])
  config.train.batch_size = config.eval.batch_size = 8
  config.train.num_steps = config.train.evaluate_every = 2
  workdir = pathlib.Path(sys.argv[2]) / path.stem
  scores = train.train_and_evaluate(config, workdir)
  assert scores['num_steps'] == 2, path

# Trains the last one again with traces on disk, written first and then read.
traces = traced_steps.kept_in(pathlib.Path(sys.argv[2]) / 'traced')
for name in 'traced', 'read':
  again = workdir.with_name(name)
  train.train_and_evaluate(config, again, traces=traces)
  for file in 'metrics.jsonl', 'scores.json':
    assert (again / file).read_bytes() == (workdir / file).read_bytes()
  assert len(list(traces.folder.glob('*.gz'))) == 1
  traced_steps._export = lambda *_: sys.exit('traced twice')
"""
_CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'
# Both formats of audio, both networks of the paper, and every kind of test; the
# other systems differ from these in losses or output layers only, which the
# tests of single steps cover.
_TRAINED = (
  'mse_foa',
  'ce_mse_1_1000_mic',
  'baseline_mic',
  'submission2_foa',
)


@pytest.mark.parametrize(
  ('network', 'loss', 'dtype', 'bound'),
  [
    ('seld_crnn', 'masked_mse', 'float64', 1e-10),
    pytest.param(
      *('seld_net', 'masked_norm', 'float64', 1e-10), marks=pytest.mark.slow
    ),
  ],
)
def test_eight_devices_equal_one(network, loss, dtype, bound):
  assert_equal(network, {'loss.doa': loss}, dtype=dtype, bound=bound)


@pytest.mark.slow
@pytest.mark.parametrize(
  'fields',
  [
    {'output.format': 'multi_accdoa', 'output.distance': True},
    {'output.format': 'tracks', 'loss.weighting': 'dynamic'},
  ],
  ids=lambda fields: '-'.join(map(str, fields.values())),
)
def test_eight_devices_equal_one_in_each_output_format(fields):
  assert_equal('seld_crnn', fields, dtype='float64', bound=1e-10)


@pytest.mark.slow
def test_eight_devices_equal_one_in_a_resnet_conformer():
  fields = {
    'model.trunk': 'resnet',
    'model.stage_blocks': (1,),
    'model.sequence': 'conformer',
    'model.sequence_features': 8,
    'model.sequence_layers': 1,
    'model.attention_heads': 2,
    'model.kernel': 3,
  }
  assert_equal('composed', fields, dtype='float64', bound=1e-10)


def assert_equal(network, fields, *, dtype, bound):
  """Compares a training step on eight devices with one on one.

  Under pmap, too, for the networks of the paper: how the examples are divided
  does not depend on the output format or the layers.
  """
  script = _SCRIPT
  is_of_paper = 'loss.doa' in fields
  values = {'DTYPE': dtype, 'NETWORK': network, 'FIELDS': fields}
  for name, value in {**values, 'PMAP': is_of_paper}.items():
    script = script.replace(name, repr(value))
  found = json.loads(start(script).splitlines()[-1])
  assert found.keys() == ({'jit', 'pmap'} if is_of_paper else {'jit'})
  for kind, errors in found.items():
    for name, error in errors.items():
      assert error < bound, (kind, name, error)


@pytest.mark.slow
def test_configs_train_on_eight_devices(tiny_root, tmp_path):
  """Every fold has eight recordings, one for each device."""
  root = tmp_path / 'data'
  for path in tiny_root.glob('*/*_mix00?_ov1.*'):
    for copy in range(4):
      name = path.name.replace('mix00', f'mix{copy}0')
      (root / path.parent.name).mkdir(parents=True, exist_ok=True)
      shutil.copy(path, root / path.parent.name / name)
  for folder in 'foa_eval', 'mic_eval', 'metadata_eval':
    shutil.copytree(tiny_root / folder, root / folder)
  paths = [str(_CONFIGS / f'{name}.py') for name in _TRAINED]
  start(_RUN_ALL, str(root), str(tmp_path / 'runs'), *paths)
