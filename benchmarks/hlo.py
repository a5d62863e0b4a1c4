"""Counts kernels and memory traffic in the text of a compiled program."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

_BYTES = {
  'token': 0,
  **dict.fromkeys(('pred', 's8', 'u8', 'f8e4m3fn', 'f8e5m2'), 1),
  **dict.fromkeys(('bf16', 'f16', 's16', 'u16'), 2),
  **dict.fromkeys(('f32', 's32', 'u32'), 4),
  **dict.fromkeys(('f64', 's64', 'u64', 'c64'), 8),
  'c128': 16,
}

# Operations without any work: they name existing values, or order others.
_FREE = {
  'add-dependency',
  'after-all',
  'bitcast',
  'constant',
  'get-tuple-element',
  'opt-barrier',
  'parameter',
  'partition-id',
  'replica-id',
  'tuple',
}
_SLICES = ('dynamic-slice', 'gather', 'slice')


@dataclasses.dataclass(frozen=True)
class Work:
  """The work of a device for a program, without arithmetic.

  Attributes:
    kernels: Number of kernels; a call of a library counts as one.
    bytes: Number of bytes that the kernels read and write, in memory or in the
      cache.
  """

  kernels: int
  bytes: int


@dataclasses.dataclass(frozen=True)
class _Instruction:
  name: str
  type: str
  operation: str
  operands: Sequence[str]
  rest: str


def work(text: str) -> Work:
  """Counts the work of a program for a GPU.

  The body of a loop counts as often as it runs. If a kernel reads or writes
  only a slice of an array, only the slice counts.

  Args:
    text: The text from `compiled.as_text()`.

  Returns:
    The sums over the program.

  Raises:
    ValueError: The number of rounds of a loop or the branch of a conditional
      is unknown.
  """
  computations = _parse(text)
  return _total(computations['ENTRY'], computations)


def _total(
  body: Mapping[str, _Instruction],
  computations: Mapping[str, Mapping[str, _Instruction]],
) -> Work:
  kernels = moved = 0
  for instruction in body.values():
    if instruction.operation == 'while':
      trips = re.search(r'known_trip_count":\{"n":"(\d+)"', instruction.rest)
      inner = _called('body', instruction)
      if trips is None or inner is None:
        raise ValueError(
          f'The number of rounds of the loop {instruction.name} is unknown.'
        )
      once = _total(computations[inner], computations)
      kernels += int(trips[1]) * once.kernels
      moved += int(trips[1]) * once.bytes
    elif instruction.operation == 'conditional':
      raise ValueError(f'The branch that {instruction.name} takes is unknown.')
    elif instruction.operation == 'call':
      inner = _called('to_apply', instruction) or ''
      once = _total(computations[inner], computations)
      kernels += once.kernels
      moved += once.bytes
    elif not _is_free(instruction.operation):
      kernels += 1
      moved += sum(_parts(instruction, body, computations))
  return Work(kernels, moved)


def _is_free(operation: str) -> bool:
  # An asynchronous operation counts at its `-start`, not at its `-done`.
  return operation in _FREE or operation.endswith('-done')


def _parts(instruction, body, computations) -> Iterator[int]:
  """Yields the bytes of each operand and of each result."""
  inner = _called('calls', instruction)
  operation = instruction.operation.removesuffix('-start')
  if operation != 'fusion' or inner is None:
    given = [_size(body[x].type) for x in instruction.operands if x in body]
    if operation == 'dynamic-update-slice':
      yield 2 * given[1] + sum(given[2:])
    elif operation in _SLICES:
      yield 2 * _size(instruction.type) + sum(given[1:])
    elif operation != instruction.operation:
      # Its type includes the operands; the result has the type of the `-done`.
      (end,) = [x for x in body.values() if instruction.name in x.operands]
      yield sum(given) + _size(end.type)
    else:
      yield sum(given) + _size(instruction.type)
    return
  fused = computations[inner]
  for parameter in fused.values():
    if parameter.operation == 'parameter':
      yield _read(parameter, fused)
  root = [*fused.values()][-1]
  written = root.operands if root.operation == 'tuple' else [root.name]
  for name in written:
    result = _behind(fused[name], fused)
    if result.operation == 'dynamic-update-slice':
      result = fused[result.operands[1]]
    yield _size(result.type)


def _read(source: _Instruction, fused: Mapping[str, _Instruction]) -> int:
  """Number of bytes of an operand that a fusion reads."""
  total = 0
  for user in fused.values():
    if source.name not in user.operands:
      continue
    is_first = user.operands[0] == source.name
    if user.operation == 'bitcast':
      total += _read(user, fused)
    elif user.operation in _SLICES and is_first:
      total += _size(user.type)
    elif user.operation == 'dynamic-update-slice' and is_first:
      continue  # the array is updated in place
    else:
      return _size(source.type)
  return min(total, _size(source.type))


def _behind(instruction, fused):
  """The instruction whose result a chain of bitcasts has."""
  while instruction.operation == 'bitcast':
    instruction = fused[instruction.operands[0]]
  return instruction


def _called(role: str, instruction: _Instruction) -> str | None:
  """Name of a computation that an instruction calls, such as a loop body."""
  found = re.search(rf'\b{role}=%?([\w.\-]+)', instruction.rest)
  return found and found[1]


def _size(of_type: str) -> int:
  """Number of bytes of an array, or of all arrays of a tuple."""
  total = 0
  for kind, shape in re.findall(r'\b([a-z]\w*)\[([\d,]*)\]', of_type):
    count = _BYTES[kind]
    for length in filter(None, shape.split(',')):
      count *= int(length)
    total += count
  return total


def _parse(text: str) -> dict[str, dict[str, _Instruction]]:
  """Parses computations by name; the main one is ENTRY. Roots come last."""
  computations: dict[str, dict[str, _Instruction]] = {}
  body: dict[str, _Instruction] = {}
  for line in text.splitlines():
    head = re.match(r'(ENTRY )?%?([\w.\-]+) .*\{$', line)
    if head and not line.startswith('HloModule'):
      body = computations['ENTRY' if head[1] else head[2]] = {}
    found = re.match(r'\s+(?:ROOT )?%?([\w.\-]+) = (.*)$', line)
    if found:
      instruction = _instruction(found[1], found[2])
      body[instruction.name] = instruction
  return computations


def _instruction(name: str, text: str) -> _Instruction:
  """Parses an instruction, `TYPE OPERATION(OPERANDS), ATTRIBUTES`."""
  end = _closed(text) if text[0] == '(' else text.index(' ')
  of_type, rest = text[:end], text[end:].lstrip()
  operation, rest = rest.split('(', 1)
  end = _closed('(' + rest) - 2
  operands = re.findall(r'%([\w.\-]+)', rest[:end])
  return _Instruction(name, of_type, operation, operands, rest[end:])


def _closed(text: str) -> int:
  """Position after the bracket that closes the first character."""
  depth = 0
  for place, letter in enumerate(text):
    depth += (letter == '(') - (letter == ')')
    if depth == 0:
      return place + 1
  raise ValueError(f'Not closed: {text[:60]}')
