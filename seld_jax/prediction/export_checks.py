"""Checks of exports, which anyone may have written.

Sizes, shapes and types are compared before memory is taken, and the program is
searched for everything that is not arithmetic on arrays.
"""

import dataclasses
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import jax
import jax.export
import msgspec
import numpy as np

from seld_jax import json_files, labels, npy_files, outputs
from seld_jax.audio import channels
from seld_jax.errors import InputError, shown
from seld_jax.features import KINDS as FORMATS_OF_KINDS
from seld_jax.prediction.stream import Spec

# An export may unpack to this many bytes, or to this many times its own size.
# Trained parameters hardly shrink, and programs and names shrink tenfold.
_SMALL = 64_000_000
_MOST_EXPANSION = 16

# Bytes before the numbers of an array in a .npy file.
_MOST_HEADER_BYTES = 10_000

# Samples of a window in all channels: four of them more than ten minutes long
# at 48 kHz, 0.5 GB in memory.
_MOST_SAMPLES = 2**27
_LONGEST_WINDOW = 600.0

# Types of variables by name.
_TYPES = {
  str(np.dtype(kind)): np.dtype(kind) for kind in ('?', *'bhilq', *'BHILQ')
} | {str(np.dtype(kind)): np.dtype(kind) for kind in 'efd'}

# What a program may consist of: functions, and arithmetic on arrays.
_DIALECTS = ('builtin', 'func', 'stablehlo')
# The one call out of StableHLO that an export needs: it compares sizes.
_CALLS = ('shape_assertion',)
# Operations that exchange data with other devices or with the host.
_COMMUNICATION = frozenset(
  f'stablehlo.{name}'
  for name in (
    'all_gather',
    'all_reduce',
    'all_to_all',
    'collective_broadcast',
    'collective_permute',
    'cross-replica-sum',
    'infeed',
    'outfeed',
    'partition_id',
    'recv',
    'reduce_scatter',
    'replica_id',
    'send',
  )
)

# Outputs in messages.
_IN_WORDS = {'sed': 'activity', 'doa': 'directions', 'distance': 'distances'}

_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**20)]


# Loss weights may have any size, but no infinity.
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1e300)]


_Metres = Annotated[float, msgspec.Meta(ge=-1e3, le=1e3)]


class _Output(TypedDict):
  """`outputs.options` of any format, with their ranges."""

  name: Literal['class_wise', 'accdoa', 'multi_accdoa', 'tracks']
  num_classes: Annotated[int, msgspec.Meta(ge=1, le=5000)]
  axes: Literal[2, 3]
  distance: bool
  activation: Literal['tanh', 'linear']
  num_tracks: NotRequired[Literal[2, 3]]
  unify: NotRequired[Annotated[float, msgspec.Meta(ge=0, le=180)]]
  weights: NotRequired[
    Annotated[list[_Weight], msgspec.Meta(min_length=3, max_length=3)]
  ]


class _Spec(TypedDict):
  """The fields of `Spec`, with their ranges."""

  classes: Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]],
    msgspec.Meta(min_length=1, max_length=5000),
  ]
  format: Literal['foa', 'mic', 'stereo']
  sample_rate: Annotated[int, msgspec.Meta(ge=1000, le=10**6)]
  hop_length: _Positive
  n_fft: _Positive
  pad_mode: Literal['constant', 'reflect']
  offset: Annotated[float, msgspec.Meta(ge=-1, le=1)]
  pool: _Positive
  window: _Positive
  threshold: Annotated[float, msgspec.Meta(gt=0, lt=1)]
  output: NotRequired[_Output]  # exports of version 1 have none
  # Exports of versions 1 and 2 have neither.
  num_channels: NotRequired[Annotated[int, msgspec.Meta(ge=2, le=1024)]]
  kind: NotRequired[Literal['log_mel', 'salsa', 'salsa_lite']]
  # Only networks that were calibrated have them.
  class_thresholds: NotRequired[
    list[Annotated[float, msgspec.Meta(gt=0, lt=1)]]
  ]
  refine_directions: NotRequired[bool]


class _Config(TypedDict, total=False):
  """The sections of the configuration of a run; other fields may be there."""

  data: dict[str, Any]
  features: dict[str, Any]
  model: dict[str, Any]
  output: dict[str, Any]
  augment: dict[str, Any]
  loss: dict[str, Any]
  train: dict[str, Any]
  eval: dict[str, Any]
  seed: int


class About(TypedDict):
  """export.json, besides kind and version."""

  jax: Annotated[str, msgspec.Meta(max_length=100)]
  spec: _Spec
  config: _Config
  step: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
  platforms: list[Annotated[str, msgspec.Meta(max_length=100)]]
  variables: dict[
    str,
    tuple[
      str,
      Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, le=2**53)]],
        msgspec.Meta(max_length=16),
      ],
    ],
  ]
  # Positions in metres.
  microphones: NotRequired[
    Annotated[
      list[tuple[_Metres, _Metres, _Metres]], msgspec.Meta(max_length=1024)
    ]
    | None
  ]


def read_members(
  archive: zipfile.ZipFile, names: Sequence[str], *, size: int
) -> list[bytes]:
  """Reads members of a zip archive, unless they unpack to too much.

  Args:
    archive: The archive.
    names: Names of its members.
    size: Bytes of the file that holds the archive.

  Returns:
    The contents.

  Raises:
    KeyError: There is no such member.
    ValueError: The members unpack to too much, or are packed in a way that
      `export_file.write` does not use.
    zipfile.BadZipFile: A member is damaged.
  """
  entries = [archive.getinfo(name) for name in names]
  for entry in entries:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
      raise ValueError(f'{entry.filename} is compressed in an unknown way')
  total, limit = (
    sum(entry.file_size for entry in entries),
    max(_SMALL, _MOST_EXPANSION * size),
  )
  if total > limit:
    raise ValueError(
      f'it has {size:,} bytes but unpacks to {total:,}, more than the '
      f'{limit:,} that are allowed'
    )
  contents = []
  for entry in entries:
    with archive.open(entry) as file:
      # With a number of bytes, no more are unpacked, whatever the data hold.
      contents.append(file.read(entry.file_size))
      if len(contents[-1]) != entry.file_size or file.read(1):
        raise ValueError(f'{entry.filename} does not have its declared size')
  return contents


def make_spec(values: Mapping[str, Any], *, version: int) -> Spec:
  """Makes a spec, and checks that its fields fit together.

  Args:
    values: The field `spec` of an `About`.
    version: Version of the export. Version 1 has no `output` and is class-wise;
      it and version 2 have no `num_channels` and no `kind`: they are of four
      channels and log-mel.

  Returns:
    The spec.

  Raises:
    ValueError: A field is unknown, or contradicts another.
  """
  unknown = set(values) - {field.name for field in dataclasses.fields(Spec)}
  if unknown:
    raise ValueError(
      f'spec has the unknown fields {", ".join(sorted(unknown))}'
    )
  if (version > 1) != ('output' in values):
    raise ValueError(
      'spec.output must be there from version 2 on, and this is version '
      f'{version}'
    )
  for name in ('num_channels', 'kind'):
    if (version > 2) != (name in values):
      raise ValueError(
        f'spec.{name} must be there from version 3 on, and this is version '
        f'{version}'
      )
  classes = tuple(values['classes'])
  output = _make_output(values.get('output'), num_classes=len(classes))
  thresholds = tuple(values.get('class_thresholds', ()))
  if thresholds and len(thresholds) != len(classes):
    raise ValueError(
      f'spec.class_thresholds has {len(thresholds)} numbers for '
      f'{len(classes)} classes'
    )
  spec = Spec(
    **{
      **values,
      'classes': classes,
      'output': output,
      'class_thresholds': thresholds,
    }
  )
  _check_classes(spec)
  if spec.label_samples * labels.FRAMES_PER_SECOND != spec.sample_rate:
    raise ValueError(
      f'spec.hop_length = {spec.hop_length} times spec.pool = {spec.pool} must '
      f'be a label frame of 0.1 s at {spec.sample_rate} Hz'
    )
  _check_format(spec)
  _check_window(spec)
  return spec


def _make_output(
  options: Mapping[str, Any] | None, *, num_classes: int
) -> outputs.OutputFormat:
  """Makes an output format from the options in a file."""
  if options is None:
    return outputs.make('class_wise', num_classes=num_classes)
  known = _Output.__annotations__.keys()
  used = {name: options[name] for name in known if name in options}
  format = outputs.make(**used)
  if outputs.options(format) != options:
    raise ValueError(
      f'spec.output has other fields than the format {format.name}'
    )
  if format.num_classes != num_classes:
    raise ValueError(
      f'spec.output.num_classes = {format.num_classes}, but spec.classes has '
      f'{num_classes} names'
    )
  return format


def spec_values(spec: Spec) -> dict[str, Any]:
  """The fields of a spec as JSON holds them, from which `make_spec` makes it.

  Args:
    spec: The spec.

  Returns:
    Values by the names of the fields.
  """
  values = {
    field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)
  }
  values |= {
    'classes': list(spec.classes),
    'output': outputs.options(spec.output),
    'class_thresholds': list(spec.class_thresholds),
  }
  for name in ('class_thresholds', 'refine_directions'):
    if not values[name]:  # earlier versions do not know the field
      del values[name]
  return values


def check_sizes(spec: Spec, source: str | os.PathLike[str]) -> None:
  """Checks the spec of a run before a network takes memory for it.

  Args:
    spec: The spec; the ranges of its numbers and its window are checked.
    source: Where it comes from, for messages.

  Raises:
    InputError: A field is out of the range that exports have.
  """
  values = spec_values(spec)
  # A run may have a threshold of 0, which a flag of a command replaces.
  values['threshold'] = spec.threshold or 0.5
  json_files.check(values, _Spec, source)
  try:
    _check_classes(spec)
    _check_format(spec)
    _check_window(spec)
  except ValueError as error:
    raise InputError(f'{source}: {error}.') from error


def _check_classes(spec: Spec) -> None:
  """Raises ValueError if a name cannot be printed, or is there twice."""
  for index, name in enumerate(spec.classes):
    if not name.strip() or not name.isprintable():
      raise ValueError(
        f'spec.classes[{index}] = {shown(name)} must be a name without control '
        'characters'
      )
  if len(set(spec.classes)) < len(spec.classes):
    raise ValueError('spec.classes has a class twice')


def _check_format(spec: Spec) -> None:
  """Raises ValueError if a format does not have these channels or features."""
  usual = channels.NUM_CHANNELS[spec.format]
  if spec.format != 'mic' and spec.num_channels != usual:
    raise ValueError(
      f'spec.num_channels = {spec.num_channels} must be {usual} in the format '
      f'{spec.format}'
    )
  if spec.format not in FORMATS_OF_KINDS[spec.kind]:
    raise ValueError(
      f'spec.kind = {spec.kind} does not exist in the format {spec.format}'
    )


def _check_window(spec: Spec) -> None:
  """Raises ValueError if a window cannot be cut, or is absurdly long."""
  seconds = spec.window * spec.hop_length / spec.sample_rate
  if (
    spec.window % spec.pool
    or seconds > _LONGEST_WINDOW
    or spec.window_samples(spec.window) * spec.num_channels > _MOST_SAMPLES
  ):
    raise ValueError(
      f'spec.window = {spec.window} must be a multiple of spec.pool = '
      f'{spec.pool} and at most {_LONGEST_WINDOW:g} s or '
      f'{_MOST_SAMPLES:,} samples in all channels, got {seconds:g} s'
    )


def read_arrays(
  archive: zipfile.ZipFile, declared: Mapping[str, tuple[str, Sequence[int]]]
) -> dict[str, np.ndarray]:
  """Reads the arrays of an .npz file that have the declared types and shapes.

  Types and shapes are compared with the header and the size of each member
  before memory is taken. Objects are never unpickled.

  Args:
    archive: The .npz file, not compressed.
    declared: Type and shape of each array by name.

  Returns:
    The arrays.

  Raises:
    ValueError: A type, a shape or a size is another, or the archive has other
      arrays.
  """
  entries = {
    entry.filename.removesuffix('.npy'): entry for entry in archive.infolist()
  }
  if entries.keys() != set(declared):
    raise ValueError('its variables do not match export.json')
  arrays = {}
  for name, (kind, shape) in declared.items():
    entry, dtype = entries[name], _TYPES.get(kind)
    if dtype is None:
      raise ValueError(f'{name} must have numbers, got the type {kind[:80]!r}')
    length = dtype.itemsize * math.prod(shape)
    if (
      entry.compress_type != zipfile.ZIP_STORED
      or not length <= entry.file_size <= length + _MOST_HEADER_BYTES
    ):
      raise ValueError(
        f'{name} has {entry.file_size:,} bytes, which do not match its shape '
        f'{tuple(shape)} in export.json'
      )
    with archive.open(entry) as file:
      found, is_fortran, found_dtype = npy_files.read_header(file)
      if is_fortran and len(found) > 1:
        raise ValueError('arrays must be in C order')
      if (found, found_dtype) != (tuple(shape), dtype):
        raise ValueError(f'{name} does not match export.json')
      content = file.read()
    if len(content) != length:
      raise ValueError(f'{name} does not have the size of its shape')
    arrays[name] = np.frombuffer(content, dtype).reshape(shape).copy()
  return arrays


def check_program(
  exported: jax.export.Exported,
  spec: Spec,
  variables: Mapping[str, np.ndarray],
) -> None:
  """Checks that a program is arithmetic on the inputs and outputs of a spec.

  Args:
    exported: The program.
    spec: Its inputs and outputs.
    variables: Its first argument.

  Raises:
    ValueError: It calls functions outside of StableHLO, exchanges data with
      other devices, or has other inputs or outputs.
  """
  _check_arguments(exported, spec, variables)
  from jax.extend.mlir import deserialize_portable_artifact, ir
  from jax.extend.mlir.dialects import stablehlo

  with ir.Context() as context:
    stablehlo.register_dialect(context)
    # Otherwise MLIR prints its errors, with any text of the file.
    handler: Any = context.attach_diagnostic_handler(lambda diagnostic: True)
    try:
      module = deserialize_portable_artifact(exported.mlir_module_serialized)
    finally:
      handler.detach()
    problems: list[str] = []

    def visit(operation: Any) -> Any:
      name = operation.name
      if name == 'stablehlo.custom_call':
        target = ir.StringAttr(operation.attributes['call_target_name']).value
        if target not in _CALLS:
          problems.append(f'its program calls {target[:80]!r}')
      elif (
        name.partition('.')[0] not in _DIALECTS
        or name in _COMMUNICATION
        or name == 'builtin.unrealized_conversion_cast'
      ):
        problems.append(f'its program has the operation {name[:80]}')
      return ir.WalkResult.INTERRUPT if problems else ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if problems:
      raise ValueError(
        f'{problems[0]}, which a network of seld_jax does not need'
      )
    _check_signature(module, exported)


def _check_arguments(
  exported: jax.export.Exported,
  spec: Spec,
  variables: Mapping[str, np.ndarray],
) -> None:
  """Compares the inputs and outputs that a program declares with a spec."""
  shapes = spec.output.shapes
  inputs = jax.tree.structure(((dict(variables), 0, 0), {}))
  results = jax.tree.structure((0,) * len(shapes))
  if (exported.in_tree, exported.out_tree) != (inputs, results):
    raise ValueError('its program has other variables than export.json')
  *named, audio, num_frames = exported.in_avals
  for (name, value), aval in zip(sorted(variables.items()), named, strict=True):
    if (aval.shape, aval.dtype) != (value.shape, value.dtype):
      raise ValueError(
        f'its program expects {name} as {aval.dtype} {aval.shape}, but the '
        f'file has {value.dtype} {value.shape}'
      )
  batch = num_frames.shape[0] if len(num_frames.shape) == 1 else 0
  if not jax.export.is_symbolic_dim(batch):
    raise ValueError('its program must accept batches of any size')
  span = spec.window // spec.pool
  wanted = (
    ('audio', audio, (batch, *spec.window_shape(spec.window)), np.float32),
    ('numbers of frames', num_frames, (batch,), np.int32),
    *(
      (_IN_WORDS.get(name, name), aval, (batch, span, *shape), np.float32)
      for (name, shape), aval in zip(
        shapes.items(), exported.out_avals, strict=True
      )
    ),
  )
  for what, aval, shape, kind in wanted:
    if aval.shape != shape or aval.dtype != kind:
      raise ValueError(
        f'its program has {what} of shape {aval.shape} and type {aval.dtype}, '
        f'but export.json needs {shape} and {np.dtype(kind)}'
      )
  count = len(exported.in_avals)
  kept = exported.module_kept_var_idx
  if (
    list(kept) != sorted(set(kept) & set(range(count)))
    or exported.ordered_effects
    or exported.unordered_effects
    or exported.nr_devices != 1
    or any(exported.in_shardings_hlo)
    or any(exported.out_shardings_hlo)
  ):
    raise ValueError('its program must be for a single device')


def _check_signature(module: Any, exported: jax.export.Exported) -> None:
  """Compares the types of the main function with those that are declared."""

  def text(aval: Any) -> str:
    kind = np.dtype(aval.dtype)
    prefix = {'f': 'f', 'i': 'i', 'u': 'ui', 'b': 'i'}[kind.kind]
    bits = 1 if kind.kind == 'b' else 8 * kind.itemsize
    sizes = ('?' if not isinstance(n, int) else str(n) for n in aval.shape)
    return f'tensor<{"".join(f"{size}x" for size in sizes)}{prefix}{bits}>'

  (main,) = (
    one
    for one in module.body.operations
    if one.operation.name == 'func.func' and one.name.value == 'main'
  )
  inputs = [str(one) for one in main.type.inputs]
  if len(exported.platforms) > 1 and inputs[:1] in (
    ['tensor<i32>'],
    ['tensor<i64>'],
  ):
    del inputs[0]  # the index of the platform
  kept = [exported.in_avals[index] for index in exported.module_kept_var_idx]
  if inputs != [text(one) for one in kept] or [
    str(one) for one in main.type.results
  ] != [text(one) for one in exported.out_avals]:
    raise ValueError('its program has other inputs or outputs than it declares')
