"""Output formats: what a network says about each label frame, and how.

    format = outputs.make('multi_accdoa', num_classes=13, distance=True)
    predictions = format.activate(raw)            # raw: [..., format.size]
    targets = format.targets(events, num_frames=600)
    terms = format.loss_terms(predictions, targets)
    found = format.events(predictions, threshold=0.5)

`make` makes a format by its name: `class_wise` (the activity and one direction
of each class), `accdoa`, `multi_accdoa` (three tracks for each class, trained
with ADPIT) or `tracks` (tracks with one class at most, trained with PIT). Each
is a frozen dataclass of pure functions with the interface of `OutputFormat`;
any of them can predict distances, too.
"""

from seld_jax.outputs.accdoa import Accdoa, MultiAccdoa
from seld_jax.outputs.class_wise import ClassWise
from seld_jax.outputs.format import ACTIVATIONS, OutputFormat
from seld_jax.outputs.making import FORMATS, make, options
from seld_jax.outputs.tracks import Tracks

__all__ = [
  'make',
  'options',
  'FORMATS',
  'ACTIVATIONS',
  'OutputFormat',
  'ClassWise',
  'Accdoa',
  'MultiAccdoa',
  'Tracks',
]
