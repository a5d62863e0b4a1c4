"""An export says what its run says, without the run and its code."""

import json
import pathlib
import subprocess
import sys
import zipfile

import jax
import numpy as np
import pytest

import seld_jax
from seld_jax import labels, predictor
from seld_jax.errors import InputError
from seld_jax.prediction import export_file


@pytest.fixture(scope='module')
def export(tiny_run):
  return predictor.export_run(tiny_run)


@pytest.fixture(scope='module')
def path(export, tmp_path_factory):
  path = tmp_path_factory.mktemp('export') / 'tiny.seld'
  export_file.write(path, export)
  return path


@pytest.fixture(scope='module')
def sound():
  rng = np.random.default_rng(3)
  return 0.1 * rng.standard_normal((4, 24000 * 5 + 777)).astype(np.float32)


def test_equal_to_the_run(tiny_run, path, sound):
  run, exported = seld_jax.load(tiny_run), seld_jax.load(path)
  assert exported.spec == run.spec
  for options in {}, {'overlap': 0.5}, {'batch_size': 3}:
    first, second = (one(sound, 24000, **options) for one in (run, exported))
    np.testing.assert_allclose(second.activity, first.activity, atol=1e-5)
    np.testing.assert_allclose(second.doa, first.doa, atol=1e-5)
  # Streams and other sample rates come with it.
  stream = exported.stream(48000)
  parts = [stream.push(sound[:, :50000]), stream.push(sound[:, 50000:])]
  parts.append(stream.flush())
  whole = exported(sound, 48000, batch_size=1)
  np.testing.assert_array_equal(
    np.concatenate([part.doa for part in parts]), whole.doa
  )


def test_needs_neither_model_nor_config(path, tmp_path):
  """In a fresh process, from a folder that knows nothing of the run."""
  script = (
    'import sys, numpy as np, seld_jax; '
    f'predictor = seld_jax.load({str(path)!r}); '
    'out = predictor(np.full((4, 24000), 0.1, np.float32), 24000); '
    'print(out.activity.shape, [m for m in ("flax", "orbax", "ml_collections",'
    ' "optax", "seld_jax.model") if m in sys.modules])'
  )
  done = subprocess.run(
    [sys.executable, '-c', script],
    capture_output=True,
    text=True,
    check=True,
    cwd=tmp_path,
  )
  assert done.stdout.strip() == '(10, 14) []'


def test_the_same_run_gives_the_same_file(export, path, tmp_path):
  export_file.write(tmp_path / 'again.seld', export)
  assert (tmp_path / 'again.seld').read_bytes() == path.read_bytes()


def test_what_is_in_it_can_be_read_by_anyone(export, path):
  with zipfile.ZipFile(path) as archive:
    about = json.loads(archive.read('export.json'))
    with archive.open('variables.npz') as file:
      variables = dict(np.load(file, allow_pickle=False))
  assert about['version'] == 1
  assert about['platforms'] == ['cpu', 'cuda', 'tpu']
  assert len(about['spec']['classes']) == 14
  assert about['config']['features']['format'] == 'foa'
  assert about['variables'].keys() == variables.keys()
  assert 'params/sed/kernel' in variables
  assert 'statistics/mean' in variables
  tree = export_file.unflatten(variables)
  assert set(tree) == {'params', 'batch_stats', 'statistics'}
  back = export_file.flatten(tree)
  assert back.keys() == variables.keys()
  for name, value in export.variables.items():
    np.testing.assert_array_equal(back[name], value)


def test_the_window_is_fixed(tiny_run, path, sound, tmp_path):
  exported = seld_jax.load(path)
  with pytest.raises(InputError, match=r'tiny\.seld is an export with windows'):
    exported(sound, 24000, window=2.0)
  own = exported(sound, 24000, window=1.0)
  np.testing.assert_array_equal(own.doa, exported(sound, 24000).doa)
  short = predictor.export_run(tiny_run, window=0.5, platforms=['cpu'])
  export_file.write(tmp_path / 'short.seld', short)
  first = seld_jax.load(tmp_path / 'short.seld')(sound, 24000)
  second = seld_jax.load(tiny_run)(sound, 24000, window=0.5)
  np.testing.assert_allclose(first.doa, second.doa, atol=1e-5)


def test_no_folder_of_this_machine_is_in_it(tiny_run, tiny_root, path):
  package = str(pathlib.Path(export_file.__file__).parents[1])
  with zipfile.ZipFile(path) as archive:
    for name in archive.namelist():
      content = archive.read(name)
      for folder in package, str(tiny_run), str(tiny_root), sys.prefix:
        assert folder.encode() not in content


def rewritten(path, folder, **changes):
  """A copy with other contents of some of its members."""
  copy = folder / 'copy.seld'
  with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, 'w') as target:
    for name in archive.namelist():
      content = archive.read(name)
      change = changes.get(name.partition('.')[0])
      target.writestr(name, change(content) if change else content)
  return copy


def with_field(name, value):
  return lambda text: json.dumps({**json.loads(text), name: value})


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'export': with_field('version', 0)}, 'of version 0, but .* version 1'),
    ({'export': with_field('version', 2)}, 'of version 2, but .* version 1'),
    ({'export': with_field('kind', 'x')}, 'is no export'),
    ({'export': with_field('spec', {})}, 'is a damaged export'),
    ({'export': with_field('spec', 3)}, 'is a damaged export'),
    ({'export': with_field('variables', {})}, 'not those it names'),
    ({'export': lambda text: b'[]'}, 'is no export'),
    ({'export': lambda text: text[:100]}, 'or a damaged one'),
    ({'variables': lambda raw: raw[:1000]}, 'is a damaged export'),
    ({'program': lambda raw: raw[:1000]}, 'holds a program of JAX .* cannot'),
    ({'program': lambda raw: b''}, 'holds a program of JAX .* cannot'),
  ],
)
def test_what_cannot_be_read_is_refused(path, tmp_path, changes, message):
  copy = rewritten(path, tmp_path, **changes)
  with pytest.raises(InputError, match=rf'copy\.seld.*{message}'):
    seld_jax.load(copy)


def test_what_is_no_export(path, tmp_path):
  copy = tmp_path / 'copy.seld'
  for content in b'', b'no export', path.read_bytes()[:-2000]:
    copy.write_bytes(content)
    with pytest.raises(InputError, match=r'copy\.seld is no export'):
      seld_jax.load(copy)
  with zipfile.ZipFile(copy, 'w') as archive:
    archive.writestr('export.json', '{}')
  with pytest.raises(InputError, match=r'copy\.seld is no export'):
    seld_jax.load(copy)


def test_bytes_that_flipped_are_noticed(path, tmp_path):
  """By the checksums of the archive, wherever they are."""
  raw = path.read_bytes()
  rng = np.random.default_rng(0)
  for place in rng.integers(0, len(raw), 200):
    broken = bytearray(raw)
    broken[place] ^= 1 << int(rng.integers(8))
    (tmp_path / 'x.seld').write_bytes(broken)
    try:
      back = export_file.read(tmp_path / 'x.seld')
    except InputError as error:
      assert 'x.seld' in str(error)
    else:  # a date, say
      assert back.variables.keys()


def test_other_devices_are_refused(tiny_run, tmp_path):
  export = predictor.export_run(tiny_run, platforms=['tpu'])
  export_file.write(tmp_path / 'tpu.seld', export)
  if jax.default_backend() != 'tpu':
    with pytest.raises(InputError, match=r'was exported for tpu, but JAX runs'):
      seld_jax.load(tmp_path / 'tpu.seld')


def test_no_demo(monkeypatch, tmp_path):
  monkeypatch.setattr(export_file, 'DEMO', tmp_path / 'demo.seld')
  with pytest.raises(InputError, match=r'configs/quick\.py'):
    seld_jax.load('demo')


def test_variables_to_start_from(tiny_run, path):
  from_run, classes = predictor.load_variables(tiny_run)
  from_export, again = predictor.load_variables(path)
  assert classes == again
  assert from_run.keys() == from_export.keys()
  for name, value in from_run.items():
    np.testing.assert_array_equal(from_export[name], value)


def test_the_demo_comes_with_the_package():
  assert predictor.DEMO.stat().st_size < 3e6
  demo = seld_jax.load('demo')
  assert demo.spec.classes == labels.TAU2020_CLASSES
  silence = demo(1e-4 * np.ones((4, 24000), np.float32), 24000)
  assert silence.activity.shape == (10, 14)
  assert not len(silence.events.frame)
