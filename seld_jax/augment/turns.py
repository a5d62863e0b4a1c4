"""Rotations and reflections of scenes: features and directions together."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import features as features_lib
from seld_jax.augment import decibels
from seld_jax.augment import matrices as matrices_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Turns:
  """Rotations and reflections under which features can be turned exactly.

  `make_turns` makes them.

  Attributes:
    matrices: What each does to directions x, y, z, with shape `[turns, 3, 3]`.
      The first changes nothing.
    of_features: What each does to features: a function of features before
      standardisation, with shape `[frames, bands, channels]`, and of the index
      of a turn.

  Example:
    >>> from seld_jax import augment
    >>> turns = augment.make_turns(format='stereo')
    >>> len(turns.matrices)
    2
    >>> features = np.zeros((50, 64, 2))
    >>> features[..., 0] = 1  # the left channel
    >>> left = np.array([[[0.0, 1.0, 0.0]]])
    >>> turned, doa = turns.apply(features, left, 1)
    >>> print(turned[0, 0], doa[0, 0])
    [0. 1.] [ 0. -1.  0.]
  """

  matrices: np.ndarray
  of_features: Callable[[jax.Array, jax.typing.ArrayLike], jax.Array]

  def apply(
    self,
    features: jax.Array | np.ndarray,
    doa: jax.Array | np.ndarray,
    index: jax.typing.ArrayLike,
  ) -> tuple[jax.Array, jax.Array]:
    """Applies one of the turns to features and directions.

    Args:
      features: Features before standardisation, in the aligned layout, with
        shape `[frames, bands, channels]`.
      doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.
      index: Index in `matrices`, a scalar; 0 changes nothing.

    Returns:
      Features and directions of the turned scene, with the same shapes.

    Raises:
      ValueError: There is no such turn, or the features are of another kind.
    """
    count = len(self.matrices)
    if isinstance(index, int | np.integer) and not 0 <= index < count:
      raise ValueError(f'The index of a turn is 0 to {count - 1}, got {index}.')
    turned = self.of_features(jnp.asarray(features), index)
    doa = jnp.asarray(doa)
    doa = jnp.matmul(
      doa,
      jnp.asarray(self.matrices, doa.dtype)[index].T,
      precision=jax.lax.Precision.HIGHEST,
    )
    return turned, doa

  def draw(
    self,
    key: jax.Array,
    features: jax.Array | np.ndarray,
    doa: jax.Array | np.ndarray,
  ) -> tuple[jax.Array, jax.Array]:
    """Applies a turn that is drawn at random, each with the same probability.

    Args:
      key: PRNG key.
      features: As in `apply`, with shape `[frames, bands, channels]`.
      doa: As in `apply`, with shape `[label_frames, classes, 3]`.

    Returns:
      Features and directions of the turned scene, with the same shapes.
    """
    index = jax.random.randint(key, (), 0, len(self.matrices))
    return self.apply(features, doa, index)


def make_turns(
  *,
  format: str,
  microphones: np.ndarray | None = None,
  count: int | None = None,
  **options: Any,
) -> Turns:
  """The rotations and reflections under which features can be turned.

  - FOA, log-mel with intensity vectors or SALSA: the 16 symmetries of
    `symmetry_matrices`, or 4, 8 or all 48 of them. With the correlation of X
    and Y (`xy_correlation`) there are no 48, because Z would have to be one of
    them.
  - Microphones, log-mel with GCC-PHAT or SALSA-Lite: those of the 16 that map
    the array to itself (see `array_symmetries`), 8 for the tetrahedral array.
  - Stereo: left and right are exchanged, or not.

  The result is the features of the turned sound, with two exceptions: a lag of
  GCC-PHAT (see `swap_mic_channels`), and phases of SALSA-Lite of half a period,
  whose sign is undefined.

  Args:
    format: Audio format, a name in `features.FORMATS`.
    microphones: Positions x, y, z in metres of the microphones of the format
      `'mic'`, with shape `[microphones, 3]`, from the point that directions are
      seen from; None for the tetrahedral array.
    count: Number of symmetries of FOA, 4, 8, 16 or 48; None for 16. The other
      formats only have all of theirs.
    **options: Fields of `features.FeatureOptions`; the others have their
      defaults.

  Returns:
    The turns.

  Raises:
    ValueError: There are no such features, or they cannot be turned exactly:
      those of the published layout, and SALSA of microphones, where the noise
      is judged from the first microphone, which another one replaces. Or the
      number of microphones and positions differs, or no turn maps the array to
      itself, or there is no such `count`.

  Example:
    SALSA-Lite of two microphones, one on the left, one on the right, which can
    only be exchanged:

    >>> from seld_jax import augment
    >>> pair = np.array([[0, 0.1, 0], [0, -0.1, 0]])
    >>> turns = augment.make_turns(
    ...   format='mic', kind='salsa_lite', num_channels=2, microphones=pair
    ... )
    >>> len(turns.matrices)
    2
  """
  chosen = features_lib.FeatureOptions(**options)
  num_channels = features_lib.num_audio_channels(
    format, num_channels=chosen.num_channels
  )
  if chosen.layout != 'aligned':
    raise ValueError(
      "Only features with layout = 'aligned' can be turned, got "
      f'{chosen.layout!r}.'
    )
  features_lib.shape(format=format, **options)  # refuses unknown ones
  if format == 'foa':
    return _of_foa(
      16 if count is None else count,
      has_correlation=chosen.xy_correlation and chosen.kind == 'log_mel',
    )
  if format == 'stereo':
    matrices_lib.check_count(format, 2, count)
    return _stereo(chosen)
  if chosen.kind == 'salsa':
    raise ValueError(
      'SALSA of microphones cannot be turned exactly, because its noise floor '
      'depends on which microphone is the first.'
    )
  matrices, sources = matrices_lib.of_microphones(num_channels, microphones)
  matrices_lib.check_count(format, len(matrices), count)
  if chosen.kind == 'salsa_lite':
    periods = features_lib.path_periods(format=format, **options)
    return Turns(matrices, _of_differences(sources, periods))
  return Turns(matrices, _of_correlations(sources))


def rotate_foa_features(
  features: jax.Array | np.ndarray, angle: jax.typing.ArrayLike
) -> jax.Array:
  """Rotates features of FOA about the vertical axis, by any angle.

  The result is the features of the rotated sound: with the correlation of X and
  Y, the powers of the rotated dipoles are known. It is exact up to rounding,
  for values near the floor of -100 dB, and for those that `top_db` has clipped.

  Args:
    features: Log-mel features of FOA with `xy_correlation`, before
      standardisation, in the aligned layout, with shape `[..., bands, 8]`.
    angle: Angle in degrees, counter-clockwise seen from above, a scalar.

  Returns:
    Features of the rotated sound, with the same shape.

  Raises:
    ValueError: The features have another number of channels.

  See Also:
    `rotation`, which draws the angle; `apply_symmetry`, for quarter turns of
    features without the correlation.

  Example:
    A sound from the front, rotated by 30 degrees:

    >>> from seld_jax import augment, features
    >>> sound = np.random.default_rng(0).normal(size=24000)
    >>> wave = jnp.array([[1.0], [0.0], [0.0], [1.0]]) * sound  # W, Y, Z, X
    >>> front = features.foa_features(wave, xy_correlation=True)
    >>> turned = augment.rotate_foa_features(front, 30.0)
    >>> left = turned[25, 30, 1] - turned[25, 30, 0]  # Y against W, in dB
    >>> round(float(left), 2)  # sin(30 degrees) = 1 / 2
    -6.02
  """
  features = jnp.asarray(features)
  _check_channels(features, 8)
  radians = jnp.deg2rad(jnp.asarray(angle, features.dtype))
  cos, sin = jnp.cos(radians), jnp.sin(radians)
  w, y, z, x, *vector, correlation = jnp.moveaxis(features, -1, 0)
  power_y, power_x, least = map(decibels.to_power, (y, x, decibels.FLOOR))
  cross = correlation * decibels.geometric_mean(x, y)
  both = 2 * cos * sin * cross
  new_y = sin**2 * power_x + cos**2 * power_y + both
  new_x = cos**2 * power_x + sin**2 * power_y - both
  new_cross = cos * sin * (power_x - power_y) + (cos**2 - sin**2) * cross
  has_power = (new_y > least) & (new_x > least)
  new_y, new_x = (jnp.maximum(one, least) for one in (new_y, new_x))
  scaled = new_cross / jnp.sqrt(new_y) / jnp.sqrt(new_x)
  of_y, of_z, of_x = vector
  return jnp.stack(
    [
      w,
      jnp.log(new_y) / decibels.PER_DECIBEL,
      z,
      jnp.log(new_x) / decibels.PER_DECIBEL,
      sin * of_x + cos * of_y,
      of_z,
      cos * of_x - sin * of_y,
      jnp.where(has_power, jnp.clip(scaled, -1, 1), 0),
    ],
    axis=-1,
  )


def rotate_foa(
  key: jax.Array,
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
) -> tuple[jax.Array, jax.Array]:
  """Rotates or mirrors an Ambisonics scene at random: features and labels.

  Draws one of 16 symmetries: a rotation about the vertical axis by a multiple
  of 90 degrees, with or without a mirrored azimuth, with or without a mirrored
  elevation. They only permute feature channels and change signs. Therefore the
  result is exactly the features of the rotated sound.

  Args:
    key: PRNG key.
    features: FOA features before standardisation, in the aligned layout, with
      shape `[frames, bands, 7]`: log-mel with intensity vectors, or SALSA.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  References:
    Mazzon et al., `First order ambisonics domain spatial augmentation for
    DNN-based direction of arrival estimation
    <https://arxiv.org/abs/1910.04388>`_, 2019

  See Also:
    `apply_symmetry` for a given symmetry; `swap_mic_channels` for microphone
    arrays.

  Example:
    >>> from seld_jax import augment
    >>> features, doa = jnp.ones((50, 64, 7)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> key = jax.random.key(0)
    >>> turned, turned_doa = augment.rotate_foa(key, features, doa)
    >>> turned.shape, float(jnp.abs(turned_doa).sum())
    ((50, 64, 7), 1.0)
  """
  return _FOA.draw(key, features, doa)


def apply_symmetry(
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
  index: jax.typing.ArrayLike,
) -> tuple[jax.Array, jax.Array]:
  """Applies one of the 16 symmetries of FOA to features and directions.

  Args:
    features: FOA features before standardisation, in the aligned layout, with
      shape `[frames, mels, 7]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.
    index: Index in `symmetry_matrices()`, 0 to 15, a scalar; 0 changes
      nothing.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  See Also:
    `rotate_foa`, which draws the index.

  Example:
    Symmetry 1 is a quarter turn to the left, from the front (x) to y:

    >>> from seld_jax import augment
    >>> features, front = jnp.zeros((5, 64, 7)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> _, doa = augment.apply_symmetry(features, front, 1)
    >>> print(doa[0, 0])
    [0. 1. 0.]
  """
  return _FOA.apply(features, doa, index)


def swap_mic_channels(
  key: jax.Array,
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
) -> tuple[jax.Array, jax.Array]:
  """Rotates or mirrors a scene of the tetrahedral array at random.

  Draws one of the 8 symmetries that map the four microphones to each other.
  They only exchange channels. Therefore the result is exactly the features of
  the rotated sound, with one exception if `n_mels` is even: a reversed
  cross-correlation has lag `+n_mels // 2`, which the features do not contain,
  at the place of `-n_mels // 2`. That lag keeps its value. It contains only
  noise, because it is many times longer than the delay across the array.

  Args:
    key: PRNG key.
    features: MIC features before standardisation, in the aligned layout, with
      shape `[frames, mels, 10]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  References:
    Wang et al., `A four-stage data augmentation approach to ResNet-Conformer
    based acoustic modeling for sound event localization and detection
    <https://arxiv.org/abs/2101.02919>`_, 2021 (audio channel swapping)

  See Also:
    `apply_mic_symmetry` for a given symmetry; `rotate_foa` for Ambisonics.

  Example:
    >>> from seld_jax import augment
    >>> features, doa = jnp.ones((50, 64, 10)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> key = jax.random.key(0)
    >>> turned, turned_doa = augment.swap_mic_channels(key, features, doa)
    >>> turned.shape, float(jnp.abs(turned_doa).sum())
    ((50, 64, 10), 1.0)
  """
  return _TETRAHEDRON.draw(key, features, doa)


def apply_mic_symmetry(
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
  index: jax.typing.ArrayLike,
) -> tuple[jax.Array, jax.Array]:
  """Applies one of the 8 symmetries of the array to features and directions.

  Args:
    features: MIC features before standardisation, in the aligned layout, with
      shape `[frames, mels, 10]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.
    index: Index of the symmetry, 0 to 7, a scalar; 0 changes nothing. They are
      those of `symmetry_matrices()` that map the microphones to each other, in
      the same order.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  See Also:
    `swap_mic_channels`, which draws the index.

  Example:
    Symmetry 1 is a half turn about the vertical axis, from front to back:

    >>> from seld_jax import augment
    >>> features, front = jnp.zeros((5, 64, 10)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> _, doa = augment.apply_mic_symmetry(features, front, 1)
    >>> print(doa[0, 0])
    [-1.  0.  0.]
  """
  return _TETRAHEDRON.apply(features, doa, index)


@functools.cache
def _of_foa(count: int, *, has_correlation: bool = False) -> Turns:
  """The turns of 7 channels: W, Y, Z and X in dB, and vectors Y, Z, X.

  The eighth, if there is one, is the correlation of X and Y.
  """
  if has_correlation and count == 48:
    raise ValueError(
      'count = 48 puts Z in the place of X or Y, whose correlation with the '
      'other is no feature: use count = 16 or less, or no xy_correlation.'
    )
  of_doa = matrices_lib.symmetry_matrices(count=count)
  # Vectors are stored as Y, Z, X, and so are the dipoles.
  order = [1, 2, 0]
  of_vectors = of_doa[:, order][:, :, order]
  matrices = np.zeros((len(of_doa), 7, 7), np.int64)
  matrices[:, 0, 0] = 1  # W is omnidirectional
  matrices[:, 1:4, 1:4] = np.abs(of_vectors)  # power has no sign
  matrices[:, 4:, 4:] = of_vectors
  if has_correlation:
    # X and Y stay in the horizontal plane: the determinant without its sign.
    sign = of_doa[:, 0, 0] * of_doa[:, 1, 1] + of_doa[:, 0, 1] * of_doa[:, 1, 0]
    matrices = np.pad(matrices, ((0, 0), (0, 1), (0, 1)))
    matrices[:, 7, 7] = sign
  return Turns(of_doa, _of_matrices(matrices))


def _stereo(options: features_lib.FeatureOptions) -> Turns:
  """Left and right are exchanged, and so is the sign of their differences."""
  names = features_lib.STEREO_CHANNELS
  # Mid, side and coherence stay, and of the phase, the cosine.
  signs = {'level': [-1], 'phase': [1, -1]}
  kept = [
    sign
    for name, count in names.items()
    if name in options.stereo
    for sign in signs.get(name, [1] * count)
  ]
  exchange = np.diag([1, 1, *kept])
  exchange[:2, :2] = [[0, 1], [1, 0]]
  return Turns(
    matrices_lib.of_stereo()[0],
    _of_matrices(np.stack([np.eye(len(exchange), dtype=np.int64), exchange])),
  )


def _of_matrices(matrices: np.ndarray) -> Callable[..., jax.Array]:
  """Turns features by matrices of channels, `[turns, channels, channels]`."""

  def turn(features: jax.Array, index: jax.typing.ArrayLike) -> jax.Array:
    _check_channels(features, matrices.shape[-1])
    return jnp.matmul(
      features,
      jnp.asarray(matrices, features.dtype)[index].T,
      precision=jax.lax.Precision.HIGHEST,
    )

  return turn


def _of_correlations(sources: np.ndarray) -> Callable[..., jax.Array]:
  """Exchanges log-mel channels, and the correlations of pairs.

  Args:
    sources: The source channel of each channel, with shape
      `[turns, microphones]`.

  Returns:
    The function `Turns.of_features`.
  """
  count = sources.shape[1]
  numbers = {
    pair: number
    for number, pair in enumerate(itertools.combinations(range(count), 2))
  }
  old = [[(row[i], row[j]) for i, j in numbers] for row in sources]
  pairs = np.array([[numbers[min(p), max(p)] for p in row] for row in old])
  is_reversed = np.array([[p[0] > p[1] for p in row] for row in old])

  def turn(features: jax.Array, index: jax.typing.ArrayLike) -> jax.Array:
    _check_channels(features, count + len(numbers))
    channels, sources_of_pairs, reversed_pairs = map(
      jnp.asarray, (sources, pairs, is_reversed)
    )
    log_mels, correlations = features[..., :count], features[..., count:]
    correlations = correlations[..., sources_of_pairs[index]]
    # Index k of n has the lag k - n // 2. If n is odd, the negative lags are
    # those in reverse; if it is even, the first lag has no negative one.
    backwards = jnp.flip(correlations, axis=-2)
    if correlations.shape[-2] % 2 == 0:
      backwards = jnp.roll(backwards, 1, axis=-2)
    correlations = jnp.where(reversed_pairs[index], backwards, correlations)
    return jnp.concatenate(
      [log_mels[..., channels[index]], correlations], axis=-1
    )

  return turn


def _of_differences(
  sources: np.ndarray, periods: np.ndarray
) -> Callable[..., jax.Array]:
  """Exchanges log powers, and differences to the first microphone.

  Args:
    sources: The source channel of each channel, with shape
      `[turns, microphones]`.
    periods: What can be added to the differences of each band without a change
      of the phase, with shape `[bands]`.

  Returns:
    The function `Turns.of_features`.
  """
  count = sources.shape[1]

  def turn(features: jax.Array, index: jax.typing.ArrayLike) -> jax.Array:
    _check_channels(features, 2 * count - 1)
    channels = jnp.asarray(sources)[index]
    log_powers, others = features[..., :count], features[..., count:]
    # The first microphone differs by 0 from itself.
    whole = jnp.concatenate([jnp.zeros_like(others[..., :1]), others], axis=-1)
    turned = whole[..., channels]
    difference = turned[..., 1:] - turned[..., :1]
    period = jnp.asarray(periods, features.dtype)[:, None]
    difference -= period * jnp.round(difference / period)
    return jnp.concatenate([log_powers[..., channels], difference], axis=-1)

  return turn


def _check_channels(features: jax.Array, count: int) -> None:
  """Raises ValueError for other features: indices would be clipped."""
  if features.shape[-1] != count:
    raise ValueError(
      f'These turns need features with {count} channels on the last axis, got '
      f'shape {list(features.shape)}.'
    )


_FOA = _of_foa(16)
_TETRAHEDRON = make_turns(format='mic')
