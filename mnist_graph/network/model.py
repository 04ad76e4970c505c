"""The variables of a network, and what says how to compute with them."""

from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network.averages import Averages, averaged
from mnist_graph.network.batch_norm import Moments, StillMoments


class Model(NamedTuple):
    """The variables of a network, with what says how to compute with them.

    Attributes:
      hparams, spec: The hyperparameters, and the shape of the pictures.
      weights, biases: {'w1': [n_input, n_hidden1], 'w2': ..., 'out': [n_hidden3, n_classes]}
        and {'b1': [n_hidden1], 'b2': ..., 'out': [n_classes]}, float32. A CNN
        has 'conv1', 'conv2' and 'conv3' before them in both. Variables, or the
        arrays of a trained model.
      moments: `Moments` of each hidden layer; {} without batch_norm.
      averages: Moving averages of weights and biases; {} without ema_decay.
    """

    hparams: HParams
    spec: InputSpec
    weights: dict[str, Any]
    biases: dict[str, Any]
    moments: dict[str, Moments]
    averages: Averages = {}

    @property
    def variables(self) -> list[tf.Variable]:
        """What is trained: the weights, then the biases; of the last layer alone with trainable='last'."""
        if self.hparams.trainable == 'last':
            return [self.weights['out'], self.biases['out']]
        return [*self.weights.values(), *self.biases.values()]

    def for_tower(self, is_last: bool) -> 'Model':
        """The model as one tower trains it: the moments follow the last tower, the only one that always has rows."""
        if is_last:
            return self
        return self._replace(moments={name: StillMoments(*each) for name, each in self.moments.items()})

    def tested(self) -> 'Model':
        """The model that predictions use: with the averages instead of the weights and biases, if there are any."""
        return self._replace(weights=averaged(self.weights, self.averages), biases=averaged(self.biases, self.averages))
