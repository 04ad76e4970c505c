"""Trained models as arrays instead of variables: nothing has to be initialised, restored or kept in a session."""

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph import graph
from mnist_graph.network import batch_norm
from mnist_graph.network.batch_norm import Moments
from mnist_graph.network.model import Model
from mnist_graph.training import checkpoint
from mnist_graph.training.description import Description


def variables_of(described: Description) -> dict[str, dict]:
    """What a description's network predicts with: {'weights': ..., 'biases': ..., 'moments': ...}, of variables."""
    tested = graph.build(described.hparams, described.input_spec, training=False).model.tested()
    moments = {name: list(pair) for name, pair in tested.moments.items()}
    return {'weights': tested.weights, 'biases': tested.biases, 'moments': moments}


def n_values(variables: dict[str, dict]) -> int:
    """How many numbers `variables_of` hold."""
    return sum(variable.shape.num_elements() for variable in tf.nest.flatten(variables))


def load(described: Description, saved: checkpoint.Checkpoint, variables: dict[str, dict] | None = None) -> Model:
    """A trained model with float32 arrays in place of its variables, the moving averages where it has them.

    Args:
      described: What its folder says.
      saved: Its checkpoint.
      variables: What `variables_of` returned, if that was called before.

    Raises:
      CheckpointError: The checkpoint is of another network, or cannot be read.
    """
    variables = variables or variables_of(described)
    arrays = checkpoint.values(saved, tf.nest.flatten(variables))
    values = tf.nest.pack_sequence_as(variables, arrays)
    moments = {name: Moments(*pair) for name, pair in values['moments'].items()}
    return Model(described.hparams, described.input_spec, values['weights'], values['biases'], moments)


def fold_batch_norm(model: Model) -> Model:
    """The same function of pictures without batch normalization, which is put into weights and biases.

    A layer computes scale * (x @ w - mean) + b with scale = 1 / sqrt(variance + EPSILON) above 0, which is
    x @ (scale * w) + (b - scale * mean); a maximum over pixels in between changes nothing in that.

    Args:
      model: As `load` returns it.
    """
    weights, biases = dict(model.weights), dict(model.biases)
    for name, (mean, variance) in model.moments.items():
        scale = 1 / np.sqrt(variance.astype(np.float64) + batch_norm.EPSILON)
        bias = name.replace('w', 'b')
        weights[name] = (weights[name] * scale).astype(np.float32)
        biases[bias] = (biases[bias] - scale * mean).astype(np.float32)
    return model._replace(weights=weights, biases=biases, moments={})
