"""Exports: a trained network in one file that runs without the model code.

An export is a zip archive with three members, or four:

- `export.json`: inputs and outputs of the network, the config of its run, and
  the names, shapes and types of its variables; from version 2 on with the
  options of the output format (`spec.output`), version 1 is class-wise; from
  version 3 on with the number of channels and the kind of features, versions 1
  and 2 have four channels and log-mel features;
- `program.bin`: features and network as a program of `jax.export` (StableHLO),
  which takes the variables as an argument;
- `variables.npz`: the variables;
- `README.md`, if its author gave one: a model card.

No member is a pickle. Programs of strangers are checked by `export_checks`
before they are used; docs/robustness.md says what they can still do.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import reprlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.export
import numpy as np

from seld_jax import features, files, json_files
from seld_jax.errors import InputError
from seld_jax.prediction import export_checks
from seld_jax.prediction.stream import Spec

# Version of the file format; increase it when the format changes.
VERSION = 3
_READ = (1, 2, VERSION)
KIND = 'seld_jax export'
PLATFORMS = ('cpu', 'cuda', 'tpu')

# The export of the demo network, which is part of the package.
DEMO = pathlib.Path(__file__).with_name('demo.seld')

# Names of files with weights of other systems, which `seld_jax.convert` reads.
_WEIGHTS = ('.h5', '.pt', '.pth')

_MEMBERS = ('export.json', 'program.bin', 'variables.npz')
_CARD = 'README.md'
# Exceptions of zipfile, zlib, json and NumPy for damaged files.
_DAMAGED = (
  zipfile.BadZipFile,
  zlib.error,
  ArithmeticError,
  AttributeError,
  EOFError,
  LookupError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
)
# A fixed date, so that the same network gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class Export:
  """The content of an export.

  Attributes:
    spec: Inputs and outputs of the network.
    config: The config of the run, as `config.to_dict` returns it.
    step: The training step of the checkpoint.
    variables: Arrays by name, such as `params/Conv_0/kernel`.
    program: Features and network as a program of `jax.export`. Its first
      argument is `variables`.
    card: A model card in Markdown; empty for none.
    microphones: Positions x, y, z in metres of the microphones, with shape
      `[microphones, 3]`, if the config of the run names them; else None.
  """

  spec: Spec
  config: dict[str, Any]
  step: int
  variables: dict[str, np.ndarray]
  program: jax.export.Exported
  card: str = ''
  microphones: np.ndarray | None = None


def make(
  program: Callable[..., Any],
  variables: Mapping[str, Any],
  spec: Spec,
  *,
  config: dict[str, Any],
  step: int,
  platforms: Sequence[str] = PLATFORMS,
  microphones: np.ndarray | None = None,
) -> Export:
  """Makes an export from a program and its variables.

  Args:
    program: `program(variables, audio, num_frames)`, from
      `inference.make_audio_program`.
    variables: The first argument of the program.
    spec: Inputs and outputs of the program. The exported program accepts only
      windows of `spec.window`.
    config: The config of the run.
    step: The training step of the checkpoint.
    platforms: Platforms that the exported program can run on.
    microphones: Positions x, y, z in metres of the microphones, with shape
      `[microphones, 3]`, if the config names them.

  Returns:
    The export. Its program accepts batches of any size.

  Raises:
    InputError: The spec is one that `read` refuses, or the features cannot be
      computed from a window of audio.
  """
  check_spec(spec, 'The network')
  if not spec.is_framewise:
    others = ' or '.join(
      kind
      for kind, formats in features.KINDS.items()
      if spec.format in formats and features.is_framewise(kind=kind)
    )
    raise InputError(
      f'A network with the features {spec.kind} cannot be exported, because '
      'they need the whole recording, and an export predicts windows: use the '
      f'run directory itself, or train with --config.features.kind={others}.'
    )
  if not spec.threshold > 0:
    raise InputError(
      'The threshold of an export must be above 0; set eval.threshold in the '
      'config.json of the run.'
    )
  flat = flatten(variables)

  def on_names(named, audio, num_frames):
    return program(unflatten(named), audio, num_frames)

  (batch,) = jax.export.symbolic_shape('batch')
  audio_shape = (batch, *spec.window_shape(spec.window))
  arguments = (
    {
      name: jax.ShapeDtypeStruct(value.shape, value.dtype)
      for name, value in flat.items()
    },
    jax.ShapeDtypeStruct(audio_shape, np.float32),
    jax.ShapeDtypeStruct((batch,), np.int32),
  )
  with _without_folders():
    exported = jax.export.export(jax.jit(on_names), platforms=tuple(platforms))(
      *arguments
    )
  return Export(spec, config, step, flat, exported, microphones=microphones)


def check_spec(spec: Spec, source: str | os.PathLike[str]) -> None:
  """Checks the ranges of a spec before memory is taken for its network.

  Args:
    spec: Inputs and outputs of a network.
    source: Where they come from, for messages.

  Raises:
    InputError: A field is out of range, or the window is absurdly long.
  """
  export_checks.check_sizes(spec, source)


def locate(source: str | os.PathLike[str]) -> pathlib.Path:
  """Returns the path of a trained network.

  Args:
    source: A run directory, an export, or `'demo'`.

  Returns:
    The path of the folder or file.

  Raises:
    InputError: The source is the demo, but the package lacks it.
  """
  if source != 'demo':
    return pathlib.Path(source)
  if not DEMO.is_file():
    raise InputError(
      'This copy of seld_jax lacks the demo network; train a network with '
      '`python -m seld_jax.main --config=configs/quick.py` and load its run '
      'directory, runs/quick.'
    )
  return DEMO


def write(path: str | os.PathLike[str], export: Export) -> None:
  """Writes an export atomically.

  Args:
    path: The file to write.
    export: The export.

  Raises:
    InputError: The file cannot be written.
  """
  about: dict[str, Any] = {
    'kind': KIND,
    'version': VERSION,
    'jax': jax.__version__,
    'spec': export_checks.spec_values(export.spec),
    'config': export.config,
    'step': export.step,
    'platforms': list(export.program.platforms),
    'variables': {
      name: [str(value.dtype), list(value.shape)]
      for name, value in export.variables.items()
    },
  }
  if export.microphones is not None:
    about['microphones'] = export.microphones.tolist()
  arrays = io.BytesIO()
  variables: dict[str, Any] = dict(export.variables)
  np.savez(arrays, **variables)
  contents = {
    'export.json': json.dumps(about, indent=2).encode(),
    'program.bin': bytes(export.program.serialize()),
    'variables.npz': arrays.getvalue(),
  }
  if export.card:
    contents[_CARD] = export.card.encode()
  with (
    files.atomic(path) as temporary,
    zipfile.ZipFile(temporary, 'w') as archive,
  ):
    for name, content in contents.items():
      entry = zipfile.ZipInfo(name, _DATE)
      entry.compress_type = zipfile.ZIP_DEFLATED
      archive.writestr(entry, content, compresslevel=9)


def read(path: str | os.PathLike[str]) -> Export:
  """Reads an export.

  Args:
    path: The file.

  Returns:
    The export.

  Raises:
    InputError: The file is missing, is not an export, is damaged, has another
      version, or was exported for other platforms.
  """
  path = pathlib.Path(path)
  try:
    with zipfile.ZipFile(path) as archive:
      names = [*_MEMBERS, *[_CARD] * (_CARD in archive.namelist())]
      about, program, arrays, *card = export_checks.read_members(
        archive, names, size=path.stat().st_size
      )
    text = b''.join(card).decode()
    values = json_files.parse(about, 'export.json')
  except _DAMAGED as error:
    remedy = 'export the run again'
    if path.suffix.lower() in _WEIGHTS:
      remedy = 'python -m seld_jax.convert reads the weights of DCASE baselines'
    raise InputError(
      f'{path} is not an export of seld_jax, or it is damaged '
      f'({_first(error)}); {remedy}.'
    ) from error
  if not isinstance(values, dict) or values.get('kind') != KIND:
    raise InputError(
      f'{path} is not an export of seld_jax; python -m seld_jax.export makes '
      'one.'
    )
  version = values.get('version')
  if isinstance(version, bool) or version not in _READ:
    raise InputError(
      f'{path} is an export of version {reprlib.repr(version)}, but this '
      f'seld_jax reads the versions {", ".join(map(str, _READ))}; export the '
      'run again, or install the version of seld_jax that wrote the file.'
    )
  try:
    json_files.check(values, export_checks.About, 'export.json')
    spec = export_checks.make_spec(values['spec'], version=version)
    with zipfile.ZipFile(io.BytesIO(arrays)) as archive:
      variables = export_checks.read_arrays(archive, values['variables'])
  except _DAMAGED as error:
    raise InputError(
      f'{path} is a damaged export ({_first(error)}); export the run again.'
    ) from error
  try:
    exported = jax.export.deserialize(bytearray(program))
  except Exception as error:  # flatbuffers and MLIR raise many types
    raise InputError(
      f'{path} has a program of JAX {values["jax"]} that JAX '
      f'{jax.__version__} cannot read ({type(error).__name__}); export the run '
      'again.'
    ) from error
  platform = jax.export.default_export_platform()
  if platform not in exported.platforms:
    raise InputError(
      f'{path} was exported for {", ".join(exported.platforms)}, but JAX uses '
      f'{platform} here; export the run again with --platforms={platform}.'
    )
  try:
    export_checks.check_program(exported, spec, variables)
  except Exception as error:  # MLIR raises types of its own
    raise InputError(
      f'{path} is refused: {_first(error)}; load only exports of '
      '`python -m seld_jax.export`.'
    ) from error
  positions = values.get('microphones')
  return Export(
    spec,
    values['config'],
    values['step'],
    variables,
    exported,
    text,
    None if positions is None else np.array(positions, np.float64),
  )


def flatten(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
  """Converts a tree of variables to one dictionary.

  Args:
    tree: Nested dictionaries of arrays.

  Returns:
    The arrays, which keep their shape, by their path in the tree. The parts of
    the path are joined by slashes, such as `params/Conv_0/kernel`.
  """
  flat = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(dict(tree)):
    name = jax.tree_util.keystr(path, simple=True, separator='/')
    flat[name] = np.asarray(leaf)
  return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
  """Converts the result of `flatten` back to nested dictionaries.

  Args:
    flat: Arrays by path.

  Returns:
    The tree.
  """
  tree: dict[str, Any] = {}
  for name, leaf in flat.items():
    *above, last = name.split('/')
    inside = tree
    for part in above:
      inside = inside.setdefault(part, {})
    inside[last] = leaf
  return tree


@contextlib.contextmanager
def _without_folders() -> Iterator[None]:
  """Removes the folders of source files from programs exported in the block."""
  option = 'jax_hlo_source_file_canonicalization_regex'
  before = getattr(jax.config, option)
  jax.config.update(option, '.*/')
  try:
    yield
  finally:
    jax.config.update(option, before)


def _first(error: Exception) -> str:
  """The first line of a message, without a full stop."""
  return (str(error) or type(error).__name__).splitlines()[0].rstrip('.')
