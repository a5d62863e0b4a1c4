"""Renders sound scenes in the layouts of TAU-NIGENS, STARSS23 and DCASE 2025.

The same flags give the same files, for any number of workers. Run the command
again to resume an interrupted set, or with --format=both to add the other
format. With --shard=1/4 to --shard=4/4, four machines that share a folder
render a quarter each; run the command without --shard afterwards to complete
the set.

Example:
  python -m seld_jax.synthesize --out=data/scenes --recordings=60 --seed=0
  python -m seld_jax.synthesize --out=data/three --max_overlap=3
  python -m seld_jax.synthesize --out=data/starss --layout=starss23
  python -m seld_jax.synthesize --out=data/stereo --format=stereo
  python -m seld_jax.synthesize --out=data/measured --rirs=RESPONSES

With --from_foa=ROOT, nothing is rendered: stereo clips are made of the
recordings in ROOT/foa_dev and their labels, as the set of DCASE 2025 was made
of STARSS23.
"""

import contextlib
import functools
import pathlib
from collections.abc import Sequence

from absl import flags

from seld_jax import commands, dataset, progress, scenes, shards
from seld_jax.errors import InputError

_FORMATS = {
  'foa': ('foa',),
  'mic': ('mic',),
  'both': ('foa', 'mic'),
  'stereo': ('stereo',),
}
# Flags that mean nothing if recordings are converted to stereo clips.
_RENDERING = (
  *('events', 'recordings', 'evaluation', 'seconds', 'layout', 'folds'),
  *('max_overlap', 'same_class_overlap', 'moving', 'rt60', 'snr_db'),
  *('gain_db', 'equalizer_db', 'stretch', 'others', 'others_share', 'silent'),
  *('peak_dbfs', 'rirs', 'rir_rooms', 'measured_rooms'),
)
_STYLE = scenes.Style()
_VARIATION = scenes.Variation()


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string('out', None, 'Folder for the set.')
  define.string(
    'events',
    None,
    'Dry sounds: a folder with files class/*.wav|flac|ogg, or a manifest.csv '
    'with the columns file, class, fold and optionally group. Default: '
    'synthetic sounds.',
  )
  define.integer(
    'recordings',
    60,
    'Number of development recordings, distributed over the folds. If there '
    'are sounds for folds 7 and 8, a third of this number of evaluation '
    'recordings is added.',
    lower_bound=1,
  )
  define.bool(
    'evaluation',
    None,
    'Also render evaluation recordings. Default: as in the set that is already '
    'in --out; true for a new set, unless --folds leaves out folds 7 and 8.',
  )
  define.enum(
    'format',
    'foa',
    list(_FORMATS),
    'First-order Ambisonics (foa), four capsules on a rigid sphere (mic), both '
    'formats of the same scenes, or stereo clips of 5 s that look in random '
    'directions (stereo).',
  )
  define.enum(
    'layout',
    None,
    scenes.LAYOUTS,
    'Folders, folds and names of the files. In starss23 and dcase2025, fold 3 '
    'is for training and fold 4 for the test. Default: dcase2025 for stereo, '
    'else tau2020.',
  )
  define.enum(
    'classes',
    None,
    list(scenes.CLASS_MAPS),
    'The classes of the sounds: the 14 of TAU-NIGENS 2020, the 12 of 2021, the '
    '13 of STARSS22 and STARSS23, or the 14 of L3DAS22. Default: those of the '
    'layout.',
  )
  define.list(
    'folds',
    None,
    'Folds of the development recordings, such as 1,3,4 for synthetic '
    'recordings (fold 1) beside those of STARSS23. Folds 7 and 8 are for the '
    'evaluation. Default: all of the layout.',
  )
  define.float(
    'clips',
    1.0,
    'Number of stereo clips for each 5 s of a recording (about 5.6 in the '
    'published set of 2025).',
  )
  define.string(
    'from_foa',
    None,
    'Folder of a dataset with foa_dev and metadata_dev, such as STARSS23: make '
    'stereo clips of it, and render nothing.',
  )
  define.integer('seed', 0, 'Seed of the random scenes.', lower_bound=0)
  define.float(
    'seconds', 60.0, 'Length of each recording in seconds.', lower_bound=1.0
  )
  define.integer(
    'workers',
    None,
    'Number of processes. Default: one per core.',
    lower_bound=1,
  )
  define.string(
    'shard',
    '',
    'Render only one shard of the set, NUMBER/COUNT such as 3/16, counted from '
    '1. Afterwards, run the command without --shard: it joins the shards and '
    'draws the pictures.',
  )
  define.bool(
    'plot',
    False,
    'Draw a picture of each recording into OUT/plots: spectrogram, activity, '
    'azimuth and elevation.',
  )
  define.integer(
    'max_overlap',
    _STYLE.max_overlap,
    'Largest number of simultaneous events, 1 to 3. A set has as many '
    'recordings with each number up to this one, named ..._ov1, _ov2, _ov3.',
  )
  define.bool(
    'same_class_overlap',
    _STYLE.same_class_overlap,
    'Give about a third of the overlapping events the class of an event that '
    'they overlap. Otherwise, none have it.',
  )
  define.enum(
    'csv_edition',
    None,
    scenes.CSV_EDITIONS,
    'Edition of the challenge whose form the label files have: until 2022 '
    'without distances, from 2023 on with distances in centimetres; 2025 is '
    'for stereo. Default: that of the layout.',
  )
  define.float(
    'moving', _STYLE.moving, 'Fraction of the events that move, 0 to 1.'
  )
  define.string(
    'rt60',
    '{:g},{:g}'.format(*_STYLE.rt60),
    'Range LOW,HIGH of the reverberation times (RT60) of the rooms in seconds.',
  )
  define.string(
    'snr_db',
    '{:g},{:g}'.format(*_STYLE.snr_db),
    'Range LOW,HIGH of the SNRs of the recordings in dB. The SNR is the power '
    'of the reverberant events, while any is active, over the power of the '
    'ambience.',
  )
  define.float(
    'gain_db',
    _VARIATION.gain_db,
    'Largest random change of the level of an event, up or down, in dB; 0 for '
    'none.',
  )
  define.float(
    'equalizer_db',
    _VARIATION.equalizer_db,
    'Largest random change of the level of each octave of an event, up or '
    'down, in dB; 0 for none.',
  )
  define.float(
    'stretch',
    _VARIATION.stretch,
    'Largest random change of pitch and tempo of an event, up or down, as a '
    'fraction of at least 0.01, in steps of 0.01; 0 for none.',
  )
  define.string(
    'others',
    None,
    'Sounds that recordings have besides, without labels: a folder with '
    'folders of wav, flac or ogg files, or a manifest.csv as for --events with '
    'any classes. Sounds of the labelled classes are left out.',
  )
  define.float(
    'others_share',
    _STYLE.others,
    'Fraction of the recordings with such other sounds, 0 to 1.',
  )
  define.float(
    'silent',
    _STYLE.silent,
    'Fraction of the recordings without any labelled event, 0 to 1.',
  )
  define.string(
    'peak_dbfs',
    None,
    'Range LOW,HIGH of the peak levels of the recordings in dB of full scale, '
    'such as -40,-3. Default: an RMS of 0.05, and a peak of at most 0.89.',
  )
  define.string(
    'rirs',
    None,
    'Folder of measured room responses in first-order Ambisonics with a table '
    'directions.csv: events are filtered by them instead of by those of '
    'simulated rooms. For the formats foa and stereo.',
  )
  define.list(
    'rir_rooms',
    [],
    'Names of the measured rooms to use, as in the column room of '
    'directions.csv. Default: all.',
  )
  define.float(
    'measured_rooms',
    _STYLE.measured_rooms,
    'With --rirs, the fraction of the rooms that are measured ones, 0 to 1; '
    'the others are simulated.',
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Renders a set of scenes and prints where it is."""
  commands.refuse_arguments(argv)
  out = pathlib.Path(values.out or '')
  shard = shards.parse(values.shard)
  if values.from_foa is not None:
    _convert(out, values, shard)
    return
  formats = _FORMATS[values.format]
  if values['clips'].present and values.format != 'stereo':
    raise InputError(
      '--clips is the number of stereo clips, but the format is '
      f'{values.format}: add --format=stereo, or leave out --clips.'
    )
  style = scenes.Style(
    moving=values.moving,
    snr_db=_range('snr_db', values.snr_db),
    rt60=_range('rt60', values.rt60),
    max_overlap=values.max_overlap,
    same_class_overlap=values.same_class_overlap,
    variation=scenes.Variation(
      gain_db=values.gain_db,
      equalizer_db=values.equalizer_db,
      stretch=values.stretch,
    ),
    measured_rooms=values.measured_rooms,
    others=values.others_share,
    silent=values.silent,
    peak_dbfs=_range('peak_dbfs', values.peak_dbfs)
    if values.peak_dbfs
    else None,
  )
  for name, needed in (
    ('others_share', 'others'),
    ('measured_rooms', 'rirs'),
  ):
    if values[name].present and values[needed].value is None:
      raise InputError(
        f'--{name} means nothing without --{needed}: add it, or leave out '
        f'--{name}.'
      )
  folds = _folds(values.folds)
  evaluation = values.evaluation
  if evaluation is None and not (out / 'synthesis.json').exists():
    evaluation = folds is None or bool({*folds} & {*scenes.EVALUATION_FOLDS})
  scenes.synthesize(
    out,
    events=values.events,
    recordings=values.recordings,
    formats=formats,
    seed=values.seed,
    seconds=values.seconds,
    num_workers=values.workers,
    evaluation=evaluation,
    folds=folds,
    style=style,
    csv_edition=values.csv_edition,
    classes=values.classes,
    layout=values.layout,
    clips=values.clips,
    shard=shard,
    others=values.others,
    rirs=values.rirs,
    rir_rooms=values.rir_rooms,
  )
  if shard is not None:
    print(f'Shard {shard} of the scenes is in {out}.')
    return
  if values.plot:
    plot_set(
      out,
      format=formats[0],
      classes=scenes.classes_of(out),
      num_workers=values.workers,
    )
  if evaluation and not any(out.glob('*_eval')):
    numbers = ' and '.join(map(str, scenes.EVALUATION_FOLDS))
    reason = f'{values.events or "the bank"} has no sounds in folds {numbers}'
    if folds is not None and not {*folds} & {*scenes.EVALUATION_FOLDS}:
      reason = f'--folds leaves out folds {numbers}'
    print(f'No evaluation recordings were written because {reason}.')
  print(f'The scenes are in {out}, described in {out / "scenes.csv"}.')


def _convert(
  out: pathlib.Path, values: flags.FlagValues, shard: shards.Shard | None
) -> None:
  """Makes stereo clips of a dataset, and prints where they are."""
  for name in _RENDERING:
    if values[name].present:
      raise InputError(
        f'--{name} is for scenes that are rendered, but --from_foa makes '
        'stereo clips of recordings: leave out one of the two.'
      )
  if values['format'].present and values.format != 'stereo':
    raise InputError(
      f'--from_foa makes stereo clips, got --format={values.format}: leave out '
      'one of the two.'
    )
  root = pathlib.Path(values.from_foa)
  pairs = dataset.list_pairs(root, format='foa')
  if not pairs:
    raise InputError(
      f'{root / "foa_dev"} has no recordings; --from_foa is the folder of a '
      'dataset with foa_dev and metadata_dev.'
    )
  recordings = []
  for pair in pairs:
    if pair.audio is None or pair.labels is None:
      raise InputError(
        f'{pair.missing} is missing: each recording needs a sound file and a '
        'label file.'
      )
    folder = pathlib.PurePath()
    if pair.audio.is_relative_to(root / 'foa_dev'):
      folder = pair.audio.parent.relative_to(root / 'foa_dev')
    recordings.append(
      scenes.FoaRecording(pair.audio, pair.labels, '/'.join(folder.parts))
    )
  scenes.convert_foa(
    recordings,
    out,
    clips=values.clips,
    seed=values.seed,
    csv_edition=values.csv_edition or '2023',
    num_workers=values.workers,
    shard=shard,
  )
  if shard is not None:
    print(f'Shard {shard} of the stereo clips is in {out}.')
    return
  if values.plot:
    classes = scenes.CLASS_MAPS[values.classes or 'starss']
    plot_set(out, format='stereo', classes=classes, num_workers=values.workers)
  print(f'The stereo clips are in {out}.')


def plot_set(
  out: pathlib.Path,
  *,
  format: str = 'foa',
  classes: Sequence[str] = scenes.CLASS_MAPS['tau2020'],
  num_workers: int | None = None,
) -> None:
  """Draws each recording of a set into OUT/plots, unless it has a picture.

  Args:
    out: Folder of the set.
    format: Format of the recordings to draw, `'foa'`, `'mic'` or `'stereo'`.
      The picture shows the spectrogram of their first channel.
    classes: The names of all classes, by index.
    num_workers: Number of processes; None for one per core, 0 to draw in this
      process.

  Raises:
    InputError: A recording cannot be read or a picture cannot be written.
  """
  recordings = []
  for split in ('dev', 'eval'):
    folder = out / f'{format}_{split}'
    for path in sorted(folder.rglob('[!.]*.wav')):
      within = path.relative_to(folder).with_suffix('.csv')
      recordings.append((path, out / f'metadata_{split}' / within))
  pictures = out / 'plots'
  todo = [
    (audio, table)
    for audio, table in recordings
    if not (pictures / f'{audio.stem}.png').is_file()
  ]
  if not todo:
    return
  # Imported here because Matplotlib is slow to import, and each process that
  # renders scenes imports this module.
  from seld_jax import figures

  work = functools.partial(
    figures.write_recording, folder=pictures, classes=classes
  )
  results = scenes.run_in_processes(work, todo, num_workers=num_workers)
  with (
    progress.bar(
      'plots',
      len(recordings),
      unit='recordings',
      initial=len(recordings) - len(todo),
    ) as advance,
    contextlib.closing(results),
  ):
    for _ in results:
      advance()


def _folds(texts: list[str] | None) -> list[int] | None:
  """Parses the numbers of --folds."""
  if not texts:
    return None
  try:
    return [int(text) for text in texts]
  except ValueError as error:
    raise InputError(
      f'--folds must be numbers such as 1,3,4, got {",".join(texts)!r}.'
    ) from error


def _range(name: str, text: str) -> tuple[float, float]:
  """Parses the two numbers of a flag LOW,HIGH."""
  try:
    low, high = map(float, text.split(','))
  except ValueError as error:
    raise InputError(
      f'--{name} must be two numbers LOW,HIGH, got {text!r}.'
    ) from error
  return low, high


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('out',), resumes=True)
