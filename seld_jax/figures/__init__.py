"""Figures: what sounds when and where, learning curves."""

from seld_jax.figures.curves import plot_learning_curves
from seld_jax.figures.recordings import write_recording
from seld_jax.figures.style import to_png
from seld_jax.figures.tracks import plot_tracks

__all__ = ['plot_learning_curves', 'plot_tracks', 'to_png', 'write_recording']
