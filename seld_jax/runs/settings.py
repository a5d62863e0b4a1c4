"""What differs between the configurations of runs."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import config as config_lib


def differing_fields(
  configs: Sequence[Mapping[str, Any]],
) -> dict[str, list[Any]]:
  """Finds the fields in which configurations differ.

  A field that a configuration lacks has its default, because it is newer than
  the run. A field that this version does not know is kept; where it is missing,
  its value is None.

  Args:
    configs: The contents of config.json of runs.

  Returns:
    For each field that differs, its value in each configuration, in the order
    of the configurations. Fields are named by section and name, such as
    `train.batch_size`, and have the order of the defaults.

  Raises:
    InputError: A field has a type that this version does not accept.

  Example:
    >>> from seld_jax import runs
    >>> runs.differing_fields([{'seed': 1}, {'train': {'batch_size': 8}}])
    {'seed': [1, 0], 'train.batch_size': [64, 8]}
  """
  flat = []
  for one in configs:
    known = config_lib.to_dict(config_lib.from_dict(one, skip_unknown=True))
    # The known fields first, for their order; their values are not replaced.
    fields = config_lib.flatten(known)
    flat.append({**fields, **config_lib.flatten(one), **fields})
  names = dict.fromkeys(itertools.chain.from_iterable(flat))
  values = {name: [one.get(name) for one in flat] for name in names}
  return {
    name: of_all
    for name, of_all in values.items()
    if any(one != of_all[0] for one in of_all[1:])
  }
