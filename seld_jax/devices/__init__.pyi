from . import compilation, large_pages, memory, processes, traced_steps
from .mesh import (
  BATCH_AXIS,
  divided,
  make_mesh,
  put_replicated,
  put_rows,
  replicated,
)

__all__ = [
  'BATCH_AXIS',
  'divided',
  'make_mesh',
  'put_replicated',
  'put_rows',
  'replicated',
  'compilation',
  'large_pages',
  'memory',
  'processes',
  'traced_steps',
]
