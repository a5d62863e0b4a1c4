"""Flags of the benchmarks, and the commands in the documentation."""

import importlib
import pathlib
import re

import pytest
from absl import flags

ROOT = pathlib.Path(__file__).parents[2]
DOCS = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
COMMANDS = [
  path.stem
  for path in sorted((ROOT / 'benchmarks').glob('*.py'))
  if 'define_flags=define_flags' in path.read_text(encoding='utf-8')
]


def flag_names(command: str) -> set[str]:
  """The flags of a command, with those that switch something off."""
  values = flags.FlagValues()
  importlib.import_module(f'benchmarks.{command}').define_flags(values)
  return {*values, *(f'no{name}' for name in values)}


@pytest.mark.parametrize('command', COMMANDS)
def test_quoted_commands_have_these_flags(command):
  names = flag_names(command)
  for path in DOCS:
    text = path.read_text(encoding='utf-8').replace('\\\n', ' ')
    for words in re.findall(rf'-m benchmarks\.{command}\b([^`\n]*)', text):
      quoted = re.findall(r'--(\w+)', words)
      assert set(quoted) <= names, f'{path.name}: {words}'


def test_quoted_commands_exist():
  found = set()
  for path in DOCS:
    text = path.read_text(encoding='utf-8')
    found |= set(re.findall(r'\bbenchmarks\.(\w+)', text))
  assert len(found) > 5
  assert found <= set(COMMANDS)
