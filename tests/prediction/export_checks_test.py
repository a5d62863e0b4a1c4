"""Exports of strangers: only what a network of seld_jax needs is accepted.

The exports here have a program of a few operations instead of a network.
"""

import dataclasses
import io
import json
import tracemalloc
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import mlir
from jax.extend.mlir import ir
from jax.extend.mlir.dialects import stablehlo

import seld_jax
from seld_jax import outputs
from seld_jax.errors import InputError
from seld_jax.prediction import Predictor, Spec, export_checks, export_file

SPEC = Spec(
  classes=('dog', 'cat', 'door'),
  format='foa',
  sample_rate=24000,
  hop_length=480,
  n_fft=1024,
  pad_mode='constant',
  offset=0.0,
  pool=5,
  window=50,
  threshold=0.5,
  output=outputs.make('class_wise', num_classes=3),
)
VARIABLES = {'params': {'bias': np.zeros(3, np.float32)}}


def network(variables, audio, num_frames, *, classes=3):
  del num_frames
  level = jnp.mean(audio, axis=(1, 2))[:, None, None]
  activity = jnp.broadcast_to(level, (audio.shape[0], 10, classes))
  activity = activity + variables['params']['bias'][0]
  return activity, activity[..., None] * jnp.ones(3)


def make(program=network, *, spec=SPEC, **changes):
  options = {'config': {}, 'step': 1, 'platforms': ['cpu'], **changes}
  return export_file.make(program, VARIABLES, spec, **options)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
  path = tmp_path_factory.mktemp('export') / 'good.seld'
  export_file.write(path, make())
  return path


def rewritten(path, target, **changes):
  """Copies an export with other contents of some members."""
  with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, 'w') as copy:
    for name in archive.namelist():
      content = archive.read(name)
      change = changes.get(name.partition('.')[0])
      copy.writestr(name, change(content) if change else content)
  return target


def with_program(path, target, program):
  content = bytes(program.serialize())
  return rewritten(path, target, program=lambda _: content)


def refused(path, words):
  """Checks the message, and that little memory was taken."""
  tracemalloc.start()
  with pytest.raises(InputError, match=words) as caught:
    seld_jax.load(path)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 30e6
  assert len(str(caught.value)) < 700


def test_the_export_that_the_others_are_made_from_is_good(path):
  predictor = seld_jax.load(path)
  found = predictor(np.full((4, 24000), 0.1), 24000)
  assert found.activity.shape == (10, 3)
  np.testing.assert_allclose(found.activity, 0.1, rtol=0.1)


@pytest.mark.parametrize(
  ('field', 'value', 'words'),
  [
    ('hop_length', 0, r'hop_length: expected int >= 1'),
    ('hop_length', -480, r'hop_length: expected int >= 1'),
    ('hop_length', 'x', r'hop_length: expected int, got str'),
    ('hop_length', 240, r'spec\.hop_length = 240 times .* 24000 Hz'),
    ('hop_length', 480.5, r'hop_length: expected int, got float'),
    ('pool', 0, r'pool: expected int >= 1'),
    ('pool', True, r'pool: expected int, got bool'),
    ('window', 10**9, r'window: expected int <= '),
    ('window', 10**400, r'window: expected int'),
    ('window', 51, r'spec\.window = 51 must be a multiple of spec\.pool = 5'),
    (
      'window',
      1_000_000,
      r'at most 600 s or .* samples in all channels, got 20000 s',
    ),
    ('window', 100, r'audio of shape \(batch, 4, 25024\) .* needs .* 49024'),
    ('n_fft', -1, r'n_fft: expected int >= 1'),
    ('n_fft', 2048, r'audio of shape .* needs'),
    ('sample_rate', 1, r'sample_rate: expected int >= 1000'),
    ('offset', 1e300, r'offset: expected float <= 1'),
    ('offset', float('nan'), r'offset'),
    ('threshold', 0, r'threshold: expected float > 0'),
    ('threshold', 0.0, r'threshold: expected float > 0'),
    ('threshold', 1, r'threshold: expected float < 1'),
    ('threshold', None, r'threshold: expected float, got null'),
    ('pad_mode', 'edge', r"pad_mode: invalid enum value 'edge'"),
    ('format', '../x', r'format: invalid enum value'),
    ('classes', 'abc', r'classes: expected array, got str'),
    ('classes', [], r'classes: expected array of length >= 1'),
    ('classes', ['a', 1, 'c'], r'classes\[1\]: expected str, got int'),
    ('classes', ['a', 'a', 'c'], r'a class twice'),
    ('classes', ['a', 'b\x1b[31m', 'c'], r'classes\[1\] = .* without control'),
    ('classes', ['a', 'b', ' '], r'classes\[2\] = .* must be a name'),
    ('classes', list('abcdefghijklmn'), r'num_classes = 3, but .* 14 names'),
    ('surprise', 'x' * 10**5, 'unknown fields surprise'),
  ],
)
def test_every_field_of_the_spec_has_a_type_and_a_range(
  path, tmp_path, field, value, words
):
  def change(text):
    about = json.loads(text)
    about['spec'][field] = value
    return json.dumps(about)

  refused(rewritten(path, tmp_path / 'x.seld', export=change), words)


def test_a_run_has_names_that_can_be_printed():
  export_checks.check_sizes(SPEC, 'run')
  named = dataclasses.replace(SPEC, classes=('dog', 'cat\nfood', 'door'))
  with pytest.raises(InputError, match=r'^run: spec\.classes\[1\] = '):
    export_checks.check_sizes(named, 'run')


@pytest.mark.parametrize(
  ('field', 'value'),
  [
    ('step', -1),
    ('step', 'x'),
    ('config', []),
    ('config', {'model': 5}),
    ('config', {'data': [], 'seed': 0}),
    ('config', {'seed': 'x'}),
    ('jax', 5),
    ('variables', {'params/bias': ['float32', [-3]]}),
    ('variables', {'params/bias': ['float32', [1] * 40]}),
    ('variables', {'params/bias': ['float32']}),
    ('variables', {'params/bias': ['object', [3]]}),
    ('variables', {'params/bias': ['(1000000,)f4', [3]]}),
    ('variables', {'params/bias': ['float32', [4]]}),
    ('variables', {'params/bias': ['float32', [2**31]]}),
    ('version', 'x' * 10**6),
  ],
)
def test_other_fields_have_types_as_well(path, tmp_path, field, value):
  def change(text):
    return json.dumps(json.loads(text) | {field: value})

  refused(rewritten(path, tmp_path / 'x.seld', export=change), r'x\.seld')


def with_output(format):
  return dataclasses.replace(SPEC, output=format)


def network_of(format):
  """A program with the outputs of a format, which depend on the audio."""
  weights = np.linspace(20, -20, format.size, dtype=np.float32)

  def program(variables, audio, num_frames):
    del num_frames
    level = jnp.mean(audio, axis=(1, 2))[:, None, None]
    raw = jnp.tile(level * weights, (1, 10, 1))
    outputs = format.activate(raw + variables['params']['bias'][0])
    return tuple(outputs[name] for name in format.predicted)

  return program


FORMATS = [
  outputs.make(name, num_classes=3, distance=distance, axes=axes)
  for name in outputs.FORMATS
  for distance, axes in ((False, 3), (True, 2))
]


@pytest.mark.parametrize('format', FORMATS, ids=str)
def test_exports_of_every_format_are_read_as_they_were_made(format, tmp_path):
  program, path = network_of(format), tmp_path / 'x.seld'
  export_file.write(path, make(program, spec=with_output(format)))
  loaded = seld_jax.load(path)
  assert loaded.spec == with_output(format)
  audio = np.full((4, 48000), 0.1, np.float32)
  direct = Predictor(program, VARIABLES, loaded.spec, source='run')
  ours, theirs = (one(audio, 24000) for one in (direct, loaded))
  assert list(theirs.outputs) == list(format.predicted)
  for name, array in ours.outputs.items():
    assert array.shape == (20, *format.shapes[name])
    np.testing.assert_allclose(theirs.outputs[name], array, atol=1e-6)
  assert len(theirs.events.frame) == len(ours.events.frame) > 0


@pytest.mark.parametrize('format', FORMATS[1:], ids=str)
def test_a_program_of_another_format_is_refused(path, tmp_path, format):
  """The first format has the outputs of most formats, but not their shapes."""
  other = make(network_of(format), spec=with_output(format)).program
  target = with_program(path, tmp_path / 'x.seld', other)
  refused(
    target, r'x\.seld is refused: its program has (activity|directions|other)'
  )
  good = tmp_path / 'good.seld'
  export_file.write(good, make(network_of(format), spec=with_output(format)))
  target = with_program(good, tmp_path / 'y.seld', make().program)
  refused(target, r'y\.seld is refused: its program has')


@pytest.mark.parametrize(
  ('field', 'value', 'words'),
  [
    ('name', 'seddoa', r"name: invalid enum value 'seddoa'"),
    ('name', 5, r'name: expected'),
    ('name', 'class_wise', r'other fields than the format class_wise'),
    ('name', 'multi_accdoa', r'multi_accdoa has 3 tracks .* num_tracks=2'),
    ('num_classes', 4, r'num_classes = 4, but spec\.classes has 3 names'),
    ('num_classes', 2**40, r'num_classes: expected int <= 5000'),
    ('num_classes', 0, r'num_classes: expected int >= 1'),
    ('axes', 4, r'axes: invalid enum value 4'),
    ('axes', 2, r'directions of shape .* needs \(batch, 10, 2, 2\)'),
    ('distance', 1, r'distance: expected bool, got int'),
    ('distance', True, r'its program has other'),
    ('activation', 'relu', r"activation: invalid enum value 'relu'"),
    ('num_tracks', 3, r'activity of shape .* needs \(batch, 10, 3, 3\)'),
    ('num_tracks', 10**9, r'num_tracks: invalid enum value'),
    ('weights', [1, 1], r'weights: expected array of length >= 3'),
    ('weights', [1, -1, 1], r'weights\[1\]: expected float >= 0'),
    ('weights', [1, 1, float('inf')], r'weights'),
    ('weights', [1, 1, 'x'], r'weights\[2\]: expected float, got str'),
    ('unify', 15.0, r'other fields than the format tracks'),
    ('unify', 1e9, r'unify: expected float <= 180'),
    ('surprise', 'x' * 10**5, r'other fields than the format tracks'),
  ],
)
def test_every_option_of_the_output_format_is_checked(
  tmp_path, field, value, words
):
  format = outputs.make('tracks', num_classes=3, num_tracks=2)
  path = tmp_path / 'good.seld'
  export_file.write(path, make(network_of(format), spec=with_output(format)))

  def change(text):
    about = json.loads(text)
    about['spec']['output'][field] = value
    return json.dumps(about)

  refused(rewritten(path, tmp_path / 'x.seld', export=change), words)


@pytest.mark.parametrize('version', [1, 2])
def test_exports_of_earlier_versions_are_read(path, tmp_path, version):
  """Those of version 1 are class-wise, and all have four channels."""

  def change(text):
    about = json.loads(text) | {'version': version}
    for name in ('num_channels', 'kind', 'output')[: 4 - version]:
      del about['spec'][name]
    return json.dumps(about)

  old = seld_jax.load(rewritten(path, tmp_path / 'x.seld', export=change))
  assert old.spec == SPEC
  audio = np.full((4, 24000), 0.1)
  new = seld_jax.load(path)
  np.testing.assert_array_equal(
    old(audio, 24000).activity, new(audio, 24000).activity
  )


@pytest.mark.parametrize('output', [None, 5, [], {}, {'name': 'accdoa'}])
def test_an_output_format_is_an_object_with_all_fields(path, tmp_path, output):
  def change(text):
    about = json.loads(text)
    about['spec']['output'] = output
    return json.dumps(about)

  refused(rewritten(path, tmp_path / 'x.seld', export=change), r'output')


def npz(**members):
  """An .npz file of members that are given as bytes."""
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as archive:
    for name, content in members.items():
      archive.writestr(name.replace('__', '/') + '.npy', content)
  return buffer.getvalue()


def npy(shape, *, descr='<f4', order=False, content=b'\0' * 12):
  """A .npy file with any header."""
  buffer = io.BytesIO()
  header = {'descr': descr, 'fortran_order': order, 'shape': shape}
  np.lib.format.write_array_header_1_0(buffer, header)
  return buffer.getvalue() + content


@pytest.mark.parametrize(
  'content',
  [
    npy((2**31,)),
    npy((2**62,)),
    npy((3,), descr='|O'),
    npy((3,), descr='<f8', content=b'\0' * 24),
    npy((3,), content=b''),
    npy((3,), content=b'\0' * 16),
    b'\x93NUMPY\x02\x00\xff\xff\xff\x7f' + b' ' * 100,
    b'\x93NUMPY\x01\x00\x20\x00' + b'(' * 32 + b'\0' * 12,
    b'\x93NUMPY',
    b'',
  ],
  ids=range(10),
)
def test_the_header_of_an_array_is_compared_before_it_is_read(
  path, tmp_path, content
):
  change = lambda _: npz(params__bias=content)
  refused(rewritten(path, tmp_path / 'x.seld', variables=change), 'damaged')


def test_arrays_that_are_declared_large_in_both_places_are_refused(
  path, tmp_path
):
  """8 GiB in a file of a few kilobytes."""

  def about(text):
    variables = {'params/bias': ['float32', [2**31]]}
    return json.dumps(json.loads(text) | {'variables': variables})

  arrays = lambda _: npz(params__bias=npy((2**31,)))
  target = tmp_path / 'x.seld'
  refused(
    rewritten(path, target, export=about, variables=arrays),
    r'bias has .* bytes, which do not match its shape \(2147483648,\)',
  )


class Witness:
  """Leaves a file when it is unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return open, (str(self.path), 'w')


def test_nothing_is_unpickled(path, tmp_path):
  buffer = io.BytesIO()
  objects = np.array([Witness(tmp_path / 'unpickled')] * 3, object)
  np.save(buffer, objects, allow_pickle=True)
  for kind in 'object', 'float32':

    def about(text, kind=kind):
      variables = {'params/bias': [kind, [3]]}
      return json.dumps(json.loads(text) | {'variables': variables})

    arrays = lambda _: npz(params__bias=buffer.getvalue())
    target = tmp_path / 'x.seld'
    refused(rewritten(path, target, export=about, variables=arrays), 'damaged')
  assert not (tmp_path / 'unpickled').exists()


@pytest.mark.parametrize('member', ['export.json', 'program.bin'])
def test_archives_that_unpack_to_much_more_are_refused(path, tmp_path, member):
  target = tmp_path / 'x.seld'
  with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, 'w') as copy:
    for name in archive.namelist():
      content = archive.read(name)
      if name != member:
        copy.writestr(name, content)
        continue
      copy.writestr(
        name, bytes(70 * 10**6), zipfile.ZIP_DEFLATED, compresslevel=1
      )
  assert target.stat().st_size < 10**6
  refused(target, r'unpacks to 7.,...,..., more than the 64,000,000')


def test_weights_of_baselines_are_told_to_be_converted(tmp_path):
  (tmp_path / 'model.h5').write_bytes(b'PK' + bytes(100))
  refused(tmp_path / 'model.h5', 'python -m seld_jax.convert reads the weights')


def test_members_that_unpack_to_more_than_they_say_are_refused(path, tmp_path):
  """The sizes in the archive are lies."""
  target, size = tmp_path / 'x.seld', 5 * 10**7
  with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, 'w') as copy:
    for name in archive.namelist():
      content = archive.read(name)
      if name == 'export.json':
        content += b' ' * (size - len(content))
      copy.writestr(name, content, zipfile.ZIP_DEFLATED, compresslevel=1)
  raw = target.read_bytes()
  assert raw.count(size.to_bytes(4, 'little')) == 2
  small = (5000).to_bytes(4, 'little')
  target.write_bytes(raw.replace(size.to_bytes(4, 'little'), small))
  refused(target, 'is not an export of seld_jax, or it is damaged')


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(path, tmp_path, method):
  target = tmp_path / 'x.seld'
  with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, 'w') as copy:
    for name in archive.namelist():
      copy.writestr(name, archive.read(name), compress_type=method)
  refused(target, 'compressed in an unknown way')


def with_text(exported, old, new):
  """Replaces a text of the program, and serialises it again."""
  text = exported.mlir_module()
  assert old in text
  with ir.Context() as context:
    stablehlo.register_dialect(context)
    # This loads the dialect of functions as well.
    mlir.deserialize_portable_artifact(exported.mlir_module_serialized)
    module = ir.Module.parse(text.replace(old, new))
    version = stablehlo.get_minimum_version()
    changed = mlir.serialize_portable_artifact(module, version)
  return dataclasses.replace(exported, mlir_module_serialized=changed)


@pytest.mark.parametrize(
  'target', ['xla_ffi_python_cpu_callback', 'lapack_sgetrf_ffi', 'Sharding']
)
def test_a_program_that_calls_out_of_stablehlo_is_refused(
  path, tmp_path, target
):
  """The first one is a Python function, which a file cannot hold."""
  program = with_text(make().program, '@shape_assertion', f'@{target}')
  broken = with_program(path, tmp_path / 'x.seld', program)
  refused(broken, rf"x\.seld is refused: its program calls '{target}'")


def test_a_program_that_waits_for_other_data_is_refused(path, tmp_path):
  token = '%t = stablehlo.create_token : !stablehlo.token\n'
  sent = '%u = "stablehlo.outfeed"(%t) <{outfeed_config = ""}> : '
  sent += '(!stablehlo.token) -> !stablehlo.token\n    return '
  program = with_text(make().program, 'return ', token + sent)
  broken = with_program(path, tmp_path / 'x.seld', program)
  refused(broken, r'its program has the operation stablehlo\.outfeed')


@pytest.mark.parametrize(
  ('other', 'words'),
  [
    (
      lambda: make(
        lambda *a: network(*a, classes=14),
        spec=dataclasses.replace(
          SPEC,
          classes=tuple('abcdefghijklmn'),
          output=outputs.make('class_wise', num_classes=14),
        ),
      ),
      r'activity of shape \(batch, 10, 14\) .* needs \(batch, 10, 3\)',
    ),
    (
      lambda: make(lambda *a: network(*a)[::-1]),
      r'activity of shape \(batch, 10, 3, 3\)',
    ),
    (
      lambda: make(lambda *a: network(*a)[0]),
      'other variables',
    ),
    (
      lambda: make(lambda *a: tuple(x.astype('float16') for x in network(*a))),
      'type float16, but .* float32',
    ),
    (
      lambda: make(spec=dataclasses.replace(SPEC, n_fft=2048)),
      r'audio of shape \(batch, 4, 26048\)',
    ),
  ],
)
def test_a_program_of_other_inputs_or_outputs_is_refused(
  path, tmp_path, other, words
):
  target = with_program(path, tmp_path / 'x.seld', other().program)
  refused(target, words)


def test_a_program_that_lies_about_its_inputs_is_refused(path, tmp_path):
  """The declared shapes are right, but the functions have others."""
  good = make().program
  other = make(spec=dataclasses.replace(SPEC, n_fft=2048)).program
  for changes in (
    {'mlir_module_serialized': other.mlir_module_serialized},
    {'module_kept_var_idx': (0, 0)},
    {'module_kept_var_idx': (0, 7)},
    {'nr_devices': 2},
  ):
    program = dataclasses.replace(good, **changes)
    target = with_program(path, tmp_path / 'x.seld', program)
    refused(target, r'x\.seld is refused: its program')


@pytest.mark.parametrize('length', [0, 4, 100, -20])
def test_a_damaged_program_prints_nothing(path, tmp_path, capfd, length):
  """MLIR prints errors with strings of the file, unless it is told not to."""
  program = make().program
  cut = program.mlir_module_serialized[:length]
  program = dataclasses.replace(program, mlir_module_serialized=cut)
  refused(with_program(path, tmp_path / 'x.seld', program), r'x\.seld')
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'threshold': 0.0}, 'threshold of an export must be above 0'),
    ({'window': 50_000}, 'window = 50000 must be'),
  ],
)
def test_an_export_that_could_not_be_read_is_not_made(change, words):
  with pytest.raises(InputError, match=words):
    make(spec=dataclasses.replace(SPEC, **change))
