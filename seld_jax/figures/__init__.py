"""Figures of recordings, errors, learning curves and compared systems."""

from seld_jax.figures.compared import has_curves, plot_runs
from seld_jax.figures.confusion import plot_confusion
from seld_jax.figures.curves import plot_learning_curves
from seld_jax.figures.direction_errors import plot_direction_errors
from seld_jax.figures.recording import write_recording
from seld_jax.figures.spectrogram import (
  Spectrogram,
  frequency_places,
  measure_spectrogram,
  spectrogram_png,
)
from seld_jax.figures.style import DARK, LIGHT, Theme, to_png
from seld_jax.figures.systems import plot_systems, plot_weights
from seld_jax.figures.tracks import class_mark, plot_tracks

__all__ = [
  'DARK',
  'LIGHT',
  'Spectrogram',
  'Theme',
  'class_mark',
  'frequency_places',
  'has_curves',
  'measure_spectrogram',
  'plot_confusion',
  'plot_direction_errors',
  'plot_learning_curves',
  'plot_runs',
  'plot_systems',
  'plot_tracks',
  'plot_weights',
  'spectrogram_png',
  'to_png',
  'write_recording',
]
