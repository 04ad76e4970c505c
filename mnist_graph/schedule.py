"""Learning-rate schedules as graph functions of the training step.

Every schedule climbs linearly to the peak over the warm-up steps and then stays (`constant`), falls on
a straight line (`linear`) or along half a cosine wave (`cosine`, Loshchilov and Hutter, "SGDR", 2017)
to 0 at the end. The rate depends on the step alone, so that a resumed run continues
exactly where it stopped.
"""

from __future__ import annotations

import math

import tensorflow as tf

SCHEDULES = ("constant", "linear", "cosine")


def learning_rate_at(step, peak, schedule="cosine", warmup_steps=0, total_steps=None):
    """Returns the learning rate of one step, a float32 scalar tensor (or of the shape of `step`).

    step: integer tensor; 0 is the first step.
    peak: the highest rate, reached after warm-up. During warm-up step s has peak * (s + 1) / warmup_steps,
        so that no step is wasted on a rate of 0.
    schedule: one of SCHEDULES.
    warmup_steps: length of the linear climb in steps; 0 starts at the peak.
    total_steps: length of the run in steps, needed by `linear` and `cosine` and larger than warmup_steps.
        Steps past the end keep the final rate.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown learning-rate schedule {schedule!r}: choose one of {', '.join(SCHEDULES)}")
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps is {warmup_steps}: give 0 or more")
    step = tf.cast(step, tf.float32)
    factor = tf.ones_like(step)
    if schedule != "constant":
        if total_steps is None or total_steps <= warmup_steps:
            raise ValueError(f"total_steps is {total_steps}: a {schedule} schedule needs more than "
                             f"the {warmup_steps} steps of warm-up")
        # 0 at the end of warm-up, 1 at the end of the run.
        progress = tf.clip_by_value((step - warmup_steps) / (total_steps - warmup_steps), 0.0, 1.0)
        factor = 1.0 - progress if schedule == "linear" else 0.5 * (1.0 + tf.cos(math.pi * progress))
    if warmup_steps > 0:
        factor *= tf.minimum(1.0, (step + 1.0) / warmup_steps)
    return peak * factor
