from . import systems, tasks
from .augment_rules import augmentation_steps
from .defaults import default, feature_options, label_pool
from .editions import resolve
from .field_help import Field, describe_fields
from .formats import output_format, trained_terms
from .microphones import microphone_positions
from .named import config_files, find_config
from .rules import DISTANCE_TERMS, DOA_TERMS, SED_TERMS, model_fields, validate
from .sense import unused_schedule_fields
from .serialization import flatten, from_dict, refuse_unknown, to_dict
from .types import Config

__all__ = [
  'augmentation_steps',
  'config_files',
  'find_config',
  'default',
  'Field',
  'describe_fields',
  'feature_options',
  'flatten',
  'from_dict',
  'label_pool',
  'microphone_positions',
  'refuse_unknown',
  'resolve',
  'to_dict',
  'DISTANCE_TERMS',
  'DOA_TERMS',
  'SED_TERMS',
  'model_fields',
  'output_format',
  'trained_terms',
  'unused_schedule_fields',
  'validate',
  'Config',
  'systems',
  'tasks',
]
