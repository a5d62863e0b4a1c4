"""Scores of a folder of CSV files against a folder of references."""

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import contradictions, pairs
from seld_jax.evaluate.lengths import Recordings, find_lengths, length_of
from seld_jax.evaluate.predictions import (
  default_num_classes,
  evaluate_predictions,
)

# Units of distance in metres.
UNITS = {'m': 1.0, 'cm': 0.01}

# Classes of files whose classes do not matter.
_ANY = 10_000


@dataclasses.dataclass(frozen=True)
class FolderOptions:
  """How two folders are compared: the arguments of `evaluate_folders`.

  Example:
    >>> from seld_jax import evaluate
    >>> evaluate.FolderOptions(edition='2022', num_frames='audio').edition
    '2022'
  """

  edition: str = '2020'
  num_frames: int | str | Mapping[str, int] | None = None
  audio: str | os.PathLike[str] | None = None
  csv_edition: str | None = None
  num_classes: int | None = None
  class_names: Sequence[str] | None = None
  missing: str | None = None
  units: tuple[str | None, str | None] | None = None
  folds: Collection[int] | None = None
  label_hop: float | tuple[float, float] | None = None
  predictions_form: str | None = None
  as_published: bool = False
  classless: bool = False


@dataclasses.dataclass(frozen=True)
class Folders:
  """The recordings of two folders of CSV files, as `read_folders` returns them.

  Attributes:
    edition: The edition of the challenge whose scores are computed.
    names: Name of each recording.
    references: Reference events of each recording.
    predictions: Predicted events of each recording.
    num_classes: Number of classes.
    num_frames: Label frames of every recording, or of each by its name; None
      for the default of the edition.
    length_rule: Where the lengths come from: `'audio'`, `'last_reference'` or
      `'as_published'`; None if they were given or are the default.
    as_published: Whether scores follow the published code of the edition.
    distance_unit: Metres in a unit of the distances. If the units were not
      stated, that of the form of the references.
    own_missing: Whether the caller stated what happens to recordings without a
      file of predictions.
    classless: Whether the scores are those of directions whatever their class.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> silence = labels.no_events()
    >>> found = evaluate.Folders(
    ...   '2020', ['mix1'], [silence], [silence], 14, None, None
    ... )
    >>> evaluate.score_folders(found)['recordings']
    1
  """

  edition: str
  names: list[str]
  references: list[labels.Events]
  predictions: list[labels.Events]
  num_classes: int
  num_frames: int | Mapping[str, int] | None
  length_rule: str | None
  as_published: bool = False
  distance_unit: float = 1.0
  own_missing: bool = False
  classless: bool = False


def evaluate_folders(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  edition: str = '2020',
  num_frames: int | str | Mapping[str, int] | None = None,
  audio: str | os.PathLike[str] | None = None,
  csv_edition: str | None = None,
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
  missing: str | None = None,
  units: tuple[str | None, str | None] | None = None,
  folds: Collection[int] | None = None,
  label_hop: float | tuple[float, float] | None = None,
  predictions_form: str | None = None,
  as_published: bool = False,
  classless: bool = False,
) -> dict[str, Any]:
  """Scores a folder of CSV files against another with the same file names.

  Args:
    reference: Folder of the reference files.
    predictions: Folder of the files that a system predicted.
    edition: The edition of the challenge whose scores are computed.
    num_frames: Label frames of every recording, or of each by the name of its
      file without `.csv`. `'audio'` takes the lengths of the sound files;
      `'last_reference'` ends each recording after the last frame of its
      reference. None means 600 up to 2021 and 50 in 2025; the editions between
      need a value, unless `as_published` is set.
    audio: Folder of the sound files, for `'audio'`.
    csv_edition: The edition that defines the columns of the files; None to
      recognise it from each file.
    num_classes: Number of classes, as for `evaluate_predictions`; None for that
      of `class_names`, if these are given.
    class_names: Names of the classes by index, for files that have names and
      for the breakdown. None for numbers, and for the names that
      `labels.read_csv` knows.
    missing: What to do about a reference without a file of predictions:
      `'error'` raises InputError, `'empty'` scores it as an empty prediction,
      `'leave_out'` leaves the recording out. None means `'error'`, or
      `'leave_out'` with `as_published` from 2020 on.
    units: Units of the distances in the reference and in the predictions, keys
      of `UNITS`, or None for the unit that label files of the form have
      (`labels.DISTANCE_UNITS`). None instead of both: they have the same unit.
    folds: Numbers of the folds to compare, which are part of the file names;
      None for all files.
    label_hop: Seconds from one frame of the files to the next, as for
      `labels.read_csv`: for both folders, or for each of them. None means
      0.1, or 0.02 in 2019 with `as_published`.
    predictions_form: Form of the predictions, one of `labels.FORMS`; None to
      recognise it from each file.
    as_published: Whether to follow the published code of the edition where it
      differs, as for `evaluate_predictions`.
    classless: Whether to score directions whatever their class, with
      `metrics.CLASSLESS` instead of the scores of the edition.

  Returns:
    The same as `evaluate_predictions`. A warning reports predictions after the
    end of a recording, and files whose columns belong to another edition.

  Raises:
    InputError: A folder has no CSV file; a file is missing, has no counterpart
      or cannot be read; one folder seems to have centimetres and the other
      metres; the length of a recording is unknown; or a file has frames that
      are later than its end by more than a second and 1 %.

  See Also: `read_folders` and `score_folders`, the two steps of this function.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> front = labels.from_dense(np.ones((600, 1)), np.full((600, 1, 3), 1.0))
    >>> labels.write_csv('reference/mix1.csv', front)
    >>> labels.write_csv('predictions/mix1.csv', front)
    >>> result = evaluate.evaluate_folders('reference', 'predictions')
    >>> result['recordings'], result['ER20']
    (1, 0.0)
  """
  options = FolderOptions(
    edition=edition,
    num_frames=num_frames,
    audio=audio,
    csv_edition=csv_edition,
    num_classes=num_classes,
    class_names=class_names,
    missing=missing,
    units=units,
    folds=folds,
    label_hop=label_hop,
    predictions_form=predictions_form,
    as_published=as_published,
    classless=classless,
  )
  found = read_folders(reference, predictions, options)
  return score_folders(found, class_names=class_names)


def read_folders(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  options: FolderOptions,
) -> Folders:
  """Reads the files that `evaluate_folders` scores.

  Args:
    reference: Folder of the reference files.
    predictions: Folder of the files that a system predicted.
    options: How the folders are compared.

  Returns:
    The recordings of both folders.

  Raises:
    InputError: As for `evaluate_folders`.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> front = labels.from_dense(np.ones((600, 1)), np.full((600, 1, 3), 1.0))
    >>> labels.write_csv('reference/mix1.csv', front)
    >>> labels.write_csv('predictions/mix1.csv', front)
    >>> options = evaluate.FolderOptions(edition='2021')
    >>> found = evaluate.read_folders('reference', 'predictions', options)
    >>> found.names, found.num_classes
    (['mix1'], 12)
  """
  if options.classless and options.as_published:
    raise InputError(
      'Scores without classes are of no edition, so that there is no published '
      'code to follow: leave out --as_published or --classless.'
    )
  missing = options.missing or 'error'
  if options.missing is None and options.as_published:
    missing = metrics.published_missing(options.edition)
  files = pairs.pair(
    reference, predictions, missing=missing, folds=options.folds
  )
  scales: tuple[float | None, float | None] = (1.0, 1.0)
  if options.units is not None:
    for unit in options.units:
      if unit is not None and unit not in UNITS:
        raise InputError(
          f'A unit of distance must be one of {", ".join(UNITS)}, got {unit!r}.'
        )
    # None converts by the form of each file.
    first, second = options.units
    scales = UNITS.get(first or ''), UNITS.get(second or '')

  # The published code of 2019 has frames of 20 ms.
  frames_per_second, hops = labels.FRAMES_PER_SECOND, options.label_hop
  if options.as_published and options.edition == '2019':
    frames_per_second, hops = 50, hops or 0.02
  if not isinstance(hops, tuple):
    hops = hops, hops
  names = [name for name, *_ in files]
  num_classes = options.num_classes
  if num_classes is None and options.class_names is not None:
    num_classes = len(options.class_names)
  if options.classless and num_classes is None:
    num_classes = _ANY
  references, reference_forms = labels.read_csv_files(
    [path for _, path, _ in files],
    edition=options.csv_edition,
    num_classes=num_classes or len(labels.TAU2020_CLASSES),
    class_names=options.class_names,
    distance_scale=scales[0],
    label_hop=hops[0],
    frames_per_second=frames_per_second,
  )
  if num_classes is None:
    num_classes = default_num_classes(options.edition, references)
  predicted, predicted_forms = labels.read_csv_files(
    [path for *_, path in files],
    role='prediction',
    edition=options.csv_edition,
    form=options.predictions_form,
    num_classes=num_classes,
    class_names=options.class_names,
    distance_scale=scales[1],
    label_hop=hops[1],
    frames_per_second=frames_per_second,
    # The grid of 2019 has elevations up to 40 degrees in any case.
    mend=not options.as_published or options.edition == '2019',
  )
  if options.edition in metrics.WITH_DISTANCES and not options.classless:
    if options.units is None:
      contradictions.check_units(references, predicted)
    if scales[0] is None:
      contradictions.check_metres(references)
  if options.edition == '2025' and not options.classless:
    if options.csv_edition is None and options.predictions_form is None:
      contradictions.check_stereo([path for *_, path in files], predicted)
    contradictions.tell_onscreen(references, predicted)
  if frames_per_second != labels.FRAMES_PER_SECOND:
    references = [
      _with_late_ends(one) if form == 'seconds' else one
      for one, form in zip(references, reference_forms, strict=True)
    ]
  contradictions.check_forms(
    options.edition,
    reference_forms,
    predicted_forms,
    hop_is_stated=options.csv_edition is not None or hops[1] is not None,
    form_is_stated=bool(options.csv_edition or options.predictions_form),
  )
  if options.csv_edition is None and not options.classless:
    for column, forms in (1, reference_forms), (2, predicted_forms):
      contradictions.tell_other_edition(
        options.edition, zip([one[column] for one in files], forms, strict=True)
      )
  num_frames, rule = find_lengths(
    options.num_frames,
    Recordings(
      names,
      references,
      predicted,
      hops=(hops[0] or 0.1, hops[1] or 0.1),
      frame=1 / frames_per_second,
    ),
    edition=options.edition,
    audio=options.audio,
    as_published=options.as_published,
  )
  unit = 1.0
  if options.units is None:
    has_distances = any(one.distance is not None for one in references)
    forms = reference_forms if has_distances else predicted_forms
    forms = [form for form in forms if form]
    unit = labels.DISTANCE_UNITS.get(forms[0], 1.0) if forms else 1.0
  return Folders(
    options.edition,
    names,
    references,
    predicted,
    num_classes,
    num_frames,
    rule,
    options.as_published,
    unit,
    options.missing is not None,
    options.classless,
  )


def score_folders(
  found: Folders, *, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
  """Scores the recordings that `read_folders` returned.

  Args:
    found: The recordings of two folders.
    class_names: Names of the classes for the breakdown, or None for numbers.

  Returns:
    The same as `evaluate_predictions`.

  Raises:
    InputError: As for `evaluate_predictions`.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> front = labels.from_dense(np.ones((600, 1)), np.full((600, 1, 3), 1.0))
    >>> labels.write_csv('reference/mix1.csv', front)
    >>> labels.write_csv('predictions/mix1.csv', front)
    >>> options = evaluate.FolderOptions(num_frames='last_reference')
    >>> found = evaluate.read_folders('reference', 'predictions', options)
    >>> result = evaluate.score_folders(found)
    >>> result['num_frames'], result['length_rule']
    (600, 'last_reference')
  """
  edition, num_frames = _edition_and_lengths(found)
  result = evaluate_predictions(
    zip(found.names, found.references, found.predictions, strict=True),
    edition=edition,
    num_frames=num_frames,
    num_classes=found.num_classes,
    class_names=class_names,
    as_published=found.as_published,
  )
  if found.length_rule is not None:
    result['length_rule'] = found.length_rule
  elif num_frames != found.num_frames:
    result['length_rule'] = 'default'
  if found.as_published:
    result['as_published'] = metrics.published_rules(
      found.edition,
      own_length=found.num_frames is not None,
      files=True,
      own_missing=found.own_missing,
    )
  return result


def count_folders(found: Folders) -> list[Any]:
  """Counts each of the recordings that `read_folders` returned.

  Args:
    found: The recordings of two folders.

  Returns:
    The counts of each recording, in the order of `found.names`; their scores
    are those of `score_folders`.

  Raises:
    InputError: As for `metrics.counts`.

  Example:
    >>> from seld_jax import evaluate, labels, metrics
    >>> silence = labels.no_events()
    >>> found = evaluate.Folders(
    ...   '2020', ['mix1'], [silence], [silence], 14, None, None
    ... )
    >>> (one,) = evaluate.count_folders(found)
    >>> metrics.scores(one).ER20
    0.0
  """
  edition, lengths = _edition_and_lengths(found)
  if lengths is not None:
    lengths = [length_of(lengths, name) for name in found.names]
  return metrics.counts_each(
    zip(found.references, found.predictions, strict=True),
    names=found.names,
    edition=edition,
    num_frames=lengths,
    num_classes=found.num_classes,
    as_published=found.as_published,
  )


def _edition_and_lengths(
  found: Folders,
) -> tuple[str, int | Mapping[str, int] | None]:
  """The edition of the scores, and the lengths as scoring takes them."""
  if not found.classless:
    return found.edition, found.num_frames
  lengths = found.num_frames
  if lengths is None:
    lengths = metrics.DEFAULT_NUM_FRAMES.get(found.edition)
  return metrics.CLASSLESS, lengths


def _with_late_ends(events: labels.Events) -> labels.Events:
  """Lets each event last one frame longer, as in the published code of 2019.

  Args:
    events: Events of a file with times in seconds, with a track for each.

  Returns:
    The events and, for each track, a row in the frame after its last one.
  """
  order = np.lexsort((events.frame, events.track))
  track = events.track[order]
  last = order[np.flatnonzero(np.diff(track, append=-1))]
  rows = np.append(np.arange(len(order)), last)
  late = labels.choose_rows(events, rows)
  late.frame[len(order) :] += 1
  return late
