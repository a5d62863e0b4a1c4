"""New scenes like those of a set: of its sounds, and drawn by its settings."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax import audio, labels
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  layouts,
  plan,
  renderer,
  settings,
  sounds,
)
from seld_jax.scenes import material as material_lib

# The first key of the random generators of new scenes; the scenes of a set have
# others, so that no new scene equals one of them.
_NEW = 2


@dataclasses.dataclass(frozen=True)
class NewScenes:
  """What new scenes are drawn from.

  Attributes:
    material: The sounds and the measured rooms of the set.
    style: Properties of the scenes of the set.
    parts: Fold and largest number of simultaneous events of each scene.
    format: `'foa'` or `'mic'`.
    seconds: Length of a scene.
    seed: Determines all scenes.

  Example:
    >>> from seld_jax import labels, scenes
    >>> scenes.synthesize('data', recordings=1, seconds=1.0, num_workers=0)
    >>> new = scenes.open_new_scenes(
    ...   'data', folds=(3,), count=2, classes=labels.TAU2020_CLASSES
    ... )
    >>> new.format, new.seconds
    ('foa', 1.0)
  """

  material: material_lib.Material
  style: composer.Style
  parts: tuple[tuple[int, int], ...]
  format: str
  seconds: float
  seed: int


def open_new_scenes(
  root: str | os.PathLike[str],
  *,
  events: str | os.PathLike[str] | None = None,
  folds: Sequence[int],
  count: int,
  classes: Sequence[str],
  format: str = 'foa',
  seconds: float = 0.0,
  seed: int = 0,
  others: str | os.PathLike[str] | None = None,
  rirs: str | os.PathLike[str] | None = None,
) -> NewScenes:
  """Prepares new scenes of some folds of a set that `synthesize` rendered.

  Style and classes are those of the set, and a fold has the same sounds, so
  that sounds of other folds do not occur. Folds and overlaps are distributed
  over the scenes as in a set of this number. Each scene has a new room.

  Args:
    root: The folder of the set.
    events: The dry sounds that the set was rendered from; None for the bank of
      synthetic sounds.
    folds: The folds that the scenes may have the sounds of.
    count: Number of scenes, 1 or more.
    classes: Names of the classes that the set must have, by index.
    format: `'foa'` or `'mic'`.
    seconds: Length of a scene; 0 for that of the set.
    seed: Determines all scenes, 0 or more.
    others: The sounds without labels that the set was rendered with, if any.
    rirs: The folder of room responses that the set was rendered with, if any.

  Returns:
    What `render_new_scene` needs.

  Raises:
    InputError: The folder has no set of scenes, the set was made from other
      sounds, with other measured rooms or for other classes, or there are no
      sounds for these folds.

  Example:
    >>> from seld_jax import labels, scenes
    >>> scenes.synthesize('data', recordings=1, seconds=1.0, num_workers=0)
    >>> new = scenes.open_new_scenes(
    ...   'data', folds=(3, 4), count=4, classes=labels.TAU2020_CLASSES
    ... )
    >>> new.parts  # fold and overlap of each scene
    ((3, 1), (3, 2), (4, 2), (4, 1))
  """
  root = pathlib.Path(root)
  found = settings.read(root)
  style = _style(found, root)
  layout = layouts.LAYOUTS[found['layout']]
  material = material_lib.open_material(
    events,
    class_map=found['classes'],
    sounds=layouts.sounds_of(layout, found['folds']),
    others=others,
    rirs=rirs,
    rir_rooms=found['rir_rooms'] or (),
    quiet=True,
  )
  library = material.library
  if library.fingerprint != found['events']:
    raise InputError(
      f'{root} was not rendered from {library.name}, so that new scenes could '
      'contain sounds of its test folds: give the sounds that it was rendered '
      'from (config.data.synthesize_events, --events).'
    )
  if library.class_names != tuple(classes):
    raise InputError(
      f'{root} has scenes of the {len(library.class_names)} classes '
      f'{found["classes"]}, but config.data.classes are '
      f'{", ".join(classes)}: set the classes of the scenes, or render others.'
    )
  for name, value in (('others', others), ('rirs', rirs)):
    if material.fingerprints[name] != found[name]:
      given = 'none were given' if value is None else f'{value} is not the same'
      had = 'with' if found[name] else 'without'
      raise InputError(
        f'{root} was rendered {had} --{name}, but {given}: give what it was '
        f'rendered with (config.data.synthesize_{name}).'
      )
  members = [fold for fold in folds if fold in library.folds]
  planned = plan.plan_recordings(
    members,
    count,
    evaluation=False,
    seed=seed,
    max_overlap=style.max_overlap,
    layout=layout,
  )
  if not planned:
    raise InputError(
      f'{library.name} has no sounds for the folds '
      f'{", ".join(map(str, folds))} of {root}, so that there are no new '
      'scenes of them: choose other config.data.train_folds.'
    )
  used = sorted({recording.fold for recording in planned})
  material_lib.check_clips(material, used)
  return NewScenes(
    material=material,
    style=style,
    parts=tuple((one.fold, one.overlap) for one in planned),
    format=format,
    seconds=seconds or float(found['seconds']),
    seed=seed,
  )


def render_new_scene(
  new: NewScenes, generation: int, number: int
) -> tuple[np.ndarray, labels.Events]:
  """Draws and renders a scene; depends on the arguments only.

  Args:
    new: From `open_new_scenes`.
    generation: Number of the generation, from 0. Each has `len(new.parts)`
      scenes, none of which occurs in another generation.
    number: Number of the scene in its generation, from 0.

  Returns:
    The samples that a file of the set would have, 16-bit PCM at 24 kHz, int16
    with shape `[channels, samples]`; and its labels.

  Raises:
    InputError: A clip cannot be read.

  Example:
    >>> from seld_jax import labels, scenes
    >>> scenes.synthesize('data', recordings=1, seconds=1.0, num_workers=0)
    >>> new = scenes.open_new_scenes(
    ...   'data', folds=(3,), count=2, classes=labels.TAU2020_CLASSES
    ... )
    >>> sound, events = scenes.render_new_scene(new, 0, 1)
    >>> sound.shape, sound.dtype
    ((4, 24000), dtype('int16'))
  """
  scene = draw(new, generation, number)
  sound = renderer.render(scene, (new.format,))[new.format]
  return audio.as_pcm(sound), composer.label_events(scene)


def draw(new: NewScenes, generation: int, number: int) -> composer.Scene:
  """Draws the scene that `render_new_scene` renders; same arguments."""
  rng = np.random.default_rng(
    np.random.SeedSequence(new.seed, spawn_key=(_NEW, generation, number))
  )
  fold, overlap = new.parts[number]
  return composer.draw_scene(
    rng,
    new.material.library,
    fold,
    composer.draw_room(rng, style=new.style, available=new.material.rooms),
    overlap=overlap,
    seconds=new.seconds,
    style=new.style,
    others=new.material.others,
  )


def _style(found: dict[str, Any], root: pathlib.Path) -> composer.Style:
  """The style in the settings of a set, which are checked."""
  values = found.get('style')
  try:
    if (
      not isinstance(values, dict)
      or not isinstance(values['same_class_overlap'], bool)
      or found['layout'] not in layouts.LAYOUTS
      or not found['seconds'] > 0
    ):
      raise TypeError('it has no such settings')
    ranges = {
      name: values[name] and tuple(values[name])
      for name in ('pause', 'snr_db', 'rt60', 'peak_dbfs')
    }
    variation = sounds.Variation(**values['variation'])
    style: dict[str, Any] = {**values, **ranges, 'variation': variation}
    return composer.Style(**style)
  except (KeyError, TypeError, InputError) as error:
    raise InputError(
      f'{root / "synthesis.json"} must have the settings of scenes that '
      'seld_jax.synthesize rendered, which new scenes shall have, too: render '
      'a set with python -m seld_jax.synthesize, or with '
      '--config.data.synthesize=240 into a new --config.data.root, or set '
      '--config.data.synthesize_every_epoch=0.'
    ) from error
