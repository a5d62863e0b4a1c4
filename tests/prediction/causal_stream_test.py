"""A causal network gives live what it gives for a whole recording."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.tiny import make_run, make_tiny

import seld_jax
from seld_jax import config as config_lib
from seld_jax import dataset, features
from seld_jax.config import systems
from seld_jax.prediction import CausalStream, export_file
from seld_jax.train import snapshot
from seld_jax.train import step as train_step

RATE, LABEL = 24000, 2400
LOOK_AHEAD = 2
# Neither whole label frames nor whole feature frames.
AUDIO = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 3 * RATE + 700))
AUDIO = AUDIO.astype(np.float32)


RUNS = ['conformer', pytest.param('gru_attention', marks=pytest.mark.slow)]


@pytest.fixture(scope='module', params=RUNS)
def run(request, tmp_path_factory):
  """A run directory of a causal network, whose features have no top_db."""
  folder = tmp_path_factory.mktemp(request.param)
  config = systems.make('resnet_conformer', format='foa')
  config = make_tiny(config, folder)
  model = config.model
  if request.param != 'conformer':
    model.sequence = request.param
    model.sequence_layers = config_lib.default().model.sequence_layers
    model.gru_features = 4
  model.causal = True
  model.look_ahead, model.attention_history = LOOK_AHEAD, 4
  config.features.top_db = 0.0
  make_run(folder / 'run', config)
  return folder / 'run'


def whole_outputs(workdir):
  """Outputs of one pass over the features of the whole recording."""
  trained = snapshot.read(workdir)
  config, variables = trained.config, trained.variables
  found = features.compute(AUDIO, **config_lib.feature_options(config))
  labels = -(-len(found) // 5)
  filled = np.pad(found, ((0, 5 * labels - len(found)), (0, 0), (0, 0)), 'edge')
  standard = dataset.standardise(jnp.asarray(filled), variables['statistics'])
  apply = jax.jit(train_step.make_model(config).apply)
  used = {name: variables[name] for name in ('params', 'batch_stats')}
  return jax.tree.map(lambda x: np.asarray(x)[0], apply(used, standard[None]))


def streamed(stream, block):
  """Label frames of a recording that arrives in blocks."""
  parts = [
    stream.push(AUDIO[:, start : start + block])
    for start in range(0, AUDIO.shape[1], block)
  ]
  return [part for part in [*parts, stream.flush()] if len(part)]


@pytest.mark.slow
def test_any_parts_give_the_outputs_of_the_whole_recording(run):
  predictor = seld_jax.load(run)
  assert predictor.is_causal
  expected = whole_outputs(run)
  # Parts of one and of seven label frames, and one that is longer than half.
  for window, overlap in (0.5, 0.4), (1.0, 0.3), (2.0, 0.0):
    stream = predictor.stream(window=window, overlap=overlap)
    assert isinstance(stream, CausalStream)
    parts = streamed(stream, block=1771)
    assert [part.first for part in parts] == [
      *np.cumsum([0, *map(len, parts[:-1])])
    ]
    for name in 'sed', 'doa':
      joined = np.concatenate([part.outputs[name] for part in parts])
      np.testing.assert_allclose(joined, expected[name], atol=2e-5)
  prediction = predictor(AUDIO, RATE)
  np.testing.assert_allclose(prediction.activity, expected['sed'], atol=2e-5)


def test_a_label_frame_appears_after_the_latency_and_no_later(run):
  stream = seld_jax.load(run).stream(window=0.5, overlap=0.4)
  transform = 512 / RATE
  assert stream.latency == pytest.approx(0.1 * (1 + LOOK_AHEAD) + transform)
  for size in range(6):  # label frame 0 needs the samples up to its look-ahead
    audio = AUDIO[:, size * LABEL : (size + 1) * LABEL]
    # Half a transform is missing for the last label frame of the audio.
    assert len(stream.push(audio)) == int(size > LOOK_AHEAD)


def test_a_recording_of_nothing_has_no_label_frames(run):
  stream = seld_jax.load(run).stream()
  assert len(stream.push(AUDIO[:, :0])) == len(stream.flush()) == 0


def test_an_export_predicts_windows_as_the_run_does(run, tmp_path):
  """An export has the program for windows, which start anew."""
  export = seld_jax.predictor.export_run(run, platforms=('cpu',))
  path = tmp_path / 'export.seld'
  export_file.write(path, export)
  loaded = seld_jax.load(path)
  assert not loaded.is_causal
  window = AUDIO[:, :RATE]  # the first second is the first window
  expected = seld_jax.load(run)(window, RATE)
  np.testing.assert_allclose(
    loaded(window, RATE).activity, expected.activity, atol=1e-4
  )
