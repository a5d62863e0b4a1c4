"""What MkDocs asks while it builds the site: files, reference, equations.

The site has the same folders as the repository, so that links between its files
work in both.
"""

import html
import importlib
import inspect
import json
import pathlib
import re
from typing import Any

from latex2mathml import converter  # pyright: ignore[reportMissingImports]
from mkdocs.structure import files  # pyright: ignore[reportMissingImports]

import seld_jax

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The files of the repository that the site has. Some are linked only.
PATTERNS = (
  *('*.md', 'CITATION.cff', 'LICENSE', 'configs/*.py'),
  *('docs/*.*', 'docs/study/**/*.*', 'notebooks/*.*'),
)

# Equations as the extension arithmatex leaves them.
EQUATION = re.compile(
  r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL
)


def references() -> list[str]:
  """The packages and modules that have a page of the reference."""
  package = ROOT / 'seld_jax'
  names = {path.parent.name for path in package.glob('*/__init__.py')}
  modules = {path.stem for path in package.glob('*.py')}
  return sorted(names | modules & set(seld_jax.__all__))


def reference_page(name: str) -> str:
  """The page of a package or module: itself, and the modules that it offers."""
  full = f'seld_jax.{name}'
  module = importlib.import_module(full)
  offered = [
    f'{full}.{one}'
    for one in getattr(module, '__all__', ())
    if inspect.ismodule(getattr(module, one))
  ]
  parts = [f'# {full}', f'::: {full}']
  for one in offered:
    parts += [f'## {one}', f'::: {one}\n    options:\n      heading_level: 3']
  return '\n\n'.join([*parts, ''])


def to_mathml(text: str) -> str:
  """A page with its equations as MathML, which browsers draw themselves."""

  def replace(found: re.Match[str]) -> str:
    display = 'block' if found[1] == 'div' else 'inline'
    return converter.convert(html.unescape(found[2]).strip(), display=display)

  return EQUATION.sub(replace, text)


def on_config(config: Any, **_: Any) -> Any:
  """Adds pages that mkdocs.yml does not name, and the reference, to the nav."""
  listed = json.dumps(config.nav)
  names = [f'docs/{path.name}' for path in sorted(ROOT.glob('docs/*.md'))]
  if others := [name for name in names if f'"{name}"' not in listed]:
    config.nav.append({'More': others})
  config.nav.append(
    {
      'Reference': [
        {f'seld_jax.{name}': f'reference/{name}.md'} for name in references()
      ]
    }
  )
  return config


def on_files(_: Any, config: Any) -> Any:
  """The files of the site, at their places in the repository."""
  paths = {path for one in PATTERNS for path in ROOT.glob(one)}
  found = [
    files.File.generated(
      config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)
    )
    for path in sorted(paths)
    if path.is_file()
  ]
  found += [
    files.File.generated(
      config, f'reference/{name}.md', content=reference_page(name)
    )
    for name in references()
  ]
  return files.Files(found)


def on_page_content(content: str, **_: Any) -> str:
  """The page with its equations drawn."""
  return to_mathml(content)
