"""Random distortions of training images, inside the graph, fresh for every image of every step.

Each image is turned, scaled, sheared, shifted and bent by a smooth elastic field
before the network sees it (Simard, Steinkraus and Platt, "Best Practices for
Convolutional Neural Networks Applied to Visual Document Analysis", 2003). Every
pixel of the result looks up one point of the image. The coordinates of these
points are linear in a few random coefficients of each image, so that the field
of a whole batch is one matrix product:

    coefficients [batch, 2, terms]  x  basis [terms, height * width]  ->  (row, column) for each pixel

The basis holds the constant 1, the centred column and row numbers (the affine
part) and a coarse grid of Gaussian bumps (the elastic part).

The random numbers come from counter-based generators keyed by (seed, step), and
each row of a batch has its own place in their stream. No state is kept: a run
that is resumed at step n draws the same numbers to the bit. So are the pixels
between runs of the same graph on the same machine; compiled and plain operations
differ by rounding (about 1e-4 of the pixel range).
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph.base.errors import UsageError

_AFFINE_TERMS = 3  # constant, centred column, centred row
_LARGEST_BASIS_BYTES = 1 << 28  # of the elastic field's constant, of which a graph holds two, and 2 GiB at most
_BUMP_SPACING = 1.2  # distance of neighbouring bumps in units of their sigma


class Augmentation(NamedTuple):
    """Strengths of the random distortions; a strength of 0 turns that distortion off.

    Attributes:
      rotation: Largest angle in degrees, drawn uniformly from both directions.
      scale: Largest stretch s of each axis, a fraction; the factor is log-uniform in [1 / (1 + s), 1 + s].
      shear: Largest horizontal shear, in pixels of shift for each pixel of height.
      shift: Largest displacement along each axis, in pixels (uniform, fractions included).
      elastic_std: Standard deviation of a pixel's elastic displacement along each axis, in pixels.
      elastic_sigma: Width (sigma) of the Gaussian bumps that smooth the elastic field, in pixels.
    """

    rotation: float = 15.0
    scale: float = 0.12
    shear: float = 0.15
    shift: float = 1.0
    elastic_std: float = 0.8
    elastic_sigma: float = 4.5


DEFAULT = Augmentation()
OFF = Augmentation(rotation=0.0, scale=0.0, shear=0.0, shift=0.0, elastic_std=0.0)


def augment(
    images: tf.Tensor, seed, step, augmentation: Augmentation = DEFAULT, taper=0.0, compiled: bool | None = None
) -> tf.Tensor:
    """The images of one training step, each distorted in its own way.

    Args:
      images: uint8 or float [batch, height, width, channels], height and width at least 2.
      seed, step: Integers, or integer tensors []; equal pairs give equal distortions.
      augmentation: The strengths. When all of them are 0 no operation but a cast is added.
      taper: In [0, 1]: every strength of an image is multiplied by its own 1 - taper * U(0, 1),
        so that 0 means full strength and 1 anything between none and full.
      compiled: Warp with XLA (the default where TensorFlow has it) or with plain operations.

    Returns:
      float32 of the same shape and pixel range; pixels beyond the border repeat the border.

    Raises:
      UsageError: The pictures are too small, or too large to be bent.
    """
    if is_off(augmentation):
        return tf.cast(images, tf.float32)
    coefficients = draw_coefficients(tf.shape(images)[0], images.shape.as_list()[1:3], seed, step, augmentation, taper)
    return warp(images, coefficients, augmentation.elastic_sigma, compiled)


def is_off(augmentation: Augmentation) -> bool:
    """Whether the augmentation leaves every image as it is."""
    return augmentation._replace(elastic_sigma=0.0) == OFF._replace(elastic_sigma=0.0)


def draw_coefficients(
    batch, size: Sequence[int], seed, step, augmentation: Augmentation = DEFAULT, taper=0.0
) -> tf.Tensor:
    """Draws the random coefficients of a batch: float32 [batch, 2, terms], rows then columns.

    There are 3 affine terms and, unless elastic_std is 0, one for each bump of
    the elastic field. Split along the first axis, they warp parts of a batch
    apart; the parts equal those of the whole.

    Args:
      batch: Number of images.
      size: (height, width) in pixels.
      seed, step, augmentation, taper: As in `augment`.
    """
    keys = [tf.cast(seed, tf.int64), 2 * tf.cast(step, tf.int64)]
    affine_draws = tf.random.stateless_uniform([batch, 7], tf.stack(keys), -1.0, 1.0)
    strength = 1.0 - taper * (0.5 * affine_draws[:, 6:] + 0.5)
    affine = _affine_coefficients(strength * affine_draws[:, :6], augmentation)
    if augmentation.elastic_std == 0.0:
        return affine
    bumps = _bump_basis(size[0], size[1], augmentation.elastic_sigma).shape[0]
    noise = tf.random.stateless_normal([batch, 2, bumps], tf.stack([keys[0], keys[1] + 1]))
    return tf.concat([affine, augmentation.elastic_std * strength[:, :, tf.newaxis] * noise], axis=2)


def _affine_coefficients(draws: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Affine part of the map from pixels of the result to points of the image: float32 [batch, 2, 3].

    The matrix is rotation x shear x scale, acting on (column, row) offsets from the centre.

    Args:
      draws: float32 [batch, 6] in [-1, 1]: angle, two scales, shear, two shifts.
    """
    angle, column_scale, row_scale, shear, row_shift, column_shift = tf.unstack(draws, num=6, axis=1)
    angle *= math.radians(augmentation.rotation)
    column_scale = tf.exp(math.log1p(augmentation.scale) * column_scale)
    row_scale = tf.exp(math.log1p(augmentation.scale) * row_scale)
    shear *= augmentation.shear
    sine, cosine = tf.sin(angle), tf.cos(angle)
    rows = [augmentation.shift * row_shift, sine * column_scale, (sine * shear + cosine) * row_scale]
    columns = [augmentation.shift * column_shift, cosine * column_scale, (cosine * shear - sine) * row_scale]
    return tf.stack([tf.stack(rows, axis=1), tf.stack(columns, axis=1)], axis=1)


def warp(
    images: tf.Tensor,
    coefficients: tf.Tensor,
    elastic_sigma: float = DEFAULT.elastic_sigma,
    compiled: bool | None = None,
) -> tf.Tensor:
    """Looks every pixel of the result up in its image by bilinear interpolation.

    Args:
      images: uint8 or float [batch, height, width, channels], height and width at least 2.
      coefficients: float32 [batch, 2, terms] from `draw_coefficients`, or [batch, 2, 3] for affine maps:
        (shift, change by column, change by row) of the source row, then of the source column, where
        [[0, 0, 1], [0, 1, 0]] is the identity.
      elastic_sigma: The sigma the coefficients were drawn for; unused without elastic terms.
      compiled: As in `augment`.

    Returns:
      float32 of the images' shape.

    Raises:
      UsageError: As `augment` does.
    """
    height, width = images.shape.as_list()[1:3]
    if height < 2 or width < 2:
        raise UsageError(
            f'pictures of {height} x {width} pixels cannot be distorted, which takes 2 x 2 or more; '
            'leave --augment, --deskew and --tta out.'
        )
    basis = _affine_basis(height, width)
    if coefficients.shape.as_list()[2] != _AFFINE_TERMS:
        basis = np.concatenate([basis, _bump_basis(height, width, elastic_sigma)])
    if compiled is None:
        compiled = tf.test.is_built_with_xla()
    interpolate = tf.function(_interpolate, jit_compile=True, autograph=False) if compiled else _interpolate
    return interpolate(images, coefficients, tf.constant(basis))


def _interpolate(images: tf.Tensor, coefficients: tf.Tensor, basis: tf.Tensor) -> tf.Tensor:
    """Bilinear interpolation at coefficients x basis; four flat gathers, as gather_nd is far slower."""
    batch = tf.shape(images)[0]
    height, width, channels = images.shape.as_list()[1:]
    terms = basis.shape.as_list()[0]
    points = tf.matmul(tf.reshape(coefficients, [-1, terms]), basis)
    points = tf.reshape(points, [-1, 2, height * width])
    row = tf.clip_by_value(points[:, 0] + (height - 1) / 2, 0.0, height - 1.0)
    column = tf.clip_by_value(points[:, 1] + (width - 1) / 2, 0.0, width - 1.0)
    # The last row and column belong to the cell before them, so that all four corners exist.
    top = tf.minimum(tf.floor(row), height - 2.0)
    left = tf.minimum(tf.floor(column), width - 2.0)
    down, right = (row - top)[..., tf.newaxis], (column - left)[..., tf.newaxis]
    corner = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    corner += tf.range(batch)[:, tf.newaxis] * (height * width)
    pixels = tf.reshape(images, [-1, channels])

    def pixel(offset):
        return tf.cast(tf.gather(pixels, corner + offset), tf.float32)

    upper = pixel(0) * (1.0 - right) + pixel(1) * right
    lower = pixel(width) * (1.0 - right) + pixel(width + 1) * right
    return tf.reshape(upper * (1.0 - down) + lower * down, tf.shape(images))


@functools.cache
def _affine_basis(height: int, width: int) -> np.ndarray:
    """Constant, centred column and centred row of every pixel: float32 [3, height * width]."""
    row, column = np.mgrid[:height, :width].reshape(2, -1).astype(np.float32)
    return np.stack([np.ones_like(row), column - (width - 1) / 2, row - (height - 1) / 2]).astype(np.float32)


@functools.cache
def _bump_basis(height: int, width: int, sigma: float) -> np.ndarray:
    """Gaussian bumps on a coarse grid over the image: float32 [bumps, height * width].

    At every pixel their squares add up to 1: standard normal coefficients give
    a field of standard deviation 1 everywhere. A sigma of 4.5 pixels gives a
    6 x 6 grid on 28 x 28 pixels.

    Raises:
      UsageError: The pictures are too large.
      ValueError: sigma is not above 0.
    """
    if sigma <= 0:
        raise ValueError(f'elastic_sigma is {sigma}: give a width of more than 0 pixels.')
    axes = []
    for length in (height, width):
        cells = max(1, round((length - 1) / (_BUMP_SPACING * sigma)))
        centres = np.linspace(0, length - 1, cells + 1)
        axes.append(np.exp(-0.5 * ((np.arange(length) - centres[:, np.newaxis]) / sigma) ** 2))
    if axes[0].size * axes[1].size * 4 > _LARGEST_BASIS_BYTES:
        raise UsageError(
            f'augment: pictures of {height}x{width} are too large to be distorted elastically; '
            f'give --augment_elastic=0.'
        )
    bumps = np.einsum('ai,bj->abij', *axes).reshape(-1, height * width)
    return (bumps / np.sqrt(np.sum(bumps**2, axis=0))).astype(np.float32)
