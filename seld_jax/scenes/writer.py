"""Writing a set of scenes in the layout of TAU-NIGENS 2020, in parallel."""

import dataclasses
import functools
import json
import os
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from seld_jax import audio, files, labels, progress
from seld_jax.errors import InputError
from seld_jax.scenes import composer, description, pool, renderer, rooms
from seld_jax.scenes import events as events_lib
from seld_jax.scenes import plan as plan_lib
from seld_jax.scenes.arrays import ARRAYS

# Changes when the same settings would give other files.
_VERSION = 1
# Seconds between two writings of scenes.csv.
_SAVE_INTERVAL = 5.0
_README = """# Synthetic sound scenes

{recordings} recordings of {seconds:g} s in the layout of TAU-NIGENS Spatial
Sound Events 2020, rendered by seld_jax from the {source}, seed {seed}.

- FORMAT_dev, FORMAT_eval: WAV, 24 kHz, 16 bit, 4 channels. foa: Ambisonics of
  first order, channels W Y Z X (ACN, SN3D).
- metadata_dev, metadata_eval: a CSV per recording, without header: frame (of
  100 ms), class, track, azimuth and elevation in whole degrees, azimuth
  counter-clockwise from the front, elevation up.
- scenes.csv: every event with its sound, place, motion, room and SNR.
- Classes, from 0: {classes}.

Development names are fold_room_mix_overlap; the room's number restarts in
every fold, and folds share neither rooms nor sounds.
"""


def synthesize(
  out: str | os.PathLike[str],
  *,
  events: str | os.PathLike[str] | None = None,
  recordings: int = 60,
  formats: Sequence[str] = ('foa',),
  seed: int = 0,
  seconds: float = 60.0,
  num_workers: int | None = None,
  evaluation: bool = False,
  folds: Sequence[int] | None = None,
  style: composer.Style | None = None,
) -> None:
  """Renders a set of scenes, or what is missing of it.

  Writes OUT/foa_dev, OUT/metadata_dev, OUT/scenes.csv, OUT/README.md and
  OUT/synthesis.json. The same arguments give the same bytes, whatever the
  number of workers.

  Args:
    out: The folder to write to.
    events: Where the dry sounds come from; see `events.open_source`.
    recordings: Number of development recordings, spread over the folds of the
      sounds among 1 to 6.
    formats: Keys of `arrays.ARRAYS`.
    seed: Determines everything.
    seconds: Length of every recording.
    num_workers: Processes; None for one a core, 0 for none but this one.
    evaluation: Whether to write a third as many evaluation recordings, too,
      from folds 7 and 8, if the sounds have them.
    folds: Only these folds; None for all that have sounds.
    style: What scenes are like.

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
  plan = plan_lib.plan_recordings(
    members, recordings, evaluation=evaluation, seed=seed
  )
  settings = {
    'version': _VERSION,
    'events': source.fingerprint,
    'recordings': recordings,
    'formats': list(formats),
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
  _claim(out, settings)
  rows = description.read(out / 'scenes.csv')
  todo = [r for r in plan if not _complete(out, r, formats, rows)]
  _remove_fragments(out, todo, formats)
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
    last_save = time.monotonic()
    try:
      with progress.bar(
        'scenes', len(plan), unit='recordings', initial=len(plan) - len(todo)
      ) as advance:
        for name, new_rows in pool.run(make, todo, num_workers=num_workers):
          rows[name] = new_rows
          advance()
          if time.monotonic() - last_save > _SAVE_INTERVAL:
            description.write(out / 'scenes.csv', plan, rows)
            last_save = time.monotonic()
    finally:
      description.write(out / 'scenes.csv', plan, rows)
  # Last, as its presence says that the set is complete.
  files.write_text(
    out / 'README.md',
    _README.format(
      recordings=len(plan),
      seconds=seconds,
      source=source.name,
      seed=seed,
      classes=', '.join(labels.TAU2020_CLASSES),
    ),
  )


def is_complete(out: str | os.PathLike[str]) -> bool:
  """Whether a folder holds a set of scenes that was rendered to its end."""
  out = pathlib.Path(out)
  return all((out / name).is_file() for name in ('synthesis.json', 'README.md'))


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
  labels.write_csv(
    plan_lib.csv_path(out, recording),
    composer.label_events(scene),
    edition='2020',
  )
  for name in formats:
    sound = renderer.render(scene, ARRAYS[name])
    audio.write(plan_lib.wav_path(out, recording, name), sound)
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
  out: pathlib.Path, todo: Sequence[plan_lib.Recording], formats: Sequence[str]
) -> None:
  """Deletes temporary files of a process that was killed while writing."""
  for recording in todo:
    paths = [plan_lib.wav_path(out, recording, name) for name in formats]
    for path in [*paths, plan_lib.csv_path(out, recording)]:
      for fragment in path.parent.glob(f'.{path.stem}-*'):
        fragment.unlink(missing_ok=True)


def _listed(numbers: Sequence[int]) -> str:
  return ', '.join(map(str, numbers))


def _claim(out: pathlib.Path, settings: dict) -> None:
  """Notes the settings in the folder, or checks that they are the same."""
  path = out / 'synthesis.json'
  text = json.dumps(settings, indent=2)
  if path.is_file():
    try:
      found = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
      found = {}
    wanted = json.loads(text)
    for key, value in wanted.items():
      if found.get(key) != value:
        raise InputError(
          f'{out} holds scenes made with {key} {found.get(key)}, but {key} '
          f'{value} was asked for; choose another folder or remove it.'
        )
  elif out.is_dir() and any(out.glob('*_dev')):
    raise InputError(
      f'{out} holds a data set that was not made by this command (it has no '
      'synthesis.json); choose another folder.'
    )
  else:
    files.write_text(path, text + '\n')
