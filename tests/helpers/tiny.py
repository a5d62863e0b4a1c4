"""A configuration and a run directory that are as small as can be."""


def make_tiny(config, root):
  """Makes any config small: a tiny network, short crops and four steps."""
  config.data.root = str(root)
  config.data.synthesize = 0
  for purpose in 'train_folds', 'validation_folds', 'test_folds':
    config.data[purpose] = tuple(f for f in config.data[purpose] if f <= 3)
  config.features.n_mels = 16
  config.features.n_fft = 1024
  config.features.win_length = 960
  config.features.hop_length = 480
  config.model.filters = (4, 4)
  config.model.pools = ((1, 2), (5, 4))
  if config.model.name == 'composed':
    config.model.stage_blocks = (1, 1)
    config.model.sequence_pool = config.model.sequence_layers = 1
    config.model.sequence_features = 8
    config.model.attention_heads = 2
  else:
    config.model.gru_features = 4
  if config.model.name == 'seld_crnn':
    config.model.attention_features = 4
  config.model.head_features = (8,)
  config.train.batch_size = 2
  config.train.crop_frames = 50
  config.train.num_steps = 4
  config.train.log_every = 1
  config.train.evaluate_every = 2
  config.eval.window = 50
  config.eval.test_windows = (50,)
  config.eval.batch_size = 4
  return config


def make_one_convolution(config):
  """Makes the network of a tiny config smaller still, to compile faster."""
  config.model.filters, config.model.pools = (4,), ((5, 8),)
  if config.model.name == 'composed':
    config.model.stage_blocks = (1,)
  return config


def make_run(workdir, config):
  """Writes a run directory: a config and checkpoints of random networks."""
  from seld_jax import runs
  from seld_jax.train import checkpoint
  from seld_jax.train import step as train_step

  runs.claim(workdir, config)
  with checkpoint.open_manager(workdir / 'checkpoints') as manager:
    for step, score in ((4, 0.5), (6, 0.9)):
      config.seed = step
      state = train_step.create_state(config)
      statistics = {
        'mean': state.statistics['mean'] - 30,
        'std': state.statistics['std'] * 15,
      }
      state = state.replace(statistics=statistics, step=state.step + step)
      checkpoint.save(manager, step, state, seld_score=score)
    manager.wait_until_finished()
  return workdir
