"""Reads HTML pages, and the pixels of PNG files."""

import html.parser
import io
import pathlib

import numpy as np
from matplotlib import image

VOID = {'meta', 'img', 'source', 'br', 'link', 'input', 'hr'}


class Page(html.parser.HTMLParser):
  """Text, tags and addresses of an HTML page.

  Fails if tags do not match, or if an element has an event handler.

  Attributes:
    tags: The name of each element.
    addresses: All addresses that the page could load.
    rows: The text of each cell of each table row.
    text: All text.
  """

  def __init__(self, path: pathlib.Path):
    super().__init__()
    self.open: list[str] = []
    self.tags: list[str] = []
    self.addresses: list[str] = []
    self.rows: list[list[str]] = []
    self.text = ''
    self.feed(path.read_text(encoding='utf-8'))
    self.close()
    assert not self.open

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    for name, value in attrs:
      assert not name.startswith('on')
      if name in ('src', 'srcset', 'href', 'data', 'action', 'poster'):
        self.addresses.append(value or '')
    if tag not in VOID:
      self.open.append(tag)
    if tag == 'tr':
      self.rows.append([])
    elif tag in ('td', 'th'):
      self.rows[-1].append('')

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text += data
    if {'td', 'th'} & set(self.open):
      self.rows[-1][-1] += f'{data} '.lstrip()


def pixels(png: bytes) -> np.ndarray:
  """The pixels of a PNG file, with shape `[rows, columns, channels]`."""
  return image.imread(io.BytesIO(png), format='png')
