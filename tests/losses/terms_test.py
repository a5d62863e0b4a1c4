"""The table of loss terms that a config can select."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.network_outputs import batch

from seld_jax import config, losses
from seld_jax.train import step_metrics


def outputs_and_targets():
  data = {k: jnp.asarray(v, jnp.float32) for k, v in batch().items()}
  rng = np.random.default_rng(1)
  metres = rng.uniform(0.5, 5, (2, *data['sed'].shape)).astype(np.float32)
  outputs = {
    'sed_logits': data['logits'],
    'sed': data['sed'],
    'doa': data['doa'],
    'distance': jnp.asarray(metres[0]),
  }
  targets = {
    'activity': data['activity'],
    'doa': data['xyz'],
    'distance': jnp.asarray(metres[1]) * data['activity'],
  }
  return outputs, targets


def test_terms_have_the_prefix_of_their_task_and_one_function():
  for name, term in losses.TERMS.items():
    assert term.task in ('sed', 'doa', 'distance')
    assert name.startswith(f'{term.task}_')
    assert hasattr(losses, name)
    assert (term.sum_and_count is None) != (term.batch_share is None)


def test_a_config_selects_the_terms_of_each_task_by_their_short_names():
  assert config.SED_TERMS == {
    'mse': 'sed_mse',
    'cross_entropy': 'sed_cross_entropy',
    'focal': 'sed_focal',
    'asymmetric_focal': 'sed_asymmetric_focal',
    'soft_f1': 'sed_soft_f1',
  }
  assert config.DOA_TERMS == {
    'masked_mse': 'doa_masked_mse',
    'mse': 'doa_mse',
    'masked_norm': 'doa_masked_norm',
    'cosine': 'doa_cosine',
    'angular': 'doa_angular',
  }


def test_entries_of_the_table_give_the_losses_of_a_batch():
  outputs, targets = outputs_and_targets()
  activity = targets['activity']
  logits = outputs['sed_logits'], activity
  probabilities = outputs['sed'], activity
  directions = outputs['doa'], targets['doa']
  distances = outputs['distance'], targets['distance']
  ratio = lambda found: found[0] / found[1]
  expected = {
    'sed_mse': losses.sed_mse(*probabilities).mean(),
    'sed_cross_entropy': losses.sed_cross_entropy(*logits).mean(),
    'sed_focal': losses.sed_focal(*logits, gamma=2.0).mean(),
    'sed_asymmetric_focal': losses.sed_asymmetric_focal(
      *logits, gamma=0.0, zeta=1.0
    ).mean(),
    'sed_soft_f1': losses.sed_soft_f1(*probabilities),
    'doa_mse': losses.doa_mse(*directions).mean(),
    'doa_masked_norm': losses.doa_masked_norm(*directions, activity),
    **{
      name: ratio(getattr(losses, name)(*directions, activity))
      for name in ('doa_masked_mse', 'doa_cosine', 'doa_angular')
    },
    **{
      name: ratio(getattr(losses, name)(*distances, activity))
      for name in ('distance_mse', 'distance_mspe', 'distance_mape')
    },
  }
  assert expected.keys() == losses.TERMS.keys()
  for name, term in losses.TERMS.items():
    if term.sum_and_count is not None:
      total, count = term.sum_and_count(outputs, targets)
      actual = total / count
    else:
      assert term.batch_share is not None
      actual = term.batch_share(outputs, targets, None)
    np.testing.assert_allclose(actual, expected[name], rtol=1e-6)


def test_runs_record_the_same_losses_as_ever():
  """Records of runs can be compared with those of earlier ones."""
  outputs, targets = outputs_and_targets()
  del outputs['distance'], targets['distance']
  found = step_metrics.loss_sums(config.default(), outputs, targets)
  assert list(found) == [
    *('sed_mse', 'sed_cross_entropy', 'doa_masked_mse', 'doa_mse')
  ]


@pytest.mark.parametrize('name', losses.TERMS)
def test_a_perfect_prediction_has_no_loss(name):
  _, targets = outputs_and_targets()
  activity = targets['activity']
  outputs = {
    **targets,
    'sed': activity,
    'sed_logits': jnp.where(activity > 0, 200.0, -200.0),
  }
  term = losses.TERMS[name]
  if term.sum_and_count is not None:
    total, count = term.sum_and_count(outputs, targets)
    assert count > 0
  else:
    assert term.batch_share is not None
    total = term.batch_share(outputs, targets, None)
  np.testing.assert_allclose(total, 0, atol=1e-5)
