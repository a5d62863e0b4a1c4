"""Steps that change audio or features: turns, levels and mixtures."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from seld_jax import features as features_lib
from seld_jax.augment import (
  audio,
  checks,
  equalising,
  mixing,
  turns,
)
from seld_jax.augment import matrices as matrices_lib
from seld_jax.augment.audio import floating
from seld_jax.augment.composing import Step, Targets
from seld_jax.augment.decibels import FLOOR
from seld_jax.augment.domains import Domain

# Name of the axis of `jax.vmap` along which `mixup` finds other examples.
EXAMPLES = 'examples'

# Largest gain in dB: more than any recording needs.
_MOST_DECIBELS = 60.0


def symmetries(domain: Domain, *, count: int = 0) -> Step:
  """A step that rotates or mirrors the scene by exchanging channels.

  Each symmetry has the same probability. The result is exactly the sound of the
  turned scene, and its features; `make_turns` names two exceptions.

  Args:
    domain: Audio or features, from `audio_domain` or `feature_domain`.
    count: Number of symmetries of FOA: 4, 8, 16 or 48 (see
      `symmetry_matrices`); 0 for 16. The other formats only have all of theirs:
      8 for the tetrahedral array, 2 for stereo.

  Returns:
    The step.

  Raises:
    ValueError: There are no such symmetries, features cannot be turned exactly
      (see `make_turns`), or the targets lack elevations and 48 symmetries would
      turn the horizon upwards.

  References:
    Mazzon et al., `First order ambisonics domain spatial augmentation for
    DNN-based direction of arrival estimation
    <https://arxiv.org/abs/1910.04388>`_, 2019

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.audio_domain(
    ...   format='stereo', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.symmetries(domain)
    >>> audio = np.array([[0.5], [0.1]])
    >>> targets = {'accdoa': np.array([[[[0.0, 1.0, 0.0]]]])}  # left
    >>> audio, targets = step(jax.random.key(3), audio, targets)
    >>> print(audio[:, 0], targets['accdoa'][0, 0, 0])
    [0.1 0.5] [ 0. -1.  0.]
  """
  wanted = count or None
  if domain.output.axes == 2 and count == 48:
    raise ValueError(
      'count = 48 turns the horizon upwards, but the targets have directions '
      'on the horizon only: use count = 16 or less.'
    )
  if domain.features is None:
    matrices, channels = audio.audio_symmetries(
      format=domain.format,
      num_channels=domain.num_channels if domain.format == 'mic' else 0,
      microphones=domain.microphones,
      count=wanted,
    )
    turn = lambda signal, index: audio.mix_channels(
      signal, jnp.asarray(channels)[index]
    )
  else:
    found = turns.make_turns(
      microphones=domain.microphones, count=wanted, **domain.options
    )
    matrices, turn = found.matrices, found.of_features

  def step(key, signal, targets):
    index = jax.random.randint(key, (), 0, len(matrices))
    matrix = jnp.asarray(matrices, jnp.float32)[index]
    signal, targets = _arrays(signal, targets)
    return turn(signal, index), domain.output.turn(targets, matrix)

  return step


def rotation(domain: Domain, *, max_angle: float = 180.0) -> Step:
  """A step that rotates Ambisonics about the vertical axis, by any angle.

  Features need the correlation of X and Y (`xy_correlation`): without it, they
  contain the powers of the dipoles, but not those of their sums.

  Args:
    domain: FOA audio, from `audio_domain`, or log-mel features of FOA with
      `xy_correlation`, from `feature_domain`.
    max_angle: Largest angle in degrees, to both sides, up to 180. All angles
      have the same probability.

  Returns:
    The step.

  Raises:
    ValueError: The domain is another one, or the angle is out of range.

  See Also:
    `turn_foa` and `rotate_foa_features` for given angles.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.audio_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.rotation(domain)
    >>> audio = np.array([[1.0], [0.0], [0.0], [1.0]])  # from the front
    >>> targets = {'accdoa': np.array([[[[1.0, 0.0, 0.0]]]])}
    >>> audio, targets = step(jax.random.key(0), audio, targets)
    >>> x, y, z = targets['accdoa'][0, 0, 0]
    >>> bool(np.allclose(audio[:, 0], [1, y, z, x], atol=1e-6))
    True
  """
  if domain.format != 'foa':
    raise ValueError(
      'only the format foa can be rotated by any angle, not '
      f'{domain.format}: use symmetries instead.'
    )
  if domain.features is not None and not domain.has_xy_correlation:
    raise ValueError(
      'features can only be rotated by any angle if they have the correlation '
      'of X and Y: set features.xy_correlation = True (log_mel), or use '
      'symmetries instead.'
    )
  checks.check_layout(domain, 'rotation')
  checks.check_range('max_angle', max_angle, 180.0)

  def step(key, signal, targets):
    angle = jax.random.uniform(key, minval=-max_angle, maxval=max_angle)
    matrix = matrices_lib.vertical_rotation(angle)
    signal, targets = _arrays(signal, targets)
    targets = domain.output.turn(targets, matrix)
    if domain.features is None:
      return audio.turn_foa(signal, matrix), targets
    return turns.rotate_foa_features(signal, angle), targets

  return step


def gain(domain: Domain, *, max_db: float = 6.0) -> Step:
  """A step that makes the whole example louder or softer.

  On features, the gain is added to the channels in dB, which do not fall below
  -100 dB; the others do not depend on it. But for values near -100 dB, these
  are the features of the louder or softer sound, also if they are clipped
  (`top_db`).

  Args:
    domain: Audio or features, from `audio_domain` or `feature_domain`.
    max_db: Largest gain in dB, up to 60; it is uniform in -max_db to max_db.

  Returns:
    The step; targets stay.

  Raises:
    ValueError: The gain is out of range, or the features have the published
      layout.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.audio_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.gain(domain, max_db=20.0)
    >>> louder, _ = step(jax.random.key(0), np.ones((4, 1)), {})
    >>> bool(0.1 <= louder[0, 0] <= 10)
    True
  """
  checks.check_layout(domain, 'gain')
  checks.check_range('max_db', max_db, _MOST_DECIBELS)

  def step(key, signal, targets):
    decibels = jax.random.uniform(key, minval=-max_db, maxval=max_db)
    signal = floating(signal)
    if domain.features is None:
      return signal * (10 ** (decibels / 20)).astype(signal.dtype), targets
    return _louder(signal, decibels, domain), targets

  return step


def equaliser(domain: Domain, *, max_db: float = 6.0) -> Step:
  """A step that filters all channels with the same smooth random curve.

  The curve has a gain at each octave, from half the sample rate down over 8
  octaves (see `equaliser_curve`); it has no effect on directions. On features,
  it is added to the channels in dB at the frequency of each band, as if it had
  one value within a band.

  Args:
    domain: Audio or features, from `audio_domain` or `feature_domain`.
    max_db: Largest gain of an octave in dB, up to 60; each is uniform in
      -max_db to max_db.

  Returns:
    The step; targets stay.

  Raises:
    ValueError: The gain is out of range, or the features have the published
      layout.

  See Also:
    `equalise` for given gains.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='mic', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.equaliser(domain)
    >>> features, _ = step(jax.random.key(0), np.zeros((5, 64, 10)), {})
    >>> bool((features[0, :, 0] == features[4, :, 3]).all())
    True
  """
  checks.check_layout(domain, 'equaliser')
  checks.check_range('max_db', max_db, _MOST_DECIBELS)
  rate = domain.sample_rate

  def step(key, signal, targets):
    shape = (equalising.NUM_OCTAVES,)
    gains = jax.random.uniform(key, shape, minval=-max_db, maxval=max_db)
    if domain.features is None:
      return equalising.equalise(signal, gains, sample_rate=rate), targets
    frequencies = features_lib.band_frequencies(**domain.options)
    curve = equalising.equaliser_curve(gains, frequencies, sample_rate=rate)
    return _louder(floating(signal), curve[:, None], domain), targets

  return step


def mixup(domain: Domain, *, probability: float = 0.5) -> Step:
  """A step that adds the sound of another example of the batch.

  Each example is mixed with the one before it in the batch, as that is after
  the steps before; the first one with the last one. So the order of the batch
  has to be random. Both keep their levels: a `gain` before varies them. Targets
  have the events of both. An example stays as it is, also if it is drawn, where
  the targets have no room for all events in some frame (see
  `OutputFormat.merge`): with class-wise outputs and ACCDOA, if a class is
  active in both at the same time.

  The step only works under `jax.vmap(step, axis_name=augment.EXAMPLES)`. With a
  batch that is sharded over devices under `jit`, the result is that of one
  device. Under `pmap`, the other example is from the same device's part.

  Args:
    domain: Audio or features, from `audio_domain` or `feature_domain`. Audio is
      added; `mix_features` says how features are mixed.
    probability: Probability that an example is mixed, above 0 and up to 1.

  Returns:
    The step. It raises ValueError without the named axis.

  Raises:
    ValueError: The probability is out of range, or the features have the
      published layout.

  References:
    Zhang et al., `mixup: Beyond Empirical Risk Minimization
    <https://arxiv.org/abs/1710.09412>`_, 2018 (there with weights, which also
    the targets have)

  Example:
    >>> from seld_jax import augment, outputs
    >>> output = outputs.make('accdoa', num_classes=2)
    >>> domain = augment.audio_domain(format='foa', output=output)
    >>> step = augment.mixup(domain, probability=1.0)
    >>> audio = np.array([1.0, 10.0]).reshape(2, 1, 1) * np.ones((1, 4, 2400))
    >>> accdoa = np.zeros((2, 1, 1, 2, 3))
    >>> accdoa[0, 0, 0, 0] = accdoa[1, 0, 0, 1] = [1, 0, 0]
    >>> batched = jax.vmap(step, axis_name=augment.EXAMPLES)
    >>> mixed, targets = batched(
    ...   jax.random.split(jax.random.key(0)), audio, {'accdoa': accdoa}
    ... )
    >>> print(mixed[:, 0, 0], targets['accdoa'][0, 0, 0, :, 0])
    [11. 11.] [1. 1.]
  """
  checks.check_layout(domain, 'mixup')
  checks.check_range('probability', probability, 1.0)

  def step(key, signal, targets):
    signal, targets = _arrays(signal, targets)
    others, size = _neighbour((signal, targets))
    other, other_targets = others
    merged, has_room = domain.output.merge(targets, other_targets)
    if domain.features is None:
      mixed = signal + other
    else:
      mixed = mixing.mix_features(signal, other, domain=domain)
    is_mixed = jax.random.bernoulli(key, float(probability)) & jnp.all(has_room)
    # An example that is alone would be mixed with itself.
    is_mixed &= size > 1
    return jax.tree.map(
      lambda new, old: jnp.where(is_mixed, new, old),
      (mixed, merged),
      (signal, targets),
    )

  return step


def _louder(
  features: jax.Array, decibels: jax.Array, domain: Domain
) -> jax.Array:
  """Adds decibels to the channels that have some."""
  count = domain.num_levels
  levels = features[..., :count] + decibels.astype(features.dtype)
  levels = jnp.maximum(levels, FLOOR)
  return jnp.concatenate([levels, features[..., count:]], axis=-1)


def _arrays(signal: Any, targets: Targets) -> tuple[Any, Any]:
  """Signal and targets as JAX arrays."""
  return floating(signal), jax.tree.map(jnp.asarray, dict(targets))


def _neighbour(tree: Any) -> tuple[Any, int]:
  """The example before in the batch, and the number of examples."""
  try:
    size = lax.axis_size(EXAMPLES)
  except NameError as error:
    raise ValueError(
      'mixup needs the other examples of a batch: apply it with '
      'jax.vmap(step, axis_name=augment.EXAMPLES).'
    ) from error
  pairs = [(index, (index + 1) % size) for index in range(size)]
  return lax.ppermute(tree, EXAMPLES, pairs), size
