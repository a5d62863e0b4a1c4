"""Writes sets of scenes in the layout of TAU-NIGENS 2020, in parallel."""

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
  finished,
  pool,
  readme,
  renderer,
  rooms,
  scenes_csv,
  sounds,
)
from seld_jax.scenes import library as library_lib
from seld_jax.scenes import plan as plan_lib
from seld_jax.scenes import settings as settings_lib
from seld_jax.scenes.arrays import ARRAYS

# Must be increased when the same settings give other files than before.
_VERSION = 3
# Editions whose label files can be written. That of 2019 has other classes, and
# that of 2025 is for stereo.
CSV_EDITIONS = ('2020', '2021', '2022', '2023', '2024')
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
  csv_edition: str = '2020',
  shard: shards.Shard | None = None,
) -> None:
  """Renders a set of scenes, or the missing rest of it.

  Writes OUT/foa_dev, OUT/mic_dev, OUT/metadata_dev, OUT/scenes.csv,
  OUT/README.md and OUT/synthesis.json. The same arguments give the same bytes
  for any number of workers.

  Args:
    out: The folder to write to.
    events: The dry sounds: None for the procedural bank of synthetic sounds; a
      folder with one folder of wav, flac or ogg files per class; a folder with
      a manifest.csv; or a manifest, a CSV file with the columns file (relative
      to the manifest), class, fold and optionally group, the same for all
      files of the same origin.
    recordings: Number of development recordings, 1 or more, distributed over
      those of the folds 1 to 6 that have sounds.
    formats: `'foa'`, `'mic'` or both. A format that is added later gives the
      same files as both formats at once.
    seed: Seed of all random choices, 0 or more.
    seconds: Length of every recording, 1 or more.
    num_workers: Number of processes; None for one per core, 0 to render in
      this process.
    evaluation: Whether to add a third as many evaluation recordings, from the
      folds 7 and 8, if the sounds have them; None for the choice of the set in
      the folder, and False for a new set.
    folds: The folds to use; None for all that have sounds.
    style: Properties of the scenes.
    csv_edition: Edition of the challenge whose form the label files have: from
      2020 to 2022 without distances, 2023 and 2024 with distances in whole
      centimetres.
    shard: The shard to render; None for all. The rows of a shard go to
      its own table, and a call without `shard` joins the tables when all shards
      are rendered. Shards can be rendered at the same time on several machines
      that share the folder.

  Raises:
    InputError: An argument is invalid, a clip is unreadable, `out` contains
      another set or cannot be written.

  Example:
    >>> import pathlib
    >>> from seld_jax import scenes
    >>> scenes.synthesize('data', recordings=1, seconds=1.0, num_workers=0)
    >>> sorted(path.name for path in pathlib.Path('data').iterdir())
    ['README.md', 'foa_dev', 'metadata_dev', 'scenes.csv', 'synthesis.json']
  """
  style = style or composer.Style()
  out = pathlib.Path(out)
  if recordings < 1 or seconds < 1 or seed < 0:
    raise InputError(
      'A set needs at least 1 recording of at least 1 second and a seed of 0 '
      f'or more, got {recordings} of {seconds:g} s with seed {seed}.'
    )
  for name in formats:
    if name not in ARRAYS:
      raise InputError(
        f'The format must be one of {", ".join(ARRAYS)}, got {name}.'
      )
  if csv_edition not in CSV_EDITIONS:
    raise InputError(
      'The label files of scenes (--csv_edition, config.data.csv_edition) have '
      f'the form of {", ".join(CSV_EDITIONS)}, got {csv_edition!r}.'
    )
  library = library_lib.open_library(events)
  members = library.folds
  if folds is not None:
    members = tuple(fold for fold in members if fold in folds)
  if evaluation is None:
    evaluation = bool(settings_lib.read(out).get('evaluation', False))
  plan = plan_lib.plan_recordings(
    members,
    recordings,
    evaluation=evaluation,
    seed=seed,
    max_overlap=style.max_overlap,
  )
  settings = {
    'version': _VERSION,
    'events': library.fingerprint,
    'recordings': recordings,
    'seed': seed,
    'seconds': seconds,
    'evaluation': evaluation,
    'folds': None if folds is None else sorted(folds),
    'style': dataclasses.asdict(style),
    'csv_edition': csv_edition,
  }
  if not plan:
    raise InputError(
      f'{library.name} has sounds only in the folds {_listed(library.folds)}, '
      'which leaves nothing to render; give sounds of the folds 1 to 6.'
    )
  sounds.check_clips(library, members)
  formats = settings_lib.claim(out, settings, formats)
  table = scenes_csv.table(out, shard)
  parts = scenes_csv.shard_tables(out)
  rows = scenes_csv.read(out / 'scenes.csv')
  for part in parts:
    rows |= scenes_csv.read(part)
  share = shards.take(plan, shard)
  todo = [
    recording
    for recording in share
    if not finished.is_finished(
      out, recording, formats, rows, seconds=seconds, csv_edition=csv_edition
    )
  ]
  _remove_fragments(out, share, formats)
  files.remove_fragments(out, of=(table.name,))
  make = functools.partial(
    write_recording,
    out=out,
    library=library,
    formats=tuple(formats),
    seed=seed,
    seconds=seconds,
    style=style,
    csv_edition=csv_edition,
  )
  if todo:
    # The README exists only in complete sets.
    (out / 'README.md').unlink(missing_ok=True)
    last_save = time.monotonic()
    try:
      with (
        progress.bar(
          'scenes',
          len(share),
          unit='recordings',
          initial=len(share) - len(todo),
        ) as advance,
        contextlib.closing(
          pool.run_in_processes(make, todo, num_workers=num_workers)
        ) as results,
      ):
        for name, new_rows in results:
          rows[name] = new_rows
          advance()
          if time.monotonic() - last_save > _SAVE_INTERVAL:
            scenes_csv.write(table, share, rows)
            last_save = time.monotonic()
    except BaseException:
      # The first error is reported, not one of writing the table.
      with contextlib.suppress(InputError):
        scenes_csv.write(table, share, rows)
      raise
  if todo or (parts and shard is None):
    scenes_csv.write(table, share, rows)
  if shard is not None:
    return
  for part in parts:
    part.unlink(missing_ok=True)
  files.remove_fragments(out, of=('README.md', 'synthesis.json'))
  text = readme.text(
    plan,
    formats=formats,
    seconds=seconds,
    source=library.name,
    seed=seed,
    style=style,
    csv_edition=csv_edition,
  )
  files.write_text(out / 'README.md', text)


def write_recording(
  recording: plan_lib.Recording,
  *,
  out: pathlib.Path,
  library: library_lib.Library,
  formats: Sequence[str],
  seed: int,
  seconds: float,
  style: composer.Style,
  csv_edition: str,
) -> tuple[str, list[dict[str, str]]]:
  """Draws, renders and writes one recording.

  Complete audio is kept. When a file cannot be written, the new files of the
  recording are deleted.

  Args:
    recording: The recording.
    out: The folder of the set.
    library: The library of dry sounds.
    formats: The formats of the set.
    seed: Seed of the set.
    seconds: Length of the recording.
    style: Properties of the scene.
    csv_edition: Edition whose form the label file has, of `CSV_EDITIONS`.

  Returns:
    The name of the recording and its rows of scenes.csv.
  """
  room = rooms.draw_room(
    _generator(seed, 0, recording.fold, recording.room), rt60=style.rt60
  )
  scene = composer.draw_scene(
    _generator(seed, 1, recording.fold, recording.mix),
    library,
    recording.fold,
    room,
    overlap=recording.overlap,
    seconds=seconds,
    style=style,
  )
  table = plan_lib.csv_path(out, recording)
  paths = {name: plan_lib.wav_path(out, recording, name) for name in formats}
  missing = [
    name
    for name, path in paths.items()
    if not finished.has_sound(path, seconds=seconds)
  ]
  sound = renderer.render(scene, missing)
  new = [path for path in (table, *paths.values()) if not path.is_file()]
  try:
    write_labels(table, scene, csv_edition=csv_edition)
    for name in missing:
      audio.write(paths[name], sound[name])
  except BaseException:
    for path in new:
      path.unlink(missing_ok=True)
    raise
  return recording.name, scenes_csv.describe(recording, scene)


def write_labels(
  path: pathlib.Path, scene: composer.Scene, *, csv_edition: str
) -> None:
  """Writes the label file of a scene, in the unit of distance of the edition.

  Args:
    path: The file.
    scene: The scene.
    csv_edition: One of `CSV_EDITIONS`.
  """
  unit = labels.DISTANCE_UNITS.get(labels.EDITIONS[csv_edition][0], 1.0)
  labels.write_csv(
    path,
    composer.label_events(scene),
    edition=csv_edition,
    distance_scale=1 / unit,
  )


def _generator(seed: int, *key: int) -> np.random.Generator:
  return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _remove_fragments(
  out: pathlib.Path, share: Sequence[plan_lib.Recording], formats: Sequence[str]
) -> None:
  """Deletes temporary files of this shard, but not of other shards."""
  folders: dict[pathlib.Path, set[str]] = {}
  for recording in share:
    paths = [plan_lib.wav_path(out, recording, name) for name in formats]
    for path in [*paths, plan_lib.csv_path(out, recording)]:
      folders.setdefault(path.parent, set()).add(path.name)
  for folder, names in folders.items():
    files.remove_fragments(folder, of=names)


def _listed(numbers: Sequence[int]) -> str:
  return ', '.join(map(str, numbers))
