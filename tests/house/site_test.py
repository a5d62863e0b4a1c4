"""The site: what docs/site adds to MkDocs. `mkdocs build` checks the rest."""

import importlib.util
import inspect
import pathlib
import re

import pytest
from helpers.public_api import offered, rooms

import seld_jax

ROOT = pathlib.Path(__file__).parents[2]
MISSING = "it needs pip install '.[docs]'"


def load(name):
  path = ROOT / 'docs' / 'site' / f'{name}.py'
  spec = importlib.util.spec_from_file_location(f'site_{name}', path)
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='module')
def hooks():
  for needed in 'mkdocs', 'latex2mathml':
    pytest.importorskip(needed, reason=MISSING)
  return load('hooks')


@pytest.fixture(scope='module')
def docstrings():
  pytest.importorskip('griffe', reason=MISSING)
  return load('docstrings')


def test_every_public_package_has_a_page(hooks):
  pages = hooks.references()
  modules = {
    name
    for name in seld_jax.__all__
    if getattr(seld_jax, name).__name__ == f'seld_jax.{name}'
  }
  assert modules <= set(pages)
  for name in pages:
    page = hooks.reference_page(name)
    assert page.count(f'::: seld_jax.{name}\n') == 1
  assert '::: seld_jax.train.checkpoint\n' in hooks.reference_page('train')


def equations():
  found = []
  for page in sorted((ROOT / 'docs').glob('*.md')):
    text = re.sub(r'```.*?```|`[^`]*`', '', page.read_text(), flags=re.DOTALL)
    blocks = re.findall(r'\$\$(.+?)\$\$', text, re.DOTALL)
    rest = re.sub(r'\$\$.+?\$\$', '', text, flags=re.DOTALL)
    found += blocks + re.findall(r'\$([^$\n]+)\$', rest)
  assert len(found) > 50
  return found


@pytest.mark.parametrize(('tag', 'ends'), [('span', '()'), ('div', '[]')])
def test_all_equations_become_mathml(hooks, tag, ends):
  """A command that latex2mathml does not know stays as text."""
  for equation in equations():
    start, end = (f'\\{one}' for one in ends)
    page = f'<{tag} class="arithmatex">{start}{equation}{end}</{tag}>'
    made = hooks.to_mathml(page)
    assert made.startswith('<math') and made.endswith('</math>'), equation
    assert '\\' not in made, equation


def test_examples_and_links_of_docstrings_are_read(docstrings):
  griffe = docstrings.griffe
  for room in rooms():
    for name, value in offered(room).items():
      text = inspect.getdoc(value) or ''
      made = docstrings.to_google(text)
      assert not re.search(r'`[^`]+<https?:', made), (room, name)
      if re.search(r'^\s*Example:$', text, re.MULTILINE) and '>>>' in text:
        sections = griffe.Docstring(made).parse('google', warnings=False)
        assert 'examples' in {one.kind.value for one in sections}, (room, name)
