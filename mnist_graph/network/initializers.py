"""The first values of weights and biases."""

import math

import tensorflow.compat.v1 as tf

from mnist_graph.base import random_streams
from mnist_graph.choices.initializers import INITIALIZERS
from mnist_graph.hparams import HParams


def initial_weights(hparams: HParams, shape: list[int], index: int) -> tf.Tensor:
    """First values of one layer's weights, float32 of `shape`, drawn as --initializer says.

    Args:
      hparams: The initializer and the seed.
      shape: [inputs, units], or [height, width, channels in, channels out] of a convolution.
      index: Number of the layer, so that layers of one shape differ.
    """
    keys = random_streams.keys(hparams.seed, random_streams.INITIAL_WEIGHTS, index)
    receptive_field = math.prod(shape[:-2])
    fan_in, fan_out = shape[-2] * receptive_field, shape[-1] * receptive_field
    return INITIALIZERS[hparams.initializer].draw(tf, shape, keys, fan_in, fan_out)


def initial_biases(hparams: HParams, n_units: int) -> tf.Tensor:
    """First values of one layer's biases, float32 [n_units], all equal."""
    return tf.constant(INITIALIZERS[hparams.initializer].first_bias, shape=[n_units])
