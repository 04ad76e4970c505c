"""Batch normalization against moments computed by hand."""

import numpy as np

from helpers.by_hand import PAIR, plain
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams


def test_batch_norm_of_convolutions_by_hand(running):
    """Channels copied by the convolutions: the batch's own moments to train, their moving averages to test."""
    net = running(
        HParams(
            model='cnn',
            filters=(1, 1, 1),
            hidden_units=(),
            batch_norm=True,
            dropout=0,
            optimizer='gradient_descent',
            learning_rate=1e-9,
        ),
        InputSpec(4, 4, 1, 2),
        identity=False,
    )
    for name, side in (('conv1', 5), ('conv2', 3), ('conv3', 3)):
        kernel = np.zeros((side, side, 1, 1))
        kernel[side // 2, side // 2] = 1
        net.set(net.network.weights[name], kernel)
        net.set(net.network.biases[name], [0])
    net.set(net.network.weights['out'], [[1, -2]])
    net.set(net.network.biases['out'], [0, 0])
    fed = {net.network.X: np.arange(16, dtype=np.float32)[None], net.network.Y: [[1, 0]], net.network.keep_prob: 1}
    # At first the moments are mean 0 and variance 1, so that each layer divides by sqrt(1.001).
    np.testing.assert_allclose(
        net.sess.run(net.network.output_layer, fed), [np.array([15, -30]) / 1.001**1.5], rtol=1e-5
    )
    net.sess.run(net.network.train_step, fed)
    mean, variance = net.sess.run(net.network.moments['conv1'])
    # Of the batch 5, 7, 13 and 15 are left by pooling: mean 10, sum of squares about it 68 (the moving average has
    # the variance with one value less). The first step goes nine tenths of the way there.
    np.testing.assert_allclose(mean, [0.9 * 10], rtol=1e-5)
    np.testing.assert_allclose(variance, [0.1 + 0.9 * 68 / 3], rtol=1e-5)
    first = np.maximum(0, (np.array([5, 7, 13, 15]) - 10) / np.sqrt(68 / 4 + 1e-3))
    np.testing.assert_allclose(net.sess.run(net.network.moments['conv2'].mean), [0.9 * first.mean()], rtol=1e-5)


def test_batch_norm_of_a_hidden_layer_by_hand(running):
    net = running(plain(batch_norm=True, hidden_units=(2,), optimizer='gradient_descent', learning_rate=1e-9), PAIR)
    net.set(net.network.weights['w1'], np.eye(2))
    net.set(net.network.biases['b1'], [0, 0])
    fed = {net.network.X: [[0, 1], [1, 1], [0, 4]], net.network.Y: [[1, 0]] * 3, net.network.keep_prob: 1}
    net.sess.run(net.network.train_step, fed)
    mean, variance = net.sess.run(net.network.moments['w1'])
    np.testing.assert_allclose(mean, 0.9 * np.array([1 / 3, 2]), rtol=1e-5)
    np.testing.assert_allclose(variance, 0.1 + 0.9 * np.array([1 / 3, 3]), rtol=1e-5)
