"""Sound event localization and detection in JAX and Flax.

`import seld_jax` imports nothing else. Each package is imported when it is
first used, so that `seld_jax.metrics` and `seld_jax.labels` work without JAX.
"""

import lazy_loader as lazy

__version__ = '0.1.0'

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
