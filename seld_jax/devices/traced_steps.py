"""Traces of the training step on disk, so that a second start is quicker.

Tracing and lowering a training step take two seconds, for networks of any size.
The result is the same as long as code and settings are the same, so it is kept
in a file. The persistent cache of JAX keeps compiled programs, but needs the
lowered program to find them.
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
  """Where traces are kept, and which code they belong to.

  Attributes:
    folder: The folder; it is made when it is needed.
    code: Digest of the code that this process has loaded.
  """

  folder: pathlib.Path
  code: str


def kept_in(folder: pathlib.Path | None) -> Traces | None:
  """Traces in a folder that belong to the present code.

  Call it as soon as all modules are imported: later changes of files do not
  change the code that runs.

  Args:
    folder: The folder, or None.

  Returns:
    An argument for `lower`. It is None without a folder, if the option
    `jax_enable_compilation_cache` of JAX is off, or if code cannot be read.
  """
  if folder is None or not jax.config.values['jax_enable_compilation_cache']:
    return None
  try:
    return Traces(folder, _code())
  except Exception:  # sys.modules may contain objects of any kind
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
  """`jax.jit(step, **options).lower(state, batch)`, from a file if possible.

  A trace is reused when settings, shapes, options of JAX, devices and code (see
  `_code`) are the same. Functions that are replaced at run time are not
  detected.

  Args:
    step: The function `step(state, batch) -> state`.
    state: A tree of arrays, or of `jax.ShapeDtypeStruct`.
    batch: A dictionary of the same kinds.
    traces: Where traces are kept, or None. If a file or the folder cannot be
      used, the step is traced as with None.
    settings: Everything that `step` was made from, as JSON can hold it.
    **options: Options of `jax.jit`.

  Returns:
    The lowered program, to be compiled. It is called like `step`.
  """
  try:
    # Files that were edited since the start are not the code that runs.
    if traces is not None and traces.code == _code():
      name = _fingerprint(step, (state, batch), traces, settings, options)
      path = traces.folder / f'{name}.gz'
      program = _read(path)
      if program is None:
        program = _export(step, state, batch, options)
        _write(path, program)
      return jax.jit(_called(program), **options).lower(state, batch)
  except Exception:
    # Training works without it. An error of the step is raised again below.
    _log.debug('The trace of the step cannot be kept.', exc_info=True)
  return jax.jit(step, **options).lower(state, batch)


def _code() -> str:
  """Digest of all source files that a program may depend on.

  These are the files of this package, and of all imported modules that are not
  installed packages, such as the config file. Installed packages are
  represented by their version and the time of their installation; this package
  is not, because a build of its wheel changes that time, but no code.

  Raises:
    OSError: A file cannot be read.
  """
  own = f'{_PACKAGE.name}.', f'{_PACKAGE.name}-'
  installed = [
    (path.name, path.stat().st_mtime_ns)
    for folder in sys.path
    for path in sorted(pathlib.Path(folder).glob('*-info'))
    if not path.name.startswith(own)
  ]
  digest = hashlib.sha256(repr([sys.version, installed]).encode())
  for path in _sources():
    digest.update(hashlib.sha256(path.read_bytes()).digest())
  return digest.hexdigest()


def _sources() -> Iterator[pathlib.Path]:
  """The source files for `_code`."""
  yield from sorted(_PACKAGE.rglob('[!.]*.py'))
  standard = sysconfig.get_path('stdlib')
  # A copy, because other threads may import modules at the same time.
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
  """Digest of everything that a trace depends on; the name of its file."""
  leaves, structure = jax.tree.flatten(trees)
  known = {
    'code': traces.code,
    'step': f'{step.__module__}.{step.__qualname__}',
    'settings': settings,
    'shapes': [(leaf.shape, str(leaf.dtype)) for leaf in leaves],
    'structure': str(structure),
    'options': repr(sorted(options.items())),
    'devices': repr([(d, d.device_kind) for d in jax.devices()]),
    # The attribute, if there is one, has values set by context managers, too.
    'jax': {
      name: repr(getattr(jax.config, name, value))
      for name, value in jax.config.values.items()
    },
  }
  return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _read(path: pathlib.Path) -> export.Exported | None:
  """Reads a program; None if there is no file or it is damaged."""
  try:
    return export.deserialize(bytearray(gzip.decompress(path.read_bytes())))
  except Exception:  # a damaged file raises many types
    return None


def _export(
  step: Callable[..., Any], state: Any, batch: Any, options: dict[str, Any]
) -> export.Exported:
  """Traces a step that gets the leaves of its state as a list.

  Only trees of the classes of Python can be serialized.
  """
  leaves, tree = jax.tree.flatten(state)

  def train_step(leaves, batch):
    return jax.tree.leaves(step(jax.tree.unflatten(tree, leaves), batch))

  # The compiler options belong to the program that calls this one.
  traced = jax.jit(train_step, **dict(options, compiler_options=None))
  return export.export(traced)(leaves, batch)


def _write(path: pathlib.Path, program: export.Exported) -> None:
  """Writes a program to a file, if possible."""
  content = gzip.compress(program.serialize(), compresslevel=1)
  try:
    with files.atomic(path, durable=False) as temporary:
      temporary.write_bytes(content)
  except (InputError, OSError) as error:
    _log.debug('The trace of the step cannot be kept: %s', error)


def _called(program: export.Exported) -> Callable[..., Any]:
  """The step of an exported program; it takes and returns trees again."""

  def train_step(state, batch):
    leaves, tree = jax.tree.flatten(state)
    return jax.tree.unflatten(tree, program.call(leaves, batch))

  return train_step
