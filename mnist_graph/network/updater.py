"""From gradients to new weights: learning rate, weight decay, optimizer and averages.

With the default hyperparameters this is `tf.train.AdamOptimizer(learning_rate)`
and nothing else. All state is in variables, so that a checkpoint holds it.
"""

from collections.abc import Sequence

import tensorflow.compat.v1 as tf

from mnist_graph.choices.optimizers import OPTIMIZERS
from mnist_graph.choices.schedules import SCHEDULES
from mnist_graph.network.averages import update_averages
from mnist_graph.network.model import Model


class Updater:
    """Updates the trained variables; the fed train_step and the loop share one.

    Args:
      model: What is trained; its averages follow.
      global_step: int64 variable that counts updates.
      n_steps: Length of the training.

    Attributes:
      variables: What is trained: the weights, then the biases.
      global_step, n_steps: As given.
    """

    def __init__(self, model: Model, global_step: tf.Variable, n_steps: int):
        self.variables, self.global_step, self.n_steps = model.variables, global_step, n_steps
        self._hparams, self._weights, self._averages = model.hparams, model.weights, model.averages
        # The tf.train optimizer asks for the rate at each update that is added to the graph.
        self._rate: tf.Tensor | float = model.hparams.learning_rate
        self._optimizer = OPTIMIZERS[model.hparams.optimizer].make(tf, lambda: self._rate, model.hparams)

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """float32 []: the learning rate of the update that follows `step` updates."""
        hparams = self._hparams
        rate = learning_rate_at(
            step, hparams.learning_rate, hparams.learning_rate_schedule, hparams.warmup_steps, self.n_steps
        )
        return tf.convert_to_tensor(rate, name='learning_rate')

    def apply_gradients(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Operation:
        """One update, which also counts it in global_step.

        Args:
          gradients: One for each of `variables`.
          step: int64 []: updates before this one.
        """
        self._rate = self.learning_rate(step)
        with tf.control_dependencies(self._decay_weights(gradients)):
            update = self._optimizer.apply_gradients(zip(gradients, self.variables))
        with tf.control_dependencies([update]):
            averaged = update_averages(self._averages, self.variables, self._hparams.ema_decay, step)
        with tf.control_dependencies([update, *averaged]):
            return self.global_step.assign_add(1, read_value=False, name='count_step')

    def _decay_weights(self, gradients: Sequence[tf.Tensor]) -> list[tf.Operation]:
        """Decoupled weight decay (Loshchilov and Hutter 2019), after the gradients were computed."""
        if not self._hparams.weight_decay:
            return []
        with tf.control_dependencies(gradients), tf.name_scope('weight_decay'):
            return [
                weight.assign_sub(self._rate * self._hparams.weight_decay * weight.read_value())
                for weight in self._weights.values()
                if any(weight is variable for variable in self.variables)
            ]


def learning_rate_at(
    step: tf.Tensor, peak: float, schedule: str = 'constant', warmup_steps: int = 0, total_steps: int | None = None
) -> tf.Tensor:
    """The learning rate of one step, float32 of the shape of `step`.

    It climbs linearly to its peak during the warm-up steps, and then does what
    the schedule says. It depends on the step alone, so that a resumed run
    continues exactly where it stopped.

    Args:
      step: Integers: updates so far; 0 at the first step.
      peak: The highest rate, reached after warm-up. In warm-up the rate is
        peak * (step + 1) / warmup_steps, so that no step is wasted on a rate of 0.
      schedule: A name in SCHEDULES.
      warmup_steps: Steps of the climb; 0 starts at the peak.
      total_steps: Length of the training in steps, more than warmup_steps;
        schedules that fall need it. Steps past it keep the final rate.

    Raises:
      ValueError: There is no such schedule, or a length does not fit.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f'unknown learning-rate schedule {schedule!r}: choose one of {", ".join(SCHEDULES)}.')
    if warmup_steps < 0:
        raise ValueError(f'warmup_steps is {warmup_steps}: give 0 or more.')
    step = tf.cast(step, tf.float32)
    factor = tf.ones_like(step)
    if falling := SCHEDULES[schedule].factor:
        if total_steps is None or total_steps <= warmup_steps:
            raise ValueError(
                f'total_steps is {total_steps}: a {schedule} schedule needs more than '
                f'the {warmup_steps} steps of warm-up.'
            )
        # 0 at the end of warm-up, 1 at the end of the training.
        progress = tf.clip_by_value((step - warmup_steps) / (total_steps - warmup_steps), 0.0, 1.0)
        factor = falling(tf, progress)
    if warmup_steps > 0:
        factor *= tf.minimum(1.0, (step + 1.0) / warmup_steps)
    return peak * factor
