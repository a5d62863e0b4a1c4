from . import event_list, export_file, live, piped_audio, recordings, symmetries
from .averaged_predictor import AveragedPredictor
from .averaged_stream import AveragedStream
from .causal_stream import Causal, CausalStream
from .direction_finder import METHODS, DirectionFinder
from .flags import channel_selection, define_prediction_flags
from .predictor import Prediction, PredictionOptions, Predictor
from .refined_predictor import RefinedPredictor
from .refined_stream import RefinedStream
from .stream import Frames, Spec, Stream

__all__ = [
  'AveragedPredictor',
  'AveragedStream',
  'Causal',
  'CausalStream',
  'DirectionFinder',
  'METHODS',
  'Prediction',
  'PredictionOptions',
  'Predictor',
  'RefinedPredictor',
  'RefinedStream',
  'Frames',
  'Spec',
  'Stream',
  'channel_selection',
  'define_prediction_flags',
  'event_list',
  'export_file',
  'live',
  'piped_audio',
  'recordings',
  'symmetries',
]
