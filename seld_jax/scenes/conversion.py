"""Makes stereo clips of Ambisonics, as the set of 2025 was made of STARSS23."""

import contextlib
import functools
import hashlib
import json
import logging
import os
import pathlib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seld_jax import (
  audio,
  files,
  json_files,
  labels,
  listing,
  progress,
  shards,
)
from seld_jax.errors import InputError
from seld_jax.scenes import finished, pool, settings, stereo

# The published set has no clip with a sample above this.
_PEAK = 0.9999
# Largest difference that writing 16 bits makes to a sample.
_ROUNDING = 1.01 / 2**15
# Clips that are drawn for each clip that is made; louder ones are left out.
_DRAWS = 4
# How the name of a clip ends, see `stereo.draw_clips`.
_CLIP = re.compile(r'_deg-?[0-9]+_start[0-9]+$')
_TOO_SHORT = f'Recordings shorter than {stereo.CLIP_SECONDS} s are left out'
_README = """# Stereo clips of Ambisonic recordings

{clips} clips of 5 s, made by seld_jax of {recordings} recordings in first-order
Ambisonics, as the stereo set of DCASE 2025 was made of STARSS23. The license of
the recordings holds for the clips, too.

- stereo_dev: WAV, 24 kHz, 16 bit, left and right: L = W + Y and R = W - Y,
  after the sound field was turned to the left by the heading of the clip.
- metadata_dev: a CSV for every clip, with a header:
  `frame,class,source,azimuth,distance,onscreen`. Frames are 100 ms long,
  azimuths are integer degrees in [-90, 90] (90 is left; those behind the camera
  are folded to the front), distances whole centimetres. `onscreen` is 1 if the
  source is in the picture of the camera: 100 degrees wide, and 16 to 9.
- conversion.json: the settings. The same command completes an interrupted set.

Clips are named after the recording, the heading in degrees (`deg`) and the
first label frame of the clip in the recording (`start`). {number} clips were
requested for each 5 s, with the seed {seed}.
"""
_log = logging.getLogger(__name__)


class FoaRecording(NamedTuple):
  """A recording in first-order Ambisonics and its labels.

  Attributes:
    audio: The sound file, at 24 kHz.
    labels: Its label file.
    folder: Folder of its clips within those of sound and of labels.

  Example:
    >>> import pathlib
    >>> from seld_jax import scenes
    >>> one = scenes.FoaRecording(pathlib.Path('a.wav'), pathlib.Path('a.csv'))
    >>> one.folder
    ''
  """

  audio: pathlib.Path
  labels: pathlib.Path
  folder: str = ''


def convert_foa(
  recordings: Sequence[FoaRecording],
  out: str | os.PathLike[str],
  *,
  clips: float = 1.0,
  seed: int = 0,
  csv_edition: str = '2023',
  num_workers: int | None = None,
  shard: shards.Shard | None = None,
) -> None:
  """Makes stereo clips of recordings, or the missing rest of them.

  Writes OUT/stereo_dev and OUT/metadata_dev, with the folders of the
  recordings, OUT/conversion.json and OUT/README.md. A clip is 5 s of a
  recording from a random start, seen in a random direction; see
  `foa_to_stereo`. Like the published code, this leaves out clips with samples
  above 0.9999, and draws others instead. The same arguments give the same bytes
  for any number of workers.

  Args:
    recordings: The recordings. Those that are shorter than 5 s are left out
      with a warning.
    out: The folder to write to.
    clips: Number of clips for each 5 s of a recording, about 5.6 in the
      published set.
    seed: Seed of starts and headings, 0 or more.
    csv_edition: Edition whose form the label files of the recordings have.
    num_workers: Number of processes; None for one per core, 0 to work in this
      process.
    shard: The shard of the recordings to convert; None for all.

  Raises:
    InputError: A recording is unreadable, is no FOA or has no distances, or
      `out` contains other clips or cannot be written.

  Example:
    >>> import pathlib
    >>> from seld_jax import audio, scenes
    >>> audio.write('fold3_room1_mix001.wav', np.zeros((4, 144000)))
    >>> _ = pathlib.Path('fold3_room1_mix001.csv').write_text('9,0,0,30,0,200')
    >>> one = scenes.FoaRecording(
    ...   pathlib.Path('fold3_room1_mix001.wav'),
    ...   pathlib.Path('fold3_room1_mix001.csv'),
    ... )
    >>> scenes.convert_foa([one], 'clips', num_workers=0)
    >>> (made,) = pathlib.Path('clips', 'stereo_dev').iterdir()
    >>> made.name.startswith('fold3_room1_mix001_deg')
    True
  """
  out = pathlib.Path(out)
  if not 0 < clips <= 100 or seed < 0:
    raise InputError(
      'The number of stereo clips for each 5 s (--clips) is above 0 and at '
      f'most 100, and the seed 0 or more, got {clips:g} and {seed}.'
    )
  if not recordings:
    raise InputError('There is no recording to make stereo clips of.')
  _check_names(recordings)
  _claim(out, recordings, clips=clips, seed=seed)
  share = shards.take(list(recordings), shard)
  make = functools.partial(
    _convert, out=out, clips=clips, seed=seed, csv_edition=csv_edition
  )
  notes: dict[str, list[str]] = {}
  made: set[str] = set()
  with (
    progress.bar('clips', len(share), unit='recordings') as advance,
    contextlib.closing(
      pool.run_in_processes(make, share, num_workers=num_workers)
    ) as results,
  ):
    for name, note, clips_of_it in results:
      if note:
        notes.setdefault(note, []).append(name)
      made.update(clips_of_it)
      advance()
  if share and len(notes.get(_TOO_SHORT, ())) == len(share):
    raise InputError(
      f'All recordings are shorter than {stereo.CLIP_SECONDS} s, such as '
      f'{share[0].audio}, so that no stereo clips can be made of them.'
    )
  for note, names in sorted(notes.items()):
    _log.warning(
      '%s (%d recordings, such as %s).', note, len(names), min(names)
    )
  if shard is None:
    _remove_others(out, made)
    text = _README.format(
      clips=len(made),
      recordings=len(recordings),
      number=f'{clips:g}',
      seed=seed,
    )
    files.write_text(out / 'README.md', text)


def _convert(
  recording: FoaRecording,
  *,
  out: pathlib.Path,
  clips: float,
  seed: int,
  csv_edition: str,
) -> tuple[str, str, list[str]]:
  """Makes the clips of a recording.

  Returns:
    Path of the recording; a note, if any; folder and name of each clip.
  """
  path = pathlib.Path(recording.audio)
  sound = audio.read(path, sample_rate=stereo.SAMPLE_RATE, num_channels=4)
  events = labels.read_csv(
    recording.labels, edition=csv_edition, distance_scale=None
  )
  if events.distance is None and len(events.frame):
    raise InputError(
      f'{recording.labels} has no distances, but label files of stereo clips '
      'have; take a dataset with distances, such as STARSS23.'
    )
  seconds = sound.shape[-1] / stereo.SAMPLE_RATE
  frames = stereo.num_frames(seconds)
  if frames < stereo.CLIP_FRAMES:
    return str(path), _TOO_SHORT, []
  count = max(1, round(clips * seconds / stereo.CLIP_SECONDS))
  name = listing.name_of(path)
  key = hashlib.sha256(name.encode(errors='surrogateescape')).digest()[:8]
  drawn = stereo.draw_clips(
    np.random.default_rng((seed, int.from_bytes(key))),
    name,
    num_frames=frames,
    count=_DRAWS * count,
  )
  for kind, suffix in ('stereo_dev', 'wav'), ('metadata_dev', 'csv'):
    names = {f'{clip.name}.{suffix}' for clip in drawn}
    files.remove_fragments(out / kind / recording.folder, of=names)
  made: list[str] = []
  for clip in drawn:
    if len(made) == count:
      break
    pair, seen = stereo.foa_to_stereo(
      stereo.cut_sound(sound, clip.start),
      stereo.cut_events(events, clip.start),
      heading=clip.heading,
    )
    if np.abs(pair).max() > _PEAK:
      continue
    _write(out, recording.folder, clip, pair, seen)
    made.append(f'{recording.folder}/{clip.name}'.lstrip('/'))
  if len(made) < count:
    return str(path), 'Fewer clips than requested: the others would clip', made
  return str(path), '', made


def _check_names(recordings: Sequence[FoaRecording]) -> None:
  """Raises InputError if two recordings would have clips of the same names."""
  found: dict[tuple[str, str], pathlib.Path] = {}
  for one in recordings:
    path = pathlib.Path(one.audio)
    name = listing.name_of(path)
    other = found.setdefault((one.folder, name), path)
    if other != path:
      raise InputError(
        f'{other} and {path} have the same name, so that their clips would '
        'have, too: delete or rename one of them.'
      )


def _remove_others(out: pathlib.Path, made: set[str]) -> None:
  """Deletes clips that were made when a recording was another one."""
  wanted = {unicodedata.normalize('NFC', name) for name in made}
  for kind, suffix in ('stereo_dev', '.wav'), ('metadata_dev', '.csv'):
    for path in listing.list_files(out / kind, suffixes=(suffix,)):
      name = path.relative_to(out / kind).with_suffix('').as_posix()
      name = unicodedata.normalize('NFC', name)
      if _CLIP.search(name) and name not in wanted:
        path.unlink(missing_ok=True)


def _write(
  out: pathlib.Path,
  folder: str,
  clip: stereo.Clip,
  pair: np.ndarray,
  events: labels.Events,
) -> None:
  """Writes the labels of a clip, and its sound unless it is there already."""
  path, table = _paths(out, folder, clip)
  is_new = not table.is_file()
  stereo.write_labels(table, events)
  try:
    if not _has_sound(path, pair):
      audio.write(path, pair, sample_rate=stereo.SAMPLE_RATE)
  except BaseException:
    if is_new:
      table.unlink(missing_ok=True)
    raise


def _paths(
  out: pathlib.Path, folder: str, clip: stereo.Clip
) -> tuple[pathlib.Path, pathlib.Path]:
  """The files of a clip: its sound and its labels."""
  return (
    out / 'stereo_dev' / folder / f'{clip.name}.wav',
    out / 'metadata_dev' / folder / f'{clip.name}.csv',
  )


def _has_sound(path: pathlib.Path, pair: np.ndarray) -> bool:
  """Whether a file has this sound, up to the rounding to 16 bits.

  It has another one if the recording was corrected since it was written.
  """
  if not finished.has_sound(path, seconds=stereo.CLIP_SECONDS, num_channels=2):
    return False
  found = audio.read(path, sample_rate=stereo.SAMPLE_RATE, num_channels=2)
  return bool(np.abs(found - pair).max() <= _ROUNDING)


def _claim(
  out: pathlib.Path,
  recordings: Sequence[FoaRecording],
  *,
  clips: float,
  seed: int,
) -> None:
  """Writes the settings into a folder, or checks that they are the same."""
  names = sorted(
    f'{one.folder}/{pathlib.Path(one.audio).stem}' for one in recordings
  )
  text = unicodedata.normalize('NFC', '\n'.join(names))
  digest = hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()
  wanted = {
    'version': 1,
    'recordings': len(names),
    'names': digest[:16],
    'clips': clips,
    'seed': seed,
  }
  path = out / 'conversion.json'
  if path.is_file():
    found = json_files.read(path)
    for key, value in wanted.items():
      if found.get(key) == value:
        continue
      difference = f'made with {key} {found.get(key)}, but {key} {value} was '
      if key == 'names':
        difference = 'of other recordings than '
      raise InputError(
        f'{out} contains stereo clips {difference}requested; choose another '
        'folder (--out) or remove it.'
      )
  elif any(out.glob('*_dev')):
    raise InputError(
      f'{out} contains a dataset that was not made by this conversion (it has '
      'no conversion.json); choose another folder with --out.'
    )
  else:
    settings.check_readme(out)
    files.write_text(path, json.dumps(wanted, indent=2) + '\n')
