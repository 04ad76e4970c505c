"""Knowledge distillation: learning from a trained model, the teacher, rather than from labels.

Where a label says 7, the teacher also says how much like a 1 this 7 looks
(Hinton, Vinyals and Dean 2015). It is asked about each picture as the student
sees it, distorted, so that what is learned is the teacher's function and not
its opinion of 55,000 pictures (Beyer et al. 2022). `graph.distillation_loss` is
what the student minimizes.
"""

import hashlib
import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph import graph, saved_model
from mnist_graph.data import Dataset
from mnist_graph.description import Description
from mnist_graph.errors import UsageError


class Teacher(NamedTuple):
    """A trained model, or several, with values that stay as they are.

    Attributes:
      folder: Absolute path of the model's folder; of several, separated by commas.
      fingerprint: 16 hexadecimal digits that tell these values from others.
      members: (description, weights, biases, moments) of each, the three as
        `graph.layers` takes them, but arrays.
    """

    folder: str
    fingerprint: str
    members: list[tuple[Description, Any, Any, Any]]

    def logits(self, X: tf.Tensor) -> tf.Tensor:
        """Adds the teacher to the current graph: float32 [batch, classes], the mean over its members.

        Args:
          X: float32 [batch, features], as `ingredients.distort` leaves them.
        """
        with tf.name_scope('teacher'):
            logits = [graph.layers(described.hparams, described.input_spec, X, weights, biases, moments, masks={})
                      for described, weights, biases, moments in self.members]
            return tf.add_n(logits) / len(logits)


def load(model_dir: str, dataset: Dataset, n_validation: int) -> Teacher:
    """Loads what is to teach a run.

    Args:
      model_dir: Folder of a trained model, or several, separated by commas.
      dataset: What the student is trained on.
      n_validation: How many of its pictures the student is validated on.

    Raises:
      CheckpointError: There is no whole model.
      UsageError: It reads other pictures, or was trained on some that the
        student is validated on.
    """
    found = saved_model.find([model_dir])
    for folder, described in zip(found.folders, found.descriptions):
        _check_fits(folder, described, dataset, n_validation)
    members, digest = [], hashlib.sha256()
    with saved_model.rebuild(found) as model:
        for described, (network, sess) in zip(found.descriptions, model.members):
            tested = [{name: network.averages.get(variable.op.name, variable) for name, variable in variables.items()}
                      for variables in (network.weights, network.biases)]
            values = sess.run([*tested, network.moments])
            members.append((described, *values))
            for array in tf.nest.flatten(values):
                digest.update(np.ascontiguousarray(array).tobytes())
    return Teacher(','.join(map(os.path.abspath, found.folders)), digest.hexdigest()[:16], members)


def _check_fits(folder: str, described: Description, dataset: Dataset, n_validation: int) -> None:
    if (described.input_spec[:4], described.class_names) != (dataset.input_spec()[:4], dataset.class_names):
        raise UsageError(f'{folder}: reads pictures of another shape or other classes than {dataset.name} has; '
                         f'give another --teacher_model_dir.')
    if described.fingerprint == dataset.fingerprint and described.hparams.n_validation < n_validation:
        raise UsageError(f'{folder}: was trained with --n_validation={described.hparams.n_validation}, on pictures that '
                         f'this run is validated on; give another --teacher_model_dir, or that --n_validation.')
