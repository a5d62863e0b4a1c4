"""A run of some seconds with all parts: scenes, features, steps, scores."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Changes `quick`: shorter scenes, and a network that compiles fast."""
  config = systems.narrow(config_lib.default())
  config.features.n_mels = 16
  config.model.filters = (4, 4)
  config.model.pools = ((2, 2), (1, 2))
  config.model.gru_features = 4
  config.model.attention_features = 4
  config.model.head_features = (8,)
  config.train.batch_size = 2
  config.train.num_steps = 32
  config.train.log_every = 2
  config.train.evaluate_every = 4
  config.eval.test_windows = (120,)
  config.eval.batch_size = 2
  return config
