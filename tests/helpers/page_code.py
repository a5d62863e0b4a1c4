"""Code and commands on the pages of README and docs.

A block without a language has commands, one in `console` has commands after `$`
and their output. A comment directly above a block says why no test executes it;
a comment with `commands not executed` says so for all commands of a page.
"""

import ast
import importlib
import importlib.util
import pathlib
import re
import shlex
import warnings
from typing import NamedTuple
from unittest import mock

from absl import flags
from ml_collections import config_flags

from seld_jax import config as config_lib

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md')])

# Programs, and words of the shell, with which a command on a page may begin.
PROGRAMS = {
  *('python', 'pip', './run.sh', 'seld', 'ruff', 'pyright', 'pytest', 'mkdocs'),
  *('jupyter', 'jupytext', 'srun', 'gcloud', 'taskset', 'unzip', 'cd'),
  *('sox', 'jq', 'tensorboard', 'tests/matrix.sh'),
  *('for', 'do', 'done', 'export', 'wait'),
}

# What the commands of `seld` are called as modules, where the names differ.
SELD = {'train': 'main'}

# Why no test executes the commands of pages that cannot say so themselves: one
# must be short, one is a part of the demo network.
REASONS = {
  'docs/command_line.md': 'tests/commands/seld_test.py runs such commands',
  'README.md': 'installing and training; wheel_test.py runs short forms',
  'docs/demo.md': 'its sounds are not in the repository; hours of training',
}

_BLOCK = re.compile(
  r'^(?:<!-- not executed: (?P<reason>[^>]*?) -->\n+)?'
  r'```(?P<language>\w*)\n(?P<code>.*?)^```$',
  re.DOTALL | re.MULTILINE,
)
_PAGE_REASON = re.compile(r'<!-- commands not executed: ([^>]*?) -->')


class Block(NamedTuple):
  """A block of a page.

  Attributes:
    place: Page and line.
    language: The word behind the fence; '' for commands.
    code: The text of the block.
    reason: Why no test executes it; '' if a test does.
  """

  place: str
  language: str
  code: str
  reason: str


def blocks() -> list[Block]:
  """All blocks of all pages."""
  found = []
  for page in PAGES:
    text = page.read_text(encoding='utf-8')
    name = page.relative_to(ROOT).as_posix()
    general = ''.join(_PAGE_REASON.findall(text)) or REASONS.get(name, '')
    for match in _BLOCK.finditer(text):
      line = text[: match.start('language')].count('\n') + 1
      is_command = match['language'] in ('', 'console')
      found.append(
        Block(
          place=f'{name}:{line}',
          language=match['language'],
          code=match['code'],
          reason=match['reason'] or (general if is_command else ''),
        )
      )
  return found


def commands(block: Block) -> list[list[str]]:
  """The words of each command of a block, with 1 for a variable."""
  text = block.code.replace('\\\n', ' ')
  lines = text.splitlines()
  if block.language == 'console':
    lines = [line[2:] for line in lines if line.startswith('$ ')]
  return [words for line in lines for words in _divided(line)]


def commands_in_text() -> dict[str, list[list[str]]]:
  """The commands of seld_jax within the sentences of each page."""
  found = {}
  for page in PAGES:
    text = _BLOCK.sub('', page.read_text(encoding='utf-8'))
    spans = re.findall(r'`(python\s+-m\s+seld_jax\.[^`]*)`', text)
    found[str(page.relative_to(ROOT))] = [
      words for span in spans for words in _divided(' '.join(span.split()))
    ]
  return found


def module_of(words: list[str]) -> tuple[str, list[str]]:
  """The module that a command runs, '' for none, and its arguments."""
  if words[:1] == ['seld']:
    if len(words) == 1 or words[1].startswith('-'):
      return 'seld_jax.__main__', words[1:]
    return f'seld_jax.{SELD.get(words[1], words[1])}', words[2:]
  for place in range(len(words) - 2):
    if words[place : place + 2] == ['python', '-m']:
      return words[place + 2], words[place + 3 :]
  return '', []


def required_flags(module: str) -> tuple[str, ...]:
  """The flags that the module of a command requires, from its source."""
  spec = importlib.util.find_spec(module)
  assert spec is not None and spec.origin
  for node in ast.walk(ast.parse(pathlib.Path(spec.origin).read_text())):
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'commands.run':
      for keyword in node.keywords:
        if keyword.arg == 'required':
          return ast.literal_eval(keyword.value)
  return ()


def check(words: list[str], *, is_whole: bool = True) -> None:
  """Parses a command as its module does, and checks the config that it has.

  Args:
    words: The command. Programs other than seld_jax are not checked.
    is_whole: Whether it has all flags that it requires. Sentences show commands
      without them.
  """
  name, arguments = module_of(words)
  if words[0].startswith('--config.'):
    name, arguments = 'seld_jax.main', ['--config=mse_foa', *words]
  if not name or re.fullmatch(r'seld_jax\.[A-Z]+', name):
    return
  spec = importlib.util.find_spec(name)
  assert spec is not None, f'there is no {name}'
  if spec.submodule_search_locations:
    name = f'{name}.__main__'
  module = importlib.import_module(name)
  values = flags.FlagValues()
  module.define_flags(values)
  if arguments in (['...'], ['--help']):  # any flags, all flags
    return
  if name == 'seld_jax.main':
    arguments = module.prepare_words(arguments)
  line = ['command', *arguments]
  # ml_collections reads the fields to set from sys.argv, and loads config files
  # by load_module().
  with mock.patch('sys.argv', line), warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    values(line)
  for flag in required_flags(name) if is_whole else ():
    assert values[flag].value is not None, f'--{flag} is missing'
  if name == 'seld_jax.main' and values['config'].value is not None:
    config_lib.resolve(
      module.loaded_config(values.config),
      stated=config_flags.get_override_values(values['config']),
    )


def _divided(line: str) -> list[list[str]]:
  """The commands of a line of the shell, and those within quotation marks."""
  lexer = shlex.shlex(line, posix=True, punctuation_chars='&;>')
  lexer.whitespace_split = True
  found: list[list[str]] = [[]]
  for word in lexer:
    if word == '>':
      next(lexer)  # the file that output is written to
    elif set(word) <= {'&', ';', '|'}:
      found.append([])
    elif 'python -m ' in word:
      found += [*_divided(word.partition('=')[2]), []]
    elif found[-1] or not re.match(r'\w+=', word):
      found[-1].append(re.sub(r'\$\w+|(?<==)N$', '1', word))
  return [words for words in found if words]
