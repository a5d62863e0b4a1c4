"""Folders in which a trained network is shared.

A folder has these files:

- `model.safetensors`: the variables by name, such as `params/Conv_0/kernel`:
  parameters in float32 or float16, all others in float32;
- `config.json`: the configuration of the run, without paths, and its step;
- `microphones.csv`: the positions of the microphones, if the configuration of
  the run names a file of them;
- `README.md`: a model card, see `model_card`.

None of them holds code, and reading them executes none: the network is made by
the code of this package.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from seld_jax import config as config_lib
from seld_jax import files, json_files
from seld_jax.errors import InputError, is_utf8, shown
from seld_jax.prediction import export_file
from seld_jax.train import snapshot

WEIGHTS = 'model.safetensors'
CONFIG = 'config.json'
MICROPHONES = 'microphones.csv'
CARD = 'README.md'
# All files that a folder may have, the required ones first.
NAMES = (WEIGHTS, CONFIG, MICROPHONES, CARD)

DTYPES = ('float32', 'float16')

KIND = 'seld_jax network'
# Version of the format; increase it when the format changes.
VERSION = 1
# What the file of the weights says about itself.
_METADATA = {'format': 'seld_jax'}

# Types of numbers as safetensors names them.
_STORED = ('F32', 'F16')


class _About(TypedDict):
  """config.json."""

  library_name: Literal['seld_jax']
  kind: str
  version: int
  step: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
  config: dict[str, Any]


def is_pretrained(folder: str | os.PathLike[str]) -> bool:
  """Whether a folder has the weights of a shared network.

  Args:
    folder: The folder, which need not exist.

  Returns:
    Whether it has `model.safetensors`.
  """
  return pathlib.Path(folder, WEIGHTS).is_file()


def write(
  folder: str | os.PathLike[str],
  trained: snapshot.Trained,
  *,
  card: str | None,
  dtype: str = 'float32',
) -> pathlib.Path:
  """Writes the folder of a network, and replaces the network that it has.

  The configuration is deleted first and written last, so that a folder whose
  writing was interrupted cannot be loaded.

  Args:
    folder: The folder, which is made if it is missing.
    trained: The network.
    card: The text of README.md, from `model_card.make`; None leaves README.md
      as it is.
    dtype: Type of the stored parameters, `'float32'` or `'float16'`. In memory
      they are float32 in both cases.

  Returns:
    The folder.

  Raises:
    InputError: The type is unknown, the folder holds a run or files of another
      program that would be replaced, a file cannot be written, the positions of
      the microphones cannot be read, the card is no UTF-8, or a number is too
      large for float16.
  """
  folder = pathlib.Path(folder)
  if dtype not in DTYPES:
    raise InputError(f'dtype must be {" or ".join(DTYPES)}, got {dtype!r}.')
  if (folder / 'checkpoints').exists():
    raise InputError(
      f'{folder} holds a run, whose config.json would be lost; choose another '
      'folder.'
    )
  _refuse_foreign_files(folder)
  arrays = {
    name: _stored(
      array, name, dtype if name.startswith('params/') else 'float32'
    )
    for name, array in export_file.flatten(trained.variables).items()
  }
  about = {
    'library_name': 'seld_jax',
    'kind': KIND,
    'version': VERSION,
    'step': trained.step,
    'config': trained.config_values,
  }
  microphones = trained.microphones()
  if card is not None and not is_utf8(card):
    raise InputError(
      f'The text of {CARD} has characters that cannot be written as UTF-8.'
    )
  files.remove(folder / CONFIG)
  with files.atomic(folder / WEIGHTS) as temporary:
    safetensors.numpy.save_file(arrays, temporary, metadata=_METADATA)
  if microphones is not None:
    rows = [','.join(map(repr, row)) for row in microphones.tolist()]
    files.write_text(folder / MICROPHONES, '\n'.join(['x,y,z', *rows, '']))
  else:
    (folder / MICROPHONES).unlink(missing_ok=True)
  if card is not None:
    files.write_text(folder / CARD, card)
  files.write_text(folder / CONFIG, json.dumps(about, indent=2))
  return folder


def _refuse_foreign_files(folder: pathlib.Path) -> None:
  """Raises InputError if files would be replaced that are of no network."""
  there = [
    folder / name
    for name in (CONFIG, WEIGHTS, MICROPHONES)
    if (folder / name).exists()
  ]
  if not there:
    return
  try:
    if (folder / CONFIG).exists():
      is_network = json_files.read(folder / CONFIG).get('kind') == KIND
    else:  # left by a writing that was interrupted
      with safetensors.safe_open(folder / WEIGHTS, framework='numpy') as stored:
        is_network = stored.metadata() == _METADATA
  except (InputError, safetensors.SafetensorError, OSError):
    is_network = False
  if not is_network:
    raise InputError(
      f'{there[0]} is there already and is not that of a network of seld_jax; '
      'choose another folder, or move the file away.'
    )


def _stored(array: np.ndarray, name: str, dtype: str) -> np.ndarray:
  """An array as it is stored."""
  with np.errstate(over='ignore'):
    stored = np.ascontiguousarray(array, dtype)
  if np.isfinite(array).all() and not np.isfinite(stored).all():
    raise InputError(
      f'{name} has numbers that are too large for float16; store float32.'
    )
  return stored


def read(folder: str | os.PathLike[str]) -> snapshot.Trained:
  """Reads the folder of a network.

  The names and shapes of the variables are compared with those of the network
  of the configuration before memory is taken for them.

  Args:
    folder: The folder.

  Returns:
    The network, with variables in float32.

  Raises:
    InputError: A file is missing, damaged, of another version, or does not fit
      the others.
  """
  folder = pathlib.Path(folder)
  about = _read_about(folder)
  config = _config(about['config'], folder)
  shapes = snapshot.variable_shapes(config)
  arrays = read_arrays(folder / WEIGHTS, shapes)
  return snapshot.Trained(config, about['step'], export_file.unflatten(arrays))


def _read_about(folder: pathlib.Path) -> _About:
  path = folder / CONFIG
  values = json_files.read(path)
  if values.get('kind') != KIND:
    raise InputError(
      f'{path} is not that of a network of seld_jax: its kind must be '
      f'"{KIND}", got {shown(values.get("kind"))}; '
      '`python -m seld_jax.save_pretrained RUN FOLDER` writes such a folder.'
    )
  if values.get('version') != VERSION:
    raise InputError(
      f'{path} has the version {shown(values.get("version"))}, but this '
      f'seld_jax reads version {VERSION}; install the seld_jax that wrote it, '
      'or a newer one.'
    )
  return json_files.check(values, _About, path)


def _config(values: Mapping[str, Any], folder: pathlib.Path):
  """The configuration, in ranges for which a network can be made."""
  path = folder / CONFIG
  try:
    config = config_lib.from_dict(dict(values))
    # Only the folder says where its files are.
    config.features.microphones = ''
    if (folder / MICROPHONES).is_file():
      config.features.microphones = str(folder / MICROPHONES)
    config_lib.validate(config, num_devices=1, for_training=False)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  export_file.check_spec(snapshot.spec_of(config), f'{path}, features and eval')
  return config


def read_arrays(
  path: str | os.PathLike[str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
  """Reads the arrays of a file that has these and no others.

  Args:
    path: A file in the format of safetensors.
    shapes: The shape of each array by name.

  Returns:
    The arrays in float32, finite.

  Raises:
    InputError: The file cannot be read, or has other arrays.
  """
  try:
    with safetensors.safe_open(path, framework='numpy') as stored:
      for name in sorted({*stored.keys()} ^ {*shapes}):
        where = 'has no' if name in shapes else 'has an unknown'
        raise InputError(
          f'{path} {where} array {shown(name)}, so that it does not fit the '
          f'{CONFIG} beside it; copy the whole folder again.'
        )
      for name, shape in shapes.items():
        found = stored.get_slice(name)
        kind = found.get_dtype()
        if tuple(found.get_shape()) != tuple(shape) or kind not in _STORED:
          raise InputError(
            f'{path}: {name} must have the shape {list(shape)} and the type '
            f'F32 or F16, got {found.get_shape()} and {kind}; copy the whole '
            'folder again.'
          )
      arrays = {
        name: stored.get_tensor(name).astype(np.float32) for name in shapes
      }
  except (safetensors.SafetensorError, OSError) as error:
    raise InputError(
      f'{path} cannot be read as safetensors ({error}); copy it again.'
    ) from error
  for name, array in arrays.items():
    if not np.isfinite(array).all():
      raise InputError(
        f'{path}: {name} has numbers that are not finite, so that the network '
        'cannot be used.'
      )
  return arrays
