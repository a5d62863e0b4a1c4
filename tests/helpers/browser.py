"""A browser without window, driven through its debugging pipe."""

import base64
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
  '--no-sandbox',  # which needs rights that containers do not give
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-first-run',
  '--autoplay-policy=no-user-gesture-required',
  '--mute-audio',
)
_PATIENCE = 60.0


def find() -> str | None:
  """Where Chromium is, or None."""
  return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
  """A tab, and all that went wrong in it.

  Attributes:
    problems: What the console and the page complained about.
    requests: Addresses of everything that was loaded, data: among them.
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
    """The result of a command of the DevTools protocol."""
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
    """Shows a page and waits until it is there."""
    self.resize(width)
    scheme = {'name': 'prefers-color-scheme'}
    scheme['value'] = 'dark' if dark else 'light'
    self.call('Emulation.setEmulatedMedia', features=[scheme])
    self.call('Page.navigate', url=path.resolve().as_uri())
    self.wait('document.readyState === "complete"')

  def resize(self, width: int) -> None:
    """Makes the window this wide, in CSS pixels."""
    self.call(
      'Emulation.setDeviceMetricsOverride',
      width=width,
      height=900,
      deviceScaleFactor=1,
      mobile=width < 600,
    )

  def run(self, expression: str) -> Any:
    """The value of a JavaScript expression, awaited where it is a promise."""
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
    """Presses a key where the focus is."""
    text = {'text': ' '} if key == ' ' else {}
    for kind in 'keyDown', 'keyUp':
      self.call('Input.dispatchKeyEvent', type=kind, key=key, **text)
      text = {}

  def click(self, x: float, y: float) -> None:
    """Clicks at a place in the window."""
    for kind in 'mousePressed', 'mouseReleased':
      self.call(
        'Input.dispatchMouseEvent',
        type=kind,
        x=x,
        y=y,
        button='left',
        clickCount=1,
      )

  def picture(self, selector: str | None = None) -> bytes:
    """The whole page, or one element, as PNG."""
    self.run('new Promise((done) => requestAnimationFrame(() => done()))')
    clip = {}
    if selector:
      box = self.run(
        f'(() => {{const b = document.querySelector({json.dumps(selector)})'
        '.getBoundingClientRect(); return {x: b.x + scrollX, '
        'y: b.y + scrollY, width: b.width, height: b.height, scale: 1};})()'
      )
      clip = {'clip': box}
    shot = self.call(
      'Page.captureScreenshot', captureBeyondViewport=True, **clip
    )
    return base64.b64decode(shot['data'])

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
  """A tab in a browser of its own, which ends with the block."""
  ours, theirs = [], []
  for pair in (os.pipe(), os.pipe()[::-1]):
    # The child's own ends are 3 and 4, which these must not be.
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
