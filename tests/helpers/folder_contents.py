"""The contents of all files of a folder, for comparison."""

import pathlib


def tree(folder, *, without=()):
  """Maps the path of each file to its bytes, without folders of some names."""
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in sorted(pathlib.Path(folder).rglob('*'))
    if path.is_file() and path.parent.name not in without
  }
