# %% [markdown]
# # A loss of your own in another training loop
#
# Features, targets and losses of seld_jax are functions of arrays. This
# notebook uses them in three training loops: plain JAX, Flax NNX with a
# network of seld_jax, and Equinox with a network of your own. The trainings
# are short, to show how the parts fit together.

# %%
import pathlib
import tempfile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from seld_jax import audio, features, labels, losses, model, outputs, scenes

# %% [markdown]
# ## Data
#
# Six recordings of four seconds. Features have five frames for each label
# frame of 0.1 s. The output format (ACCDOA) makes targets of labels: a vector
# for each class, zero where the class is silent.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
scenes.synthesize(
  folder,
  recordings=6,
  seconds=4,
  num_workers=0,
  style=scenes.Style(max_overlap=1, moving=0.0),
)
format = outputs.make('accdoa', num_classes=14)
compute = jax.jit(features.foa_features)

xs, ys = [], []
for path in sorted((folder / 'foa_dev').glob('*.wav')):
  xs.append(compute(audio.read(path).astype(np.float32)))
  events = labels.read_csv(folder / 'metadata_dev' / f'{path.stem}.csv')
  ys.append(format.targets(events, num_frames=40)['accdoa'])
x, y = jnp.stack(xs), jnp.stack(ys)
x = (x - x.mean((0, 1))) / (x.std((0, 1)) + 1e-6)  # standardised
print(x.shape, '[recordings, frames, mel bands, channels]')
print(y.shape, '[recordings, label frames, tracks, classes, vector]')

# %% [markdown]
# ## A loss of your own
#
# Most classes are silent in most frames, and a squared error of ACCDOA weighs
# them all alike. This loss adds the error of the active classes alone, as
# `losses.doa_masked_mse` has it: a sum and a count, which are divided at the
# end.


# %%
def own_loss(prediction, target):
  """ACCDOA with more weight for active classes; both `[..., classes, 3]`."""
  activity = jnp.linalg.norm(target, axis=-1)
  total, count = losses.doa_masked_mse(prediction, target, activity)
  everywhere = jnp.mean(losses.accdoa_mse(prediction, target))
  return everywhere + 0.3 * total / jnp.maximum(count, 1)


print(
  'of zeros:',
  own_loss(jnp.zeros_like(y), y),
  ' of the targets:',
  own_loss(y, y),
)

# %% [markdown]
# ## Plain JAX
#
# Parameters are a dictionary, the network is a function.


# %%
def initialise(key):
  """Parameters of two layers."""
  one, two = jax.random.split(key)
  size = 5 * 64 * 7
  return {
    'hidden': jax.random.normal(one, (size, 64)) / size**0.5,
    'out': jax.random.normal(two, (64, format.size)) / 64**0.5,
  }


def apply(params, x):
  """Label frames of five frames: `[..., label_frames, classes, 3]`."""
  frames = x.reshape(*x.shape[:-3], -1, 5 * 64 * 7)
  hidden = jax.nn.relu(frames @ params['hidden'])
  return format.activate(hidden @ params['out'])['accdoa']


optimizer = optax.adam(1e-3)


@jax.jit
def step(params, state):
  """One step on all recordings."""
  loss, gradient = jax.value_and_grad(lambda p: own_loss(apply(p, x), y))(
    params
  )
  updates, state = optimizer.update(gradient, state)
  return optax.apply_updates(params, updates), state, loss


params = initialise(jax.random.key(0))
state = optimizer.init(params)
for number in range(61):
  params, state, loss = step(params, state)
  if number % 30 == 0:
    print(number, f'{loss:.4f}')

# %% [markdown]
# ## Flax NNX
#
# The networks of seld_jax are Linen modules. `nnx.bridge.ToNNX` makes an NNX
# module of one: with parameters, statistics of batch normalisation, and keys
# for dropout. All of them follow `nnx.jit` and `nnx.Optimizer`.

# %%
linen = model.SeldCrnn(
  output=format,
  filters=(8, 8),
  pools=((5, 8), (1, 4)),
  gru_features=8,
  attention_features=0,
  head_features=(),
  conv_dropout=0.0,
)
network = nnx.bridge.ToNNX(linen, rngs=nnx.Rngs(0))
network = nnx.bridge.lazy_init(network, x[:1])
nnx_optimizer = nnx.Optimizer(network, optax.adam(3e-3), wrt=nnx.Param)


@nnx.jit
def nnx_step(network, optimizer, key):
  """One step on all recordings, with dropout."""

  def loss_of(network):
    rngs = nnx.Rngs(dropout=key)
    found = network(x, train=True, mutable=['batch_stats'], rngs=rngs)
    return own_loss(found['accdoa'], y)

  loss, gradient = nnx.value_and_grad(loss_of)(network)
  optimizer.update(network, gradient)
  return loss


for number in range(21):
  key = jax.random.fold_in(jax.random.key(1), number)
  loss = nnx_step(network, nnx_optimizer, key)
  if number % 10 == 0:
    print(number, f'{loss:.4f}')

# %% [markdown]
# ## Equinox
#
# An Equinox module is its own tree of parameters. Convolutions over time see
# the neighbouring frames.


# %%
class Network(eqx.Module):
  """Three layers; the second one sees five label frames."""

  first: eqx.nn.Linear
  middle: eqx.nn.Conv1d
  last: eqx.nn.Linear

  def __init__(self, key):
    keys = jax.random.split(key, 3)
    self.first = eqx.nn.Linear(5 * 64 * 7, 48, key=keys[0])
    self.middle = eqx.nn.Conv1d(48, 48, 5, padding=2, key=keys[1])
    self.last = eqx.nn.Linear(48, format.size, key=keys[2])

  def __call__(self, x):
    frames = jax.nn.relu(jax.vmap(self.first)(x.reshape(-1, 5 * 64 * 7)))
    frames = jax.nn.relu(self.middle(frames.T).T)
    return format.activate(jax.vmap(self.last)(frames))['accdoa']


@eqx.filter_jit
def eqx_step(network, state):
  """One step on all recordings."""
  loss, gradient = eqx.filter_value_and_grad(
    lambda one: own_loss(jax.vmap(one)(x), y)
  )(network)
  updates, state = optimizer.update(gradient, state)
  return eqx.apply_updates(network, updates), state, loss


eqx_network = Network(jax.random.key(0))
eqx_state = optimizer.init(eqx.filter(eqx_network, eqx.is_array))
for number in range(61):
  eqx_network, eqx_state, loss = eqx_step(eqx_network, eqx_state)
  if number % 30 == 0:
    print(number, f'{loss:.4f}')

# %% [markdown]
# ## From outputs to scores
#
# `format.events` finds events in the outputs. They can be written as label
# files and scored (see `compare_systems`). These are recordings of the
# training, so that nothing follows for others.

# %%
found = jax.device_get({'accdoa': eqx_network(x[0])})
events = format.events(found, threshold=0.4)
print(
  len(events.frame), 'rows, classes', sorted(set(events.class_index.tolist()))
)
