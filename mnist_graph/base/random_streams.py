"""Where every random number in the graph comes from: a pair of keys made of the seed, the purpose and a number.

TensorFlow's stateless generators turn equal keys into equal numbers, whatever
ran before. So a run that stops at step n and resumes draws what it would have
drawn, and no generator's state needs saving.
"""

import tensorflow.compat.v1 as tf

# One for each purpose; their keys never meet, since seeds are below 2**31.
# Purpose 0 is augmentation, which keys its numbers by the seed itself.
INITIAL_WEIGHTS = 1
DROPOUT = 2
INPUT_DROPOUT = 3


def keys(seed: int, purpose: int, number, layer: int = 0) -> tf.Tensor:
    """int64 [2]: the key of one draw.

    Args:
      seed: The run's seed, in [0, 2**31).
      purpose: One of the constants above.
      number: A step (integer tensor) or an index (int).
      layer: Tells apart the draws of several layers in one step.
    """
    return tf.stack([tf.constant(seed + (purpose << 32) + (layer << 40), tf.int64), tf.cast(number, tf.int64)])
