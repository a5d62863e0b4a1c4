"""Files that contradict each other, or the edition whose scores are asked."""

import collections
import logging
import os
from collections.abc import Iterable, Sequence

from seld_jax import labels, metrics
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

# Two medians of distances that differ by more than this factor are taken for
# different units: centimetres and metres differ by 100, and errors of systems
# are much smaller.
_OTHER_UNIT = 20

# Submissions of 2019 have four columns, although its labels have seconds. Runs
# write no form of 2025, because they do not predict what is on screen.
_ALSO = {('2019', 'submission'), ('2025', 'polar_distance')}


def check_units(
  references: Sequence[labels.Events], predictions: Sequence[labels.Events]
) -> None:
  """Refuses metres against centimetres: relative errors would be meaningless.

  Raises:
    InputError: The medians of the distances differ by a factor of more than 20.
  """
  middle = [
    labels.median_distance(part) or 0.0 for part in (references, predictions)
  ]
  if min(middle) > 0 and max(middle) > _OTHER_UNIT * min(middle):
    raise InputError(
      f'The reference has distances around {middle[0]:.3g} and the predictions '
      f'around {middle[1]:.3g}, which looks like centimetres and metres; state '
      'the units with --reference_unit and --predictions_unit.'
    )


def check_metres(references: Sequence[labels.Events]) -> None:
  """Refuses references whose unit cannot be that of their form.

  Args:
    references: The references, with distances in metres if their files have the
      unit of their form.

  Raises:
    InputError: Half of the distances are below 0.1 m or above 50 m.
  """
  middle = labels.median_distance(references)
  closest, farthest = labels.POSSIBLE_METRES
  if middle and not closest < middle < farthest:
    raise InputError(
      f'Half of the distances in the reference are '
      f'{"below" if middle < closest else "above"} {middle:.3g} m, which '
      'cannot be; state the units with --reference_unit and '
      '--predictions_unit (cm if a run wrote the predictions).'
    )


def check_stereo(
  paths: Sequence[str | os.PathLike[str] | None],
  predictions: Sequence[labels.Events],
) -> None:
  """Refuses predictions of 2025 whose distances were read as elevations.

  Without the header, six columns of 2025 that have 0 for what is on screen may
  be azimuth, elevation and a distance of 0; but 2025 has no elevations.

  Raises:
    InputError: All distances are 0, and there are elevations.
  """
  some = [one.distance for one in predictions if one.distance is not None]
  if not some or any(distance.any() for distance in some):
    return
  for path, one in zip(paths, predictions, strict=True):
    if not path or one.distance is None or not one.xyz[:, 2].any():
      continue
    with open(path, encoding='utf-8-sig') as file:
      first = next(filter(str.strip, file), '')
    if first.lstrip(' "')[:1].isdigit():  # no header says what the columns are
      raise InputError(
        f'{path} has elevations, and all distances of the predictions are 0, '
        'but 2025 has no elevations; if its columns are '
        f'{",".join(labels.FORMS["stereo"])}, write this header as first line; '
        'else state --predictions_form=polar_distance.'
      )


def tell_onscreen(
  references: Sequence[labels.Events], predictions: Sequence[labels.Events]
) -> None:
  """Warns if the scores of what is on screen say nothing, or little."""
  for name, part in ('reference', references), ('predictions', predictions):
    silent = [one.onscreen is None and len(one.frame) > 0 for one in part]
    if any(silent):
      _log.warning(
        '%d of %d files of --%s do not say what is on screen: '
        'onscreen_accuracy and F20_onscreen are not defined; files of 2025 '
        'have the column onscreen (%s).',
        sum(silent),
        len(part),
        name,
        ','.join(labels.FORMS['stereo']),
      )
      return
  shown, predicted = (
    [one.onscreen for one in part if one.onscreen is not None]
    for part in (references, predictions)
  )
  some = any(flags.any() for flags in shown)
  if some and predicted and not any(flags.any() for flags in predicted):
    _log.warning(
      'The predictions have onscreen 0 in all rows, as systems without video '
      'write it: onscreen_accuracy and F20_onscreen are those of the answer '
      'that nothing is on screen.'
    )


def tell_other_edition(
  edition: str,
  files: Iterable[tuple[str | os.PathLike[str] | None, str | None]],
) -> None:
  """Warns about files whose form exists in other editions only.

  Args:
    edition: The edition whose scores are computed.
    files: The path and the form of each file, or None.
  """
  paths: dict[str, list[str | os.PathLike[str]]] = collections.defaultdict(list)
  for path, form in files:
    if path and form and form not in labels.EDITIONS[edition]:
      paths[form].append(path)
  for form, some in paths.items():
    editions = [one for one, forms in labels.EDITIONS.items() if form in forms]
    if not editions or (edition, form) in _ALSO:
      continue
    scored = set(editions) & set(metrics.EDITIONS)
    _log.warning(
      '%s%s the columns of edition %s (%s), but the scores are those of '
      'edition %s; %s.',
      some[0],
      f' and {len(some) - 1} more files have' if len(some) > 1 else ' has',
      f'{editions[0]} to {editions[-1]}'
      if len(editions) > 2
      else ' or '.join(editions),
      ','.join(labels.FORMS[form]),
      edition,
      'change --edition, or state --csv_edition if this is meant'
      if scored
      else f'there are no scores of edition {editions[0]} here',
    )


def check_forms(
  edition: str,
  references: Iterable[str | None],
  predictions: Iterable[str | None],
  *,
  hop_is_stated: bool,
  form_is_stated: bool = False,
) -> None:
  """Refuses forms that cannot be compared, or only with more knowledge.

  Args:
    edition: The edition whose scores are computed.
    references: Form of each reference, or None.
    predictions: Form of each prediction, or None.
    hop_is_stated: Whether the user said how long frames last.
    form_is_stated: Whether the user said which columns the predictions have.

  Raises:
    InputError: One folder has the classes of L3DAS and the other has not; the
      predictions have the columns of submissions of 2019, whose frames last
      20 ms, and the scores are those of 2019; or the predictions have five
      columns with a distance, and the edition has no distances.
  """
  some, others = ({*part} - {None} for part in (references, predictions))
  if some and others and ('l3das' in some) != ('l3das' in others):
    name, other = 'reference', 'predictions'
    if 'l3das' in others:
      name, other = other, name
    raise InputError(
      f'The files of --{name} have class names of L3DAS, but those of '
      f'--{other} have class indices of edition {edition}: write both with '
      'the same classes.'
    )
  if edition == '2019' and 'submission' in others and not hop_is_stated:
    raise InputError(
      'The predictions have four columns like submissions of 2019, whose '
      'frames last 20 ms; state it with --label_hop=0.02, or with '
      '--label_hop=0.1 if their frames last 0.1 s.'
    )
  near = 'submission_distance'
  if (
    near in others and near not in labels.EDITIONS[edition]
  ) and not form_is_stated:
    raise InputError(
      'The five columns of predictions look like '
      f'{",".join(labels.FORMS[near])}, but edition {edition} has no '
      f'distances; state --predictions_form={near} if this is meant, or '
      '--predictions_form=polar for frame,class,track,azimuth,elevation.'
    )
