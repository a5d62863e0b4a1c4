"""Steps of augmentation that are written as text, as in a configuration."""

import ast
import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from seld_jax.augment import feature_steps, steps
from seld_jax.augment.composing import Step, compose
from seld_jax.augment.domains import Domain
from seld_jax.errors import InputError, shown

# The functions that make a step, by the name of the step.
STEPS: dict[str, Callable[..., Step]] = {
  'symmetries': steps.symmetries,
  'rotation': steps.rotation,
  'gain': steps.gain,
  'equaliser': steps.equaliser,
  'mixup': steps.mixup,
  'frequency_shift': feature_steps.frequency_shift,
  'cutout': feature_steps.cutout,
  'masks': feature_steps.masks,
}

# Steps that change standardised features.
_STANDARDISED = ('cutout', 'masks')

# What is written for a type of parameters.
_TYPES = {bool: 'True or False', int: 'an integer', float: 'a number'}

# Most characters of a step: more can be no call of these functions.
_LONGEST = 1000

# Numbers above this do not fit into programs.
_MOST = 2**31 - 1


def make_steps(
  texts: Sequence[str], *, domain: Domain
) -> tuple[Step, Step, tuple[str, ...]]:
  """Makes steps of augmentation from text.

  Args:
    texts: The steps in their order. Each is a call of a function in `STEPS`
      with named parameters, without the domain, such as `'gain(max_db=10)'`.
    domain: The audio or features that are changed.

  Returns:
    The step before features are standardised, the step after that, and the
    names of all steps. `cutout` and `masks` come after; all others come before.

  Raises:
    InputError: A text is not such a call, a step or parameter does not exist or
      has a value out of range, a step does not suit the domain, or one that
      changes standardised features stands before one that does not. The message
      names the step.

  See Also:
    `compose`, for steps that are made in Python.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> before, after, names = augment.make_steps(
    ...   ['symmetries(count=48)', 'gain()', 'masks()'], domain=domain
    ... )
    >>> names
    ('symmetries', 'gain', 'masks')
    >>> augment.make_steps(['gian()'], domain=domain)
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: Step 1, 'gian()': there is no step gian (did
    you mean gain?); the steps are symmetries, rotation, gain, equaliser,
    mixup, frequency_shift, cutout, masks.
  """
  before: list[Step] = []
  after: list[Step] = []
  names: list[str] = []
  for number, text in enumerate(texts, start=1):
    place = f'Step {number}, {shown(text)}'
    try:
      name, parameters = _parsed(text)
      _check_once(name, names)
      step = STEPS[name](domain, **parameters)
    except ValueError as error:
      raise InputError(f'{place}: {error}') from error
    names.append(name)
    if name in _STANDARDISED:
      after.append(step)
      continue
    before.append(step)
    if after:
      last = next(one for one in names if one in _STANDARDISED)
      raise InputError(
        f'{place}: {name} changes features before they are standardised, but '
        f'{last} after that: put {name} before {last}.'
      )
  return compose(*before), compose(*after), tuple(names)


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
  """The name and the parameters of a step.

  Raises:
    ValueError: The text is not a call of a step with its parameters.
  """
  call = _call_of(text)
  if call is None:
    raise ValueError(
      'a step must be a call with named parameters, such as gain(max_db=10), '
      'and each step a text of its own.'
    )
  name = call.func.id if isinstance(call.func, ast.Name) else ''
  if name not in STEPS:
    raise ValueError(
      f'there is no step {name}{_hint(name, list(STEPS))}; the steps are '
      f'{", ".join(STEPS)}.'
    )
  known = {
    parameter.name: parameter.default
    for parameter in inspect.signature(STEPS[name]).parameters.values()
    if parameter.default is not parameter.empty
  }
  if call.args:
    raise ValueError(
      f'parameters need a name, such as {name}({next(iter(known))}=...).'
    )
  parameters: dict[str, Any] = {}
  for keyword in call.keywords:
    field = keyword.arg or '**'
    if field not in known:
      raise ValueError(
        f'{name} has no parameter {field}{_hint(field, list(known))}; it has '
        f'{", ".join(known)}.'
      )
    if field in parameters:
      raise ValueError(f'{field} is given twice: remove one.')
    parameters[field] = _value(field, keyword.value, known[field])
  return name, parameters


def _check_once(name: str, before: Sequence[str]) -> None:
  """Raises ValueError for a second mixup."""
  if name == 'mixup' and name in before:
    raise ValueError(
      'a second mixup would add the same example again: remove one.'
    )


def _call_of(text: str) -> ast.Call | None:
  """The call that a text is, of a name; None if it is something else."""
  if len(text) > _LONGEST:
    return None
  try:
    call = ast.parse(text.strip(), mode='eval').body
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    return None
  if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
    return call
  return None


def _value(name: str, node: ast.expr, example: Any) -> Any:
  """The value of a parameter, of the type of its default."""
  try:
    value: Any = ast.literal_eval(node)
  except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
    value = None
  kind = type(example)
  kinds = int | float if kind is float else kind
  is_right = isinstance(value, kinds) and (
    kind is bool or (not isinstance(value, bool) and abs(value) <= _MOST)
  )
  if not is_right:
    text = shown(ast.unparse(node))[1:-1]
    raise ValueError(f'{name} must be {_TYPES[kind]}, got {text}.')
  return value


def _hint(name: str, known: list[str]) -> str:
  close = difflib.get_close_matches(name, known, n=1)
  return f' (did you mean {close[0]}?)' if close else ''
