"""Pickles as data: nothing that they name is imported, called or executed.

A pickle is a program for a small machine, which can call any function of
Python. `read` is a machine of its own with fewer instructions: a name stays a
`Name`, and a call becomes a `Made` with its arguments, which the caller
compares with what it knows. Names that the caller does not know are refused.
"""

import dataclasses
import pickletools
import warnings
from collections.abc import Callable, Collection
from typing import IO, Any, cast

from seld_jax.errors import printable

# Instructions of a pickle. A file with the states of an optimizer has some
# thousands.
_MOST_INSTRUCTIONS = 1_000_000
# Bytes that an instruction may have: those of an array within a pickle.
_MOST_BYTES = 64_000_000

# Characters of a name that a message shows.
_LONGEST_NAME = 80

# Keys of dictionaries: integers of this size cannot be made to collide.
_LARGEST_KEY = 2**31

# Instructions that only push their argument, and constants.
_PUSHES = frozenset(
  (
    *('INT', 'BININT', 'BININT1', 'BININT2', 'LONG', 'LONG1', 'LONG4'),
    *('FLOAT', 'BINFLOAT', 'STRING', 'BINSTRING', 'SHORT_BINSTRING'),
    *('UNICODE', 'BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8'),
    *('BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8'),
  )
)
# Instructions that are methods of `_Machine`.
_ACTIONS = frozenset(
  (
    *('POP', 'TUPLE', 'EMPTY_LIST', 'LIST', 'APPEND', 'APPENDS', 'EMPTY_DICT'),
    *('DICT', 'SETITEM', 'SETITEMS', 'BINPERSID', 'REDUCE', 'NEWOBJ', 'BUILD'),
  )
)
_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_TUPLES = {'EMPTY_TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}


class Refused(ValueError):
  """A pickle holds something that a file of this kind does not need."""


@dataclasses.dataclass(frozen=True)
class Name:
  """The name of a class or function, which is not looked up.

  Attributes:
    module: Its module.
    name: Its name in the module.
  """

  module: str
  name: str

  def __str__(self) -> str:
    return f'{self.module}.{self.name}'


@dataclasses.dataclass(eq=False)
class Made:
  """An object that a pickle asks to make; it is not made.

  Attributes:
    function: The function or class that would be called.
    arguments: Its arguments.
    state: What would be given to the object afterwards.
    value: What the caller puts in its place, e.g. an array that follows.
  """

  function: Name
  arguments: tuple[Any, ...]
  state: Any = None
  value: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
  """A reference to something outside of the pickle, such as a storage.

  Attributes:
    key: What the pickle says about it.
  """

  key: Any


class _Mark:
  """The start of the items of a tuple, list or dictionary on the stack."""


class _Bounded:
  """A file that refuses to read more at once than an instruction can need.

  A damaged instruction may announce any number of bytes, and memory would be
  taken for all of them.
  """

  def __init__(self, file: IO[bytes]):
    self._file = file
    self.readline, self.tell = file.readline, file.tell

  def read(self, size: int) -> bytes:
    """Reads some bytes."""
    if size > _MOST_BYTES:
      raise ValueError(f'an instruction has {size:,} bytes')
    return self._file.read(size)


def read(
  file: IO[bytes],
  *,
  known: Collection[str],
  after_state: Callable[[Made], None] = lambda made: None,
) -> Any:
  """Reads the next pickle of a file.

  Args:
    file: The file, at the first byte of the pickle. Afterwards it is at the
      first byte after it.
    known: Full names of classes and functions that may occur.
    after_state: Called when an object got its state; it may read bytes that
      follow in the file, and set `value`.

  Returns:
    None, numbers, strings, bytes, tuples, lists and dictionaries as they are;
    `collections.OrderedDict` is a dictionary. `Name`, `Made` and `Stored` for
    everything else.

  Raises:
    Refused: The pickle has an unknown name or instruction, or is too long.
    ValueError: It is damaged.
  """
  machine = _Machine(known, after_state)
  try:
    with warnings.catch_warnings():
      # A backslash in a damaged text: pickletools warns, and keeps it.
      warnings.filterwarnings('ignore', 'invalid escape', DeprecationWarning)
      bounded = cast('IO[bytes]', _Bounded(file))
      for count, (code, argument, _) in enumerate(pickletools.genops(bounded)):
        if count > _MOST_INSTRUCTIONS:
          raise Refused(f'it has more than {_MOST_INSTRUCTIONS:,} instructions')
        machine.step(code.name, argument)
  except (LookupError, TypeError, OverflowError, RecursionError) as error:
    raise ValueError(f'its pickle is damaged ({type(error).__name__})') from (
      error
    )
  return machine.result


class _Machine:
  """The stack and the memory of a pickle that is being read."""

  def __init__(
    self, known: Collection[str], after_state: Callable[[Made], None]
  ):
    self._known, self._after_state = known, after_state
    self._stack: list[Any] = []
    self._memory: dict[int, Any] = {}
    self.result: Any = None

  def step(self, code: str, argument: Any) -> None:
    """Follows one instruction."""
    push = self._stack.append
    if code in _PUSHES:
      push(argument)
    elif code in _CONSTANTS:
      push(_CONSTANTS[code])
    elif code in _TUPLES:
      push(self._last(_TUPLES[code]))
    elif code in ('BINPUT', 'LONG_BINPUT', 'PUT'):
      self._memory[argument] = self._top()
    elif code == 'MEMOIZE':
      self._memory[len(self._memory)] = self._top()
    elif code in ('BINGET', 'LONG_BINGET', 'GET'):
      push(self._memory[argument])
    elif code in ('GLOBAL', 'STACK_GLOBAL'):
      push(self._name(code, argument))
    elif code == 'MARK':
      push(_Mark)
    elif code == 'STOP':
      (self.result,) = self._last(len(self._stack))
    elif code in _ACTIONS:
      getattr(self, f'_{code.lower()}')()
    elif code not in ('PROTO', 'FRAME'):
      raise Refused(f'it has the instruction {code}')

  def _top(self) -> Any:
    if self._stack[-1] is _Mark:
      raise ValueError('its pickle is damaged (a mark is used as a value)')
    return self._stack[-1]

  def _pop(self) -> Any:
    value = self._top()
    self._stack.pop()
    return value

  def _last(self, count: int) -> tuple[Any, ...]:
    return tuple(self._pop() for _ in range(count))[::-1]

  def _marked(self) -> list[Any]:
    """Takes everything from the stack down to the last mark."""
    values = []
    while self._stack[-1] is not _Mark:
      values.append(self._stack.pop())
    self._stack.pop()
    return values[::-1]

  def _name(self, code: str, argument: Any) -> Name:
    if code == 'GLOBAL':
      module, _, name = argument.partition(' ')
    else:
      module, name = self._last(2)
    if not isinstance(module, str) or not isinstance(name, str):
      raise ValueError('its pickle is damaged (a name is no text)')
    found = Name(module, name)
    if str(found) not in self._known:
      raise Refused(f'it names {printable(str(found)[:_LONGEST_NAME])}')
    return found

  # Instructions by their name in `pickletools`, in lower case.

  def _tuple(self) -> None:
    self._stack.append(tuple(self._marked()))

  def _empty_list(self) -> None:
    self._stack.append([])

  def _list(self) -> None:
    self._stack.append(self._marked())

  def _append(self) -> None:
    (value,) = self._last(1)
    self._list_on_top().append(value)

  def _appends(self) -> None:
    values = self._marked()
    self._list_on_top().extend(values)

  def _empty_dict(self) -> None:
    self._stack.append({})

  def _dict(self) -> None:
    self._stack.append(_dictionary(self._marked()))

  def _setitem(self) -> None:
    pair = self._last(2)
    self._dictionary_on_top().update(_dictionary(pair))

  def _setitems(self) -> None:
    pairs = self._marked()
    self._dictionary_on_top().update(_dictionary(pairs))

  def _binpersid(self) -> None:
    self._stack.append(Stored(self._pop()))

  def _reduce(self) -> None:
    function, arguments = self._last(2)
    self._stack.append(_made(function, arguments))

  # The class is called in another way, but its arguments are the same.
  _newobj = _reduce

  def _build(self) -> None:
    (state,) = self._last(1)
    made = self._top()
    if isinstance(made, Made):
      made.state = state
      self._after_state(made)
    elif not isinstance(made, dict):  # attributes of a dictionary are left out
      raise ValueError('its pickle is damaged (a state without an object)')

  def _list_on_top(self) -> list[Any]:
    if not isinstance(self._top(), list):
      raise ValueError('its pickle is damaged (items without a list)')
    return self._top()

  def _dictionary_on_top(self) -> dict[Any, Any]:
    if not isinstance(self._top(), dict):
      raise ValueError('its pickle is damaged (items without a dictionary)')
    return self._top()


def _made(function: Any, arguments: Any) -> Any:
  """What a call makes: a dictionary, or only a description of the call."""
  if not isinstance(function, Name) or not isinstance(arguments, tuple):
    raise Refused('it calls something that is no function')
  if str(function) != 'collections.OrderedDict':
    return Made(function, arguments)
  pairs = arguments[0] if arguments else []
  # Lists that are in it many times would make it larger than the file.
  if not isinstance(pairs, list) or not all(
    isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
  ):
    raise ValueError('its pickle is damaged (a dictionary of something else)')
  return _dictionary([value for pair in pairs for value in pair])


def _dictionary(values: Any) -> dict[Any, Any]:
  """A dictionary of alternating keys and values."""
  if len(values) % 2:
    raise ValueError('its pickle is damaged (a key without a value)')
  keys = values[::2]
  for key in keys:
    is_small = isinstance(key, int) and abs(key) < _LARGEST_KEY
    if not isinstance(key, str) and not is_small:
      raise Refused('it has a dictionary whose keys are no names')
  return dict(zip(keys, values[1::2], strict=True))
