"""The settings of a set of scenes, kept in its synthesis.json."""

import json
import os
import pathlib
import types
from collections.abc import Sequence
from typing import Any, NoReturn

from seld_jax import files, json_files
from seld_jax.errors import InputError
from seld_jax.scenes import library, measured
from seld_jax.scenes.arrays import ARRAYS
from seld_jax.scenes.class_maps import CLASS_MAPS

_EARLIER = 'by the rules of an earlier version'
# Settings that synthesis.json has only if they differ from these values.
_USUAL = {
  'layout': 'tau2020',
  'classes': 'tau2020',
  'clips': None,
  'rirs': None,
  'rir_rooms': None,
  'others': None,
}
# Properties of scenes that earlier sets do not have.
_USUAL_STYLE = {
  'max_overlap': 2,
  'measured_rooms': 1.0,
  'others': 0.5,
  'silent': 0.0,
  'peak_dbfs': None,
}
# The formats in the order in which they are listed.
FORMATS = (*ARRAYS, 'stereo')


def is_complete(
  out: str | os.PathLike[str], *, formats: Sequence[str] = ()
) -> bool:
  """Whether a folder contains a complete set of scenes.

  Args:
    out: The folder.
    formats: Formats that the set must have.

  Returns:
    True if all its scenes were rendered, in these formats.

  Example:
    >>> from seld_jax import scenes
    >>> scenes.is_complete('data/scenes', formats=('foa',))
    False
  """
  out = pathlib.Path(out)
  if not (out / 'README.md').is_file():
    return False
  return set(formats) <= set(read(out).get('formats', []))


def check_settings(
  out: str | os.PathLike[str],
  *,
  recordings: int,
  seed: int,
  events: str | os.PathLike[str] | types.EllipsisType | None = ...,
  classes: str | None = None,
  others: str | os.PathLike[str] | None = None,
  rirs: str | os.PathLike[str] | None = None,
) -> None:
  """Raises InputError if the scenes in a folder have other settings.

  Args:
    out: The folder. It may also be empty or missing.
    recordings: Expected number of development recordings.
    seed: Expected seed.
    events: Expected dry sounds, see `synthesize`; `...` for any. Sounds that no
      longer exist are not compared: a complete set does not need them.
    classes: Expected class map, one of `CLASS_MAPS`; None for any.
    others: Expected sounds without labels; None for any. Like measured rooms,
      they are only compared while they exist.
    rirs: Expected folder of measured rooms; None for any.

  Raises:
    InputError: The set was made with another number of recordings, another
      seed, other sounds, other classes or other rooms.

  Example:
    >>> from seld_jax import scenes
    >>> scenes.check_settings('data/scenes', recordings=60, seed=0)
  """
  out = pathlib.Path(out)
  found = read(out)
  if not found:
    return
  _compare(out, found, {'recordings': recordings, 'seed': seed})
  if classes is not None:
    _compare(out, found, {'classes': classes})
  for name, given in (('others', others), ('rirs', rirs)):
    if given is not None and found[name] is None:
      raise InputError(
        f'{out} contains scenes made without --{name}, but {given} was '
        'requested; choose another folder (--out, config.data.root) or remove '
        'it.'
      )
  if rirs is not None and pathlib.Path(rirs).exists():
    rooms = measured.open_rooms(
      rirs, names=found['rir_rooms'] or (), quiet=True
    )
    _compare(out, found, {'rirs': rooms.fingerprint})
  if isinstance(events, types.EllipsisType):
    return
  if events is None or pathlib.Path(events).exists():
    class_map = found.get('classes')
    if class_map not in CLASS_MAPS:
      class_map = 'tau2020'
    sounds = library.open_library(events, class_map=class_map, quiet=True)
    _compare(out, found, {'events': sounds.fingerprint})
    if others is not None and pathlib.Path(others).exists():
      extra = library.open_others(others, labelled=sounds)
      _compare(out, found, {'others': extra.fingerprint})


def classes_of(out: str | os.PathLike[str]) -> tuple[str, ...]:
  """The names of the classes of the scenes in a folder, by index.

  Args:
    out: The folder.

  Returns:
    Names; those of TAU-NIGENS 2020 if the folder does not say which they are.

  Example:
    >>> from seld_jax import scenes
    >>> scenes.classes_of('data/scenes')[13]
    'piano'
  """
  name = read(pathlib.Path(out)).get('classes')
  return CLASS_MAPS.get(str(name), CLASS_MAPS['tau2020'])


def claim(
  out: pathlib.Path, settings: dict[str, Any], formats: Sequence[str]
) -> tuple[str, ...]:
  """Writes the settings into a folder, or checks that they are the same.

  Args:
    out: The folder of the set.
    settings: The settings without the formats.
    formats: The requested formats.

  Returns:
    The formats of the set: the requested ones, and those of earlier calls.

  Raises:
    InputError: The folder contains another dataset or other scenes.
  """
  path = out / 'synthesis.json'
  earlier = []
  if path.is_file():
    _check_readable(path)
    found = read(out)
    _compare(out, found, json.loads(json.dumps(settings)))
    earlier = found['formats']
  elif out.is_dir() and any(out.glob('*_dev')):
    raise InputError(
      f'{out} contains a dataset that was not made by this command (it has no '
      'synthesis.json); choose another folder with --out.'
    )
  else:
    check_readme(out)
  union = [name for name in FORMATS if name in {*formats, *earlier}]
  kept = {
    name: value
    for name, value in settings.items()
    if name not in _USUAL or value != _USUAL[name]
  }
  text = json.dumps(kept | {'formats': union}, indent=2) + '\n'
  if not path.is_file() or path.read_text(encoding='utf-8') != text:
    # The README exists only in complete sets: a new format has yet to come.
    files.remove(out / 'README.md')
    files.write_text(path, text)
  return tuple(union)


def _check_readable(path: pathlib.Path) -> None:
  """Raises InputError if a synthesis.json has no settings to compare."""
  try:
    json_files.read(path)
  except InputError as error:
    raise InputError(
      f'{str(error).rstrip(".")}, so that nobody knows how the scenes beside '
      'it were made; choose another folder (--out, config.data.root) or remove '
      'it.'
    ) from error


def check_readme(out: pathlib.Path) -> None:
  """Refuses a folder without a set that has a README.md.

  Raises:
    InputError: It would be replaced by that of the set.
  """
  if (out / 'README.md').exists():
    raise InputError(
      f'{out} has a README.md, which that of the scenes would replace; choose '
      'another folder with --out.'
    )


def read(out: pathlib.Path) -> dict[str, Any]:
  """Reads the settings of the set in a folder; empty if they are unknown.

  Settings that did not exist when the set was made have their defaults.
  """
  try:
    found = json_files.read(out / 'synthesis.json')
  except InputError:
    # A damaged file must not stop a command that only asks whether scenes are
    # there. Before anything is rendered, `claim` refuses it.
    return {}
  if not found:
    return {}
  style = found.get('style')
  if isinstance(style, dict):
    # The former setting same_class gave other scenes than same_class_overlap.
    same_class = _EARLIER if style.pop('same_class', False) else False
    style.setdefault('same_class_overlap', same_class)
    found['style'] = _USUAL_STYLE | style
  return {'csv_edition': '2020'} | _USUAL | found


def _compare(out: pathlib.Path, found: dict, wanted: dict) -> None:
  """Raises InputError for the first setting that differs, nested or not."""
  for key, value in wanted.items():
    if found.get(key) != value:
      _refuse(out, key, found.get(key), value)


def _refuse(out: pathlib.Path, key: str, found: Any, wanted: Any) -> NoReturn:
  if isinstance(found, dict) and isinstance(wanted, dict):
    _compare(out, found, wanted)
  others = {
    'events': 'from other events than requested',
    'rirs': 'with other measured rooms (--rirs) than requested',
    'others': 'with other unlabelled sounds (--others) than requested, or by '
    'an earlier version, which gave the sounds of a folder to other folds',
    'version': 'by another version of seld_jax',
  }
  if key in others:
    raise InputError(
      f'{out} contains scenes made {others[key]}; choose another folder '
      '(--out, config.data.root) or remove it.'
    )
  raise InputError(
    f'{out} contains scenes made with {key} {found}, but {key} {wanted} was '
    'requested; choose another folder (--out, config.data.root) or remove it.'
  )
