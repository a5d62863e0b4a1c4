"""How XLA is asked to compile: what is fast, and what is kept."""

import functools
import os
import pathlib
from typing import Any

import jax

# jaxlib 0.10 sends convolutions on a CPU to YNNPACK, whose backward pass is
# five times slower than the one it replaces.
_CPU_STEP = {'xla_cpu_experimental_ynn_fusion_type': ''}

# How hard LLVM tries, of 3: a step compiles in half the time and is as fast,
# since its work is in library calls.
_EFFORT = 'xla_backend_optimization_level'
_STEP_EFFORT = 2

# For a program that runs once: compiled in a quarter of the time. The one that
# draws parameters even runs faster, since less is fused and computed again.
_ONCE_EFFORT = 0


def compiler_options(*, runs_once: bool = False) -> dict[str, Any] | None:
  """The `compiler_options` of jit.

  Args:
    runs_once: Whether the program runs once; else it is a step with
      convolutions, which runs often.

  Returns:
    Options on a CPU whose jaxlib knows them (an unknown name is an error, so
    they are tried on a small program first), and None elsewhere. The effort is
    left alone where XLA_FLAGS sets it.
  """
  if jax.default_backend() != 'cpu':
    return None
  options: dict[str, Any] = {} if runs_once else dict(_CPU_STEP)
  if _EFFORT not in os.environ.get('XLA_FLAGS', ''):
    options[_EFFORT] = _ONCE_EFFORT if runs_once else _STEP_EFFORT
  return options if _are_known() else None


@functools.cache
def _are_known() -> bool:
  """Whether XLA takes the options of `compiler_options`."""
  options = {**_CPU_STEP, _EFFORT: _STEP_EFFORT}
  try:
    jax.jit(lambda x: x + 1, compiler_options=options).lower(1.0).compile()
  except Exception:  # whatever XLA raises for a name that it does not know
    return False
  return True


def use_persistent_cache() -> pathlib.Path | None:
  """Keeps compiled programs on disk, so that a second start is quick.

  They are kept in `$JAX_COMPILATION_CACHE_DIR`, or else in the user's cache
  folder, if they took a tenth of a second, or what the variable of JAX's option
  says.

  Returns:
    A folder beside them for what `tracing` keeps; None when they are kept in a
    bucket of a cloud.
  """
  if not os.environ.get('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'):
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
  folder = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  if not folder:
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = str(pathlib.Path(base) / 'seld_jax' / 'xla')
    jax.config.update('jax_compilation_cache_dir', folder)
  return None if '://' in folder else pathlib.Path(folder, 'traced')
