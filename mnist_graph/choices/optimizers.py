"""The optimizers that --optimizer chooses between: rules that turn gradients into updates."""

from collections.abc import Callable
from typing import Any, NamedTuple

# Hinton's value, and the default of TensorFlow and Keras.
_RMSPROP_DECAY = 0.9
# The default of Keras; it bounds the step of a weight whose gradients have been nearly 0.
_RMSPROP_EPSILON = 1e-7


class OptimizerChoice(NamedTuple):
    """One choice of --optimizer.

    Attributes:
      help: Its origin or its settings.
      make: (tf, learning_rate, hparams) -> tf.train.Optimizer. The learning rate
        is a function without arguments, which TensorFlow calls for each update.
    """

    help: str
    make: Callable[[Any, Callable, Any], Any]


def _rmsprop(tf, learning_rate: Callable, hparams) -> Any:
    class RMSPropOptimizer(tf.train.RMSPropOptimizer):
        """Makes its slots without a function that TensorFlow warns is deprecated; their values are the same."""

        def _create_slots(self, var_list):
            for variable in var_list:
                self._get_or_make_slot(variable, tf.ones_like(variable), 'rms', self._name)
                self._get_or_make_slot(variable, tf.zeros_like(variable), 'momentum', self._name)

    return RMSPropOptimizer(learning_rate, decay=_RMSPROP_DECAY, epsilon=_RMSPROP_EPSILON)


OPTIMIZERS = {
    'adam': OptimizerChoice(
        'Kingma and Ba 2015', lambda tf, learning_rate, hparams: tf.train.AdamOptimizer(learning_rate)
    ),
    'rmsprop': OptimizerChoice(f'Hinton 2012; decay {_RMSPROP_DECAY}', _rmsprop),
    'momentum': OptimizerChoice(
        'gradient descent with --momentum',
        lambda tf, learning_rate, hparams: tf.train.MomentumOptimizer(learning_rate, hparams.momentum),
    ),
    'gradient_descent': OptimizerChoice(
        'the learning rate times the gradient',
        lambda tf, learning_rate, hparams: tf.train.GradientDescentOptimizer(learning_rate),
    ),
    'adagrad': OptimizerChoice(
        'Duchi, Hazan and Singer 2011', lambda tf, learning_rate, hparams: tf.train.AdagradOptimizer(learning_rate)
    ),
}
