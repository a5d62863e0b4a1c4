"""Draws the packages of seld_jax and their imports, for docs/architecture.md.

Run `python docs/architecture.py` after a change of imports. It writes
docs/architecture.svg, and the table of packages into docs/architecture.md. A
test fails when either of them is out of date.
"""

import ast
import math
import pathlib

DOCS = pathlib.Path(__file__).parent
PACKAGE = DOCS.parent / 'seld_jax'

# Rooms that nearly all others use; they are drawn without arrows.
EVERYWHERE = (
  *('errors', 'files', 'progress', 'shards', 'commands'),
  *('stopping', 'streams'),
)

# The way of a recording through the rooms, for each of three commands.
ROUTES = {
  'main': (
    *('audio', 'features', 'dataset', 'model', 'train'),
    *('inference', 'evaluate', 'report'),
  ),
  'predict': ('audio', 'prediction', 'labels', 'figures'),
  'evaluate': ('labels', 'metrics', 'evaluate'),
}
COLORS = {'main': '#2a6fdb', 'predict': '#c2571a', 'evaluate': '#2a8a4a'}

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 104, 30, 22, 62, 24

START, END = '<!-- rooms: begin -->', '<!-- rooms: end -->'


def read_rooms(package: pathlib.Path) -> dict[str, tuple[str, set[str]]]:
  """The first line of the docstring of every room, and the rooms it imports."""
  rooms: dict[str, tuple[str, set[str]]] = {}
  for path in sorted(package.rglob('*.py')):
    if path == package / '__init__.py':
      continue
    room = path.relative_to(package).parts[0].removesuffix('.py')
    tree = ast.parse(path.read_text(encoding='utf-8'))
    about, used = rooms.get(room, ('', set()))
    if path in (package / room / '__init__.py', package / f'{room}.py'):
      about = (ast.get_docstring(tree) or '').split('\n')[0]
    for node in ast.walk(tree):
      if isinstance(node, ast.ImportFrom) and node.module:
        parts = node.module.split('.')
        if parts[0] == 'seld_jax':
          names = parts[1:2] or [alias.name for alias in node.names]
          used |= set(names) - {room}
    rooms[room] = (about, used)
  return rooms


def reduce_edges(used: dict[str, set[str]]) -> dict[str, set[str]]:
  """Leaves out every import that follows from two or more others."""

  def below(room: str) -> set[str]:
    return set().union(*({one} | below(one) for one in used[room]), set())

  return {
    room: {
      one
      for one in imports
      if not any(one in below(other) for other in imports - {one})
    }
    for room, imports in used.items()
  }


def place(used: dict[str, set[str]]) -> list[list[str]]:
  """Floors of rooms: each room is below all that it imports."""
  depth: dict[str, int] = {}

  def floor(room: str) -> int:
    if room not in depth:
      depth[room] = max((floor(one) + 1 for one in used[room]), default=0)
    return depth[room]

  last = max(map(floor, used))
  users = {
    room: {one for one, imports in used.items() if room in imports}
    for room in used
  }
  for room in used:  # what imports nothing stands right above its users
    if not used[room]:
      depth[room] = min((depth[one] - 1 for one in users[room]), default=last)
  floors: list[list[str]] = [[] for _ in range(last + 1)]
  for room in sorted(used):
    floors[depth[room]].append(room)
  for _ in range(20):  # each room moves to the middle of its neighbours
    places = {
      room: (index + 0.5) / len(rooms)
      for rooms in floors
      for index, room in enumerate(rooms)
    }
    for rooms in floors:
      rooms.sort(
        key=lambda room: (
          # Exact: a sum would depend on the order of a set.
          math.fsum(places[one] for one in used[room] | users[room])
          / max(1, len(used[room] | users[room])),
          room,
        )
      )
  return floors


def draw(rooms: dict[str, tuple[str, set[str]]]) -> str:
  """The drawing as SVG, which suits light and dark pages."""
  used = {
    room: imports - set(EVERYWHERE)
    for room, (_, imports) in rooms.items()
    if room not in EVERYWHERE
  }
  edges, floors = reduce_edges(used), place(used)
  widest = max(len(row) for row in floors)
  total = widest * (WIDTH + GAP_X) - GAP_X
  corners = {}
  for number, row in enumerate(floors):
    left = MARGIN + (total - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
    for index, room in enumerate(row):
      corners[room] = (
        left + index * (WIDTH + GAP_X),
        MARGIN + number * (HEIGHT + GAP_Y),
      )
  bottom = MARGIN + len(floors) * (HEIGHT + GAP_Y)
  lines = [
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{total + 2 * MARGIN:g}" '
    f'height="{bottom + 84:g}" font-family="system-ui, sans-serif" '
    'font-size="13">',
    '<style>.room{fill:#fff;stroke:#8a8f98}.edge{fill:none;stroke:#b5bac3}'
    'text{fill:#222}.badge{fill:#fff;font-size:10px;font-weight:600}'
    '@media(prefers-color-scheme:dark){.room{fill:#1f2229;stroke:#7d838e}'
    '.edge{stroke:#555b66}text{fill:#e4e4e4}}</style>',
    '<title>Packages of seld_jax; lines lead down to the importing '
    'package</title>',
  ]
  for room in sorted(edges):
    x, y = corners[room]
    for other in sorted(edges[room]):
      left, top = corners[other]
      start, end = (left + WIDTH / 2, top + HEIGHT), (x + WIDTH / 2, y)
      bend = (end[1] - start[1]) / 2
      lines.append(
        f'<path class="edge" d="M{start[0]:g} {start[1]:g}C{start[0]:g} '
        f'{start[1] + bend:g} {end[0]:g} {end[1] - bend:g} {end[0]:g} '
        f'{end[1]:g}"/>'
      )
  for room, (x, y) in corners.items():
    lines.append(
      f'<rect class="room" x="{x:g}" y="{y:g}" width="{WIDTH}" '
      f'height="{HEIGHT}" rx="5"/><text x="{x + WIDTH / 2:g}" '
      f'y="{y + 20:g}" text-anchor="middle">{room}</text>'
    )
    badges = [
      (route, steps.index(room) + 1)
      for route, steps in ROUTES.items()
      if room in steps
    ]
    for index, (route, step) in enumerate(badges):
      centre = x + 10 + 20 * index
      lines.append(
        f'<circle cx="{centre:g}" cy="{y:g}" r="8" fill="{COLORS[route]}"/>'
        f'<text class="badge" x="{centre:g}" y="{y + 3.5:g}" '
        f'text-anchor="middle">{step}</text>'
      )
  lines.append(
    f'<text x="{MARGIN}" y="{bottom + 12:g}">Steps of a recording '
    'through</text>'
  )
  x = MARGIN + 200
  for route, color in COLORS.items():
    lines.append(
      f'<circle cx="{x:g}" cy="{bottom + 8:g}" r="8" fill="{color}"/>'
      f'<text x="{x + 14:g}" y="{bottom + 12:g}">{route}</text>'
    )
    x += 100
  for number, note in enumerate(
    (
      'A line leads down from a room to a room that imports it. Imports that '
      'follow from others are left out.',
      f'Used everywhere, so not drawn: {", ".join(EVERYWHERE)}.',
    )
  ):
    lines.append(
      f'<text x="{MARGIN}" y="{bottom + 40 + 20 * number:g}">{note}</text>'
    )
  return '\n'.join([*lines, '</svg>']) + '\n'


def table(rooms: dict[str, tuple[str, set[str]]]) -> str:
  """The rooms as a table in Markdown, in the order of the drawing."""
  used = {
    room: imports - set(EVERYWHERE)
    for room, (_, imports) in rooms.items()
    if room not in EVERYWHERE
  }
  order = [*EVERYWHERE, *(room for row in place(used) for room in sorted(row))]
  lines = ['| `seld_jax/` | subject |', '|---|---|']
  for room in order:
    name = f'{room}/' if (PACKAGE / room).is_dir() else f'{room}.py'
    lines.append(f'| `{name}` | {rooms[room][0]} |')
  return '\n'.join(lines)


def update(text: str, rooms: dict[str, tuple[str, set[str]]]) -> str:
  """The page with the table between its two marks made anew."""
  head, _, rest = text.partition(START)
  _, _, tail = rest.partition(END)
  return f'{head}{START}\n{table(rooms)}\n{END}{tail}'


if __name__ == '__main__':
  found = read_rooms(PACKAGE)
  (DOCS / 'architecture.svg').write_text(draw(found), encoding='utf-8')
  page = DOCS / 'architecture.md'
  page.write_text(update(page.read_text(encoding='utf-8'), found), 'utf-8')
