"""The last state of a training run, and whether two runs are equal."""

import jax
import numpy as np

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
