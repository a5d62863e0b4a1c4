"""Sound event localization and detection in JAX and Flax."""
