"""Loss terms of each format: values, sums of parts, gradients, precision."""

import functools
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.eight_devices import start
from helpers.output_formats import (
  CLASSES,
  EACH,
  FORMATS,
  name_of,
  perfect,
  random_outputs,
  random_scene,
)
from jax import jit

from seld_jax import labels, losses, outputs

FRAMES = 6
BATCH = 4


def batch_of(format, *, seed=0):
  """Random outputs and targets with shape `[batch, frames, ...]`."""
  each = [
    format.targets(
      random_scene(seed + index, num_frames=FRAMES), num_frames=FRAMES
    )
    for index in range(BATCH)
  ]
  targets = {name: np.stack([one[name] for one in each]) for name in each[0]}
  return random_outputs(format, BATCH, FRAMES, seed=seed), targets


def loss_values(terms):
  return {
    name: float(total) / max(float(count), 1)
    for name, (total, count) in terms.items()
  }


def cross_entropy(logits, targets):
  return np.logaddexp(0, logits) - logits * targets


def expected_class_wise(format, predictions, targets):
  activity = targets['activity']
  active = np.argwhere(activity)
  norm = np.linalg.norm
  squares = (predictions['doa'] - targets['doa']) ** 2
  pairs = [
    (predictions['doa'][tuple(at)], targets['doa'][tuple(at)]) for at in active
  ]
  cosines = [np.dot(a, b) / norm(a) / norm(b) for a, b in pairs]
  values = {
    'sed_mse': ((predictions['sed'] - activity) ** 2).mean(),
    'sed_cross_entropy': cross_entropy(predictions['sed_logits'], activity)
    .sum(axis=-1)
    .mean(),
    'doa_masked_mse': np.mean([squares[tuple(at)] for at in active]),
    'doa_mse': squares.mean(),
    'doa_cosine': np.mean([1 - cosine for cosine in cosines]),
    'doa_angular': np.mean(np.arccos(cosines)),
  }
  if format.distance:
    reference = targets['distance'][activity > 0]
    errors = predictions['distance'][activity > 0] - reference
    values |= {
      'distance_mse': np.mean(errors**2),
      'distance_mspe': np.mean((errors / reference) ** 2),
      'distance_mape': np.mean(np.abs(errors / reference)),
    }
  return values


def expected_accdoa(format, predictions, targets):
  del format
  return {
    'accdoa_mse': ((predictions['accdoa'] - targets['accdoa']) ** 2).mean()
  }


def expected_multi_accdoa(format, predictions, targets):
  """All placements of sources on tracks that use every source."""
  values, by_doa = [], []
  for at in np.ndindex(targets['count'].shape):
    place = (*at[:-1], slice(None), at[-1])
    tracks, sources = predictions['accdoa'][place], targets['sources'][place]
    count = max(int(targets['count'][at]), 1)
    errors = [
      (tracks - sources[list(placed)]) ** 2
      for placed in itertools.product(range(count), repeat=3)
      if len(set(placed)) == count
    ]
    values.append(min(one.mean() for one in errors))
    if format.distance:
      split = [
        (one[:, : format.axes].mean(), one[:, format.axes :].mean())
        for one in errors
      ]
      by_doa.append(sum(min(split)))
  terms = {'adpit_mse': values, 'adpit_mse_by_doa': by_doa}
  return {name: np.mean(some) for name, some in terms.items() if some}


def expected_tracks(format, predictions, targets):
  """All permutations of the tracks of a frame."""
  names = ['tracks_sed', 'tracks_doa', 'tracks_distance'][: 2 + format.distance]
  chosen = []
  for at in np.ndindex(targets['activity'].shape[:-2]):
    found = {name: values[at] for name, values in predictions.items()}
    options = []
    for order in itertools.permutations(range(format.num_tracks)):
      wanted = {name: v[at][list(order)] for name, v in targets.items()}
      terms = [
        cross_entropy(found['sed_logits'], wanted['activity']).mean(),
        ((found['doa'] - wanted['doa']) ** 2).mean(),
      ]
      if format.distance:
        is_event = wanted['activity'].any(axis=-1)
        errors = found['distance'] - wanted['distance']
        terms.append((is_event * errors**2).mean())
      options.append((np.dot(terms, format.weights[: len(terms)]), terms))
    chosen.append(min(options)[1])
  return dict(zip(names, np.mean(chosen, axis=0), strict=True))


EXPECTED = {
  'class_wise': expected_class_wise,
  'accdoa': expected_accdoa,
  'multi_accdoa': expected_multi_accdoa,
  'tracks': expected_tracks,
}
WEIGHTED = outputs.make(
  'tracks', num_classes=CLASSES, distance=True, weights=(0.2, 5.0, 0.1)
)


OTHERS = [
  format
  for format in FORMATS
  if format.axes == 2 and not format.distance and format.num_tracks != 2
]


@pytest.mark.parametrize('format', [*EACH[:4], *OTHERS, WEIGHTED], ids=name_of)
def test_values_equal_those_of_numpy_in_float64(format):
  predictions, targets = batch_of(format)
  terms = jit(format.loss_terms)(predictions, targets)
  widen = functools.partial(jax.tree.map, np.float64)
  expected = EXPECTED[format.name](format, widen(predictions), widen(targets))
  found = loss_values(terms)
  if format.name == 'class_wise':
    assert set(found) == {
      name
      for name, term in losses.TERMS.items()
      if term.sum_and_count and (term.task != 'distance' or format.distance)
    }
  else:
    assert set(found) == set(expected)
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize('format', EACH[:4], ids=name_of)
def test_terms_are_zero_at_the_targets(format):
  _, targets = batch_of(format)
  predictions = perfect(format, targets)
  if format.name == 'multi_accdoa':  # no track is silent where its class sounds
    accdoa = predictions['accdoa']
    is_filled = np.arange(3)[:, None] < targets['count'][..., None, :]
    first = accdoa[..., :1, :, :]
    predictions['accdoa'] = np.where(is_filled[..., None], accdoa, first)
  for name, value in loss_values(
    jit(format.loss_terms)(predictions, targets)
  ).items():
    # Rounding of the cosine, whose angle is a root of it.
    bound = 1e-3 if name == 'doa_angular' else 1e-6
    assert 0 <= value < bound, name


@pytest.mark.parametrize('format', EACH[:4], ids=name_of)
def test_parts_of_a_batch_add_up_and_any_leading_axes_are_allowed(format):
  predictions, targets = batch_of(format)
  whole = jit(format.loss_terms)(predictions, targets)
  each = jit(jax.vmap(format.loss_terms))(predictions, targets)
  for name, (total, count) in whole.items():
    assert total.shape == count.shape == ()
    sums, counts = map(np.asarray, each[name])
    assert sums.shape == counts.shape == (BATCH,)
    np.testing.assert_allclose(sums.sum(), total, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(counts.sum(), count, rtol=1e-6)


@pytest.mark.parametrize('format', EACH[:4], ids=name_of)
def test_gradients_are_finite_and_those_of_finite_differences(format):
  """Also where nothing is active, and where all raw numbers are 0."""
  _, targets = batch_of(format)
  silent = jax.tree.map(lambda leaf: np.zeros_like(leaf[:, :FRAMES]), targets)
  rng = np.random.default_rng(1)
  raw = rng.standard_normal((BATCH, FRAMES, format.size)).astype(np.float32)

  def loss(raw, targets):
    terms = format.loss_terms(format.activate(raw), targets)
    return sum(total / jnp.maximum(count, 1) for total, count in terms.values())

  value_and_gradient = jit(jax.value_and_grad(loss))
  for some in targets, silent:
    for numbers in raw, np.zeros_like(raw):
      value, gradient = value_and_gradient(numbers, some)
      assert np.isfinite(value)
      assert np.isfinite(gradient).all()
  _, gradient = value_and_gradient(raw, targets)
  direction = np.sign(gradient).astype(np.float32)
  step = 2e-3
  ahead, behind = (
    value_and_gradient(raw + sign * step * direction, targets)[0]
    for sign in (1, -1)
  )
  np.testing.assert_allclose(
    (ahead - behind) / (2 * step), np.abs(gradient).sum(), rtol=0.03
  )


@pytest.mark.parametrize('format', EACH[:4], ids=name_of)
def test_bfloat16_gives_nearly_the_values_of_float32(format):
  predictions, targets = batch_of(format)
  terms = jit(format.loss_terms)
  expected = loss_values(terms(predictions, targets))
  narrow = lambda tree: jax.tree.map(lambda x: x.astype(jnp.bfloat16), tree)
  found = terms(narrow(predictions), narrow(targets))
  for name, value in loss_values(found).items():
    assert found[name][0].dtype == found[name][1].dtype == jnp.float32
    np.testing.assert_allclose(value, expected[name], rtol=0.03, err_msg=name)


@pytest.mark.parametrize('format', EACH[:4], ids=name_of)
def test_nothing_active_has_no_error_of_directions_and_distances(format):
  targets = format.targets(labels.no_events(), num_frames=FRAMES)
  predictions = random_outputs(format, FRAMES)
  silent = {name: 0 * values for name, values in predictions.items()}
  if 'sed_logits' in silent:
    silent['sed_logits'] = silent['sed_logits'] - 40
  for name, (total, count) in jit(format.loss_terms)(silent, targets).items():
    assert float(total) < 1e-6, name
    assert float(count) >= 0


@pytest.mark.slow
def test_eight_devices_have_the_sums_of_one():
  found = json.loads(start(_SCRIPT).splitlines()[-1])
  assert set(found) == {'class_wise', 'accdoa', 'multi_accdoa', 'tracks'}
  for name, error in found.items():
    assert error < 1e-5, name


# The number of devices is fixed when JAX starts, so this is a process of its
# own.
_SCRIPT = """
import json
import jax
import numpy as np
from helpers.output_formats import EACH, random_outputs, random_scene

assert len(jax.devices()) == 8
worst = {}
for format in EACH:
  events = random_scene(0, num_frames=16)
  targets = format.targets(events, num_frames=16)
  batch = random_outputs(format, 16), targets
  one = jax.jit(format.loss_terms)(*batch)
  parts = jax.tree.map(lambda leaf: leaf.reshape(8, 2, *leaf.shape[1:]), batch)
  many = jax.pmap(
    lambda batch: jax.lax.psum(format.loss_terms(*batch), 'batch'),
    axis_name='batch', out_axes=None,
  )(parts)
  errors = [
    abs(float(a) - float(b)) / max(abs(float(a)), 1e-3)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True)
  ]
  worst[format.name] = max([*errors, worst.get(format.name, 0.0)])
print(json.dumps(worst))
"""
