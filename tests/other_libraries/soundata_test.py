"""A folder in the layout of soundata's loaders serves both libraries."""

import hashlib
import importlib
import json

import numpy as np
import pytest

from seld_jax import audio, dataset, geometry, labels

soundata = pytest.importorskip(
  'soundata', reason='soundata is not installed (pip install soundata)'
)

core = pytest.importorskip('soundata.core')

# The loaders of soundata for datasets of DCASE, and the folder of recordings.
SETS = {
  'tau2020sse_nigens': 'foa_dev',
  'tau2021sse_nigens': 'foa_dev/dev-train',
  'starss2022': 'foa_dev/dev-train-tau',
}


@pytest.fixture(params=SETS)
def home(request, tmp_path, monkeypatch):
  """A loader of soundata, its folder of one recording, and the recording."""
  name, folder = request.param, SETS[request.param]
  rng = np.random.default_rng(0)
  signal = rng.uniform(-0.5, 0.5, (4, 24000)).astype(np.float32)
  # A source that moves and pauses, one of the same class, and a static one.
  moving = np.array([0, 1, 2, 3, 6, 7])
  frame = np.concatenate([moving, [1, 2], [4, 5, 6]])
  class_index = np.repeat([3, 3, 5], [6, 2, 3])
  track = np.repeat([0, 1, 2], [6, 2, 3])
  azimuth = np.concatenate([10 * moving - 170, [90, 95], [-40] * 3])
  elevation = np.concatenate([0 * moving, [10, 10], [20] * 3])
  order = np.argsort(frame, kind='stable')
  events = labels.Events(
    frame[order],
    class_index[order],
    track[order],
    geometry.to_cartesian(azimuth[order], elevation[order]),
  )
  clip = f'{folder}/fold3_room1_mix001'
  sound = f'{clip}.wav'
  text = f'{clip.replace("foa_dev", "metadata_dev")}.csv'
  audio.write(tmp_path / sound, signal)
  labels.write_csv(tmp_path / text, events)
  index = {
    'version': 'tiny',
    'clips': {
      clip: {
        key: [path, hashlib.md5((tmp_path / path).read_bytes()).hexdigest()]
        for key, path in (('audio', sound), ('events', text))
      }
    },
  }
  (tmp_path / 'index.json').write_text(json.dumps(index))
  entry = core.Index(filename='index.json')
  entry.indexes_dir = str(tmp_path)
  module = importlib.import_module(f'soundata.datasets.{name}')
  monkeypatch.setitem(module.INDEXES, 'tiny', entry)
  loader = soundata.initialize(name, data_home=str(tmp_path), version='tiny')
  return loader, tmp_path, signal, events


def test_the_loader_and_we_find_the_same_recordings(home):
  loader, folder, _, _ = home
  missing, wrong = loader.validate(verbose=False)
  assert not any(missing.values()) and not any(wrong.values())
  (entry,) = dataset.find_recordings(folder, format='foa', folds=(3,))
  (clip,) = loader.load_clips().values()
  assert str(entry.audio) == clip.audio_path
  assert str(entry.labels) == clip.csv_path


# audioread, which librosa imports to read sound, warns about `aifc`.
@pytest.mark.filterwarnings('ignore:.*deprecated:DeprecationWarning')
def test_its_sound_is_ours(home):
  loader, _, signal, _ = home
  (clip,) = loader.load_clips().values()
  found, rate = clip.audio
  assert rate == 24000 and found.shape == signal.shape
  own = audio.read(clip.audio_path)
  np.testing.assert_array_equal(found, own)


def test_its_annotations_are_our_events(home):
  loader, _, _, expected = home
  (clip,) = loader.load_clips().values()
  for found in (
    labels.from_spatial_events(clip.spatial_events),
    labels.read_csv(clip.csv_path),
  ):
    for name in ('frame', 'class_index', 'track'):
      np.testing.assert_array_equal(
        getattr(found, name), getattr(expected, name)
      )
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-9)
