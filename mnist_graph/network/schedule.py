"""What changes with the training step, as functions of it in the graph: learning rate and averaging.

Every learning-rate schedule climbs linearly to its peak over the warm-up steps and then stays
there (`constant`), or falls to 0 at the end of the training, on a straight line
(`linear`) or along half a cosine wave (`cosine`; Loshchilov and Hutter, "SGDR",
2017). The rate depends on the step alone, so that a resumed run continues
exactly where it stopped.
"""

import math

import tensorflow.compat.v1 as tf

from mnist_graph.hparams import SCHEDULES


def learning_rate_at(
    step: tf.Tensor, peak: float, schedule: str = 'constant', warmup_steps: int = 0, total_steps: int | None = None
) -> tf.Tensor:
    """The learning rate of one step, float32 of the shape of `step`.

    Args:
      step: Integers: updates so far; 0 at the first step.
      peak: The highest rate, reached after warm-up. In warm-up the rate is
        peak * (step + 1) / warmup_steps, so that no step is wasted on a rate of 0.
      schedule: One of SCHEDULES.
      warmup_steps: Steps of the climb; 0 starts at the peak.
      total_steps: Length of the training in steps, more than warmup_steps;
        `linear` and `cosine` need it. Steps past it keep the final rate.

    Raises:
      ValueError: There is no such schedule, or a length does not fit.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f'unknown learning-rate schedule {schedule!r}: choose one of {", ".join(SCHEDULES)}')
    if warmup_steps < 0:
        raise ValueError(f'warmup_steps is {warmup_steps}: give 0 or more')
    step = tf.cast(step, tf.float32)
    factor = tf.ones_like(step)
    if schedule != 'constant':
        if total_steps is None or total_steps <= warmup_steps:
            raise ValueError(
                f'total_steps is {total_steps}: a {schedule} schedule needs more than '
                f'the {warmup_steps} steps of warm-up'
            )
        # 0 at the end of warm-up, 1 at the end of the training.
        progress = tf.clip_by_value((step - warmup_steps) / (total_steps - warmup_steps), 0.0, 1.0)
        factor = 1.0 - progress if schedule == 'linear' else 0.5 * (1.0 + tf.cos(math.pi * progress))
    if warmup_steps > 0:
        factor *= tf.minimum(1.0, (step + 1.0) / warmup_steps)
    return peak * factor


def share_of_new(decay: float, step: tf.Tensor) -> tf.Tensor:
    """By how much a moving average goes toward its new value, float32 of the shape of `step`.

    That is 1 - min(decay, (1 + n) / (10 + n)) after n updates, as in
    tf.train.ExponentialMovingAverage with `num_updates`: the first values, of
    random weights, are soon forgotten.

    Args:
      step: Integers: updates so far.
    """
    n = tf.cast(step, tf.float32)
    return 1.0 - tf.minimum(decay, (1.0 + n) / (10.0 + n))
