"""The distributions that --initializer draws the first weights from."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

# Cutting a normal distribution at two standard deviations leaves this much of its standard deviation.
_STDDEV_AFTER_CUT = 0.87962566


class Initializer(NamedTuple):
    """One choice of --initializer.

    Attributes:
      help: The distribution of a layer's first weights.
      draw: (tf, shape, keys, fan_in, fan_out) -> float32 tensor of `shape`;
        `keys` is the int64 [2] that TensorFlow's stateless generators take.
      first_bias: The first value of every bias.
    """

    help: str
    draw: Callable[[Any, list[int], Any, int, int], Any]
    first_bias: float = 0.0


def _truncated_normal(tf, shape: list[int], keys, fan_in: int, fan_out: int):
    return tf.random.stateless_truncated_normal(shape, keys, stddev=0.1)


def _glorot_uniform(tf, shape: list[int], keys, fan_in: int, fan_out: int):
    limit = math.sqrt(6 / (fan_in + fan_out))
    return tf.random.stateless_uniform(shape, keys, -limit, limit)


def _he_normal(tf, shape: list[int], keys, fan_in: int, fan_out: int):
    return tf.random.stateless_truncated_normal(shape, keys, stddev=math.sqrt(2 / fan_in) / _STDDEV_AFTER_CUT)


INITIALIZERS = {
    'truncated_normal': Initializer(
        'standard deviation 0.1, cut at two of them, and biases 0.1, as in the tutorial',
        _truncated_normal,
        first_bias=0.1,
    ),
    'glorot_uniform': Initializer(
        'uniform between -sqrt(6 / (inputs + outputs)) and +sqrt(6 / (inputs + outputs)); Glorot and Bengio 2010',
        _glorot_uniform,
    ),
    'he_normal': Initializer('truncated normal of variance 2 / inputs; He et al. 2015', _he_normal),
}
