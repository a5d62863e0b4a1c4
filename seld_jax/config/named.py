"""The configs that come with seld_jax, which have names such as mse_foa.

They are the files of the folder `configs`. It lies beside the package in a
clone of the repository, and inside of it where the package is installed.
"""

import difflib
import pathlib

from seld_jax.errors import InputError

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


def config_files() -> dict[str, pathlib.Path]:
  """The files of the configs by their names.

  Returns:
    Paths by name, such as `mse_foa`, in alphabetical order.

  Example:
    >>> from seld_jax import config
    >>> config.config_files()['mse_foa'].name
    'mse_foa.py'
  """
  for folder in (_PACKAGE / 'configs', _PACKAGE.parent / 'configs'):
    if (folder / 'mse_foa.py').is_file():
      paths = sorted(folder.glob('[!_]*.py'))
      return {path.stem: path for path in paths}
  return {}


def find_config(name: str) -> pathlib.Path:
  """The file of a config.

  Args:
    name: The path of a file, or the name of a config that comes with seld_jax.

  Returns:
    The path.

  Raises:
    InputError: There is neither such a file nor such a config.

  Example:
    >>> from seld_jax import config
    >>> config.find_config('mse_foa').name
    'mse_foa.py'
    >>> config.find_config('mse_fao')
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: --config: there is no file mse_fao, and no
    config of this name; did you mean mse_foa?
  """
  path = pathlib.Path(name)
  if path.is_file():
    return path
  known = config_files()
  if name in known:
    return known[name]
  # Most likely a config of the package, if its folder is not at hand.
  stem = path.stem if path.parent.name in ('', 'configs') else ''
  if stem in known:
    raise InputError(
      f'--config: there is no file {path}; --config={stem} is the config of '
      'this name that comes with seld_jax.'
    )
  nearest = difflib.get_close_matches(stem or name, known, n=1)
  remedy = (
    f'; did you mean {nearest[0]}?'
    if nearest
    else ', such as mse_foa or quick; or write a file of your own.'
  )
  raise InputError(
    f'--config: there is no file {path}, and no config of this name{remedy}'
  )
