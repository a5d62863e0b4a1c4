"""Reads the docstrings of seld_jax for the reference of the site.

They are in Google style with two habits that Griffe does not know: a section
`Example:`, and links of reStructuredText.
"""

import re
from typing import Any

import griffe  # pyright: ignore[reportMissingImports]

LINK = re.compile(r'`([^`<]+?)\s+<([^>]+)>`__?')


def to_google(text: str) -> str:
  """A docstring as Griffe and Markdown read it."""
  text = re.sub(r'^(\s*)Example:$', r'\1Examples:', text, flags=re.MULTILINE)
  return LINK.sub(lambda found: f'[{found[1]}]({found[2]})', text)


class HouseStyle(griffe.Extension):
  """Changes each docstring when its object is loaded."""

  def on_object(self, *, obj: Any, **_: Any) -> None:
    """Rewrites the docstring of a module, class, function or attribute."""
    if obj.docstring:
      obj.docstring.value = to_google(obj.docstring.value)
