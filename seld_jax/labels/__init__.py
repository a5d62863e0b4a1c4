"""Events, classes, and the forms of DCASE CSV files. NumPy and msgspec only."""

from seld_jax.labels import classes
from seld_jax.labels.class_maps import CLASS_MAPS, class_names
from seld_jax.labels.classes import (
  BY_EDITION,
  L3DAS22_CLASSES,
  STARSS_CLASSES,
  TAU2019_CLASSES,
  TAU2020_CLASSES,
  TAU2021_CLASSES,
)
from seld_jax.labels.csv_reading import ROLES, read_csv, read_csv_files
from seld_jax.labels.csv_writing import write_csv, write_csv_parts
from seld_jax.labels.events import (
  FRAMES_PER_SECOND,
  POSSIBLE_METRES,
  SURPLUS_FRAMES,
  Events,
  check_range,
  choose_rows,
  count_frames,
  find_behind,
  find_conflicts,
  from_dense,
  group_rows,
  join_events,
  last_rows,
  median_distance,
  no_events,
  to_dense,
)
from seld_jax.labels.forms import (
  DISTANCE_UNITS,
  EDITIONS,
  FORMS,
)
from seld_jax.labels.intervals import (
  Interval,
  IntervalFinder,
  find_intervals,
)
from seld_jax.labels.names import NameParts, fold_of, parse_name, room_of
from seld_jax.labels.spatial_events import from_spatial_events

__all__ = [
  'read_csv',
  'read_csv_files',
  'write_csv',
  'write_csv_parts',
  'Events',
  'FRAMES_PER_SECOND',
  'POSSIBLE_METRES',
  'SURPLUS_FRAMES',
  'count_frames',
  'find_conflicts',
  'from_dense',
  'from_spatial_events',
  'check_range',
  'choose_rows',
  'find_behind',
  'group_rows',
  'join_events',
  'last_rows',
  'median_distance',
  'no_events',
  'to_dense',
  'Interval',
  'IntervalFinder',
  'find_intervals',
  'NameParts',
  'parse_name',
  'fold_of',
  'room_of',
  'DISTANCE_UNITS',
  'EDITIONS',
  'FORMS',
  'ROLES',
  'BY_EDITION',
  'CLASS_MAPS',
  'class_names',
  'L3DAS22_CLASSES',
  'STARSS_CLASSES',
  'TAU2019_CLASSES',
  'TAU2020_CLASSES',
  'TAU2021_CLASSES',
  'classes',
]
