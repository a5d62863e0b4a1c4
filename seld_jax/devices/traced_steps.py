"""Traced programs on disk: a second start takes them up where XLA begins.

Tracing and lowering a training step take two seconds, whatever its size, and
give the same program as long as neither code nor settings change. JAX's own
cache keeps what XLA makes of the program, and needs it to find that.
"""

import gzip
import hashlib
import json
import logging
import pathlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax import export

from seld_jax import files
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

_PACKAGE = pathlib.Path(__file__).parents[1]


class Traces(NamedTuple):
  """Where programs are kept, and by which code.

  Attributes:
    folder: The folder, made when it is needed.
    code: Digest of the code that this process has loaded.
  """

  folder: pathlib.Path
  code: str


def kept_in(folder: pathlib.Path | None) -> Traces | None:
  """Programs in a folder, for the code as it lies on disk now.

  To be called as soon as all code is loaded: what changes on disk afterwards is
  not what runs.

  Args:
    folder: The folder; None for none.

  Returns:
    What `lower` takes; None without a folder, where JAX's option
    `jax_enable_compilation_cache` is off, or where code cannot be read.
  """
  if folder is None or not jax.config.values['jax_enable_compilation_cache']:
    return None
  try:
    return Traces(folder, _code())
  except Exception:  # of whatever somebody has put into sys.modules
    return None


def lower(
  step: Callable[..., Any],
  state: Any,
  batch: Any,
  *,
  traces: Traces | None,
  settings: Any,
  **options: Any,
) -> jax.stages.Lowered:
  """`jax.jit(step, **options).lower(state, batch)`, traced once for all starts.

  Found again is what was traced for the same settings, shapes, options of JAX,
  devices and code (see `_code`). Of functions that are replaced at run time
  nothing is known.

  Args:
    step: `step(state, batch) -> state`, to be traced.
    state: A tree of arrays, or of their shapes and types.
    batch: A dictionary of such.
    traces: Where programs are kept; None: nowhere. Whatever is wrong there, the
      step is traced as if there were none.
    settings: All that the step was made from, in terms of JSON.
    **options: Options of `jax.jit`.

  Returns:
    The program, to be compiled; it is called like `step`.
  """
  try:
    # What was edited since the process began is not what is traced here.
    if traces is not None and traces.code == _code():
      name = _fingerprint(step, (state, batch), traces, settings, options)
      path = traces.folder / f'{name}.gz'
      program = _read(path)
      if program is None:
        program = _export(step, state, batch, options)
        _write(path, program)
      return jax.jit(_called(program), **options).lower(state, batch)
  except Exception:
    # A run does not depend on it. What is wrong with the step is raised below.
    _log.debug('The traced step cannot be kept.', exc_info=True)
  return jax.jit(step, **options).lower(state, batch)


def _code() -> str:
  """Digest of all code that a program may depend on, as it lies on disk.

  This package's, loaded or not, and that of loaded modules which lie in no
  folder of installed packages: what somebody works on, such as the file of the
  config. Installed packages count by version and by when they were installed.

  Raises:
    OSError: A file cannot be read, or is gone.
  """
  installed = [
    (path.name, path.stat().st_mtime_ns)
    for folder in sys.path
    for path in sorted(pathlib.Path(folder).glob('*-info'))
  ]
  digest = hashlib.sha256(repr([sys.version, installed]).encode())
  for path in _sources():
    digest.update(hashlib.sha256(path.read_bytes()).digest())
  return digest.hexdigest()


def _sources() -> Iterator[pathlib.Path]:
  """The files of `_code`."""
  yield from sorted(_PACKAGE.rglob('[!.]*.py'))
  standard = sysconfig.get_path('stdlib')
  # A copy, since threads may be importing.
  modules = list(sys.modules.values())
  places = {str(getattr(module, '__file__', None) or '') for module in modules}
  for path in map(pathlib.Path, sorted(places - {''})):
    is_installed = path.is_relative_to(standard) or not {
      'site-packages',
      'dist-packages',
    }.isdisjoint(path.parts)
    if not (is_installed or path.is_relative_to(_PACKAGE)):
      yield path


def _fingerprint(
  step: Callable[..., Any],
  trees: Any,
  traces: Traces,
  settings: Any,
  options: dict[str, Any],
) -> str:
  """Changes with what `lower` says that a program is found by."""
  leaves, structure = jax.tree.flatten(trees)
  known = {
    'code': traces.code,
    'step': f'{step.__module__}.{step.__qualname__}',
    'settings': settings,
    'shapes': [(leaf.shape, str(leaf.dtype)) for leaf in leaves],
    'structure': str(structure),
    'options': repr(sorted(options.items())),
    'devices': repr([(d, d.device_kind) for d in jax.devices()]),
    # By attribute where there is one, which knows of a context manager, too.
    'jax': {
      name: repr(getattr(jax.config, name, value))
      for name, value in jax.config.values.items()
    },
  }
  return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _read(path: pathlib.Path) -> export.Exported | None:
  """A program, or None where there is none that is whole."""
  try:
    return export.deserialize(bytearray(gzip.decompress(path.read_bytes())))
  except Exception:  # of many kinds, if somebody else has written the file
    return None


def _export(
  step: Callable[..., Any], state: Any, batch: Any, options: dict[str, Any]
) -> export.Exported:
  """Traces a step on the leaves of its state, as a list.

  Trees of other classes than Python's own cannot be written.
  """
  leaves, tree = jax.tree.flatten(state)

  def train_step(leaves, batch):
    return jax.tree.leaves(step(jax.tree.unflatten(tree, leaves), batch))

  # XLA's options are for the program that calls this one.
  traced = jax.jit(train_step, **dict(options, compiler_options=None))
  return export.export(traced)(leaves, batch)


def _write(path: pathlib.Path, program: export.Exported) -> None:
  """Keeps a program, if that can be done."""
  content = gzip.compress(program.serialize(), compresslevel=1)
  try:
    with files.atomic(path) as temporary:
      temporary.write_bytes(content)
  except (InputError, OSError) as error:
    _log.debug('The traced step cannot be kept: %s', error)


def _called(program: export.Exported) -> Callable[..., Any]:
  """The step again, whose trees are those of its argument."""

  def train_step(state, batch):
    leaves, tree = jax.tree.flatten(state)
    return jax.tree.unflatten(tree, program.call(leaves, batch))

  return train_step
