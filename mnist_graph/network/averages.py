"""Exponential moving averages of the weights and biases, --ema_decay.

Training goes on with the weights themselves. Predictions use the averages,
which are usually more accurate, since they smooth out the last steps' noise
(Polyak and Juditsky 1992).
"""

from collections.abc import Sequence

import tensorflow.compat.v1 as tf

# The averages of some variables: {name of the variable's operation: variable}.
Averages = dict[str, tf.Variable]


def make_averages(variables: Sequence[tf.Variable]) -> Averages:
    """One average for each variable, with the same first value."""
    with tf.name_scope('averages'):
        return {
            variable.op.name: tf.Variable(
                variable.initial_value, trainable=False, name=variable.op.name.replace('/', '_')
            )
            for variable in variables
        }


def averaged(variables: dict[str, tf.Variable], averages: Averages) -> dict[str, tf.Variable]:
    """`variables` with each one that has an average replaced by it."""
    return {name: averages.get(variable.op.name, variable) for name, variable in variables.items()}


def update_averages(
    averages: Averages, variables: Sequence[tf.Variable], decay: float, step: tf.Tensor
) -> list[tf.Operation]:
    """Operations that move each average toward its variable's present value.

    Args:
      averages: As `make_averages` made them of `variables` and perhaps others; {} needs no operation.
      decay: In [0, 1): the part of itself that an average keeps.
      step: int64 []: updates before this one.
    """
    if not averages:
        return []
    with tf.name_scope('averages'):
        fraction = ema_step_size(decay, step)
        return [
            averages[variable.op.name].assign_sub(
                fraction * (averages[variable.op.name].read_value() - variable.read_value()), read_value=False
            )
            for variable in variables
        ]


def ema_step_size(decay: float, step: tf.Tensor) -> tf.Tensor:
    """The fraction of the way that an average moves toward a new value, float32 of the shape of `step`.

    That is 1 - min(decay, (1 + n) / (10 + n)) after n updates, as in
    tf.train.ExponentialMovingAverage with `num_updates`: large at first, so that
    the average soon forgets the random first weights.

    Args:
      decay: In [0, 1).
      step: Integers: updates so far.
    """
    n = tf.cast(step, tf.float32)
    return 1.0 - tf.minimum(decay, (1.0 + n) / (10.0 + n))
