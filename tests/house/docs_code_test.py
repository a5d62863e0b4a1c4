"""README and docs: code runs, and commands have flags that exist."""

import pathlib
import re
import shutil

import numpy as np
import pytest
from helpers import page_code
from helpers.command_outcomes import outcome

from seld_jax import audio

# Pages whose code another test runs, because it needs more than `make_folder`.
ELSEWHERE = {'docs/other_libraries.md': 'docs_other_libraries_test.py'}

BLOCKS = page_code.blocks()
PYTHON = [
  one
  for one in BLOCKS
  if one.language == 'python'
  and not one.reason
  and one.place.partition(':')[0] not in ELSEWHERE
]
COMMANDS = [one for one in BLOCKS if one.language in ('', 'console')]
EXECUTED = [one for one in COMMANDS if not one.reason]

# Flags with which commands take seconds.
SHORTER = {'seld_jax.synthesize': ('--recordings=2', '--seconds=5')}

# Blocks that are no code; tests/house/docs_extending_test.py applies the diff.
OTHERS = ('text', 'csv', 'json', 'diff')


def place(block):
  return block.place


def make_folder(folder):
  """Writes the recordings and labels that the code of the pages uses."""
  rng = np.random.default_rng(0)

  def sound(path, channels=4):
    noise = 0.1 * rng.standard_normal((channels, 24000))
    audio.write(folder / path, np.clip(noise, -1, 1))

  def rows(path, text):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding='utf-8')

  sound('recording.wav')
  for name in 'kitchen_01', 'kitchen_02':
    sound(f'data/mine/foa_dev/{name}.wav')
    rows(f'data/mine/metadata_dev/{name}.csv', '1,0,0,30,0\n')
  sound('six/kitchen_03.wav', channels=6)
  sound('FOLDER/recording.wav')
  for one in 'reference', 'predictions', 'metadata_dev':
    rows(f'{one}/fold1_room1_mix001_ov1.csv', '10,3,0,45,0\n11,3,0,45,0\n')
  for one in 'DIR', 'reference', 'predictions', 'metadata_dev':
    rows(f'{one}/fold4_room2_mix001.csv', '3,3,0,45,0,150\n')
  sound('foa_dev/fold4_room2_mix001.wav')


@pytest.mark.parametrize('block', PYTHON, ids=place)
def test_the_code_runs(block, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  make_folder(tmp_path)
  exec(compile(block.code, block.place, 'exec'), {})


@pytest.mark.parametrize('page', ELSEWHERE)
def test_other_tests_run_the_rest(page):
  test = pathlib.Path(__file__).with_name(ELSEWHERE[page])
  assert not (page_code.ROOT / page).exists() or test.is_file()


def test_every_block_has_a_language_that_is_known():
  known = {'', 'console', 'python', *OTHERS}
  assert not [one.place for one in BLOCKS if one.language not in known]


@pytest.mark.parametrize('block', COMMANDS, ids=place)
def test_blocks_without_a_language_have_commands_only(block):
  """Anything else needs a language, such as `text`."""
  found = page_code.commands(block)
  assert found
  unknown = [
    words[0]
    for words in found
    if words[0] not in page_code.PROGRAMS and not words[0].startswith('--')
  ]
  assert not unknown


@pytest.fixture(scope='module')
def configs(tmp_path_factory):
  """A folder with the configs, and the one that a page writes."""
  folder = tmp_path_factory.mktemp('configs')
  shutil.copytree(page_code.ROOT / 'configs', folder / 'configs')
  (mine,) = (
    one.code
    for one in PYTHON
    if one.place.startswith('docs/own_dataset') and 'get_config' in one.code
  )
  (folder / 'configs' / 'mine.py').write_text(mine, encoding='utf-8')
  positions = 'x,y,z\n' + '0.05,0,0\n0,0.05,0\n-0.05,0,0\n' * 2
  (folder / 'microphones.csv').write_text(positions, encoding='utf-8')
  return folder


@pytest.mark.parametrize('block', COMMANDS, ids=place)
def test_commands_have_flags_that_exist(block, configs, monkeypatch):
  monkeypatch.chdir(configs)
  for words in page_code.commands(block):
    page_code.check(words)


def test_commands_in_sentences_have_flags_that_exist(configs, monkeypatch):
  monkeypatch.chdir(configs)
  wrong = {}
  for page, found in page_code.commands_in_text().items():
    for words in found:
      try:
        page_code.check(words, is_whole=False)
      except Exception as error:
        wrong[page, ' '.join(words)] = str(error)
  assert not wrong


def test_wrong_commands_are_seen(configs, monkeypatch):
  monkeypatch.chdir(configs)

  def wrong(text):
    block = page_code.Block('page', '', text, '')
    try:
      for words in page_code.commands(block):
        page_code.check(words)
    except Exception as error:
      return str(error)
    return ''

  assert 'thresh' in wrong('python -m seld_jax.predict --thresh=1 --out=a b')
  assert 'out is missing' in wrong('python -m seld_jax.export --workdir=a')
  assert 'batchsize' in wrong(
    'FOO=1 python -m seld_jax.main --config=quick \\\n'
    '  --config.train.batchsize=3 &'
  )
  assert 'no_such' in wrong('python -m seld_jax.main --config=no_such')
  assert 'nothing' in wrong("ssh --command='cd a && python -m nothing --b=1'")
  assert not wrong('python -m seld_jax.predict --model=demo --out=a FILE ...')
  assert not wrong('sox a | seld evaluate --reference=a --predictions=b > c')
  assert 'edtion' in wrong('seld evaluate --reference=a --edtion=2 | jq .a')
  assert not wrong('sox a | seld evaluate --reference=a --predictions=b > c')
  assert 'edtion' in wrong('seld evaluate --reference=a --edtion=2 | jq .a')


@pytest.mark.slow
@pytest.mark.parametrize('block', EXECUTED, ids=place)
def test_the_commands_run(block, tmp_path):
  make_folder(tmp_path)
  for words in page_code.commands(block):
    name, arguments = page_code.module_of(words)
    done = outcome(name, *arguments, *SHORTER.get(name, ()), folder=tmp_path)
    assert not done.returncode, (words, done.stderr)


def test_commands_are_executed_or_say_why_not():
  """Only commands of seld_jax are executed."""
  for block in EXECUTED:
    for words in page_code.commands(block):
      assert page_code.module_of(words)[0].startswith('seld_jax.'), block.place


@pytest.mark.parametrize('page', page_code.PAGES, ids=lambda path: path.name)
def test_pictures_of_html_are_there(page):
  """Those of Markdown are links, which docs_test.py checks."""
  text = page.read_text(encoding='utf-8')
  tags = re.findall(r'<(?:img|source)\s[^>]*>', text)
  names = re.findall(r'\b(?:src|srcset)="([^"]+)"', ''.join(tags))
  assert len(names) == len(tags)
  assert not [name for name in names if not (page.parent / name).is_file()]
