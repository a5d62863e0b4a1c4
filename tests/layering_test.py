"""Data flows one way: a module imports only what stands above it in a list."""

import ast
import pathlib
import subprocess
import sys

import pytest

import seld_jax

# From the bottom up. A line may import from the lines before it; the modules of
# a package are free among themselves, and those of one line may not see each
# other. Who adds a module finds its place here first.
ORDER = """
  errors
  files progress commands compilation large_pages signals page split_zip
  listening shards
  processes
  download unpack
  archives
  samples
  geometry csv_rows classes events resampling channels transfer containers
  spectrum streaming
  spatial
  matching
  metrics_2019 metrics_2020 metrics_segments metrics_2024
  editions
  features augment losses metrics sampling
  audio window_features export_file
  csv_forms
  csv_text
  labels
  csv_folders breakdowns checks confusion direction_errors examples
  scene_conditions
  score_tables folders
  scenes
  recordings
  cache streams
  dataset
  sharding tracing
  sources
  convolution normalisation
  layers recurrent
  model
  inference
  evaluate prediction
  config_types
  config_rules
  config
  systems
  checkpoint
  metric_writer
  prepare run_folder
  optimizer
  batches step_metrics
  train_step
  scoring trained stepping
  predictor
  fine_tuning
  train
  train_many
  runs comparison
  comparison_tables
  figures
  report_scores report_errors
  report_recordings
  report_folders
  report comparison_report predictions live
  main predict synthesize export listen validate reproduce tau2020
"""
LEVELS = {
  name: level
  for level, line in enumerate(ORDER.split('\n'))
  for name in line.split()
}
EDITIONS = ('metrics_2019', 'metrics_2020', 'metrics_segments', 'metrics_2024')
PURE = (
  'geometry',
  'spectrum',
  'spatial',
  'features',
  'window_features',
  'resampling',
  'augment',
  'losses',
  'matching',
  *EDITIONS,
  'editions',
  'metrics',
)
NUMPY_ONLY = (
  'geometry',
  'matching',
  *EDITIONS,
  'editions',
  'metrics',
  'classes',
  'events',
  'csv_rows',
  'csv_forms',
  'csv_text',
  'labels',
  'channels',
  'samples',
  'resampling',
  'streaming',
  'transfer',
)
ROOT = pathlib.Path(seld_jax.__file__).parent


def module_of(path):
  """The first name below seld_jax: a module, or the package it is part of."""
  return path.relative_to(ROOT).parts[0].removesuffix('.py')


def imports(source):
  """All that is imported anywhere in a file: full names, functions included."""
  found = set()
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, 'imports are absolute'
      found |= {f'{node.module}.{alias.name}' for alias in node.names}
  return found


def edges(source):
  """The modules of seld_jax that a file imports."""
  parts = (name.split('.') for name in imports(source))
  return {name[1] for name in parts if name[0] == 'seld_jax' and len(name) > 1}


def sources():
  paths = sorted(ROOT.rglob('*.py'))
  assert len(paths) > 10
  return [path for path in paths if path != ROOT / '__init__.py']


def upward(name, source):
  """What this module imports but must not."""
  return [
    other
    for other in sorted(edges(source))
    if other != name and LEVELS.get(other, len(ORDER)) >= LEVELS[name]
  ]


@pytest.mark.parametrize('path', sources(), ids=lambda p: str(p.name))
def test_imports_point_down(path):
  name = module_of(path)
  assert name in LEVELS, f'{name} needs a place in the list of layers'
  wrong = upward(name, path.read_text(encoding='utf-8'))
  assert not wrong, f'{path} imports {wrong}, which stand above it or beside it'


def test_upward_imports_are_seen():
  assert upward('losses', 'from seld_jax import train') == ['train']
  assert upward('losses', 'import seld_jax.metrics as m') == ['metrics']
  assert upward('losses', 'def f():\n  from seld_jax.model import X') == [
    'model'
  ]
  assert upward('losses', 'from seld_jax import unheard_of') == ['unheard_of']
  assert not upward('metrics', 'import jax\nfrom seld_jax.geometry import x')


@pytest.mark.parametrize('name', PURE)
def test_pure_modules_know_no_network_and_no_config(name):
  source = (ROOT / f'{name}.py').read_text(encoding='utf-8')
  roots = {imported.split('.')[0] for imported in imports(source)}
  assert not roots & {'flax', 'ml_collections', 'orbax', 'absl', 'soundfile'}
  names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
  assert not names & {'open', 'print'}
  allowed = {
    'spatial': {'spectrum'},
    'features': {'spectrum', 'spatial'},
    'window_features': {'spectrum', 'features'},
    'resampling': {'errors'},
    'matching': {'geometry', 'errors'},
    'metrics': {'matching', 'errors', 'editions', 'metrics_2020'},
    'editions': {'errors', *EDITIONS},
  }
  allowed |= dict.fromkeys(EDITIONS, {'matching', 'errors'})
  assert edges(source) <= allowed.get(name, set())


@pytest.mark.parametrize('name', NUMPY_ONLY)
def test_modules_for_everyone_import_numpy_and_scipy_alone(name):
  source = (ROOT / f'{name}.py').read_text(encoding='utf-8')
  roots = {imported.split('.')[0] for imported in imports(source)}
  assert not roots & {'jax', 'flax', 'optax', 'orbax', 'ml_collections'}


def test_only_one_module_imports_orbax():
  users = {
    module_of(path)
    for path in sources()
    if any(n.split('.')[0] == 'orbax' for n in imports(path.read_text()))
  }
  assert users <= {'checkpoint'}


def test_the_package_itself_loads_nothing():
  tree = ast.parse((ROOT / '__init__.py').read_text(encoding='utf-8'))
  top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
  names = imports(ast.unparse(ast.Module(top, [])))
  roots = {name.split('.')[0] for name in names}
  assert roots <= {'importlib', 'types', 'typing', '__future__'}


def test_scores_and_labels_can_be_had_without_jax():
  """What the imports of imports bring in shows only in a fresh process."""
  names = ', '.join(f'seld_jax.{name}' for name in NUMPY_ONLY)
  script = (
    f'import sys, {names}; print([m for m in ("jax", "flax", "ml_collections")'
    ' if m in sys.modules])'
  )
  done = subprocess.run(
    [sys.executable, '-c', script], capture_output=True, text=True, check=True
  )
  assert done.stdout.strip() == '[]'
