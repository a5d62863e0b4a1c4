"""Times training and inference of the network in seld_jax and in PyTorch."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import floor, timing
from seld_jax import config as config_lib
from seld_jax import features, inference
from seld_jax import model as model_lib
from seld_jax.dataset import sampling
from seld_jax.devices import compilation
from seld_jax.train import step as train_step

_TOLERANCE = 1e-4  # largest difference of the activity


def random_batch(
  config: config_lib.Config, *, batch: int, frames: int
) -> dict[str, Any]:
  """Makes a batch of random features and targets for a training step.

  Args:
    config: The configuration, which determines the shapes; its output format
      is `class_wise`.
    batch: Number of examples.
    frames: Number of feature frames in each example.

  Returns:
    `features`, and `targets` with `activity` and `doa`, in float32.
  """
  rng = np.random.default_rng(0)
  options = config_lib.feature_options(config)
  classes = len(config.data.classes)
  label_frames = frames // config_lib.label_pool(config)
  shape = (batch, frames, *features.shape(**options))
  activity = rng.random((batch, label_frames, classes)) < 0.1
  doa = rng.standard_normal((*activity.shape, 3))
  doa *= activity[..., None] / np.linalg.norm(doa, axis=-1, keepdims=True)
  return {
    'features': rng.standard_normal(shape, dtype=np.float32),
    'targets': {
      'activity': activity.astype(np.float32),
      'doa': doa.astype(np.float32),
    },
  }


def jax_step(
  config: config_lib.Config, batch: Mapping[str, Any]
) -> Callable[[], float]:
  """Makes a training step of seld_jax, compiled as in a training."""
  step = jax.jit(
    train_step.make_train_step(config),
    donate_argnums=0,
    compiler_options=compilation.compiler_options(),
  )
  state = train_step.create_state(config)
  on_device = jax.device_put(dict(batch))

  def call() -> float:
    nonlocal state
    state = step(state, on_device)
    return float(state.metrics['loss'])

  return call


def torch_step(
  config: config_lib.Config,
  batch: Mapping[str, Any],
  *,
  memory_format: str,
) -> Callable[[], float]:
  """Makes a training step of PyTorch with the same options."""
  import torch  # pyright: ignore[reportMissingImports]

  from benchmarks import torch_seld

  network = torch_network(config, memory_format).train()
  optimizer = torch.optim.Adam(
    network.parameters(), config.train.learning_rate, fused=True
  )
  arrays = {'features': batch['features'], **batch['targets']}
  tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
  shape = batch['features'].shape[2:]
  statistics = {'mean': torch.zeros(shape), 'std': torch.ones(shape)}
  names = 'time_masks', 'band_masks'
  masks = {f'num_{name}': config.augment[f'num_{name}'] for name in names}
  for name in 'max_time_width', 'max_band_width':
    masks[name] = config.augment[name]
  return lambda: torch_seld.train_step(
    network, optimizer, tensors, statistics, masks=masks
  )


def torch_network(config: config_lib.Config, memory_format: str):
  """Makes the network of a configuration in PyTorch, with new parameters."""
  from benchmarks import torch_conformer, torch_seld

  model = config.model
  options = {name: model[name] for name in config_lib.model_fields(config)}
  left_out = ['gru_reset_first', 'soft_sharing', 'dtype']
  network = torch_seld.TorchSeld
  if model.name == 'composed':
    assert (model.trunk, model.sequence) == ('resnet', 'conformer')
    network = torch_conformer.TorchResNetConformer
    unused = model_lib.unused_fields(
      trunk=model.trunk, sequence=model.sequence, causal=model.causal
    )
    left_out += ['trunk', 'sequence', 'causal', *unused]
  for name in left_out:
    options.pop(name, None)
  bands, channels = features.shape(**config_lib.feature_options(config))
  return network(
    num_channels=channels,
    num_mels=bands,
    num_classes=len(config.data.classes),
    memory_format=torch_seld.MEMORY_FORMATS[memory_format],
    **options,
  )


def training(
  config: config_lib.Config, *, batch: int, frames: int, rounds: int
) -> tuple[timing.Figure, str]:
  """Times a training step, with the faster memory format of PyTorch.

  Args:
    config: The configuration of the network.
    batch: Number of examples.
    frames: Number of feature frames in each example.
    rounds: Number of rounds.

  Returns:
    The figure, and the memory format.
  """
  given = random_batch(config, batch=batch, frames=frames)
  formats = ('channels first', 'channels last')
  calls = {
    name: torch_step(config, given, memory_format=name) for name in formats
  }
  chosen = timing.fastest(calls)
  times = timing.interleave(
    {'ours': jax_step(config, given), 'torch': calls[chosen]}, rounds=rounds
  )
  is_crnn = config.model.name == 'seld_crnn'
  figure = timing.Figure(
    name=f'{_name(config)}training step, batch {batch}, T = {frames}',
    ours=times['ours'],
    other=times['torch'],
    against='PyTorch',
    target=1.5 if is_crnn else 1.0,
    flops=_flops(config, batch=batch, frames=frames, train=True),
  )
  return figure, chosen


def minute(
  config: config_lib.Config, *, seconds: float, rounds: int
) -> timing.Figure:
  """Times inference, from the features of a recording to the outputs.

  Args:
    config: The configuration of the network.
    seconds: Length of the recording.
    rounds: Number of rounds.

  Returns:
    The figure.
  """
  import torch  # pyright: ignore[reportMissingImports]

  options, pool = config.features, config_lib.label_pool(config)
  window = config.eval.window
  num_frames = int(seconds * options.sample_rate) // options.hop_length
  num_frames = max(window, num_frames // pool * pool)
  features_of = random_batch(config, batch=1, frames=num_frames)['features'][0]
  starts = sampling.window_starts(num_frames // pool, window // pool)
  state = train_step.create_state(config)
  variables = {'params': state.params, 'batch_stats': state.batch_stats}
  predict = inference.make_predict_step(
    train_step.make_model(config),
    compiler_options=compilation.compiler_options(),
  )
  cut = jax.jit(sampling.take_crops, static_argnums=2)
  placed, first = jnp.asarray(features_of), jnp.asarray(starts * pool)

  def ours():
    windows = cut(placed, first, window)
    return jax.device_get(predict(variables, state.statistics, windows))

  mean, std = (
    torch.from_numpy(np.array(state.statistics[name]))
    for name in ('mean', 'std')
  )
  tensor = torch.from_numpy(features_of)

  def torch_side(memory_format):
    network = torch_network(config, memory_format)
    network.load(variables)
    network.eval()

    def call():
      with torch.inference_mode():
        crops = [tensor[s * pool : s * pool + window] for s in starts]
        outputs = network((torch.stack(crops) - mean) / std)
        return [output.numpy() for output in outputs]

    return call

  formats = ('channels first', 'channels last')
  calls = {name: torch_side(name) for name in formats}
  chosen = calls[timing.fastest(calls)]
  difference = np.abs(ours()['sed'] - chosen()[0]).max()
  assert difference < _TOLERANCE, f'activity differs by {difference:.2g}'
  times = timing.interleave({'ours': ours, 'torch': chosen}, rounds=rounds)
  is_crnn = config.model.name == 'seld_crnn'
  return timing.Figure(
    name=f'{_name(config)}inference, {seconds:g} s of features',
    ours=times['ours'],
    other=times['torch'],
    against='PyTorch',
    target=1.25 if is_crnn else 1.0,
    flops=_flops(config, batch=len(starts), frames=window, train=False),
  )


def _name(config: config_lib.Config) -> str:
  """Start of the name of a figure."""
  return 'ResNet-Conformer, ' if config.model.name == 'composed' else ''


def _flops(config: config_lib.Config, **sizes: Any) -> float | None:
  """Necessary operations; None for networks whose operations nobody counted."""
  if config.model.name != 'seld_crnn':
    return None
  return sum(floor.network_flops(config, **sizes).values())
