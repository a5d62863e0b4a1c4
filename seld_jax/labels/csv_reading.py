"""Reads the CSV files of DCASE and L3DAS: labels, and outputs of systems."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError
from seld_jax.labels import forms, hops
from seld_jax.labels.classes import L3DAS22_CLASSES, TAU2019_CLASSES
from seld_jax.labels.divided import check_divided
from seld_jax.labels.events import (
  FRAMES_PER_SECOND,
  Events,
  find_conflicts,
  group_rows,
  no_events,
)
from seld_jax.labels.forms import DISTANCE_UNITS, FORMS
from seld_jax.labels.notes import Notes
from seld_jax.labels.rows import (
  INTEGERS,
  PREDICTED_INTEGERS,
  PREDICTED_RANGES,
  RANGES,
  check_ranges,
  read_rows,
)
from seld_jax.labels.seconds import parse_seconds
from seld_jax.labels.vectors import looks_like_angles, normalise

# What a file holds: the truth, or what a system predicted.
ROLES = ('reference', 'prediction')


@dataclasses.dataclass(frozen=True)
class _Options:
  """The arguments of `read_csv`."""

  edition: str | None
  form: str | None
  num_classes: int | None
  class_names: Sequence[str] | None
  distance_scale: float | None
  predicted: bool
  label_hop: float | None
  frames_per_second: int
  mend: bool


def read_csv(
  path: str | os.PathLike[str],
  *,
  edition: str | None = None,
  form: str | None = None,
  role: str = 'reference',
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
  distance_scale: float | None = 1.0,
  label_hop: float | None = None,
  frames_per_second: int = FRAMES_PER_SECOND,
  mend: bool = True,
) -> Events:
  """Reads a label or submission file of any form in `FORMS`.

  The header or the number of columns determines the form. Six columns without a
  header are x, y, z until 2022, and azimuth, elevation, distance from 2023 on:
  if no edition is given, the norms of the vectors decide. Five columns without
  a header have a track; those of predictions may have a distance instead from
  2023 on: the ranges of the numbers decide. A file that could be either is
  refused.

  Args:
    path: CSV file in UTF-8. Cells are separated by commas, semicolons or tabs,
      and may be in double quotes. Blank lines, decimals, any order of rows, and
      a header in any order are allowed. A file without rows is a recording
      without events.
    edition: Year of the challenge whose forms are allowed, one of `EDITIONS`;
      None allows all. With an edition, under a header, or if only vectors have
      that many columns, x, y, z may have any norm except 0, because outputs of
      systems have.
    form: The form of the file, one of `FORMS`; None to find it.
    role: `'reference'` for the truth. `'prediction'` for what a system wrote:
      negative distances are then read as 0, elevations up to 91 degrees as 90,
      probabilities in the column `onscreen` as flags, and rows with a class
      that does not exist are left out, as the published scores ignore them. A
      warning tells about each of them.
    num_classes: If given, class indices must be below it.
    class_names: Class names by index, for files that hold names. None means
      those of 2019, or of L3DAS22, by the form.
    distance_scale: Factor for distances. 1 keeps the unit of the file; 0.01
      converts the centimetres of label files to metres. None converts the unit
      that label files of the form have to metres, see `DISTANCE_UNITS`.
    label_hop: Seconds from one frame of the file to the next; None means 0.1,
      and 0.02 must be stated for submissions of 2019. Frames of another length
      are merged: a source is active in each frame of 0.1 s that one of its rows
      overlaps, in their mean direction.
    frames_per_second: Frames per second of the result. Only the published rules
      of 2019 need another number: 50.
    mend: Whether predictions are corrected as `role` says. False leaves their
      distances and elevations as they are, and cuts probabilities in the column
      `onscreen` off to integers, as the published code does.

  Returns:
    The rows in the order of the file, or sorted if frames were merged. If the
    form has no track column, the sources of a class in a frame are numbered 0,
    1, ... in that order. An event of 2019 or of L3DAS22 becomes a row for each
    frame of 0.1 s that it overlaps, floor(10 start) to ceil(10 end) - 1, and
    its number in the file becomes the track. Directions of 2025 are on the
    horizon, and the events have `onscreen`. Metres of L3DAS22 become directions
    and distances.

  Raises:
    InputError: Any other contents; the message names file, line and value.
      Also predictions with several rows of a source in most frames, as if frame
      numbers had been divided.

  See Also: `read_csv_files` for the files of a folder.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels
    >>> # Frame, class, track, azimuth, elevation.
    >>> _ = pathlib.Path('left.csv').write_text('7,3,0,90,0')
    >>> events = labels.read_csv('left.csv')
    >>> events.frame.tolist(), np.round(events.xyz).tolist()
    ([7], [[0.0, 1.0, 0.0]])
  """
  options = _options(
    edition=edition,
    form=form,
    role=role,
    num_classes=num_classes,
    class_names=class_names,
    distance_scale=distance_scale,
    label_hop=label_hop,
    frames_per_second=frames_per_second,
    mend=mend,
  )
  notes = Notes()
  events, _ = _read(pathlib.Path(path), options, notes)
  notes.log()
  return events


def read_csv_files(
  paths: Iterable[str | os.PathLike[str] | None],
  *,
  edition: str | None = None,
  form: str | None = None,
  role: str = 'reference',
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
  distance_scale: float | None = 1.0,
  label_hop: float | None = None,
  frames_per_second: int = FRAMES_PER_SECOND,
  mend: bool = True,
) -> tuple[list[Events], list[str | None]]:
  """Reads files of one dataset or of one system, with one warning of each kind.

  If the columns of a file have several meanings, that of the other files
  decides. A warning tells about sources that are in several places at once; see
  `find_conflicts`.

  Args:
    paths: The files; None stands for a recording without events.
    edition: As for `read_csv`, like all arguments below.
    form: The form of all files; None to find that of each.
    role: `'reference'` or `'prediction'`.
    num_classes: If given, class indices must be below it.
    class_names: Class names by index, for files that hold names.
    distance_scale: Factor for distances.
    label_hop: Seconds from one frame of the files to the next.
    frames_per_second: Frames per second of the result.
    mend: Whether predictions are corrected.

  Returns:
    The events of each file, and its form, one of `FORMS`; None for a file
    without rows.

  Raises:
    InputError: As for `read_csv`.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels
    >>> _ = pathlib.Path('left.csv').write_text('7,3,0,90,0')
    >>> events, forms = labels.read_csv_files(['left.csv', None])
    >>> [one.frame.tolist() for one in events], forms
    ([[7], []], ['polar', None])
  """
  options = _options(
    edition=edition,
    form=form,
    role=role,
    num_classes=num_classes,
    class_names=class_names,
    distance_scale=distance_scale,
    label_hop=label_hop,
    frames_per_second=frames_per_second,
    mend=mend,
  )
  listed = [None if path is None else pathlib.Path(path) for path in paths]
  read = [
    None if path is None else _read_or_doubt(path, options) for path in listed
  ]
  # The files of one system have one form: that of the files without doubt.
  sure = {one.form for one in read if one is not None and one.doubt is None}
  notes = Notes()
  events, found = [], []
  for path, one in zip(listed, read, strict=True):
    if path is not None and one is not None and one.doubt is not None:
      others = sure.intersection(one.doubt.forms)
      if len(others) > 1 or (not others and one.events is None):
        raise one.doubt
      if others and others != {one.form}:
        chosen = dataclasses.replace(options, form=others.pop())
        one = _read_or_doubt(path, chosen)
    if path is None or one is None or one.events is None:
      events.append(no_events())
      found.append(None)
      continue
    notes.update(one.notes)
    _note_conflicts(path, one.events, notes, predicted=options.predicted)
    events.append(one.events)
    found.append(one.form)
  notes.log()
  return events, found


@dataclasses.dataclass(frozen=True)
class _Read:
  """What was read from a file.

  Attributes:
    events: The events; None if the form of the file is unknown.
    form: The form; None if the file has no rows or its form is unknown.
    doubt: The error that tells which forms the file may have; None if there
      is no doubt.
    notes: The notes about it.
  """

  events: Events | None
  form: str | None
  doubt: forms.AmbiguousError | None
  notes: Notes


def _read_or_doubt(path: pathlib.Path, options: _Options) -> _Read:
  """Reads a file, unless the other files must tell its form."""
  notes = Notes()
  try:
    events, found = _read(path, options, notes)
  except forms.AmbiguousError as error:
    return _Read(None, None, error, notes)
  if found is None:
    return _Read(events, None, None, notes)
  return _Read(events, found.form, found.doubt, notes)


def _options(*, role: str, **values) -> _Options:
  """Checks the arguments of `read_csv`."""
  if role not in ROLES:
    raise InputError(
      f'The role of a file must be one of {", ".join(ROLES)}, got {role!r}.'
    )
  forms.check_edition(values['edition'], values['form'])
  if values['label_hop'] is not None:
    hops.check_hop(values['label_hop'])
  return _Options(predicted=role == 'prediction', **values)


def _read(
  path: pathlib.Path, options: _Options, notes: Notes
) -> tuple[Events, forms.Found | None]:
  """Reads a file; also returns its form, or None if it has no rows."""
  rows = read_rows(path)
  if not rows.first:
    return no_events(), None
  found = forms.find_form(
    rows,
    edition=options.edition,
    form=options.form,
    predicted=options.predicted,
    names=tuple(options.class_names or L3DAS22_CLASSES),
  )
  if not found.rows.first:
    return no_events(), found
  if found.table is None:
    names = options.class_names
    if names is None:
      names = L3DAS22_CLASSES if found.form == 'l3das' else TAU2019_CLASSES
    events = parse_seconds(
      found.rows,
      form=found.form,
      class_names=names,
      num_classes=options.num_classes,
      distance_scale=_distance_scale(options, found),
      frames_per_second=options.frames_per_second,
    )
    return events, found
  check_ranges(
    found.rows,
    found.table,
    FORMS[found.form],
    ranges=PREDICTED_RANGES if options.predicted else RANGES,
    integers=PREDICTED_INTEGERS if options.predicted else INTEGERS,
    num_classes=None if options.predicted else options.num_classes,
    hint=found.hint,
  )
  table, kept = found.table, np.arange(len(found.table))
  if options.predicted:
    table, kept = _mended(found, options, notes)
  events = _to_events(found, table, kept, options, notes)
  return _on_label_frames(found, kept, events, options, notes), found


def _mended(
  found: forms.Found, options: _Options, notes: Notes
) -> tuple[np.ndarray, np.ndarray]:
  """Corrects usual deviations in outputs of systems, and adds notes about them.

  Returns:
    The numbers, and the places of these rows in the file.
  """
  columns, rows, table = FORMS[found.form], found.rows, found.table
  assert table is not None
  table, num_classes = table.copy(), options.num_classes

  def note(kind: str, where: np.ndarray, text: str) -> None:
    first = int(np.argmax(where))
    line, count = rows.lines[first], int(where.sum())
    text = text.format(value=f'{values[first]:g}')
    notes.add(kind, path=rows.path, line=line, text=text, count=count)

  if 'distance' in columns:
    values = table[:, columns.index('distance')]
    if options.mend and (negative := values < 0).any():
      note('distance', negative, 'the distance {value} is read as 0')
      values[negative] = 0
  if 'elevation' in columns:
    values = table[:, columns.index('elevation')]
    if options.mend and (beyond := np.abs(values) > 90).any():
      text = 'the elevation {value} is limited to 90 degrees'
      note('elevation', beyond, text)
      np.clip(values, -90, 90, out=values)
  if 'onscreen' in columns:
    values = table[:, columns.index('onscreen')]
    flags = (values >= (0.5 if options.mend else 1)).astype(np.float64)
    if (between := (values > 0) & (values < 1)).any():
      flag = f'{flags[between][0]:g}'
      text = f'the probability {{value}} of being on screen is read as {flag}'
      note('onscreen', between, text)
    table[:, columns.index('onscreen')] = flags
  kept = np.arange(len(table))
  if num_classes is not None:
    values = table[:, 1]
    if (other := values >= num_classes).any():
      text = (
        'class {value} is ignored, because the classes are 0 to '
        f'{num_classes - 1} (state more with --classes)'
      )
      note('class', other, text)
      kept = kept[~other]
  return table[kept], kept


def _to_events(
  found: forms.Found,
  table: np.ndarray,
  kept: np.ndarray,
  options: _Options,
  notes: Notes,
) -> Events:
  """Converts the numbers of a file, whose frames stay as they are."""
  columns, rows = FORMS[found.form], found.rows
  frame, class_index = table[:, :2].astype(np.int64).T.copy()
  track = None
  for name in 'track', 'source':
    if name in columns:
      track = table[:, columns.index(name)].astype(np.int64)
  if track is None:
    track = hops.number_sources(frame, class_index)
  distance = None
  scale = _distance_scale(options, found)
  if 'distance' in columns:
    distance = table[:, columns.index('distance')] * scale
  onscreen = None
  if 'onscreen' in columns:
    onscreen = table[:, columns.index('onscreen')] == 1
  if 'x' in columns:
    start = columns.index('x')
    vectors = table[:, start : start + 3]
    if found.form == 'submission_cartesian':  # metres
      distance = np.linalg.norm(vectors, axis=-1) * scale
    if (
      found.form == 'cartesian_distance'
      and options.form is None
      and looks_like_angles(vectors)
    ):
      _tell_angles(
        found, vectors, int(kept[0]), notes, predicted=options.predicted
      )
    any_norm = (
      options.edition is not None
      or options.form is not None
      or found.has_header
      or found.form != 'cartesian'
    )
    xyz = normalise(rows, vectors, kept, any_norm=any_norm)
  else:
    azimuth = table[:, columns.index('azimuth')]
    elevation = np.zeros(len(table))
    if 'elevation' in columns:
      elevation = table[:, columns.index('elevation')]
    xyz = geometry.to_cartesian(azimuth, elevation)
  return Events(frame, class_index, track, xyz, distance, onscreen)


def _tell_angles(
  found: forms.Found,
  vectors: np.ndarray,
  first: int,
  notes: Notes,
  *,
  predicted: bool,
) -> None:
  """Refuses vectors that look like angles; a note if a header says x, y, z."""
  if found.has_header:
    text = 'x, y, z are read as a vector, but they look like angles'
    line = found.rows.lines[first]
    notes.add(
      'angles', path=found.rows.path, line=line, text=text, count=len(vectors)
    )
    return
  remedy = f'write the header {",".join(FORMS[found.form])} as first line'
  if predicted:
    remedy = f'state --predictions_form={found.form}'
  found.rows.refuse(
    first,
    f'7 columns ({found.rows.text(first)}) would be frame, class, track, x, y, '
    'z, distance, but the numbers look like angles: delete the columns after '
    'frame, class, track, azimuth, elevation, distance; or, if they are '
    f'vectors, {remedy}',
  )


def _distance_scale(options: _Options, found: forms.Found) -> float:
  """The factor for the distances of a file."""
  if options.distance_scale is None:
    if found.unit:
      return {'m': 1.0, 'cm': 0.01}[found.unit]
    return DISTANCE_UNITS.get(found.form, 1.0)
  return options.distance_scale


def _on_label_frames(
  found: forms.Found,
  kept: np.ndarray,
  events: Events,
  options: _Options,
  notes: Notes,
) -> Events:
  """Converts frames of another length to frames of the result."""
  rows, label_hop = found.rows, options.label_hop
  has_tracks = bool({'track', 'source'}.intersection(FORMS[found.form]))
  if label_hop is None:
    if options.edition == '2019':
      raise InputError(
        f'{rows.path} is a submission of 2019, whose frames last 20 ms; state '
        'it (--label_hop=0.02, or label_hop=0.02 of labels.read_csv).'
      )
    label_hop = 1 / FRAMES_PER_SECOND
  if options.predicted:
    check_divided(rows, events, notes, has_tracks=has_tracks)
  if abs(label_hop * options.frames_per_second - 1) < 1e-9:
    return events
  order, group = group_rows(events.frame, events.class_index, events.track)
  twice = np.flatnonzero(np.diff(group) == 0)
  # Many systems write track 0 in all rows: it does not distinguish sources.
  if has_tracks and options.predicted and not np.ptp(events.track):
    has_tracks = not twice.size
  if has_tracks and twice.size:
    index = int(order[twice[0] + 1])
    rows.refuse(
      int(kept[index]),
      f'frame {events.frame[index]} has a second row of class '
      f'{events.class_index[index]}, track {events.track[index]}, but a track '
      f'can be in one place only in a frame of {label_hop:g} s; give each '
      'source a track of its own, or delete the row',
    )
  if not has_tracks:
    numbers = hops.number_sources(events.frame, events.class_index)
    events = dataclasses.replace(events, track=numbers)
  try:
    return hops.to_label_frames(
      events,
      label_hop,
      tracked=has_tracks,
      frames_per_second=options.frames_per_second,
    )
  except InputError as error:
    raise InputError(f'{rows.path} cannot be read: {error}') from error


def _note_conflicts(
  path: pathlib.Path, events: Events, notes: Notes, *, predicted: bool
) -> None:
  """Notes the sources that are in several places at once."""
  # Many systems write track 0 in all rows: it does not distinguish sources.
  if predicted and not (len(events.track) and np.ptp(events.track)):
    return
  conflicts = find_conflicts(events)
  if not len(conflicts):
    return
  frame, class_index, track = conflicts[0]
  text = (
    f'class {class_index}, track {track} is in several places in frame {frame}'
    ': scores count each as a source'
  )
  if not predicted:
    text += ', and training uses the last'
  notes.add('conflict', path=path, line=None, text=text, count=len(conflicts))
