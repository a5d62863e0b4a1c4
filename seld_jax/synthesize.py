"""Renders sound scenes in the layout of TAU-NIGENS Spatial Sound Events 2020.

Example:
  python -m seld_jax.synthesize --out=data/scenes --recordings=60 --seed=0
"""

import pathlib

from absl import flags

from seld_jax import commands, scenes
from seld_jax.scenes import events as events_lib

_OUT = flags.DEFINE_string('out', None, 'Folder to write the set to.')
_EVENTS = flags.DEFINE_string(
  'events',
  None,
  'Dry sounds: a folder of class/*.wav|flac|ogg, or a manifest.csv with the '
  'columns file, class, fold and optionally group. Without it, sounds are '
  'synthesised.',
)
_RECORDINGS = flags.DEFINE_integer(
  'recordings',
  60,
  'Number of development recordings, spread over the folds; a third as many '
  'evaluation recordings come on top when the sounds have folds 7 and 8.',
  lower_bound=1,
)
_FORMAT = flags.DEFINE_enum(
  'format', 'foa', ['foa'], 'Format of the recordings: Ambisonics (foa).'
)
_SEED = flags.DEFINE_integer('seed', 0, 'Determines the set.', lower_bound=0)
_SECONDS = flags.DEFINE_float(
  'seconds', 60.0, 'Length of every recording.', lower_bound=1.0
)
_WORKERS = flags.DEFINE_integer(
  'workers', None, 'Processes; by default one a core.', lower_bound=1
)


def main(argv: list[str]) -> None:
  """Renders what the flags ask for."""
  commands.refuse_arguments(argv)
  out = pathlib.Path(_OUT.value or '')
  scenes.synthesize(
    out,
    events=_EVENTS.value,
    recordings=_RECORDINGS.value,
    formats=(_FORMAT.value,),
    seed=_SEED.value,
    seconds=_SECONDS.value,
    num_workers=_WORKERS.value,
    evaluation=True,
  )
  if not any(out.glob('*_eval')):
    folds = ' and '.join(map(str, events_lib.EVALUATION_FOLDS))
    print(
      f'No evaluation recordings were written: {_EVENTS.value} has no sounds '
      f'in folds {folds}.'
    )
  print(f'The scenes are in {out}, described in {out / "scenes.csv"}.')


if __name__ == '__main__':
  commands.run(main, required=('out',))
