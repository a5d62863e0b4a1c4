"""A headless browser, controlled through its debugging pipe."""

import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')

# Chromium reads commands from descriptor 3 and answers on 4.
_EXEC = (
  'import os, sys; read, write, *command = sys.argv[1:]; '
  'os.dup2(int(read), 3); os.dup2(int(write), 4); '
  'os.execv(command[0], command)'
)
_OPTIONS = (
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-sandbox',  # the sandbox needs rights that containers do not have
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-first-run',
  '--autoplay-policy=no-user-gesture-required',
  '--mute-audio',
)
_PATIENCE = 60.0


def find() -> str | None:
  """The path of Chromium, or None."""
  return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
  """A tab of the browser, with the problems and the requests of its page.

  Attributes:
    problems: Errors and warnings of the page and of the console.
    requests: Addresses of everything that was loaded, including data: URLs.
  """

  def __init__(self, send: int, receive: int):
    self._send, self._receive = send, receive
    self._numbers = itertools.count(1)
    self._buffer = b''
    self._session: str | None = None
    self.problems: list[str] = []
    self.requests: list[str] = []
    target = self.call('Target.createTarget', url='about:blank')['targetId']
    self._session = self.call(
      'Target.attachToTarget', targetId=target, flatten=True
    )['sessionId']
    for domain in 'Page', 'Runtime', 'Log', 'Network':
      self.call(f'{domain}.enable')

  def call(self, method: str, **parameters: Any) -> dict[str, Any]:
    """Sends a command of the DevTools protocol and returns its result."""
    number = next(self._numbers)
    message = {'id': number, 'method': method, 'params': parameters}
    if self._session:
      message['sessionId'] = self._session
    os.write(self._send, json.dumps(message).encode() + b'\0')
    while True:
      answer = self._next()
      if answer.get('id') == number:
        assert 'error' not in answer, (method, answer)
        return answer['result']

  def open(self, path: pathlib.Path, *, width: int = 1200, dark: bool = False):
    """Opens a page and waits until it is loaded."""
    self.resize(width)
    scheme = {'name': 'prefers-color-scheme'}
    scheme['value'] = 'dark' if dark else 'light'
    self.call('Emulation.setEmulatedMedia', features=[scheme])
    self.call('Page.navigate', url=path.resolve().as_uri())
    self.wait('document.readyState === "complete"')

  def resize(self, width: int) -> None:
    """Sets the width of the window in CSS pixels."""
    self.call(
      'Emulation.setDeviceMetricsOverride',
      width=width,
      height=900,
      deviceScaleFactor=1,
      mobile=width < 600,
    )

  def run(self, expression: str) -> Any:
    """Evaluates a JavaScript expression, and awaits it if it is a promise."""
    answer = self.call(
      'Runtime.evaluate',
      expression=expression,
      returnByValue=True,
      awaitPromise=True,
      userGesture=True,
    )
    assert 'exceptionDetails' not in answer, answer
    return answer['result'].get('value')

  def wait(self, expression: str) -> None:
    """Waits until an expression is true."""
    end = time.monotonic() + _PATIENCE
    while not self.run(expression):
      assert time.monotonic() < end, f'never became true: {expression}'
      time.sleep(0.05)

  def press(self, key: str) -> None:
    """Presses a key in the element that has the focus."""
    text = {'text': ' '} if key == ' ' else {}
    for kind in 'keyDown', 'keyUp':
      self.call('Input.dispatchKeyEvent', type=kind, key=key, **text)
      text = {}

  def click(self, x: float, y: float) -> None:
    """Clicks at a point of the window, in CSS pixels."""
    for kind in 'mousePressed', 'mouseReleased':
      self.call(
        'Input.dispatchMouseEvent',
        type=kind,
        x=x,
        y=y,
        button='left',
        clickCount=1,
      )

  def _next(self) -> dict[str, Any]:
    while b'\0' not in self._buffer:
      ready, _, _ = select.select([self._receive], [], [], _PATIENCE)
      assert ready, 'the browser does not answer'
      part = os.read(self._receive, 1 << 20)
      assert part, 'the browser is gone'
      self._buffer += part
    text, self._buffer = self._buffer.split(b'\0', 1)
    message = json.loads(text)
    self._note(message.get('method'), message.get('params', {}))
    return message

  def _note(self, method: str | None, event: dict[str, Any]) -> None:
    if method == 'Runtime.exceptionThrown':
      self.problems.append(json.dumps(event['exceptionDetails']))
    elif method == 'Runtime.consoleAPICalled':
      if event['type'] in ('error', 'warning', 'assert'):
        self.problems.append(json.dumps(event['args']))
    elif method == 'Log.entryAdded':
      if event['entry']['level'] in ('error', 'warning'):
        self.problems.append(event['entry']['text'])
    elif method == 'Network.requestWillBeSent':
      self.requests.append(event['request']['url'])


@contextlib.contextmanager
def tab(program: str, profile: pathlib.Path) -> Iterator[Tab]:
  """Starts a browser with one tab, and ends it after the block."""
  ours, theirs = [], []
  for pair in (os.pipe(), os.pipe()[::-1]):
    # The child gets its ends as 3 and 4, so these numbers must stay free.
    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in pair]
    for one in pair:
      os.close(one)
    theirs.append(high[0])
    ours.append(high[1])
  process = subprocess.Popen(
    [sys.executable, '-c', _EXEC, *map(str, theirs), program, *_OPTIONS]
    + [f'--user-data-dir={profile}', 'about:blank'],
    pass_fds=theirs,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )
  for one in theirs:
    os.close(one)
  try:
    yield Tab(*ours)
  finally:
    process.terminate()
    try:
      process.wait(10)
    except subprocess.TimeoutExpired:
      process.kill()
      process.wait()
    for one in ours:
      os.close(one)
