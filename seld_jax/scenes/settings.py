"""What a set of scenes was made with, noted in its synthesis.json."""

import json
import os
import pathlib
import types
from collections.abc import Sequence
from typing import Any, NoReturn

from seld_jax import files
from seld_jax.errors import InputError
from seld_jax.scenes import events as events_lib
from seld_jax.scenes.arrays import ARRAYS


def is_complete(
  out: str | os.PathLike[str], *, formats: Sequence[str] = ()
) -> bool:
  """Whether a folder holds a set of scenes that was rendered to its end.

  Args:
    out: The folder.
    formats: Formats that the set must have, too.
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
) -> None:
  """Refuses a folder whose scenes were made with other settings.

  Args:
    out: Folder of a set, or of none.
    recordings: Number of development recordings that it should have.
    seed: Its seed.
    events: Where its dry sounds should come from, as for `synthesize`; `...`
      for anywhere. Sounds that are no longer there are not compared: a set
      that is complete does without them.

  Raises:
    InputError: The set was made with another number, seed or other sounds.
  """
  out = pathlib.Path(out)
  found = read(out)
  if not found:
    return
  _compare(out, found, {'recordings': recordings, 'seed': seed})
  if isinstance(events, types.EllipsisType):
    return
  if events is None or pathlib.Path(events).exists():
    source = events_lib.open_source(events, quiet=True)
    _compare(out, found, {'events': source.fingerprint})


def claim(
  out: pathlib.Path, settings: dict, formats: Sequence[str]
) -> tuple[str, ...]:
  """Notes the settings in the folder, or checks that they are the same.

  Returns:
    The formats of the set: those that are asked for, and those asked for
    before.
  """
  path = out / 'synthesis.json'
  earlier = []
  if path.is_file():
    found = read(out)
    _compare(out, found, json.loads(json.dumps(settings)))
    earlier = found['formats']
  elif out.is_dir() and any(out.glob('*_dev')):
    raise InputError(
      f'{out} holds a data set that was not made by this command (it has no '
      'synthesis.json); choose another folder.'
    )
  union = [name for name in ARRAYS if name in {*formats, *earlier}]
  text = json.dumps(settings | {'formats': union}, indent=2) + '\n'
  if not path.is_file() or path.read_text(encoding='utf-8') != text:
    files.write_text(path, text)
  return tuple(union)


def read(out: pathlib.Path) -> dict:
  """What the set in a folder was made with; nothing when that is unknown."""
  try:
    found = json.loads((out / 'synthesis.json').read_text(encoding='utf-8'))
  except (OSError, ValueError):
    return {}
  return found if isinstance(found, dict) else {}


def _compare(out: pathlib.Path, found: dict, wanted: dict) -> None:
  """Refuses the first setting, or setting in a setting, that differs."""
  for key, value in wanted.items():
    if found.get(key) != value:
      _refuse(out, key, found.get(key), value)


def _refuse(out: pathlib.Path, key: str, found: Any, wanted: Any) -> NoReturn:
  if isinstance(found, dict) and isinstance(wanted, dict):
    _compare(out, found, wanted)
  others = {
    'events': 'from other events than asked for',
    'version': 'by another version of seld_jax',
  }
  if key in others:
    raise InputError(
      f'{out} holds scenes made {others[key]}; choose another folder or remove '
      'it.'
    )
  raise InputError(
    f'{out} holds scenes made with {key} {found}, but {key} {wanted} was asked '
    'for; choose another folder or remove it.'
  )
