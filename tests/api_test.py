"""Public functions keep the manners of the house."""

import importlib
import inspect
import re

import pytest

MODULES = (
  'geometry',
  'spectrum',
  'features',
  'window_features',
  'streaming',
  'channels',
  'predictions',
  'prediction',
  'predictor',
  'export_file',
  'transfer',
  'fine_tuning',
  'live',
  'augment',
  'losses',
  'sampling',
  'matching',
  'metrics',
  'labels',
  'events',
  'classes',
  'csv_rows',
  'csv_forms',
  'csv_text',
  'csv_folders',
  'metrics_2019',
  'metrics_2020',
  'metrics_segments',
  'metrics_2024',
  'breakdowns',
  'checks',
  'confusion',
  'direction_errors',
  'examples',
  'scene_conditions',
  'score_tables',
  'validate',
  'audio',
  'folders',
  'listening',
  'split_zip',
  'download',
  'unpack',
  'archives',
  'tau2020',
)
# Annotations of arguments and results that have a shape.
ARRAYS = re.compile(r'\b(jax\.Array|Array|ArrayLike|np\.ndarray)\b')


def public_functions():
  """(name, function) of what each module defines for others."""
  found = []
  for module_name in MODULES:
    module = importlib.import_module(f'seld_jax.{module_name}')
    for name, value in sorted(vars(module).items()):
      function = inspect.unwrap(value) if callable(value) else None
      if (
        not name.startswith('_')
        and inspect.isfunction(function)
        and function.__module__ == module.__name__
      ):
        found.append(pytest.param(function, id=f'{module_name}.{name}'))
  assert len(found) >= 25
  return found


everywhere = pytest.mark.parametrize('function', public_functions())


def parameters(function):
  return inspect.signature(function).parameters.values()


def annotations(function):
  """Source text of all annotations, as aliases have no name of their own."""
  source = inspect.getsource(function)
  return source[: source.index('"""')]


@everywhere
def test_options_are_keyword_only(function):
  for parameter in parameters(function):
    if parameter.default is not parameter.empty:
      assert parameter.kind is parameter.KEYWORD_ONLY, parameter.name


@everywhere
def test_the_key_comes_first(function):
  names = [parameter.name for parameter in parameters(function)]
  for word in 'key', 'rng':
    if word in names:
      assert names[0] == word


@everywhere
def test_documented(function):
  text = inspect.getdoc(function)
  assert text, 'a public function needs a docstring'
  first = text.split('\n')[0]
  assert len(first) <= 78
  assert first.endswith('.')
  if 'Args:' in text:
    for parameter in parameters(function):
      assert re.search(rf'^\s+{parameter.name}: \S', text, re.MULTILINE), (
        f'{parameter.name} is not in Args'
      )


@everywhere
def test_every_argument_and_result_has_a_type(function):
  signature = inspect.signature(function)
  assert signature.return_annotation is not signature.empty
  for parameter in signature.parameters.values():
    assert parameter.annotation is not parameter.empty, parameter.name


@everywhere
def test_arrays_have_a_shape_in_the_docstring(function):
  if ARRAYS.search(annotations(function)):
    assert re.search('shape|scalar', inspect.getdoc(function))


@everywhere
def test_what_is_raised_is_documented(function):
  body = inspect.getsource(function)
  for error in re.findall(r'^\s+raise (\w+)\(', body, re.MULTILINE):
    assert f'{error}: ' in inspect.getdoc(function)
