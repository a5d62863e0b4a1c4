"""Training scenes that worker processes render beside the training.

The scenes of a generation are used for some epochs; meanwhile the next ones are
rendered. Which scenes a step sees depends on the configuration and the step
only, and so does every sample of them: a run that was stopped resumes with the
same batches, and the number of processes changes nothing but the speed.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import process
from typing import Any

import jax
import numpy as np

from seld_jax import audio, dataset, features, labels, progress, scenes
from seld_jax import config as config_lib
from seld_jax.dataset import cache
from seld_jax.devices import processes
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

# The workers leave the processors to the training, which feeds the devices.
_NICENESS = 5
# Seconds between two looks whether a signal arrived.
_POLL = 0.1
# A warning is given if the training waits longer than this share of the time.
_LONG_WAIT = 0.2


@dataclasses.dataclass(frozen=True)
class Plan:
  """Which scenes a run renders.

  Attributes:
    config: The configuration.
    new: What the scenes are drawn from.
    offsets: First label frame of each scene of a generation when they are
      joined, and the end of the last, int64 with shape `[scenes + 1]`.
  """

  config: config_lib.Config
  new: scenes.NewScenes
  offsets: np.ndarray

  @property
  def count(self) -> int:
    """Number of scenes in a generation."""
    return len(self.new.parts)

  def describe(self) -> str:
    """What a run with this plan is trained on, in words."""
    reuse = self.config.data.synthesize_reuse
    return (
      f'{self.count} new scenes of {self.new.seconds:g} s every '
      f'{"epoch" if reuse == 1 else f"{reuse} epochs"}'
    )

  def empty_fold(self) -> dataset.Fold:
    """A generation without content, which takes no memory until it is filled.

    Returns:
      The fold. Its targets are those of silence.
    """
    pool = config_lib.label_pool(self.config)
    row = features.shape(**config_lib.feature_options(self.config))
    length = int(self.offsets[-1])
    return dataset.Fold(
      names=tuple(f'scene{number + 1}' for number in range(self.count)),
      features=np.empty((length * pool, *row), np.float32),
      targets=config_lib.output_format(self.config).targets(
        labels.no_events(), num_frames=length
      ),
      offsets=self.offsets,
      num_label_frames=np.diff(self.offsets),
      references=(labels.no_events(),) * self.count,
      pool=pool,
    )


def plan(config: config_lib.Config) -> Plan | None:
  """Plans the scenes of a run.

  Args:
    config: The configuration; `data.root` exists.

  Returns:
    The plan; None if the config has no such scenes.

  Raises:
    InputError: `data.root` was not rendered, or not from these sounds, or its
      recordings are shorter than a crop.
  """
  data = config.data
  if not data.synthesize_every_epoch:
    return None
  if processes.count() > 1:
    raise InputError(
      'config.data.synthesize_every_epoch renders scenes for one process, but '
      f'{processes.count()} train together: set it to 0, or train in one '
      'process, on any number of devices of its host.'
    )
  new = scenes.open_new_scenes(
    data.root,
    events=data.synthesize_events or None,
    others=data.synthesize_others or None,
    rirs=data.synthesize_rirs or None,
    folds=tuple(data.train_folds),
    count=data.synthesize_every_epoch,
    classes=tuple(data.classes),
    format=config.features.format,
    seconds=data.synthesize_seconds,
    seed=config.seed,
  )
  options = config_lib.feature_options(config)
  size = round(new.seconds * options['sample_rate'])
  channels = features.num_audio_channels(new.format)
  frames = jax.eval_shape(
    functools.partial(features.compute, **options),
    jax.ShapeDtypeStruct((channels, size), np.float32),
  ).shape[0]
  if frames < config.train.crop_frames:
    raise InputError(
      f'The scenes of {data.root} have {new.seconds:g} s, which is shorter '
      f'than a training crop of train.crop_frames = '
      f'{config.train.crop_frames}: set --config.data.synthesize_seconds, the '
      'length of the scenes that are rendered beside the training.'
    )
  length = -(-frames // config_lib.label_pool(config))
  return Plan(config, new, offsets=length * np.arange(len(new.parts) + 1))


class Generations:
  """The scenes of a run, of which two generations exist at most.

  Args:
    plan: The plan of the scenes.
    submit: Starts jobs in worker processes, from `scenes.workers`.
    joiner: A thread that joins the scenes of a generation.
    first_step: The step that the run begins or resumes with.
    num_steps: Number of steps of the whole run.
    steps_per_epoch: Number of steps in an epoch.

  Attributes:
    waited: Seconds in which the training waited for scenes.
  """

  def __init__(
    self,
    plan: Plan,
    submit: Callable[..., list[Any]],
    joiner: concurrent.futures.Executor,
    *,
    first_step: int,
    num_steps: int,
    steps_per_epoch: int,
  ):
    self.waited = 0.0
    self._began = 0.0  # the time at which the current scenes were there
    self._is_warned = False
    self._plan = plan
    self._submit = submit
    self._joiner = joiner
    self._steps = steps_per_epoch * plan.config.data.synthesize_reuse
    self._num_steps = num_steps
    self._fold: dataset.Fold | None = None
    self._current = -1
    # Number, jobs and joined scenes of the generation that is rendered.
    self._coming = -1
    self._jobs: collections.deque[Any] = collections.deque()
    self._joined: concurrent.futures.Future[dataset.Fold] | None = None
    self._num_joined = 0
    if first_step < num_steps:
      self._start(first_step // self._steps)

  def fold_at(self, step: int) -> dataset.Fold | None:
    """The scenes of a step; None unless `wait` was called in this generation.

    Args:
      step: Number of the step, from 0.

    Returns:
      The joined scenes.
    """
    return self._fold if step // self._steps == self._current else None

  def wait(self, step: int, *, is_stopped: Callable[[], bool]) -> bool:
    """Waits until the scenes of a step are there, and begins with the next.

    Args:
      step: Number of the step, from 0.
      is_stopped: Whether there is a reason to wait no longer.

    Returns:
      Whether the scenes are there; False after `is_stopped`.

    Raises:
      InputError: A worker was killed, or a sound cannot be read.
    """
    number = step // self._steps
    if number == self._current:
      if self._joined is not None and self._joined.done():
        self._result()  # an error of the next generation is reported now
      return True
    if number != self._coming:  # a checkpoint before the latest was restored
      for job in list(self._jobs):
        job.cancel()
      self._start(number)
    began = time.monotonic()
    is_first = self._fold is None
    total = self._plan.count if is_first else 0
    with progress.bar('scenes', total, unit='scenes') as advance:
      shown = 0
      while not self._is_joined():
        done = self._num_joined
        advance(done - shown)
        shown = done
        if is_stopped():
          return False
      advance(total - shown)
    self._count(began, is_first=is_first)
    # The generation before is released before the next one is begun.
    self._fold, self._current = self._result(), number
    self._joined = None
    if (number + 1) * self._steps < self._num_steps:
      self._start(number + 1)
    return True

  def _count(self, began: float, *, is_first: bool) -> None:
    """Counts the time of a wait; warns if it was long."""
    now = time.monotonic()
    waited, used = now - began, began - self._began
    self.waited += waited
    self._began = now
    share = waited / (waited + used)
    if is_first or self._is_warned or share < _LONG_WAIT:
      return
    self._is_warned = True
    reuse = self._plan.config.data.synthesize_reuse
    _log.warning(
      'The training waited for new scenes in %.0f %% of the time: to use each '
      'scene in more epochs, start a run with '
      '--config.data.synthesize_reuse=%d.',
      100 * share,
      math.ceil(reuse * (waited + used) / max(used, 1e-9)),
    )

  def _start(self, number: int) -> None:
    """Begins to render a generation."""
    work = functools.partial(scenes.render_new_scene, self._plan.new, number)
    self._coming, self._num_joined = number, 0
    with _explained():
      self._jobs = collections.deque(
        self._submit(work, range(self._plan.count))
      )
    self._joined = self._joiner.submit(self._join, self._jobs)

  def _join(self, jobs: collections.deque[Any]) -> dataset.Fold:
    """Extracts the features of scenes as they come, and joins them."""
    plan, fold = self._plan, self._plan.empty_fold()
    assert isinstance(fold.features, np.ndarray)
    options = config_lib.feature_options(plan.config)
    output = config_lib.output_format(plan.config)
    references = []
    for index, (start, end) in enumerate(
      zip(plan.offsets[:-1], plan.offsets[1:], strict=True)
    ):
      samples, events = jobs.popleft().result()
      array = cache.compute(audio.as_float(samples), options=options)
      own = fold.features[start * fold.pool : end * fold.pool]
      own[: len(array)] = array
      own[len(array) :] = array[-1]
      for name, values in output.targets(
        events, num_frames=int(end - start)
      ).items():
        fold.targets[name][start:end] = values
      references.append(events)
      self._num_joined = index + 1
    return dataclasses.replace(fold, references=tuple(references))

  def _is_joined(self) -> bool:
    """Whether the next generation is there, after a moment of waiting."""
    assert self._joined is not None
    done, _ = concurrent.futures.wait([self._joined], timeout=_POLL)
    return bool(done)

  def _result(self) -> dataset.Fold:
    assert self._joined is not None
    with _explained():
      return self._joined.result()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
  """Turns the error about a worker that ended into an InputError."""
  try:
    yield
  except process.BrokenProcessPool as error:
    message = scenes.worker_ended('config.data.synthesize_workers')
    raise InputError(message) from error


@contextlib.contextmanager
def rendered(
  plan: Plan | None, *, first_step: int, num_steps: int, steps_per_epoch: int
) -> Iterator[Generations | None]:
  """Renders the scenes of a run in worker processes until the block ends.

  Args:
    plan: The plan of the scenes; None for a run without them.
    first_step: The step that the run begins or resumes with.
    num_steps: Number of steps of the whole run.
    steps_per_epoch: Number of steps in an epoch.

  Yields:
    The scenes; None without a plan.
  """
  if plan is None:
    yield None
    return
  count = plan.config.data.synthesize_workers or os.cpu_count() or 1
  with (
    # Ends last: it waits for results of the workers.
    concurrent.futures.ThreadPoolExecutor(1) as joiner,
    scenes.workers(min(count, plan.count), niceness=_NICENESS) as submit,
  ):
    yield Generations(
      plan,
      submit,
      joiner,
      first_step=first_step,
      num_steps=num_steps,
      steps_per_epoch=steps_per_epoch,
    )
