"""The exception for mistakes that a user can fix."""

import errno

# errno values of paths that cannot be accessed or are not valid paths.
BAD_PATHS = (
  errno.EACCES,
  errno.EPERM,
  errno.ENOTDIR,
  errno.ELOOP,
  errno.ENAMETOOLONG,
)


class InputError(ValueError):
  """An input to seld_jax is wrong and the user can fix it.

  The message is one sentence. It names the file or field, what was expected and
  what was found. The commands print it without a traceback and exit with status
  1; a program that imports seld_jax can catch it.

  Example:
    >>> import seld_jax
    >>> from seld_jax.errors import InputError
    >>> try:
    ...   seld_jax.load('runs/missing')
    ... except InputError as error:
    ...   print(str(error)[:27])
    runs/missing does not exist
  """
