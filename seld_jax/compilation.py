"""How XLA is asked to compile: what is fast, and what is kept."""

import functools
import os
import pathlib

import jax

# jaxlib 0.10 sends convolutions on a CPU to YNNPACK, whose backward pass is
# five times slower than the one it replaces.
_CPU_OPTIONS = {'xla_cpu_experimental_ynn_fusion_type': ''}


@functools.cache
def compiler_options() -> dict[str, str] | None:
  """The `compiler_options` of jit for steps with convolutions.

  Returns:
    Options on a CPU whose jaxlib knows them (an unknown name is an error, so
    they are tried on a small program first), and None elsewhere.
  """
  if jax.default_backend() != 'cpu':
    return None
  try:
    probe = jax.jit(lambda x: x + 1, compiler_options=_CPU_OPTIONS)
    probe.lower(1.0).compile()
  except Exception:  # whatever XLA raises for a name that it does not know
    return None
  return _CPU_OPTIONS


def use_persistent_cache() -> None:
  """Keeps compiled programs on disk, so that a second start is quick.

  They are kept in `$JAX_COMPILATION_CACHE_DIR`, or else in the user's cache
  folder.
  """
  if os.environ.get('JAX_COMPILATION_CACHE_DIR'):
    return
  base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  folder = pathlib.Path(base) / 'seld_jax' / 'xla'
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
