"""Writes a trained network into a folder that people share.

The folder has the parameters (model.safetensors), the configuration
(config.json) and a model card (README.md); no file holds code. Upload it to a
model hub as it is, or copy it. `seld_jax.load(FOLDER)` and every command with
--model accept it; from a hub they accept `hf:OWNER/NAME`.

Examples:
  python -m seld_jax.save_pretrained runs/mse_foa shared/mse_foa
  python -m seld_jax.save_pretrained --dtype=float16 --license=cc-by-nc-4.0 \
    --name="SELD network of two rooms" runs/mse_foa shared/mse_foa
"""

import pathlib

from absl import flags

from seld_jax import commands, runs
from seld_jax import model as model_lib
from seld_jax.errors import InputError, printable
from seld_jax.train import model_card, pretrained, snapshot


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.enum(
    'dtype',
    'float32',
    list(pretrained.DTYPES),
    'Type of the stored parameters. float16 halves the size of the file and '
    'rounds them to about three digits.',
  )
  define.string(
    'name',
    None,
    'Name of the network in the model card. Default: the name of the folder.',
  )
  define.string(
    'license',
    '',
    'Licence of the weights as hubs name it, e.g. cc-by-4.0 or cc-by-nc-4.0.',
  )
  define.bool(
    'replace_card',
    False,
    'Write a new model card even if the folder has a README.md. Otherwise that '
    'one stays as it is, because somebody may have added to it.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Writes the folder of a run."""
  if len(arguments) != 2:
    raise InputError(
      'A run directory and a folder are needed: '
      f'python -m seld_jax.save_pretrained RUN FOLDER, got {len(arguments)} '
      'arguments.'
    )
  run, folder = map(pathlib.Path, arguments)
  trained = snapshot.read(run)
  path, card = folder / pretrained.CARD, None
  if values.replace_card or not path.exists():
    card = model_card.make(
      trained,
      name=printable(values.name or folder.resolve().name),
      scores=runs.read_scores(run) if runs.is_complete(run) else None,
      license=values.license,
    )
  pretrained.write(folder, trained, card=card, dtype=values.dtype)
  size = (folder / pretrained.WEIGHTS).stat().st_size
  count = model_lib.count_parameters(trained.variables['params'])
  print(
    f'{folder}: step {trained.step}, {count:,} parameters in {values.dtype}, '
    f'{size / 1e6:.2f} MB'
  )
  if card is None:
    print(
      f'{path} was there already and is not changed: check whether it is about '
      'this network, or have it written anew with --replace_card.'
    )
    return
  print(
    f'{path}: say there what the network was trained on, under which licence '
    'it may be used, and what has not been tested.'
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
