from . import export_file, live, recordings
from .predictor import Prediction, Predictor
from .stream import Frames, Spec, Stream

__all__ = [
  'Prediction',
  'Predictor',
  'Frames',
  'Spec',
  'Stream',
  'export_file',
  'live',
  'recordings',
]
