"""Downloads that resume where they stopped, and that are checked."""

import contextlib
import hashlib
import logging
import os
import pathlib
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import requests

import seld_jax
from seld_jax import files, progress
from seld_jax.errors import InputError, shown

# Bytes that are read and written at a time.
BLOCK = 1 << 16
# Seconds to wait for a connection, and for its next bytes.
TIMEOUT = (15, 60)
# Longest wait before the next attempt, in seconds: after a broken connection,
# and when the server asks for a certain wait.
LONGEST_PAUSE = 60
LONGEST_REQUESTED_PAUSE = 600
# Files of at least this size show a progress bar during their checksum.
_LARGE = 200_000_000
_HEADERS = {
  # Some repositories refuse programs that do not identify themselves.
  'User-Agent': f'seld_jax/{seld_jax.__version__}',
  # A download that is compressed on the way could not be resumed.
  'Accept-Encoding': 'identity',
}
# Status codes below 500 after which another attempt makes sense: a timeout, and
# requests that come too early or too often. All codes from 500 on are retried.
_TEMPORARY = (408, 425, 429)
# Longest number of bytes that a server may report, in digits: an exabyte.
_LONGEST_LENGTH = 18
# Addresses to which a server may redirect a request, one after the other.
_MOST_REDIRECTS = 10

# Status codes of answers that are a file, or a part of it.
_FILES = (200, 203, 206)

_T = TypeVar('_T')
_log = logging.getLogger(__name__)


def file_size(url: str, *, retries: int = 5, pause: float = 2.0) -> int | None:
  """Asks a server for the size of a file.

  Args:
    url: Address of the file.
    retries: See `download`.
    pause: See `download`.

  Returns:
    The size in bytes; None if the server does not report it.

  Raises:
    InputError: The server cannot be reached, or reports an impossible size.
  """

  def ask() -> int | None:
    with _answer('HEAD', url, _HEADERS) as response:
      # Some servers do not support this request. If something else is wrong,
      # the download itself will fail and report it. Others answer with the
      # length of their empty answer.
      is_file = response.status_code in _FILES
      return (_length(response) or None) if is_file else None

  return _persist(ask, url, lambda: 0, retries=retries, pause=pause)


def read(url: str, *, most: int, retries: int = 5, pause: float = 2.0) -> bytes:
  """Downloads a small file to memory.

  Args:
    url: Address of the file.
    most: Largest size in bytes.
    retries: See `download`.
    pause: See `download`.

  Returns:
    The bytes of the file.

  Raises:
    InputError: The server cannot be reached, does not have the file, or sends
      more bytes.
  """

  def ask() -> bytes:
    received = bytearray()
    with _answer('GET', url, _HEADERS) as response:
      _check_answer(response)
      for block in response.iter_content(BLOCK):
        received += block
        if len(received) > most:
          raise InputError(
            f'{url} cannot be fetched: the server sends more than {most} bytes.'
          )
      if len(received) < (_length(response) or 0):
        raise requests.ConnectionError('the connection ended early')
    return bytes(received)

  return _persist(ask, url, lambda: 0, retries=retries, pause=pause)


def download(
  url: str,
  path: str | os.PathLike[str],
  *,
  checksum: str = '',
  size: int | None = None,
  most: int | None = None,
  retries: int = 5,
  pause: float = 2.0,
) -> None:
  """Downloads a file, or the missing rest of it, and checks it.

  The received bytes are in `PATH.part` and stay there when anything goes wrong,
  even when the program is killed; the next call only requests the rest. A file
  that is there and has the right checksum is left as it is.

  Args:
    url: Address of the file, with HTTP or HTTPS.
    path: The file to write.
    checksum: Algorithm and hexadecimal digest, e.g. `'md5:6aad48e7...'`. If it
      is empty, the file is only checked by its size.
    size: Exact size of the file in bytes, if known. It takes the place of
      `most`.
    most: Largest size of the file in bytes, if known. A server that sends more
      is refused before more is written.
    retries: How often a broken download is retried in a row without receiving
      any data.
    pause: Seconds before the first retry. Each further one waits twice as
      long, up to a minute.

  Raises:
    InputError: The server cannot be reached or does not have the file, the
      file has another checksum or size or is larger than `most` (it is deleted
      then), it cannot be written, for instance because the disk is full, or
      `checksum` has another form.
  """
  _check_form(checksum)
  path = pathlib.Path(path)
  part = path.with_name(path.name + '.part')
  if size is not None:
    most = size
  with files.explained(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and not _difference(path, checksum, size):
      part.unlink(missing_ok=True)
      return
  if size is None or _size(part) != size or not part.exists():
    _persist(
      lambda: _resume(url, part, most),
      url,
      lambda: _size(part),
      retries=retries,
      pause=pause,
    )
  with files.explained(path):
    if difference := _difference(part, checksum, size):
      part.unlink()
      raise InputError(
        f'{url} should have {difference}; it was deleted: start again to '
        'download it again.'
      )
    os.replace(part, path)


def _check_form(checksum: str) -> None:
  """Raises InputError for a checksum that cannot be compared."""
  algorithm, _, digest = checksum.lower().partition(':')
  # The digests of shake have no length of their own.
  known = sorted(
    name for name in hashlib.algorithms_guaranteed if 'shake' not in name
  )
  if checksum and (algorithm not in known or not digest):
    raise InputError(
      'A checksum must be an algorithm and its digest, such as '
      f'md5:6aad48e7..., got {shown(checksum)}; algorithms are '
      f'{", ".join(known)}.'
    )


def _difference(path: pathlib.Path, checksum: str, size: int | None) -> str:
  """What a file should have, and what it has instead; empty if it is right."""
  have = path.stat().st_size
  if size is not None and have != size:
    return f'{size} bytes, but the received file has {have}'
  if checksum:
    found = _checksum(path, like=checksum)
    if found != checksum.lower():
      return f'the checksum {checksum}, but the received file has {found}'
  return ''


def _checksum(path: pathlib.Path, *, like: str) -> str:
  """Returns the checksum of a file by the algorithm of another checksum."""
  algorithm = like.partition(':')[0].lower()
  digest = hashlib.new(algorithm, usedforsecurity=False)
  size = path.stat().st_size
  # The bar shows nothing for a total of 0.
  total = size / 1e6 if size >= _LARGE else 0
  name = path.name.removesuffix('.part')
  with (
    progress.bar(f'{name}, checking', total, unit='MB') as advance,
    path.open('rb') as file,
  ):
    while block := file.read(16 * BLOCK):
      digest.update(block)
      advance(len(block) / 1e6)
  return f'{algorithm}:{digest.hexdigest()}'


def _persist(
  attempt: Callable[[], _T],
  url: str,
  position: Callable[[], int],
  *,
  retries: int,
  pause: float,
) -> _T:
  """Repeats an attempt after temporary failures.

  Args:
    attempt: The function to call.
    url: The address, for messages.
    position: Returns the number of bytes received so far.
    retries: See `download`.
    pause: See `download`.

  Returns:
    The result of the first successful attempt.

  Raises:
    InputError: A failure is permanent, or there were too many failures.
  """
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
        status is not None and status < 500 and status not in _TEMPORARY
      ):
        raise InputError(f'{url} cannot be fetched: {reason}.') from error
      # Received bytes show that the connection works: count from 1 again.
      failures = 1 if position() > before else failures + 1
      if failures > retries:
        raise InputError(
          f'{url} cannot be fetched: {reason}; check the network and start '
          'again: the download will resume.'
        ) from error
      seconds = min(pause * 2 ** (failures - 1), LONGEST_PAUSE)
      if response is not None and 'Retry-After' in response.headers:
        with contextlib.suppress(ValueError):  # it may be a date
          asked = float(response.headers['Retry-After'])
          seconds = min(max(seconds, asked), LONGEST_REQUESTED_PAUSE)
    _log.warning('%s: %s; trying again in %g s', url, reason, seconds)
    time.sleep(seconds)


class _Session(requests.Session):
  """A session that does not follow redirects.

  Otherwise requests reads the body of a redirect, of any size, even if it is
  asked not to follow it.
  """

  def get_redirect_target(self, resp: requests.Response) -> None:
    """The address to follow: none."""


@contextlib.contextmanager
def _answer(
  method: str, url: str, headers: Mapping[str, str]
) -> Iterator[requests.Response]:
  """Sends a request and follows redirects; the body is not read."""
  for _ in range(_MOST_REDIRECTS + 1):
    with (
      _Session() as session,
      _request(session, method, url, headers) as response,
    ):
      if not response.is_redirect:
        yield response
        return
      with _explained_address():
        url = urllib.parse.urljoin(url, response.headers['Location'])
  raise InputError(
    f'{url} cannot be fetched: the server redirects more than '
    f'{_MOST_REDIRECTS} times.'
  )


def _request(
  session: requests.Session, method: str, url: str, headers: Mapping[str, str]
) -> requests.Response:
  with _explained_address():
    return session.request(
      method, url, headers=dict(headers), timeout=TIMEOUT, stream=True
    )


@contextlib.contextmanager
def _explained_address() -> Iterator[None]:
  """Raises InvalidURL for addresses in which only a part of them is wrong.

  requests lets some errors of urllib3 and of urllib through.
  """
  try:
    yield
  except requests.RequestException:
    raise
  except ValueError as error:
    raise requests.exceptions.InvalidURL(str(error)) from error


def _resume(url: str, part: pathlib.Path, most: int | None) -> None:
  """Downloads the missing rest of a file; raises when the connection breaks."""
  have = _size(part)
  headers = dict(_HEADERS)
  if have:
    headers['Range'] = f'bytes={have}-'
  with _answer('GET', url, headers) as response:
    if response.status_code == 416 and have:
      whole = response.headers.get('Content-Range', '').rpartition('/')[2]
      if whole.isdecimal() and int(whole) != have:
        part.unlink()
        raise requests.ConnectionError('the server has another file now')
      return  # Nothing is missing; the checksum shows if there is too much.
    _check_answer(response)
    if response.status_code != 206:
      have = 0  # The server sends the whole file again.
    elif not response.headers.get('Content-Range', '').startswith(
      f'bytes {have}-'
    ):
      part.unlink()
      raise requests.ConnectionError(
        'the server sent another part than requested'
      )
    length = _length(response)
    total = have + (length or 0)
    if most is not None and total > most:
      raise _too_large(url, part, f'has {total} bytes', most)
    name = part.name.removesuffix('.part')
    try:
      with (
        part.open('ab' if have else 'wb') as file,
        progress.bar(
          name, total / 1e6, unit='MB', initial=have / 1e6
        ) as advance,
      ):
        for block in response.iter_content(BLOCK):
          # A body without a length can be of any size.
          if most is not None and have + len(block) > most:
            raise _too_large(url, part, 'sends more bytes', most)
          file.write(block)
          have += len(block)
          advance(len(block) / 1e6)
        if have < total:
          raise requests.ConnectionError('the connection ended early')
    except requests.RequestException:
      raise  # It is an OSError, too, but one of the network.
    except OSError:
      missing = total - have
      needed = f'{missing / 1e9:.3g} GB' if missing > 0 else 'some space'
      hint = 'start again: the download will resume'
      with files.explained(part, needed=needed, hint=hint):
        raise


def _check_answer(response: requests.Response) -> None:
  """Raises HTTPError for an answer that is no file."""
  response.raise_for_status()
  if response.status_code not in _FILES:
    raise requests.HTTPError(response=response)


def _too_large(
  url: str, part: pathlib.Path, what: str, most: int
) -> InputError:
  """Deletes the received bytes, and returns the error."""
  part.unlink(missing_ok=True)
  return InputError(
    f'{url} {what}, but the file should have at most {most} bytes: it is not '
    'the requested file; the received bytes were deleted.'
  )


def _length(response: requests.Response) -> int | None:
  """Returns the length of the body in bytes, if the server reports it."""
  text = response.headers.get('Content-Length', '').strip()
  if not (text.isascii() and text.isdecimal()):
    return None
  if len(text) > _LONGEST_LENGTH:
    raise InputError(
      f'{response.url} cannot be fetched: the server reports a length of '
      f'{len(text)} digits.'
    )
  return int(text)


def _size(path: pathlib.Path) -> int:
  return path.stat().st_size if path.exists() else 0


def _reason(error: BaseException) -> str:
  """Returns the innermost reason why a request failed, without a period."""
  response = getattr(error, 'response', None)
  if isinstance(error, requests.HTTPError) and response is not None:
    return f'the server answers {response.status_code} {response.reason}'
  while (deeper := error.__cause__ or error.__context__) is not None:
    error = deeper
  text = getattr(error, 'strerror', None) or str(error) or type(error).__name__
  return ' '.join(text.split()).rstrip('.')
