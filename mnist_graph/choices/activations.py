"""The functions that --activation applies to every hidden layer."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Activation(NamedTuple):
    """One choice of --activation.

    Attributes:
      help: What it computes from a unit's input x.
      function: (tf) -> function of a float32 tensor that returns one of the same shape.
    """

    help: str
    function: Callable[[Any], Callable]


ACTIVATIONS = {
    'linear': Activation('x itself', lambda tf: tf.identity),
    'relu': Activation('max(x, 0)', lambda tf: tf.nn.relu),
    'sigmoid': Activation('1 / (1 + exp(-x))', lambda tf: tf.nn.sigmoid),
    'tanh': Activation('the hyperbolic tangent', lambda tf: tf.nn.tanh),
}
