"""The one exception for mistakes a user can mend, and errors that are such."""

import errno

# Of paths that nobody may look at, or that cannot be one.
BAD_PATHS = (
  errno.EACCES,
  errno.EPERM,
  errno.ENOTDIR,
  errno.ELOOP,
  errno.ENAMETOOLONG,
)


class InputError(ValueError):
  """Something given to seld_jax cannot work as it is.

  The message is one clear sentence that names the file or field, what was
  expected and what came. The commands print it without a traceback and exit
  with 1; a program that imports seld_jax can catch it.
  """
