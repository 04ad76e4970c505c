"""Batch normalization of the hidden layers (Ioffe and Szegedy 2015), --batch_norm.

Each unit, or channel of a convolution, is shifted and scaled to mean 0 and
variance 1 over the pictures of a batch (and their pixels). The layer's bias is
added after that. The paper's scale for each unit is left out: after a ReLU the
next layer's weights can do the same (after a sigmoid or tanh they cannot).
Predictions use moving averages of the batches' means and variances, since how a
picture is read must not depend on the pictures beside it. The variances that are
averaged are unbiased estimates. Where a batch is split into towers, each tower
uses the moments of its own rows, and the moving averages follow the last tower.
"""

from typing import NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph.hparams import HParams
from mnist_graph.network.averages import ema_step_size

DECAY = 0.99  # of the moving averages, which so cover about the last hundred steps
EPSILON = 1e-3  # added to variances, as Keras does, so that a constant unit is not divided by 0

# Moving averages that come from a trained model count as having taken so many steps, so that they move slowly from the
# first step on.
STEPS_TAKEN_OVER = 1000


class Moments(NamedTuple):
    """Moving averages for one layer, float32 variables [units] that are saved but not trained."""

    mean: tf.Variable
    variance: tf.Variable


class StillMoments(Moments):
    """The same in a tower whose batches they do not follow."""


def make_moments(weights: dict[str, tf.Variable]) -> dict[str, Moments]:
    """Moments of each hidden layer, by the name of its weights [..., units]."""
    with tf.name_scope('moments'):
        return {
            name: Moments(
                tf.Variable(tf.zeros(weight.shape[-1:]), trainable=False, name=f'{name}_mean'),
                tf.Variable(tf.ones(weight.shape[-1:]), trainable=False, name=f'{name}_variance'),
            )
            for name, weight in weights.items()
            if name != 'out'
        }


def step_of(hparams: HParams, step: tf.Tensor | None) -> tf.Tensor | None:
    """The `step` of `batch_normalize`: None to predict, and where the layers before the last are not trained."""
    if step is None or hparams.trainable == 'last':
        return None
    return step + STEPS_TAKEN_OVER if hparams.init_checkpoint else step


def batch_normalize(layer: tf.Tensor, moments: Moments, step: tf.Tensor | None) -> tf.Tensor:
    """A layer before its bias and activation, normalized: float32 [batch, units] or [batch, height, width, units].

    Args:
      step: int64 []: updates so far, to train: the batch's own moments are
        used, and the moving averages follow them. None to test.
    """
    if step is None:
        return (layer - moments.mean) * tf.math.rsqrt(moments.variance + EPSILON)
    ones = tf.ones_like(moments.mean)
    images = layer if len(layer.shape) == 4 else layer[:, tf.newaxis, tf.newaxis]
    normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=images, scale=ones, offset=tf.zeros_like(ones), mean=ones, variance=ones, epsilon=EPSILON, is_training=True
    )
    normalized = tf.reshape(normalized, tf.shape(layer))
    fraction = ema_step_size(DECAY, step)
    updates = [
        average.assign_sub(fraction * (average.read_value() - value), read_value=False)
        for average, value in zip(moments, (mean, variance))
        if not isinstance(moments, StillMoments)
    ]
    with tf.control_dependencies(updates):
        # A reshape to the same shape would be optimized away here, and the updates with it.
        return tf.identity(normalized)
