"""Writing a set of scenes in the layout of TAU-NIGENS 2020, in parallel."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from seld_jax import audio, files, labels, progress, shards
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  description,
  pool,
  readme,
  renderer,
  rooms,
  sounds,
)
from seld_jax.scenes import events as events_lib
from seld_jax.scenes import plan as plan_lib
from seld_jax.scenes import settings as settings_lib
from seld_jax.scenes.arrays import ARRAYS

# Changes when the same settings would give other files.
_VERSION = 3
# Seconds between two writings of scenes.csv.
_SAVE_INTERVAL = 5.0


def synthesize(
  out: str | os.PathLike[str],
  *,
  events: str | os.PathLike[str] | None = None,
  recordings: int = 60,
  formats: Sequence[str] = ('foa',),
  seed: int = 0,
  seconds: float = 60.0,
  num_workers: int | None = None,
  evaluation: bool | None = None,
  folds: Sequence[int] | None = None,
  style: composer.Style | None = None,
  shard: shards.Shard | None = None,
) -> None:
  """Renders a set of scenes, or what is missing of it.

  Writes OUT/foa_dev, OUT/mic_dev, OUT/metadata_dev, OUT/scenes.csv,
  OUT/README.md and OUT/synthesis.json. The same arguments give the same bytes,
  whatever the number of workers.

  Args:
    out: The folder to write to.
    events: Where the dry sounds come from; see `events.open_source`.
    recordings: Number of development recordings, spread over the folds of the
      sounds among 1 to 6.
    formats: Keys of `arrays.ARRAYS`. A set made before in one format gets the
      other added, as if it had been made in both.
    seed: Determines everything.
    seconds: Length of every recording.
    num_workers: Processes; None for one a core, 0 for none but this one.
    evaluation: Whether to write a third as many evaluation recordings, too,
      from folds 7 and 8, if the sounds have them; None for what the set in the
      folder was begun with, and no for a new one.
    folds: Only these folds; None for all that have sounds.
    style: What scenes are like.
    shard: Renders this part only, whose rows go to a table of their own; when
      all parts are there, a call without it joins the tables. Parts may be
      rendered at the same time, on machines that share the folder.

  Raises:
    InputError: An argument cannot work, a clip is unreadable, `out` holds
      another set or cannot be written.
  """
  style = style or composer.Style()
  out = pathlib.Path(out)
  if recordings < 1 or seconds < 1 or seed < 0:
    raise InputError(
      'a set needs at least 1 recording of at least 1 second and a seed of 0 '
      f'or more, got {recordings} of {seconds:g} s with seed {seed}.'
    )
  for name in formats:
    if name not in ARRAYS:
      raise InputError(
        f'the format must be one of {", ".join(ARRAYS)}, got {name}.'
      )
  source = events_lib.open_source(events)
  members = source.folds
  if folds is not None:
    members = tuple(fold for fold in members if fold in folds)
  if evaluation is None:
    evaluation = bool(settings_lib.read(out).get('evaluation', False))
  plan = plan_lib.plan_recordings(
    members, recordings, evaluation=evaluation, seed=seed
  )
  settings = {
    'version': _VERSION,
    'events': source.fingerprint,
    'recordings': recordings,
    'seed': seed,
    'seconds': seconds,
    'evaluation': evaluation,
    'folds': None if folds is None else sorted(folds),
    'style': dataclasses.asdict(style),
  }
  if not plan:
    raise InputError(
      f'{source.name} has sounds in folds {_listed(source.folds)} only, which '
      'leaves nothing to render.'
    )
  sounds.check_clips(source, members)
  formats = settings_lib.claim(out, settings, formats)
  table = description.table(out, shard)
  parts = description.shard_tables(out)
  rows = description.read(out / 'scenes.csv')
  for part in parts:
    rows |= description.read(part)
  share = shards.take(plan, shard)
  todo = [r for r in share if not _complete(out, r, formats, rows)]
  _remove_fragments(out, share, formats)
  files.remove_fragments(out, of=(table.name,))
  make = functools.partial(
    write_recording,
    out=out,
    source=source,
    formats=tuple(formats),
    seed=seed,
    seconds=seconds,
    style=style,
  )
  if todo:
    # Its presence says that the set is complete.
    (out / 'README.md').unlink(missing_ok=True)
    last_save = time.monotonic()
    try:
      with progress.bar(
        'scenes', len(share), unit='recordings', initial=len(share) - len(todo)
      ) as advance:
        for name, new_rows in pool.run(make, todo, num_workers=num_workers):
          rows[name] = new_rows
          advance()
          if time.monotonic() - last_save > _SAVE_INTERVAL:
            description.write(table, share, rows)
            last_save = time.monotonic()
    except BaseException:
      # What went wrong first is what is told.
      with contextlib.suppress(InputError):
        description.write(table, share, rows)
      raise
  if todo or (parts and shard is None):
    description.write(table, share, rows)
  if shard is not None:
    return
  for part in parts:
    part.unlink(missing_ok=True)
  files.remove_fragments(out, of=('README.md', 'synthesis.json'))
  text = readme.text(
    plan,
    formats=formats,
    seconds=seconds,
    source=source.name,
    seed=seed,
    style=style,
  )
  files.write_text(out / 'README.md', text)


def write_recording(
  recording: plan_lib.Recording,
  *,
  out: pathlib.Path,
  source: events_lib.Source,
  formats: Sequence[str],
  seed: int,
  seconds: float,
  style: composer.Style,
) -> tuple[str, list[dict[str, str]]]:
  """Draws, renders and writes one recording, its audio last.

  Audio that is there stays. When something cannot be written, what was written
  here is removed again.

  Returns:
    The recording's name and its rows of scenes.csv.
  """
  room = rooms.draw_room(
    _generator(seed, 0, recording.fold, recording.room), rt60=style.rt60
  )
  scene = composer.draw_scene(
    _generator(seed, 1, recording.fold, recording.mix),
    source,
    recording.fold,
    room,
    overlap=recording.overlap,
    seconds=seconds,
    style=style,
  )
  table = plan_lib.csv_path(out, recording)
  paths = {name: plan_lib.wav_path(out, recording, name) for name in formats}
  missing = [name for name, path in paths.items() if not path.is_file()]
  sound = renderer.render(scene, missing)
  new = [path for path in (table, *paths.values()) if not path.is_file()]
  try:
    labels.write_csv(table, composer.label_events(scene), edition='2020')
    for name in missing:
      audio.write(paths[name], sound[name])
  except BaseException:
    for path in new:
      path.unlink(missing_ok=True)
    raise
  return recording.name, description.describe(recording, scene)


def _generator(seed: int, *key: int) -> np.random.Generator:
  return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _complete(
  out: pathlib.Path,
  recording: plan_lib.Recording,
  formats: Sequence[str],
  rows: dict[str, list[dict[str, str]]],
) -> bool:
  table = plan_lib.csv_path(out, recording)
  return (
    recording.name in rows
    and table.is_file()
    and all(
      plan_lib.wav_path(out, recording, name).is_file() for name in formats
    )
  )


def _remove_fragments(
  out: pathlib.Path, share: Sequence[plan_lib.Recording], formats: Sequence[str]
) -> None:
  """Deletes what was half written; others may be rendering other shards."""
  folders: dict[pathlib.Path, set[str]] = {}
  for recording in share:
    paths = [plan_lib.wav_path(out, recording, name) for name in formats]
    for path in [*paths, plan_lib.csv_path(out, recording)]:
      folders.setdefault(path.parent, set()).add(path.name)
  for folder, names in folders.items():
    files.remove_fragments(folder, of=names)


def _listed(numbers: Sequence[int]) -> str:
  return ', '.join(map(str, numbers))
