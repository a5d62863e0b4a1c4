"""What a compiled program does, read from the text that XLA prints of it."""

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

# Names for what is somewhere already, and order.
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
  """What a program costs a device beside arithmetic.

  Attributes:
    kernels: Programs that it starts; a call of a library counts as one.
    bytes: What they read and write, wherever it lies: in memory, or still in
      the cache.
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
  """Counts what a program for a GPU does.

  A loop counts as often as it runs. Of an array of which a kernel reads or
  writes a slice, the slice counts.

  Args:
    text: From `compiled.as_text()`.

  Returns:
    The sums over the program.
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
        raise ValueError(f'How often {instruction.name} runs is not told.')
      once = _total(computations[inner], computations)
      kernels += int(trips[1]) * once.kernels
      moved += int(trips[1]) * once.bytes
    elif instruction.operation == 'conditional':
      raise ValueError(f'Which branch {instruction.name} takes is not told.')
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
  # What `-start` begins, and counts for, `-done` waits for.
  return operation in _FREE or operation.endswith('-done')


def _parts(instruction, body, computations) -> Iterator[int]:
  """Bytes of each operand and of what comes out."""
  inner = _called('calls', instruction)
  operation = instruction.operation.removesuffix('-start')
  if operation != 'fusion' or inner is None:
    given = [_size(body[x].type) for x in instruction.operands if x in body]
    if operation == 'dynamic-update-slice':
      yield 2 * given[1] + sum(given[2:])
    elif operation in _SLICES:
      yield 2 * _size(instruction.type) + sum(given[1:])
    elif operation != instruction.operation:
      # Its type has the operands, too; what comes out is that of its end.
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
  """How much of an operand a fusion reads."""
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
      continue  # the rest stays where it is
    else:
      return _size(source.type)
  return min(total, _size(source.type))


def _behind(instruction, fused):
  while instruction.operation == 'bitcast':
    instruction = fused[instruction.operands[0]]
  return instruction


def _called(role: str, instruction: _Instruction) -> str | None:
  found = re.search(rf'\b{role}=%?([\w.\-]+)', instruction.rest)
  return found and found[1]


def _size(of_type: str) -> int:
  """Bytes of an array, or of all arrays of a tuple."""
  total = 0
  for kind, shape in re.findall(r'\b([a-z]\w*)\[([\d,]*)\]', of_type):
    count = _BYTES[kind]
    for length in filter(None, shape.split(',')):
      count *= int(length)
    total += count
  return total


def _parse(text: str) -> dict[str, dict[str, _Instruction]]:
  """Computations by name, the outermost as ENTRY; their roots come last."""
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
  """Of `TYPE OPERATION(OPERANDS), ATTRIBUTES`."""
  end = _closed(text) if text[0] == '(' else text.index(' ')
  of_type, rest = text[:end], text[end:].lstrip()
  operation, rest = rest.split('(', 1)
  end = _closed('(' + rest) - 2
  operands = re.findall(r'%([\w.\-]+)', rest[:end])
  return _Instruction(name, of_type, operation, operands, rest[end:])


def _closed(text: str) -> int:
  """Where the bracket ends with which a text begins."""
  depth = 0
  for place, letter in enumerate(text):
    depth += (letter == '(') - (letter == ')')
    if depth == 0:
      return place + 1
  raise ValueError(f'Not closed: {text[:60]}')
