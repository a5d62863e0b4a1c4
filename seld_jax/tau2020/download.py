"""Downloads that continue where they stopped, and are checked."""

import contextlib
import errno
import os
import pathlib
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import pooch
import requests

import seld_jax
from seld_jax import progress
from seld_jax.errors import InputError

# What is read and written at a time, in bytes.
BLOCK = 1 << 16
# Seconds to wait for a connection, and for the next bytes of it.
TIMEOUT = (15, 60)
# The longest wait before another try, in seconds: for a broken connection, and
# when a server asks for it.
LONGEST_PAUSE = 60
LONGEST_REQUESTED_PAUSE = 600
# Repositories refuse programs that do not say who they are.
_HEADERS = {
  'User-Agent': f'seld_jax/{seld_jax.__version__}',
  # Compressed on the way, a file could not be continued.
  'Accept-Encoding': 'identity',
}
# What may be different the next time: a timeout, too many requests, and all
# errors of the server's own.
_PASSING = (408, 425, 429)

_T = TypeVar('_T')


def file_size(url: str, *, retries: int = 5, pause: float = 2.0) -> int | None:
  """Asks how long a file is without fetching it.

  Args:
    url: Address of the file.
    retries: As for `download`, as is `pause`.
    pause: Seconds.

  Returns:
    Its size in bytes; None where the server does not tell.

  Raises:
    InputError: The server cannot be reached.
  """

  def ask() -> int | None:
    with requests.head(
      url, headers=_HEADERS, timeout=TIMEOUT, allow_redirects=True
    ) as response:
      # Some servers only know how to send files; what is wrong shows then.
      return _length(response) if response.ok else None

  return _persist(ask, url, lambda: 0, retries=retries, pause=pause)


def download(
  url: str,
  path: str | os.PathLike[str],
  *,
  checksum: str,
  retries: int = 5,
  pause: float = 2.0,
) -> None:
  """Downloads a file, or what is missing of it, and checks it.

  What has come so far is in `PATH.part`, and stays there when anything goes
  wrong, even when the program is killed: the next call asks for the rest only.
  A file that is there with the right checksum is left as it is.

  Args:
    url: Address of the file, by HTTP or HTTPS.
    path: The file to write.
    checksum: In the notation of pooch, e.g. `'md5:6aad48e7...'`.
    retries: How often a broken download is taken up again, in a row, without
      a byte coming in between.
    pause: Seconds before the first new try; each further one waits twice as
      long, up to a minute.

  Raises:
    InputError: The server cannot be reached or has no such file, the file has
      another checksum (it is removed then), or it cannot be written, as when
      the disk is full.
  """
  path = pathlib.Path(path)
  part = path.with_name(path.name + '.part')

  def fetch(url: str, output: Any, _: Any) -> None:
    _persist(
      lambda: _continue(url, part),
      url,
      lambda: _size(part),
      retries=retries,
      pause=pause,
    )
    # Pooch removes its file when it is stopped while checking, which takes
    # seconds for gigabytes; under its other name it is kept.
    os.unlink(output)
    try:
      os.link(part, output)
    except OSError:  # not every disk can do that
      os.replace(part, output)

  pooch.get_logger().setLevel('WARNING')  # the bar says it all
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    pooch.retrieve(
      url,
      known_hash=checksum,
      fname=path.name,
      path=path.parent,
      downloader=cast(Any, fetch),  # its arguments have other names there
    )
  except InputError:
    raise
  except OSError as error:
    raise InputError(_why_unwritable(path, error)) from error
  except ValueError as error:
    part.unlink(missing_ok=True)
    got = re.search(r'but got (\w+)', str(error))
    raise InputError(
      f'{url} has not the checksum {checksum}'
      f'{f", but got {got[1]}" if got else ""}; what came was removed, and the '
      'next start fetches it again.'
    ) from error
  part.unlink(missing_ok=True)


def _persist(
  attempt: Callable[[], _T],
  url: str,
  position: Callable[[], int],
  *,
  retries: int,
  pause: float,
) -> _T:
  """Tries again and again while it makes sense."""
  failures = 0
  while True:
    before = position()
    try:
      return attempt()
    except requests.RequestException as error:
      response = error.response
      status = None if response is None else response.status_code
      reason = _reason(error)
      if isinstance(error, ValueError) or (
        status is not None and status < 500 and status not in _PASSING
      ):
        raise InputError(f'{url} cannot be fetched: {reason}.') from error
      # With every byte that came the connection has proved to work.
      failures = 1 if position() > before else failures + 1
      if failures > retries:
        raise InputError(
          f'{url} cannot be fetched: {reason}; check the network and start '
          'again, which continues what has come so far.'
        ) from error
      seconds = min(pause * 2 ** (failures - 1), LONGEST_PAUSE)
      if response is not None and 'Retry-After' in response.headers:
        with contextlib.suppress(ValueError):  # it may be a date
          asked = float(response.headers['Retry-After'])
          seconds = min(max(seconds, asked), LONGEST_REQUESTED_PAUSE)
    print(f'{url}: {reason}; trying again in {seconds:g} s', file=sys.stderr)
    time.sleep(seconds)


def _continue(url: str, part: pathlib.Path) -> None:
  """Fetches what is missing of a file; raises when the connection breaks."""
  have = _size(part)
  headers = dict(_HEADERS)
  if have:
    headers['Range'] = f'bytes={have}-'
  with requests.get(
    url, headers=headers, timeout=TIMEOUT, stream=True
  ) as response:
    if response.status_code == 416 and have:
      return  # nothing is missing; if it is too long, the checksum tells
    response.raise_for_status()
    if response.status_code != 206:
      have = 0  # all of it comes again
    elif not response.headers.get('Content-Range', '').startswith(
      f'bytes {have}-'
    ):
      part.unlink()
      raise requests.ConnectionError('the server sent another part than asked')
    length = _length(response)
    total = have + (length or 0)
    name = part.name.removesuffix('.part')
    try:
      with (
        part.open('ab' if have else 'wb') as file,
        progress.bar(
          name, total / 1e6, unit='MB', initial=have / 1e6
        ) as advance,
      ):
        for block in response.iter_content(BLOCK):
          file.write(block)
          have += len(block)
          advance(len(block) / 1e6)
        if have < total:
          raise requests.ConnectionError('the connection ended early')
    except requests.RequestException:
      raise  # these are OSErrors, too, but of the network
    except OSError as error:
      raise InputError(
        _why_unwritable(part, error, missing=total - have)
      ) from error


def _length(response: requests.Response) -> int | None:
  """Bytes of the body, where the server tells."""
  text = response.headers.get('Content-Length', '')
  return int(text) if text.isdecimal() else None


def _size(path: pathlib.Path) -> int:
  return path.stat().st_size if path.exists() else 0


def _why_unwritable(
  path: pathlib.Path, error: OSError, *, missing: int = 0
) -> str:
  """Why a file cannot be written, and how many bytes are to come."""
  if error.errno not in (errno.ENOSPC, errno.EDQUOT):
    return f'{path} could not be written: {error.strerror or error}.'
  amount = f'{missing / 1e9:.3g} GB' if missing > 0 else 'some space'
  return (
    f'{path} could not be written: the disk that holds {path.parent} is full; '
    f'free {amount} and start again, which continues what has come so far.'
  )


def _reason(error: BaseException) -> str:
  """Why a request failed, as short as the system says it."""
  response = getattr(error, 'response', None)
  if isinstance(error, requests.HTTPError) and response is not None:
    return f'the server answers {response.status_code} {response.reason}'
  while (deeper := error.__cause__ or error.__context__) is not None:
    error = deeper
  text = getattr(error, 'strerror', None) or str(error) or type(error).__name__
  return ' '.join(text.split()).rstrip('.')
