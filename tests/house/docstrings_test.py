"""Public functions keep the rules of CONTRIBUTING.md.

Public is what a package offers by its face (`__all__`), and what the modules
beside the packages define.
"""

import inspect
import re

from helpers.public_api import offered, rooms

# Annotations of arguments and results that have a shape.
ARRAYS = re.compile(r'\b(jax\.Array|Array|ArrayLike|np\.ndarray)\b')


def public_functions():
  """All public functions by name, but for the `main` of commands."""
  found = {
    f'{room}.{name}': value
    for room in rooms()
    for name, value in offered(room).items()
    # What a command's main raises, its user reads.
    if inspect.isfunction(value) and value.__name__ != 'main'
  }
  assert len(found) > 200
  return found


FUNCTIONS = public_functions()


def parameters(function):
  return inspect.signature(function).parameters.values()


def offenders(is_wrong):
  """The functions of which something is wrong, by name, and what it is."""
  return {
    name: wrong
    for name, function in FUNCTIONS.items()
    if (wrong := is_wrong(function))
  }


def test_options_are_keyword_only():
  assert not offenders(
    lambda function: [
      parameter.name
      for parameter in parameters(function)
      if parameter.default is not parameter.empty
      and parameter.kind is not parameter.KEYWORD_ONLY
    ]
  )


def test_the_key_comes_first():
  def is_wrong(function):
    names = [parameter.name for parameter in parameters(function)]
    return {'key', 'rng'} & set(names[1:])

  assert not offenders(is_wrong)


def test_the_first_line_is_a_short_sentence():
  def is_wrong(function):
    first = (inspect.getdoc(function) or '').split('\n')[0]
    return (
      None if 0 < len(first) <= 78 and first.endswith('.') else first or '-'
    )

  assert not offenders(is_wrong)


def test_arguments_are_documented_all_or_none():
  def is_wrong(function):
    text = inspect.getdoc(function) or ''
    if 'Args:' not in text:
      return None
    return [
      parameter.name
      for parameter in parameters(function)
      if not re.search(rf'^\s+\**{parameter.name}: \S', text, re.MULTILINE)
    ]

  assert not offenders(is_wrong)


def test_every_argument_and_result_has_a_type():
  def is_wrong(function):
    signature = inspect.signature(function)
    wrong = [
      parameter.name
      for parameter in signature.parameters.values()
      if parameter.annotation is parameter.empty
    ]
    if signature.return_annotation is signature.empty:
      wrong.append('return')
    return wrong

  assert not offenders(is_wrong)


def test_arrays_have_a_shape_in_the_docstring():
  def is_wrong(function):
    source = inspect.getsource(function)
    head = source[: source.index('"""')]
    text = inspect.getdoc(function) or ''
    return ARRAYS.search(head) and not re.search('shape|scalar', text)

  assert not offenders(is_wrong)


def _raises(text):
  """The part of a docstring that lists errors, or its first line."""
  _, found, section = text.partition('Raises:')
  return section.partition('Example:')[0] if found else text.split('\n')[0]


def test_what_is_raised_is_documented():
  def is_wrong(function):
    body = inspect.getsource(function)
    raised = re.findall(r'^\s+raise (\w+)\(', body, re.MULTILINE)
    text = inspect.getdoc(function) or ''
    return [error for error in raised if f'{error}: ' not in _raises(text)]

  assert not offenders(is_wrong)
