"""Synthetic sound scenes: dry sounds, rooms, arrays, rendering, writing."""

from seld_jax.scenes.writer import is_complete, synthesize

__all__ = ['is_complete', 'synthesize']
