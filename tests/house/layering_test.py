"""Data flows one way: a room imports from the rooms above it in a list.

A room is a package of seld_jax, or a module that lies beside the packages.
"""

import ast
import functools
import importlib
import pathlib
import subprocess
import sys

import seld_jax

# A line may import from the lines before it, but not from itself. The modules
# within a package are free among themselves. A new room needs a place here.
ORDER = """
  errors
  geometry stopping streams text_tables
  files csv_files json_files npy_files listing progress shards commands
  averaging_record trackers
  audio labels features localization metrics losses published
  augment outputs
  scenes evaluate devices
  figures dataset
  model
  inference prediction
  config
  runs validate
  train
  predictor report
  compare reproduce
  main predict synthesize export save_pretrained calibrate listen convert fetch
  tau2020
  __main__
  completion
"""
LEVELS = {
  name: level
  for level, line in enumerate(ORDER.split('\n'))
  for name in line.split()
}

# Rooms that know neither Flax nor a configuration, and read or print nothing.
PURE = (
  *('geometry', 'features', 'localization', 'losses', 'outputs', 'augment'),
  'metrics',
)

# Packages that any program can import without JAX, and what of other packages.
WITHOUT_JAX = (
  'seld_jax.audio',
  'seld_jax.config',
  'seld_jax.evaluate',
  'seld_jax.geometry',
  'seld_jax.labels',
  'seld_jax.localization',
  'seld_jax.metrics',
  'seld_jax.published',
  'seld_jax.runs',
  'seld_jax.scenes',
  'seld_jax.dataset.crops',
  'seld_jax.dataset.recordings',
  'seld_jax.devices.large_pages',
  'seld_jax.prediction.stream',
)

ROOT = pathlib.Path(seld_jax.__file__).parent
PACKAGES = {path.parent.name for path in ROOT.glob('*/__init__.py')}


def room_of(path):
  """The package that a file lies in, or the module that it is."""
  return path.relative_to(ROOT).parts[0].removesuffix('.py')


@functools.cache
def imported(tree):
  """All that is imported anywhere in a file: full names, functions included."""
  found = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, 'imports are absolute'
      found |= {f'{node.module}.{alias.name}' for alias in node.names}
  return found


def rooms(tree):
  """The rooms that a file imports."""
  parts = (name.split('.') for name in imported(tree))
  return {name[1] for name in parts if name[0] == 'seld_jax' and len(name) > 1}


@functools.cache
def sources():
  """Room, path and syntax tree of every file but that of seld_jax itself."""
  paths = sorted(ROOT.rglob('*.py'))
  assert len(paths) > 10
  return [
    (room_of(path), path, ast.parse(path.read_text(encoding='utf-8')))
    for path in paths
    if path != ROOT / '__init__.py'
  ]


def upward(room, tree):
  """The rooms that a file of a room imports but must not."""
  return [
    other
    for other in sorted(rooms(tree))
    if other != room and LEVELS.get(other, len(ORDER)) >= LEVELS[room]
  ]


def face(package):
  """What a package offers to others."""
  return set(importlib.import_module(f'seld_jax.{package}').__all__)


def past_the_face(room, tree):
  """What a file takes from other packages that their faces do not offer."""
  wrong, local = [], {}
  for node in ast.walk(tree):
    if not isinstance(node, ast.ImportFrom | ast.Import):
      continue
    module = getattr(node, 'module', None) or ''
    for alias in node.names:
      full = f'{module}.{alias.name}' if module else alias.name
      parts = full.split('.')
      if parts[0] != 'seld_jax' or len(parts) < 2 or parts[1] not in PACKAGES:
        continue
      if parts[1] == room:
        continue
      if len(parts) == 2:
        local[alias.asname or alias.name] = parts[1]
      elif len(parts) > 3 or parts[2] not in face(parts[1]):
        wrong.append(full)
  modules = {
    alias.asname or alias.name
    for node in ast.walk(tree)
    if isinstance(node, ast.ImportFrom)
    and (node.module or '').split('.')[0] == 'seld_jax'
    for alias in node.names
  }
  for node in ast.walk(tree):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
      package = local.get(node.value.id)
      if package and node.attr not in face(package):
        wrong.append(f'seld_jax.{package}.{node.attr}')
      elif node.value.id in modules and node.attr.startswith('_'):
        wrong.append(f'{node.value.id}.{node.attr}')
  return sorted(set(wrong))


def test_every_room_has_a_place():
  assert {room for room, _, _ in sources()} == set(LEVELS)


def test_imports_point_up_the_list():
  wrong = {
    str(path.relative_to(ROOT)): found
    for room, path, tree in sources()
    if (found := upward(room, tree))
  }
  assert not wrong


def test_packages_are_used_through_their_faces():
  wrong = {
    str(path.relative_to(ROOT)): found
    for room, path, tree in sources()
    if (found := past_the_face(room, tree))
  }
  assert not wrong


def test_wrong_imports_are_seen():
  def found(check, room, source):
    return check(room, ast.parse(source))

  assert found(upward, 'losses', 'from seld_jax import train') == ['train']
  assert found(upward, 'losses', 'import seld_jax.metrics') == ['metrics']
  inside = 'def f():\n  from seld_jax.model import X'
  assert found(upward, 'losses', inside) == ['model']
  assert found(upward, 'losses', 'from seld_jax import new') == ['new']
  assert not found(upward, 'metrics', 'from seld_jax.geometry import x')

  deep = 'from seld_jax.model.gru import BiGru'
  assert found(past_the_face, 'train', deep) == ['seld_jax.model.gru.BiGru']
  assert not found(past_the_face, 'model', deep)
  private = 'from seld_jax import model as m\nm.nothing'
  assert found(past_the_face, 'train', private) == ['seld_jax.model.nothing']
  assert not found(past_the_face, 'train', 'from seld_jax.model import MODELS')
  hidden = 'from seld_jax.train import checkpoint\ncheckpoint._rank'
  assert found(past_the_face, 'report', hidden) == ['checkpoint._rank']


def test_what_a_face_offers_is_there():
  for package in sorted(PACKAGES):
    module = importlib.import_module(f'seld_jax.{package}')
    names = module.__all__
    assert len(set(names)) == len(names), package
    missing = [name for name in names if not hasattr(module, name)]
    assert not missing, f'{package}: {missing}'
    assert not [name for name in names if name.startswith('_')], package


def test_pure_rooms_know_no_network_and_no_config():
  for room, path, tree in sources():
    if room not in PURE:
      continue
    roots = {name.split('.')[0] for name in imported(tree)}
    unwanted = {'flax', 'ml_collections', 'orbax', 'absl', 'soundfile'}
    assert not roots & unwanted, path
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not names & {'open', 'print'}, path
    below = {'outputs': ('labels', 'losses'), 'augment': ('features',)}
    allowed = {room, 'errors', 'geometry', *below.get(room, ())}
    assert rooms(tree) <= allowed, path


def test_numpy_rooms_import_no_jax_in_functions_either():
  """Only an import in a function could be hidden from the test of imports."""
  for room, path, tree in sources():
    if room in ('audio', 'geometry', 'labels', 'localization', 'metrics'):
      roots = {name.split('.')[0] for name in imported(tree)}
      assert not roots & {'jax', 'flax', 'optax', 'ml_collections'}, path


def test_only_training_and_commands_see_a_configuration():
  users = {
    room
    for room, _, tree in sources()
    if 'config' in rooms(tree) or 'ml_collections' in imported(tree)
  }
  assert users <= {
    *('completion', 'config', 'convert', 'main', 'reproduce', 'runs'),
    *('synthesize', 'train', 'validate'),
  }


def test_only_one_module_imports_orbax():
  users = {
    str(path.relative_to(ROOT))
    for _, path, tree in sources()
    if any(name.split('.')[0] == 'orbax' for name in imported(tree))
  }
  assert users == {'train/checkpoint.py'}


def package_itself():
  """The syntax tree of seld_jax/__init__.py, and its part for type checkers.

  Another part is for processes of commands only.
  """
  tree = ast.parse((ROOT / '__init__.py').read_text(encoding='utf-8'))
  command, block = (node for node in tree.body if isinstance(node, ast.If))
  assert ast.unparse(block.test) == 'TYPE_CHECKING'
  assert imported(command) == {'seld_jax.stopping'}
  command.body = []
  return tree, block


def test_the_package_itself_loads_nothing():
  tree, block = package_itself()
  block.body = []
  roots = {name.split('.')[0] for name in imported(tree)}
  assert roots == {'importlib', 'os', 'sys', 'typing'}


def test_type_checkers_know_the_names_of_the_package():
  _, block = package_itself()
  names = []
  for node in block.body:
    assert isinstance(node, ast.ImportFrom) and node.module
    home = importlib.import_module(node.module)
    for alias in node.names:
      names.append(alias.name)
      assert getattr(home, alias.name) is getattr(seld_jax, alias.name)
  assert sorted(names) == sorted(seld_jax.__all__)


def test_light_packages_can_be_had_without_jax():
  """What the imports of imports bring in shows only in a fresh process."""
  script = (
    'import importlib, sys\n'
    f'for name in {WITHOUT_JAX}:\n'
    '  importlib.import_module(name)\n'
    '  heavy = {"jax", "flax", "optax", "orbax"} & set(sys.modules)\n'
    '  assert not heavy, (name, heavy)\n'
  )
  done = subprocess.run(
    [sys.executable, '-c', script], capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr


def test_scoring_starts_without_what_takes_long_to_load():
  script = (
    'import sys, seld_jax.evaluate, seld_jax.evaluate.__main__\n'
    'slow = {"jax", "matplotlib", "scipy.signal", "scipy.optimize"}\n'
    'assert not slow & set(sys.modules), slow & set(sys.modules)\n'
  )
  done = subprocess.run(
    [sys.executable, '-c', script], capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr
