"""Training runs of tests: killed ones, last states, and equal ones."""

import jax
import numpy as np
import pytest

from seld_jax import runs, train
from seld_jax.train import checkpoint


def final_state(config, workdir):
  """The state of the latest checkpoint."""
  state = train.create_state(config)
  with checkpoint.open_manager(workdir / 'checkpoints') as manager:
    restored = checkpoint.restore_latest(manager, state)
  assert restored is not None
  return jax.device_get(restored[1])


def assert_same_run(config, one, other):
  """Checks that last state and metrics.jsonl are equal to the bit."""
  name = runs.METRICS
  assert (one / name).read_bytes() == (other / name).read_bytes()
  states = final_state(config, one), final_state(config, other)
  jax.tree.map(np.testing.assert_array_equal, *states)


def train_until_first_checkpoint(config, workdir, monkeypatch):
  """Trains a run that is killed after its first checkpoint."""
  save = checkpoint.save

  def die(manager, step, state, **keywords):
    save(manager, step, state, **keywords)
    manager.wait_until_finished()
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint, 'save', die)
    with pytest.raises(KeyboardInterrupt):
      train.train_and_evaluate(config, workdir)
