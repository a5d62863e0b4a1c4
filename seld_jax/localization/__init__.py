"""Directions of sounds without a network: intensity histograms and SRP-PHAT.

    found = localization.intensity_directions(foa, sample_rate=24000)
    found.xyz        # [label_frames, 2, 3]: unit vectors, the strongest first
    found.activity   # [label_frames, 2]: in [0, 1]; 0 where nothing is audible

These methods say where one or two sounds come from, but not what they are.
`OnsetHistograms` and `refine_directions` make directions more exact that a
network has predicted. NumPy and SciPy only.
"""

from seld_jax.localization.directions import Directions, audible, join
from seld_jax.localization.intensity import intensity_directions
from seld_jax.localization.onsets import OnsetHistograms, refine_directions
from seld_jax.localization.srp import free_field, srp_directions

__all__ = [
  'Directions',
  'OnsetHistograms',
  'audible',
  'free_field',
  'intensity_directions',
  'join',
  'refine_directions',
  'srp_directions',
]
