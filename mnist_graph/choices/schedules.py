"""The courses that --learning_rate_schedule lets the learning rate take after its warm-up."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Schedule(NamedTuple):
    """One choice of --learning_rate_schedule.

    Attributes:
      help: How the rate changes.
      factor: (tf, progress) -> float32 tensor of the shape of `progress`: what
        the peak rate is multiplied by. `progress` rises from 0 at the end of
        the warm-up to 1 at the end of the training. None keeps the peak, and
        needs no end.
    """

    help: str
    factor: Callable[[Any, Any], Any] | None = None


SCHEDULES = {
    'constant': Schedule('stays as it is'),
    'linear': Schedule('falls to 0 on a straight line', lambda tf, progress: 1.0 - progress),
    'cosine': Schedule(
        'falls to 0 along half a cosine wave; Loshchilov and Hutter 2017',
        lambda tf, progress: 0.5 * (1.0 + tf.cos(math.pi * progress)),
    ),
}
