"""Weighted sums of loss terms, with fixed, learned or adapted weights."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax


def multitask(
  terms: Mapping[str, jax.Array], weights: Mapping[str, float | jax.Array]
) -> jax.Array:
  """Weighted sum of loss terms.

  Args:
    terms: Scalars by name, e.g. `{'sed': ..., 'doa': ...}`.
    weights: The weight of each term, by the same names.

  Returns:
    The sum, a scalar.

  Raises:
    ValueError: The names of terms and weights differ, or there is no term.

  See Also:
    `uncertainty_loss`, which learns the weights; `dynamic_weights`, which
    adapts them.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 4

  Example:
    >>> from seld_jax import losses
    >>> terms = {'sed': jnp.float32(0.25), 'doa': jnp.float32(0.5)}
    >>> float(losses.multitask(terms, {'sed': 1.0, 'doa': 2.0}))
    1.25
  """
  if not terms or terms.keys() != weights.keys():
    raise ValueError(
      'multitask needs one weight for each term, got the terms '
      f'{sorted(terms)} and weights for {sorted(weights)}.'
    )
  first, *others = [weights[name] * terms[name] for name in sorted(terms)]
  return sum(others, first)


def uncertainty_loss(
  terms: Mapping[str, jax.Array], log_variances: Mapping[str, jax.Array]
) -> jax.Array:
  """Sum of loss terms with learned weights: homoscedastic uncertainty.

  Each term L has a trained parameter s, the logarithm of the variance of its
  task. The sum of `exp(-s) / 2 * L + s / 2` is smallest at `s = log(L)`, so
  that a term that remains large has less weight. With s = 0, which is a good
  start, every term has the weight 1/2. The loss is negative where terms are
  small.

  Args:
    terms: Scalars by name, e.g. `{'sed': ..., 'doa': ...}`.
    log_variances: The parameter s of each term, a scalar, by the same names.

  Returns:
    The sum, a scalar.

  Raises:
    ValueError: The names of terms and log-variances differ, or there is no
      term.

  References:
    Kendall et al., `Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics <https://arxiv.org/abs/1705.07115>`_, 2018

  Example:
    >>> from seld_jax import losses
    >>> terms = {'sed': jnp.float32(0.25), 'doa': jnp.float32(0.5)}
    >>> zeros = {'sed': jnp.zeros(()), 'doa': jnp.zeros(())}
    >>> float(losses.uncertainty_loss(terms, zeros))
    0.375
    >>> gradient = jax.grad(losses.uncertainty_loss, argnums=1)(terms, zeros)
    >>> float(gradient['sed'])  # (1 - 0.25) / 2: s decreases
    0.375
  """
  if not terms or terms.keys() != log_variances.keys():
    raise ValueError(
      'uncertainty_loss needs one log-variance for each term, got the terms '
      f'{sorted(terms)} and log-variances for {sorted(log_variances)}.'
    )
  first, *others = [
    (jnp.exp(-log_variances[name]) * terms[name] + log_variances[name]) / 2
    for name in sorted(terms)
  ]
  return sum(others, first)


def dynamic_weights(
  previous: Mapping[str, jax.typing.ArrayLike],
  before: Mapping[str, jax.typing.ArrayLike],
  *,
  temperature: float = 2.0,
) -> dict[str, jax.Array]:
  """Weights of loss terms by how fast they fall: dynamic weight averaging.

  The weights are K softmax(r / temperature), where K is the number of terms and
  r is the loss of the last epoch divided by that of the one before. A term that
  hardly falls gains weight. The weights add up to K. In the first two epochs
  there is nothing to compare; the weights are 1 there.

  Args:
    previous: Loss of the last epoch by name, scalars, not negative.
    before: Loss of the epoch before it by the same names. A ratio to a loss of
      0 counts as 1.
    temperature: How equal the weights are, more than 0: they become equal as it
      grows.

  Returns:
    The weight of each term, scalars by the same names, without a gradient.

  Raises:
    ValueError: The names differ, there is no term, or the temperature is not
      positive.

  References:
    Liu et al., `End-to-End Multi-Task Learning with Attention
    <https://arxiv.org/abs/1803.10704>`_, 2019, equation 7

  See Also:
    `multitask`, which takes these weights.

  Example:
    >>> from seld_jax import losses
    >>> weights = losses.dynamic_weights(
    ...   {'sed': 0.2, 'doa': 0.5}, {'sed': 0.4, 'doa': 0.5}
    ... )
    >>> {name: round(float(weight), 3) for name, weight in weights.items()}
    {'doa': 1.124, 'sed': 0.876}
  """
  if not previous or previous.keys() != before.keys():
    raise ValueError(
      'dynamic_weights needs two losses of each term, got '
      f'{sorted(previous)} and {sorted(before)}.'
    )
  if temperature <= 0:
    raise ValueError(
      f'dynamic_weights needs a positive temperature, got {temperature}.'
    )
  names = sorted(previous)
  last, earlier = (
    jnp.stack([jnp.asarray(losses[name], jnp.float32) for name in names])
    for losses in (previous, before)
  )
  ratios = jnp.where(earlier > 0, last / jnp.where(earlier > 0, earlier, 1), 1)
  weights = len(names) * jax.nn.softmax(ratios / temperature)
  return dict(zip(names, lax.stop_gradient(weights), strict=True))
