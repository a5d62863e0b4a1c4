"""Compares runs, or the CSV files of any systems, on the same recordings.

    systems = compare.read_runs(['runs/a', 'runs/b'])
    found = compare.compare_systems(systems)
    compare.write_page(found, 'comparison.html')

`read_runs` reads run directories, `read_csv_folders` folders of CSV files.
`compare_systems` scores them, with paired intervals of the differences.
"""

from seld_jax.compare.comparison import Comparison, System, compare_systems
from seld_jax.compare.documents import write_markdown, write_page
from seld_jax.compare.systems import read_csv_folders, read_runs, short_names
from seld_jax.compare.tables import Table, make_tables

__all__ = [
  'System',
  'Comparison',
  'Table',
  'read_runs',
  'read_csv_folders',
  'short_names',
  'compare_systems',
  'make_tables',
  'write_page',
  'write_markdown',
]
