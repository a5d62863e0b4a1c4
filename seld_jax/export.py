"""Exports a trained network to one file that runs without the model code.

The file contains features and network as one program from audio to the outputs
of the network, the parameters, the config, the classes, the audio format and
the output format.
`seld_jax.load(FILE)` and every command with --model accept it.

Example:
  python -m seld_jax.export --workdir=runs/mse_foa --out=mse_foa.seld
"""

import dataclasses
import pathlib

from absl import flags

from seld_jax import commands, files, predictor
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import export_file


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string('workdir', None, 'Run directory.')
  define.string('out', None, 'File to write, e.g. mse_foa.seld.')
  define.float(
    'window',
    None,
    'Length of the windows of the network in seconds; the export accepts no '
    'other length. Default: the length that it was validated with.',
  )
  define.bool(
    'refine_directions',
    False,
    'Predictions with the export refine directions, as with '
    '--refine_directions of `python -m seld_jax.predict`, unless they have '
    '--norefine_directions. Only for FOA.',
  )
  define.list(
    'platforms',
    list(export_file.PLATFORMS),
    'Platforms that the export can run on, separated by commas: some of cpu, '
    'cuda, tpu, rocm.',
  )
  define.string(
    'card',
    None,
    'Text file (Markdown) that the export contains as README.md: data, scores, '
    'licence and limits of the network.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Exports a run."""
  commands.refuse_arguments(arguments)
  unknown = set(values.platforms) - {*export_file.PLATFORMS, 'rocm'}
  if unknown or not values.platforms:
    raise InputError(
      f'--platforms must be some of {", ".join(export_file.PLATFORMS)}, rocm, '
      f'got {",".join(values.platforms)!r}.'
    )
  compilation.use_persistent_cache()
  out = pathlib.Path(str(values.out))
  inputs = {'card': values.card, 'workdir': str(values.workdir)}
  files.check_output(out, example='network.seld', inputs=inputs)
  card = _read_card(values.card) if values.card else ''
  export = predictor.export_run(
    str(values.workdir),
    window=values.window,
    platforms=values.platforms,
    refine_directions=values.refine_directions,
  )
  export = dataclasses.replace(export, card=card)
  export_file.write(out, export)
  spec = export.spec
  window = spec.window * spec.hop_length / spec.sample_rate
  print(
    f'{out}: step {export.step}, {len(spec.classes)} classes, {spec.format} of '
    f'{spec.sample_rate} Hz, windows of {window:g} s, '
    f'{out.stat().st_size / 1e6:.2f} MB'
  )


def _read_card(path: str) -> str:
  """Reads the text of a model card."""
  try:
    return pathlib.Path(path).read_text(encoding='utf-8')
  except UnicodeDecodeError as error:
    raise InputError(f'{path} (--card) must be text in UTF-8.') from error
  except OSError as error:
    raise InputError(
      f'{path} (--card) cannot be read: {error.strerror or error}.'
    ) from error


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('workdir', 'out'))
