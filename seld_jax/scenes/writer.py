"""Writes sets of scenes in the layouts of published datasets, in parallel."""

import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
import time
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from seld_jax import audio, files, labels, progress, shards
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  finished,
  layouts,
  pool,
  readme,
  renderer,
  scenes_csv,
  stereo,
)
from seld_jax.scenes import library as library_lib
from seld_jax.scenes import material as material_lib
from seld_jax.scenes import plan as plan_lib
from seld_jax.scenes import settings as settings_lib
from seld_jax.scenes.class_maps import CLASS_MAPS

_log = logging.getLogger(__name__)

# Must be increased when the same settings give other files than before, of
# sounds on disk or of the bank.
_VERSION, _VERSION_OF_BANK = 4, 3
# Editions whose label files can be written. That of 2019 has other classes, and
# that of 2025 is for stereo only.
CSV_EDITIONS = ('2020', '2021', '2022', '2023', '2024', '2025')
LAYOUTS = tuple(layouts.LAYOUTS)
# Seconds between two writings of scenes.csv.
_SAVE_INTERVAL = 5.0
# Longest recording: a day.
_MOST_SECONDS = 86400


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
  csv_edition: str | None = None,
  classes: str | None = None,
  layout: str | None = None,
  clips: float = 1.0,
  shard: shards.Shard | None = None,
  others: str | os.PathLike[str] | None = None,
  rirs: str | os.PathLike[str] | None = None,
  rir_rooms: Sequence[str] = (),
) -> None:
  """Renders a set of scenes, or the missing rest of it.

  Writes OUT/foa_dev, OUT/mic_dev or OUT/stereo_dev, OUT/metadata_dev,
  OUT/scenes.csv, OUT/README.md and OUT/synthesis.json. The same arguments give
  the same bytes for any number of workers.

  Args:
    out: The folder to write to.
    events: The dry sounds: None for the procedural bank of synthetic sounds; a
      folder with one folder of wav, flac or ogg files per class; a folder with
      a manifest.csv; or a manifest, a CSV file with the columns file (relative
      to the manifest), class, fold and optionally group, the same for all
      files of the same origin.
    recordings: Number of development recordings, 1 or more, distributed over
      the folds of the layout that have sounds.
    formats: `'foa'`, `'mic'` or both. A format that is added later gives the
      same files as both formats at once. Or `'stereo'` alone: the recordings
      are not written, but stereo clips of 5 s that are made of them.
    seed: Seed of all random choices, 0 or more.
    seconds: Length of every recording, 1 or more; 5 or more for stereo.
    num_workers: Number of processes; None for one per core, 0 to render in
      this process.
    evaluation: Whether to add a third as many evaluation recordings, from the
      folds 7 and 8, if the sounds have them; None for the choice of the set in
      the folder, and False for a new set.
    folds: The folds to use; None for those of the layout, with 7 and 8 for the
      evaluation. In the layouts of STARSS23 and 2025, 3 is for training, 4 for
      the test, and 1 (not used by default) for synthetic recordings beside
      them.
    style: Properties of the scenes.
    csv_edition: Edition of the challenge whose form the label files have: from
      2020 to 2022 without distances, from 2023 on with distances in whole
      centimetres, and 2025 for stereo; None for that of the layout.
    classes: `'tau2020'`, `'tau2021'`, `'starss'` or `'l3das22'`; None for the
      classes of the layout.
    layout: `'tau2020'`, `'tau2021'`, `'starss23'` or `'dcase2025'`; None for
      `'dcase2025'` if the format is stereo, else `'tau2020'`.
    clips: Number of stereo clips for each 5 s of a recording.
    shard: The shard to render; None for all. The rows of a shard go to
      its own table, and a call without `shard` joins the tables when all shards
      are rendered. Shards can be rendered at the same time on several machines
      that share the folder.
    others: Sounds without labels that some recordings have besides: a folder
      with one folder of files per kind of sound, or a manifest with any
      classes. Sounds of the labelled classes are left out. None for none.
    rirs: A folder of measured room responses of first-order Ambisonics with a
      table directions.csv, for the formats foa and stereo; None for simulated
      rooms only. `style.measured_rooms` is the fraction of these rooms.
    rir_rooms: Names of the measured rooms to use; () for all.

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
  if recordings < 1 or not 1 <= seconds <= _MOST_SECONDS or seed < 0:
    raise InputError(
      'A set needs at least 1 recording of at least 1 second and at most '
      f'{_MOST_SECONDS} seconds, and a seed of 0 or more, got {recordings} of '
      f'{seconds:g} s with seed {seed}.'
    )
  is_stereo = 'stereo' in formats
  layout = layout or ('dcase2025' if is_stereo else 'tau2020')
  _check_form(formats, layout, csv_edition, classes, seconds, clips)
  form = layouts.LAYOUTS[layout]
  csv_edition = csv_edition or form.csv_edition
  classes = classes or form.classes
  if rirs is not None and 'mic' in formats:
    raise InputError(
      '--rirs has room responses of first-order Ambisonics, which cannot be '
      'rendered for microphone arrays: choose --format=foa or --format=stereo, '
      'or leave out --rirs.'
    )
  if rir_rooms and rirs is None:
    raise InputError(
      'Names of measured rooms (--rir_rooms) need a folder of room responses: '
      'add --rirs.'
    )
  material = material_lib.open_material(
    events,
    class_map=classes,
    sounds=layouts.sounds_of(form, folds),
    others=others,
    rirs=rirs,
    rir_rooms=rir_rooms,
  )
  library = material.library
  members = library.folds
  if evaluation is None:
    evaluation = bool(settings_lib.read(out).get('evaluation', False))
  plan = plan_lib.plan_recordings(
    members,
    recordings,
    evaluation=evaluation,
    seed=seed,
    max_overlap=style.max_overlap,
    layout=form,
  )
  if is_stereo:
    plan = plan_lib.add_clips(plan, seed=seed, seconds=seconds, clips=clips)
  settings = {
    'version': _VERSION_OF_BANK if library.clips is None else _VERSION,
    **material.fingerprints,
    'rir_rooms': material.rooms and [one.name for one in material.rooms.rooms],
    'layout': layout,
    'classes': classes,
    'clips': clips if is_stereo else None,
    'recordings': recordings,
    'seed': seed,
    'seconds': seconds,
    'evaluation': evaluation,
    'folds': None if folds is None else sorted(folds),
    'style': dataclasses.asdict(style),
    'csv_edition': csv_edition,
  }
  if not plan:
    if library.clips is None:
      raise InputError(
        f'The folds {_listed(folds or ())} are for evaluation recordings, '
        'which are not requested; this leaves nothing to render: choose other '
        '--folds, or add --evaluation.'
      )
    sounds_of = layouts.sounds_of(form, folds)
    wanted = (
      sorted(
        {fold for part in form.parts for fold in sounds_of.get(part.fold, ())}
      )
      or library_lib.DEVELOPMENT_FOLDS
    )
    raise InputError(
      f'{library.name} has sounds only for the folds '
      f'{_listed(library.folds) or "that are not requested"}, which leaves '
      f'nothing to render; give sounds of the folds {_listed(wanted)}.'
    )
  _tell_without_others(material.others, {one.fold for one in plan})
  material_lib.check_clips(material, members)
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
      out,
      recording,
      formats,
      rows,
      seconds=seconds,
      csv_edition=csv_edition,
      class_names=library.class_names,
      may_be_silent=style.silent > 0,
    )
  ]
  _remove_fragments(out, share, formats)
  files.remove_fragments(out, of=(table.name,))
  make = functools.partial(
    write_recording,
    out=out,
    material=material,
    formats=tuple(formats),
    seed=seed,
    seconds=seconds,
    style=style,
    csv_edition=csv_edition,
  )
  if todo:
    # The README exists only in complete sets.
    files.remove(out / 'README.md')
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
        for new_rows in results:
          rows |= new_rows
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
    material=material,
    seed=seed,
    style=style,
    csv_edition=csv_edition,
    layout=form,
    class_names=CLASS_MAPS[classes],
  )
  files.write_text(out / 'README.md', text)


def write_recording(
  recording: plan_lib.Recording,
  *,
  out: pathlib.Path,
  material: material_lib.Material,
  formats: Sequence[str],
  seed: int,
  seconds: float,
  style: composer.Style,
  csv_edition: str,
) -> dict[str, list[dict[str, str]]]:
  """Draws, renders and writes one recording, or the clips of it.

  Complete audio is kept. When a file cannot be written, the new files of the
  recording are deleted.

  Args:
    recording: The recording.
    out: The folder of the set.
    material: Sounds and measured rooms.
    formats: The formats of the set.
    seed: Seed of the set.
    seconds: Length of the recording.
    style: Properties of the scene.
    csv_edition: Edition whose form the label file has, of `CSV_EDITIONS`.

  Returns:
    The rows of scenes.csv by the name of the recording, or of each clip.
  """
  room = composer.draw_room(
    _generator(seed, 0, recording.fold, recording.room),
    style=style,
    available=material.rooms,
  )
  scene = composer.draw_scene(
    _generator(seed, 1, recording.fold, recording.mix),
    material.library,
    recording.fold,
    room,
    overlap=recording.overlap,
    seconds=seconds,
    style=style,
    others=material.others,
  )
  if recording.clips:
    return _write_clips(recording, scene, out=out)
  table = plan_lib.csv_path(out, recording)
  paths = {name: plan_lib.wav_path(out, recording, name) for name in formats}
  missing = [
    name
    for name, path in paths.items()
    if not finished.has_sound(path, seconds=seconds)
  ]
  sound = renderer.render(scene, missing) if missing else {}
  with _without_new([table, *paths.values()]):
    write_labels(table, scene, csv_edition=csv_edition)
    for name in missing:
      audio.write(paths[name], sound[name])
  return {recording.name: scenes_csv.describe(recording, scene)}


def _write_clips(
  recording: plan_lib.Recording, scene: composer.Scene, *, out: pathlib.Path
) -> dict[str, list[dict[str, str]]]:
  """Writes the stereo clips of a scene, and returns their rows."""
  events, owner = composer.label_rows(scene)
  sound = None
  rows = {}
  for clip in recording.clips:
    path = plan_lib.wav_path(out, recording, 'stereo', clip.name)
    table = plan_lib.csv_path(out, recording, clip.name)
    is_there = finished.has_sound(
      path, seconds=stereo.CLIP_SECONDS, num_channels=2
    )
    if sound is None and not is_there:
      sound = renderer.render(scene, ('stereo',))['stereo']
    if sound is None:
      part = np.zeros((4, 0), np.float32)
    else:
      part = stereo.cut_sound(sound, clip.start)
    made, seen = stereo.foa_to_stereo(
      part, stereo.cut_events(events, clip.start), heading=clip.heading
    )
    with _without_new([table, path]):
      stereo.write_labels(table, seen)
      if not is_there:
        audio.write(path, made)
    inside = (events.frame >= clip.start) & (
      events.frame < clip.start + stereo.CLIP_FRAMES
    )
    rows[clip.name] = scenes_csv.describe_clip(
      recording, clip, scene, np.unique(owner[inside]).tolist()
    )
  return rows


@contextlib.contextmanager
def _without_new(paths: Sequence[pathlib.Path]) -> Iterator[None]:
  """Deletes those of some files that are new if they cannot all be written."""
  new = [path for path in paths if not path.exists()]
  try:
    yield
  except BaseException:
    for path in new:
      path.unlink(missing_ok=True)
    raise


def write_labels(
  path: pathlib.Path, scene: composer.Scene, *, csv_edition: str
) -> None:
  """Writes the label file of a scene, in the unit of distance of the edition.

  Args:
    path: The file.
    scene: The scene.
    csv_edition: One of `CSV_EDITIONS`, but not 2025.
  """
  unit = labels.DISTANCE_UNITS.get(labels.EDITIONS[csv_edition][0], 1.0)
  labels.write_csv(
    path,
    composer.label_events(scene),
    edition=csv_edition,
    distance_scale=1 / unit,
  )


def _check_form(
  formats: Sequence[str],
  layout: str,
  csv_edition: str | None,
  classes: str | None,
  seconds: float,
  clips: float,
) -> None:
  """Raises InputError for formats, layouts and forms that do not fit."""
  for name in formats:
    if name not in settings_lib.FORMATS:
      raise InputError(
        f'The format must be one of {", ".join(settings_lib.FORMATS)}, got '
        f'{name}.'
      )
  for flag, value, known in (
    ('layout', layout, LAYOUTS),
    ('classes', classes, tuple(CLASS_MAPS)),
  ):
    if value is not None and value not in known:
      raise InputError(
        f'--{flag} must be one of {", ".join(known)}, got {value!r}.'
      )
  allowed = layouts.LAYOUTS[layout].formats
  if wrong := [name for name in formats if name not in allowed]:
    fitting = [
      name for name, one in layouts.LAYOUTS.items() if wrong[0] in one.formats
    ]
    raise InputError(
      f'The layout {layout} is for the formats {", ".join(allowed)}, got '
      f'{wrong[0]}; choose --layout={" or --layout=".join(fitting)}, or '
      'another --format.'
    )
  if 'stereo' in formats and not seconds >= stereo.CLIP_SECONDS:
    raise InputError(
      f'Stereo clips of {stereo.CLIP_SECONDS} s need recordings of at least as '
      f'many seconds (--seconds), got {seconds:g}.'
    )
  if not 0 < clips <= 100:
    raise InputError(
      'The number of stereo clips for each 5 s (--clips) is above 0 and at '
      f'most 100, got {clips:g}.'
    )
  editions = CSV_EDITIONS[-1:] if 'stereo' in formats else CSV_EDITIONS[:-1]
  if csv_edition is not None and csv_edition not in editions:
    kind = 'stereo clips' if 'stereo' in formats else 'scenes'
    remedy = (
      f'; {csv_edition} is for stereo clips (--format=stereo)'
      if csv_edition in CSV_EDITIONS and 'stereo' not in formats
      else ''
    )
    raise InputError(
      f'The label files of {kind} (--csv_edition, config.data.csv_edition) '
      f'have the form of {", ".join(editions)}, got {csv_edition!r}{remedy}.'
    )


def _generator(seed: int, *key: int) -> np.random.Generator:
  return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _remove_fragments(
  out: pathlib.Path, share: Sequence[plan_lib.Recording], formats: Sequence[str]
) -> None:
  """Deletes temporary files of this shard, but not of other shards."""
  folders: dict[pathlib.Path, set[str]] = {}
  for recording in share:
    for file in recording.files:
      paths = [
        plan_lib.wav_path(out, recording, name, file) for name in formats
      ]
      for path in [*paths, plan_lib.csv_path(out, recording, file)]:
        folders.setdefault(path.parent, set()).add(path.name)
  for folder, names in folders.items():
    files.remove_fragments(folder, of=names)


def _tell_without_others(
  others: library_lib.Library | None, folds: Collection[int]
) -> None:
  """Warns about folds of recordings for which there are no other sounds."""
  if others is None:
    return
  without = sorted(fold for fold in folds if not others.classes(fold))
  if without:
    _log.warning(
      '%s (--others) has no sounds for the recordings of the folds %s.',
      others.name,
      _listed(without),
    )


def _listed(numbers: Sequence[int]) -> str:
  return ', '.join(map(str, numbers))
