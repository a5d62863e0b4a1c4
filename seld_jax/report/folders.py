"""A page about anybody's results: two folders of CSV files, and audio."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from seld_jax import evaluate, files, metrics
from seld_jax.evaluate import tables
from seld_jax.labels import classes
from seld_jax.report import examples, page, players
from seld_jax.report import score_tables as report_scores


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
  """Writes a page about predictions and their references.

  Args:
    reference: Folder of reference CSV files.
    predictions: Folder of a system's CSV files, with the same names.
    out: The page to write. Its figures go into the folder `NAME_figures`
      beside it, where NAME is its name without suffix.
    audio: Folder of the sound files, to be seen and heard.
    class_names: Names of the classes; those of the edition when None, or their
      numbers where the edition has another number of them.
    show: Names of the recordings to show; the median, the worst and the best
      one when there are none.
    **options: As for `evaluate.evaluate_folders`.

  Returns:
    The path of the page, which needs no other file and no network.

  Raises:
    InputError: The folders do not belong together, a file cannot be read, or
      one cannot be written.
  """
  out = pathlib.Path(out)
  found = evaluate.read_folders(
    reference, predictions, evaluate.FolderOptions(audio=audio, **options)
  )
  names = class_names or classes.names_of(found.edition, found.num_classes)
  if names is None:
    names = [f'class {index}' for index in range(found.num_classes)]
  result = evaluate.score_folders(found, class_names=names)
  recordings = _recordings(found, audio)
  system = pathlib.Path(predictions)
  title = f'{system.name}: sound event localization and detection'
  # Without events there is nothing to rank, and nothing to see.
  sounding = [one for one in recordings if one.reference.frame.size]
  sections = {
    'Scores': report_scores.scores_table(result)
    + page.paragraph(_legend(result), note=True),
    'Recordings': page.paragraph('No recording has any event to show.'),
    'Scores by class, overlap and room': report_scores.breakdown_tables(result),
  }
  if sounding:
    if show:
      chosen = examples.named_recordings(recordings, show)
    else:
      chosen = examples.choose_recordings(sounding)
    sections['Recordings'] = players.sections(
      recordings,
      chosen=chosen,
      classes=names,
      folder=out.parent / f'{out.stem}_figures',
      scenes=pathlib.Path(reference).resolve().parent / 'scenes.csv',
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
) -> list[examples.Recording]:
  """With their scores; as long as the edition and their events want them."""
  sounds = {} if audio is None else evaluate.audio_files(audio)
  recordings = []
  for name, reference, prediction in zip(
    found.names, found.references, found.predictions, strict=True
  ):
    length = found.num_frames
    if length is None:
      length = metrics.DEFAULT_NUM_FRAMES[found.edition]
    elif not isinstance(length, int):
      length = length[name]
    last = max(one.frame.max(initial=0) for one in (reference, prediction))
    recordings.append(
      examples.make_recording(
        name,
        reference,
        prediction,
        num_frames=max(length, int(last) + 1),
        num_classes=found.num_classes,
        audio=sounds.get(name),
      )
    )
  return recordings


def _legend(result: dict[str, Any]) -> str:
  frames = result['num_frames']
  if isinstance(frames, list):
    frames = ' to '.join(map(str, frames))
  return (
    f'DCASE {result["edition"]} ({tables.CAPTIONS[result["edition"]]}). '
    f'Recordings have {frames} frames, '
    f'{tables.LENGTH_RULES[result["length_rule"]]}. The intervals are by '
    'jackknife over the recordings.'
  )
