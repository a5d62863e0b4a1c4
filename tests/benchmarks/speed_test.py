"""Both sides of the benchmarks compute the same. Nothing is timed here."""

import itertools
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.reference_convolution import xla_convolution

from benchmarks import floor, host_speed, plain_metrics, timing
from seld_jax import features
from seld_jax.config import systems
from seld_jax.model import winograd
from seld_jax.train import step

TINY = {
  'filters': (4, 6),
  'pools': ((5, 2), (1, 4)),
  'gru_features': 8,
  'attention_features': 4,
  'head_features': (8, 10),
}


def make_tiny(system):
  """A system with a very small network."""
  config = systems.make(system, format='foa')
  with config.unlocked():
    config.model.update(TINY)
  return config


@pytest.fixture(scope='module')
def tiny():
  return make_tiny('mse')


def test_plain_scores_equal_ours():
  pairs = host_speed.random_pairs(4)
  expected = plain_metrics.seld_scores(pairs)
  found = host_speed.seld_scores(pairs)
  assert 0.1 < expected['F20'] < 0.9
  for name, value in expected.items():
    assert found[name] == pytest.approx(value, abs=1e-9), name


def test_plain_assignment_has_the_smallest_sum():
  rng = np.random.default_rng(0)
  a, b = rng.standard_normal((2, 3, 3))
  by_hand = min(
    sum(plain_metrics.angle(a[i], b[j]) for i, j in enumerate(order))
    for order in itertools.permutations(range(3))
  )
  assert plain_metrics.least_angle(list(a), list(b)) == pytest.approx(by_hand)
  assert plain_metrics.angle(a[0], 5 * a[0]) == pytest.approx(0, abs=1e-6)
  assert plain_metrics.angle(a[0], -a[0]) == pytest.approx(180)


@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_librosa_features_equal_ours(format):
  pytest.importorskip('librosa', reason='the other side of the benchmark')
  from benchmarks import librosa_features

  audio = 0.1 * np.random.default_rng(0).standard_normal((4, 12000))
  audio = audio.astype(np.float32)
  expected = librosa_features.FORMATS[format](audio)
  found = np.asarray(features.compute(jnp.asarray(audio), format=format))
  np.testing.assert_allclose(found[..., :4], expected[..., :4], atol=2e-2)
  np.testing.assert_allclose(found[..., 4:], expected[..., 4:], atol=1e-4)
  if format == 'mic':
    np.testing.assert_allclose(
      librosa_features.QUICKER(audio), expected, atol=1e-4
    )


def test_pytorch_computes_the_same_network(tiny):
  pytest.importorskip('torch', reason='the other side of the benchmark')
  from benchmarks import network_check

  assert set(network_check.check(tiny)) == {'outputs', 'loss', 'gradients'}


def test_pytorch_computes_the_same_resnet_conformer():
  pytest.importorskip('torch', reason='the other side of the benchmark')
  from benchmarks import network_check

  config = systems.make('resnet_conformer', format='foa')
  config.model.update(
    {
      'filters': (4, 6),
      'pools': ((1, 4), (1, 4)),
      'stage_blocks': (2, 1),
      'sequence_features': 8,
      'sequence_layers': 2,
      'attention_heads': 2,
      'attention_distance': 3,
      'head_features': (8,),
    }
  )
  assert set(network_check.check(config)) == {'outputs', 'loss', 'gradients'}


def test_pytorch_computes_the_same_multi_accdoa_loss():
  torch = pytest.importorskip('torch', reason='the other side of the benchmark')
  from benchmarks import loss_speed, torch_adpit

  assert {n: len(c) for n, c in torch_adpit.CANDIDATES.items()} == {
    1: 1,
    2: 6,
    3: 6,
  }
  given = loss_speed.random_sources(batch=8)
  assert set(np.unique(given['count'])) == {0, 1, 2, 3}
  slots = torch_adpit.slots(given['sources'], given['count'])
  raw = torch.from_numpy(given['raw']).requires_grad_()
  expected = torch_adpit.adpit_loss(raw, torch.from_numpy(slots))
  expected.backward()
  found, slope = jax.value_and_grad(loss_speed.our_loss)(
    *map(jnp.asarray, given.values())
  )
  assert float(found) == pytest.approx(expected.item(), rel=1e-5)
  np.testing.assert_allclose(slope, raw.grad.numpy(), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize('train', [False, True])
@pytest.mark.parametrize('system', ['mse', 'einv2'])
def test_counted_operations_equal_those_of_the_program(
  monkeypatch, system, train
):
  tiny = make_tiny(system)
  # Plain convolutions are counted; Winograd convolutions take fewer operations.
  monkeypatch.setattr(winograd, 'conv3x3', xla_convolution)
  batch, frames = 3, 40
  network = step.make_model(tiny)
  x = jnp.zeros((batch, frames, 64, 7))
  variables = jax.eval_shape(network.init, jax.random.PRNGKey(0), x)

  def loss(params):
    outputs: Any = network.apply({**variables, 'params': params}, x)
    return outputs['sed'].sum() + outputs['doa'].sum()

  variables = jax.tree.map(lambda v: jnp.zeros(v.shape), variables)
  function = jax.grad(loss) if train else loss
  jaxpr = jax.make_jaxpr(function)(variables['params']).jaxpr
  counted = floor.network_flops(tiny, batch=batch, frames=frames, train=train)
  assert sum(counted.values()) == pytest.approx(products(jaxpr), rel=0.02)


def products(jaxpr) -> int:
  """Counts the operations of products and convolutions of a program."""
  total = 0
  for equation in jaxpr.eqns:
    name, params = equation.primitive.name, equation.params
    shapes = [v.aval.shape for v in (*equation.invars, *equation.outvars)]
    if name == 'dot_general':
      (contracted, _), _ = params['dimension_numbers']
      inner = np.prod([shapes[0][axis] for axis in contracted])
      total += 2 * int(np.prod(shapes[-1]) * inner)
    elif name == 'conv_general_dilated':
      numbers = params['dimension_numbers']
      kernel = np.prod(shapes[1]) // shapes[1][numbers.rhs_spec[0]]
      total += 2 * int(np.prod(shapes[-1]) * kernel)
    inner = [v for v in params.values() if hasattr(v, 'eqns')]
    inner += [v.jaxpr for v in params.values() if hasattr(v, 'jaxpr')]
    times = params['length'] if name == 'scan' else 1
    total += times * sum(products(part) for part in inner)
  return total


def test_sides_take_turns():
  calls = []
  times = timing.interleave(
    {'a': lambda: calls.append('a'), 'b': lambda: calls.append('b')}, rounds=2
  )
  assert calls == ['a', 'b'] * 3  # the first calls are not timed
  assert [len(side.seconds) for side in times.values()] == [2, 2]


def test_a_turn_is_as_long_as_asked_for(monkeypatch):
  calls, now = [], [0.0]

  def call(name, seconds):
    calls.append(name)
    now[0] += seconds

  clock = types.SimpleNamespace(perf_counter=lambda: now[0])
  monkeypatch.setattr(timing, 'time', clock)
  sides = {'a': lambda: call('a', 0.25), 'b': lambda: call('b', 2.0)}
  times = timing.interleave(sides, rounds=2, seconds=1.0)
  assert calls == ['a', 'b', *(['a'] * 4 + ['b']) * 2]
  assert [side.seconds for side in times.values()] == [(0.25,) * 2, (2.0,) * 2]


def test_a_target_is_met_by_the_median_of_the_rounds():
  ours, other = timing.Times((1.0, 1.0, 1.0)), timing.Times((9.0, 2.0, 3.0))
  figure = timing.Figure('step', ours, other, 'PyTorch', target=3.0, flops=4.0)
  assert figure.ratio == 3.0
  assert figure.verdict == 'met'
  assert figure.record(peak=8.0)['times_the_floor'] == 2.0
  slow = timing.Figure('s', ours, other, 'x', target=3.0, limit=0.5)
  assert slow.verdict == 'missed'
  assert timing.rows([figure], peak=8.0)[0][3] == '3.00 (2.00-9.00)'
