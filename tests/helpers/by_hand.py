"""A network so small that its numbers can be computed by hand, in a session."""

import math

import numpy as np

from helpers.networks import set_value, values_of
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams

PAIR = InputSpec(1, 2, 1, 2)  # pictures of two pixels, two classes
# With weights [[1, 0], [0, 1]] and no bias, the picture [1, 2] has logits [1, 2].
X, Y = np.float32([[1, 2]]), np.float32([[1, 0]])
WEIGHTS, BIASES = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
P = np.array([1 / (1 + math.e), math.e / (1 + math.e)])  # softmax of [1, 2]
GRADIENT = np.outer([1, 2], P - [1, 0])  # of the cross-entropy, by the weights


class Running:
    """A network in a session; with `identity`, its output layer has the weights above."""

    def __init__(self, tf, hparams, spec=PAIR, identity=True, **options):
        from mnist_graph import graph

        self.tf, self.network = tf, graph.build(hparams, spec, **options)
        self.sess = tf.Session(graph=self.network.graph)
        self.sess.run(self.network.initializer)
        if identity:
            self.set(self.network.weights['out'], WEIGHTS)
            self.set(self.network.biases['out'], BIASES)
            for variable in self.network.averages.values():
                self.set(variable, WEIGHTS if variable.shape.rank == 2 else BIASES)

    def set(self, variable, value):
        set_value(self.sess, variable, value)

    def run(self, fetches, X=X, Y=Y, keep_prob=1.0):
        network = self.network
        return self.sess.run(fetches, {network.X: X, network.Y: Y, network.keep_prob: keep_prob})

    def step(self, n=1, **feeds):
        for _ in range(n):
            self.run(self.network.train_step, **feeds)
        return self.run([self.network.weights['out'], self.network.biases['out']], **feeds)

    def values(self):
        return values_of(self.network, self.sess)


def plain(**changes):
    """Hyperparameters of a network without hidden layers or extras."""
    return HParams(
        **{'hidden_units': (), 'optimizer': 'gradient_descent', 'learning_rate': 0.5, 'batch_size': 1, **changes}
    )
