"""Many training steps in one `Session.run`, and one step on several cores.

One `Session.run` for each step costs Python's time and leaves cores idle between
small operations. Two things make the loop fast:

1. A `tf.while_loop` inside the graph takes as many steps as pictures are fed
   (TensorFlow 1's `iterations_per_loop`), slicing batch after batch from them.
   The number of steps in one run changes nothing of what a step computes.
2. A batch of 128 is too little work to share among cores within one matrix
   product. So each batch is split into parts, called towers, which share the
   variables and run at the same time, each on a core of its own. Their gradients
   are added up. The order of that sum depends on the number of towers, and so
   does the last bit of the weights.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph.base.inputs import PIXEL_SCALE
from mnist_graph.network.model import Model
from mnist_graph.network.updater import Updater


class Placement:
    """Where the parts of a graph are computed, by the names of TensorFlow's devices; by default wherever it likes.

    Attributes:
      towers: A device for each tower.
    """

    def __init__(self, towers: Sequence[str], variables: Sequence[str] = ('',)):
        """Variables go to the device of `variables` that has the fewest bytes so far, everything else to the first."""
        self.towers, self._variables, self._numbers = tuple(towers), tuple(variables), [0] * len(variables)

    def __call__(self, operation: tf.Operation) -> str:
        """The device of an operation, as `tf.device` takes it."""
        if operation.device or operation.type != 'VarHandleOp':
            return operation.device or self._variables[0]
        place = self._numbers.index(min(self._numbers))
        self._numbers[place] += math.prod(side.size for side in operation.get_attr('shape').dim)
        return self._variables[place]


class TrainingLoop(NamedTuple):
    """What to feed (with the network's keep_prob) and run for many steps.

    Attributes:
      images: Placeholder, uint8 [n, features]: the pictures of all steps, in order.
      labels: Placeholder, int32 [n]: their labels.
      steps_done: int64 []: runs the loop; global_step afterwards. The loop ends
        early after a loss that is not finite: then `steps_done` is the number
        of the step that had it, counting from 1.
      last_loss: float32 []: training loss of the last step.
      weights_sum: float32 []: of all trained variables after the loop: not
        finite if any of them is not. The loss alone would not tell, since
        oneDNN's ReLU turns NaN into 0.
    """

    images: tf.Tensor
    labels: tf.Tensor
    steps_done: tf.Tensor
    last_loss: tf.Tensor
    weights_sum: tf.Tensor


def add_training_loop(
    model: Model, updater: Updater, take_step: Callable[..., tuple[tf.Operation, tf.Tensor]]
) -> TrainingLoop:
    """Adds the loop to the current graph.

    Args:
      model: Its batch size and the shape of its pictures; the last batch of a run may be smaller.
      updater: What the steps update.
      take_step: (X, Y, step) -> (train_step, loss): adds one step to the graph.
    """
    batch_size, spec = model.hparams.batch_size, model.spec
    with tf.name_scope('loop'):
        images = tf.placeholder(tf.uint8, [None, spec.n_features], name='images')
        labels = tf.placeholder(tf.int32, [None], name='labels')
        n_pictures = tf.shape(labels)[0]
        first_step = updater.global_step.read_value()
        # If nothing in a step depends on its number, only this keeps the loop
        # from counting a step before the count has been read.
        with tf.control_dependencies([first_step]):
            first_picture = tf.constant(0)

        def more_to_do(start, step, loss):
            return tf.logical_and(start < n_pictures, tf.math.is_finite(loss))

        def next_batch(start, step, loss):
            end = tf.minimum(start + batch_size, n_pictures)
            X = tf.cast(images[start:end], tf.float32) * PIXEL_SCALE
            Y = tf.one_hot(labels[start:end], spec.n_classes)
            train_step, loss = take_step(X, Y, step)
            with tf.control_dependencies([train_step]):
                return end, step + 1, tf.identity(loss)

        _, steps_done, last_loss = tf.while_loop(
            more_to_do, next_batch, [first_picture, first_step, tf.constant(0.0)], parallel_iterations=1
        )
        with tf.control_dependencies([steps_done]):
            weights_sum = tf.add_n([tf.reduce_sum(variable.read_value()) for variable in updater.variables])
        return TrainingLoop(images, labels, steps_done, last_loss, weights_sum)


def gradients_in_towers(
    loss: Callable[..., tf.Tensor], rows: Sequence[Any], variables: Sequence[tf.Variable], towers: Sequence[str]
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Gradients of a mean loss over a batch, computed part by part.

    Args:
      loss: Function of the `rows`, and of whether this is the last tower, that returns the mean loss of the rows.
      rows: The arguments of `loss`: tensors, or dictionaries of tensors, with
        the batch as their first dimension.
      variables: What to differentiate by.
      towers: The device of each part, '' for any; a single one leaves the batch whole.

    Returns:
      The gradients, and the mean loss over the whole batch.
    """
    n_towers = len(towers)
    if n_towers == 1:
        batch_loss = loss(True, *rows)
        return tf.gradients(batch_loss, variables), batch_loss
    n_rows = tf.shape(rows[0])[0]
    losses, gradients = [], []
    for tower in range(n_towers):
        start, end = n_rows * tower // n_towers, n_rows * (tower + 1) // n_towers
        with tf.name_scope(f'tower_{tower + 1}'):
            fraction = tf.cast(end - start, tf.float32) / tf.cast(n_rows, tf.float32)
            tower_rows = tf.nest.map_structure(lambda tensor: tensor[start:end], rows)
            with tf.device(towers[tower]):  # only the tower's own rows are sent there
                # A short batch may leave a tower without rows, whose mean loss is NaN; its fraction is 0.
                losses.append(tf.math.multiply_no_nan(loss(tower == n_towers - 1, *tower_rows), fraction))
                gradients.append(tf.gradients(losses[-1], variables))
    # Where the sum itself is sent to another machine, TensorFlow begins it with another part, and the last bit differs.
    return [tf.identity(tf.add_n(parts)) for parts in zip(*gradients)], tf.add_n(losses)
