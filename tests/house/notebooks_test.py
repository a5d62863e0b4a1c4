"""Notebooks: pairs of a program and a notebook, small, and without errors."""

import json
import os
import pathlib
import re
import warnings

import pytest
from helpers import page_code

FOLDER = pathlib.Path(__file__).parents[2] / 'notebooks'
PROGRAMS = sorted(FOLDER.glob('*.py'))
MISSING = "it needs pip install '.[notebooks]'"


def name(path):
  return path.stem


def cells(path):
  """Kind and text of each cell of a notebook, as it is stored."""
  content = json.loads(path.read_text(encoding='utf-8'))
  return [
    (one['cell_type'], ''.join(one['source'])) for one in content['cells']
  ]


def test_all_are_pairs():
  notebooks = {path.stem for path in FOLDER.glob('*.ipynb')}
  assert notebooks == {path.stem for path in PROGRAMS}
  assert notebooks


@pytest.mark.parametrize('program', PROGRAMS, ids=name)
def test_pairs_have_the_same_cells(program):
  """`jupytext --sync notebooks/*.py` makes them equal."""
  jupytext = pytest.importorskip('jupytext', reason=MISSING)
  made = jupytext.read(program)
  found = [(one.cell_type, one.source) for one in made.cells]
  assert found == cells(program.with_suffix('.ipynb'))


@pytest.mark.parametrize('program', PROGRAMS, ids=name)
def test_stored_results_are_small_and_complete(program):
  notebook = program.with_suffix('.ipynb')
  assert notebook.stat().st_size < 300_000
  content = json.loads(notebook.read_text(encoding='utf-8'))
  code = [one for one in content['cells'] if one['cell_type'] == 'code']
  assert [one['execution_count'] for one in code] == [
    number + 1 for number in range(len(code))
  ]
  kinds = {out['output_type'] for one in code for out in one['outputs']}
  assert kinds and 'error' not in kinds


@pytest.mark.parametrize('program', PROGRAMS, ids=name)
def test_links_and_commands_of_the_text_are_right(program):
  kinds = cells(program.with_suffix('.ipynb'))
  text = '\n'.join(text for kind, text in kinds if kind == 'markdown')
  for link in re.findall(r'\]\(([^)\s]+)\)', text):
    assert (FOLDER / link).is_file(), link
  for code in re.findall(r'^```\n(.*?)^```$', text, re.DOTALL | re.MULTILINE):
    block = page_code.Block(program.name, '', code, '')
    for words in page_code.commands(block):
      page_code.check(words)


@pytest.mark.slow
@pytest.mark.parametrize('program', PROGRAMS, ids=name)
def test_notebooks_run(program, tmp_path, monkeypatch):
  for needed in 'ipykernel', 'equinox':
    pytest.importorskip(needed, reason=MISSING)
  jupytext = pytest.importorskip('jupytext', reason=MISSING)
  nbclient = pytest.importorskip('nbclient', reason=MISSING)
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv('PYTHONPATH', str(FOLDER.parent), prepend=os.pathsep)
  # The pictures of a notebook belong to its kernel, not to this process.
  monkeypatch.delenv('MPLBACKEND', raising=False)
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # those of Jupyter
    client = nbclient.NotebookClient(
      jupytext.read(program),
      timeout=500,
      kernel_name='python3',
      resources={'metadata': {'path': str(tmp_path)}},
    )
    client.execute()  # raises what a cell raises
