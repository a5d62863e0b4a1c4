"""The trackers by name, and the packages that they need."""

import importlib.util
from collections.abc import Sequence

from seld_jax.errors import InputError

# The file metrics.jsonl of the run itself, which needs no package.
JSONL = 'jsonl'

# The package of each other tracker. The extra of pyproject.toml that installs
# it has the name of the tracker.
PACKAGES = {
  'tensorboard': 'tensorboardX',
  'trackio': 'trackio',
  'wandb': 'wandb',
}

NAMES = (JSONL, *PACKAGES)


def check_installed(names: Sequence[str]) -> None:
  """Checks that the packages of trackers are installed.

  Nothing is imported.

  Args:
    names: Trackers, any of `NAMES`.

  Raises:
    InputError: A package is missing.

  Example:
    >>> from seld_jax import trackers
    >>> trackers.check_installed(['jsonl'])
  """
  for name in names:
    package = PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
      raise InputError(
        f'config.log.to contains {name!r}, which needs the package {package}: '
        f'install it with `pip install {package}`, or remove {name!r}.'
      )
