"""Renders sound scenes in the layout of TAU-NIGENS Spatial Sound Events 2020.

The same arguments give the same files, whatever the number of workers; a set
that was interrupted continues when the command is run again, and one that was
made in one format gets the other with --format=both. With --shard=1/4 to
--shard=4/4, four machines that share a folder render a quarter each; the same
command without --shard then completes the set.

Example:
  python -m seld_jax.synthesize --out=data/scenes --recordings=60 --seed=0
"""

import functools
import pathlib

from absl import flags

from seld_jax import commands, progress, scenes, shards
from seld_jax.errors import InputError

_FORMATS = {'foa': ('foa',), 'mic': ('mic',), 'both': ('foa', 'mic')}
_STYLE = scenes.Style()
_VARIATION = scenes.Variation()


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'out', None, 'Folder to write the set to.', flag_values=values
  )
  flags.DEFINE_string(
    'events',
    None,
    'Dry sounds: a folder of class/*.wav|flac|ogg, or a manifest.csv with the '
    'columns file, class, fold and optionally group. Without it, sounds are '
    'synthesised.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'recordings',
    60,
    'Number of development recordings, spread over the folds; a third as many '
    'evaluation recordings come on top when the sounds have folds 7 and 8.',
    lower_bound=1,
    flag_values=values,
  )
  flags.DEFINE_bool(
    'evaluation',
    None,
    'Render evaluation recordings, too; by default as the set in --out was '
    'begun, and yes for a new one.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'format',
    'foa',
    list(_FORMATS),
    'Ambisonics of first order (foa), four capsules on a rigid sphere (mic), '
    'or both of the same scenes.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'seed', 0, 'Determines the set.', lower_bound=0, flag_values=values
  )
  flags.DEFINE_float(
    'seconds',
    60.0,
    'Length of every recording.',
    lower_bound=1.0,
    flag_values=values,
  )
  flags.DEFINE_integer(
    'workers',
    None,
    'Processes; by default one a core.',
    lower_bound=1,
    flag_values=values,
  )
  flags.DEFINE_string(
    'shard',
    '',
    'Renders one part of the set only, such as 3/16 (counted from 1); the '
    'start without it joins the parts, and draws the plots.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'plot',
    False,
    'Draw a picture of every recording into OUT/plots: spectrogram, activity, '
    'azimuth and elevation over time.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'same_class',
    _STYLE.same_class,
    'Let two events of one class sound at once.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'moving',
    _STYLE.moving,
    'Fraction of the events that move, 0 to 1.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'rt60',
    '{:g},{:g}'.format(*_STYLE.rt60),
    "Range LOW,HIGH of the rooms' reverberation times in seconds.",
    flag_values=values,
  )
  flags.DEFINE_string(
    'snr_db',
    '{:g},{:g}'.format(*_STYLE.snr_db),
    'Range LOW,HIGH of the SNR of a recording in dB: power of the reverberant '
    'events, while any sounds, over that of the ambience.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'gain_db',
    _VARIATION.gain_db,
    'Variation of the level of every event, plus or minus so many dB; 0: none.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'equalizer_db',
    _VARIATION.equalizer_db,
    'Variation of the level of every octave of every event, plus or minus so '
    'many dB; 0: none.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'stretch',
    _VARIATION.stretch,
    'Variation of pitch and tempo of every event, plus or minus this fraction; '
    '0: none.',
    flag_values=values,
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Renders what the flags ask for."""
  commands.refuse_arguments(argv)
  out = pathlib.Path(values.out or '')
  shard = shards.parse(values.shard)
  formats = _FORMATS[values.format]
  style = scenes.Style(
    moving=values.moving,
    snr_db=_range('snr_db', values.snr_db),
    rt60=_range('rt60', values.rt60),
    same_class=values.same_class,
    variation=scenes.Variation(
      gain_db=values.gain_db,
      equalizer_db=values.equalizer_db,
      stretch=values.stretch,
    ),
  )
  evaluation = values.evaluation
  if evaluation is None and not (out / 'synthesis.json').exists():
    evaluation = True
  scenes.synthesize(
    out,
    events=values.events,
    recordings=values.recordings,
    formats=formats,
    seed=values.seed,
    seconds=values.seconds,
    num_workers=values.workers,
    evaluation=evaluation,
    style=style,
    shard=shard,
  )
  if shard is not None:
    print(f'Part {shard} of the scenes is in {out}.')
    return
  if values.plot:
    plot_set(out, format=formats[0], num_workers=values.workers)
  if evaluation and not any(out.glob('*_eval')):
    folds = ' and '.join(map(str, scenes.EVALUATION_FOLDS))
    print(
      f'No evaluation recordings were written: {values.events} has no sounds '
      f'in folds {folds}.'
    )
  print(f'The scenes are in {out}, described in {out / "scenes.csv"}.')


def plot_set(
  out: pathlib.Path, *, format: str = 'foa', num_workers: int | None = None
) -> None:
  """Draws every recording of a set that has no picture yet into OUT/plots.

  Args:
    out: Folder of the set.
    format: Whose spectrogram to show, that of its first channel.
    num_workers: Processes; None for one a core, 0 for none but this one.

  Raises:
    InputError: A recording cannot be read or a picture not be written.
  """
  recordings = [
    (path, path.parents[1] / f'metadata_{split}' / f'{path.stem}.csv')
    for split in ('dev', 'eval')
    for path in sorted((out / f'{format}_{split}').glob('[!.]*.wav'))
  ]
  pictures = out / 'plots'
  todo = [
    (audio, table)
    for audio, table in recordings
    if not (pictures / f'{audio.stem}.png').is_file()
  ]
  if not todo:
    return
  # Matplotlib takes long to load, in every process that renders, too.
  from seld_jax import figures

  work = functools.partial(figures.write_recording, folder=pictures)
  with progress.bar(
    'plots',
    len(recordings),
    unit='recordings',
    initial=len(recordings) - len(todo),
  ) as advance:
    for _ in scenes.run_in_processes(work, todo, num_workers=num_workers):
      advance()


def _range(name: str, text: str) -> tuple[float, float]:
  """The two numbers of a flag LOW,HIGH."""
  try:
    low, high = map(float, text.split(','))
  except ValueError as error:
    raise InputError(
      f'--{name} needs two numbers LOW,HIGH, got {text!r}.'
    ) from error
  return low, high


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',), resumes=True)
