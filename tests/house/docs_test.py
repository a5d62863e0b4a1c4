"""README and docs: pages are linked, their links lead somewhere."""

import importlib.util
import pathlib
import re
import urllib.parse

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / 'docs'
PAGES = [*ROOT.glob('*.md'), *DOCS.rglob('*.md')]
LINK = re.compile(r'\]\(([^)\s]+)\)')


def links(page):
  """The files that a page links to."""
  found = LINK.findall(page.read_text(encoding='utf-8'))
  paths = [one.partition('#')[0] for one in found if '://' not in one]
  return {(page.parent / path).resolve() for path in paths if path}


def test_links_lead_to_files():
  lost = {
    page.name: [str(path) for path in links(page) if not path.exists()]
    for page in PAGES
  }
  assert not {name: paths for name, paths in lost.items() if paths}


def anchors(page):
  """The anchors of the headings of a page, as GitHub makes them."""
  text = page.read_text(encoding='utf-8')
  text = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
  headings = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
  return {
    re.sub(r'[^\w -]', '', one.lower()).replace(' ', '-') for one in headings
  }


def test_links_lead_to_headings():
  lost = []
  for page in PAGES:
    for link in LINK.findall(page.read_text(encoding='utf-8')):
      path, _, anchor = link.partition('#')
      target = (page.parent / path).resolve() if path else page
      if anchor and '://' not in link and anchor not in anchors(target):
        lost.append((page.name, link))
  assert not lost


def test_addresses_elsewhere_are_well_formed():
  """Whether they answer depends on others."""
  wrong = []
  for page in PAGES:
    text = page.read_text(encoding='utf-8')
    found = [one for one in LINK.findall(text) if '://' in one]
    found += re.findall(r'<(\w+://[^>]*)>', text)
    for address in found:
      parts = urllib.parse.urlsplit(address)
      is_host = re.fullmatch(r'([a-z0-9-]+\.)+[a-z]{2,}', parts.netloc)
      if parts.scheme != 'https' or not is_host or address[-1] in '.,;':
        wrong.append((page.name, address))
  assert not wrong


def test_the_index_lists_all_pages():
  pages = {page for page in DOCS.glob('*.md') if page.name != 'index.md'}
  assert pages <= links(DOCS / 'index.md')


def test_pages_are_named_by_links():
  """A page that is only named has to be looked for."""
  named = {}
  for page in PAGES:
    text = page.read_text(encoding='utf-8')
    text = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
    text = re.sub(r'\[[^]]*\]\([^)]*\)', '', text)
    if found := re.findall(r'[\w/]+\.md\b', text):
      named[page.name] = found
  named.pop('CHANGELOG.md', None)
  assert not named


def test_the_readme_is_short():
  lines = (ROOT / 'README.md').read_text(encoding='utf-8').splitlines()
  assert len(lines) <= 150


def test_the_drawing_of_the_rooms_is_up_to_date():
  path = DOCS / 'architecture.py'
  spec = importlib.util.spec_from_file_location('architecture', path)
  assert spec is not None and spec.loader is not None
  architecture = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(architecture)
  rooms = architecture.read_rooms(architecture.PACKAGE)
  page = (DOCS / 'architecture.md').read_text(encoding='utf-8')
  hint = 'run python docs/architecture.py'
  assert architecture.update(page, rooms) == page, hint
  drawing = (DOCS / 'architecture.svg').read_text(encoding='utf-8')
  assert architecture.draw(rooms) == drawing, hint
