"""README.md of a set: what its user needs to know."""

import textwrap
from collections.abc import Sequence

from seld_jax import labels
from seld_jax.scenes import arrays, composer
from seld_jax.scenes.plan import Recording

# Paragraphs and items are wrapped when everything has been filled in.
_TEXT = """# Synthetic sound scenes

{recordings} of {seconds:g} s in the layout of TAU-NIGENS Spatial Sound Events
2020, rendered by seld_jax from {source}, seed {seed}.

## Files

- {folders}: WAV, 24 kHz, 16 bit, 4 channels.
{formats}
- {tables}: a CSV for every recording, without header:
  `frame,class,track,azimuth,elevation`. Frames are 100 ms long and count from
  0, directions are those in the middle of the frame. Tracks (0, 1) tell
  simultaneous events apart.
- scenes.csv: a row for every event: the recording (`file`), its fold and room,
  the class, the sound that was used, onset and duration in seconds, track,
  azimuth at start and end, elevation, distance in metres, speed in degrees of
  azimuth a second (positive: to the left), level in dB relative to the other
  events, the room's RT60 in seconds (mean of 500 Hz and 1 kHz) and size in
  metres, the recording's SNR in dB.
- synthesis.json: what the set was made with. The same command continues a set
  that was interrupted, and adds another format where `--format` asks for it.

Development recordings are named `fold_room_mix_overlap`; the room's number
restarts in every fold, so that a room is a (fold, room), and the recording's in
every room. Folds share neither rooms nor sounds. `ov1` and `ov2`: at most one
or two events at once.
{evaluation}
## Conventions

Azimuth is counter-clockwise from the front (90 is left) in (-180, 180],
elevation is up from the horizon; whole degrees. Classes by index:

{classes}

A frame is labelled while the dry sound has energy (10 ms within 35 dB of its
loudest, pauses under 0.3 s closed); the reverberant tail is not.

## Physics

Shoebox rooms of RT60 {rt60[0]:g} to {rt60[1]:g} s: image sources up to 40 ms,
then diffuse noise with the decay of each octave, down to -60 dB. Of the events
{moving:.0%} move on an arc at 10, 20 or 40 degrees a second, the others stand.
Two events at once {same_class} share a class. Every event is varied: its level
by up to {gain_db:g} dB, each octave by up to {equalizer_db:g} dB, pitch and
tempo together by up to {stretch:g} %. Sounds are high-passed at 40 Hz.

The ambience is spherically isotropic noise that falls by 2 to 4 dB an octave.
Its SNR, {snr_db[0]:g} to {snr_db[1]:g} dB per recording, is the power of the
reverberant events over that of the ambience, both unweighted, in the array's
centre (W), over the frames in which any event is labelled.
"""
_FORMATS = {
  'foa': """- foa: Ambisonics of first order, channels W, Y, Z, X
  (ACN) with the gains 1, sin(az) cos(el), sin(el), cos(az) cos(el) (SN3D).""",
  'mic': """- mic: four capsules on a rigid sphere of radius {radius:g} cm,
  at (azimuth, elevation) {capsules}. A plane wave gives each the Legendre
  series of the rigid sphere.""",
}
_EVALUATION = """
Evaluation recordings, of folds 7 and 8, are named `mix001` and so on and tell
neither fold nor room nor overlap; scenes.csv does.
"""


def text(
  plan: Sequence[Recording],
  *,
  formats: Sequence[str],
  seconds: float,
  source: str,
  seed: int,
  style: composer.Style,
) -> str:
  """The README of a set.

  Args:
    plan: Its recordings.
    formats: Its formats.
    seconds: Length of a recording.
    source: Name of the supply of sounds.
    seed: The seed.
    style: What its scenes are like.

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
      same_class='may' if style.same_class else 'never',
      gain_db=style.variation.gain_db,
      equalizer_db=style.variation.equalizer_db,
      stretch=100 * style.variation.stretch,
      snr_db=style.snr_db,
    )
  )


def _wrap(text: str) -> str:
  """Fills paragraphs and the items of lists to 80 columns."""
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
