"""Making digits upright before the network sees them, --deskew.

Rows are shifted sideways until the ink's columns are no longer correlated with its
rows: a shear by the moments of inertia, as Y. LeCun, L. Bottou, Y. Bengio and
P. Haffner deslanted digits for several of their classifiers ("Gradient-Based
Learning Applied to Document Recognition", 1998). A network then need not learn
how slanted each digit may be.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph.base.inputs import InputSpec
from mnist_graph.network import augmentation

# Columns per row (45 degrees). More is not handwriting's slant, but the shape of a short stroke.
LARGEST_SLANT = 1.0
# Squared pixels: variance of the ink's rows below which it is a horizontal line, which has no slant.
_LEAST_ROW_VARIANCE = 0.1
# Total ink below which a picture counts as black; it keeps the division by it finite.
_LEAST_INK = 1e-6


def slants(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How far each digit leans: (slant, row), both float32 [batch].

    Args:
      images: float32 [batch, height, width, channels], bright ink on black (0).

    Returns:
      slant: Pixels that the ink moves to the right for each pixel down, the
        slope of the regression of column on row: covariance over variance,
        each pixel weighted by its ink. In [-LARGEST_SLANT, LARGEST_SLANT].
      row: The ink's mean row, in pixels from the middle of the picture. Both
        are 0 in a black picture.
    """
    height, width = images.shape.as_list()[1:3]
    row, column = np.mgrid[:height, :width].reshape(2, -1) - np.array([[(height - 1) / 2], [(width - 1) / 2]])
    terms = np.stack([np.ones_like(row), row, column, row * row, row * column], axis=1)
    ink = tf.reshape(tf.reduce_sum(images, axis=3), [-1, height * width])
    sums = tf.matmul(ink, tf.constant(terms, tf.float32))
    _, row, column, row_row, row_column = tf.unstack(sums / tf.maximum(sums[:, :1], _LEAST_INK), num=5, axis=1)
    slant = (row_column - row * column) / tf.maximum(row_row - row * row, _LEAST_ROW_VARIANCE)
    return tf.clip_by_value(slant, -LARGEST_SLANT, LARGEST_SLANT), row


def deskew(images: tf.Tensor, compiled: bool | None = None) -> tf.Tensor:
    """Shears each digit upright about its mean row, where it stays in place.

    Args:
      images: float32 [batch, height, width, channels], bright ink on black.
      compiled: As in `augmentation.warp`.

    Returns:
      float32 of the same shape and range; gradients do not flow through it.
    """
    with tf.name_scope('deskew'):
        slant, row = slants(images)
        zero, one = tf.zeros_like(slant), tf.ones_like(slant)
        # As `augmentation.warp` takes it: the source row is the row itself.
        rows, columns = tf.stack([zero, zero, one], axis=1), tf.stack([-slant * row, one, slant], axis=1)
        return tf.stop_gradient(augmentation.warp(images, tf.stack([rows, columns], axis=1), compiled=compiled))


def deskew_input(spec: InputSpec, X: tf.Tensor, training: bool) -> tf.Tensor:
    """The pictures X made upright, float32 [batch, features]."""
    images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
    # Compiling pays in training only: a prediction is over too soon.
    return tf.reshape(deskew(images, compiled=None if training else False), [-1, spec.n_features])
