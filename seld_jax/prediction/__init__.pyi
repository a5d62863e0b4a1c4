from . import export_file, live, recordings
from .flags import channel_selection, define_prediction_flags
from .predictor import Prediction, PredictionOptions, Predictor
from .stream import Frames, Spec, Stream

__all__ = [
  'Prediction',
  'PredictionOptions',
  'Predictor',
  'Frames',
  'Spec',
  'Stream',
  'channel_selection',
  'define_prediction_flags',
  'export_file',
  'live',
  'recordings',
]
