"""Synthetic sound scenes: dry sounds, rooms, arrays, rendering, writing."""

from seld_jax.scenes.settings import check_settings, is_complete
from seld_jax.scenes.writer import synthesize

__all__ = ['check_settings', 'is_complete', 'synthesize']
