"""The page about the results of any system: two folders of CSV files."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from seld_jax import evaluate, files, labels, metrics
from seld_jax.evaluate import tables
from seld_jax.labels import classes
from seld_jax.report import choice, page, players, score_tables


def write_folder_report(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  out: str | os.PathLike[str],
  audio: str | os.PathLike[str] | None = None,
  class_names: Sequence[str] | None = None,
  show: Sequence[str] = (),
  **options: Any,
) -> pathlib.Path:
  """Writes a page about the predictions of any system.

  The page needs no other file and no network.

  Args:
    reference: Folder of reference CSV files.
    predictions: Folder of the CSV files of the system, with the same names.
    out: The page to write. Its figures go into the folder `NAME_figures`
      beside it, where NAME is its name without suffix.
    audio: Folder of the sound files. Without it the page has no spectrograms
      and no sound.
    class_names: Names of the classes, also for files that have names. None for
      those of the edition, or for `class 0`, `class 1`, ... if the edition has
      another number of classes.
    show: Names of the recordings to show. Empty for the median, the worst and
      the best one.
    **options: Fields of `evaluate.FolderOptions`.

  Returns:
    The path of the page.

  Raises:
    InputError: The folders do not belong together, a file cannot be read, or
      a file cannot be written.

  See Also:
    `write_report`, for a run of seld_jax.

  Example:
    >>> from seld_jax import labels, report
    >>> for folder in 'reference', 'predictions':
    ...   labels.write_csv(f'{folder}/mix001.csv', labels.no_events())
    >>> path = report.write_folder_report(
    ...   'reference', 'predictions', out='page.html'
    ... )
    >>> path.name
    'page.html'
  """
  out = pathlib.Path(out)
  found = evaluate.read_folders(
    reference,
    predictions,
    evaluate.FolderOptions(audio=audio, class_names=class_names, **options),
  )
  names = class_names or classes.names_of(found.edition, found.num_classes)
  if names is None:
    names = [f'class {index}' for index in range(found.num_classes)]
  result = evaluate.score_folders(found, class_names=names)
  shown = _recordings(found, audio)
  system = pathlib.Path(predictions)
  title = f'{system.name}: sound event localization and detection'
  # Recordings without events have nothing to rank and nothing to show.
  with_events = [one for one in shown if one.reference.frame.size]
  sections = {
    'Scores': score_tables.scores_table(result)
    + page.paragraph(_legend(result), note=True),
    'Recordings': page.paragraph('No recording has any event to show.'),
    'Scores by class, overlap and room': score_tables.breakdown_tables(result),
  }
  if with_events:
    if show:
      chosen = choice.named_recordings(shown, show)
    else:
      chosen = choice.choose_recordings(with_events)
    sections['Recordings'] = players.sections(
      shown,
      chosen=chosen,
      classes=names,
      folder=out.parent / f'{out.stem}_figures',
      scenes=pathlib.Path(reference).resolve().parent / 'scenes.csv',
      frontal=found.edition == '2025',
    )
  parts = [
    f'<h1>{page.escape(title)}</h1>',
    page.facts(
      {
        'predictions': system,
        'reference': reference,
        'sound': 'none given' if audio is None else audio,
        'recordings': f'{result["recordings"]:,}',
        'edition': f'DCASE {result["edition"]}',
      }
    ),
  ]
  for heading, content in sections.items():
    parts.append(f'<h2>{page.escape(heading)}</h2>\n{content}')
  document = page.document(
    title,
    parts,
    script=players.script(),
    style=players.style(),
  )
  files.write_text(out, document)
  return out


def _recordings(
  found: evaluate.Folders, audio: str | os.PathLike[str] | None
) -> list[choice.Recording]:
  """The recordings with their scores."""
  sounds = {} if audio is None else evaluate.audio_files(audio)
  made = []
  for name, reference, prediction in zip(
    found.names, found.references, found.predictions, strict=True
  ):
    length = found.num_frames
    if length is None:
      length = metrics.DEFAULT_NUM_FRAMES[found.edition]
    elif not isinstance(length, int):
      length = length[name]
    sound = None
    if audio is not None:  # the page says so if there is no such file
      sound = sounds.get(name, pathlib.Path(audio) / f'{name}.wav')
    made.append(
      choice.make_recording(
        name,
        _in_metres(reference, found.distance_unit),
        _in_metres(prediction, found.distance_unit),
        num_frames=length,
        num_classes=found.num_classes,
        edition=found.edition,
        audio=sound,
      )
    )
  return made


def _in_metres(events: labels.Events, unit: float) -> labels.Events:
  """Events with distances in metres, for the players."""
  if events.distance is None:
    return events
  return dataclasses.replace(events, distance=events.distance * unit)


def _legend(result: dict[str, Any]) -> str:
  frames = result['num_frames']
  if isinstance(frames, list):
    frames = ' to '.join(map(str, frames))
  return (
    f'DCASE {result["edition"]} ({tables.CAPTIONS[result["edition"]]}). '
    f'Recordings have {frames} frames, '
    f'{tables.LENGTH_RULES[result["length_rule"]]}. The intervals are 95% '
    'confidence intervals (jackknife over the recordings).'
  )
