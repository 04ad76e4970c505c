"""Knowledge distillation: learning from a trained model, the teacher, rather than from labels.

Where a label says 7, the teacher also says how much like a 1 this 7 looks
(Hinton, Vinyals and Dean 2015). It is asked about each picture as the student
sees it, distorted, so that what is learned is the teacher's function and not
its opinion of 55,000 pictures (Beyer et al. 2022). `network/distillation.py` has
the loss that the student minimises.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph import graph
from mnist_graph.base.errors import UsageError
from mnist_graph.data import Dataset
from mnist_graph.models import constants, saved_model
from mnist_graph.network.model import Model
from mnist_graph.training.description import Description

# Each tower of the student's graph, and its train_step, holds the teacher's values, and no graph may have 2 GiB.
_MOST_VALUES = 10_000_000


class Teacher(NamedTuple):
    """A trained model, or several, with values that stay as they are.

    Attributes:
      model_dirs: Absolute paths of their folders.
      fingerprint: 16 hexadecimal digits that tell these values from others.
      members: The model of each, with arrays instead of variables.
      problems: A line for each damaged checkpoint that was passed over.
    """

    model_dirs: tuple[str, ...]
    fingerprint: str
    members: list[Model]
    problems: list[str]

    def logits(self, X: tf.Tensor) -> tf.Tensor:
        """Adds the teacher to the current graph: float32 [batch, classes], the mean over its members.

        Args:
          X: float32 [batch, features], as `training_input` returns them.
        """
        with tf.name_scope('teacher'):
            logits = [graph.inference(model, X, masks={}) for model in self.members]
            return tf.add_n(logits) / len(logits)


def load(model_dirs: Sequence[str], dataset: Dataset) -> Teacher:
    """Loads what is to teach a run, the last checkpoint of each folder; opens no session.

    Args:
      model_dirs: Folders of trained models; at least one.
      dataset: What the student is trained and validated on.

    Raises:
      CheckpointError: There is no whole model.
      UsageError: It reads other pictures, or was trained on some that the
        student is validated on, or is too large.
    """
    found = saved_model.find(model_dirs, flag='--teacher_model_dir')
    members, digest = [], hashlib.sha256()
    for folder, described, saved in zip(found.folders, found.descriptions, found.checkpoints):
        _check_fits(folder, described, dataset)
        variables = constants.variables_of(described)
        if constants.n_values(variables) > _MOST_VALUES:
            raise UsageError(
                f'{folder}: is too large to teach; give a --teacher_model_dir of at most {_MOST_VALUES:,} weights.'
            )
        member = constants.load(described, saved, variables)
        moments = {name: list(pair) for name, pair in member.moments.items()}
        for array in tf.nest.flatten([member.weights, member.biases, moments]):
            digest.update(array.tobytes())
        members.append(member)
    # Not by way of a link, as runs/latest is, which will point at the student.
    return Teacher(tuple(map(os.path.realpath, found.folders)), digest.hexdigest()[:16], members, found.problems)


def _check_fits(folder: str, described: Description, dataset: Dataset) -> None:
    if (described.input_spec[:4], described.class_names) != (dataset.input_spec()[:4], dataset.class_names):
        raise UsageError(
            f'{folder}: reads pictures of another shape or other classes than {dataset.name} has; '
            f'give another --teacher_model_dir.'
        )
    if described.fingerprint == dataset.fingerprint and described.hparams.n_validation < len(dataset.validation):
        raise UsageError(
            f'{folder}: was trained with --n_validation={described.hparams.n_validation}, on pictures that '
            f'this run is validated on; give another --teacher_model_dir, or that --n_validation.'
        )
