"""Options of XLA for the tests."""

import importlib.metadata

# jaxlib 0.12 has only these emitters and no option for them. XLA ends the
# process if XLA_FLAGS has a name that it does not know.
_JAXLIB = importlib.metadata.version('jaxlib').split('.')
_HAS_EMITTERS = tuple(map(int, _JAXLIB[:2])) < (0, 12)

# Most programs of the tests run once or twice, so compiling them takes most of
# the time. With these flags it takes less than half as long. They change the
# rounding only.
QUICK_FLAGS = (
  '--xla_backend_optimization_level=0'
  ' --xla_llvm_disable_expensive_passes=true'
  ' --xla_cpu_parallel_codegen_split_count=1'
  + (' --xla_cpu_use_fusion_emitters=false' if _HAS_EMITTERS else '')
)

# `compiler_options` of `jax.jit` for a program that is compiled as if there are
# no such flags.
USUAL = {
  'xla_backend_optimization_level': 3,
  'xla_llvm_disable_expensive_passes': False,
  'xla_cpu_parallel_codegen_split_count': 32,
  **({'xla_cpu_use_fusion_emitters': True} if _HAS_EMITTERS else {}),
}
