"""Networks from a model hub, by name."""

import pathlib
import re
from typing import TypeGuard

from seld_jax.errors import InputError, shown
from seld_jax.train import pretrained

# What a name begins with: `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`.
PREFIX = 'hf:'
_NAME = re.compile(r'(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?')


def is_name(source: object) -> TypeGuard[str]:
  """Whether a source is the name of a network on a hub.

  Args:
    source: What a user named.

  Returns:
    Whether it begins with `hf:`.
  """
  return isinstance(source, str) and source.startswith(PREFIX)


def download(source: str) -> pathlib.Path:
  """Downloads the files of a network, or finds them in the cache.

  Only the files of a shared folder are downloaded, whatever else there is. The
  address of the hub, the cache and the access are those of `huggingface_hub`
  (HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE).

  Args:
    source: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION` for a branch, a tag or
      a commit.

  Returns:
    The folder, for `pretrained.read`.

  Raises:
    InputError: The name is wrong, the package is missing, the hub cannot be
      reached, or it has no such network.
  """
  match = _NAME.fullmatch(source.removeprefix(PREFIX))
  if not match:
    raise InputError(
      'A network of a hub is named hf:OWNER/NAME or hf:OWNER/NAME@REVISION, '
      f'got {shown(source)}.'
    )
  try:
    import huggingface_hub
    from huggingface_hub import errors
  except ImportError as error:
    raise InputError(
      f'{source} needs the package huggingface_hub: install it with `pip '
      'install huggingface_hub`.'
    ) from error
  name, revision = match.groups()
  try:
    folder = huggingface_hub.snapshot_download(
      name, revision=revision, allow_patterns=list(pretrained.NAMES)
    )
  except errors.RevisionNotFoundError as error:
    raise InputError(
      f'{source}: the hub has {name}, but not the revision {revision}.'
    ) from error
  except errors.RepositoryNotFoundError as error:
    raise InputError(
      f'{source}: the hub has no network {name}, or it is private; log in with '
      '`hf auth login` if it is yours.'
    ) from error
  except Exception as error:  # the package raises types of its HTTP library
    raise InputError(
      f'{source} cannot be downloaded ({type(error).__name__}: '
      f'{_first_line(error)}); check the connection, or load a folder that you '
      'have.'
    ) from error
  path = pathlib.Path(folder)
  if not pretrained.is_pretrained(path):
    raise InputError(
      f'{source} has no {pretrained.WEIGHTS}, so that it is not a network of '
      'seld_jax.'
    )
  return path


def _first_line(error: BaseException) -> str:
  return (str(error).strip().splitlines() or ['no reason given'])[0].rstrip('.')
