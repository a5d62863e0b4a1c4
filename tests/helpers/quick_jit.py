"""jax.jit that compiles quickly rather than to fast code."""

import functools

import jax

jit = functools.partial(
  jax.jit, compiler_options={'xla_backend_optimization_level': '0'}
)
