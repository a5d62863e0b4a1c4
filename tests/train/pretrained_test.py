"""A shared folder gives the network of its run, or is refused in a sentence."""

import json
import shutil
import tracemalloc

import jax
import numpy as np
import pytest
import safetensors.numpy
from helpers import audio_sets
from helpers.command_outcomes import outcome
from helpers.tiny import make_run
from hypothesis import given, settings
from hypothesis import strategies as st

import seld_jax
from seld_jax import predictor, runs, save_pretrained
from seld_jax.errors import InputError
from seld_jax.prediction import export_file
from seld_jax.train import pretrained, snapshot, sources

AUDIO = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 36000))


@pytest.fixture(scope='module')
def trained(tiny_run):
  return snapshot.read(tiny_run)


@pytest.fixture(scope='module')
def shared(trained, tmp_path_factory):
  """The folder of a run. Tests that change it take a copy."""
  return pretrained.write(
    tmp_path_factory.mktemp('shared') / 'net', trained, card='# A network\n'
  )


@pytest.fixture
def copy(shared, tmp_path):
  return shutil.copytree(shared, tmp_path / 'copy')


def test_a_folder_predicts_what_its_run_predicts(tiny_run, shared):
  theirs, ours = seld_jax.load(tiny_run), seld_jax.load(shared)
  assert ours.spec == theirs.spec
  assert ours.source == str(shared)
  assert not ours.has_fixed_window
  expected = theirs(AUDIO, 24000, window=0.5, overlap=0.2)
  found = ours(AUDIO, 24000, window=0.5, overlap=0.2)
  for name, values in expected.outputs.items():
    np.testing.assert_array_equal(found.outputs[name], values)


def test_a_folder_starts_a_training_as_its_run_does(tiny_run, shared):
  expected, spec, features = sources.load_variables(tiny_run)
  found, same, as_well = sources.load_variables(shared)
  assert (spec, features) == (same, as_well)
  assert predictor.load_variables(shared)[1] == spec.classes
  assert found.keys() == expected.keys()
  for name, array in expected.items():
    assert found[name].dtype == array.dtype
    np.testing.assert_array_equal(found[name], array)


def test_any_program_can_read_the_arrays(trained, shared):
  arrays = safetensors.numpy.load_file(shared / pretrained.WEIGHTS)
  expected = export_file.flatten(trained.variables)
  assert arrays.keys() == expected.keys()
  for name, array in expected.items():
    np.testing.assert_array_equal(arrays[name], array)


def test_float16_rounds_parameters_and_nothing_else(trained, tmp_path):
  half = pretrained.write(tmp_path / 'half', trained, card='', dtype='float16')
  found = pretrained.read(half).variables
  assert jax.tree.structure(found) == jax.tree.structure(
    jax.tree.map(np.asarray, dict(trained.variables))
  )
  for name in 'batch_stats', 'statistics':
    jax.tree.map(
      np.testing.assert_array_equal, found[name], trained.variables[name]
    )
  expected = jax.tree.map(
    lambda x: np.asarray(x, np.float16).astype(np.float32),
    trained.variables['params'],
  )
  jax.tree.map(np.testing.assert_array_equal, found['params'], expected)
  full = pretrained.write(tmp_path / 'full', trained, card='')
  sizes = [(one / pretrained.WEIGHTS).stat().st_size for one in (half, full)]
  assert sizes[0] < sizes[1]


def test_numbers_beyond_float16_are_refused(trained, tmp_path):
  params = jax.tree.map(
    lambda x: np.asarray(x) + 1e6, trained.variables['params']
  )
  large = snapshot.Trained(
    trained.config, 1, {**trained.variables, 'params': params}
  )
  with pytest.raises(InputError, match='too large for float16'):
    pretrained.write(tmp_path / 'half', large, card='', dtype='float16')
  assert not (tmp_path / 'half').exists()


def test_the_positions_of_microphones_travel_with_the_network(tmp_path):
  positions = np.random.default_rng(1).uniform(-0.1, 0.1, (5, 3))
  file = tmp_path / 'array.csv'
  np.savetxt(file, positions, delimiter=',', fmt='%.17g')
  config = audio_sets.make_config('five microphones', tmp_path)
  config.features.microphones = str(file)
  make_run(tmp_path / 'run', config)
  folder = pretrained.write(
    tmp_path / 'net', snapshot.read(tmp_path / 'run'), card=''
  )
  assert str(file) not in (folder / pretrained.CONFIG).read_text()
  file.unlink()
  moved = shutil.move(folder, tmp_path / 'moved')
  trained = pretrained.read(moved)
  np.testing.assert_array_equal(trained.microphones(), positions)
  # A network without positions does not keep those of the one before it.
  trained.config.features.microphones = ''
  pretrained.write(moved, trained, card='')
  assert pretrained.read(moved).microphones() is None


def test_a_run_is_not_overwritten(trained, tiny_run):
  before = (tiny_run / 'config.json').read_bytes()
  with pytest.raises(InputError, match='holds a run'):
    pretrained.write(tiny_run, trained, card='')
  assert (tiny_run / 'config.json').read_bytes() == before


def change_arrays(folder, change):
  path = folder / pretrained.WEIGHTS
  arrays = safetensors.numpy.load_file(path)
  change(arrays)
  safetensors.numpy.save_file(arrays, path)


def replace(name, array):
  return lambda arrays: arrays.update({name: array(arrays[name])})


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    (lambda arrays: arrays.pop('params/sed/bias'), 'has no array.*sed/bias'),
    (
      lambda arrays: arrays.update({'params/more': np.ones(3, np.float32)}),
      'unknown array.*params/more',
    ),
    (replace('params/sed/bias', lambda x: x[:-1]), 'must have the shape'),
    (replace('params/sed/bias', lambda x: x.astype(int)), 'F32 or F16'),
    (
      replace('params/sed/bias', lambda x: np.full_like(x, np.nan)),
      'not finite',
    ),
  ],
)
def test_arrays_that_do_not_fit_are_refused(copy, change, words):
  change_arrays(copy, change)
  with pytest.raises(InputError, match=words):
    seld_jax.load(copy)


@pytest.mark.parametrize(
  ('values', 'words'),
  [
    ({'kind': 'something else'}, 'its kind must be.*save_pretrained'),
    ({'version': 2}, 'version 2, but this seld_jax reads version 1'),
    ({'step': -1}, 'step: expected int >= 0'),
    ({'config': []}, 'config: expected object'),
    ({'library_name': 'other'}, 'library_name'),
  ],
)
def test_other_versions_and_kinds_are_refused(copy, values, words):
  path = copy / pretrained.CONFIG
  path.write_text(json.dumps(json.loads(path.read_text()) | values))
  with pytest.raises(InputError, match=words):
    seld_jax.load(copy)


@pytest.mark.parametrize(
  ('section', 'field', 'value'),
  [
    ('model', 'gru_features', 2**31 - 1),
    ('eval', 'window', 2 * 10**9),
  ],
)
def test_sizes_are_compared_before_memory_is_taken(copy, section, field, value):
  path = copy / pretrained.CONFIG
  values = json.loads(path.read_text())
  values['config'][section][field] = value
  path.write_text(json.dumps(values))
  tracemalloc.start()
  with pytest.raises(InputError, match='must have the shape|window|n_mels'):
    seld_jax.load(copy)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 100e6


@settings(deadline=None)
@given(data=st.data())
def test_damaged_weights_are_refused_or_finite(shared, data):
  """Any byte may be another one, and the file may end anywhere."""
  whole = shared / pretrained.WEIGHTS
  shapes = {
    name: array.shape
    for name, array in safetensors.numpy.load_file(whole).items()
  }
  content = bytearray(whole.read_bytes())
  # Most of the damage that matters is in the header.
  place = data.draw(st.integers(0, 3000) | st.integers(0, len(content) - 1))
  if data.draw(st.booleans()):
    content = content[:place]
  else:
    content[place] = data.draw(st.integers(0, 255))
  damaged = whole.with_name('damaged')
  damaged.write_bytes(content)
  try:
    found = pretrained.read_arrays(damaged, shapes)
  except InputError as error:
    assert '\n' not in str(error)
    return
  assert {name: array.shape for name, array in found.items()} == shapes
  assert all(np.isfinite(array).all() for array in found.values())


@pytest.mark.parametrize('name', [pretrained.WEIGHTS, pretrained.CONFIG])
@pytest.mark.parametrize('content', [b'', b'\x80\x04.', b'{', b'\0' * 100])
def test_files_of_another_format_are_refused(copy, name, content):
  (copy / name).write_bytes(content)
  with pytest.raises(InputError, match=name.replace('.', r'\.')):
    seld_jax.load(copy)


def test_a_folder_without_a_configuration_says_so(copy):
  (copy / pretrained.CONFIG).unlink()
  with pytest.raises(InputError, match=r'config\.json cannot be read'):
    seld_jax.load(copy)


@pytest.mark.parametrize(
  ('name', 'content'),
  [
    (pretrained.CONFIG, '{"kind": "something else"}'),
    (pretrained.CONFIG, 'no JSON'),
    (pretrained.WEIGHTS, 'of another program'),
    (pretrained.MICROPHONES, 'x,y,z\n'),
  ],
)
def test_files_of_others_are_not_replaced(trained, tmp_path, name, content):
  (tmp_path / name).write_text(content)
  with pytest.raises(InputError, match=f'{name} is there already'):
    pretrained.write(tmp_path, trained, card='')
  assert [path.name for path in tmp_path.iterdir()] == [name]
  assert (tmp_path / name).read_text() == content


def test_a_folder_that_was_not_written_to_the_end_cannot_be_loaded(
  trained, copy, monkeypatch
):
  def fail(*_):
    raise InputError('full disk')

  with monkeypatch.context() as patched:
    patched.setattr(pretrained.files, 'write_text', fail)
    with pytest.raises(InputError, match='full disk'):
      pretrained.write(copy, trained, card='')
  with pytest.raises(InputError, match=r'config\.json cannot be read'):
    seld_jax.load(copy)
  pretrained.write(copy, trained, card=None)
  assert pretrained.read(copy).step == trained.step
  assert (copy / pretrained.CARD).read_text() == '# A network\n'


def test_a_card_that_is_no_utf_8_does_not_destroy_a_folder(trained, copy):
  with pytest.raises(InputError, match=r'README\.md has characters'):
    pretrained.write(copy, trained, card='x\udce9')
  assert pretrained.read(copy).step == trained.step


def test_a_name_that_is_no_utf_8_is_escaped(tiny_run, tmp_path):
  folder = tmp_path / 'x\udce9'
  try:
    folder.mkdir()
  except (OSError, UnicodeError):
    pytest.skip('such names are impossible in this file system')
  done = outcome('seld_jax.save_pretrained', tiny_run, folder)
  assert done.returncode == 0, done.stderr
  assert '\\xe9' in (folder / pretrained.CARD).read_text(encoding='utf-8')


def test_a_folder_to_share_is_not_a_run(shared):
  with pytest.raises(InputError, match='network to share.* run directory is'):
    runs.read_config(shared)


@pytest.mark.parametrize('arguments', [[], ['a'], ['a', 'b', 'c']])
def test_the_command_needs_two_folders(arguments):
  with pytest.raises(InputError, match='RUN FOLDER, got'):
    save_pretrained.main(arguments, None)  # type: ignore[arg-type]
