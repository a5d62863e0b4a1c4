"""Figures: what sounds when and where, learning curves, systems compared."""

from seld_jax.figures.curves import plot_learning_curves
from seld_jax.figures.recordings import write_recording
from seld_jax.figures.style import to_png
from seld_jax.figures.systems import plot_systems, plot_weights
from seld_jax.figures.tracks import plot_tracks

__all__ = [
  'plot_learning_curves',
  'plot_systems',
  'plot_tracks',
  'plot_weights',
  'to_png',
  'write_recording',
]
