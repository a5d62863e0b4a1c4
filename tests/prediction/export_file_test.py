"""An export predicts like its run, without the run and the model code."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import jax
import jax.export
import numpy as np
import pytest
from absl import flags
from helpers.tiny import make_one_convolution, make_run, make_tiny

import seld_jax
from seld_jax import config as config_lib
from seld_jax import export as export_command
from seld_jax import labels, outputs, predictor
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
def run(tiny_run):
  return seld_jax.load(tiny_run)


@pytest.fixture(scope='module')
def exported(path):
  return seld_jax.load(path)


@pytest.fixture(scope='module')
def sound():
  rng = np.random.default_rng(3)
  return 0.1 * rng.standard_normal((4, 24000 * 5 + 777)).astype(np.float32)


def test_an_export_predicts_like_its_run(run, exported, sound):
  assert exported.spec == run.spec
  # Ten windows: three batches of 3 and one of 1.
  options = {'overlap': 0.5, 'batch_size': 3}
  first, second = (one(sound, 24000, **options) for one in (run, exported))
  np.testing.assert_allclose(second.activity, first.activity, atol=1e-5)
  np.testing.assert_allclose(second.doa, first.doa, atol=1e-5)


@pytest.mark.parametrize(
  ('name', 'distance'),
  [
    pytest.param('multi_accdoa', True, marks=pytest.mark.slow),
    pytest.param('class_wise', True, marks=pytest.mark.slow),
    pytest.param('accdoa', False, marks=pytest.mark.slow),
    pytest.param('tracks', True, marks=pytest.mark.slow),
  ],
)
def test_exports_of_other_formats_predict_like_their_runs(
  name, distance, tiny_root, sound, tmp_path
):
  config = make_one_convolution(make_tiny(config_lib.default(), tiny_root))
  config.output.format, config.output.distance = name, distance
  make_run(tmp_path / 'run', config)
  made = predictor.export_run(tmp_path / 'run', platforms=['cpu'])
  export_file.write(tmp_path / 'x.seld', made)
  run, exported = map(seld_jax.load, (tmp_path / 'run', tmp_path / 'x.seld'))
  assert exported.spec == run.spec
  assert exported.spec.output == config_lib.output_format(config)
  options = {'overlap': 0.5, 'batch_size': 4, 'threshold': 0.01}
  first, second = (
    one(sound[:, :48000], 24000, **options) for one in (run, exported)
  )
  assert set(first.outputs) == set(run.spec.output.predicted)
  for output, array in first.outputs.items():
    np.testing.assert_allclose(second.outputs[output], array, atol=1e-5)
  found = second.events
  np.testing.assert_array_equal(found.class_index, first.events.class_index)
  assert len(found.frame)
  assert (found.distance is not None) == distance


def test_an_export_has_streams_and_other_sample_rates(exported, sound):
  stream = exported.stream(48000)
  parts = [stream.push(sound[:, :50000]), stream.push(sound[:, 50000:])]
  parts.append(stream.flush())
  whole = exported(sound, 48000, batch_size=1)
  np.testing.assert_array_equal(
    np.concatenate([part.doa for part in parts]), whole.doa
  )


def test_an_export_needs_neither_model_nor_config(path, tmp_path):
  """In a new process and in another folder."""
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


def test_the_members_can_be_read_without_seld_jax(export, path):
  with zipfile.ZipFile(path) as archive:
    about = json.loads(archive.read('export.json'))
    with (
      archive.open('variables.npz') as file,
      np.load(file, allow_pickle=False) as arrays,
    ):
      variables = dict(arrays)
  assert about['version'] == 3
  output = outputs.make('class_wise', num_classes=14)
  assert about['spec']['output'] == outputs.options(output)
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


def test_the_window_is_fixed(tiny_run, run, exported, sound, tmp_path):
  with pytest.raises(InputError, match=r'tiny\.seld is an export with windows'):
    exported(sound, 24000, window=2.0)
  assert exported.window_frames(1.0) == exported.spec.window
  short = predictor.export_run(tiny_run, window=0.5, platforms=['cpu'])
  assert short.program.platforms == ('cpu',)
  export_file.write(tmp_path / 'short.seld', short)
  first = seld_jax.load(tmp_path / 'short.seld')(sound, 24000, batch_size=1)
  second = run(sound, 24000, window=0.5, batch_size=1)
  np.testing.assert_allclose(first.doa, second.doa, atol=1e-5)


def test_an_export_names_no_folder_of_this_machine(tiny_run, tiny_root, path):
  package = str(pathlib.Path(export_file.__file__).parents[1])
  with zipfile.ZipFile(path) as archive:
    for name in archive.namelist():
      content = archive.read(name)
      for folder in package, str(tiny_run), str(tiny_root), sys.prefix:
        assert folder.encode() not in content


def rewritten(path, folder, **changes):
  """Copies an export with other contents of some members."""
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
    ({'export': with_field('version', 0)}, 'of version 0, but .* 1, 2, 3'),
    ({'export': with_field('version', 4)}, 'of version 4, but .* 1, 2, 3'),
    ({'export': with_field('version', True)}, 'of version True, but .* 1, 2'),
    ({'export': with_field('version', 1)}, r'must be .* version 1\)'),
    ({'export': with_field('kind', 'x')}, 'is not an export'),
    ({'export': with_field('spec', {})}, 'is a damaged export'),
    ({'export': with_field('spec', 3)}, 'is a damaged export'),
    ({'export': with_field('variables', {})}, r'do not match export\.json'),
    ({'export': lambda text: b'[]'}, 'is not an export'),
    ({'export': lambda text: text[:100]}, 'or it is damaged'),
    ({'variables': lambda raw: raw[:1000]}, 'is a damaged export'),
    ({'program': lambda raw: raw[:1000]}, 'has a program of JAX .* cannot'),
    ({'program': lambda raw: b''}, 'has a program of JAX .* cannot'),
  ],
)
def test_damaged_members_are_refused(path, tmp_path, changes, message):
  copy = rewritten(path, tmp_path, **changes)
  with pytest.raises(InputError, match=rf'copy\.seld.*{message}'):
    seld_jax.load(copy)


def test_files_that_are_not_exports_are_refused(path, tmp_path):
  copy = tmp_path / 'copy.seld'
  for content in b'', b'no export', path.read_bytes()[:-2000]:
    copy.write_bytes(content)
    with pytest.raises(InputError, match=r'copy\.seld is not an export'):
      seld_jax.load(copy)
  with zipfile.ZipFile(copy, 'w') as archive:
    archive.writestr('export.json', '{}')
  with pytest.raises(InputError, match=r'copy\.seld is not an export'):
    seld_jax.load(copy)


def test_flipped_bits_are_detected(path, tmp_path):
  """The checksums of the archive detect them anywhere in the members."""
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
    else:  # for example in a date
      assert back.variables.keys()


def test_an_export_for_other_platforms_is_refused(export, tmp_path):
  program = jax.export.export(jax.jit(jax.numpy.sin), platforms=['tpu'])(1.0)
  export = dataclasses.replace(export, program=program)
  export_file.write(tmp_path / 'tpu.seld', export)
  if jax.default_backend() != 'tpu':
    with pytest.raises(InputError, match=r'was exported for tpu, but JAX uses'):
      seld_jax.load(tmp_path / 'tpu.seld')


def test_a_package_without_the_demo_is_explained(monkeypatch, tmp_path):
  monkeypatch.setattr(export_file, 'DEMO', tmp_path / 'demo.seld')
  with pytest.raises(InputError, match=r'configs/quick\.py'):
    seld_jax.load('demo')


def test_variables_of_an_export_are_those_of_its_run(tiny_run, path):
  from_run, classes = predictor.load_variables(tiny_run)
  from_export, again = predictor.load_variables(path)
  assert classes == again
  assert from_run.keys() == from_export.keys()
  for name, value in from_run.items():
    np.testing.assert_array_equal(from_export[name], value)


def test_an_export_may_have_a_card(path, tiny_run, tmp_path, capsys):
  plain = export_file.read(path)
  assert plain.card == ''
  card = tmp_path / 'card.md'
  card.write_text('# Netz für drei Räume\n', encoding='utf-8')
  out = tmp_path / 'a.seld'
  values = flags.FlagValues()
  export_command.define_flags(values)
  values(
    ['x', f'--workdir={tiny_run}', f'--out={out}', '--platforms=cpu']
    + [f'--card={card}']
  )
  export_command.main([], values)
  assert 'a.seld: step' in capsys.readouterr().out
  assert export_file.read(out).card == card.read_text(encoding='utf-8')
  with zipfile.ZipFile(out) as archive:
    assert archive.read('README.md') == card.read_bytes()
  card.write_bytes(b'\xff\xfe\x00')
  with pytest.raises(InputError, match=r'card\.md \(--card\) must be text'):
    export_command.main([], values)
  card.unlink()
  with pytest.raises(InputError, match=r'card\.md \(--card\) cannot be read'):
    export_command.main([], values)


def test_a_card_that_is_no_text_is_damage(path, tmp_path):
  damaged = tmp_path / 'b.seld'
  shutil.copy(path, damaged)
  with zipfile.ZipFile(damaged, 'a') as archive:
    archive.writestr('README.md', b'\xff\xfe\x00')
  with pytest.raises(
    InputError, match='is not an export of seld_jax, or it is'
  ):
    export_file.read(damaged)


def test_the_demo_is_part_of_the_package():
  assert predictor.DEMO.stat().st_size < 4e6
  page = pathlib.Path(__file__).parents[2] / 'docs' / 'demo.md'
  card = export_file.read(predictor.DEMO).card
  assert card == page.read_text(encoding='utf-8')
  demo = seld_jax.load('demo')
  assert demo.spec.classes == labels.TAU2020_CLASSES
  silence = demo(1e-4 * np.ones((4, 24000), np.float32), 24000)
  assert silence.activity.shape == (10, 14)
  assert not len(silence.events.frame)
