"""The convolutions of --model=cnn, in front of the fully connected layers.

Three convolutions in the TensorFlow 1 way, with their filters in the same
`weights` and `biases` dictionaries: 5x5, 2x2 max-pooling, 3x3, 3x3, 2x2
max-pooling. The number of filters of each is --filters.
"""

import tensorflow.compat.v1 as tf

from mnist_graph.data import InputSpec
from mnist_graph.hparams import HParams

KERNEL_SIDES = (5, 3, 3)


def filter_shapes(hparams: HParams, spec: InputSpec) -> dict[str, list[int]]:
    """{'conv1': [height, width, channels in, channels out], ...}."""
    channels = [spec.channels, *hparams.filters]
    return {f'conv{number}': [side, side, channels[number - 1], channels[number]]
            for number, side in enumerate(KERNEL_SIDES, start=1)}


def n_features(hparams: HParams, spec: InputSpec) -> int:
    """Numbers that leave the convolutions: 7 * 7 * 64 for MNIST and the default filters."""
    return -(-spec.height // 4) * -(-spec.width // 4) * hparams.filters[-1]


def convolutions(spec: InputSpec, X: tf.Tensor, weights: dict[str, tf.Variable],
                 biases: dict[str, tf.Variable]) -> tf.Tensor:
    """float32 [batch, n_features] of X, float32 [batch, height * width * channels]."""
    def convolve(number, images):
        with tf.name_scope(f'conv_{number}'):
            return tf.nn.relu(tf.nn.bias_add(
                tf.nn.conv2d(images, weights[f'conv{number}'], strides=1, padding='SAME'), biases[f'conv{number}']))

    images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
    conv_1 = tf.nn.max_pool2d(convolve(1, images), ksize=2, strides=2, padding='SAME')
    conv_2 = convolve(2, conv_1)
    conv_3 = tf.nn.max_pool2d(convolve(3, conv_2), ksize=2, strides=2, padding='SAME')
    return tf.reshape(conv_3, [-1, conv_3.shape[1] * conv_3.shape[2] * conv_3.shape[3]])
