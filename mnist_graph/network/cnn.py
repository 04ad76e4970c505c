"""The convolutions of --model=cnn, in front of the fully connected layers.

Three convolutions in the TensorFlow 1 way, with their filters in the same
`weights` and `biases` dictionaries: one without padding (unless its filters are
larger than the pictures), 2x2 max-pooling, two with padding, 2x2 max-pooling.
The number of filters of each is --filters, their sides are --kernel_sizes (by
default 5x5, 3x3, 3x3). The first and last convolutions are pooled before they
are normalised.
"""

from collections.abc import Callable

import tensorflow.compat.v1 as tf

from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network import batch_norm


def filter_shapes(hparams: HParams, spec: InputSpec) -> dict[str, list[int]]:
    """{'conv1': [height, width, channels in, channels out], ...}."""
    channels = [spec.channels, *hparams.filters]
    return {
        f'conv{number}': [side, side, channels[number - 1], channels[number]]
        for number, side in enumerate(hparams.kernel_sizes, start=1)
    }


def n_features(hparams: HParams, spec: InputSpec) -> int:
    """Length of the flattened output of the convolutions: 6 * 6 * 64 for MNIST and the default filters."""
    side = hparams.kernel_sizes[0]
    border = side - 1 if _padding(spec, side) == 'VALID' else 0
    return -(-(spec.height - border) // 4) * -(-(spec.width - border) // 4) * hparams.filters[-1]


def _padding(spec: InputSpec, side: int) -> str:
    """Padding of the first convolution: none, as digits do not reach the edge, unless the filter exceeds the picture."""
    return 'VALID' if min(spec.height, spec.width) >= side else 'SAME'


def convolutions(
    spec: InputSpec,
    X: tf.Tensor,
    activation: Callable,
    weights: dict[str, tf.Variable],
    biases: dict[str, tf.Variable],
    moments: dict[str, batch_norm.Moments],
    step: tf.Tensor | None,
) -> tf.Tensor:
    """float32 [batch, n_features] of X, float32 [batch, height * width * channels].

    Args:
      activation: A function that never falls as its input rises, such as tf.nn.relu.
      moments: As `batch_norm.make_moments` makes them, or {}.
      step: int64 []: updates so far, to train; None to test.
    """

    def convolve(number, images, padding='SAME', pool=False):
        name = f'conv{number}'
        with tf.name_scope(f'conv_{number}'):
            images = tf.nn.conv2d(images, weights[name], strides=1, padding=padding)
            if pool:  # before bias and activation, which never fall: the result is the same for a quarter of the work
                images = tf.nn.max_pool2d(images, ksize=2, strides=2, padding='SAME')
            if moments:
                images = batch_norm.batch_normalize(images, moments[name], step)
            return activation(tf.nn.bias_add(images, biases[name]))

    images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
    conv_1 = convolve(1, images, _padding(spec, weights['conv1'].shape[0]), pool=True)
    conv_2 = convolve(2, conv_1)
    conv_3 = convolve(3, conv_2, pool=True)
    return tf.reshape(conv_3, [-1, conv_3.shape[1] * conv_3.shape[2] * conv_3.shape[3]])
