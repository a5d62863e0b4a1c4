"""Runs a network on features or audio of recordings of any length."""

import collections
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import dataset
from seld_jax.dataset import sampling
from seld_jax.features import window_features
from seld_jax.model import STATE

# Number of batches that may be computed while an earlier one is fetched.
_WAITING = 2

# Outputs of the network for one recording, by name.
Outputs = dict[str, np.ndarray]


def make_predict_step(
  model: nn.Module,
  *,
  out_shardings: Any = None,
  compiler_options: dict[str, str] | None = None,
) -> Callable[..., dict[str, jax.Array]]:
  """Returns a jitted function from windows of features to network outputs.

  Args:
    model: A network of `seld_jax.model`.
    out_shardings: Sharding of the outputs, as in `jax.jit`; None for one
      device.
    compiler_options: Options of XLA, as in `jax.jit`.

  Returns:
    `predict_step(variables, statistics, windows)`, where `windows` has shape
    `[batch, frames, mels, channels]` and is not standardised. It returns the
    outputs of the model, with shape `[batch, label_frames, ...]`.

  See Also:
    `make_audio_program`, which starts from audio.

  Example:
    >>> from seld_jax import inference, model
    >>> network = model.SeldNet(
    ...   filters=(4,), pools=((5, 8),), gru_features=4, gru_layers=1
    ... )
    >>> windows = jnp.zeros((2, 50, 64, 7))
    >>> variables = jax.jit(network.init)(jax.random.key(0), windows)
    >>> statistics = {'mean': jnp.zeros((64, 7)), 'std': jnp.ones((64, 7))}
    >>> step = inference.make_predict_step(network)
    >>> outputs = step(variables, statistics, windows)
    >>> outputs['sed'].shape, outputs['doa'].shape
    ((2, 10, 14), (2, 10, 14, 3))
  """

  def predict_step(variables, statistics, windows):
    return model.apply(variables, dataset.standardise(windows, statistics))

  return jax.jit(
    predict_step,
    out_shardings=out_shardings,
    compiler_options=compiler_options,
  )


def make_audio_program(
  model: nn.Module, *, feature_options: Mapping[str, Any]
) -> Callable[..., tuple[jax.Array, ...]]:
  """Returns a pure function from audio to the outputs of a network.

  It computes features and network in one program; compile it with `jax.jit` or
  export it with `jax.export`.

  Args:
    model: A network of `seld_jax.model`.
    feature_options: Keyword arguments of `features.window_features`.

  Returns:
    `program(variables, audio, num_frames)`, where `variables` has the entries
    `params`, `batch_stats` and `statistics`, `audio` has shape
    `[batch, channels, samples]` and `num_frames` shape `[batch]`, as in
    `window_features`. It returns the outputs `model.output.predicted`, with
    shape `[batch, label_frames, ...]`: in the format `class_wise` activity in
    [0, 1], with shape `[batch, label_frames, classes]`, and direction vectors,
    with shape `[batch, label_frames, classes, 3]`.

  See Also:
    `make_predict_step`, which starts from features.

  Example:
    >>> from seld_jax import inference, model
    >>> network = model.SeldNet(
    ...   filters=(4,), pools=((5, 8),), gru_features=4, gru_layers=1
    ... )
    >>> features = jnp.zeros((2, 50, 64, 7))
    >>> variables = jax.jit(network.init)(jax.random.key(0), features)
    >>> statistics = {'mean': jnp.zeros((64, 7)), 'std': jnp.ones((64, 7))}
    >>> program = inference.make_audio_program(
    ...   network, feature_options={'format': 'foa'}
    ... )
    >>> activity, doa = jax.jit(program)(
    ...   {**variables, 'statistics': statistics},
    ...   jnp.zeros((2, 4, 24000 + 1024)),  # 1 s and the context of the window
    ...   jnp.array([50, 50]),
    ... )
    >>> activity.shape, doa.shape
    ((2, 10, 14), (2, 10, 14, 3))
  """
  extract = functools.partial(window_features, **feature_options)
  apply = _network(model)

  def program(variables, audio, num_frames):
    return apply(variables, jax.vmap(extract)(audio, num_frames))

  return program


def make_causal_program(
  model: nn.Module, *, feature_options: Mapping[str, Any]
) -> Callable[..., tuple[tuple[jax.Array, ...], Any]]:
  """Returns a pure function from a part of a recording to its outputs.

  The network is causal and keeps a state from part to part; see
  `model.initial_state`. `prediction.CausalStream` calls the function.

  Args:
    model: A causal network of `seld_jax.model`.
    feature_options: Keyword arguments of `features.window_features`.

  Returns:
    `program(variables, state, audio, num_frames, num_kept, length=...)`. The
    audio is that of a window, as in `make_audio_program`; the part is its last
    `length` frames, which is a static argument. Frames of the window from
    `num_frames` on repeat the last one before them, and from `num_kept` on the
    standardised features are 0; both have shape `[batch]`. It returns the
    outputs `model.output.predicted` of the part, which are
    `model.look_ahead` label frames late, and the next state.

  Example:
    >>> from seld_jax import inference, model
    >>> network = model.ComposedNet(
    ...   filters=(4,), pools=((5, 8),), sequence_features=4, gru_features=4,
    ...   causal=True,
    ... )
    >>> part = jnp.zeros((1, 10, 64, 7))
    >>> variables = dict(jax.jit(network.init)(jax.random.key(0), part))
    >>> state = model.initial_state(network, variables, part.shape)
    >>> variables['statistics'] = {
    ...   'mean': jnp.zeros((64, 7)), 'std': jnp.ones((64, 7))
    ... }
    >>> program = inference.make_causal_program(
    ...   network, feature_options={'format': 'foa'}
    ... )
    >>> (activity, doa), state = jax.jit(program, static_argnames='length')(
    ...   variables,
    ...   state,
    ...   jnp.zeros((1, 4, 24000 + 1024)),  # 1 s and the context of the window
    ...   jnp.array([50]),
    ...   jnp.array([50]),
    ...   length=10,
    ... )
    >>> activity.shape, doa.shape
    ((1, 2, 14), (1, 2, 14, 3))
  """
  extract = functools.partial(window_features, **feature_options)
  predicted = model.output.predicted  # a field of all networks

  def program(variables, state, audio, num_frames, num_kept, *, length):
    features = jax.vmap(extract)(audio, num_frames)
    window = features.shape[1]
    part = dataset.standardise(
      features[:, window - length :], variables['statistics']
    )
    is_kept = np.arange(window - length, window) < num_kept[:, None]
    outputs: Any
    outputs, changed = model.apply(
      {
        'params': variables['params'],
        'batch_stats': variables.get('batch_stats', {}),
        STATE: state,
      },
      jnp.where(is_kept[..., None, None], part, 0),
      mutable=[STATE],
    )
    return tuple(outputs[name] for name in predicted), changed[STATE]

  return program


def make_feature_program(model: nn.Module) -> Callable[..., tuple[Any, ...]]:
  """Returns a pure function from features to the outputs of a network.

  It is for features that need the whole recording, which `make_audio_program`
  cannot compute from the audio of a window.

  Args:
    model: A network of `seld_jax.model`.

  Returns:
    `program(variables, features, num_frames)`, as in `make_audio_program`, but
    with features that are not standardised, with shape
    `[batch, frames, bands, channels]`. Frames from `num_frames` on repeat the
    last frame before them.

  Example:
    >>> from seld_jax import inference, model
    >>> network = model.SeldNet(
    ...   filters=(4,), pools=((5, 8),), gru_features=4, gru_layers=1
    ... )
    >>> features = jnp.zeros((2, 50, 64, 7))
    >>> variables = jax.jit(network.init)(jax.random.key(0), features)
    >>> statistics = {'mean': jnp.zeros((64, 7)), 'std': jnp.ones((64, 7))}
    >>> program = inference.make_feature_program(network)
    >>> activity, doa = jax.jit(program)(
    ...   {**variables, 'statistics': statistics}, features, jnp.array([50, 20])
    ... )
    >>> activity.shape, doa.shape
    ((2, 10, 14), (2, 10, 14, 3))
  """
  apply = _network(model)

  def program(variables, features, num_frames):
    frame = jnp.arange(features.shape[1])
    kept = jnp.minimum(frame, num_frames[:, None] - 1)
    repeated = jnp.take_along_axis(features, kept[..., None, None], axis=1)
    return apply(variables, repeated)

  return program


def _network(model: nn.Module) -> Callable[..., tuple[Any, ...]]:
  """The predicted outputs of a network, from features."""
  predicted = model.output.predicted  # a field of all networks

  def apply(variables, features):
    outputs: Any = model.apply(
      {name: variables.get(name, {}) for name in ('params', 'batch_stats')},
      dataset.standardise(features, variables['statistics']),
    )
    return tuple(outputs[name] for name in predicted)

  return apply


def predict_fold(
  predict_step: Callable[..., dict[str, jax.Array]],
  variables: Mapping[str, Any],
  statistics: Mapping[str, jax.Array | np.ndarray],
  fold: dataset.Fold,
  *,
  source: Callable[[np.ndarray, int], jax.Array],
  window: int,
  batch_size: int,
) -> list[Outputs]:
  """Outputs of the network for every recording of a fold.

  Each recording is divided into windows without overlap; the last window is
  moved back so that it ends with the recording. Where two windows overlap, the
  outputs of the earlier one are used.

  Args:
    predict_step: From `make_predict_step`.
    variables: `params` and `batch_stats` of the model.
    statistics: `mean` and `std` of the features, with shape `[mels, channels]`.
    fold: The recordings.
    source: Returns crops of `fold.features`: `source(starts, length)` has shape
      `[batch, length, mels, channels]`. See `dataset.placement`.
    window: Length of a window in feature frames, a multiple of `fold.pool`.
    batch_size: Number of windows in one call.

  Returns:
    For each recording the outputs of the model by name, float32 with shape
    `[label_frames, ...]`.

  Example:
    >>> from seld_jax import dataset, inference, labels
    >>> fold = dataset.Fold(  # one recording of 25 label frames
    ...   names=('a',),
    ...   features=np.arange(125, dtype=np.float32).reshape(125, 1, 1),
    ...   targets={'activity': np.zeros((25, 1), np.float32)},
    ...   offsets=np.array([0, 25]),
    ...   num_label_frames=np.array([25]),
    ...   references=(labels.no_events(),),
    ...   pool=5,
    ... )
    >>> (outputs,) = inference.predict_fold(
    ...   lambda variables, statistics, windows: {'sed': windows[:, ::5, 0]},
    ...   {},
    ...   {},
    ...   fold,
    ...   source=lambda starts, length: jnp.stack(
    ...     [fold.features[start : start + length] for start in starts]
    ...   ),
    ...   window=50,
    ...   batch_size=2,
    ... )
    >>> print(outputs['sed'][[0, 1, 24], 0])  # the frames 0, 5 and 120
    [  0.   5. 120.]
  """
  span = window // fold.pool
  places = [
    (index, int(start))
    for index, length in enumerate(fold.num_label_frames)
    for start in sampling.window_starts(int(length), span)
  ]
  starts = np.array([fold.offsets[i] + s for i, s in places], np.int32)
  # Whole batches only, so that one program serves all.
  padded = np.resize(starts, -(-len(starts) // batch_size) * batch_size)
  waiting: collections.deque[dict[str, jax.Array]] = collections.deque()
  fetched = []
  for part in padded.reshape(-1, batch_size):
    crops = source(part * fold.pool, window)
    waiting.append(predict_step(variables, statistics, crops))
    # Every batch on the device needs memory. Two are enough to keep the device
    # busy while an earlier one is fetched.
    if len(waiting) > _WAITING:
      fetched.append(jax.device_get(waiting.popleft()))
  fetched += jax.device_get(list(waiting))
  windows = {
    name: np.concatenate([batch[name] for batch in fetched])
    for name in fetched[0]
  }
  outputs: list[Outputs] = [
    {
      name: np.empty((length, *array.shape[2:]), np.float32)
      for name, array in windows.items()
    }
    for length in fold.num_label_frames
  ]
  # Backwards, so that the earlier of two overlapping windows overwrites the
  # later one: it has seen more of the sound that follows.
  for position in reversed(range(len(places))):
    index, start = places[position]
    for name, array in windows.items():
      target = outputs[index][name][start : start + span]
      target[:] = array[position][: len(target)]
  return outputs


def join_outputs(parts: Sequence[Outputs]) -> Outputs:
  """Concatenates the outputs of several recordings along time.

  Args:
    parts: Outputs of each recording, with shape `[label_frames, ...]`.

  Returns:
    The joined outputs, by the same names.

  Example:
    >>> from seld_jax import inference
    >>> parts = [{'sed': np.zeros((5, 14))}, {'sed': np.ones((3, 14))}]
    >>> inference.join_outputs(parts)['sed'].shape
    (8, 14)
  """
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }
