"""What a caller sees of a graph, and what can be asked of it."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import HParams
from mnist_graph.network.averages import Averages
from mnist_graph.network.batch_norm import Moments
from mnist_graph.network.loop import TrainingLoop
from mnist_graph.network.model import Model

# A function of X that returns another network's logits, float32 [batch, classes].
Teacher = Callable[[tf.Tensor], tf.Tensor]


class Network(NamedTuple):
    """Everything in the graph that a caller feeds, runs or looks at.

    Attributes:
      graph: The tf.Graph that holds all of it.
      X: Placeholder, float32 [batch, features] in [0, 1]: flattened pictures.
      Y: Placeholder, float32 [batch, classes]: one-hot labels.
      keep_prob: Placeholder, float32 []: chance that dropout keeps a unit; 1.0 to predict.
      model: The variables; `weights`, `biases`, `moments` and `averages` are its own.
      output_layer: float32 [batch, classes]: logits.
      probabilities: float32 [batch, classes]: softmax of the logits.
      cross_entropy: float32 []: mean over the batch, in nats: the loss that is measured.
      correct_pred: bool [batch]: whether the likeliest class is the labelled one.
      accuracy: float32 []: fraction of the batch that is right.
      global_step: int64 variable: updates done so far.
      initializer: Operation that gives every variable its first value.
      learning_rate: float32 []: the rate of the next update.
      train_step: Operation: one update with the mini-batch that is fed.
      training_loss: float32 []: the loss that this train_step minimises.
      loop: Many train_steps in one run; see `network/loop.py`.
    """

    graph: tf.Graph
    X: tf.Tensor
    Y: tf.Tensor
    keep_prob: tf.Tensor
    model: Model
    output_layer: tf.Tensor
    probabilities: tf.Tensor
    cross_entropy: tf.Tensor
    correct_pred: tf.Tensor
    accuracy: tf.Tensor
    global_step: tf.Variable
    initializer: tf.Operation | None = None
    learning_rate: tf.Tensor | None = None
    train_step: tf.Operation | None = None
    training_loss: tf.Tensor | None = None
    loop: TrainingLoop | None = None

    @property
    def weights(self) -> dict[str, tf.Variable]:
        return self.model.weights

    @property
    def biases(self) -> dict[str, tf.Variable]:
        return self.model.biases

    @property
    def moments(self) -> dict[str, Moments]:
        return self.model.moments

    @property
    def averages(self) -> Averages:
        return self.model.averages

    def tested(self, variable: tf.Variable) -> tf.Variable:
        """What predictions use instead of one of the weights or biases: its moving average, if there is one."""
        return self.averages.get(variable.op.name, variable)


def check_trainable(hparams: HParams, n_steps: int | None, n_towers: int, teacher: Teacher | None) -> None:
    """Refuses arguments of `graph.build` that contradict the hyperparameters.

    Raises:
      UsageError: The length of n_epochs depends on the data, and n_steps is not
        given; or there is a teacher without a temperature, or the reverse.
      ValueError: There is no step, or there are fewer towers than 1, or more than rows in a batch.
    """
    if hparams.n_epochs and n_steps is None:
        raise UsageError(
            f'n_epochs={hparams.n_epochs}: the number of steps depends on the data set; '
            f'give graph.build n_steps=hparams.total_steps(len(dataset.train)).'
        )
    if bool(hparams.distillation_temperature) != bool(teacher):
        raise UsageError(
            f'distillation_temperature={hparams.distillation_temperature:g}: a temperature above 0 needs a teacher, '
            f'and a teacher needs a temperature; give graph.build teacher=teachers.load(...).logits.'
        )
    if n_steps is not None and n_steps < 1:
        raise ValueError(f'n_steps is {n_steps}: give at least 1.')
    if not 1 <= n_towers <= hparams.batch_size:
        raise ValueError(f'n_towers is {n_towers}: give 1 to {hparams.batch_size}, the rows of a batch.')
