"""The README.md of a set of scenes."""

import textwrap
from collections.abc import Sequence

from seld_jax import labels
from seld_jax.scenes import arrays, composer, layouts, stereo
from seld_jax.scenes.material import Material
from seld_jax.scenes.plan import Recording

# Paragraphs and items are wrapped to lines after all values are inserted.
_TEXT = """# Synthetic sound scenes

{recordings} in the layout of {title}, rendered by seld_jax from {source}, seed
{seed}.

## Files

- {folders}: WAV, 24 kHz, 16 bit, {channels} channels.
{formats}
- {tables}: a CSV for every {file}, {header} header:
  `{columns}`. Frames are 100 ms long and count from
  0, directions are those in the middle of the frame. Simultaneous events have
  different {tracks}.{distance}
- scenes.csv: a row for every event: the {file} (`file`), its fold and room,
  the class, the sound that was used, onset and duration in seconds, track,
  azimuth at start and end, elevation, distance in metres, speed in degrees of
  azimuth per second (positive: to the left), level in dB relative to the other
  events, the RT60 of the room in seconds (mean of 500 Hz and 1 kHz) and its
  size in metres, the SNR of the recording in dB.{rows}
- synthesis.json: the settings of the set. The same command continues a set that
  was interrupted{another}.

{names} {overlap}
{evaluation}
## Conventions

{angles} Classes by index:

{classes}

A frame is labelled while the dry sound is active: while its energy in 10 ms,
above 40 Hz, is within 35 dB of its maximum, and in pauses of less than 0.3 s.
The reverberant tail is not labelled.

## Physics

{rooms} {moving:.0%} of the events move on an arc at 10, 20 or 40 degrees per
second, the others are static. {same_class}
Every event is varied: its level by up to {gain_db:g} dB, each octave by up to
{equalizer_db:g} dB, pitch and tempo together by up to {stretch:g} %. Sounds are
high-passed at 40 Hz.

The ambience is spherically isotropic noise that falls by 2 to 4 dB per octave.
The SNR is {snr_db[0]:g} to {snr_db[1]:g} dB per recording. It is the ratio of
the power of the reverberant events to the power of the ambience, both
unweighted and at the centre of the array (W), over the frames in which any
event is labelled.{negatives}{level}
"""
_SIMULATED = """The rooms are shoeboxes with an RT60 of {rt60[0]:g} to
{rt60[1]:g} s: image sources up to 40 ms, then diffuse noise with the decay of
each octave, down to -60 dB."""
_MEASURED = """{share} of the rooms are measured: {names}, whose responses are
in {folder}. A response is turned about the vertical to the azimuth of the
event; elevation and distance are those of the loudspeaker. The first 20 ms
after the direct sound turn with a source that moves. In scenes.csv, these rooms
have their name as `room_size`. They are drawn for each room number of a fold,
so that numbers and folds share them."""
_OTHERS = """

{share} of the recordings have other sounds from {folder} besides. They have
neither labels nor rows in scenes.csv, and do not count for the SNR."""
_SILENT = """

{share} of the recordings have no labelled event."""
_LEVEL = """

The peak level of a recording is {low:g} to {high:g} dB of full scale."""
_FORMATS = {
  'foa': """- foa: Ambisonics of first order, channels W, Y, Z, X
  (ACN) with the gains 1, sin(az) cos(el), sin(el), cos(az) cos(el) (SN3D).""",
  'mic': """- mic: four capsules on a rigid sphere of radius {radius:g} cm,
  at (azimuth, elevation) {capsules}. The response of a capsule to a plane wave
  is the Legendre series of the rigid sphere.""",
}
_STEREO = """- stereo: left and right, L = W + Y and R = W - Y of Ambisonics of
  first order, after the sound field was turned to the left by the heading of
  the clip: a camera that is turned to the right. The channels are cardioids
  that look to the left and to the right."""
_TRACKS = {1: 'always 0', 2: '0 and 1', 3: '0, 1 and 2'}
_DISTANCE = ' Distances from the array are whole centimetres.'
_ON_SCREEN = (
  ' `onscreen` is 1 if the source is in the picture of the camera, which has a '
  'horizontal field of view of 100 degrees and a picture of 16 to 9.'
)
_ROWS_OF_CLIPS = (
  ' Times count from the start of the clip, and azimuths from the direction in '
  'which the camera looks; they are not folded to the front.'
)
_ANGLES = """Azimuth is counter-clockwise from the front (90 is left) in
(-180, 180], elevation is up from the horizon; both are integer degrees."""
_ANGLES_OF_STEREO = """Azimuth is counter-clockwise from the direction in which
the camera looks (90 is left), in integer degrees. Azimuths behind the camera
are folded to the front, so that all are in [-90, 90]: 120 becomes 60.
Elevations are left out."""
_NAMES = """Development recordings are named `fold_room_mix_overlap`. Rooms are
numbered from 1 in every fold. {rooms_by_number}, and recordings are numbered
from 1 in every room. Folds share {shared}."""
_NAMES_IN_FOLDERS = """Development recordings are named `fold_room_mix` and lie
in {folders}. {rooms_by_number}, and recordings are numbered from 1
in every room. Folds share {shared}."""
_NAMES_OF_CLIPS = """Development clips are named `fold_room_mix_deg_start` and
lie in {folders}: fold, room and mix are those of the scene, `deg` is the
heading in degrees, and `start` the first label frame of the clip in the scene.
{rooms_by_number}. Folds share {shared}."""
_ROOM_BY_NUMBER = 'A room is identified by fold and room'
_MEASURED_BY_NUMBER = (
  'Simulated rooms are identified by fold and room, measured ones by their '
  'name in scenes.csv: they may have several numbers'
)
_OVERLAP = {
  1: '`ov1`: events are never simultaneous.',
  2: '`ov1` and `ov2`: at most one or two simultaneous events.',
  3: '`ov1`, `ov2` and `ov3`: at most one, two or three simultaneous events.',
}
_OVERLAP_OF_SETS = {
  1: 'Events are never simultaneous.',
  2: 'Half of the scenes have at most one, the others at most two simultaneous '
  'events.',
  3: 'A third of the scenes each have at most one, two and three simultaneous '
  'events.',
}
_OTHER_CLASS = 'Simultaneous events never have the same class.'
_SAME_CLASS = (
  'About a third of the overlapping events have the class of an event that '
  'they overlap.'
)
_EVALUATION = """
Evaluation recordings are from the folds 7 and 8 and are named `mix001` and so
on. Their names do not reveal fold, room and overlap; see scenes.csv.
"""
_EVALUATION_OF_CLIPS = """
Evaluation clips are from the folds 7 and 8 and are named `mix0001` and so on.
Their names do not reveal fold, room and scene; see scenes.csv.
"""


def text(
  plan: Sequence[Recording],
  *,
  formats: Sequence[str],
  seconds: float,
  material: Material,
  seed: int,
  style: composer.Style,
  csv_edition: str,
  layout: layouts.Layout,
  class_names: Sequence[str],
) -> str:
  """Returns the README of a set.

  Args:
    plan: The recordings of the set.
    formats: Its formats.
    seconds: Length of a recording.
    material: Sounds and measured rooms.
    seed: The seed.
    style: Properties of the scenes.
    csv_edition: Edition whose form the label files have.
    layout: Its layout.
    class_names: The names of all classes, by index.

  Returns:
    Markdown.
  """
  is_stereo = 'stereo' in formats
  kind = 'clips' if is_stereo else 'recordings'
  counts = {
    split: sum(len(one.files) for one in plan if one.split == split)
    for split in ('dev', 'eval')
  }
  splits = [split for split, count in counts.items() if count]
  numbers = f'{counts["dev"]} development {kind}'
  if counts['eval']:
    numbers += f' and {counts["eval"]} evaluation {kind}'
  numbers += f' of {stereo.CLIP_SECONDS if is_stereo else seconds:g} s'
  if is_stereo:
    numbers += f', made of {len(plan)} scenes of {seconds:g} s,'
  folders = [f'{name}_{split}' for split in splits for name in formats]
  columns = labels.FORMS[labels.EDITIONS[csv_edition][0]]
  capsules = ', '.join(f'({a}, {e})' for a, e in arrays.CAPSULES)
  tracks = (
    f'{"sources" if is_stereo else "tracks"} ({_TRACKS[style.max_overlap]})'
  )
  distance = _DISTANCE if 'distance' in columns else ''
  described = _FORMATS | {'stereo': _STEREO}
  return _wrap(
    _TEXT.format(
      recordings=numbers,
      title=layout.title,
      source=material.library.name,
      seed=seed,
      folders=', '.join(folders),
      channels=2 if is_stereo else 4,
      formats='\n'.join(described[name] for name in formats).format(
        radius=100 * arrays.SPHERE_RADIUS, capsules=capsules
      ),
      tables=', '.join(f'metadata_{split}' for split in splits),
      file=kind.removesuffix('s'),
      header='with a' if is_stereo else 'without',
      columns=','.join(columns),
      tracks=tracks,
      distance=distance + _ON_SCREEN * is_stereo,
      rows=_ROWS_OF_CLIPS * is_stereo,
      another=', and adds another format when `--format` requests it'
      * (not is_stereo),
      names=_names(plan, layout, is_stereo=is_stereo).format(
        shared='neither rooms nor sounds'
        if _is_simulated(style, material)
        else 'no sounds',
        rooms_by_number=_ROOM_BY_NUMBER
        if _is_simulated(style, material)
        else _MEASURED_BY_NUMBER,
      ),
      overlap=(_OVERLAP if layout.has_overlap else _OVERLAP_OF_SETS)[
        style.max_overlap
      ],
      evaluation=(_EVALUATION_OF_CLIPS if is_stereo else _EVALUATION)
      * bool(counts['eval']),
      angles=_ANGLES_OF_STEREO if is_stereo else _ANGLES,
      classes='\n'.join(
        f'- {index}: {name}' for index, name in enumerate(class_names)
      ),
      rooms=_rooms(style, material),
      negatives=_negatives(style, material),
      level=''
      if style.peak_dbfs is None
      else _LEVEL.format(low=style.peak_dbfs[0], high=style.peak_dbfs[1]),
      moving=style.moving,
      same_class=_SAME_CLASS if style.same_class_overlap else _OTHER_CLASS,
      gain_db=style.variation.gain_db,
      equalizer_db=style.variation.equalizer_db,
      stretch=100 * style.variation.stretch,
      snr_db=style.snr_db,
    )
  )


def _is_simulated(style: composer.Style, material: Material) -> bool:
  """Whether all rooms are simulated."""
  return material.rooms is None or not style.measured_rooms


def _rooms(style: composer.Style, material: Material) -> str:
  """What the rooms are."""
  simulated = _SIMULATED.format(rt60=style.rt60)
  if _is_simulated(style, material):
    return simulated
  assert material.rooms is not None
  text = _MEASURED.format(
    share=f'{style.measured_rooms:.0%}' if style.measured_rooms < 1 else 'All',
    names=', '.join(room.name for room in material.rooms.rooms),
    folder=material.rooms.folder,
  )
  if style.measured_rooms == 1:
    return text
  return f'{text} The others are simulated. {simulated}'


def _negatives(style: composer.Style, material: Material) -> str:
  """What recordings have besides, or instead of, labelled events."""
  text = ''
  if material.others is not None and style.others:
    text += _OTHERS.format(
      share=f'About {style.others:.0%}', folder=material.others.name
    )
  if style.silent:
    text += _SILENT.format(share=f'About {style.silent:.0%}')
  return text


def _names(
  plan: Sequence[Recording], layout: layouts.Layout, *, is_stereo: bool
) -> str:
  """The paragraph about the names of development recordings."""
  if layout.has_overlap:
    return _NAMES
  folds: dict[str, set[int]] = {}
  for one in plan:
    if one.split == 'dev':
      folds.setdefault(one.folder, set()).add(one.fold)
  named = ', '.join(
    f'{folder} (fold {", ".join(map(str, sorted(own)))})'
    for folder, own in folds.items()
  )
  text = _NAMES_OF_CLIPS if is_stereo else _NAMES_IN_FOLDERS
  return text.replace('{folders}', named)


def _wrap(text: str) -> str:
  """Wraps paragraphs and list items to lines of 80 columns."""
  blocks = []
  for block in text.split('\n\n'):
    items = ('\n' + block.strip('\n')).split('\n- ')
    head = items[0].strip()
    lines = [_fill(head)] if head else []
    for item in items[1:]:
      lines.append(_fill(f'- {" ".join(item.split())}', indent='  '))
    blocks.append('\n'.join(lines))
  return '\n\n'.join(blocks) + '\n'


def _fill(text: str, *, indent: str = '') -> str:
  """Wraps a paragraph; names of folders are not broken at hyphens."""
  return textwrap.fill(
    text, 80, break_on_hyphens=False, subsequent_indent=indent
  )
