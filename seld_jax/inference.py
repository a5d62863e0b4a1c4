"""From features of a recording of any length to activity and directions."""

import collections
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from seld_jax import dataset
from seld_jax.dataset import sampling
from seld_jax.features import window_features

# Batches that are computed while an earlier one is fetched.
_WAITING = 2

# Outputs of the network that are put together again from windows.
Outputs = dict[str, np.ndarray]


def make_predict_step(
  model: nn.Module,
  *,
  out_shardings: Any = None,
  compiler_options: dict[str, str] | None = None,
) -> Callable[..., dict[str, jax.Array]]:
  """Compiles the network for windows of features.

  Args:
    model: A network of `seld_jax.model`.
    out_shardings: Where the outputs lie; for several devices.
    compiler_options: Options of XLA.

  Returns:
    `predict_step(variables, statistics, windows)`, where `windows`, not
    standardised, has shape `[batch, frames, mels, channels]`. Gives the model's
    outputs with shape `[batch, label_frames, ...]`.
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
) -> Callable[..., tuple[jax.Array, jax.Array]]:
  """Features and network in one pure function of audio, to be compiled.

  Args:
    model: A network of `seld_jax.model`.
    feature_options: Keyword arguments of `window_features`.

  Returns:
    `program(variables, audio, num_frames)`. `variables` are `params`,
    `batch_stats` and `statistics`, `audio` has shape `[batch, 4, samples]` and
    `num_frames` shape `[batch]`, as `window_features` takes them. Gives
    activity with shape `[batch, label_frames, classes]` and directions with
    shape `[batch, label_frames, classes, 3]`.
  """
  extract = functools.partial(window_features, **feature_options)

  def program(variables, audio, num_frames):
    features = jax.vmap(extract)(audio, num_frames)
    outputs: Any = model.apply(
      {name: variables[name] for name in ('params', 'batch_stats')},
      dataset.standardise(features, variables['statistics']),
    )
    return outputs['sed'], outputs['doa']

  return program


def predict_fold(
  predict_step: Callable[..., dict[str, jax.Array]],
  variables: Mapping[str, Any],
  statistics: Mapping[str, jax.Array],
  fold: dataset.Fold,
  *,
  source: Callable[[np.ndarray, int], jax.Array],
  window: int,
  batch_size: int,
) -> list[Outputs]:
  """Outputs of the network for every recording of a fold.

  Args:
    predict_step: From `make_predict_step`.
    variables: `params` and `batch_stats` of the model.
    statistics: Statistics of the features.
    fold: The recordings.
    source: Gives stretches of `fold.features`: see `seld_jax.sources`.
    window: Frames that the network sees at once.
    batch_size: Windows in one call.

  Returns:
    For each recording `sed_logits`, `sed` with shape `[label_frames, classes]`
    and `doa` with shape `[label_frames, classes, 3]`, in float32.
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
    # Batches that wait for their turn need memory: few do, so that the device
    # never waits for us either.
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
  # Backwards, so that where the last window overlaps the one before it, the
  # earlier window, which saw more of what follows, is kept.
  for position in reversed(range(len(places))):
    index, start = places[position]
    for name, array in windows.items():
      target = outputs[index][name][start : start + span]
      target[:] = array[position][: len(target)]
  return outputs


def join_outputs(parts: Sequence[Outputs]) -> Outputs:
  """Joins the outputs of several recordings along time."""
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }
