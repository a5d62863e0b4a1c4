"""Traced programs on disk: a second start takes them up where XLA begins.

Tracing and lowering a training step take two seconds, whatever its size, and
give the same program as long as neither code nor settings change. JAX's own
cache keeps what XLA makes of the program, and needs it to find that.
"""

import contextlib
import gzip
import hashlib
import json
import pathlib
import struct
import sys
import sysconfig
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import flax
import jax
import jaxlib
import numpy as np
import optax
from jax import export

from seld_jax import files
from seld_jax.errors import InputError

_PACKAGE = pathlib.Path(__file__).parent

# What may be wrong with a file that somebody else has written, or half written.
_UNREADABLE = (OSError, EOFError, ValueError, struct.error, zlib.error)


def lower(
  step: Callable[..., Any],
  state: Any,
  batch: Any,
  *,
  folder: pathlib.Path | None,
  settings: Any,
  **options: Any,
) -> jax.stages.Lowered:
  """`jax.jit(step, **options).lower(state, batch)`, traced once for all starts.

  Found again is what was traced with the same settings, shapes, options of JAX,
  devices, versions of the packages, and code: that of this package, and of the
  modules that were loaded from elsewhere than where packages are installed. Of
  functions that are replaced at run time nothing is known.

  Args:
    step: `step(state, batch) -> state`, to be traced.
    state: A tree of arrays, or of their shapes and types.
    batch: A dictionary of such.
    folder: Where programs are kept, made when missing; None: nowhere. One that
      cannot be written is no error.
    settings: What else the step was made from, in terms of JSON.
    **options: Options of `jax.jit`.

  Returns:
    The program, to be compiled; it is called like `step`.
  """
  if folder is None:
    return jax.jit(step, **options).lower(state, batch)
  name = _fingerprint(settings, (state, batch), sorted(options.items()))
  path = folder / f'{name}.gz'
  program = _read(path)
  if program is None:
    try:
      program = _export(step, state, batch, options)
      _write(path, program)
    except (ValueError, NotImplementedError):  # JAX cannot write all programs
      return jax.jit(step, **options).lower(state, batch)
  return jax.jit(_called(program), **options).lower(state, batch)


def _export(
  step: Callable[..., Any], state: Any, batch: Any, options: dict[str, Any]
) -> export.Exported:
  """Traces a step on the leaves of its state, as a list.

  Trees of other classes than Python's own cannot be written.
  """
  leaves, tree = jax.tree.flatten(state)

  def flat_step(leaves, batch):
    return jax.tree.leaves(step(jax.tree.unflatten(tree, leaves), batch))

  # XLA's options are for the program that calls this one.
  traced = jax.jit(flat_step, **dict(options, compiler_options=None))
  return export.export(traced)(leaves, batch)


def _called(program: export.Exported) -> Callable[..., Any]:
  """The step again, whose trees are those of its argument."""

  def train_step(state, batch):
    leaves, tree = jax.tree.flatten(state)
    return jax.tree.unflatten(tree, program.call(leaves, batch))

  return train_step


def _fingerprint(settings: Any, trees: Any, options: Any) -> str:
  """Changes with everything that a traced program depends on.

  What XLA makes of it depends on more, which JAX's own cache looks at.
  """
  leaves, structure = jax.tree.flatten(trees)
  known = {
    'settings': settings,
    'shapes': [(leaf.shape, str(leaf.dtype)) for leaf in leaves],
    'structure': str(structure),
    'options': repr(options),
    'devices': repr([(d, d.device_kind) for d in jax.devices()]),
    # By attribute where there is one, which knows of a context manager, too.
    'jax': {
      name: repr(getattr(jax.config, name, value))
      for name, value in jax.config.values.items()
    },
    'versions': [m.__version__ for m in (jax, jaxlib, flax, optax, np)],
  }
  digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
  for path in _code():
    digest.update(hashlib.sha256(path.read_bytes()).digest())
  return digest.hexdigest()


def _code() -> Iterator[pathlib.Path]:
  """This package's files, and those of modules that are no installed package.

  The latter are what somebody works on, such as the file of the config.
  """
  yield from sorted(_PACKAGE.rglob('*.py'))
  standard = sysconfig.get_path('stdlib')
  # A copy, since threads may be importing.
  modules = list(sys.modules.values())
  places = {getattr(module, '__file__', None) for module in modules}
  for path in map(pathlib.Path, sorted(filter(None, places))):
    is_installed = path.is_relative_to(standard) or not {
      'site-packages',
      'dist-packages',
    }.isdisjoint(path.parts)
    if path.is_file() and not (is_installed or path.is_relative_to(_PACKAGE)):
      yield path


def _read(path: pathlib.Path) -> export.Exported | None:
  """A program, or None where there is none that is whole."""
  try:
    return export.deserialize(bytearray(gzip.decompress(path.read_bytes())))
  except _UNREADABLE:
    return None


def _write(path: pathlib.Path, program: export.Exported) -> None:
  content = gzip.compress(program.serialize(), compresslevel=1)
  with contextlib.suppress(InputError), files.atomic(path) as temporary:
    temporary.write_bytes(content)
