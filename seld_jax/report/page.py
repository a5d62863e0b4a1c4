"""Pieces of a self-contained HTML page, which loads no other file."""

import base64
import hashlib
import html
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from seld_jax import figures, files
from seld_jax.errors import printable

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd;
  --faint: #666; --wash: #f5f5f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4;
  --paper: #16181d; --line: #3a3d45; --faint: #a0a0a0; --wash: #1f2229; } }
body { margin: 2rem auto; padding: 0 1rem; max-width: 72rem;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line);
  text-align: right; vertical-align: top; }
th:first-child { text-align: left; }
thead th { background: var(--wash); }
tbody th { font-weight: 600; }
td, tbody th { white-space: nowrap; }
td small, th small { display: block; color: var(--faint); font-weight: 400; }
.wide { overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr;
  gap: .2rem 1.5rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figure img { width: 100%; min-width: 40rem; height: auto; }
figcaption, .note { color: var(--faint); }
pre { padding: 1rem; overflow-x: auto; background: var(--wash); }
progress { width: 100%; }
summary { cursor: pointer; margin: .5rem 0; font-weight: 600; }
"""

# The browser may load only images, sound and styles that are in the page, and
# the one script whose hash is added below. So a class name or a path that
# contains HTML cannot run code, even if it were not escaped.
_POLICY = (
  "default-src 'none'; img-src data:; media-src data:; "
  "style-src 'unsafe-inline'; "
  # default-src does not cover these: no address in the page is relative to
  # another site, and no form sends anything.
  "base-uri 'none'; form-action 'none'"
)


def document(
  title: str,
  sections: Iterable[str],
  *,
  script: str = '',
  style: str = '',
  reload: int | None = None,
) -> str:
  """Makes a whole page.

  Args:
    title: Its title, as plain text.
    sections: Its content, as HTML.
    script: JavaScript that runs when the page is loaded. No other script may
      run. It must not contain `</script`. Empty for no script.
    style: CSS to add to the style that all pages have.
    reload: Seconds after which a browser loads the page again; None if it does
      not.

  Returns:
    The HTML document.
  """
  body = '\n'.join(sections)
  policy = _POLICY
  if script:
    digest = hashlib.sha256(script.encode()).digest()
    policy += f"; script-src 'sha256-{base64.b64encode(digest).decode()}'"
    body += f'\n<script>{script}</script>'
  again = ''
  if reload is not None:
    again = f'\n<meta http-equiv="refresh" content="{reload}">'
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">{again}
<title>{escape(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def escape(text: object) -> str:
  """Escapes text for HTML, including the values of attributes."""
  # A page is UTF-8, which the name of a file need not be.
  return html.escape('\n'.join(map(printable, str(text).split('\n'))))


def paragraph(text: str, *, note: bool = False) -> str:
  """Makes a paragraph of plain text; a note is paler."""
  return f'<p{" class=note" * note}>{escape(text)}</p>'


def facts(pairs: Mapping[str, object]) -> str:
  """Makes a list of names and their values."""
  rows = ''.join(
    f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n'
    for name, value in pairs.items()
  )
  return f'<dl>\n{rows}</dl>'


def table(
  columns: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]
) -> str:
  """Makes a table whose first column has the names of the rows.

  Args:
    columns: The heading of each column.
    rows: The cells of each row. A cell is a text and a smaller text below it,
      which may be empty.

  Returns:
    HTML.
  """
  head = ''.join(f'<th scope="col">{escape(name)}</th>' for name in columns)
  lines = []
  for first, *others in rows:
    cells = ''.join(f'<td>{_cell(*cell)}</td>' for cell in others)
    lines.append(f'<tr><th scope="row">{_cell(*first)}</th>{cells}</tr>')
  body = '\n'.join(lines)
  return (
    f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
    f'<tbody>\n{body}\n</tbody>\n</table></div>'
  )


def fold(summary: str, content: str, *, opened: bool = False) -> str:
  """Makes a line of text that shows and hides HTML content."""
  return (
    f'<details{" open" * opened}><summary>{escape(summary)}</summary>\n'
    f'{content}\n</details>'
  )


def figure(light: bytes, dark: bytes, *, caption: str, alt: str) -> str:
  """Embeds a figure, in the version that suits the reader's colour scheme.

  Args:
    light: The PNG file for light pages.
    dark: The PNG file for dark pages.
    caption: The text below the figure.
    alt: What the figure shows, for readers who cannot see it.

  Returns:
    HTML.
  """
  addresses = [address(png, 'image/png') for png in (light, dark)]
  return f"""<figure>
<div class="wide"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{addresses[1]}">
<img src="{addresses[0]}" alt="{escape(alt)}">
</picture></div>
<figcaption>{escape(caption)}</figcaption>
</figure>"""


def write_figure(
  plot: Callable[[bool], Figure], *, folder: str | os.PathLike[str], name: str
) -> tuple[bytes, bytes]:
  """Writes a figure as two PNG files, for light and for dark pages.

  Args:
    plot: Draws the figure. Its argument says whether the page is dark.
    folder: Folder that gets `NAME.png` and `NAME_dark.png`.
    name: The name of the files.

  Returns:
    The contents of both files.

  Raises:
    InputError: A file cannot be written.
  """
  contents = []
  for suffix, dark in (('', False), ('_dark', True)):
    contents.append(figures.to_png(plot(dark)))
    with files.atomic(pathlib.Path(folder, f'{name}{suffix}.png')) as path:
      path.write_bytes(contents[-1])
  return contents[0], contents[1]


def data(value: Any) -> str:
  """Embeds JSON that the script of the page reads.

  Args:
    value: Anything that JSON can hold. No text in it can end the element.

  Returns:
    HTML.
  """
  text = json.dumps(value, separators=(',', ':'), allow_nan=False)
  # Only this character could end the element or begin a comment.
  text = text.replace('<', '\\u003c')
  return f'<script type="application/json">{text}</script>'


def address(content: bytes, media_type: str) -> str:
  """Makes a data: URL, an address that contains the content itself."""
  text = base64.b64encode(content).decode('ascii')
  return f'data:{media_type};base64,{text}'


def _cell(text: str, below: str) -> str:
  return escape(text) + (f'<small>{escape(below)}</small>' if below else '')
