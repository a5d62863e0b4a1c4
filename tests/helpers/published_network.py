"""The network of the published baselines in NumPy, and random tensors for it.

Written from the README of its repository, with tensors and features in the
form of PyTorch; float64.
"""

import numpy as np

NAMES = {
  'dcase2024': ('conv_block_list', 3, 'mhsa_block_list', 'layer_norm_list'),
  'dcase2025': ('conv_blocks', 1, 'mhsa_layers', 'layer_norms'),
}


def random_tensors(
  edition='dcase2024',
  *,
  channels=7,
  filters=(5, 6, 4),
  bands=2,
  units=8,
  grus=2,
  attentions=2,
  hidden=(9,),
  outputs=156,
  seed=0,
):
  """Tensors by their published names, float32."""
  conv, step, mhsa, norm = NAMES[edition]
  rng = np.random.default_rng(seed)
  shapes = {}
  inputs = channels
  for number, size in enumerate(filters):
    layer = f'{conv}.{step * number}'
    shapes[f'{layer}.conv.weight'] = (size, inputs, 3, 3)
    for name in 'conv.bias', 'bn.weight', 'bn.bias', 'bn.running_mean':
      shapes[f'{layer}.{name}'] = (size,)
    shapes[f'{layer}.bn.running_var'] = (size,)
    shapes[f'{layer}.bn.num_batches_tracked'] = ()
    inputs = size
  inputs *= bands
  for number in range(grus):
    for end in f'l{number}', f'l{number}_reverse':
      shapes[f'gru.weight_ih_{end}'] = (3 * units, inputs)
      shapes[f'gru.weight_hh_{end}'] = (3 * units, units)
      shapes[f'gru.bias_ih_{end}'] = shapes[f'gru.bias_hh_{end}'] = (3 * units,)
    inputs = 2 * units
  for number in range(attentions):
    layer = f'{mhsa}.{number}'
    shapes[f'{layer}.in_proj_weight'] = (3 * units, units)
    shapes[f'{layer}.in_proj_bias'] = (3 * units,)
    shapes[f'{layer}.out_proj.weight'] = (units, units)
    shapes[f'{layer}.out_proj.bias'] = (units,)
    shapes[f'{norm}.{number}.weight'] = shapes[f'{norm}.{number}.bias'] = (
      units,
    )
  inputs = units
  for number, size in enumerate((*hidden, outputs)):
    shapes[f'fnn_list.{number}.weight'] = (size, inputs)
    shapes[f'fnn_list.{number}.bias'] = (size,)
    inputs = size
  tensors = {}
  for name, shape in shapes.items():
    values = 0.4 * rng.standard_normal(shape)
    if name.endswith('running_var'):
      values = 0.01 + values**2
    tensors[name] = np.asarray(values, np.float32)
    if name.endswith('num_batches_tracked'):
      tensors[name] = np.int64(7)
  return tensors


def outputs_of(
  tensors,
  features,
  *,
  edition='dcase2024',
  pools=((5, 4), (1, 4), (1, 2)),
  heads=8,
):
  """Outputs `[batch, label_frames, outputs]` for `[batch, channels, t, f]`."""
  conv, step, mhsa, norm = NAMES[edition]
  get = lambda name: np.asarray(tensors[name], np.float64)
  x = np.asarray(features, np.float64)
  for number, pool in enumerate(pools):
    layer = f'{conv}.{step * number}'
    x = _convolved(x, get(f'{layer}.conv.weight'), get(f'{layer}.conv.bias'))
    mean, var, gain, shift = (
      get(f'{layer}.bn.{name}')[:, None, None]
      for name in ('running_mean', 'running_var', 'weight', 'bias')
    )
    x = np.maximum((x - mean) / np.sqrt(var + 1e-5) * gain + shift, 0)
    x = _pooled(x, *pool)
  x = x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)
  number = 0
  while f'gru.weight_ih_l{number}' in tensors:
    forwards = _gru(x, get, f'l{number}')
    backwards = _gru(x[:, ::-1], get, f'l{number}_reverse')[:, ::-1]
    x = np.concatenate([forwards, backwards], axis=-1)
    number += 1
  x = np.tanh(x)
  half = x.shape[-1] // 2
  x = x[..., half:] * x[..., :half]
  number = 0
  while f'{mhsa}.{number}.in_proj_weight' in tensors:
    y = x + _attended(x, get, f'{mhsa}.{number}', heads)
    y = y - y.mean(axis=-1, keepdims=True)
    y /= np.sqrt((y**2).mean(axis=-1, keepdims=True) + 1e-5)
    x = y * get(f'{norm}.{number}.weight') + get(f'{norm}.{number}.bias')
    number += 1
  number = 0
  while f'fnn_list.{number}.weight' in tensors:
    weight, bias = (
      get(f'fnn_list.{number}.{name}') for name in ('weight', 'bias')
    )
    x = x @ weight.T + bias
    number += 1
  return x


def _convolved(x, weight, bias):
  padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
  frames, bands = x.shape[2:]
  y = sum(
    np.einsum(
      'bctf,oc->botf',
      padded[:, :, i : i + frames, j : j + bands],
      weight[:, :, i, j],
    )
    for i in range(3)
    for j in range(3)
  )
  return y + bias[:, None, None]


def _pooled(x, p, q):
  frames, bands = x.shape[2] // p, x.shape[3] // q
  x = x[:, :, : frames * p, : bands * q]
  return x.reshape(*x.shape[:2], frames, p, bands, q).max(axis=(3, 5))


def _gru(x, get, end):
  sigmoid = lambda y: 1 / (1 + np.exp(-y))
  weight, recurrent = get(f'gru.weight_ih_{end}'), get(f'gru.weight_hh_{end}')
  bias, added = get(f'gru.bias_ih_{end}'), get(f'gru.bias_hh_{end}')
  state = np.zeros((x.shape[0], recurrent.shape[1]))
  states = []
  for t in range(x.shape[1]):
    r, z, n = np.split(x[:, t] @ weight.T + bias, 3, axis=-1)
    state_r, state_z, state_n = np.split(
      state @ recurrent.T + added, 3, axis=-1
    )
    r, z = sigmoid(r + state_r), sigmoid(z + state_z)
    state = (1 - z) * np.tanh(n + r * state_n) + z * state
    states.append(state)
  return np.stack(states, axis=1)


def _attended(x, get, layer, heads):
  together = x @ get(f'{layer}.in_proj_weight').T + get(f'{layer}.in_proj_bias')
  parts = []
  size = x.shape[-1] // heads
  for head in range(heads):
    query, key, value = (
      part[..., head * size : (head + 1) * size]
      for part in np.split(together, 3, axis=-1)
    )
    scores = query @ key.swapaxes(1, 2) / np.sqrt(size)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    parts.append(weights / weights.sum(axis=-1, keepdims=True) @ value)
  y = np.concatenate(parts, axis=-1)
  return y @ get(f'{layer}.out_proj.weight').T + get(f'{layer}.out_proj.bias')
