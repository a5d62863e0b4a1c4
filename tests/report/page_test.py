"""Pieces of a page: policy, embedded data and addresses."""

import base64
import hashlib
import json
import re

import pytest

from seld_jax.report import page


def policy(text: str) -> dict[str, str]:
  content = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
  assert content
  return dict(one.strip().split(' ', 1) for one in content[1].split(';'))


def test_a_page_without_script_forbids_scripts():
  text = page.document('title', ['<p>text</p>'])
  assert '<script' not in text
  assert policy(text)['default-src'] == "'none'"
  assert 'script-src' not in policy(text)
  # The default does not cover these two.
  assert policy(text)['base-uri'] == "'none'"
  assert policy(text)['form-action'] == "'none'"


def test_a_page_allows_its_own_script():
  script = 'let π = "<>&\'";\n'
  text = page.document('title', [], script=script, style='p { margin: 0; }')
  (inside,) = re.findall('<script>(.*?)</script>', text, re.DOTALL)
  assert inside == script
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  assert policy(text)['script-src'] == f"'sha256-{digest}'"
  assert 'p { margin: 0; }' in text


@pytest.mark.parametrize(
  'value', ['</script><script>x', '<!--', ']]>', 'a\u2028"\\', {'<b>': [1.5]}]
)
def test_data_can_be_read_back_and_cannot_end_their_element(value):
  text = page.data(value)
  inside = text.removeprefix('<script type="application/json">')
  inside = inside.removesuffix('</script>')
  assert json.loads(inside) == value
  assert '<' not in inside


def test_a_data_address_contains_the_content():
  address = page.address(b'\x00\xff', 'audio/mpeg')
  head, content = address.split(',')
  assert head == 'data:audio/mpeg;base64'
  assert base64.b64decode(content) == b'\x00\xff'
