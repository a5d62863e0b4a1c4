"""Synthetic sound scenes: dry sounds, rooms, arrays, rendering, writing."""

from seld_jax.scenes.writer import synthesize

__all__ = ['synthesize']
