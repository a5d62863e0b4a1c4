"""The README.md of a set of scenes."""

import textwrap
from collections.abc import Sequence

from seld_jax import labels
from seld_jax.scenes import arrays, composer
from seld_jax.scenes.plan import Recording

# Paragraphs and items are wrapped to lines after all values are inserted.
_TEXT = """# Synthetic sound scenes

{recordings} of {seconds:g} s in the layout of TAU-NIGENS Spatial Sound Events
2020, rendered by seld_jax from {source}, seed {seed}.

## Files

- {folders}: WAV, 24 kHz, 16 bit, 4 channels.
{formats}
- {tables}: a CSV for every recording, without header:
  `{columns}`. Frames are 100 ms long and count from
  0, directions are those in the middle of the frame. Simultaneous events have
  different tracks ({tracks}).{distance}
- scenes.csv: a row for every event: the recording (`file`), its fold and room,
  the class, the sound that was used, onset and duration in seconds, track,
  azimuth at start and end, elevation, distance in metres, speed in degrees of
  azimuth per second (positive: to the left), level in dB relative to the other
  events, the RT60 of the room in seconds (mean of 500 Hz and 1 kHz) and its
  size in metres, the SNR of the recording in dB.
- synthesis.json: the settings of the set. The same command continues a set that
  was interrupted, and adds another format when `--format` requests it.

Development recordings are named `fold_room_mix_overlap`. Rooms are numbered
from 1 in every fold, so that a room is identified by fold and room, and
recordings are numbered from 1 in every room. Folds share neither rooms nor
sounds. {overlap}
{evaluation}
## Conventions

Azimuth is counter-clockwise from the front (90 is left) in (-180, 180],
elevation is up from the horizon; both are integer degrees. Classes by index:

{classes}

A frame is labelled while the dry sound is active: while its energy in 10 ms is
within 35 dB of its maximum, and in pauses of less than 0.3 s. The reverberant
tail is not labelled.

## Physics

The rooms are shoeboxes with an RT60 of {rt60[0]:g} to {rt60[1]:g} s: image
sources up to 40 ms, then diffuse noise with the decay of each octave, down to
-60 dB. {moving:.0%} of the events move on an arc at 10, 20 or 40 degrees per
second, the others are static. {same_class}
Every event is varied: its level by up to {gain_db:g} dB, each octave by up to
{equalizer_db:g} dB, pitch and tempo together by up to {stretch:g} %. Sounds are
high-passed at 40 Hz.

The ambience is spherically isotropic noise that falls by 2 to 4 dB per octave.
The SNR is {snr_db[0]:g} to {snr_db[1]:g} dB per recording. It is the ratio of
the power of the reverberant events to the power of the ambience, both
unweighted and at the centre of the array (W), over the frames in which any
event is labelled.
"""
_FORMATS = {
  'foa': """- foa: Ambisonics of first order, channels W, Y, Z, X
  (ACN) with the gains 1, sin(az) cos(el), sin(el), cos(az) cos(el) (SN3D).""",
  'mic': """- mic: four capsules on a rigid sphere of radius {radius:g} cm,
  at (azimuth, elevation) {capsules}. The response of a capsule to a plane wave
  is the Legendre series of the rigid sphere.""",
}
_TRACKS = {1: 'always 0', 2: '0 and 1', 3: '0, 1 and 2'}
_DISTANCE = ' Distances from the array are whole centimetres.'
_OVERLAP = {
  1: '`ov1`: events are never simultaneous.',
  2: '`ov1` and `ov2`: at most one or two simultaneous events.',
  3: '`ov1`, `ov2` and `ov3`: at most one, two or three simultaneous events.',
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


def text(
  plan: Sequence[Recording],
  *,
  formats: Sequence[str],
  seconds: float,
  source: str,
  seed: int,
  style: composer.Style,
  csv_edition: str,
) -> str:
  """Returns the README of a set.

  Args:
    plan: The recordings of the set.
    formats: Its formats.
    seconds: Length of a recording.
    source: Name of the library of dry sounds.
    seed: The seed.
    style: Properties of the scenes.
    csv_edition: Edition whose form the label files have.

  Returns:
    Markdown.
  """
  counts = {
    split: sum(recording.split == split for recording in plan)
    for split in ('dev', 'eval')
  }
  splits = [split for split, count in counts.items() if count]
  numbers = f'{counts["dev"]} development recordings'
  if counts['eval']:
    numbers += f' and {counts["eval"]} evaluation recordings'
  folders = [f'{name}_{split}' for split in splits for name in formats]
  columns = labels.FORMS[labels.EDITIONS[csv_edition][0]]
  capsules = ', '.join(f'({a}, {e})' for a, e in arrays.CAPSULES)
  return _wrap(
    _TEXT.format(
      recordings=numbers,
      seconds=seconds,
      source=source,
      seed=seed,
      folders=', '.join(folders),
      formats='\n'.join(_FORMATS[name] for name in formats).format(
        radius=100 * arrays.SPHERE_RADIUS, capsules=capsules
      ),
      tables=', '.join(f'metadata_{split}' for split in splits),
      evaluation=_EVALUATION if counts['eval'] else '',
      classes='\n'.join(
        f'- {index}: {name}'
        for index, name in enumerate(labels.TAU2020_CLASSES)
      ),
      rt60=style.rt60,
      moving=style.moving,
      columns=','.join(columns),
      tracks=_TRACKS[style.max_overlap],
      distance=_DISTANCE if 'distance' in columns else '',
      overlap=_OVERLAP[style.max_overlap],
      same_class=_SAME_CLASS if style.same_class_overlap else _OTHER_CLASS,
      gain_db=style.variation.gain_db,
      equalizer_db=style.variation.equalizer_db,
      stretch=100 * style.variation.stretch,
      snr_db=style.snr_db,
    )
  )


def _wrap(text: str) -> str:
  """Wraps paragraphs and list items to lines of 80 columns."""
  blocks = []
  for block in text.split('\n\n'):
    items = ('\n' + block.strip('\n')).split('\n- ')
    head = items[0].strip()
    lines = [textwrap.fill(head, 80)] if head else []
    for item in items[1:]:
      lines.append(
        textwrap.fill(f'- {" ".join(item.split())}', 80, subsequent_indent='  ')
      )
    blocks.append('\n'.join(lines))
  return '\n\n'.join(blocks) + '\n'
