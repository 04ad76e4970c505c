"""`tensorflow.examples.tutorials.mnist`: `input_data`, and the network `mnist` of the tutorial "TensorFlow Mechanics"."""

import math
import sys
from types import ModuleType
from typing import Any

from mnist_graph import input_data

_PACKAGE = 'tensorflow.examples'


def install(tf: Any) -> None:
    """Puts the modules in their old place."""
    mnist = _mechanics(tf)
    parts = {'input_data': input_data, 'mnist': mnist}
    package = _package(f'{_PACKAGE}.tutorials.mnist', **parts)
    tutorials = _package(f'{_PACKAGE}.tutorials', mnist=package)
    tf.examples = _package(_PACKAGE, tutorials=tutorials)
    sys.modules.update({f'{package.__name__}.{name}': module for name, module in parts.items()})


def _package(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(members, __path__=[])
    sys.modules[name] = module
    return module


def _mechanics(tf: Any) -> ModuleType:
    """The module `mnist`: a network with two hidden layers in four steps, as its users call them."""
    n_classes, side = 10, 28

    def layer(values: Any, n_units: int, name: str) -> Any:
        n_inputs = values.shape[1].value
        with tf.name_scope(name):
            deviation = 1.0 / math.sqrt(n_inputs)
            weights = tf.Variable(tf.truncated_normal([n_inputs, n_units], stddev=deviation), name='weights')
            biases = tf.Variable(tf.zeros([n_units]), name='biases')
            return tf.matmul(values, weights) + biases

    def inference(images: Any, hidden1_units: int, hidden2_units: int) -> Any:
        """float32 [n, 10] logits of float32 [n, 784] pictures."""
        hidden1 = tf.nn.relu(layer(images, hidden1_units, 'hidden1'))
        hidden2 = tf.nn.relu(layer(hidden1, hidden2_units, 'hidden2'))
        return layer(hidden2, n_classes, 'softmax_linear')

    def loss(logits: Any, labels: Any) -> Any:
        """The mean cross-entropy with int [n] labels."""
        return tf.losses.sparse_softmax_cross_entropy(labels=tf.cast(labels, tf.int64), logits=logits)

    def training(loss: Any, learning_rate: float) -> Any:
        """One step of gradient descent, which counts itself in the variable `global_step`."""
        tf.summary.scalar('loss', loss)
        step = tf.Variable(0, name='global_step', trainable=False)
        return tf.train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=step)

    def evaluation(logits: Any, labels: Any) -> Any:
        """int32: how many of the pictures are read rightly."""
        return tf.reduce_sum(tf.cast(tf.nn.in_top_k(logits, labels, 1), tf.int32))

    module = ModuleType(f'{_PACKAGE}.tutorials.mnist.mnist')
    module.__dict__.update(
        NUM_CLASSES=n_classes,
        IMAGE_SIZE=side,
        IMAGE_PIXELS=side * side,
        inference=inference,
        loss=loss,
        training=training,
        evaluation=evaluation,
    )
    return module
