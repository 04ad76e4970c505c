"""Making digits alike by the moments of their ink before the network sees them: --deskew, --normalize_size.

Deskewing shifts rows sideways until the ink's horizontal and vertical places no
longer go together, as Y. LeCun, L. Bottou, Y. Bengio and P. Haffner deslanted
digits for several of their classifiers ("Gradient-Based Learning Applied to
Document Recognition", 1998). Normalizing the size brings the spread of the ink
on each axis nearer to what is usual, after R. G. Casey's moment normalization
("Moment Normalization of Handprinted Characters", 1970), but half the way
only: how wide a digit is also says which it is. A network then need not learn
how slanted, wide and high each digit may be.
"""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph import augment

LARGEST_SLANT = 1.0  # 45 degrees: more is not slant, but the form of what little ink there is
LARGEST_STRETCH = 1 / 0.7

# Standard deviation of MNIST's ink, as a fraction of the picture's height, and of
# its width when deskewed: 5.2 and 3.3 pixels of 28, about the mean over its digits.
USUAL_SPREAD = (5.2 / 28, 3.3 / 28)

# Squared pixels: the spread of the ink's rows below which their slant means nothing.
_LEAST_SPREAD = 0.1


class Moments(NamedTuple):
    """Mean and (co)variances of the ink's places, each float32 [batch], in (squared) pixels.

    Attributes:
      row, column: The means, from the middle of the picture; 0 without ink.
      row_row, row_column, column_column: Variances and covariance; 0 without ink.
    """

    row: tf.Tensor
    column: tf.Tensor
    row_row: tf.Tensor
    row_column: tf.Tensor
    column_column: tf.Tensor


def moments(images: tf.Tensor) -> Moments:
    """Where the ink is in each picture, every pixel weighted by its brightness.

    Args:
      images: float32 [batch, height, width, channels], bright ink on black (0).
    """
    height, width = images.shape.as_list()[1:3]
    row, column = np.mgrid[:height, :width].reshape(2, -1) - np.array([[(height - 1) / 2], [(width - 1) / 2]])
    terms = np.stack([np.ones_like(row), row, column, row * row, row * column, column * column], axis=1)
    ink = tf.reshape(tf.reduce_sum(images, axis=3), [-1, height * width])
    sums = tf.matmul(ink, tf.constant(terms, tf.float32))
    _, row, column, row_row, row_column, column_column = tf.unstack(
        sums / tf.maximum(sums[:, :1], 1e-6), num=6, axis=1)
    return Moments(row, column, row_row - row * row, row_column - row * column, column_column - column * column)


def slants(ink: Moments) -> tf.Tensor:
    """How far each digit leans: pixels that its ink moves to the right for each pixel down, float32 [batch].

    The slope of the regression of column on row: covariance over variance, in
    [-LARGEST_SLANT, LARGEST_SLANT].
    """
    return tf.clip_by_value(ink.row_column / tf.maximum(ink.row_row, _LEAST_SPREAD), -LARGEST_SLANT, LARGEST_SLANT)


def stretch(variance: tf.Tensor, usual_spread: float) -> tf.Tensor:
    """How much larger each digit is to become on one axis, float32 [batch].

    The root of what would give it the usual spread, which makes its new spread
    the geometric mean of its own and the usual one; in
    [1 / LARGEST_STRETCH, LARGEST_STRETCH].

    Args:
      variance: float32 [batch], in squared pixels.
      usual_spread: Standard deviation in pixels.
    """
    least = (usual_spread / LARGEST_STRETCH ** 2) ** 2  # beyond the limit already, and no division by 0
    factor = tf.sqrt(usual_spread / tf.sqrt(tf.maximum(variance, least)))
    return tf.maximum(factor, 1 / LARGEST_STRETCH)


def normalize(images: tf.Tensor, deskew: bool = True, size: bool = False, compiled: bool | None = None) -> tf.Tensor:
    """Shears each digit upright, or scales it on each axis, or both, about its centre of mass, which stays in place.

    Args:
      images: float32 [batch, height, width, channels], bright ink on black.
      deskew: Whether to shear.
      size: Whether to scale.
      compiled: As in `augment.warp`.

    Returns:
      float32 of the same shape and range; gradients do not flow through it.
    """
    height, width = images.shape.as_list()[1:3]
    with tf.name_scope('ink_moments'):
        ink = moments(images)
        zero, one = tf.zeros_like(ink.row), tf.ones_like(ink.row)
        slant = slants(ink) if deskew else zero
        # Where in the image each pixel of the result comes from, so sizes are divided by.
        row_step = column_step = one
        if size:
            upright_variance = ink.column_column - slant * (2.0 * ink.row_column - slant * ink.row_row)
            row_step = 1.0 / stretch(ink.row_row, USUAL_SPREAD[0] * height)
            column_step = 1.0 / stretch(upright_variance, USUAL_SPREAD[1] * width)
        rows = tf.stack([ink.row - row_step * ink.row, zero, row_step], axis=1)
        columns = tf.stack([ink.column - column_step * ink.column - slant * row_step * ink.row,
                            column_step, slant * row_step], axis=1)
        return tf.stop_gradient(augment.warp(images, tf.stack([rows, columns], axis=1), compiled=compiled))
