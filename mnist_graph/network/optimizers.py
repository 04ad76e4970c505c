"""From gradients to new weights: the optimizer, its learning rate, weight decay and averaging.

With the defaults this is `tf.train.AdamOptimizer(learning_rate)` and nothing
else. All state is in variables, so a checkpoint holds it.
"""

from collections.abc import Sequence

import tensorflow.compat.v1 as tf

from mnist_graph.hparams import HParams
from mnist_graph.network import schedule

_RMSPROP_DECAY = 0.9  # Hinton's, and the default of TensorFlow and Keras


class _RMSPropOptimizer(tf.train.RMSPropOptimizer):
    """RMSProp whose slots are made without the call that TensorFlow itself calls deprecated."""

    def _create_slots(self, var_list):
        for variable in var_list:
            self._get_or_make_slot(variable, tf.ones_like(variable), 'rms', self._name)
            self._get_or_make_slot(variable, tf.zeros_like(variable), 'momentum', self._name)


class Optimizer:
    """Updates a network's variables; used by the fed train_step and by the loop alike.

    Attributes:
      variables: What is trained, weights first, in the order of their names' definition.
      averages: {variable's name: its moving average}; empty when ema_decay is 0.
      global_step: int64 variable that counts updates.
    """

    def __init__(
        self,
        hparams: HParams,
        weights: dict[str, tf.Variable],
        biases: dict[str, tf.Variable],
        global_step: tf.Variable,
        n_steps: int,
    ):
        self._hparams, self._n_steps = hparams, n_steps
        self._weights, self._biases = weights, biases
        self.variables = [*weights.values(), *biases.values()]
        self.global_step = global_step
        self.averages = {}
        if hparams.ema_decay:
            with tf.name_scope('averages'):
                self.averages = {
                    variable.op.name: tf.Variable(
                        variable.initial_value, trainable=False, name=variable.op.name.replace('/', '_')
                    )
                    for variable in self.variables
                }
        self._rate = hparams.learning_rate
        self._optimizer = self._make(lambda: self._rate)

    def _make(self, learning_rate) -> tf.train.Optimizer:
        """The tf.train optimizer; `learning_rate` may be a callable, asked at each step that is built."""
        return {
            'adam': lambda: tf.train.AdamOptimizer(learning_rate),
            'rmsprop': lambda: _RMSPropOptimizer(learning_rate, decay=_RMSPROP_DECAY, epsilon=1e-7),
            'momentum': lambda: tf.train.MomentumOptimizer(learning_rate, self._hparams.momentum),
            'gradient_descent': lambda: tf.train.GradientDescentOptimizer(learning_rate),
        }[self._hparams.optimizer]()

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """float32 []: the learning rate of the update after `step` updates."""
        return tf.convert_to_tensor(
            schedule.learning_rate_at(
                step,
                self._hparams.learning_rate,
                self._hparams.learning_rate_schedule,
                self._hparams.warmup_steps,
                self._n_steps,
            ),
            name='learning_rate',
        )

    def minimize(self, loss: tf.Tensor, step: tf.Tensor) -> tf.Operation:
        """One update down the gradient of `loss`: tf.train.Optimizer.minimize with the extras."""
        return self.apply_gradients(tf.gradients(loss, self.variables), step)

    def apply_gradients(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Operation:
        """One update with the given gradients, in the order of `variables`."""
        self._rate = self.learning_rate(step)
        decayed = []
        if self._hparams.weight_decay:
            with tf.control_dependencies(gradients), tf.name_scope('weight_decay'):
                decayed = [
                    weight.assign_sub(self._rate * self._hparams.weight_decay * weight.read_value())
                    for weight in self._weights.values()
                ]
        with tf.control_dependencies(decayed):
            update = self._optimizer.apply_gradients(zip(gradients, self.variables))
        with tf.control_dependencies([update, *self._average_after(update, step)]):
            return self.global_step.assign_add(1, read_value=False, name='count_step')

    def _average_after(self, update: tf.Operation, step: tf.Tensor) -> list[tf.Operation]:
        """Moves each average toward its new weight; see `schedule.share_of_new`."""
        if not self.averages:
            return []
        with tf.control_dependencies([update]), tf.name_scope('averages'):
            fraction = schedule.share_of_new(self._hparams.ema_decay, step)
            return [
                average.assign_sub(fraction * (average.read_value() - variable.read_value()), read_value=False)
                for variable, average in zip(self.variables, self.averages.values())
            ]

    def tested_variables(self) -> tuple[dict[str, tf.Variable], dict[str, tf.Variable]]:
        """The weights and biases that predictions use: the averages, if there are any."""
        if not self.averages:
            return self._weights, self._biases
        return (
            {name: self.averages[weight.op.name] for name, weight in self._weights.items()},
            {name: self.averages[bias.op.name] for name, bias in self._biases.items()},
        )
