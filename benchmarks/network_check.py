"""Checks that the network in PyTorch computes the same as in seld_jax."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from benchmarks import network_speed, torch_seld
from seld_jax import config as config_lib
from seld_jax.train import step, step_metrics

# Outputs are compared in float32, but a loss and its gradients in float64. In
# float32 max pooling may choose the other one of two nearly equal cells, which
# changes the gradients by more than rounding.
_TOLERANCES = {'outputs': 1e-4, 'loss': 1e-9, 'gradients': 1e-9}


def check(config: config_lib.Config) -> dict[str, float]:
  """Compares both networks with the same parameters.

  Args:
    config: The configuration of the network.

  Returns:
    The largest differences of the outputs, of the loss of a batch without
    dropout and masks, and of the gradients, relative to the largest gradient of
    each layer.

  Raises:
    AssertionError: A difference is too large for rounding.
  """
  with config.copy_and_resolve_references().unlocked() as plain:
    for name in config_lib.model_fields(plain):
      if name.endswith('_dropout'):
        plain.model[name] = 0.0
  batch = network_speed.random_batch(
    plain, batch=2, frames=10 * config_lib.label_pool(plain)
  )
  state = step.create_state(plain)
  variables = jax.device_get(
    {'params': state.params, 'batch_stats': state.batch_stats}
  )
  theirs = network_speed.torch_network(plain, 'channels last')
  theirs.load(variables)
  ours = jax.jit(step.make_model(plain).apply)(variables, batch['features'])
  with torch.inference_mode():
    outputs = theirs.eval()(torch.from_numpy(batch['features']))
  found = {
    'outputs': max(
      float(np.abs(np.asarray(ours[name]) - output.numpy()).max())
      for name, output in zip(('sed', 'doa'), outputs, strict=True)
    )
  }
  plain.model.dtype = 'float64'
  wide = lambda tree: jax.tree.map(lambda a: np.asarray(a, np.float64), tree)
  with jax.enable_x64(True):
    loss, gradients = _loss_and_gradients(plain, wide(variables), wide(batch))
  found |= _compare(theirs.double(), wide(batch), loss, gradients)
  for name, value in found.items():
    assert value < _TOLERANCES[name], f'{name} differ by {value:.2g}'
  return found


def _loss_and_gradients(config, variables, batch):
  """Loss and gradients of our network; both terms have the weight 1."""
  network = step.make_model(config)

  def loss_function(params):
    given: Any = network.apply(
      {**variables, 'params': params},
      batch['features'],
      train=True,
      mutable=['batch_stats'],
    )
    sums = step_metrics.loss_sums(config, given[0], batch['targets'])
    terms = [sums[name] for name in ('sed_mse', 'doa_masked_mse')]
    return jnp.asarray(sum(part / count for part, count in terms))

  params = jax.tree.map(jnp.asarray, variables['params'])
  return jax.jit(jax.value_and_grad(loss_function))(params)


def _compare(network, batch, loss, gradients):
  """Differences to the loss and the gradients of PyTorch."""
  tensors = jax.tree.map(torch.from_numpy, batch)
  their_loss = torch_seld.losses(
    network.train()(tensors['features']),
    tensors['targets']['activity'],
    tensors['targets']['doa'],
  )
  their_loss.backward()
  pairs = _of_conformer if hasattr(network, 'blocks') else _of_crnn
  errors = [
    np.abs(np.asarray(ours).transpose(axes) - their).max() / np.abs(their).max()
    for their, axes, ours in pairs(network, gradients)
  ]
  return {
    'loss': abs(float(loss) - their_loss.item()),
    'gradients': float(max(errors)),
  }


# Gradients of PyTorch, the axes of ours in their order, and ours.
_Pairs = list[tuple[Any, tuple[int, ...], Any]]


def _of_crnn(network, gradients) -> _Pairs:
  pairs: _Pairs = [
    (layer.weight.grad.numpy(), (3, 2, 0, 1), gradients[f'Conv_{i}']['kernel'])
    for i, layer in enumerate(network.convolutions)
  ]
  for name in 'query', 'key', 'value':
    weight = getattr(network, name).weight.grad.numpy()
    pairs.append((weight, (1, 0), gradients['SelfAttention_0'][name]['kernel']))
  return pairs


def _of_conformer(network, gradients) -> _Pairs:
  first = network.stages[0][0].first.weight.grad.numpy()
  pairs: _Pairs = [(first, (3, 2, 0, 1), gradients['Conv_0']['kernel'])]
  for number, block in enumerate(network.blocks):
    ours = gradients[f'ConformerBlock_{number}']
    attention, of_attention = block.attention, ours['attention']
    pairs += [
      (attention.positions.grad.numpy(), (0, 1), of_attention['positions']),
      (
        attention.query_key_value.weight.grad.numpy(),
        (1, 0),
        of_attention['query_key_value']['kernel'],
      ),
      (block.depthwise.weight.grad.numpy()[:, 0], (1, 0), ours['depthwise']),
    ]
  return pairs
