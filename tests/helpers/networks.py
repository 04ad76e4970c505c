"""Networks that tests share, and the values of their variables."""

import functools

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph import graph


@functools.lru_cache(maxsize=16)
def built(hparams, spec, n_steps=None, n_towers=1):
    """`graph.build`, once for equal arguments: the state that a test changes is in its session, not in the graph."""
    return graph.build(hparams, spec, n_steps, n_towers)


def values_of(network, sess):
    """{name: value} of every variable: weights, biases, optimizer slots and global_step."""
    with network.graph.as_default():
        variables = tf.global_variables()
    return dict(zip([variable.op.name for variable in variables], sess.run(variables)))


def set_value(sess, variable, value):
    """Gives a variable a value, through its initializer's input, so that the graph does not grow."""
    sess.run(variable.initializer, {variable.initializer.inputs[1]: np.asarray(value, variable.dtype.as_numpy_dtype)})


def assert_same_values(left, right):
    """Every variable bit-identical."""
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def run(build, *arrays):
    """Builds a graph from constants of the arrays and evaluates it."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(build(*[tf.constant(array) for array in arrays]))
