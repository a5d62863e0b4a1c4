"""Options of XLA for fast programs, and the cache of compiled programs."""

import functools
import os
import pathlib
from typing import Any

import jax

# jaxlib 0.10 sends convolutions on a CPU to YNNPACK, whose backward pass is
# five times slower than the one it replaces.
_CPU_STEP = {'xla_cpu_experimental_ynn_fusion_type': ''}

# LLVM optimisation level, 0 to 3. With 2, a training step compiles in half the
# time of 3 and is as fast, since library calls take most of its time.
_LEVEL = 'xla_backend_optimization_level'
_STEP_LEVEL = 2

# Level of a program that runs once: it compiles in a quarter of the time. The
# program that draws parameters even runs faster, since XLA fuses less.
_ONCE_LEVEL = 0


def compiler_options(*, runs_once: bool = False) -> dict[str, Any] | None:
  """The `compiler_options` of `jax.jit` that are best on this machine.

  Args:
    runs_once: Whether the program runs once. Otherwise it is a program with
      convolutions that runs often, such as a training step.

  Returns:
    Options for a CPU, if the version of jaxlib has them; None for other
    devices. The optimisation level is left out if XLA_FLAGS sets it.
  """
  if jax.default_backend() != 'cpu':
    return None
  options: dict[str, Any] = {} if runs_once else dict(_CPU_STEP)
  if _LEVEL not in os.environ.get('XLA_FLAGS', ''):
    options[_LEVEL] = _ONCE_LEVEL if runs_once else _STEP_LEVEL
  return options if _are_known() else None


@functools.cache
def _are_known() -> bool:
  """Whether XLA accepts the options, found out with a small program."""
  options = {**_CPU_STEP, _LEVEL: _STEP_LEVEL}
  try:
    jax.jit(lambda x: x + 1, compiler_options=options).lower(1.0).compile()
  except Exception:  # XLA does not document what it raises
    return False
  return True


def use_persistent_cache() -> pathlib.Path | None:
  """Keeps compiled programs on disk, so that a second start is quick.

  The folder is `$JAX_COMPILATION_CACHE_DIR`, by default `seld_jax/xla` in the
  user's cache folder. Programs are kept if they took 0.1 s to compile; the
  variable JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS changes that.

  Returns:
    A folder in it for `traced_steps.kept_in`; None when the cache is not a
    folder but a bucket in a cloud, or when there is no cache because the user
    has no home folder.
  """
  if not os.environ.get('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'):
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
  folder = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  if not folder:
    base = os.environ.get('XDG_CACHE_HOME')
    if not base:
      try:
        base = pathlib.Path.home() / '.cache'
      except RuntimeError:  # no HOME, and a user ID without a name
        return None
    folder = str(pathlib.Path(base) / 'seld_jax' / 'xla')
    jax.config.update('jax_compilation_cache_dir', folder)
  return None if '://' in folder else pathlib.Path(folder, 'traced')
