"""Kernels and bytes of compiled programs, compared with counts by hand."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import hlo

# A loop of 5 rounds with two kernels: one reads a row of a table and one writes
# it. After the loop one kernel gathers 2 of 100 rows.
PROGRAM = """\
HloModule jit_f, entry_computation_layout={(f32[100,8]{1,0})->f32[2,8]{1,0}}

%write (a: f32[100,8], b: s32[], c: f32[1,8]) -> f32[100,8] {
  %a = f32[100,8]{1,0} parameter(0)
  %c = f32[1,8]{1,0} parameter(2)
  %b = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %put = f32[100,8]{1,0} dynamic-update-slice(%a, %c, %b, %zero)
}

%read (a.1: f32[100,8], b.1: s32[]) -> f32[1,8] {
  %a.1 = f32[100,8]{1,0} parameter(0)
  %b.1 = s32[] parameter(1)
  %flat = f32[800]{0} bitcast(%a.1)
  %row = f32[8]{0} dynamic-slice(%flat, %b.1), dynamic_slice_sizes={8}
  ROOT %shaped = f32[1,8]{1,0} bitcast(%row)
}

%rows (a.2: f32[100,8], b.2: s32[2]) -> f32[2,8] {
  %a.2 = f32[100,8]{1,0} parameter(0)
  %b.2 = s32[2]{0} parameter(1)
  ROOT %taken = f32[2,8]{1,0} gather(%a.2, %b.2), offset_dims={1}
}

%round (p: (s32[], f32[100,8])) -> (s32[], f32[100,8]) {
  %p = (s32[], f32[100,8]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%p), index=0
  %table = f32[100,8]{1,0} get-tuple-element(%p), index=1
  %get = f32[1,8]{1,0} fusion(%table, %i), kind=kLoop, calls=%read
  %set = f32[100,8]{1,0} fusion(%table, %i, %get), kind=kLoop, calls=%write
  ROOT %next = (s32[], /*index=1*/f32[100,8]{1,0}) tuple(%i, %set)
}

ENTRY %main (x: f32[100,8]) -> f32[2,8] {
  %x = f32[100,8]{1,0} parameter(0)
  %start = s32[] constant(0)
  %both = (s32[], f32[100,8]{1,0}) tuple(%start, %x)
  %loop = (s32[], f32[100,8]{1,0}) while(%both), condition=%c, body=%round, \
backend_config={"known_trip_count":{"n":"5"}}
  %end = f32[100,8]{1,0} get-tuple-element(%loop), index=1
  %picks = s32[2]{0} constant({3, 7})
  ROOT %out = f32[2,8]{1,0} fusion(%end, %picks), kind=kLoop, calls=%rows
}
"""


def test_loops_count_their_rounds_and_slices_their_size():
  found = hlo.work(PROGRAM)
  assert found.kernels == 5 * 2 + 1
  read = (8 * 4 + 4) + 8 * 4  # row and index; row
  write = (4 + 8 * 4) + 8 * 4  # index and row; row
  rows = (2 * 8 * 4 + 2 * 4) + 2 * 8 * 4  # rows and indices; rows
  assert found.bytes == 5 * (read + write) + rows


def test_asynchronous_operations_count_once():
  """A fusion with start and done costs the same as a plain fusion."""
  beside = PROGRAM.replace(
    '%set = f32[100,8]{1,0} fusion(',
    '%go = ((f32[100,8]{1,0}, s32[], f32[1,8]{1,0}), f32[100,8]{1,0}) '
    'fusion-start(',
  ).replace(
    '  ROOT %next',
    '  %set = f32[100,8]{1,0} fusion-done(%go)\n  ROOT %next',
  )
  assert (
    hlo.work(beside)
    == hlo.work(PROGRAM)
    != hlo.work(PROGRAM.replace('"n":"5"', '"n":"6"'))
  )
  summed = PROGRAM.replace(
    'ENTRY %main (x: f32[100,8]) -> f32[2,8] {\n',
    'ENTRY %main (x: f32[100,8]) -> f32[2,8] {\n'
    '  %y = f32[100,8]{1,0} parameter(1)\n'
    '  %sum = (f32[100,8]{1,0}, f32[100,8]{1,0}) all-reduce-start(%y)\n'
    '  %all = f32[100,8]{1,0} all-reduce-done(%sum)\n',
  )
  extra = hlo.work(summed).bytes - hlo.work(PROGRAM).bytes
  assert extra == 2 * 100 * 8 * 4


def test_the_text_of_xla_can_be_parsed():
  """Kernels for a CPU differ, so only lower bounds are checked."""
  rows, size = 12, 1000

  def total(x):
    return jax.lax.scan(lambda y, row: (jnp.sin(y + row), y), x[0], x)[1]

  text = (
    jax.jit(total)
    .lower(jax.ShapeDtypeStruct((rows, size), jnp.float32))
    .compile()
    .as_text()
  )
  assert text
  found = hlo.work(text)
  assert found.kernels >= rows
  least = 2 * rows * size * 4  # every round reads a row and writes one
  assert least <= found.bytes < 10 * least


@pytest.mark.parametrize(
  ('line', 'size'),
  [
    ('f32[1,8]{1,0} dynamic-slice(%x, %start, %start)', 2 * 32 + 2 * 4),
    ('f32[3,8]{1,0} slice(%x), slice={[0:3], [0:8]}', 2 * 96),
    ('f32[2,8]{1,0} gather(%x, %picks), offset_dims={1}', 2 * 64 + 8),
    ('c128[4]{0} custom-call(%x)', 3200 + 64),
  ],
)
def test_single_kernels_count_what_they_read_and_write(line, size):
  more = PROGRAM.replace('  ROOT %out', f'  %more = {line}\n  ROOT %out')
  extra = hlo.work(more).bytes - hlo.work(PROGRAM).bytes
  assert (extra, hlo.work(more).kernels) == (size, 12)


def test_a_branch_is_refused():
  text = PROGRAM.replace('while(', 'conditional(')
  with pytest.raises(ValueError, match='branch that loop takes is unknown'):
    hlo.work(text)


def test_a_loop_of_unknown_length_is_refused():
  text = PROGRAM.replace('known_trip_count', 'unknown')
  with pytest.raises(ValueError, match='rounds of the loop loop is unknown'):
    hlo.work(text)
