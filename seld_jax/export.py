"""Exports a trained network into one file, which runs without its code.

The file holds features and network as one program from audio to activity and
directions, its parameters, the config, the classes and the audio format;
`seld_jax.load(FILE)` and all commands with --model take it.

Example:
  python -m seld_jax.export --workdir=runs/mse_foa --out=mse_foa.seld
"""

import pathlib

from absl import flags

from seld_jax import commands, compilation, export_file, predictor
from seld_jax.errors import InputError

_WORKDIR = flags.DEFINE_string('workdir', None, 'Run directory.')
_OUT = flags.DEFINE_string('out', None, 'File to write, e.g. mse_foa.seld.')
_WINDOW = flags.DEFINE_float(
  'window',
  None,
  'Seconds that the network sees at once, fixed in the file; by default as it '
  'was validated.',
)
_PLATFORMS = flags.DEFINE_list(
  'platforms',
  list(export_file.PLATFORMS),
  'Kinds of devices that can run it.',
)


def main(arguments: list[str]) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  unknown = set(_PLATFORMS.value) - {*export_file.PLATFORMS, 'rocm'}
  if unknown or not _PLATFORMS.value:
    raise InputError(
      f'--platforms must be some of {", ".join(export_file.PLATFORMS)}, rocm, '
      f'got {",".join(_PLATFORMS.value)!r}.'
    )
  compilation.use_persistent_cache()
  out = pathlib.Path(str(_OUT.value))
  export = predictor.export_run(
    str(_WORKDIR.value), window=_WINDOW.value, platforms=_PLATFORMS.value
  )
  export_file.write(out, export)
  spec = export.spec
  window = spec.window * spec.hop_length / spec.sample_rate
  print(
    f'{out}: step {export.step}, {len(spec.classes)} classes, {spec.format} of '
    f'{spec.sample_rate} Hz, windows of {window:g} s, '
    f'{out.stat().st_size / 1e6:.2f} MB'
  )


if __name__ == '__main__':
  commands.run(main, required=('workdir', 'out'))
