"""Memory of the machine and of devices."""

import types

import jax
import psutil
import pytest

from seld_jax.devices import memory


def test_the_memory_of_the_machine_is_limited_by_its_container(
  tmp_path, monkeypatch
):
  whole = psutil.virtual_memory().total
  group = tmp_path / 'memory.max'
  monkeypatch.setattr(memory, '_GROUP_LIMITS', (group,))
  assert memory.machine_bytes() == whole, 'no such file'
  group.write_text('max\n')
  assert memory.machine_bytes() == whole
  group.write_text('1000000\n')
  assert memory.machine_bytes() == 1_000_000
  group.write_text(f'{2**63 - 4096}\n')  # no limit in version 1
  assert memory.machine_bytes() == whole


def test_the_memory_of_a_process_may_be_limited(monkeypatch):
  resource = pytest.importorskip('resource')
  monkeypatch.setattr(resource, 'getrlimit', lambda _: (10**6, -1))
  assert memory.machine_bytes() == 10**6
  monkeypatch.setattr(
    resource, 'getrlimit', lambda _: (resource.RLIM_INFINITY, -1)
  )
  assert memory.machine_bytes() > 10**6


def test_a_cpu_has_no_memory_of_its_own():
  assert memory.device_bytes(jax.devices('cpu')[0]) is None


def test_the_memory_of_an_accelerator_is_what_it_reports():
  def device(report):
    return types.SimpleNamespace(platform='gpu', memory_stats=report)

  def missing():
    raise NotImplementedError

  assert memory.device_bytes(device(lambda: {'bytes_limit': 5})) == 5
  assert memory.device_bytes(device(dict)) is None
  assert memory.device_bytes(device(lambda: None)) is None
  assert memory.device_bytes(device(missing)) is None
