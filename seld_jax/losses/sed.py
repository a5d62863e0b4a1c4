"""Loss terms of event activity.

`sed_mse`, the cross-entropy and its focal forms return one value per frame;
`sed_soft_f1` reduces the whole batch.
"""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from seld_jax.losses.masks import check_shapes, kept, masked_mean, wide


def sed_mse(
  predictions: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Squared error of event activity: detection as regression.

  Args:
    predictions: Activity after the sigmoid, in [0, 1], with shape
      `[..., classes]`.
    targets: Reference activity, 0 or 1, with the same shape.
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `predictions`; None for all. Masked predictions and
      targets may be NaN.

  Returns:
    Mean squared error over the classes, in [0, 1], with shape `[...]`; 0 where
    all classes are masked.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 2

  See Also:
    `sed_cross_entropy`, which needs logits instead of probabilities.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.5, 0.0], [1.0, 0.0]])  # [frames, classes]
    >>> targets = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    >>> print(losses.sed_mse(predictions, targets))  # one value per frame
    [0.125 0.5  ]
    >>> loss, gradient = jax.value_and_grad(
    ...   lambda x: losses.sed_mse(x, targets).mean()
    ... )(predictions)
    >>> float(loss), gradient.shape
    (0.3125, (2, 2))
  """
  check_shapes(predictions, targets)
  predictions, targets = kept(where, predictions, targets)
  return masked_mean(optax.squared_error(predictions, targets), (-1,), where)


def sed_cross_entropy(
  logits: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Sigmoid cross-entropy of event activity, summed over classes.

  The paper's authors sum over the classes. The DCASE 2020 baseline takes the
  mean over them: give this term the weight `1 / classes` for that.

  Args:
    logits: Activity before the sigmoid, with shape `[..., classes]`.
    targets: Reference activity in [0, 1], with the same shape.
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `logits`; None for all. Masked logits and targets
      may be NaN.

  Returns:
    Cross-entropy in nats, at least 0, with shape `[...]`; 0 where all classes
    are masked.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 1

  See Also:
    `sed_mse`, which needs probabilities and takes the mean over classes;
    `sed_focal`, which gives less weight to easy examples.

  Example:
    >>> from seld_jax import losses
    >>> logits = jnp.array([0.0, -100.0, 100.0])
    >>> targets = jnp.array([1.0, 0.0, 1.0])
    >>> round(float(losses.sed_cross_entropy(logits, targets)), 3)  # log(2)
    0.693
  """
  check_shapes(logits, targets, names=('logits', 'targets'))
  logits, targets = kept(where, logits, targets)
  terms = optax.sigmoid_binary_cross_entropy(logits, targets)
  return jnp.sum(terms, axis=-1, where=where)


def sed_focal(
  logits: jax.Array,
  targets: jax.Array,
  *,
  gamma: float = 2.0,
  alpha: float | None = None,
  where: jax.Array | None = None,
) -> jax.Array:
  """Focal loss of event activity, summed over classes.

  The cross-entropy of each class is multiplied by `(1 - p) ** gamma`, where p
  is the predicted probability of the reference: that the class is active, or
  that it is not. So the many frames in which a class is clearly silent have
  less weight.

  Args:
    logits: Activity before the sigmoid, with shape `[..., classes]`.
    targets: Reference activity in [0, 1], with the same shape.
    gamma: How much less weight easy examples have, 0 or more; 0 is
      `sed_cross_entropy`.
    alpha: Weight of active classes in [0, 1]; inactive ones have the weight
      `1 - alpha`. None for a weight of 1 for both.
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `logits`; None for all. Masked logits and targets
      may be NaN.

  Returns:
    The loss, at least 0, with shape `[...]`; 0 where all classes are masked.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Lin et al., `Focal Loss for Dense Object Detection
    <https://arxiv.org/abs/1708.02002>`_, 2017, equations 4 and 5

  See Also:
    `sed_asymmetric_focal`, with another gamma for inactive classes.

  Example:
    >>> from seld_jax import losses
    >>> logits = jnp.array([0.0, -100.0, 100.0])
    >>> targets = jnp.array([1.0, 0.0, 1.0])
    >>> round(float(losses.sed_focal(logits, targets)), 3)  # 0.5^2 log(2)
    0.173
  """
  weights = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
  return _focal(logits, targets, (gamma, gamma), weights, where)


def sed_asymmetric_focal(
  logits: jax.Array,
  targets: jax.Array,
  *,
  gamma: float,
  zeta: float,
  where: jax.Array | None = None,
) -> jax.Array:
  """Asymmetric focal loss of event activity, summed over classes.

  Active and inactive classes have separate exponents. With `gamma=0, zeta=1`,
  the values of a config's `loss.sed = 'asymmetric_focal'`, only inactive
  classes lose weight as they become easy.

  Args:
    logits: Activity before the sigmoid, with shape `[..., classes]`.
    targets: Reference activity in [0, 1], with the same shape.
    gamma: Exponent of active classes, 0 or more: their cross-entropy is
      multiplied by `(1 - p) ** gamma`, where p is the predicted activity.
    zeta: Exponent of inactive classes, 0 or more: their cross-entropy is
      multiplied by `p ** zeta`.
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `logits`; None for all. Masked logits and targets
      may be NaN.

  Returns:
    The loss, at least 0, with shape `[...]`; 0 where all classes are masked.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Imoto et al., `Impact of Sound Duration and Inactive Frames on Sound Event
    Detection Performance <https://arxiv.org/abs/2102.01927>`_, 2021

  See Also:
    `sed_focal`, the same with equal exponents.

  Example:
    >>> from seld_jax import losses
    >>> logits = jnp.zeros((2, 1))
    >>> targets = jnp.array([[1.0], [0.0]])
    >>> loss = losses.sed_asymmetric_focal(logits, targets, gamma=0.0, zeta=1.0)
    >>> print(loss.round(3))  # log(2) and 0.5 log(2)
    [0.693 0.347]
  """
  return _focal(logits, targets, (gamma, zeta), (1.0, 1.0), where)


def sed_soft_f1(
  probabilities: jax.Array,
  targets: jax.Array,
  *,
  axis_name: str | None = None,
) -> jax.Array:
  """One minus the soft F1 score, with probabilities in place of decisions.

  The soft F1 score is a differentiable form of the F1 score of detection. With
  the activities p and the targets t, summed over the batch and all classes, it
  is `2 sum(p t) / (sum(p) + sum(t))`, also called the Dice coefficient. In a
  batch without any active class the gradient is zero, so a batch should have
  more than a few frames.

  Args:
    probabilities: Activity after the sigmoid, in [0, 1], with shape
      `[..., classes]`.
    targets: Reference activity, 0 or 1, with the same shape.
    axis_name: Name of the `pmap` axis that divides the batch; None without
      `pmap`.

  Returns:
    A scalar in [0, 1], float32 or wider; 0 where prediction and reference are
    all 0. Under `pmap` it is the share of this device: the sum of the shares
    over the axis is the loss, and the sum of their gradients is its gradient.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Bénédict et al., `sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
    Classification <https://arxiv.org/abs/2108.10566>`_, 2021; Milletari et al.,
    `V-Net <https://arxiv.org/abs/1606.04797>`_, 2016

  Example:
    >>> from seld_jax import losses
    >>> probabilities = jnp.array([[0.5, 0.0], [1.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    >>> float(losses.sed_soft_f1(probabilities, targets))  # 1 - 3 / 4
    0.25
  """
  check_shapes(probabilities, targets, names=('probabilities', 'targets'))
  activity = wide(probabilities, probabilities)
  reference = wide(targets, probabilities)
  size = jnp.sum(activity + reference)
  missed = size - 2 * jnp.sum(activity * reference)
  total, all_missed = lax.stop_gradient((size, missed))
  if axis_name is not None:
    total, all_missed = lax.psum((total, all_missed), axis_name)
  is_silent = total == 0  # not where it is NaN
  divisor = jnp.where(is_silent, 1, total)
  # The loss is the quotient missed / size of the whole batch. Its derivative is
  # (d missed - loss * d size) / size, to which each device adds its part.
  change = size - lax.stop_gradient(size)
  share = (missed - all_missed / divisor * change) / divisor
  return jnp.where(is_silent, 0, share)


def _focal(
  logits: jax.Array,
  targets: jax.Array,
  exponents: tuple[float, float],
  weights: tuple[float, float],
  where: jax.Array | None,
) -> jax.Array:
  """Sum over classes; exponents and weights are of active, inactive ones."""
  check_shapes(logits, targets, names=('logits', 'targets'))
  logits, targets = kept(where, logits, targets)
  log_active, log_inactive = (jax.nn.log_sigmoid(x) for x in (logits, -logits))
  # Powers of probabilities, without an infinite derivative at 0.
  active = -log_active * jnp.exp(exponents[0] * log_inactive)
  inactive = -log_inactive * jnp.exp(exponents[1] * log_active)
  terms = weights[0] * targets * active + weights[1] * (1 - targets) * inactive
  return jnp.sum(terms, axis=-1, where=where)
